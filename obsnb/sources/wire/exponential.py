"""Exponential histograms: added up, and with the bounds of their buckets.

A bucket of scale s and index i holds what is above ``base ** i`` and up to ``base ** (i + 1)``, where base
is ``2 ** (2 ** -s)`` (OpenTelemetry's metrics data model, ExponentialHistogram).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Exponential"]

#: The finest scale that Prometheus keeps (its schema 8), and its zero bucket's width where none is told.
_FINEST = 8
_ZERO_WIDTH = 1e-128


@dataclass(frozen=True)
class Exponential:
    """The state of an exponential histogram.

    Attributes
    ----------
    count, total
        How many observations, and their sum.
    scale
        How fine its buckets are; one less halves their number.
    zero_count, zero_width
        How many lie that near to zero.
    above, below
        Index → how many, of what is above and below zero.
    """

    count: float = 0.0
    total: float = 0.0
    scale: int = _FINEST
    zero_count: float = 0.0
    zero_width: float = 0.0
    above: Mapping[int, float] = field(default_factory=dict)
    below: Mapping[int, float] = field(default_factory=dict)

    @classmethod
    def of_point(cls, point: Any) -> Exponential:
        """The state that an ``ExponentialHistogramDataPoint`` tells of."""
        state = cls(
            count=float(point.count),
            total=float(point.sum or 0.0),
            scale=point.scale,
            zero_count=float(point.zero_count),
            zero_width=float(point.zero_threshold),
            above=_counts(point.positive),
            below=_counts(point.negative),
        )
        return state.coarser(min(state.scale, _FINEST))

    def coarser(self, scale: int) -> Exponential:
        """The same in the buckets of a scale that is not finer."""
        by = self.scale - scale
        if by <= 0:
            return self
        above, below = (
            _added({}, ((index >> by, count) for index, count in side.items()))
            for side in (self.above, self.below)
        )
        return Exponential(self.count, self.total, scale, self.zero_count, self.zero_width, above, below)

    def plus(self, other: Exponential) -> Exponential:
        """Both, in the buckets of the coarser."""
        scale = min(self.scale, other.scale)
        one, two = self.coarser(scale), other.coarser(scale)
        return Exponential(
            one.count + two.count,
            one.total + two.total,
            scale,
            one.zero_count + two.zero_count,
            max(one.zero_width, two.zero_width),
            _added(one.above, two.above.items()),
            _added(one.below, two.below.items()),
        )

    def to_wire(self) -> dict[str, Any]:
        """As Prometheus answers it: the buckets that hold something, in order.

        A rule says which bounds are in: 0 the upper, 1 the lower, 3 both.
        """
        width = self.zero_width or _ZERO_WIDTH
        rows = [
            (1, -self._bound(index + 1), -self._bound(index), count)
            for index, count in sorted(self.below.items(), reverse=True)
        ]
        rows.append((3, -width, width, self.zero_count))
        rows += [
            (0, self._bound(index), self._bound(index + 1), count)
            for index, count in sorted(self.above.items())
        ]
        buckets = [[rule, *map(repr, numbers)] for rule, *numbers in rows if numbers[-1]]
        return {"count": repr(self.count), "sum": repr(self.total), "buckets": buckets}

    def _bound(self, index: int) -> float:
        try:
            return float(2.0 ** (index * 2.0**-self.scale))
        except OverflowError:
            return float("inf")


def _counts(side: Any) -> dict[int, float]:
    return {side.offset + place: float(count) for place, count in enumerate(side.bucket_counts) if count}


def _added(base: Mapping[int, float], more: Any) -> dict[int, float]:
    counts = Counter(dict(base))
    for index, count in more:
        counts[index] += count
    return dict(counts)
