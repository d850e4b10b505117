"""How far back a Loki answers: what is older it leaves out without a word."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace

import msgspec
import polars as pl

from obsnb.errors import SourceError, WindowError
from obsnb.instants import format_ns, parse_duration
from obsnb.ledger import Complete, QueryRecord
from obsnb.sources.reach import begins_late, doubted
from obsnb.transport.exchange import Request, Transport

__all__ = ["LIMITS_PATH", "reached"]

LIMITS_PATH = "/loki/api/v1/drilldown-limits"
#: Limit of a tenant → what it means for a window that begins earlier, and how much is known of it then.
_MEANS: Mapping[str, tuple[str, Complete]] = {
    "max_query_lookback": ("the server looks no further back than", "no"),
    "retention_period": ("the server keeps nothing from before", "unknown"),
}


class _Limits(msgspec.Struct):
    limits: dict[str, object] = {}


def reached(
    transport: Transport, record: QueryRecord, times: pl.Series, known: MutableMapping[str, int]
) -> QueryRecord:
    """The record of an answer, told where its window begins before what the server answers for.

    The server is asked for its tenant's limits, once, and where nothing came from the beginning of a window
    alone. One that does not reveal them changes nothing.

    Parameters
    ----------
    times
        The timestamps of the rows.
    known
        Limit → nanoseconds, as far as the server told them; filled when it is first asked.
    """
    latest = record.selection is not None and record.params.get("direction") == "backward"
    if record.complete == "no" or latest or not begins_late(record, times):
        return record
    if not known:
        known.update(dict.fromkeys(_MEANS, 0) | _told(transport))
        record = replace(record, requests=record.requests + 1)
    for limit, (means, complete) in _MEANS.items():
        edge = record.asked_at_ns - known[limit]
        if known[limit] and record.window.start_ns < edge:
            why = f"the window begins earlier, and {means} {format_ns(edge)} ({limit})"
            return doubted(record, complete, why)
    return record


def _told(transport: Transport) -> dict[str, int]:
    try:
        response = transport.send(Request(LIMITS_PATH))
        limits = msgspec.json.decode(response.body, type=_Limits).limits if response.ok else {}
    except (SourceError, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {name: _duration(str(limits[name])) for name in _MEANS if name in limits}


def _duration(text: str) -> int:
    """Nanoseconds; 0, which a limit that is off has, also for what is none."""
    try:
        return parse_duration(text)
    except WindowError:
        return 0
