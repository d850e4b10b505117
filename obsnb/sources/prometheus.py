"""Series from Prometheus, and from what speaks like it: Mimir, Thanos, VictoriaMetrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.errors import SourceError
from obsnb.instants import now_ns
from obsnb.ledger import Kind, QueryRecord
from obsnb.query import promql, replicas
from obsnb.query.reading import is_pointwise
from obsnb.schema import SERIES, digest, label_column
from obsnb.sources.base import Answer, Health
from obsnb.sources.estimates import Estimate, Question
from obsnb.sources.pieces import Pull, cut, pull, seconds_of
from obsnb.sources.points import asked_for, check_step, once, within
from obsnb.sources.prometheus_discovery import Of, in_path, look
from obsnb.sources.prometheus_doubts import OWN, completeness, sparse, too_coarse
from obsnb.sources.prometheus_estimate import prometheus_estimate
from obsnb.sources.prometheus_health import health_of
from obsnb.sources.prometheus_reach import Reach
from obsnb.sources.refusals import asked, refusal, unreadable
from obsnb.sources.replicas import Replicas, census_query, folded, folded_exemplars, read_census
from obsnb.sources.wire.prometheus import decode_exemplars, decode_matrix, read, read_names
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["Prometheus"]

_MS = 1_000_000
#: Longer query strings go into a form: proxies and servers cut URLs at 8 kB or less.
_LONGEST_URL = 4_000


@dataclass(frozen=True)
class Prometheus:
    """A `MetricSource` that asks a Prometheus server.

    Parameters
    ----------
    transport
        Sends the requests; its URL is the one under which ``/api/v1`` lies.
    conventions
        Which label names the service that a series is about.
    name
        The source's name in the ledger.
    max_points
        How many evaluations of a series one request may ask for; Prometheus refuses more than
        11,000. A longer grid is asked for in pieces, and in smaller ones where the server refuses
        those.
    replica_labels
        Labels that tell the replicas of a highly available pair apart, whose series are counted once; none
        leaves every answer as it comes.
    """

    transport: Transport
    _: KW_ONLY
    conventions: Conventions
    name: str = "prometheus"
    max_points: int = 11_000
    replica_labels: tuple[str, ...] = ()
    _pairs: dict[TimeRange, Replicas | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _reach: Reach = field(default_factory=Reach, init=False, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"Prometheus({self.name!r})"

    def series(self, query: str, window: TimeRange, *, step_ns: int, role: str | None = None) -> Answer:
        """SERIES of a range query, evaluated at the multiples of the step that lie in the window.

        Parameters
        ----------
        query
            PromQL that gives an instant vector or a scalar.
        window
            Start inclusive, end exclusive.
        step_ns
            The step, in whole milliseconds.
        role
            What it is asked for, for the record.

        Returns
        -------
        Answer
            The columns are those of `obsnb.sources.wire.prometheus.decode_matrix`.

        Raises
        ------
        QueryError
            The query cannot be PromQL, gives a text, or the step is not in whole milliseconds.
        SourceError
            The server refuses, fails, cannot be reached, or answers what cannot be read.
        """
        promql.check(query)
        check_step(step_ns, query=query, server="Prometheus")
        limit_ns = self._reach.limit_ns
        answer = self._told(self._range(query, window, step_ns, role))
        if self._reach.limit_ns == limit_ns:
            return answer
        # It moved the start up, off the grid, and none of those points was asked for.
        again = self._told(self._range(query, window, step_ns, role))
        costs = {
            name: getattr(answer.record, name) + getattr(again.record, name)
            for name in ("requests", "retries", "seconds")
        }
        return Answer(again.frame, replace(again.record, **costs))

    def _range(self, query: str, window: TimeRange, step_ns: int, role: str | None) -> Answer:
        """What `series` gives of the part of the window that the server answers for."""
        grid = window.grid(step_ns)
        whole = f"evaluated at each of the {len(grid):,} multiples of the step in the window"
        if not grid:
            whole = "no multiple of the step lies in the window"
        sent, once_each = self._of_one_replica(query, window)
        if grid and promql.looks_at_ends(sent):  # a piece has other ends
            sent = promql.at_ends(sent, start=seconds_of(grid[0] // _MS), end=seconds_of(grid[-1] // _MS))
        answered = self._reach.answered(window, now_ns())
        grid = grid[:0] if answered is None else answered.grid(step_ns)
        points = range(grid.start // _MS, -(-grid.stop // _MS), step_ns // _MS)

        def ask(piece: range) -> Request:
            span = {"start": seconds_of(piece[0]), "end": seconds_of(piece[-1]), "step": _step(piece.step)}
            return _request("/api/v1/query_range", {"query": sent} | span)

        record = replace(self._record("series", query, window, role, {"step_ns": step_ns}), query=sent)
        pulled = pull(self.transport, ask, cut(points, self.max_points), record, kind="prometheus")
        frame, said = self._decode(pulled, record)
        frame, doubts = asked_for(frame, window, step_ns=step_ns)
        if len(pulled.pieces) > 1 and not is_pointwise(sent):
            doubts.append(
                f"it was asked for in {len(pulled.pieces)} pieces, and may look at all of its window"
            )
        frame, folds = self._folded(frame, window)
        said += [*once_each, *folds]
        said += too_coarse(query, step_ns)
        return _answer(pulled, frame, record, said=said, doubts=doubts, whole=whole)

    def instant(self, query: str, *, at_ns: int, role: str | None = None) -> Answer:
        """SERIES of a query at one instant, rounded down to the millisecond, in the server's order.

        The rows of a vector or a scalar bear that instant; a range selector gives its raw samples.
        Raises as `series` does.
        """
        promql.check(query)
        return self._told(self._instant(query, at_ns, role))

    def _instant(self, query: str, at_ns: int, role: str | None) -> Answer:
        at = at_ns // _MS
        window = TimeRange(at * _MS, (at + 1) * _MS)
        sent, once_each = self._of_one_replica(query, window)
        request = _request("/api/v1/query", {"query": sent, "time": seconds_of(at)})
        record = replace(self._record("series", query, window, role, {"instant": True}), query=sent)
        pulled = pull(self.transport, lambda _: request, [range(at, at + 1)], record, kind="prometheus")
        frame, said = self._decode(pulled, record, keep_order=True)
        frame, doubts = once(frame, grouped=False)
        frame, folds = self._folded(frame, window)
        said += [*once_each, *folds]
        return _answer(pulled, frame, record, said=said, doubts=doubts, whole="evaluated at that instant")

    def samples(self, selector: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """SERIES of a selector's raw samples, each at the time it was scraped.

        Parameters
        ----------
        selector
            An instant vector selector, such as ``up{job="api"}``.
        window
            Start inclusive, end exclusive, whatever the server's range selectors do: since
            Prometheus 3 they leave their start out, before they did not.
        role
            What it is asked for, for the record.

        Raises
        ------
        QueryError, SourceError
            As `series` does.
        """
        promql.check(selector)
        text = selector.strip()
        moments = _milliseconds(window)

        def ask(piece: range) -> Request:
            query = f"{text}[{len(piece)}ms]"
            return _request("/api/v1/query", {"query": query, "time": seconds_of(piece[-1])})

        record = self._record("series", selector, window, role, {"samples": True})
        record = replace(record, query=f"{text}[{len(moments)}ms]")
        pulled = pull(self.transport, ask, [moments] if moments else [], record, kind="prometheus")
        frame, said = self._decode(pulled, record)
        at = pl.col("timestamp").cast(pl.Int64)
        frame = frame.filter(at.is_between(window.start_ns, window.end_ns, closed="left"))
        # A piece that includes its start repeats the end of the one before. Else, a server that keeps what
        # two replicas send, as VictoriaMetrics does, has several samples of one moment: said.
        seams = [(piece[0] - 1) * _MS for piece in pulled.pieces[1:]]
        frame = frame.filter(~at.is_in(seams) | pl.struct("series_id", "timestamp").is_first_distinct())
        frame, doubts = once(frame)
        frame, folds = self._folded(frame, window, raw=True)
        said += [*folds, *sparse(frame)]
        whole = "every sample that it has in the window"
        return self._told(_answer(pulled, frame, record, said=said, doubts=doubts, whole=whole))

    def exemplars(self, query: str, window: TimeRange, *, role: str | None = None) -> Answer:
        """EXEMPLARS of the series in a query, sorted by time.

        The columns are those of `obsnb.sources.wire.prometheus.decode_exemplars`; raises as `series`
        does.
        """
        promql.check(query)

        def ask(piece: range) -> Request:
            span = {"start": seconds_of(piece[0]), "end": seconds_of(piece[-1])}
            return _request("/api/v1/query_exemplars", {"query": query} | span)

        moments = _milliseconds(window)
        record = self._record("exemplars", query, window, role, {})
        record = replace(record, selection="the single observations that were kept with a trace id")
        pulled = pull(self.transport, ask, [moments] if moments else [], record, kind="prometheus")
        with self._reading(pulled.responses, record):
            bodies = [response.body for response in pulled.responses]
            frame, said = decode_exemplars(*bodies, conventions=self.conventions)
        frame, doubts = within(frame, window, "exemplars")
        if self._may_have_replicas(frame):
            frame, folds = folded_exemplars(frame, self.replica_labels, self._pair(window))
            said += [OWN + text for text in folds]
        whole = "every exemplar that it still has in the window"
        return _answer(pulled, frame, record, said=said, doubts=doubts, whole=whole)

    def estimate(self, question: Question) -> Estimate:
        """What a question would cost: `obsnb.sources.prometheus_estimate`. Raises `SourceError`."""
        with asked(question.query, question.window):
            return prometheus_estimate(self.transport, self.name, question, max_points=self.max_points)

    def label_names(self, window: TimeRange) -> list[str]:
        """The labels that series in the window have. Raises `SourceError`."""
        return self._names("/api/v1/labels", window)

    def label_values(self, name: str, window: TimeRange) -> list[str]:
        """The values of a label in the window. Raises `SourceError`."""
        return self._names(f"/api/v1/label/{in_path(name)}/values", window)

    def metric_names(self, window: TimeRange, *, matchers: Mapping[str, str] | None = None) -> list[str]:
        """The names of the metrics in the window, of series with these labels. Raises `SourceError`."""
        match = {"match[]": promql.selector(matchers)} if matchers else {}
        return self._names("/api/v1/label/__name__/values", window, match)

    def look(self, of: Of, *, window: TimeRange | None = None, text: str | None = None) -> Answer:
        """What it tells beside values: `obsnb.sources.prometheus_discovery`; raises as `series`."""
        return look(self.transport, self.name, of, window=window, text=text)

    def health(self) -> Health:
        """How the server is doing; never raises."""
        return health_of(self.transport, name=self.name)

    def _names(self, path: str, window: TimeRange, more: Mapping[str, str] | None = None) -> list[str]:
        # Whole milliseconds around the window: a name too many does less harm than one too few.
        span = {"start": seconds_of(window.start_ns // _MS), "end": seconds_of(-(-window.end_ns // _MS))}
        with asked(None, window):
            response = self.transport.send(_request(path, span | dict(more or {}), form=False))
        if not response.ok:
            raise refusal(response, source=self.name, kind="prometheus", window=window)
        try:
            return read_names(response.body)
        except msgspec.DecodeError as error:
            raise unreadable(response, source=self.name, window=window, why=str(error)) from None

    def _of_one_replica(self, query: str, window: TimeRange) -> tuple[str, list[str]]:
        """The text as it is sent: of one replica alone, where its answer would not show several."""
        if not self.replica_labels or not replicas.adds_up(query):
            return query, []
        if any(replicas.mentions(query, label) for label in self.replica_labels):
            return query, []
        pair = self._pair(window)
        if pair is None:
            return query, []
        sent, said = pair.one(query)
        return sent, [OWN + said]

    def _folded(
        self, frame: pl.DataFrame, window: TimeRange, *, raw: bool = False
    ) -> tuple[pl.DataFrame, list[str]]:
        """The series of several replicas as one, and in words how."""
        if not self._may_have_replicas(frame):
            return frame, []
        frame, said = folded(frame, self.replica_labels, self._pair(window), raw=raw)
        return frame, [OWN + text for text in said]

    def _may_have_replicas(self, frame: pl.DataFrame) -> bool:
        return any(label_column(SERIES, label) in frame.columns for label in self.replica_labels)

    def _pair(self, window: TimeRange) -> Replicas | None:
        """The replicas that scrape the targets, by one question a window; None where it is not known."""
        if window not in self._pairs:
            alone = replace(self, replica_labels=())
            try:
                counts = alone._instant(census_query(self.replica_labels), window.end_ns - 1, None).frame
            except SourceError:
                return None  # the query itself says what is wrong, if it still is
            self._pairs[window] = read_census(counts, self.replica_labels)
        return self._pairs[window]

    def _told(self, answer: Answer) -> Answer:
        """The answer, told whether it is of a time that the server answers for."""
        record = self._reach.told(answer.record, answer.frame["timestamp"], self.transport)
        return Answer(answer.frame, record)

    def _record(
        self, kind: Kind, text: str, window: TimeRange, role: str | None, params: Mapping[str, Any]
    ) -> QueryRecord:
        return QueryRecord(kind, self.name, text, text, window, params, role)

    def _decode(
        self, pulled: Pull, record: QueryRecord, *, keep_order: bool = False
    ) -> tuple[pl.DataFrame, list[str]]:
        """The series, and what the server said beside them."""
        replies, said = [], []
        for response in pulled.responses:
            with self._reading([response], record):
                reply = read(response.body)
            replies.append(reply)
            said += [*(reply.warnings or ()), *(reply.infos or ())]
            if reply.is_partial:
                said.append("isPartial: a part of the data was not available")
        with self._reading(pulled.responses, record):
            frame = decode_matrix(
                *replies, query=record.asked, conventions=self.conventions, keep_order=keep_order
            )
        return frame, said

    @contextmanager
    def _reading(self, responses: Sequence[Response], record: QueryRecord) -> Iterator[None]:
        try:
            yield
        except msgspec.DecodeError as error:
            raise unreadable(
                responses[0], source=self.name, query=record.query, window=record.window, why=str(error)
            ) from None


def _answer(
    pulled: Pull,
    frame: pl.DataFrame,
    record: QueryRecord,
    *,
    said: Sequence[str],
    whole: str,
    doubts: Sequence[str] = (),
) -> Answer:
    """The frame with its record, filled in; `whole` says why it is complete where nothing speaks against."""
    seconds = pulled.seconds
    complete, reason = completeness(record, said, whole)
    if doubts and complete != "no":
        complete, reason = "unknown", "; ".join(doubts)
    if pulled.missing:
        complete, reason = "no", pulled.missing
    filled = replace(
        record,
        pages=len(pulled.responses),
        requests=pulled.requests,
        retries=pulled.retries,
        rows=frame.height,
        bytes=pulled.bytes,
        seconds=seconds,
        warnings=tuple(dict.fromkeys(said)),
        complete=complete,
        reason=reason,
        digest=digest(frame),
    )
    return Answer(frame, filled)


def _request(path: str, params: Mapping[str, str], *, form: bool = True) -> Request:
    """A GET, or a POST with a form where the query is too long for a URL."""
    long = form and len(urlencode(params)) > _LONGEST_URL
    return Request(path, tuple(params.items()), method="POST" if long else "GET")


def _milliseconds(window: TimeRange) -> range:
    """The whole milliseconds in the window, which are Prometheus' instants."""
    return range(-(-window.start_ns // _MS), -(-window.end_ns // _MS))


def _step(ms: int) -> str:
    """A step; as a fraction of seconds, some would lose a millisecond in the server's arithmetic."""
    return f"{ms // 1_000}" if ms % 1_000 == 0 else f"{ms}ms"
