"""What is wrong with the traces themselves, before anybody reads a cause out of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.tree import grow
from obsnb.schema import SPANS

__all__ = ["trace_quality"]

_EXAMPLES = 5
_NO_PARENT = ("", "0000000000000000")
_ID_IN_NAME = r"\d{5,}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|[0-9a-fA-F]{16,}"
_COLUMNS: dict[str, Any] = {
    "kind": pl.String,
    "count": pl.Int64,
    "of": pl.Int64,
    "share": pl.Float64,
    "services": pl.List(pl.String),
    "examples": pl.List(pl.String),
    "means": pl.String,
}
_MEANS = {
    "missing parent": "the parent was not fetched, not kept or not instrumented: the trace is in pieces",
    "several roots": "spans without a parent beside another in one trace: the context got lost on the way",
    "duplicate": "the same span more than once: exported or stored twice",
    "no id": "no trace id or no span id: it is of no trace, and nobody's parent",
    "no duration": "no start or no duration: its time is unknown",
    "negative duration": "ends before it starts: the clock was set back meanwhile",
    "before its parent": "begins before its parent does: clocks differ; see obsnb.clock_skew",
    "outlives its parent": "ends after its parent does: asynchronous work, or clocks differ",
    "no name": "says not what it does",
    "id in its name": "a number or id in the name: operations cannot be counted",
    "no status": "no status at all: whether it failed is unknown",
    "no service": "no service.name: nobody's span",
}


def trace_quality(spans: Any) -> Any:
    """What is missing or wrong in traces, a row a kind of flaw.

    Parameters
    ----------
    spans
        SPANS with trace_id and span_id; what is judged by a column that is not there is left out.

    Returns
    -------
    frame
        The commonest flaw first; only what occurs. ``kind`` (missing parent, several roots, duplicate,
        no id, no duration, negative duration, before its parent, outlives its parent, no name, id in its
        name, no status, no service), ``count`` (spans that have it), ``of`` (spans that could), ``share``,
        ``services`` (list of text: whose spans, the commonest first, up to 5), ``examples`` (up to 5,
        ``span:TRACE/SPAN``), ``means`` (a sentence).

    Raises
    ------
    FrameError
        A needed column is missing.

    Notes
    -----
    Spans of traces that are known to be incomplete (``whole_trace`` is false) are not asked for their
    parents or roots. A status ``unset`` is a status; only null is none.
    """
    frame = to_polars(spans, SPANS, needs=("trace_id", "span_id"), what="trace_quality")
    if "service" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.String).alias("service"))
        judged = _flaws(frame)
        judged.pop("no service")
    else:
        judged = _flaws(frame)
    rows = [_row(frame, kind, flawed, of) for kind, (flawed, of) in judged.items()]
    table = pl.DataFrame([row for row in rows if row["count"]], schema=_COLUMNS)
    return like(table.sort("count", "kind", descending=[True, False]), spans)


def _row(frame: pl.DataFrame, kind: str, flawed: pl.Series, of: int) -> dict[str, Any]:
    those = frame.filter(flawed)
    services = those["service"].drop_nulls().value_counts().sort("count", "service", descending=[True, False])
    span = pl.format("span:{}/{}", "trace_id", "span_id")
    ids = those.select(span.drop_nulls().unique().sort().head(_EXAMPLES))
    return {
        "kind": kind,
        "count": those.height,
        "of": of,
        "share": those.height / of if of else None,
        "services": services["service"].head(_EXAMPLES).to_list(),
        "examples": ids.to_series().to_list(),
        "means": _MEANS[kind],
    }


def _flaws(frame: pl.DataFrame) -> dict[str, tuple[pl.Series, int]]:
    """Of each kind, which rows have it and how many could."""
    many = frame.height
    have = set(frame.columns)
    known = pl.col("trace_id").is_not_null() & pl.col("span_id").is_not_null()
    seen = frame.select(
        (known & ~pl.struct("trace_id", "span_id").is_first_distinct()).alias("duplicate"),
        (~known).alias("no id"),
        pl.col("service").is_null().alias("no service"),
    )
    flaws = {name: (seen[name], many) for name in seen.columns}
    if "name" in have:
        name = frame["name"]
        flaws["no name"] = (name.fill_null("").str.strip_chars() == "", many)
        flaws["id in its name"] = (name.str.contains(_ID_IN_NAME).fill_null(False), many)
    if "status" in have:
        flaws["no status"] = (frame["status"].is_null(), many)
    if {"start", "duration"} <= have:
        unknown = frame["start"].is_null() | frame["duration"].is_null()
        flaws["no duration"] = (unknown, many)
        backwards = frame["duration"].to_physical() < 0
        flaws["negative duration"] = (backwards.fill_null(False), many)
        if "parent_span_id" in have:
            flaws |= _times(frame, ~unknown & ~backwards.fill_null(False))
    if "parent_span_id" in have:
        flaws |= _pieces(frame)
    return flaws


def _pieces(frame: pl.DataFrame) -> dict[str, tuple[pl.Series, int]]:
    parent = pl.col("parent_span_id").replace(dict.fromkeys(_NO_PARENT))
    asked = pl.col("whole_trace").fill_null(True) if "whole_trace" in frame.columns else pl.lit(True)
    facts = frame.select(
        "trace_id",
        "span_id",
        parent.alias("parent"),
        asked.alias("asked"),
        pl.int_range(pl.len()).alias("row"),
    )
    children = facts.filter(pl.col("asked") & pl.col("parent").is_not_null())
    ids = facts.select("trace_id", pl.col("span_id").alias("parent")).unique()
    orphans = children.join(ids, on=["trace_id", "parent"], how="anti")["row"]
    roots = facts.filter(pl.col("asked") & pl.col("parent").is_null())
    known = roots.drop_nulls(["trace_id", "span_id"])
    several = known.filter(pl.col("span_id").n_unique().over("trace_id") > 1)["row"]
    rows = facts["row"]
    return {
        "missing parent": (rows.is_in(orphans.implode()), children.height),
        "several roots": (rows.is_in(several.implode()), roots.height),
    }


def _times(frame: pl.DataFrame, known: pl.Series) -> dict[str, tuple[pl.Series, int]]:
    tree = grow(frame)
    timed = known.gather(tree.rows).to_numpy()
    pairs = (tree.parent >= 0) & timed & timed[tree.parent] if len(timed) else np.zeros(0, dtype=bool)
    early = pairs & (tree.start < tree.start[tree.parent]) if len(timed) else pairs
    late = pairs & (tree.end > tree.end[tree.parent]) if len(timed) else pairs
    could = int(pairs[tree.seat].sum())
    return {
        "before its parent": (pl.Series(early[tree.seat], dtype=pl.Boolean), could),
        "outlives its parent": (pl.Series(late[tree.seat], dtype=pl.Boolean), could),
    }
