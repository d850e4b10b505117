"""What Tempo makes of spans: TraceQL metrics over a range or at an instant; their exemplars; comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.errors import QueryError
from obsnb.ledger import QueryRecord
from obsnb.query import traceql
from obsnb.sources.base import Answer
from obsnb.sources.outcomes import Effort
from obsnb.sources.pieces import Pull, cut, pull
from obsnb.sources.points import check_step, once
from obsnb.sources.refusals import unreadable
from obsnb.sources.tempo_spans import answer
from obsnb.sources.wire.tempo_series import (
    MetricsReply,
    decode_comparison,
    decode_exemplars,
    decode_instant,
    decode_series,
    read_metrics,
    strangers,
)
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["SpanMetrics"]

_MS = 1_000_000
_SECOND = 1_000_000_000
_DAY_NS = 86_400 * _SECOND
#: The most exemplars that a request may ask for.
_EXEMPLARS = 100
#: Steps that a comparison is counted in, the longest that fits the window's ends first.
_STEPS_S = (3_600, 900, 300, 60, 30, 15, 10, 5, 2, 1)

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class SpanMetrics:
    """A question about numbers made of spans.

    Attributes
    ----------
    transport
        Sends the requests.
    conventions
        Whose service a series is about.
    record
        What is asked, to be filled in.
    """

    transport: Transport
    conventions: Conventions
    record: QueryRecord

    def series(self, step_ns: int) -> Answer:
        """SERIES at the multiples of the step in the window. Raises `SourceError`."""
        return self._answer(
            self.record.window,
            step_ns,
            lambda replies, pieces: decode_series(
                replies, pieces, query=self.record.asked, conventions=self.conventions
            ),
            how="evaluated at every step of the window",
        )

    def instant(self, over_ns: int) -> Answer:
        """SERIES of the spans in the time before the start of the window. Raises `SourceError`."""
        record, at = self.record, self.record.window.start_ns // _MS
        since = _moment(at - over_ns // _MS)
        params = (("q", traceql.aligned(record.asked)), ("start", since), ("end", _moment(at)))
        request = Request("/api/metrics/query", params)
        got = pull(self.transport, lambda _: request, [range(at, at + 1)], record, kind="tempo")
        (response,) = got.responses
        reply = self._read(response, partial(read_metrics, response.body))

        def decode() -> pl.DataFrame:
            return decode_instant(reply, at, query=record.asked, conventions=self.conventions)

        frame, again = once(self._read(response, decode), grouped=False)
        how = f"evaluated over the {over_ns / _SECOND:g} s before that instant"
        return answer(frame, record, _effort(got), gaps=[*_gaps([reply]), *again], how=how)

    def exemplars(self, step_ns: int) -> Answer:
        """EXEMPLARS of the spans that the numbers were made of. Raises `SourceError`."""
        window = self.record.window
        record = replace(self.record, selection=f"up to {_EXEMPLARS} single spans a request")
        # A point counts the spans of the step before it: the spans after the window's last one need one more.
        after = TimeRange(window.start_ns, window.end_ns + max(step_ns, 0))
        return replace(self, record=record)._answer(
            after,
            step_ns,
            lambda replies, pieces: decode_exemplars(replies, pieces, window, query=self.record.asked),
            how="every exemplar that the server chose in the window",
            exemplars=_EXEMPLARS,
        )

    def comparison(self) -> Answer:
        """What sets the spans that ``compare()`` selects apart. Raises `SourceError`."""
        window = self.record.window
        ends = (window.start_ns, window.end_ns)
        fits = (one for one in _STEPS_S if all(end % (one * _SECOND) == 0 for end in ends))
        step_ns = next(fits, _STEPS_S[-1]) * _SECOND
        # A value is of the spans that start in the step before its timestamp.
        after = TimeRange(window.start_ns + step_ns, window.end_ns + step_ns)
        if any(end % step_ns for end in ends):
            raise QueryError(
                "A comparison counts spans in whole seconds, and the window begins or ends between two.",
                query=self.record.asked,
                window=window,
                hint="Ask for a window of whole seconds.",
            )
        record = replace(
            self.record, selection="of each attribute the most frequent values, as many as compare() names"
        )
        return replace(self, record=record)._answer(
            after, step_ns, decode_comparison, how="counted in every step of the window"
        )

    def _answer(
        self,
        window: TimeRange,
        step_ns: int,
        decode: Callable[[Sequence[MetricsReply], Sequence[range]], pl.DataFrame],
        *,
        how: str,
        exemplars: int = 0,
    ) -> Answer:
        query = self.record.asked
        check_step(step_ns, query=query, server="Tempo")
        grid = window.grid(step_ns)
        points = range(grid.start // _MS, -(-grid.stop // _MS), step_ns // _MS)

        def ask(piece: range) -> Request:
            # Two steps more: Tempo takes a range of one step for an instant.
            start, end = piece[0] - 2 * piece.step, piece[-1]
            params = {"q": traceql.aligned(query), "start": _moment(start), "end": _moment(end)}
            params |= {"step": f"{piece.step}ms"} | ({"exemplars": str(exemplars)} if exemplars else {})
            return Request("/api/metrics/query_range", tuple(params.items()))

        pieces = cut(points, max(_DAY_NS // step_ns - 2, 1))
        got = pull(self.transport, ask, pieces, self.record, kind="tempo")
        replies = [self._read(response, partial(read_metrics, response.body)) for response in got.responses]
        gaps = [*filter(None, [got.missing]), *_gaps(replies)]
        strange = sum(strangers(reply, piece) for reply, piece in zip(replies, got.pieces, strict=True))
        if strange:
            gaps.append(f"{strange:,} points of other times than were asked for came as well")
        frame = (
            decode([], [])
            if not got.responses
            else self._read(got.responses[0], lambda: decode(replies, got.pieces))
        )
        return answer(frame, self.record, _effort(got), gaps=gaps, how=how)

    def _read(self, response: Response, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except msgspec.DecodeError as error:
            record = self.record
            raise unreadable(
                response, source=record.source, query=record.asked, window=record.window, why=str(error)
            ) from None


def _gaps(replies: Sequence[MetricsReply]) -> list[str]:
    """What the server says that it left out."""
    return [
        f"only a part of the series came: {reply.message or 'there are too many'}"
        for reply in replies
        if reply.status == "PARTIAL"
    ]


def _effort(got: Pull) -> Effort:
    return Effort(len(got.responses), got.requests, got.retries, got.bytes, got.started)


def _moment(ms: int) -> str:
    """Whole seconds where it is some, else nanoseconds: Tempo tells them apart by their length."""
    return str(ms // 1_000) if ms % 1_000 == 0 else str(ms * _MS)
