"""Which errors were raised where they show, and which were only passed on by a caller."""

from __future__ import annotations

import numpy as np
import polars as pl

from obsnb.analysis.sightings import RAISED, SAID, STATUS
from obsnb.analysis.tree import grow, levels

__all__ = ["explained", "service_depths"]

_COMPARED = 64  # kinds of error of one request; every pair of them is looked at


def service_depths(spans: pl.DataFrame | None, traces: pl.Series) -> pl.DataFrame:
    """How far below a trace's root each service first appears.

    Returns
    -------
    polars.DataFrame
        ``request`` (trace id), ``service``, ``depth`` (0 at the root).
    """
    empty = pl.DataFrame(schema={"request": pl.String, "service": pl.String, "depth": pl.Int64})
    if spans is None:
        return empty
    needed = ("trace_id", "span_id", "parent_span_id", "service", "kind", "start", "duration")
    some = spans.select(name for name in needed if name in spans.columns)
    some = some.join(traces.unique().alias("trace_id").to_frame(), on="trace_id", how="semi")
    if some.is_empty():
        return empty
    tree = grow(some)
    depth = np.zeros(len(tree.parent), dtype=np.int64)
    for number, level in enumerate(levels(tree.parent)):
        depth[level] = number
    return (
        some[tree.rows]
        .select(
            pl.col("trace_id").alias("request"), pl.col("service").cast(pl.String), pl.Series("depth", depth)
        )
        .group_by("request", "service")
        .agg(pl.col("depth").min())
    )


def explained(occurrences: pl.DataFrame, depths: pl.DataFrame) -> pl.DataFrame:
    """Which occurrence of an error is a symptom of which other in the same request.

    An error explains one that shows in a service that called its own: a service that lies further
    up in the trace; where no spans tell, one in which it shows later. What knows no more than a
    status explains only others that do not. In its own service, an exception explains the error
    lines and statuses beside it, but not another exception.

    Parameters
    ----------
    occurrences
        ``group_id``, ``request``, ``service``, ``rank``, ``time``, ``handled`` (whether it is a call's
        failure that was dealt with): a row a group and request.
    depths
        As `service_depths` gives them.

    Returns
    -------
    polars.DataFrame
        ``group_id``, ``request`` and ``by`` (the group that explains it): a row a pair.
    """
    columns = ["group_id", "request", "service", "rank", "time", "handled"]
    several = occurrences.select(columns).filter(pl.len().over("request") > 1)
    several = several.sort("rank", "time", "group_id", descending=[True, False, False])
    several = several.filter(pl.int_range(pl.len()).over("request") < _COMPARED)
    several = several.join(depths, on=["request", "service"], how="left")
    pairs = several.join(several, on="request", suffix="_by")
    pairs = pairs.filter(pl.col("group_id") != pl.col("group_id_by"))
    elsewhere = pl.col("service") != pl.col("service_by")
    below = pl.coalesce(pl.col("depth_by") > pl.col("depth"), pl.col("time_by") < pl.col("time"))
    knows = (pl.col("rank_by") > STATUS) | (pl.col("rank") == STATUS)
    beside = (
        (pl.col("service") == pl.col("service_by"))
        & (pl.col("rank_by") == RAISED)
        & (pl.col("rank") <= SAID)
        & ~pl.col("handled")
    )
    return pairs.filter((elsewhere & below & knows) | beside).select(
        "group_id", "request", pl.col("group_id_by").alias("by")
    )
