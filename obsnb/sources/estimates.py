"""What a question would ask of a server, told before it is sent."""

from __future__ import annotations

from collections.abc import Iterable
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
    """

    verb: Verb
    query: str
    window: TimeRange
    step_ns: int | None = None
    limit: int | None = None
    whole: bool = False
    role: str | None = None


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

    Lines by how many a second came, where the number of lines is known; else requests by how long each
    took. Answers that came from a cache, or not whole, are left out.
    """
    kind = KINDS[estimate.question.verb]
    alike = [
        one
        for one in records
        if one.source == estimate.source and one.kind == kind and one.requests and one.complete != "no"
    ]
    seconds = sum(one.seconds for one in alike)
    rows = sum(one.rows for one in alike)
    if kind == "logs" and estimate.lines is not None and rows:
        return estimate.lines * seconds / rows
    if estimate.requests is None or not alike:
        return None
    return estimate.requests * seconds / sum(one.requests for one in alike)
