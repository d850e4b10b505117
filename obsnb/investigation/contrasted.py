"""Which rows of an investigation a contrast compares with which."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.errors import UsageError
from obsnb.investigation.asking import Rows
from obsnb.investigation.found import inside
from obsnb.timerange import TimeRange

__all__ = ["contrasted"]

_TIMES = {"logs": "timestamp", "spans": "start", "series": "timestamp"}


def contrasted(
    selection: Any, baseline: Any, rows: Rows, during: TimeRange, before: TimeRange | None
) -> tuple[Any, Any]:
    """The selected rows and those that they are compared with."""
    if isinstance(selection, str):
        return _of_windows(selection, baseline, rows, during, before)
    if baseline is not None:
        return selection, baseline
    columns = set(getattr(selection, "columns", getattr(selection, "column_names", ())))
    if {"trace_id", "span_id", "start"} <= columns:
        return selection, rows.spans
    if {"timestamp", "metric", "value"} <= columns:
        return selection, rows.series
    if {"timestamp", "line"} <= columns:
        return selection, rows.logs
    raise UsageError(
        "contrast does not know what to compare these rows with: they are no lines, spans or samples.",
        hint="Pass a baseline too: inv.contrast(selected, others).",
    )


def _of_windows(
    kind: str, baseline: Any, rows: Rows, during: TimeRange, before: TimeRange | None
) -> tuple[pl.DataFrame, Any]:
    if kind not in _TIMES:
        raise UsageError(
            f"contrast has no rows called {kind!r}.",
            hint='Pass "logs", "spans" or "series", or a frame of the rows that you chose.',
        )
    frame: pl.DataFrame = getattr(rows, kind)
    chosen = inside(frame, _TIMES[kind], during)
    if baseline is not None:
        return chosen, baseline
    if before is None:
        raise UsageError(
            "There is no baseline to compare the incident with.",
            hint="Pass one: obsnb.investigate(obs, window, baseline=...), or inv.contrast(selected, others).",
        )
    return chosen, inside(frame, _TIMES[kind], before)
