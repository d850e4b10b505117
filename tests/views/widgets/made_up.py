"""Frames for widgets: lines, and traces of any shape."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from obsnb.schema import SPANS
from tests.report.made_up import SECOND, START

UTC = pl.Datetime("ns", "UTC")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def lines(texts: Sequence[str], *, levels: Sequence[str | None] = ("info",)) -> pl.DataFrame:
    """A line a second, the levels in turn; every third one names a trace."""
    many = range(len(texts))
    return pl.DataFrame(
        {
            "timestamp": pl.Series([START + at * SECOND for at in many], dtype=pl.Int64).cast(UTC),
            "service": [f"shop-{at % 2}" for at in many],
            "level": [levels[at % len(levels)] for at in many],
            "line": list(texts),
            "trace_id": [None if at % 3 else TRACE for at in many],
            "row_id": [f"{at:016x}" for at in many],
        },
        schema_overrides={"level": pl.String, "trace_id": pl.String},
    )


def trace(parents: Sequence[int | None], *, name: str = "work", trace_id: str = TRACE) -> pl.DataFrame:
    """A span for each number: the place of its parent; each begins 1 ms after the one before it."""
    many = range(len(parents))
    frame = pl.DataFrame(
        {
            "trace_id": [trace_id] * len(parents),
            "span_id": [f"{at + 1:016x}" for at in many],
            "parent_span_id": [None if above is None else f"{above + 1:016x}" for above in parents],
            "service": [f"shop-{at % 3}" for at in many],
            "name": [f"{name} {at}" for at in many],
            "status": ["error" if at == 2 else "unset" for at in many],
            "start": pl.Series([START + at * 1_000_000 for at in many], dtype=pl.Int64).cast(UTC),
            "duration": pl.Series([10_000_000 + at for at in many], dtype=pl.Int64).cast(pl.Duration("ns")),
        },
        schema_overrides={"parent_span_id": pl.String},
    )
    return SPANS.conform(frame)
