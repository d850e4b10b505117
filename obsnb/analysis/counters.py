"""Counters and histograms: what was counted between samples, and quantiles of buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.schema import SERIES

__all__ = ["each_once", "increases", "quantile_of_buckets", "series_key"]


def series_key(frame: pl.DataFrame) -> list[str]:
    """The columns that tell the series of a frame apart: their ids, else every column of text."""
    ids = ["series_id"] if "series_id" in frame.columns else []
    nameless = frame["series_id"].is_null() if ids else pl.Series([], dtype=pl.Boolean)
    if ids and not ("metric" in frame.columns and (nameless & frame["metric"].is_not_null()).any()):
        return ids  # what has neither id nor metric is no sample of any series
    texts = [name for name in frame.columns if frame.schema[name] == pl.String]
    return list(dict.fromkeys([*ids, *texts]))


def each_once(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    """The samples by series and time; of several of one series at one time the last, none without a time."""
    ordered = frame.drop_nulls("timestamp").sort(*key, "timestamp", maintain_order=True)
    same = [pl.col(name).eq_missing(pl.col(name).shift(-1)) for name in (*key, "timestamp")]
    return ordered.filter(~pl.all_horizontal(same) | (pl.int_range(pl.len()) == pl.len() - 1))


def increases(series: Any) -> Any:
    """What each counter of a SERIES frame counted since its sample before.

    A value below the one before is a reset, after which the counter began at zero. A counter that
    first appears after the frame's own first sample was born in between and began at zero too; what
    the others had counted before the frame begins is unknown and counts as zero. Nothing is
    extrapolated, unlike PromQL's ``increase``, so whole counts stay whole.

    Parameters
    ----------
    series
        SERIES: needs timestamp, value and series_id (else metric, service and every other column of
        text tell the series apart).

    Returns
    -------
    frame
        The same rows sorted by series and time, with ``increase`` (Float64, the counter's unit).
        Samples that are not finite or have no time are left out, of several at one time the last counts.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "value"), what="increases")
    if "series_id" not in frame.columns:
        SERIES.check(frame.columns, needs=("metric",), what="increases")
    key = series_key(frame)
    frame = each_once(frame.filter(pl.col("value").is_finite()), key)
    before = pl.col("value").shift(1).over(key)
    born_inside = pl.col("timestamp") > pl.col("timestamp").min()
    increase = (
        pl.when(before.is_null())
        .then(pl.when(born_inside).then(pl.col("value")).otherwise(0.0))
        .when(pl.col("value") < before)
        .then(pl.col("value"))
        .otherwise(pl.col("value") - before)
    )
    return like(frame.with_columns(increase.alias("increase")), series)


def quantile_of_buckets(buckets: pl.DataFrame, q: float) -> float | None:
    """The q-quantile of a classic histogram, by linear interpolation within its bucket.

    The method of PromQL's ``histogram_quantile``: the lowest bucket begins at zero, and a quantile
    in the highest (infinite) bucket is that bucket's lower bound.

    Parameters
    ----------
    buckets
        Columns ``le`` (upper bound, Float64) and ``count`` (cumulative, Float64), one row a bound.
    q
        Between 0 and 1.

    Returns
    -------
    float or None
        In the histogram's unit; None where nothing was counted.
    """
    ordered = buckets.group_by("le").agg(pl.col("count").sum()).sort("le")
    bounds, counts = ordered["le"].to_list(), ordered["count"].cum_max().to_list()
    if not counts or counts[-1] <= 0:
        return None
    rank = q * counts[-1]
    below, lower = 0.0, 0.0
    for upper, count in zip(bounds, counts, strict=True):
        if count >= rank and count > below:
            if upper == float("inf"):
                return float(lower)
            return float(lower + (upper - lower) * (rank - below) / (count - below))
        below, lower = count, upper
    return float(lower)
