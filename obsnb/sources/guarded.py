"""A source that is not asked what would be too much for it, by the limits of a profile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from obsnb.errors import LimitError
from obsnb.ledger import Ledger
from obsnb.progress import Progress
from obsnb.settings import Endpoint, SourceKind
from obsnb.sources.around import Around, AskPart, Direction
from obsnb.sources.base import Answer
from obsnb.sources.estimates import Estimate, Question, expected_s

__all__ = ["Bounds", "Guarded", "size_words"]

#: Which bounds an estimate of each kind of source can be held to.
_TOLD: dict[SourceKind, frozenset[str]] = {
    "loki": frozenset({"max_bytes", "max_requests", "max_seconds"}),
    "prometheus": frozenset({"max_series", "max_requests", "max_seconds"}),
    "tempo": frozenset({"max_requests", "max_seconds"}),
}


@dataclass(frozen=True)
class Bounds:
    """How much one question may ask of a source; None allows any number."""

    max_bytes: int | None = None
    max_series: int | None = None
    max_requests: int | None = None
    max_seconds: float | None = None

    @classmethod
    def of(cls, endpoint: Endpoint) -> Bounds | None:
        """Those of an endpoint that its kind of server lets be told; None where there is none."""
        told = {name: getattr(endpoint, name) for name in _TOLD.get(endpoint.kind, frozenset())}
        return cls(**told) if any(value is not None for value in told.values()) else None

    def exceeded(self, estimate: Estimate, seconds: float | None) -> dict[str, str]:
        """Each bound that an estimate is over, by its name in the settings, in words."""
        size, series, requests = estimate.bytes, estimate.series, estimate.requests
        found = {}
        if self.max_bytes is not None and size is not None and size > self.max_bytes:
            limit = size_words(self.max_bytes)
            found["max_bytes"] = f"read about {size_words(size)} of lines, and max_bytes is {limit}"
        if self.max_series is not None and series is not None and series > self.max_series:
            found["max_series"] = f"touch {series:,} series, and max_series is {self.max_series:,}"
        if self.max_requests is not None and requests is not None and requests > self.max_requests:
            limit = f"{self.max_requests:,}"
            found["max_requests"] = f"get {requests:,} requests or more, and max_requests is {limit}"
        if self.max_seconds is not None and seconds is not None and seconds > self.max_seconds:
            limit = f"{self.max_seconds:,g}"
            took = f"take about {seconds:,.0f} s, as earlier answers went"
            found["max_seconds"] = f"{took}, and max_seconds is {limit}"
        return found


@dataclass(frozen=True, repr=False)
class Guarded(Around):
    """A source, asked only what its bounds allow; all else that it has is its own.

    Parameters
    ----------
    inner
        Loki, Prometheus or Tempo.
    bounds
        What is allowed.
    ledger
        Told of the estimates, and knows how long earlier answers took.

    Notes
    -----
    What a server does not tell stops nothing: the ledger says then that it was not known. A server that has
    too much to do for the estimate already is not asked for more.
    """

    bounds: Bounds
    ledger: Ledger

    def _through(self, question: Question, ask: AskPart, progress: Progress | None, _: Direction) -> Answer:
        """The source's answer. Raises `LimitError` where it would be too much."""
        self._check(question)
        return ask(question.window, progress)

    def _check(self, question: Question) -> None:
        estimate: Estimate = self.inner.estimate(question)
        exceeded = self.bounds.exceeded(estimate, expected_s(estimate, self.ledger))
        record = estimate.record
        if exceeded:
            record = replace(record, reason=f"{record.reason}; the query was not sent: it is over a limit")
        if record.requests or exceeded:
            self.ledger.add(record)
        if exceeded:
            raise _too_much(estimate, exceeded)


def size_words(size: int) -> str:
    """Bytes in words, in powers of a thousand.

    Examples
    --------
    >>> size_words(999), size_words(4_200_000_000)
    ('999 B', '4.2 GB')
    """
    value, units = float(size), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    for larger in units:
        if value < 999.95:
            break
        value, unit = value / 1000, larger
    return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"


def _too_much(estimate: Estimate, exceeded: dict[str, str]) -> LimitError:
    question = estimate.question
    ways: Iterable[str] = ("Narrow the scope or the window",)
    if question.role is None:
        ways = ("Narrow the selector or the window", "ask it this once with anyway=True")
        if question.verb in {"logs", "metrics", "spans"} and not question.instant:
            ways = (*ways, f'stream it to disk with obs.download("{question.verb}", query, window, folder)')
    names = " and ".join(exceeded)
    return LimitError(
        f"{estimate.source} would {'; it would '.join(exceeded.values())}: the query was not sent.",
        hint=f"{', '.join(ways)}, or raise {names} in obsnb.toml or connect(limits=...).",
        query=question.query,
        window=question.window,
    )
