"""A second opinion on a pull of log lines: how many lines the server itself counts."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace

import polars as pl

from obsnb.ledger import Complete, QueryRecord
from obsnb.sources.loki_index import LokiIndex
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport
from obsnb.transport.fan import UNWANTED, in_order

__all__ = ["compared", "verified"]

#: So much time is counted at once: servers refuse, or run out of time over, long ranges. With what a count
#: looks at before it begins it is no longer than an hour, which a tenant's limit may be.
_PIECE_NS = 3_600 * 10**9 - 10**6
#: So many counts are under way at once: each reads all the lines of its time.
_AT_ONCE = 2


def verified(transport: Transport, record: QueryRecord, times: pl.Series) -> QueryRecord:
    """The record of a finished pull, with what the server's own count says of it.

    The same query is counted with ``count_over_time``, an hour at a time, two of them at once. It reads the
    same chunks as the pull did, so that agreement shows that no page was lost on the way, and not that the
    server has every line that was sent to it. A server counts whole milliseconds: what of the window lies
    beyond the last of them, less than one, is left out on both sides.

    Parameters
    ----------
    times
        The timestamps of the rows that came.

    Raises
    ------
    SourceError
        The server cannot be reached.
    """
    counted: int | None = None
    requests = retries = 0
    part = LokiIndex(transport, record.asked, record.window).countable()
    pieces = () if part is None else part.split(_PIECE_NS)
    with closing(_counts(transport, record.asked, pieces)) as counts:
        for here, index in counts:
            requests, retries = requests + index.requests, retries + index.retries
            if here is None:
                counted = None
                break
            counted = (counted or 0) + here
    more = replace(record, requests=record.requests + requests, retries=record.retries + retries)
    rows = record.rows if part is None else int((times.to_physical() < part.end_ns).sum())
    return compared(more, counted, rows)


def _counts(
    transport: Transport, query: str, pieces: Iterable[TimeRange]
) -> Generator[tuple[int | None, LokiIndex], None, None]:
    """What the server counts in each piece, in their order, and who asked it."""

    def count(piece: TimeRange, unwanted: Callable[[], bool]) -> tuple[int | None, LokiIndex]:
        UNWANTED.set(unwanted)
        index = LokiIndex(transport, query, piece)
        return index.counted(), index

    return in_order(count, pieces, ahead=_AT_ONCE, name=f"obsnb-{transport.name}")


def compared(record: QueryRecord, counted: int | None, rows: int) -> QueryRecord:
    """The record with a sentence about the server's count, in words that claim no more than it shows.

    More lines counted than came: not complete. Fewer: no line is known to be missing, but one of the two is
    wrong, so it is not known.
    """
    if counted is None:
        said = "the server could not be asked how many lines it counts"
        return replace(record, reason=_joined(record.reason, said))
    if counted == rows:
        said = f"the server counts {counted:,} lines as well, which does not tell of lines that it has lost"
        return replace(record, reason=_joined(record.reason, said))
    said = f"the server counts {counted:,} lines, and {rows:,} came"
    complete: Complete = "no" if counted > rows or record.complete == "no" else "unknown"
    return replace(record, complete=complete, reason=_joined(record.reason, said))


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
