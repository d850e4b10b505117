"""Histograms in SERIES frames, native and classic: count, sum, average, quantile, fraction, heat map.

The rules are PromQL's (its functions ``histogram_count``, ``histogram_sum``, ``histogram_avg``,
``histogram_quantile``, ``histogram_fraction``), so that a frozen frame answers what the server would have
answered. A classic histogram is its ``x_bucket`` series, and ``x_sum`` where the frame has that too; it
bears the name ``x``, and the ``series_id`` of its highest bound.

Every function takes ``counters``: whether histograms count up from their start, so that what was
counted between two samples is wanted (the first sample then gives no row, and after a reset the
later one is taken whole), or hold what is wanted as they are. None, the default, takes for
counters what bears a plain metric name, which ``rate(x[1m])`` and whatever else a server computes lose;
a gauge histogram needs ``counters=False``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import polars as pl

from obsnb.analysis.border import like
from obsnb.analysis.histogram_positions import fraction_of, quantile_of
from obsnb.analysis.histogram_rows import Histogram, read_histograms
from obsnb.errors import UsageError

__all__ = [
    "heat_map",
    "histogram_average",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_sum",
]


def histogram_count(series: Any, *, counters: bool | None = None) -> Any:
    """How many observations each histogram of a SERIES frame holds.

    Parameters
    ----------
    series
        SERIES with native histograms (``histogram``), classic ones (``le``), or both. Of several samples
        of one ``series_id`` at one time the last counts; without ids, buckets with the same labels are
        added up.
    counters
        See above: whether the histograms count up from their start.

    Returns
    -------
    frame
        A row a histogram and time: timestamp, series_id, interval_s (Float64, seconds since the sample
        before; null where the histogram was taken as it is), metric, the labels, value (Float64).

    Raises
    ------
    FrameError
        The frame has rows and no histograms, or is no SERIES.
    """
    return _values(series, counters, "histogram_count", lambda one: one.count)


def histogram_sum(series: Any, *, counters: bool | None = None) -> Any:
    """The sum of the observations, in their unit; NaN where a classic histogram came without its ``x_sum``.

    Parameters, columns and errors are `histogram_count`'s.
    """
    return _values(series, counters, "histogram_sum", lambda one: one.total)


def histogram_average(series: Any, *, counters: bool | None = None) -> Any:
    """Sum divided by count; NaN where nothing was observed or the sum is not known.

    Parameters, columns and errors are `histogram_count`'s.
    """
    return _values(
        series, counters, "histogram_average", lambda one: one.total / one.count if one.count else math.nan
    )


def histogram_quantile(series: Any, q: float, *, counters: bool | None = None) -> Any:
    """The q-quantile of each histogram, as PromQL's ``histogram_quantile`` interpolates it.

    Within a native histogram's bucket the logarithm is interpolated (Prometheus 3; Prometheus 2
    interpolates the value), within its zero bucket and a classic bucket the value. A quantile in
    the bucket up to infinity is that bucket's lower bound. NaN: nothing was observed, or a classic
    histogram lacks its bound ``+Inf``.

    Parameters
    ----------
    series, counters
        As `histogram_count` takes them.
    q
        Between 0 and 1; below gives -inf, above inf, as in PromQL.

    Returns
    -------
    frame
        The columns of `histogram_count`, the value in the unit of what was observed.

    Examples
    --------
    >>> import polars as pl
    >>> series = pl.DataFrame({"timestamp": [0] * 3, "metric": "x_bucket", "le": ["1", "2", "+Inf"],
    ...     "value": [1.0, 3.0, 4.0]}).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    >>> histogram_quantile(series, 0.5, counters=False).select("metric", "value").rows()
    [('x', 1.5)]
    """
    return _values(series, counters, "histogram_quantile", lambda one: quantile_of(one, q))


def histogram_fraction(series: Any, lower: float, upper: float, *, counters: bool | None = None) -> Any:
    """The share of the observations above `lower` and up to `upper`, between 0 and 1.

    Interpolated like `histogram_quantile`. Infinite bounds are allowed; NaN where nothing was observed.
    Parameters, columns and errors are otherwise `histogram_count`'s.
    """
    return _values(series, counters, "histogram_fraction", lambda one: fraction_of(one, lower, upper))


def heat_map(series: Any, *, every: str | None = None, counters: bool | None = None) -> Any:
    """Observations by time and bucket, tidy, for a heat map.

    Parameters
    ----------
    series, counters
        As `histogram_count` takes them. Narrow the frame to one metric first: the buckets of all its
        histograms with the same bounds are added up.
    every
        Add up by intervals of this length (``"1m"``), bearing their start; counters only, as rates do
        not add up over time. None: as the samples lie.

    Returns
    -------
    frame
        timestamp, metric, lower (Float64, -inf for a lowest bucket without an end), upper (Float64, inf for
        the highest), count (Float64: observations in the interval; where a server computed them, what
        it computed, such as a rate), sorted by metric, time and bound.

    Raises
    ------
    UsageError
        `every` was asked for what was not counted between samples, or is no length of time.
    FrameError
        As in `histogram_count`.
    """
    found, kinds = read_histograms(series, counters=counters, what="heat_map")
    if every is not None and any(one.interval_s is None for one in found):
        raise UsageError(
            "heat_map(every=...) adds up counts, and this frame holds histograms taken as they are.",
            hint="Ask for the counters themselves, such as x_bucket without rate(), or leave every= out.",
        )
    metric = list(kinds).index("metric")
    rows = [
        (one.at_ns, one.key[metric], bucket.lower, bucket.upper, bucket.count)
        for one in found
        for bucket in one.buckets
    ]
    number = dict.fromkeys(("lower", "upper", "count"), pl.Float64)
    frame = _timed(pl.DataFrame(rows, {"timestamp": pl.Int64, "metric": pl.String, **number}, orient="row"))
    if every is not None:
        try:
            frame = frame.with_columns(pl.col("timestamp").dt.truncate(every))
        except pl.exceptions.PolarsError:
            raise UsageError(
                f"heat_map(every={every!r}) is no length of time.", hint='Write one such as "30s" or "5m".'
            ) from None
    keys = ["metric", "timestamp", "lower", "upper"]
    out = frame.group_by(keys).agg(pl.col("count").sum()).sort(keys)
    return like(out.select("timestamp", "metric", "lower", "upper", "count"), series)


def _values(series: Any, counters: bool | None, what: str, of: Callable[[Histogram], float]) -> Any:
    found, kinds = read_histograms(series, counters=counters, what=what)
    rows = [(one.at_ns, one.series_id, one.interval_s, *one.key, of(one)) for one in found]
    columns: dict[str, Any] = {"timestamp": pl.Int64, "series_id": pl.String, "interval_s": pl.Float64}
    columns |= kinds | {"value": pl.Float64}
    return like(_timed(pl.DataFrame(rows, schema=columns, orient="row")), series)


def _timed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
