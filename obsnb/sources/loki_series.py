"""Numbers from Loki: LogQL metric queries, on the grid."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from obsnb.conventions import Conventions
from obsnb.ledger import Complete, QueryRecord
from obsnb.schema import digest
from obsnb.sources.base import Answer
from obsnb.sources.pieces import cut, pull
from obsnb.sources.refusals import unreadable
from obsnb.sources.wire.prometheus import decode_matrix, read
from obsnb.transport.exchange import Request, Transport

__all__ = ["series_answer"]

_FRESH_NS = 30 * 10**9
_MAX_POINTS = 11_000


def series_answer(transport: Transport, record: QueryRecord, *, conventions: Conventions) -> Answer:
    """The SERIES of a record's query at the multiples of its step, and the record filled in."""
    step_ns, window = record.params["step_ns"], record.window
    grid = window.grid(step_ns)

    def ask(piece: range) -> Request:
        params = (
            ("query", record.query),
            ("start", str(piece[0])),
            ("end", str(piece[-1])),
            ("step", f"{step_ns / 1e9:.9g}"),
        )
        return Request("/loki/api/v1/query_range", params)

    pulled = pull(
        transport,
        ask,
        cut(grid, _MAX_POINTS),
        source=record.source,
        kind="loki",
        query=record.query,
        window=window,
    )
    try:
        replies = [read(response.body) for response in pulled.responses]
        frame = decode_matrix(*replies, query=record.asked, conventions=conventions)
    except msgspec.DecodeError as error:
        raise unreadable(
            pulled.responses[0], source=record.source, query=record.query, window=window, why=str(error)
        ) from None
    said = tuple(dict.fromkeys(text for reply in replies for text in reply.warnings or ()))
    complete: Complete = "yes"
    reason = f"evaluated at each of the {len(grid):,} multiples of the step in the window"
    if said:
        complete, reason = "unknown", f"the server warned: {said[0]}"
    elif window.end_ns > record.asked_at_ns - _FRESH_NS:
        complete = "unknown"
        reason = "the window ends less than 30 s before it was asked, when lines may still be on their way"
    filled = replace(
        record,
        pages=len(pulled.responses),
        requests=pulled.requests,
        retries=pulled.retries,
        rows=frame.height,
        bytes=pulled.bytes,
        seconds=pulled.seconds,
        warnings=said,
        complete=complete,
        reason=reason,
        digest=digest(frame),
    )
    return Answer(frame, filled)
