"""Numbers from Loki: LogQL metric queries, on the grid or at one instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec

from obsnb.conventions import Conventions
from obsnb.ledger import Complete, QueryRecord
from obsnb.schema import digest
from obsnb.sources.base import Answer
from obsnb.sources.loki_pull import FRESH, is_fresh
from obsnb.sources.pieces import Pull, cut, pull
from obsnb.sources.points import asked_for, check_step
from obsnb.sources.refusals import unreadable
from obsnb.sources.wire.prometheus import decode_matrix, read
from obsnb.transport.exchange import Request, Transport

__all__ = ["instant_answer", "series_answer"]

_MS = 1_000_000
_MAX_POINTS = 11_000


def series_answer(transport: Transport, record: QueryRecord, *, conventions: Conventions) -> Answer:
    """The SERIES of a record's query at the multiples of its step, and the record filled in.

    Raises
    ------
    QueryError
        The step is not a whole number of milliseconds.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    step_ns, window = record.params["step_ns"], record.window
    check_step(step_ns, query=record.query, server="Loki")
    grid = window.grid(step_ns)
    points = range(grid.start // _MS, -(-grid.stop // _MS), step_ns // _MS)

    def ask(piece: range) -> Request:
        params = (
            ("query", record.query),
            ("start", str(piece[0] * _MS)),
            ("end", str(piece[-1] * _MS)),
            ("step", f"{step_ns // _MS}ms"),
        )
        return Request("/loki/api/v1/query_range", params)

    whole = f"evaluated at each of the {len(grid):,} multiples of the step in the window"
    if not grid:
        whole = "no multiple of the step lies in the window"
    pulled = pull(transport, ask, cut(points, _MAX_POINTS), record, kind="loki")
    return _answer(pulled, record, conventions, step_ns=step_ns, whole=whole)


def instant_answer(transport: Transport, record: QueryRecord, *, conventions: Conventions) -> Answer:
    """The SERIES of a record's query at the start of its window of a millisecond, in the server's order.

    Raises
    ------
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    at = record.window.start_ns // _MS
    request = Request("/loki/api/v1/query", (("query", record.query), ("time", str(at * _MS))))
    pulled = pull(transport, lambda _: request, [range(at, at + 1)], record, kind="loki")
    return _answer(pulled, record, conventions, step_ns=_MS, whole="evaluated at that instant")


def _answer(
    pulled: Pull, record: QueryRecord, conventions: Conventions, *, step_ns: int, whole: str
) -> Answer:
    """The points that came, and the record filled in; `whole` says why nothing is missing."""
    window, instant = record.window, bool(record.params.get("instant"))
    try:
        replies = [read(response.body) for response in pulled.responses]
        frame = decode_matrix(*replies, query=record.asked, conventions=conventions, keep_order=instant)
    except msgspec.DecodeError as error:
        raise unreadable(
            pulled.responses[0], source=record.source, query=record.query, window=window, why=str(error)
        ) from None
    frame, doubts = asked_for(frame, window, step_ns=step_ns, grouped=not instant)
    said = tuple(dict.fromkeys(text for reply in replies for text in reply.warnings or ()))
    complete, reason = _verdict(record, said, doubts, whole)
    if pulled.missing:
        complete, reason = "no", pulled.missing
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


def _verdict(
    record: QueryRecord, said: Sequence[str], doubts: Sequence[str], whole: str
) -> tuple[Complete, str]:
    if said:
        return "unknown", f"the server warned: {said[0]}"
    if doubts:
        return "unknown", "; ".join(doubts)
    if is_fresh(record):
        return "unknown", FRESH
    return "yes", whole
