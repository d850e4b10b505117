"""Windows that begin before what a server answers for: what their answers have in common."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from obsnb.ledger import Complete, QueryRecord

__all__ = ["begins_late", "doubted"]

#: Where rows come from the first hundredth of the window on, or from its first step, nothing was cut off its
#: beginning.
_BEGINNING = 100


def begins_late(record: QueryRecord, times: pl.Series) -> bool:
    """Whether nothing came from the beginning of the window, by the timestamps of the rows."""
    window, first = record.window, times.to_physical().min()
    begun = window.start_ns + max(window.duration_ns // _BEGINNING, record.params.get("step_ns", 0))
    return not isinstance(first, int) or first > begun


def doubted(record: QueryRecord, complete: Complete, why: str) -> QueryRecord:
    """The record with a doubt in front of those that it has."""
    more = f"; {record.reason}" if record.complete == "unknown" else ""
    return replace(record, complete=complete, reason=f"{why}{more}")
