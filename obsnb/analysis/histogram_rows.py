"""Histograms of both kinds in one form: a row a histogram and time, its buckets side by side.

Native ones come in SERIES' ``histogram`` column; classic ones are a cumulative series a bound (``le``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.counters import each_once
from obsnb.errors import FrameError
from obsnb.schema import SERIES

__all__ = ["Bucket", "Histogram", "identity_columns", "read_histograms"]

_NS = 1_000_000_000
_OWN = ("timestamp", "series_id", "value", "histogram", "le", "label.le")
#: Prometheus' standard schemas: the base-2 logarithms of their bounds are the multiples of 2 ** -schema.
_SCHEMAS = range(-4, 9)
#: The base-2 logarithm of the largest float, but for what a float cannot tell.
_HIGHEST = 1024 - 1e-6


@dataclass(frozen=True)
class Bucket:
    """Observations above `lower` and up to `upper`."""

    lower: float
    upper: float
    count: float


@dataclass(frozen=True)
class Histogram:
    """One histogram at one time.

    Attributes
    ----------
    key
        The values of the `identity_columns`.
    at_ns
        Its time.
    series_id
        Its series, of a classic one that of the highest bound.
    native
        Whether its buckets are a native histogram's.
    count, total
        Observations and their sum (NaN where it is not known).
    buckets
        From low to high, each with its own count (not cumulative).
    interval_s
        The seconds since the sample before, where it holds what was counted between the two.
    """

    key: tuple[Any, ...]
    at_ns: int
    series_id: str | None
    native: bool
    count: float
    total: float
    buckets: tuple[Bucket, ...]
    interval_s: float | None = None

    @property
    def exponential(self) -> bool:
        """Whether the buckets grow as those of a standard schema; native ones may have bounds of any kind."""
        if not self.native:
            return False
        around = [bucket for bucket in self.buckets if bucket.lower <= 0 <= bucket.upper]
        if any(bucket.lower != -bucket.upper for bucket in around):  # a zero bucket lies evenly around it
            return False
        outside = [bucket for bucket in self.buckets if not bucket.lower <= 0 <= bucket.upper]
        ends = [sorted((abs(bucket.lower), abs(bucket.upper))) for bucket in outside]
        return any(all(_fits(near, far, schema) for near, far in ends) for schema in _SCHEMAS)


def _fits(near: float, far: float, schema: int) -> bool:
    """Whether a bucket's bounds follow one another in a schema, which reaches infinity where floats do."""
    step = 2.0**-schema
    place = math.log2(near) / step
    on_grid = math.isclose(place, round(place), rel_tol=0, abs_tol=1e-6)
    if math.isinf(far):
        return on_grid and math.log2(near) + step > _HIGHEST
    return on_grid and math.isclose(far / near, 2.0**step, rel_tol=1e-9)


def identity_columns(frame: pl.DataFrame) -> list[str]:
    """The columns that tell one histogram of a SERIES frame from another."""
    return [name for name in frame.columns if name not in _OWN]


