"""What Loki's index knows of a query before its lines are read: how many, of which streams."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from obsnb.query import logql
from obsnb.sources.refusals import is_busy
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["IndexStats", "LokiIndex"]

#: The index counts time in milliseconds: so much around a moment is asked for to have it inside.
_AROUND_NS = 10**9
_MS_NS = 10**6

_T = TypeVar("_T")


class IndexStats(msgspec.Struct):
    """What the index says of some streams in a window: how many, and of how many bytes and lines."""

    streams: int = 0
    bytes: int = 0
    entries: int = 0


class _Sample(msgspec.Struct):
    value: tuple[float, str]


class _Samples(msgspec.Struct):
    result: list[_Sample] = []


class _Vector(msgspec.Struct):
    data: _Samples


class _Streams(msgspec.Struct):
    data: list[dict[str, str]] = []


class LokiIndex:
    """Questions about a query's streams; each answers None, or nothing, where the server does not say.

    Attributes
    ----------
    selector
        The query's stream selector, or None where it is not recognised.
    whole_streams
        Whether the query is its selector and nothing else, so that every line of the streams is meant.
    requests, retries
        How many requests were sent, and how many of them were repeats.
    busy
        An answer that says that the server has too much to do, where one did.
    """

    def __init__(self, transport: Transport, query: str, window: TimeRange) -> None:
        self._transport = transport
        self._query = query
        self._window = window
        self.selector = logql.stream_selector_of(query)
        self.whole_streams = query.strip() == self.selector
        self.requests = self.retries = 0
        self.busy: Response | None = None

    def estimate(self) -> int | None:
        """How many lines the streams hold in the window, filters aside; often more than there are."""
        told = self.stats()
        return None if told is None else told.entries

    def stats(self) -> IndexStats | None:
        """What the index says of the streams in the window, filters aside; often more than there is."""
        if self.selector is None:
            return None
        times = (("start", str(self._window.start_ns)), ("end", str(self._window.end_ns)))
        return _read(self._send("/loki/api/v1/index/stats", ("query", self.selector), *times), IndexStats)

    def countable(self) -> TimeRange | None:
        """What `counted` counts: the window's whole milliseconds, from its start; None where it has none.

        Loki's ranges know no shorter unit (seen in 3.8: ``unknown unit "ns" in duration``).
        """
        whole = self._window.duration_ns // _MS_NS
        return (
            None if whole == 0 else TimeRange(self._window.start_ns, self._window.start_ns + whole * _MS_NS)
        )

    def counted(self) -> int | None:
        """How many lines of the query the server counts in `countable`.

        ``count_over_time`` is left-open: one nanosecond before the end, its range is the window.
        """
        part = self.countable()
        if part is None:
            return None
        query = f"sum(count_over_time({self._query} [{part.duration_ns // _MS_NS}ms]))"
        time = ("time", str(part.end_ns - 1))
        told = _read(self._send("/loki/api/v1/query", ("query", query), time), _Vector)
        try:
            return None if told is None else sum(int(float(sample.value[1])) for sample in told.data.result)
        except ValueError:
            return None

    def streams(self, moment: int) -> list[str]:
        """A selector for each stream that may have a line at a nanosecond, which matches no other stream."""
        if self.selector is None:
            return []
        times = (("start", str(moment - _AROUND_NS)), ("end", str(moment + _AROUND_NS)))
        told = _read(self._send("/loki/api/v1/series", ("match[]", self.selector), *times), _Streams)
        streams = [] if told is None else told.data
        # A stream without a label that another one has would match that one too, but for label="".
        names = sorted(set().union(*streams))
        return sorted({logql.selector({name: stream.get(name, "") for name in names}) for stream in streams})

    def _send(self, path: str, *params: tuple[str, str]) -> Response:
        response = self._transport.send(Request(path, params))
        self.requests += 1 + response.retries
        self.retries += response.retries
        self.busy = response if is_busy(response) else self.busy
        return response


def _read(response: Response, kind: type[_T]) -> _T | None:
    if not response.ok:
        return None
    try:
        return msgspec.json.decode(response.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
