"""Log lines from Loki, all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal

from obsnb.conventions import Conventions
from obsnb.errors import QueryError
from obsnb.ledger import QueryRecord
from obsnb.progress import Progress, Silent
from obsnb.query import logql
from obsnb.sources import loki_discovery, loki_volumes
from obsnb.sources.base import Answer, Health
from obsnb.sources.estimates import Estimate, Question
from obsnb.sources.loki_estimate import loki_estimate
from obsnb.sources.loki_health import health_of
from obsnb.sources.loki_pull import LogPull
from obsnb.sources.loki_reach import reached
from obsnb.sources.loki_series import instant_answer, series_answer
from obsnb.sources.loki_verify import verified
from obsnb.sources.refusals import asked
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport

__all__ = ["Loki"]

_MS = 1_000_000


@dataclass(frozen=True)
class Loki:
    """A `LogSource` that asks a Loki server.

    Parameters
    ----------
    transport
        Sends the requests; its URL is the one under which ``/loki/api/v1`` lies.
    conventions
        Which label, metadata or parsed field names the service, the level and the ids.
    name
        The source's name in the ledger.
    max_rows
        More lines than this are refused, with a hint, before or while they are pulled.
    page_limit
        Lines a page; where the server allows fewer, its own limit is taken.
    """

    transport: Transport
    _: KW_ONLY
    conventions: Conventions
    name: str = "loki"
    max_rows: int = 5_000_000
    page_limit: int = 5_000
    _reach: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"Loki({self.name!r})"

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
        """LOGS of a log query, sorted by time.

        Parameters
        ----------
        query
            LogQL that gives lines.
        window
            Start inclusive, end exclusive, to the nanosecond.
        limit
            An upper bound: the first so many lines in the direction; None means all.
        direction
            Which end a limit counts from.
        role
            What it is asked for, for the record.
        progress
            Told how far it is.

        Returns
        -------
        Answer
            The columns are those of `obsnb.sources.wire.loki.LogDecoder.frame`.

        Raises
        ------
        QueryError
            The query cannot be LogQL, gives numbers, or the limit is less than one.
        LimitError
            There are more lines than `max_rows`, or the server refuses even the shortest slice.
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """
        logql.check(query)
        if logql.is_metric_query(query):
            raise QueryError(
                "This query asks for numbers, and logs() gives lines.",
                query=query,
                hint='obs.metrics(query, window, source="loki") asks Loki for numbers.',
            )
        if limit is not None and limit < 1:
            raise QueryError(
                f"A limit of {limit} lines gives none.", query=query, hint="Leave it out to get all lines."
            )
        params = {} if limit is None else {"limit": limit, "direction": direction}
        pull = LogPull(
            self.transport,
            QueryRecord("logs", self.name, query, query, window, params, role),
            conventions=self.conventions,
            page_limit=self.page_limit,
            max_rows=self.max_rows,
        )
        with asked(query, window):
            got = pull.entries(count=limit, direction=direction, progress=progress or Silent())
        return self._reached(Answer(*pull.finished(got)))

    def verified(self, answer: Answer) -> Answer:
        """A finished answer, its record told what the server counts. Raises `SourceError`."""
        with asked(answer.record.asked, answer.record.window):
            return Answer(answer.frame, verified(self.transport, answer.record, answer.frame["timestamp"]))

    def series(self, query: str, window: TimeRange, *, step_ns: int, role: str | None = None) -> Answer:
        """SERIES of a LogQL metric query, evaluated at the multiples of the step that lie in the window.

        Ranges are left-open, as Loki evaluates them.

        Raises
        ------
        QueryError
            The query cannot be LogQL, or gives lines.
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """
        params = {"step_ns": step_ns}
        record = self._numbers(query, window, params, role, verb="metrics")
        return self._reached(series_answer(self.transport, record, conventions=self.conventions))

    def instant(self, query: str, *, at_ns: int, role: str | None = None) -> Answer:
        """SERIES of a LogQL metric query at one instant, rounded down to the millisecond, in Loki's order.

        Every row bears that instant. Raises as `series` does.
        """
        at = at_ns // _MS * _MS
        window = TimeRange(at, at + _MS)
        record = self._numbers(query, window, {"instant": True}, role, verb="instant")
        return instant_answer(self.transport, record, conventions=self.conventions)

    def _reached(self, answer: Answer) -> Answer:
        """The answer, told whether its window begins before what the server answers for."""
        times = answer.frame["timestamp"]
        return Answer(answer.frame, reached(self.transport, answer.record, times, self._reach))

    def _numbers(
        self, query: str, window: TimeRange, params: dict[str, Any], role: str | None, *, verb: str
    ) -> QueryRecord:
        """What is asked, to be filled in. Raises `QueryError` for what cannot give numbers."""
        logql.check(query)
        if not logql.is_metric_query(query):
            raise QueryError(
                f"This query asks for lines, and {verb}() gives numbers.",
                query=query,
                hint="obs.logs(query, window) gives the lines, rate(... [1m]) their number.",
            )
        return QueryRecord("series", self.name, query, query, window, params, role)

    def estimate(self, question: Question) -> Estimate:
        """What a question would cost: `obsnb.sources.loki_estimate`. Raises `SourceError`."""
        with asked(question.query, question.window):
            return loki_estimate(self.transport, self.name, question, page_limit=self.page_limit)

    def labels(self, window: TimeRange) -> list[str]:
        """The names of the stream labels in a window. Raises `SourceError`."""
        return self.index_names(window).frame["name"].to_list()

    def label_values(self, name: str, window: TimeRange) -> list[str]:
        """The values of a stream label in a window. Raises `SourceError`."""
        return self.index_names(window, label=name).frame["name"].to_list()

    def index_names(self, window: TimeRange, *, label: str | None = None) -> Answer:
        """The labels' names, or a label's values: `obsnb.sources.loki_discovery.names`."""
        return loki_discovery.names(self.transport, self.name, window, label=label)

    def streams(self, selector: str, window: TimeRange) -> Answer:
        """A row a stream: `obsnb.sources.loki_discovery.streams`."""
        return loki_discovery.streams(self.transport, self.name, selector, window)

    def volume(self, selector: str, window: TimeRange, *, by: Sequence[str] = (), limit: int = 100) -> Answer:
        """Bytes by labels: `obsnb.sources.loki_volumes.volume`."""
        return loki_volumes.volume(self.transport, self.name, selector, window, by=by, limit=limit)

    def volume_over_time(
        self, selector: str, window: TimeRange, *, step_ns: int, by: Sequence[str] = (), limit: int = 100
    ) -> Answer:
        """Bytes by time and labels: `obsnb.sources.loki_volumes.volume_over_time`."""
        more: dict[str, Any] = {"step_ns": step_ns, "by": by, "limit": limit}
        return loki_volumes.volume_over_time(self.transport, self.name, selector, window, **more)

    def patterns(self, selector: str, window: TimeRange, *, step_ns: int) -> Answer:
        """Counts of the server's own patterns: `obsnb.sources.loki_discovery.patterns`."""
        return loki_discovery.patterns(self.transport, self.name, selector, window, step_ns=step_ns)

    def detected_fields(
        self, query: str, window: TimeRange, *, lines: int = 100, limit: int = 1_000
    ) -> Answer:
        """Fields in a sample of lines: `obsnb.sources.loki_discovery.detected_fields`."""
        return loki_discovery.detected_fields(
            self.transport, self.name, query, window, lines=lines, limit=limit
        )

    def health(self) -> Health:
        """How the server is doing; never raises."""
        return health_of(self.transport, name=self.name)
