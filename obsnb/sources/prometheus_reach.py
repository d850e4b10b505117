"""How far back a server of metrics answers: what is older a Mimir or a Cortex leaves out without a word.

Their front ends move the start of a query up to how far a tenant may look back (``max_query_lookback``, and
how long blocks are kept), say so in no warning, and tell the limit nowhere that a client can ask. But they do
it to every query: ``vector(1)`` has a value at every moment that is answered for, whatever data there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
import polars as pl

from obsnb.conventions import DEFAULT
from obsnb.errors import QueryError, SourceError
from obsnb.ledger import QueryRecord
from obsnb.query.reading import looks_back_ns
from obsnb.sources.reach import begins_late, doubted
from obsnb.sources.wire.prometheus import decode_matrix
from obsnb.timerange import TimeRange, format_ns
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["Reach"]

_MS = 1_000_000
_QUERY = "vector(1)"
#: At so many moments until now it is asked for: one that keeps to steps tells its limit to one of them.
_MOMENTS = 1_000
#: What is older by no more than this part is not asked about again: all windows grow older.
_OLDER = 1.01
#: A limit moves on with the clock, also while a query is under way: nothing so near to it is asked for.
_MARGIN_NS = 10 * 10**9


@dataclass
class Reach:
    """How far back one server answers, as far as it was seen.

    Attributes
    ----------
    looked_ns
        How far back it was asked whether it answers.
    limit_ns
        It answers nothing for what is so old; None where it has no limit, as far as is known.
    """

    looked_ns: int = 0
    limit_ns: int | None = None

    def answered(self, window: TimeRange, now_ns: int) -> TimeRange | None:
        """The part of a window that is worth to ask for; None where there is none."""
        if self.limit_ns is None:
            return window
        start = max(window.start_ns, now_ns - self.limit_ns)
        return TimeRange(start, window.end_ns) if start < window.end_ns else None

    def told(self, record: QueryRecord, times: pl.Series, transport: Transport) -> QueryRecord:
        """The record of an answer, told where its window or its ranges begin before what is answered for.

        The server is asked for it where nothing came from the beginning of the window, or ranges reach before
        it, once for what is so old. One that does not say changes nothing.

        Parameters
        ----------
        times
            The timestamps of the rows.
        """
        back, window = looks_back_ns(record.asked), record.window
        if record.complete == "no" or (not back and not begins_late(record, times)):
            return record
        needed_ns = window.start_ns - back
        age_ns = record.asked_at_ns - needed_ns
        if self.limit_ns is None and record.requests and age_ns > _OLDER * self.looked_ns:
            record = self._look(record, needed_ns, transport)
        if self.limit_ns is None or age_ns <= self.limit_ns:
            return record
        edge = record.asked_at_ns - self.limit_ns
        who = "the window begins" if window.start_ns < edge else "ranges of the query begin"
        why = f"{who} earlier, and the server answers for nothing before about {format_ns(edge)}"
        return doubted(record, "no", f"{why}, by how far back its tenant may look")

    def _look(self, record: QueryRecord, needed_ns: int, transport: Transport) -> QueryRecord:
        """Learn whether a time is answered for, by one question; the record with what it cost."""
        self.looked_ns = record.asked_at_ns - needed_ns  # it is not asked for the same again
        step = max(1, self.looked_ns // _MS // _MOMENTS)
        start, end = (at // _MS // step * step for at in (needed_ns, record.asked_at_ns))
        span = (("start", _s(start)), ("end", _s(end)), ("step", f"{step}ms"))
        try:
            response = transport.send(Request("/api/v1/query_range", (("query", _QUERY), *span)))
        except SourceError:
            return record
        points = _moments(response)
        if points and start < points[0] and points == list(range(points[0], end + 1, step)):
            self.limit_ns = record.asked_at_ns - points[0] * _MS - _MARGIN_NS
        retries = response.retries
        return replace(record, requests=record.requests + 1 + retries, retries=record.retries + retries)


def _moments(response: Response) -> list[int]:
    """The milliseconds at which an answer has a value; none where it is no answer."""
    if not response.ok:
        return []
    try:
        frame = decode_matrix(response.body, query=_QUERY, conventions=DEFAULT)
    except (msgspec.DecodeError, QueryError):
        return []
    moments: list[int] = (frame["timestamp"].to_physical() // _MS).to_list()
    return moments


def _s(ms: int) -> str:
    return f"{ms / 1_000:.3f}".removesuffix(".000")
