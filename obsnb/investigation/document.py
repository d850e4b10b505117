"""From an investigation's frames to a post-mortem: charts, impact, and what was counted from what."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from obsnb.analysis.requests import latency_quantiles_over_time, request_counts
from obsnb.conventions import Conventions
from obsnb.ledger import QueryRecord
from obsnb.report.postmortem import Chart, ImpactRow
from obsnb.timerange import TimeRange

__all__ = ["charts", "impact_rows", "sampling"]

#: What a measure is called where it stands alone.
_IN_FULL = {"95th percentile": "95th percentile of the time a request took"}

#: About how many points a chart shows.
_POINTS = 120
_NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400)


def impact_rows(impact: pl.DataFrame) -> tuple[ImpactRow, ...]:
    """The rows of `obsnb.impact`, each as it is called where it stands alone."""
    assumed = {"error budget used": "; the objective is assumed"}
    return tuple(
        ImpactRow(
            measure=_IN_FULL.get(row["measure"], row["measure"]),
            value=row["during"],
            unit=row["unit"],
            how=row["how"] + assumed.get(row["measure"], ""),
            before=row["before"],
            names=tuple(row["names"] or ()),
        )
        for row in impact.iter_rows(named=True)
    )


def charts(
    series: pl.DataFrame, occurrences: pl.DataFrame, window: TimeRange, conventions: Conventions
) -> tuple[Chart, ...]:
    """Requests, failures, latency and errors over the window, as far as there is something to draw.

    Parameters
    ----------
    series
        SERIES in which each request is counted once.
    occurrences
        timestamp, one row an occurrence of an error.
    """
    every = _nice(window.duration_s / _POINTS)
    drawn = []
    counts = request_counts(series, conventions=conventions)
    if counts.height:
        # An interval shorter than the samples are apart would hold none, and seem to be without requests.
        apart_s = _apart_s(series, conventions)
        drawn += _request_charts(counts, _told(counts, window, apart_s), max(every, _nice(apart_s)))
    if series.height:
        latency = latency_quantiles_over_time(series, every=f"{max(every, 60)}s", conventions=conventions)
        names = pl.format("{}th percentile", (pl.col("quantile") * 100).round().cast(pl.Int64))
        latency = latency.drop_nulls("value").with_columns(name=names, unit=pl.lit("s"))
        if latency.height:
            drawn.append(Chart("Time a request took", _series(latency), how="latency histograms"))
    if occurrences.height:
        errors = _over_time(
            occurrences.with_columns(count=pl.lit(1.0)), window, every, name="errors", unit="errors/min"
        )
        drawn.append(Chart("Errors", errors, bad=True, how="log lines and spans"))
    return tuple(chart for chart in drawn if chart.series.height)


def _told(counts: pl.DataFrame, window: TimeRange, apart_s: float) -> TimeRange:
    """The window from the counters' second samples on: what came before the first of them no sample tells."""
    first_ns: int = counts.select(pl.col("timestamp").to_physical().min()).item()
    second_ns = max(window.start_ns, first_ns + int(apart_s * 1e9))
    return TimeRange(min(second_ns, window.end_ns - 1), window.end_ns)


def _nice(least_s: float) -> int:
    return next((s for s in _NICE_S if s >= least_s), _NICE_S[-1])


def _apart_s(series: pl.DataFrame, conventions: Conventions) -> float:
    """How far apart most request counters' samples are, in seconds."""
    counters = series.filter(pl.col("metric").is_in(conventions.request_counters)).sort("timestamp")
    apart = counters.select(pl.col("timestamp").to_physical().diff().over("series_id")).to_series().median()
    return float(apart) / 1e9 if isinstance(apart, int | float) else 0.0


def _request_charts(counts: pl.DataFrame, window: TimeRange, every: int) -> list[Chart]:
    counted = "request counters"
    out = [
        Chart(
            "Requests", _over_time(counts, window, every, name="requests", unit="requests/min"), how=counted
        )
    ]
    failed = counts.filter("failed")
    if failed.height:
        rate = _over_time(failed, window, every, name="failed requests", unit="requests/min")
        out.append(Chart("Failed requests", rate, bad=True, how=f"{counted}, status 500 and above"))
    return out


def _over_time(counts: pl.DataFrame, window: TimeRange, every: int, *, name: str, unit: str) -> pl.DataFrame:
    """A rate a minute for every interval of the window, zero where nothing was counted.

    One that the window's end cuts short would look like a fall, so it is left out.
    """
    step = every * 10**9
    whole = [ns for ns in window.grid(step) if ns + step <= window.end_ns]
    begins = pl.DataFrame({"timestamp": whole}, schema={"timestamp": pl.Int64})
    sums = (
        counts.with_columns(timestamp=pl.col("timestamp").to_physical() // step * step)
        .group_by("timestamp")
        .agg(pl.col("count").sum())
    )
    rate = begins.join(sums, on="timestamp", how="left").with_columns(
        timestamp=pl.col("timestamp").cast(pl.Datetime("ns", "UTC")),
        name=pl.lit(name),
        value=pl.col("count").fill_null(0.0) * 60 / every,
        unit=pl.lit(unit),
    )
    return _series(rate)


def _series(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("timestamp", "name", pl.col("value").cast(pl.Float64), "unit").sort("timestamp")


def sampling(records: Iterable[QueryRecord]) -> str:
    """Which counts come from where, and which answers are only a selection."""
    asked = list(records)
    said = []
    if any(record.role == "requests.total" and record.rows for record in asked):
        said.append("For the impact, requests, failures and tenants are counted from metrics")
    else:
        said.append("There is no request counter in the metrics, so errors are counted from log lines")
    said.append("users are counted from log lines")
    traces = [record for record in asked if record.kind == "spans" and record.rows]
    if traces:
        said.append(
            "the traces are a selection (slow ones, failed ones and a sample): what is said of statements "
            "and calls holds for those"
        )
    return "; ".join(said) + "."
