"""What a question would ask of a server, told before it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from obsnb.ledger import Kind, QueryRecord
from obsnb.timerange import TimeRange

__all__ = ["KINDS", "Estimate", "Estimating", "Question", "Verb", "expected_s"]

Verb = Literal["logs", "metrics", "samples", "exemplars", "spans"]

#: Verb → the kind of rows that it gives.
KINDS: dict[Verb, Kind] = {
    "logs": "logs",
    "metrics": "series",
    "samples": "series",
    "exemplars": "exemplars",
    "spans": "spans",
}


@dataclass(frozen=True)
class Question:
    """What would be asked.

    Attributes
    ----------
    verb, query, window
        As a connection has them.
    step_ns
        Of metrics.
    limit
        Of lines or traces; None means all.
    whole
        Of spans.
    role
        The built-in query that it is, or None.
    instant, over_ns
        Of metrics at the start of the window alone, and of TraceQL over how long before.
    """

    verb: Verb
    query: str
    window: TimeRange
    step_ns: int | None = None
    limit: int | None = None
    whole: bool = False
    role: str | None = None
    instant: bool = False
    over_ns: int | None = None

    @property
    def asked_by(self) -> str:
        """The verb of a connection that asks it."""
        return "instant" if self.instant else self.verb


@dataclass(frozen=True)
class Estimate:
    """What it would cost, as far as the server tells; None is not known.

    Attributes
    ----------
    source, question
        Who would be asked what.
    record
        The questions that were sent to find out, for the ledger; `requests` in it is 0 where none was.
    requests
        How many requests the question takes, at least.
    bytes, streams, lines
        What its streams hold in the window before any filter, by Loki's index, often more than there is.
    series
        How many series its selectors have.
    samples
        How many samples they have.
    note
        What is not known, and why; where a number is a lower bound, that.
    """

    source: str
    question: Question
    record: QueryRecord
    requests: int | None = None
    bytes: int | None = None
    streams: int | None = None
    lines: int | None = None
    series: int | None = None
    samples: int | None = None
    note: str = ""

    def __repr__(self) -> str:
        return f"Estimate({self.source} {self.question.verb}, {self.requests} requests)"


class Estimating(Protocol):
    """A source that can say beforehand what a question would cost."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""

    def estimate(self, question: Question) -> Estimate:
        """What the question would cost, found out with a few cheap requests. Raises `SourceError`."""


def expected_s(estimate: Estimate, records: Iterable[QueryRecord]) -> float | None:
    """How long it would take as earlier answers of this source went; None where nothing is known.

    Lines by how many a second came, where the number of lines is known; spans by how long a part of the
    time took, whole or not as they are asked for, or with a limit by how long such an answer took; else
    requests by how long each took. Answers that came from a cache, or not whole, are left out.
    """
    question = estimate.question
    if estimate.requests == 0:
        return 0.0
    alike = [one for one in records if one.source == estimate.source and _is_like(one, question)]
    if not alike:
        return None
    much, of = _parts(estimate, alike)
    return None if much is None else sum(one.seconds for one in alike) * much / of


def _parts(estimate: Estimate, alike: Sequence[QueryRecord]) -> tuple[float | None, float]:
    """How much is asked for, or None where that is not known, and how much of it there was before."""
    question, rows = estimate.question, sum(one.rows for one in alike)
    if question.verb == "spans" and question.limit is not None:
        return 1, len(alike)
    if question.verb == "spans":
        return question.window.duration_s, sum(one.window.duration_s for one in alike)
    if question.verb == "logs" and estimate.lines is not None and rows:
        return min(estimate.lines, question.limit or estimate.lines), rows
    return estimate.requests, sum(one.requests for one in alike)


def _is_like(record: QueryRecord, question: Question) -> bool:
    """Whether a question was one of the same kind, and cost what such a one costs."""
    if record.kind != KINDS[question.verb] or not record.requests or record.complete == "no":
        return False
    if bool(record.params.get("instant")) != question.instant:
        return False
    if question.verb != "spans":
        return True
    whole, limited = bool(record.params.get("whole")), record.params.get("limit") is not None
    # A trace by its id has the window of its spans, which says nothing of a search.
    return (whole, limited) == (question.whole, question.limit is not None) and "trace" not in record.params