def read_histograms(
    series: Any, *, counters: bool | None, what: str
) -> tuple[list[Histogram], dict[str, pl.DataType]]:
    """Every histogram of a frame, by key and time, and the type of each of its identity columns.

    Parameters
    ----------
    series
        SERIES with a ``histogram`` column, an ``le`` column, or both.
    counters
        True: histograms have counted since their start, and what was counted between two samples is
        wanted; False: they are taken as they are; None: True for those whose series bears a plain
        metric name, which whatever a server computes has lost.
    what
        The public function, for messages.

    Raises
    ------
    FrameError
        It is no SERIES, or has rows and neither column.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what=what)
    bound = next((name for name in ("le", "label.le") if name in frame.columns), None)
    if bound is None and "histogram" not in frame.columns and frame.height:
        raise FrameError(
            f"{what} needs histograms; the frame has neither a histogram column nor a label le.",
            hint="Ask for a native histogram, or for a classic one's buckets: "
            "obs.metrics('rate(x_bucket[1m])', ...).",
        )
    if "series_id" not in frame.columns:
        frame = frame.with_columns(series_id=pl.lit(None, pl.String))
    frame = frame.drop_nulls("timestamp")
    if not frame["series_id"].null_count():
        frame = each_once(frame, ["series_id"])
    names = identity_columns(frame)
    found = [*_native(frame, names)]
    if bound is not None:
        found += _classic(frame, names, bound)
    found.sort(key=lambda one: (tuple((value is not None, str(value)) for value in one.key), one.at_ns))
    return list(_counted(found, names, counters)), {name: frame.schema[name] for name in names}


def _native(frame: pl.DataFrame, names: Sequence[str]) -> Iterator[Histogram]:
    if "histogram" not in frame.columns:
        return
    rows = frame.filter(pl.col("histogram").is_not_null())
    at = rows["timestamp"].cast(pl.Int64)
    for ns, row in zip(at, rows.select(*names, "series_id", "histogram").iter_rows(named=True), strict=True):
        one = row["histogram"]
        buckets = (Bucket(item["lower"], item["upper"], item["count"]) for item in one["buckets"] or ())
        ordered = tuple(sorted(buckets, key=lambda bucket: (bucket.lower, bucket.upper)))
        key = tuple(row[name] for name in names)
        yield Histogram(key, ns, row["series_id"], True, one["count"], one["sum"], ordered)


def _classic(frame: pl.DataFrame, names: Sequence[str], bound: str) -> Iterator[Histogram]:
    ns = pl.col("timestamp").cast(pl.Int64).alias("ns")
    upper = pl.col(bound).str.replace(r"^\+Inf$", "inf").cast(pl.Float64, strict=False).alias("upper")
    short = pl.col("metric").str.replace(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)_(?:bucket|sum)$", "$1")
    metric = frame["metric"]
    sums = frame.filter(metric.str.contains(r"^[a-zA-Z_:][a-zA-Z0-9_:]*_sum$") & frame[bound].is_null())
    keyed = sums.select(ns, short.alias("metric"), *[name for name in names if name != "metric"], "value")
    totals = {
        (row[0], *(row[1 + keyed.columns[1:-1].index(name)] for name in names)): row[-1]
        for row in keyed.iter_rows()
    }
    rows = frame.with_columns(ns, upper, short).drop_nulls(["upper", "value"])
    rows = rows.filter(pl.col("value").is_finite()).sort("ns", "upper", maintain_order=True)
    grouped = rows.group_by("ns", *names, maintain_order=True).agg("upper", "value", "series_id")
    for row in grouped.iter_rows(named=True):
        key = tuple(row[name] for name in names)
        buckets = tuple(_own_counts(row["upper"], row["value"]))
        count = sum(bucket.count for bucket in buckets)
        total = totals.get((row["ns"], *key), math.nan)
        yield Histogram(key, row["ns"], row["series_id"][-1], False, count, total, buckets)


def _own_counts(uppers: Sequence[float], cumulative: Sequence[float]) -> Iterator[Bucket]:
    """Buckets of their own counts; a bound written twice is one, a count below the last is raised to it."""
    counts: dict[float, float] = {}
    for upper, count in zip(uppers, cumulative, strict=True):
        counts[upper] = counts.get(upper, 0.0) + count
    below, lower = 0.0, -math.inf
    for place, (upper, count) in enumerate(sorted(counts.items())):
        if place == 0 and upper > 0:
            lower = 0.0
        reached = max(count, below)
        yield Bucket(lower, upper, reached - below)
        below, lower = reached, upper


def _counted(found: Sequence[Histogram], names: Sequence[str], counters: bool | None) -> Iterator[Histogram]:
    metric = names.index("metric")
    before: Histogram | None = None
    for one in found:
        if counters is False or (counters is None and not _is_name(one.key[metric])):
            yield one
            continue
        if before is not None and (before.key, before.native) == (one.key, one.native):
            yield _between(before, one)
        before = one


def _is_name(metric: str | None) -> bool:
    return metric is not None and metric.replace(":", "_").isidentifier() and metric.isascii()


def _between(before: Histogram, now: Histogram) -> Histogram:
    """What was counted between two samples; all of the later one where the histogram began anew."""
    interval = (now.at_ns - before.at_ns) / _NS
    taken = [0.0] * len(now.buckets)
    for old in before.buckets:
        if old.count == 0:
            continue
        place = next(
            (i for i, new in enumerate(now.buckets) if new.lower <= old.lower and old.upper <= new.upper),
            None,
        )
        if place is None:
            return replace(now, interval_s=interval)
        taken[place] += old.count
    pairs = list(zip(now.buckets, taken, strict=True))
    if now.count < before.count or any(bucket.count < less for bucket, less in pairs):
        return replace(now, interval_s=interval)
    buckets = tuple(replace(bucket, count=bucket.count - less) for bucket, less in pairs)
    return replace(
        now,
        count=now.count - before.count,
        total=now.total - before.total,
        buckets=buckets,
        interval_s=interval,
    )
