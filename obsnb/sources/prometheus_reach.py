"""How far back a server of metrics answers: what is older a Mimir or a Cortex leaves out without a word.

Their front ends move the start of a query up to how far a tenant may look back (``max_query_lookback``, and
how long blocks are kept), say so in no warning, and tell the limit nowhere that a client can ask. But they do
it to every query: ``vector(1)`` has a value at every moment that is answered for, whatever data there are.
A Prometheus answers for any time, and tells how long it keeps data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import msgspec
import polars as pl

from obsnb.conventions import DEFAULT
from obsnb.errors import QueryError, SourceError, WindowError
from obsnb.instants import format_ns, parse_duration
from obsnb.ledger import QueryRecord
from obsnb.query.reading import looks_back_ns
from obsnb.sources.pieces import seconds_of
from obsnb.sources.reach import begins_late, doubted
from obsnb.sources.wire.prometheus import decode_matrix
from obsnb.timerange import TimeRange
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
_DAY_NS = 86_400 * 10**9
#: Where servers tell how long they keep data, and how: Prometheus, then VictoriaMetrics.
_RETENTIONS = (
    ("/api/v1/status/runtimeinfo", re.compile(rb'"storageRetention":"(\w{1,20})')),
    ("/flags", re.compile(rb'^-retentionPeriod="(\w{1,20})"$', re.MULTILINE)),
)
_RANGES = "ranges of the query begin"


@dataclass
class Reach:
    """How far back one server answers, as far as it was seen.

    Attributes
    ----------
    looked_ns
        How far back it was asked whether it answers.
    limit_ns
        It answers nothing for what is so old; None where it has no limit, as far as is known.
    kept_ns
        How long it keeps data; 0 where it does not say, None where it was not asked.
    """

    looked_ns: int = 0
    limit_ns: int | None = None
    kept_ns: int | None = None

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
        back, window, late = looks_back_ns(record.asked), record.window, begins_late(record, times)
        if record.complete == "no" or not (back or late):
            return record
        needed_ns = window.start_ns - back
        age_ns = record.asked_at_ns - needed_ns
        if self.limit_ns is None and record.requests and age_ns > _OLDER * self.looked_ns:
            record = self._look(record, needed_ns, transport)
        if self.limit_ns is not None and age_ns > self.limit_ns:
            edge = format_ns(record.asked_at_ns - self.limit_ns)
            who = "the window begins" if record.asked_at_ns - window.start_ns > self.limit_ns else _RANGES
            why = f"{who} earlier, and the server answers for nothing before about {edge}"
            return doubted(record, "no", f"{why}, by how far back its tenant may look")
        return self._kept(record, transport) if late and record.requests else record

    def _kept(self, record: QueryRecord, transport: Transport) -> QueryRecord:
        """The record, told where its window begins before what the server still has."""
        if self.kept_ns is None:
            self.kept_ns, asked = _retention(transport)
            record = replace(record, requests=record.requests + asked)
        edge = record.asked_at_ns - self.kept_ns
        if not self.kept_ns or record.window.start_ns >= edge:
            return record
        why = f"the window begins earlier, and the server keeps nothing from before {format_ns(edge)}"
        return doubted(record, "unknown", f"{why} (its retention)")

    def _look(self, record: QueryRecord, needed_ns: int, transport: Transport) -> QueryRecord:
        """Learn whether a time is answered for, by one question; the record with what it cost."""
        self.looked_ns = record.asked_at_ns - needed_ns  # it is not asked for the same again
        step = max(1, self.looked_ns // _MS // _MOMENTS)
        start, end = (at // _MS // step * step for at in (needed_ns, record.asked_at_ns))
        span = (("start", seconds_of(start)), ("end", seconds_of(end)), ("step", f"{step}ms"))
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


def _retention(transport: Transport) -> tuple[int, int]:
    """Nanoseconds, 0 where the server does not say; and how many requests that took.

    Prometheus says ``15d``, or ``15d or 512MiB``; VictoriaMetrics, among its flags, ``30d`` or a number of
    months.
    """
    asked = 0
    try:
        for asked, (path, pattern) in enumerate(_RETENTIONS, 1):
            response = transport.send(Request(path))
            found = pattern.search(response.body) if response.ok else None
            if found is not None:
                return _length(found[1].decode()), asked
    except (SourceError, WindowError):
        pass  # no answer, or no length of time
    return 0, asked


def _length(text: str) -> int:
    """Nanoseconds; a bare number is of months of 31 days, as VictoriaMetrics counts them."""
    if text.isdecimal():
        return int(text) * 31 * _DAY_NS
    if text[:-1].isdecimal() and text.endswith("y"):
        return int(text[:-1]) * 365 * _DAY_NS
    return parse_duration(text)
