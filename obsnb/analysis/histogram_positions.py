"""Where in a histogram an observation lies: quantiles and shares, by Prometheus' rules.

The rules are those of PromQL's ``histogram_quantile`` and ``histogram_fraction`` since Prometheus 3: within a
native histogram's bucket the logarithm is interpolated, within its zero bucket, a bucket of custom bounds
and a classic bucket the value itself. Prometheus 2 interpolates linearly within native buckets as well.
"""

from __future__ import annotations

import math
from dataclasses import replace

from obsnb.analysis.histogram_rows import Bucket, Histogram

__all__ = ["fraction_of", "quantile_of"]


def quantile_of(histogram: Histogram, q: float) -> float:
    """The q-quantile; -inf and inf for q below 0 and above 1, NaN where nothing was counted."""
    if math.isnan(q):
        return math.nan
    if not 0 <= q <= 1:
        return -math.inf if q < 0 else math.inf
    return _native_quantile(histogram, q) if histogram.native else _classic_quantile(histogram, q)


def fraction_of(histogram: Histogram, lower: float, upper: float) -> float:
    """The share of observations above `lower` and up to `upper`; NaN where nothing was counted."""
    if math.isnan(lower) or math.isnan(upper) or not histogram.count > 0:
        return math.nan
    if not histogram.native and not _has_top(histogram):
        return math.nan
    if lower >= upper:
        return 0.0
    return (_count_up_to(histogram, upper) - _count_up_to(histogram, lower)) / histogram.count


def _native_quantile(histogram: Histogram, q: float) -> float:
    filled = [_narrowed(bucket, histogram) for bucket in histogram.buckets if bucket.count > 0]
    if not histogram.count > 0 or not filled:
        return math.nan
    # Observations that are NaN lie in no bucket: the rank is then counted from below only.
    upwards = q < 0.5 or math.isnan(histogram.total)
    rank = (q if upwards else 1.0 - q) * histogram.count
    count = 0.0
    for bucket in filled if upwards else reversed(filled):
        count += bucket.count
        if count >= rank:
            break
    count = min(count, histogram.count)
    if count < rank:
        return math.nan if math.isnan(histogram.total) else (filled[-1].upper if upwards else filled[0].lower)
    exponential = histogram.exponential
    if not exponential and math.isinf(bucket.lower):
        return bucket.upper
    if not exponential and math.isinf(bucket.upper):
        return bucket.lower
    into = rank - (count - bucket.count) if upwards else count - rank
    return _at(bucket, into / bucket.count, exponential=exponential)


def _classic_quantile(histogram: Histogram, q: float) -> float:
    buckets = histogram.buckets
    if not _has_top(histogram) or len(buckets) < 2 or not histogram.count > 0:
        return math.nan
    rank, below = q * histogram.count, 0.0
    for bucket in buckets[:-1]:
        if below + bucket.count >= rank:
            if bucket.lower == -math.inf:
                return bucket.upper
            # An empty first bucket answers the rank 0: Prometheus divides zero by zero there.
            return math.nan if not bucket.count else _at(bucket, (rank - below) / bucket.count)
        below += bucket.count
    return buckets[-2].upper


def _has_top(histogram: Histogram) -> bool:
    return bool(histogram.buckets) and histogram.buckets[-1].upper == math.inf


def _count_up_to(histogram: Histogram, value: float) -> float:
    """How many observations lie at or below a value, interpolated within the bucket that holds it."""
    exponential, count = histogram.exponential, 0.0
    for raw in histogram.buckets:
        bucket = _narrowed(raw, histogram)
        if value >= bucket.upper:
            count += bucket.count
        elif value > bucket.lower:
            return count + bucket.count * _share(bucket, value, exponential=exponential)
    return count


def _narrowed(bucket: Bucket, histogram: Histogram) -> Bucket:
    """The zero bucket without its side where the histogram has nothing else."""
    if not (histogram.native and bucket.lower < 0 < bucket.upper and math.isfinite(bucket.lower)):
        return bucket
    below = any(other.upper < 0 for other in histogram.buckets)
    above = any(other.lower > 0 for other in histogram.buckets)
    if above and not below:
        return replace(bucket, lower=0.0)
    if below and not above:
        return replace(bucket, upper=0.0)
    return bucket


def _at(bucket: Bucket, share: float, *, exponential: bool = False) -> float:
    """The value that has this share of a bucket below it."""
    if not exponential or bucket.lower <= 0 <= bucket.upper:
        return bucket.lower + (bucket.upper - bucket.lower) * share
    low, high = math.log2(abs(bucket.lower)), math.log2(abs(bucket.upper))
    size: float = 2.0 ** (low + (high - low) * share)
    return size if bucket.lower > 0 else -size


def _share(bucket: Bucket, value: float, *, exponential: bool) -> float:
    """The share of a bucket that lies below a value in it; nothing of one without a finite end."""
    if math.isinf(bucket.upper):
        return 0.0
    if math.isinf(bucket.lower):
        return 1.0
    if not exponential or bucket.lower <= 0 <= bucket.upper:
        return (value - bucket.lower) / (bucket.upper - bucket.lower)
    low, high = math.log2(abs(bucket.lower)), math.log2(abs(bucket.upper))
    return (math.log2(abs(value)) - low) / (high - low)
