"""Latency histograms as a grid: how many requests took how long, interval by interval."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.requests import bucket_increases
from obsnb.conventions import DEFAULT, Conventions
from obsnb.instants import parse_duration
from obsnb.schema import SERIES

__all__ = ["latency_grid"]

_MOST_ROWS = 64  # of native histograms, which have up to hundreds
_GRID: dict[str, Any] = {
    "timestamp": pl.Datetime("ns", "UTC"),
    "lower": pl.Float64,
    "upper": pl.Float64,
    "count": pl.Float64,
}


def latency_grid(series: Any, *, every: str | int | float = "1m", conventions: Conventions = DEFAULT) -> Any:
    """How many requests fell into each bucket of the latency histograms in each interval.

    Parameters
    ----------
    series
        SERIES with the conventions' latency histograms as the server holds them, cumulative: classic ones
        (``_bucket`` series with ``le``), native ones (column ``histogram``), or both; of a service that
        has native ones, these are read.
    every
        The length of an interval.

    Returns
    -------
    frame
        ``timestamp`` (its start), ``lower`` and ``upper`` (Float64, seconds; the last may be infinite),
        ``count`` (Float64, requests; only cells that are not empty). Sums of whole layouts: services whose
        buckets differ have cells that overlap.

    Raises
    ------
    FrameError
        A column is missing.

    Notes
    -----
    Native buckets of standard exponential schemas are merged until at most 64 rows are left. A bucket of a
    finer schema lies wholly in one of a coarser, so nothing is spread or guessed.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="latency_grid")
    if "service" not in frame.columns:
        frame = frame.with_columns(service=pl.lit(None, pl.String))
    native = _native(frame, conventions)
    classic = _classic(frame, conventions).join(
        native.select("service").unique(), on="service", how="anti", nulls_equal=True
    )
    length = parse_duration(every)
    start = (pl.col("timestamp").to_physical() // length * length).cast(pl.Datetime("ns", "UTC"))
    both = pl.concat([part.select(*_GRID) for part in (classic, native)])
    grid = both.group_by(start.alias("timestamp"), "lower", "upper").agg(pl.col("count").sum())
    return like(grid.filter(pl.col("count") > 0).select(*_GRID).sort("timestamp", "lower", "upper"), series)


def _classic(frame: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Differences between neighbouring bounds, which count cumulatively."""
    keys = ["service", "tenant", "route", "timestamp"]
    counted = bucket_increases(frame, conventions)
    counted = counted.group_by(*keys, "le").agg(pl.col("increase").sum()).sort(*keys, "le")
    below = pl.col("increase").shift(1).over(keys).fill_null(0.0)
    return counted.select(
        "timestamp",
        "service",
        pl.col("le").shift(1).over(keys).fill_null(0.0).alias("lower"),
        pl.col("le").alias("upper"),
        (pl.col("increase") - below).clip(lower_bound=0.0).alias("count"),
    )


def _native(frame: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """What each bucket of the native histograms counted since the sample before."""
    order = {name: rank for rank, name in enumerate(conventions.request_histograms)}
    if "histogram" not in frame.columns:
        return pl.DataFrame(schema={**_GRID, "service": pl.String})
    rank = pl.col("metric").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    rows = frame.filter(pl.col("metric").is_in(list(order)), pl.col("histogram").is_not_null())
    rows = rows.filter(rank == rank.min().over("service"))
    key = "series_id" if "series_id" in rows.columns else "metric"
    rows = rows.sort(key, "timestamp").select(
        "timestamp",
        "service",
        "metric",
        pl.col(key).alias("key"),
        pl.col("histogram").struct.field("count").alias("total"),
        pl.col("histogram").struct.field("buckets").alias("bucket"),
    )
    before, total = pl.col("timestamp").shift(1).over("key"), pl.col("total").shift(1).over("key")
    rows = rows.with_columns(
        before.alias("before"),
        (pl.col("total") < total).fill_null(False).alias("reset"),
        (pl.col("timestamp") > pl.col("timestamp").min()).alias("born"),
    )
    cells = _merged(rows.explode("bucket").drop_nulls("bucket").unnest("bucket"))
    was = cells.select(
        "key", pl.col("timestamp").alias("before"), "lower", "upper", pl.col("count").alias("was")
    )
    cells = cells.join(was, on=["key", "before", "lower", "upper"], how="left")
    grown = (pl.col("count") - pl.col("was").fill_null(0.0)).clip(lower_bound=0.0)
    first = pl.when("born").then("count").otherwise(0.0)  # what a series counted before is unknown
    counted = pl.when("reset").then("count").when(pl.col("before").is_null()).then(first).otherwise(grown)
    unit = pl.when(pl.col("metric").str.contains("milliseconds")).then(1_000.0).otherwise(1.0)
    return cells.select("timestamp", "service", pl.col("lower", "upper") / unit, counted.alias("count"))


def _merged(cells: pl.DataFrame) -> pl.DataFrame:
    """Buckets of exponential schemas in the coarsest of them, others as they are; none below zero."""
    keys = ["key", "timestamp", "service", "metric", "before", "reset", "born"]
    positive = cells.filter(pl.col("lower") > 0, pl.col("upper").is_finite())
    ratio = (pl.col("upper").log(2) - pl.col("lower").log(2)).log(2)
    schemas = -positive.select(ratio).to_series()
    lower, upper = pl.col("lower").clip(lower_bound=0.0), pl.col("upper")
    if schemas.len() and float((schemas - schemas.round()).abs().max() or 0.0) < 1e-6:  # type: ignore[arg-type]  # floats
        low, high = (
            float(value) for value in positive.select(pl.col("lower").min(), pl.col("upper").max()).row(0)
        )
        fits = math.floor(math.log2(_MOST_ROWS / max(math.log2(high / low), 1e-9)))
        step = 2.0 ** -min(round(schemas.min()), fits)  # type: ignore[arg-type]  # a float, not empty
        place = (pl.col("upper").log(2) / step - 1e-6).ceil() * step
        inside = (pl.col("lower") > 0) & pl.col("upper").is_finite()
        floor = 2.0 ** (math.floor(math.log2(low) / step + 1e-6) * step)
        lower = pl.when(inside).then(pl.lit(2.0).pow(place - step)).otherwise(lower)
        upper = (
            pl.when(inside)
            .then(pl.lit(2.0).pow(place))
            .when(pl.col("lower") <= 0)
            .then(floor)
            .otherwise("upper")
        )
    return (
        cells.filter(pl.col("upper") > 0)
        .with_columns(lower.alias("lower"), upper.alias("upper"))
        .group_by(*keys, "lower", "upper")
        .agg(pl.col("count").sum())
    )
