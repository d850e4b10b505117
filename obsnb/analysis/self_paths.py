"""Where a cohort of traces spends its time: self times by the path of operations that leads to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.tree import covered_by_children, grow, levels
from obsnb.schema import SPANS

__all__ = ["self_time_by_path"]


def self_time_by_path(spans: Any) -> Any:
    """Self times of all traces, by path.

    Parameters
    ----------
    spans
        SPANS with the ids, service, name, start and duration.

    Returns
    -------
    frame
        A row a path, parents before their children: ``path_id`` (Int64), ``parent_id`` (Int64, null for a
        root), ``depth`` (Int64, from 0), ``service``, ``name``, ``count`` (spans), ``self_time`` and
        ``total`` (Duration: of these spans, and with all below them).

    Raises
    ------
    FrameError
        A column is missing.

    Notes
    -----
    ``total`` sums self times, not durations: children that run at once do not make it more than the sum of
    what each did. Spans on a cycle are roots.
    """
    needs = ("trace_id", "span_id", "service", "name", "start", "duration")
    frame = to_polars(spans, SPANS, needs=needs, what="self_time_by_path").drop_nulls(["start", "duration"])
    tree = grow(frame)
    rows = frame[tree.rows].select(pl.col("service").fill_null("unknown"), pl.col("name").fill_null("span"))
    own = (tree.duration - covered_by_children(tree)) if rows.height else np.array([], dtype=np.int64)
    of_span = np.full(rows.height, -1, dtype=np.int64)
    parts, known = [], 0
    for depth, level in enumerate(levels(tree.parent) if rows.height else ()):
        above = np.where(tree.parent[level] >= 0, of_span[np.maximum(tree.parent[level], 0)], -1)
        here = rows[level].with_columns(
            parent_id=pl.Series(above, dtype=pl.Int64), span=pl.Series(level), own=pl.Series(own[level])
        )
        keys = ["parent_id", "service", "name"]
        found = (
            here.group_by(keys).agg(pl.len().cast(pl.Int64).alias("count"), pl.col("own").sum()).sort(keys)
        )
        found = found.with_columns(
            path_id=pl.int_range(known, known + found.height, dtype=pl.Int64, eager=True),
            depth=pl.lit(depth, pl.Int64),
        )
        placed = here.join(found.select(*keys, "path_id"), on=keys, how="left", maintain_order="left")
        of_span[placed["span"].to_numpy()] = placed["path_id"].to_numpy()
        known += found.height
        parts.append(found)
    return like(_summed(parts), spans)


def _summed(parts: list[pl.DataFrame]) -> pl.DataFrame:
    schema = {"parent_id": pl.Int64, "service": pl.String, "name": pl.String, "count": pl.Int64}
    schema |= {"own": pl.Int64, "path_id": pl.Int64, "depth": pl.Int64}
    paths = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
    total, parent = paths["own"].to_numpy().copy(), paths["parent_id"].to_numpy()
    for place in range(len(parent) - 1, -1, -1):
        if parent[place] >= 0:
            total[parent[place]] += total[place]
    length = pl.Duration("ns")
    return paths.select(
        "path_id",
        pl.when(pl.col("parent_id") >= 0).then("parent_id").alias("parent_id"),
        "depth",
        "service",
        "name",
        "count",
        pl.col("own").cast(length).alias("self_time"),
        pl.Series("total", total).cast(length),
    )
