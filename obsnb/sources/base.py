"""What a source of logs, metrics or traces is, live or frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from obsnb.ledger import QueryRecord
from obsnb.progress import Progress
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import polars as pl

__all__ = ["HEALTH_S", "Answer", "EventSource", "Health", "LogSource", "MetricSource", "TraceSource"]

#: So long each question of a server's health is waited for: it is asked when something is wrong, and a server
#: that is well answers it at once.
HEALTH_S = 10.0


@dataclass(frozen=True)
class Answer:
    """The rows that came back, and the record of how they came.

    Attributes
    ----------
    frame, record
        The rows, and the record of all of them.
    parts
        Where several sources were asked, what each of them answered, with its own record; else empty.
    """

    frame: pl.DataFrame
    record: QueryRecord
    parts: tuple[Answer, ...] = ()

    def __repr__(self) -> str:
        return f"Answer({self.frame.height} rows, {self.record!r})"


@dataclass(frozen=True)
class Health:
    """How a source is doing.

    Attributes
    ----------
    source, kind
        Its name, and what it serves: logs, metrics, traces or events.
    status
        ``"ok"``, ``"degraded"`` (it answers, but not ready), ``"unreachable"``, ``"refused"``
        (401 or 403) or ``"archive"``.
    latency_s
        Seconds of the quickest of its answers; None where there was none.
    version
        What it says it is, or None.
    clock_skew_s
        Its clock minus this machine's, in seconds, from its Date header (whole seconds); or None.
    limits
        What it reveals of its limits.
    message
        What is wrong, and what to do; empty where all is well.
    """

    source: str
    kind: Literal["logs", "metrics", "traces", "events"]
    status: Literal["ok", "degraded", "unreachable", "refused", "archive"]
    latency_s: float | None = None
    version: str | None = None
    clock_skew_s: float | None = None
    limits: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


class EventSource(Protocol):
    """A source of events that people or other programs noted."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""

    def annotations(self, window: TimeRange, *, role: str | None = None) -> Answer:
        """EVENTS that touch the window."""

    def health(self) -> Health:
        """How it is doing."""


class LogSource(Protocol):
    """A source of log lines."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""

    def logs(
        self,
        query: str,
        window: TimeRange,
        *,
        limit: int | None = None,
        direction: Literal["forward", "backward"] = "forward",
        role: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """LOGS of a LogQL log query, sorted by time; `limit` is an upper bound, None means all."""

    def health(self) -> Health:
        """How it is doing."""


class MetricSource(Protocol):
    """A source of series."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""

    def series(
        self,
        query: str,
        window: TimeRange,
        *,
        step_ns: int,
        role: str | None = None,
    ) -> Answer:
        """SERIES of a range query, evaluated at the multiples of the step in the window."""

    def exemplars(self, query: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """EXEMPLARS of the query's series."""

    def health(self) -> Health:
        """How it is doing."""


class TraceSource(Protocol):
    """A source of spans."""

    @property
    def name(self) -> str:
        """Its name in the ledger."""

    def spans(
        self,
        query: str,
        window: TimeRange,
        *,
        limit: int | None = None,
        whole: bool = False,
        role: str | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """SPANS that match a TraceQL query; with `whole`, every span of the traces they are in.

        `limit` bounds the number of traces.
        """

    def trace(self, trace_id: str, *, window: TimeRange | None = None) -> Answer:
        """SPANS of one trace."""

    def health(self) -> Health:
        """How it is doing."""
