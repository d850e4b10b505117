"""The error budget that an incident used, counted where nothing was sampled."""

from __future__ import annotations

import re

import polars as pl

from obsnb.analysis.requests import request_counts
from obsnb.conventions import Conventions
from obsnb.errors import UsageError
from obsnb.timerange import TimeRange

__all__ = ["error_budget", "whole_counters"]

#: Counters that are made of spans: Tempo's metrics generator's and the Collector's span metrics. Where spans
#: are sampled before them, they count only those that were kept.
_OF_SPANS = re.compile(r"^(?:traces?_|span_?metrics_|calls_total$|duration_milliseconds_)")

#: measure, during, before, unit, how
Row = tuple[str, float | None, float | None, str, str]


def whole_counters(series: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """The samples of request counters that count every request, made of no spans."""
    names = [name for name in conventions.request_counters if not _OF_SPANS.match(name)]
    return series.filter(pl.col("metric").is_in(names))


def error_budget(
    series: pl.DataFrame,
    during: TimeRange,
    baseline: TimeRange | None,
    *,
    objective: float,
    days: float,
    conventions: Conventions,
) -> list[Row]:
    """Rows for `obsnb.impact`: the minutes of error budget used, and the share of the budget that they are.

    A minute in which every request fails uses a minute, one in which a tenth fails a tenth of it: the
    failed share times the incident's length. An objective of 99.9 % in 30 days allows 43.2 such minutes
    (Google, Site Reliability Engineering, chapter 3, "Embracing Risk").

    Raises
    ------
    UsageError
        The objective is no share below 1, or its days are none.
    """
    if not 0 < objective < 1 or not days > 0:
        raise UsageError(
            f"An objective of {objective:g} in {days:g} days is none.",
            hint="It is a share of requests below 1, such as 0.999, over a number of days.",
        )
    allowed = (1 - objective) * days * 1440
    said = f"an objective of {100 * objective:.10g} % in {days:g} days allows {allowed:.4g} minutes"
    whole = whole_counters(series, conventions)
    counts = request_counts(whole, conventions=conventions)
    share = _failed_share(counts, during)
    if share is None:
        spans = (
            series.filter(pl.col("metric").is_in(list(conventions.request_counters))).height > whole.height
        )
        why = (
            "the only request counters are made of spans, which may have been sampled"
            if spans
            else "no request counter has samples in the incident"
        )
        return [("error budget used", None, None, "minutes", f"not known: {why}; {said}")]
    before = None if baseline is None else _failed_share(counts, baseline)
    used = share * during.duration_s / 60
    used_before = None if before is None or baseline is None else before * baseline.duration_s / 60
    how = f"the failed share of requests ({100 * share:.3g} %) times the duration; {said}"
    return [
        ("error budget used", used, used_before, "minutes", how),
        (
            "share of the error budget",
            used / allowed,
            None if used_before is None else used_before / allowed,
            "share",
            f"of {allowed:.4g} minutes, as if requests came evenly all the {days:g} days; "
            "what failed outside the window is not in it",
        ),
    ]


def _failed_share(counts: pl.DataFrame, window: TimeRange) -> float | None:
    ns = pl.col("timestamp").to_physical()
    inside = counts.filter(ns.is_between(window.start_ns, window.end_ns, closed="right"))
    total = float(inside["count"].sum())
    return float(inside.filter("failed")["count"].sum()) / total if total > 0 else None
