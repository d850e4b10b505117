"""What a question would ask of Prometheus: series by its index, samples by a look at some."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from obsnb.ledger import QueryRecord
from obsnb.query.reading import looks_back_ns, looks_elsewhere, series_selectors
from obsnb.sources.estimates import Estimate, Question
from obsnb.sources.pieces import seconds_of
from obsnb.sources.refusals import is_busy, refusal
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Transport

__all__ = ["prometheus_estimate"]

_MS = 1_000_000
#: So many series are listed to count them; of more, the server counts those that are there at the end.
_LISTED = 10_000
#: So long a part in the middle of the window is looked at to tell how many samples there are.
_LOOK_MS = 300_000
#: An instant query looks back so far, unless a server is told otherwise.
_LOOKBACK_NS = 300 * 10**9


class _Series(msgspec.Struct):
    data: list[msgspec.Raw] = []


class _Sample(msgspec.Struct):
    value: tuple[float, str]


class _Samples(msgspec.Struct):
    result: list[_Sample] = []


class _Vector(msgspec.Struct):
    data: _Samples


@dataclass
class _Asking:
    """Cheap questions, counted; None where the server does not say."""

    transport: Transport
    name: str
    question: Question
    requests: int = 0
    retries: int = 0
    answered: int = 0

    def series(self, selectors: Iterable[str], window: TimeRange) -> int | None:
        """How many series there are, at most `_LISTED`."""
        matches = [("match[]", one) for one in selectors]
        span = [("start", seconds_of(window.start_ns // _MS)), ("end", seconds_of(window.end_ns // _MS))]
        body = self._send("/api/v1/series", *matches, *span, ("limit", str(_LISTED)))
        try:
            return None if body is None else len(msgspec.json.decode(body, type=_Series).data)
        except msgspec.DecodeError:
            return None

    def number(self, query: str, at_ms: int) -> float | None:
        """The only number of an instant query; 0 where there is none."""
        body = self._send("/api/v1/query", ("query", query), ("time", seconds_of(at_ms)))
        try:
            found = [] if body is None else msgspec.json.decode(body, type=_Vector).data.result
            return None if body is None else sum(float(one.value[1]) for one in found)
        except (msgspec.DecodeError, ValueError):
            return None

    def total(self, queries: Iterable[str], at_ms: int) -> int | None:
        """The sum of the numbers of some instant queries; None where one is missing."""
        numbers = [self.number(query, at_ms) for query in queries]
        known = [one for one in numbers if one is not None]
        return round(sum(known)) if len(known) == len(numbers) else None

    def _send(self, path: str, *params: tuple[str, str]) -> bytes | None:
        response = self.transport.send(Request(path, params))
        self.requests += 1 + response.retries
        self.retries += response.retries
        self.answered += response.ok
        if is_busy(response):
            query, window = self.question.query, self.question.window
            raise refusal(response, source=self.name, kind="prometheus", query=query, window=window)
        return response.body if response.ok else None


@dataclass
class _Found:
    series: int | None = None
    samples: int | None = None
    notes: list[str] = field(default_factory=list)


def prometheus_estimate(transport: Transport, name: str, question: Question, *, max_points: int) -> Estimate:
    """Series by ``/api/v1/series``, samples by a look at five minutes of few series, requests by the grid.

    Raises
    ------
    SourceError
        The server cannot be reached, or has too much to do already. What else it refuses to say is None.
    """
    began = time.perf_counter()
    window, asking = question.window, _Asking(transport, name, question)
    back = max(looks_back_ns(question.query), _LOOKBACK_NS if question.verb == "metrics" else 0)
    whole = TimeRange(window.start_ns - back, window.end_ns)
    found = _find(asking, question, whole)
    text = f"series of {question.query}"
    record = QueryRecord("index", name, text, question.query, whole, {"of": "estimate"})
    told = found.series is not None
    record = replace(
        record,
        pages=asking.answered,
        requests=asking.requests,
        retries=asking.retries,
        rows=asking.answered,
        seconds=time.perf_counter() - began,
        complete="yes" if told else "unknown",
        reason="; ".join(found.notes) or "how many series the server has in the window",
    )
    grid = len(window.grid(question.step_ns)) if question.step_ns else 1
    return Estimate(
        name,
        question,
        record,
        requests=-(-grid // max_points) if question.verb == "metrics" else 1,
        series=found.series,
        samples=found.samples,
        note="; ".join(found.notes),
    )


def _find(asking: _Asking, question: Question, whole: TimeRange) -> _Found:
    selectors = series_selectors(question.query)
    if not selectors:
        return _Found(notes=["the query names no series"])
    found = _Found(asking.series(selectors, whole))
    if found.series is None:
        found.notes.append("the server does not say how many series there are")
    elif found.series >= _LISTED:
        last = asking.total((f"count({one})" for one in selectors), whole.end_ns // _MS - 1)
        found.series = max(found.series, last or 0)
        found.notes.append("there are at least so many series: so many at the end of the window, or listed")
    elif question.verb != "exemplars":
        _look(asking, selectors, whole, found)
    if looks_elsewhere(question.query):
        found.notes.append("the query looks at another time as well (offset, @), which was not asked about")
    return found


def _look(asking: _Asking, selectors: Iterable[str], whole: TimeRange, found: _Found) -> None:
    """How many samples there are, by a part in the middle that is as long as five minutes at most."""
    length = whole.duration_ns // _MS
    part = max(1, min(length, _LOOK_MS))
    end = whole.start_ns // _MS + (length + part) // 2
    counted = asking.total((f"sum(count_over_time({one}[{part}ms]))" for one in selectors), end - 1)
    if counted is None:
        found.notes.append("the server does not say how many samples there are")
        return
    found.samples = round(counted * length / part)
    if part < length:
        found.notes.append("the samples are those of five minutes in the middle, times the window's length")
