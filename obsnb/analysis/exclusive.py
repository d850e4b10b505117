"""Time that each span spends itself, against what its like spent in the baseline."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute
from obsnb.analysis.nodes import SpanNodes
from obsnb.analysis.repeated_calls import as_repeated
from obsnb.analysis.tree import levels
from obsnb.analysis.windows import side
from obsnb.conventions import DEFAULT, Conventions
from obsnb.timerange import TimeRange

__all__ = ["excess_of_spans", "operation_paths"]

_KNOWN = 5  # baseline spans of a path, from which on it is compared with itself alone
_ENOUGH = 3  # baseline spans of an operation, from which on they have a spread of their own
_PRIOR = 10  # baseline spans that the spread of all operations counts for
_LEAST_SPREAD = 0.08  # of the logarithm of a duration
_ANY_SPREAD = 0.3  # where the baseline tells none
_FAR = 3.5  # spreads: a span so much slower than usual is an outlier
_IDS = r"'[^']*'|\b[0-9a-fA-F-]{8,}\b|\d+"
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no step of a path is lost in the product


def operation_paths(
    nodes: SpanNodes, spans: pl.DataFrame, conventions: Conventions = DEFAULT
) -> pl.DataFrame:
    """What each span does, and on which way from the root down, as numbers that its like share.

    An operation is a service, a span name and, for calls, the callee with the table or statement;
    numbers, ids and quoted text in them do not tell operations apart.

    Returns
    -------
    polars.DataFrame
        A row a span of the tree: ``operation`` and ``path`` (UInt64), ``detail`` (the table or the
        statement, else empty).
    """
    chosen = spans if spans.height == nodes.spans.height else spans[nodes.tree.rows]
    keys = (*conventions.table_attributes, *conventions.statement_attributes)
    detail = first_attribute(attribute_columns(chosen, keys), keys).str.slice(0, 200).fill_null("")
    table = nodes.spans.select(
        "service",
        pl.col("name").str.replace_all(_IDS, "?"),
        pl.col("callee").fill_null(""),
        detail.str.replace_all(_IDS, "?").alias("detail"),
    )
    operation = table.select(pl.struct(pl.all()).hash(3)).to_series().to_numpy()
    path, parent = operation.copy(), nodes.tree.parent
    with np.errstate(over="ignore"):
        for level in levels(parent):
            if parent[level[0]] >= 0:
                path[level] = path[parent[level]] * _MIX + operation[level]
    return pl.DataFrame({"operation": operation, "path": path, "detail": detail})


def excess_of_spans(
    nodes: SpanNodes,
    spans: pl.DataFrame,
    *,
    during: TimeRange,
    baseline: TimeRange,
    conventions: Conventions = DEFAULT,
) -> pl.DataFrame:
    """Each span of the two windows against the median of the same operation path in the baseline.

    Times are compared as logarithms, above a floor of a hundredth of a usual request. Where a path
    is rare in the baseline, the operation on any path stands for it. An operation that the baseline
    never has, although what calls it is there often, is new: all of its time is more than before.
    Other unknowns are left out.

    Returns
    -------
    polars.DataFrame
        A row a span: ``row`` (of the frame), ``trace``, ``start`` (ns), ``length`` (ns, the span's),
        ``during`` (bool), ``place`` (the service, or ``caller → callee`` of a call, or what `as_repeated`
        calls those of which there are many more), ``node`` (the
        service or callee), ``caller`` (null for a service's own time), ``remote`` (the callee's spans
        are there, so that the time is that of the way), ``name``, ``detail``, ``time``, ``usual`` and
        ``excess`` (ns; excess only beyond the spread), ``far`` (bool: an outlier), ``floor`` (ns). Names
        are Categorical.
    """
    rows = as_repeated(_measured(nodes, spans, during, baseline, conventions)).drop("parent", "failed")
    before = rows.filter(~pl.col("during"))
    if before.is_empty():
        return rows.clear().with_columns(
            usual=pl.lit(0.0), excess=pl.lit(0.0), far=pl.lit(False), floor=pl.lit(0.0)
        )
    requests = before.group_by("trace").agg(pl.col("length").max())["length"].to_numpy()
    floor = min(max(0.01 * float(np.median(requests)), 1e3), 1e6)
    rows = rows.with_columns((pl.col("time") + floor).log().alias("log"))
    return _compared(rows, floor).drop("log", "operation", "path", "path_above", "child")


def _measured(
    nodes: SpanNodes, spans: pl.DataFrame, during: TimeRange, baseline: TimeRange, conventions: Conventions
) -> pl.DataFrame:
    tree = nodes.tree
    paths = operation_paths(nodes, spans, conventions)
    called = pl.col("callee").is_not_null()
    return (
        nodes.spans.select("row", "name", "own", "edge", "service", "callee", "remote", "failed")
        .with_columns(
            *paths,
            paths["path"].gather(np.maximum(tree.parent, 0)).alias("path_above"),
            pl.Series("child", tree.parent >= 0),
            pl.Series("parent", tree.parent),
            pl.Series("trace", tree.trace),
            pl.Series("start", tree.start),
            pl.Series("length", tree.duration),
            side(pl.Series(tree.start), during, baseline),
        )
        .drop_nulls("during")
        .with_columns(
            pl.when(called)
            .then(pl.format("{} → {}", "service", "callee"))
            .otherwise("service")
            .alias("place"),
            pl.when(called).then("service").alias("caller"),
            pl.when(called).then("callee").otherwise("service").alias("node"),
            pl.when("remote").then("edge").otherwise("own").alias("time"),
        )
        .drop("own", "edge", "service", "callee")
        # Of so many rows few differ: as codes they take a fifth of the memory.
        .with_columns(pl.col("name", "detail", "place", "caller", "node").cast(pl.Categorical))
    )


def _compared(rows: pl.DataFrame, floor: float) -> pl.DataFrame:
    before = rows.filter(~pl.col("during"))
    by_operation = _typical(before, "operation")
    joined = (
        rows.join(_typical(before, "path"), on=["place", "path"], how="left")
        .join(by_operation, on=["place", "operation"], how="left")
        .join(before.group_by("path_above").len("above"), on="path_above", how="left")
    )
    own: Any = pl.col("many_path").fill_null(0) >= _KNOWN
    known = pl.col("many_operation").is_not_null()
    new = pl.col("child") & (pl.col("above").fill_null(0) >= 2 * _KNOWN)
    chosen = [
        pl.when(own).then(f"{what}_path").otherwise(f"{what}_operation").alias(what)
        for what in ("usual", "spread", "many")
    ]
    joined = joined.with_columns(chosen).with_columns(
        pl.when(known | own).then("usual").when(new).then(math.log(floor)).alias("usual"),
        pl.col("spread").fill_null(_LEAST_SPREAD),
        pl.col("many").fill_null(1),
    )
    middle = by_operation.filter(pl.col("many_operation") >= _ENOUGH)["spread_operation"].median()
    pooled = float(middle) if isinstance(middle, float) else _ANY_SPREAD
    shrunk = (pl.col("many") * pl.col("spread").pow(2) + _PRIOR * pooled**2) / (pl.col("many") + _PRIOR)
    reach = (shrunk * (1 + 1.57 / pl.col("many"))).sqrt().clip(_LEAST_SPREAD)  # of a median of so many
    ratio, usual = pl.col("log") - pl.col("usual"), (pl.col("usual").exp() - floor).clip(0.0)
    columns = [name for name in rows.columns if name != "usual"]
    return joined.drop_nulls("usual").select(
        *columns,
        usual.alias("usual"),
        pl.when(ratio > reach).then(pl.col("time") - usual).otherwise(0.0).clip(0.0).alias("excess"),
        (ratio > _FAR * reach).alias("far"),
        pl.lit(floor).alias("floor"),
    )


def _typical(before: pl.DataFrame, key: str) -> pl.DataFrame:
    middle = pl.col("log").median()
    return before.group_by("place", key).agg(
        middle.alias(f"usual_{key}"),
        (1.4826 * (pl.col("log") - middle).abs().median()).alias(f"spread_{key}"),
        pl.len().alias(f"many_{key}"),
    )
