"""How long a Tempo keeps traces: of what is older it finds none, and does not say why."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from dataclasses import replace

import polars as pl

from obsnb.errors import SourceError, WindowError
from obsnb.instants import format_ns, parse_duration
from obsnb.ledger import QueryRecord
from obsnb.sources.reach import begins_late, doubted
from obsnb.transport.exchange import Request, Transport

__all__ = ["CONFIG_PATH", "reached"]

CONFIG_PATH = "/status/config"
_RETENTION = re.compile(rb"^\s*block_retention:\s*(\w+)\s*$", re.MULTILINE)


def reached(
    transport: Transport, record: QueryRecord, times: pl.Series, known: MutableMapping[str, int]
) -> QueryRecord:
    """The record of an answer, told where its window begins before what the server still has.

    The server is asked for its configuration, once, and where nothing came from the beginning of a window
    alone. One that does not reveal it changes nothing. Tenants may have another ``block_retention`` than the
    server: of those that it names the longest is taken.

    Parameters
    ----------
    times
        When the spans start.
    known
        Filled when it is first asked: ``block_retention``, in nanoseconds, 0 where it is not known.
    """
    if record.complete == "no" or record.selection is not None or not begins_late(record, times):
        return record
    if not known:
        known["block_retention"] = _told(transport)
        record = replace(record, requests=record.requests + 1)
    kept_ns = known["block_retention"]
    edge = record.asked_at_ns - kept_ns
    if not kept_ns or record.window.start_ns >= edge:
        return record
    since = format_ns(edge)
    return doubted(
        record,
        "unknown",
        f"the window begins earlier, and the server keeps nothing from before {since} (block_retention)",
    )


def _told(transport: Transport) -> int:
    try:
        response = transport.send(Request(CONFIG_PATH))
    except SourceError:
        return 0
    found = _RETENTION.findall(response.body) if response.ok else []
    return max((_duration(text.decode()) for text in found), default=0)


def _duration(text: str) -> int:
    """Nanoseconds; 0, which a retention that is off has, also for what is none."""
    try:
        return parse_duration(text)
    except WindowError:
        return 0
