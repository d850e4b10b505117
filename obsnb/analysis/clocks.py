"""How far services' clocks are apart, told from the calls between them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.tree import grow
from obsnb.schema import SPANS

__all__ = ["clock_skew"]

_LENGTH = pl.Duration("ns")
#: A clock tick of the coarsest kernels (100 a second): a busy host may note a time that much late.
_MATTERS_NS = 10_000_000
_COLUMNS: dict[str, Any] = {
    "caller": pl.String,
    "callee": pl.String,
    "calls": pl.Int64,
    "offset": _LENGTH,
    "offset_low": _LENGTH,
    "offset_high": _LENGTH,
    "steady": pl.Boolean,
    "skewed": pl.Boolean,
    "evidence": pl.String,
}


def clock_skew(spans: Any) -> Any:
    """How far ahead of its caller's each service's clock is.

    Parameters
    ----------
    spans
        SPANS with ids, parents, service, start and duration.

    Returns
    -------
    frame
        A row a pair of services that call, those that surely differ first, the largest offset first:
        ``caller``, ``callee``, ``calls`` (that were looked at), ``offset`` (Duration: positive where the
        callee's clock is ahead), ``offset_low`` and ``offset_high`` (between which it lies), ``steady``
        (one offset explains every call), ``skewed`` (the bounds lie wholly beyond 10 ms either way:
        the clocks differ by what matters, whatever the network took), ``evidence``
        (``span:TRACE/SPAN`` of the call that bounds it most).

    Raises
    ------
    FrameError
        A needed column is missing.

    Notes
    -----
    Cristian's method (Probabilistic clock synchronization, Distributed Computing 3, 1989): a callee
    begins after it was called and ends before the answer is there, so that its clock is ahead by no
    more than its start lies after the caller's, and behind by no more than its end lies before it. The
    bounds of all calls are intersected (Marzullo, 1984); the offset is the middle. Where the
    intersection is empty (the offset wanders, or hosts of one service differ) it is the median of the
    calls' middles, between their 5th and 95th percentiles. A callee that took longer than its caller
    waited is asynchronous work and is left out; so are spans without a start or duration, or with a negative
    one. That the bounds hold takes times that were noted when things happened; a busy host notes them late,
    by up to a tick of its scheduler (10 ms where the kernel ticks 100 times a second).
    Less than that is not called a skew.
    """
    needs = ("trace_id", "span_id", "parent_span_id", "service", "start", "duration")
    frame = to_polars(spans, SPANS, needs=needs, what="clock_skew")
    calls = _calls(frame.filter(pl.col("start").is_not_null() & (pl.col("duration").to_physical() >= 0)))
    return like(_table(calls), spans)


def _calls(frame: pl.DataFrame) -> pl.DataFrame:
    tree = grow(frame)
    below = np.flatnonzero(tree.parent >= 0)
    above = tree.parent[below]
    service = frame["service"].gather(tree.rows)
    callee = tree.rows[below]
    return (
        pl.DataFrame(
            {
                "caller": service.gather(above),
                "callee": service.gather(below),
                "high": tree.start[below] - tree.start[above],
                "low": tree.end[below] - tree.end[above],
                "waits": tree.duration[above] >= tree.duration[below],
                "trace_id": frame["trace_id"].gather(callee),
                "span_id": frame["span_id"].gather(callee),
            }
        )
        .filter(pl.col("waits") & (pl.col("caller") != pl.col("callee")))
        .with_columns(((pl.col("low") + pl.col("high")) / 2).alias("middle"))
    )


def _table(calls: pl.DataFrame) -> pl.DataFrame:
    middle, tightest = pl.col("middle"), pl.min_horizontal("high", -pl.col("low"))
    low, high = pl.col("latest"), pl.col("earliest")
    steady = low <= high
    pairs = (
        calls.sort("trace_id", "span_id")
        .group_by("caller", "callee")
        .agg(
            pl.len().cast(pl.Int64).alias("calls"),
            pl.col("low").max().alias("latest"),
            pl.col("high").min().alias("earliest"),
            middle.median().alias("usual"),
            middle.quantile(0.05).alias("least"),
            middle.quantile(0.95).alias("most"),
            pl.format("span:{}/{}", "trace_id", "span_id").sort_by(tightest).first().alias("evidence"),
        )
        .with_columns(
            pl.when(steady).then((low + high) / 2).otherwise("usual").alias("offset"),
            pl.when(steady).then(low).otherwise("least").alias("offset_low"),
            pl.when(steady).then(high).otherwise("most").alias("offset_high"),
            steady.alias("steady"),
        )
        .with_columns(
            ((pl.col("offset_low") > _MATTERS_NS) | (pl.col("offset_high") < -_MATTERS_NS)).alias("skewed")
        )
    )
    order = [~pl.col("skewed"), -pl.col("offset").abs(), pl.col("caller"), pl.col("callee")]
    lengths = [pl.col(name).round().cast(pl.Int64) for name, kind in _COLUMNS.items() if kind == _LENGTH]
    return (
        pairs.sort(order)
        .with_columns(lengths)
        .select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    )
