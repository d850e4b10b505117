"""Who calls whom, how often, how long it takes and how often it fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.nodes import SpanNodes, nodes_of
from obsnb.analysis.service_names import service_names
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import SPANS

__all__ = ["edges_of", "service_graph"]


def service_graph(spans: Any, *, services: Any = None, conventions: Conventions = DEFAULT) -> Any:
    """The edges between services, and to the peers that have no spans of their own.

    A call is counted once: as the caller's client span where there is one, else as the callee's
    span below another service's span.

    Parameters
    ----------
    spans
        SPANS with trace_id, span_id, service, name, start, duration; parent_span_id, kind, status
        and the conventions' peer attributes where known.
    services
        Alias → service, where two names mean one.

    Returns
    -------
    frame
        A row an edge, the most called first: ``caller``, ``callee``, ``peer`` (bool: the callee has
        no spans of its own), ``count`` (calls in the frame), ``errors`` (calls that failed), ``p50``
        and ``p95`` (Duration, ns, as the caller saw them). Where the frame is a selection (slow or
        failed traces), so are the counts.

    Raises
    ------
    FrameError
        A needed column is missing.

    Notes
    -----
    A span that is there twice is one call. A negative duration, a clock's mistake, counts as none.
    """
    frame = to_polars(
        spans,
        SPANS,
        needs=("trace_id", "span_id", "service", "name", "start", "duration"),
        what="service_graph",
    )
    names = service_names(frame["service"], services=services, conventions=conventions)
    nodes = nodes_of(frame, names=names, conventions=conventions)
    return like(edges_of(nodes), spans)


def edges_of(nodes: SpanNodes) -> pl.DataFrame:
    """The columns of `service_graph`, from spans whose nodes are known."""
    calls = calls_in(nodes)
    own = nodes.spans["service"].unique()
    length = pl.col("duration").cast(pl.Float64)
    return (
        calls.group_by("caller", "callee")
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("failed").sum().cast(pl.Int64).alias("errors"),
            length.quantile(0.5, "linear").alias("p50"),
            length.quantile(0.95, "linear").alias("p95"),
        )
        .select(
            "caller",
            "callee",
            (~pl.col("callee").is_in(own.implode())).alias("peer"),
            "count",
            "errors",
            pl.col("p50", "p95").round().cast(pl.Int64).cast(pl.Duration("ns")),
        )
        .sort(["count", "caller", "callee"], descending=[True, False, False])
    )


def calls_in(nodes: SpanNodes) -> pl.DataFrame:
    """Each call once: span (position), caller, callee, failed, duration (ns)."""
    spans, parent = nodes.spans, nodes.tree.parent
    called = spans["callee"].is_not_null().to_numpy()
    above = np.maximum(parent, 0)
    direct = spans["crossing"].to_numpy() & ~called[above]
    everyone = pl.DataFrame(
        {
            "span": np.arange(len(parent)),
            "service": spans["service"],
            "above": spans["service"].gather(above),
            "callee": spans["callee"],
            "failed": spans["failed"],
            "duration": nodes.tree.duration,
        }
    )
    by_call = everyone.filter(called).select(
        "span", pl.col("service").alias("caller"), "callee", "failed", "duration"
    )
    by_child = everyone.filter(direct).select(
        "span", pl.col("above").alias("caller"), pl.col("service").alias("callee"), "failed", "duration"
    )
    return pl.concat([by_call, by_child])
