"""Which of two windows a moment lies in."""

from __future__ import annotations

import polars as pl

from obsnb.timerange import TimeRange

__all__ = ["side"]


def side(ns: pl.Series, during: TimeRange, baseline: TimeRange | None) -> pl.Series:
    """``during``: true inside the incident, false inside the baseline, null in neither."""
    inside = ns.is_between(during.start_ns, during.end_ns, closed="left")
    if baseline is None:
        return inside.set(~inside, None).alias("during")
    before = ns.is_between(baseline.start_ns, baseline.end_ns, closed="left")
    return inside.set(~(inside | before), None).alias("during")
