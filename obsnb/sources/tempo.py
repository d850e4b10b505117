"""Spans from Tempo: those that match, whole traces, and series made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import polars as pl

from obsnb.conventions import Conventions
from obsnb.errors import QueryError, RejectedError
from obsnb.ledger import Kind, QueryRecord
from obsnb.progress import Progress, Silent
from obsnb.query import traceql
from obsnb.sources.base import Answer, Health
from obsnb.sources.estimates import Estimate, Question
from obsnb.sources.outcomes import Effort
from obsnb.sources.points import check_step
from obsnb.sources.tempo_discovery import attributes
from obsnb.sources.tempo_estimate import tempo_estimate
from obsnb.sources.tempo_health import health_of
from obsnb.sources.tempo_metrics import SpanMetrics
from obsnb.sources.tempo_reach import reached
from obsnb.sources.tempo_spans import MARGIN, SpanPull, answer, in_order, joined
from obsnb.sources.tempo_traces import TraceFetch
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport

__all__ = ["Tempo"]

_MS = 1_000_000
_SECOND = 1_000 * _MS


@dataclass(frozen=True)
class Tempo:
    """A `TraceSource` that asks a Tempo server, version 2 or 3.

    Parameters
    ----------
    transport
        Sends the requests; its URL is the one under which ``/api/search`` lies.
    conventions
        Which attributes get a column, and which names mean one service.
    name
        The source's name in the ledger.
    search_limit
        How many traces one search asks for. There may be any number: see `TraceSearch`.
    spss
        How many spans of a trace one search asks for; Tempo refuses more than 100.

    Notes
    -----
    A span belongs to a window when its start lies in it: start inclusive, end exclusive.

    Where the spans of one trace lie in several of its blocks, a search of Tempo shows those of the
    block that holds most of the matching ones, and does not say so (its ``combineSpansets``). Whole
    traces do not suffer from that.
    """

    transport: Transport
    _: KW_ONLY
    conventions: Conventions
    name: str = "tempo"
    search_limit: int = 1_000
    spss: int = 100
    _reach: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"Tempo({self.name!r})"

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
        """SPANS that match a query, or with `whole` every span of the traces that they are in.

        Parameters
        ----------
        query
            TraceQL that gives spans. Parent, kind, status, service and the promoted attributes are
            selected beside what it selects itself.
        window
            In which matching spans start. Other spans of whole traces may start outside.
        limit
            An upper bound of traces, chosen from up to 60 parts of the window in turn, in each the
            newest first; the same data gives the same traces. None means all.
        whole
            Whether to fetch the traces whole.
        role
            What it is asked for, for the record.
        progress
            Told how far it is.

        Returns
        -------
        Answer
            SPANS, sorted by start and ids, then a column for each promoted attribute that a span has
            (`obsnb.sources.wire.promoted`). Spans that are not fetched whole have no events and links
            (null), and those attributes alone that were selected or named.

        Raises
        ------
        QueryError
            The query cannot be TraceQL, or the limit is less than one.
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """
        traceql.check(query)
        if traceql.is_metric_query(query):
            raise QueryError(
                "This query asks for numbers, and spans() gives spans.",
                query=query,
                hint='obs.metrics(query, window, source="tempo") gives numbers, obs.span_comparison(...) '
                "what compare() counts.",
            )
        if limit is not None and limit < 1:
            raise QueryError(f"limit={limit} asks for no trace.", query=query, hint="Leave it out for all.")
        params = ({} if limit is None else {"limit": limit}) | ({"whole": True} if whole else {})
        record = QueryRecord("spans", self.name, query, query, window, params, role)
        watch = progress or Silent()
        pulling = SpanPull(self.transport, self.conventions, record, self.search_limit, self.spss, watch)
        try:
            answered = pulling.answer()
        finally:
            watch.close()
        starts = answered.frame["start"]
        return Answer(answered.frame, reached(self.transport, answered.record, starts, self._reach))

    def trace(self, trace_id: str, *, window: TimeRange | None = None) -> Answer:
        """SPANS of one trace, sorted by start and ids.

        Parameters
        ----------
        trace_id
            Up to 32 hexadecimal digits, with or without leading zeros, as a UUID, or a ``traceparent``.
        window
            Near which it lies, so that the server need not look everywhere; None where that is not
            known.

        Raises
        ------
        QueryError
            It is not a trace id.
        RejectedError
            The server has no such trace.
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """
        wanted = traceql.trace_id_of(trace_id)
        between = window.widen(MARGIN) if window is not None else None
        effort = Effort()
        fetch = TraceFetch(self.transport, self.name, wanted, window, between, effort, _unheard)
        fetch.fetch([wanted])
        frame = in_order(fetch.frame(self.conventions))
        if frame.is_empty():
            raise self._no_trace(wanted, window)
        lasted = _lasted(frame)
        record = QueryRecord("spans", self.name, wanted, wanted, window or lasted, {"trace": True})
        return answer(
            frame, record, effort, gaps=fetch.gaps(), how="the trace came whole", until_ns=lasted.end_ns
        )

    def parts(self, answer: Answer, trace_ids: Sequence[str]) -> Answer:
        """An answer with whole traces, and beside them what the server has of some others.

        Parameters
        ----------
        answer
            Of `spans` with `whole`.
        trace_ids
            32 lower-case hexadecimal digits each: traces that another Tempo found, of which this one may
            have a part that does not match.

        Raises
        ------
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """
        window, effort = answer.record.window, Effort()
        between, asked_for = window.widen(MARGIN), answer.record.asked
        fetch = TraceFetch(self.transport, self.name, asked_for, window, between, effort, _unheard)
        fetch.fetch_some(trace_ids)
        return joined(answer, fetch.frame(self.conventions), effort, gaps=fetch.gaps())

    def series(self, query: str, window: TimeRange, *, step_ns: int, role: str | None = None) -> Answer:
        """SERIES of a TraceQL metrics query at the multiples of the step that lie in the window.

        Parameters
        ----------
        query
            TraceQL that ends in a metrics function, such as ``{ status = error } | rate()``.
        window
            Start inclusive, end exclusive. A value is of the spans that start in the step before its
            timestamp.
        step_ns
            The step, in whole milliseconds.
        role
            What it is asked for, for the record.

        Returns
        -------
        Answer
            The columns are those of `obsnb.sources.wire.tempo_series.decode_series`. A value that
            Tempo leaves out is zero.

        Raises
        ------
        QueryError
            The query cannot be TraceQL, or the step is not in whole milliseconds.
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """
        traceql.check(query)
        return self._metrics("series", query, window, role, {"step_ns": step_ns}).series(step_ns)

    def instant(
        self, query: str, *, at_ns: int, over_ns: int = 3_600 * _SECOND, role: str | None = None
    ) -> Answer:
        """SERIES of a TraceQL metrics query at one instant, rounded down to the millisecond.

        Parameters
        ----------
        query, role
            As for `series`.
        at_ns
            The instant, which every row bears; rows come in the server's order.
        over_ns
            The spans that start in so long before it count, at either end as well; an hour unless told,
            which is what Tempo takes itself. In whole milliseconds.

        Raises
        ------
        QueryError, SourceError
            As `series` does.
        """
        traceql.check(query)
        check_step(over_ns, query=query, server="Tempo")
        at = at_ns // _MS * _MS
        params = {"instant": True, "over_ns": over_ns}
        return self._metrics("series", query, TimeRange(at, at + _MS), role, params).instant(over_ns)

    def exemplars(
        self, query: str, window: TimeRange, *, step_ns: int = 60 * _SECOND, role: str | None = None
    ) -> Answer:
        """EXEMPLARS of a TraceQL metrics query: single spans of those that its numbers are made of.

        Parameters
        ----------
        query, window, step_ns, role
            As for `series`.

        Returns
        -------
        Answer
            The columns are those of `obsnb.sources.wire.tempo_series.decode_exemplars`. The record says that
            they are a selection: Tempo gives up to 100 a request.

        Raises
        ------
        QueryError, SourceError
            As `series` does.
        """
        traceql.check(query)
        return self._metrics("exemplars", query, window, role, {}).exemplars(step_ns)

    def comparison(self, query: str, window: TimeRange) -> Answer:
        """What sets the spans that ``compare()`` selects apart from the others.

        Parameters
        ----------
        query
            TraceQL that ends in ``compare()``, such as ``{} | compare({ status = error }, 10)``.
        window
            Whole seconds: start inclusive, end exclusive.

        Returns
        -------
        Answer
            The columns are those of `obsnb.sources.wire.tempo_series.decode_comparison`.

        Raises
        ------
        QueryError, SourceError
            As `series` does; the query also where it does not compare.
        """
        traceql.check(query)
        if not re.search(r"\|\s*compare\s*\(", query):
            raise QueryError(
                "The query compares nothing.",
                query=query,
                hint="Write { ... } | compare({ status = error }, 10): all spans, which of them, how many "
                "values.",
            )
        return self._metrics("index", query, window, None, {"of": "comparison"}).comparison()

    def _metrics(
        self, kind: Kind, query: str, window: TimeRange, role: str | None, params: Mapping[str, Any]
    ) -> SpanMetrics:
        record = QueryRecord(kind, self.name, query, query, window, params, role)
        return SpanMetrics(self.transport, self.conventions, record)

    def estimate(self, question: Question) -> Estimate:
        """The fewest requests that a question takes; nothing is sent."""
        return tempo_estimate(self.name, question)

    def attribute_names(self, window: TimeRange) -> list[str]:
        """The attributes of spans in the window, by scope, such as ``resource.service.name``.

        Raises `SourceError`.
        """
        names: list[str] = self.attributes(window).frame["name"].to_list()
        return names

    def attributes(self, window: TimeRange, *, name: str | None = None, query: str | None = None) -> Answer:
        """The attributes of spans in the window, or with `name` one's values: `tempo_discovery`.

        Raises `SourceError`.
        """
        return attributes(self.transport, self.name, window, name=name, query=query)

    def health(self) -> Health:
        """How the server is doing; never raises."""
        return health_of(self.transport, name=self.name)

    def _no_trace(self, trace_id: str, window: TimeRange | None) -> RejectedError:
        near = "" if window is None else f" within {MARGIN} of the window"
        return RejectedError(
            f"{self.name} has no trace {trace_id}{near}.",
            hint="It may be older than the server keeps traces, not sampled, of another tenant, or lie "
            "elsewhere in time.",
            query=trace_id,
            window=window,
        )


def _lasted(frame: pl.DataFrame) -> TimeRange:
    """From the first start to the last end of some spans."""
    times = frame.select(
        pl.col("start").to_physical().alias("start"),
        (pl.col("start") + pl.col("duration")).to_physical().alias("end"),
    )
    first = times["start"].to_list()
    return TimeRange(min(first), max(first + times["end"].to_list()) + 1)


def _unheard(done: int) -> None:
    """Nobody watches."""
