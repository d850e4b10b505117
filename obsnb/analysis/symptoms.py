"""What people would notice, over time: error lines, failed spans, failed requests, latency."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl

from obsnb.analysis.counters import increases
from obsnb.analysis.failures import failures
from obsnb.analysis.requests import request_counts
from obsnb.conventions import DEFAULT, SEVERITY, Conventions
from obsnb.timerange import TimeRange

__all__ = ["buckets_of", "is_error_line", "log_symptoms", "series_symptoms", "span_symptoms"]

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_BUCKETS = 240  # of a window, about
_FREQUENT, _OPERATIONS = 40, 300  # spans of an operation, and operations, that are looked at one by one
_ERROR, _GRAVE = 17, 13  # severity numbers of error and warning
_ERROR_WORDS = r"(?i)\b(?:error|exception|fatal|critical|panic|traceback|failed|failure)\b"
_SYMPTOM: dict[str, Any] = {"service": pl.String, "signal": pl.String, "ns": pl.Int64, "level": pl.Float64}
_LATENCY_NAME = re.compile(r"(?i)latency|duration|response_?time|_p?(?:50|90|95|99)$")
_NOT_LATENCY = re.compile(r"(?i)_(?:bucket|count|sum|total)$|(?:^|_)(?:gc|process|scrape)_")
#: How histograms and timers of requests, messages and jobs are called: Prometheus' and Micrometer's.
_TIMED = r"(?:duration|latency|(?:requests|handling|listener|processing|execution)_seconds)"
_ERROR_NAME = re.compile(r"(?i)(?:^|[_\W])(?:errors?|failed|failures?|5xx|exceptions?)(?:[_\W]|$)")


def buckets_of(window: TimeRange) -> int:
    """Length in ns of the buckets that a window is looked at in: some 240, of a round length."""
    wanted = window.duration_s / _BUCKETS
    step = next((step for step in _STEPS_S if step >= wanted), None)
    return (step or int(wanted // 3600 + 1) * 3600) * 1_000_000_000


def is_error_line(logs: pl.DataFrame, *, least: int = _ERROR) -> pl.Series:
    """Whether a line's level, or without one its words, say that something went wrong."""
    grave = [name for name, number in SEVERITY.items() if number >= least]
    worded = logs["line"].str.contains(_ERROR_WORDS).fill_null(False)
    if "level" not in logs.columns:
        return worded
    level = logs["level"].str.to_lowercase()
    return level.is_null().fill_null(True) & worded | level.is_in(grave).fill_null(False)


def log_symptoms(logs: pl.DataFrame, *, window: TimeRange, step: int) -> pl.DataFrame:
    """Error lines and warnings counted per bucket, of each service and of all."""
    service = pl.col("service") if "service" in logs.columns else pl.lit(None, pl.String)
    lines = logs.select(
        pl.col("timestamp").to_physical().alias("ns"),
        service.fill_null("?").alias("service"),
        is_error_line(logs).alias("error"),
        is_error_line(logs, least=_GRAVE).alias("grave"),
    )
    parts = []
    for column, what in (("error", "error lines"), ("grave", "error lines and warnings")):
        parts += _of_each_and_all(lines.filter(column), what, partial(_counted, window=window, step=step))
    return pl.concat(parts)


def span_symptoms(spans: pl.DataFrame, *, window: TimeRange, step: int) -> pl.DataFrame:
    """Failed spans counted, and durations against each operation's median, of each service and of all."""
    facts = spans.select(
        pl.col("start").to_physical().alias("ns"),
        pl.col("service").fill_null("?"),
        pl.col("name").fill_null(""),
        pl.col("duration").to_physical().clip(lower_bound=1).log().alias("length"),
    ).with_columns(failures(spans)["failed"])
    usual = pl.col("length").median().over("service", "name")
    slower = facts.drop_nulls("length").with_columns((pl.col("length") - usual).clip(-3, 3).alias("level"))
    count, average = (partial(each, window=window, step=step) for each in (_counted, _averaged))
    failed = _of_each_and_all(facts.filter("failed"), "failed spans", count)
    operations = average(_frequent_operations(slower))
    return pl.concat([*failed, *_of_each_and_all(slower, "duration of spans", average), operations])


def _frequent_operations(slower: pl.DataFrame) -> pl.DataFrame:
    """One operation may be slower in a service of which most is as it was: the most frequent few hundred.

    A service with one operation is that operation, and is looked at already.
    """
    by = ["service", "name"]
    often = slower.group_by(by).len().filter(pl.len().over("service") > 1, pl.col("len") >= _FREQUENT)
    often = often.sort("len", *by, descending=[True, False, False]).head(_OPERATIONS)
    named = pl.format("duration of spans of {}: {}", *by).alias("signal")
    return slower.join(often.select(by), on=by, how="semi", maintain_order="left").with_columns(named)


def _of_each_and_all(
    rows: pl.DataFrame, what: str, measured: Callable[[pl.DataFrame], pl.DataFrame]
) -> list[pl.DataFrame]:
    named = pl.format("{} of {}", pl.lit(what), "service").alias("signal")
    every = rows.with_columns(pl.lit(None, pl.String).alias("service"), pl.lit(what).alias("signal"))
    return [measured(every), measured(rows.with_columns(named))]


def series_symptoms(
    series: pl.DataFrame, *, window: TimeRange, step: int, conventions: Conventions = DEFAULT
) -> pl.DataFrame:
    """Failed requests as a share, latency by histograms or by gauges of that name, of each service."""
    series = series.filter(pl.col("timestamp").to_physical().is_between(window.start_ns, window.end_ns))
    who = pl.col("service").fill_null("?")
    parts = [pl.DataFrame(schema=_SYMPTOM)]
    counted = request_counts(series, conventions=conventions)
    if counted.height:
        ratio = (
            counted.with_columns(_bucket(pl.col("timestamp").to_physical(), window, step))
            .group_by(who.alias("service"), "ns")
            .agg(pl.col("count").sum(), pl.col("count").filter("failed").sum().alias("failed"))
            .filter(pl.col("count") > 0)
        )
        parts.append(
            ratio.select(
                "service",
                pl.format("failed share of requests of {}", "service").alias("signal"),
                "ns",
                (pl.col("failed") / pl.col("count")).alias("level"),
            )
        )
    parts += [each(series, window, step) for each in (_histogram_means, _summary_means, _named_gauges)]
    return pl.concat(parts)


def _histogram_means(series: pl.DataFrame, window: TimeRange, step: int) -> pl.DataFrame:
    """Mean of the logarithm of what histograms whose name says latency counted, by bucket middles."""
    chosen = series.filter(pl.col("metric").str.contains(rf"(?i){_TIMED}.*_bucket$"))
    if "le" not in chosen.columns or chosen.is_empty():
        return pl.DataFrame(schema=_SYMPTOM)
    bound = pl.col("le").replace("+Inf", "inf").cast(pl.Float64, strict=False)
    of = ["metric", "service", "ns"]
    counted: pl.DataFrame = increases(chosen)
    cells = (
        counted.with_columns(_bucket(pl.col("timestamp").to_physical(), window, step), bound.alias("bound"))
        .drop_nulls("bound")
        .group_by(*of, "bound")
        .agg(pl.col("increase").sum())
        .sort(*of, "bound")
        .with_columns(
            (pl.col("increase") - pl.col("increase").shift(1).over(of).fill_null(0)).clip(0).alias("inside"),
            pl.col("bound").shift(1).over(of).alias("lower"),
        )
        .filter(pl.col("inside") > 0)
    )
    upper = pl.when(pl.col("bound").is_infinite()).then(2 * pl.col("lower")).otherwise(pl.col("bound"))
    middle = (upper * pl.col("lower").fill_null(upper / 4).clip(upper / 4)).sqrt().log()
    mean = (middle * pl.col("inside")).sum() / pl.col("inside").sum()
    means = cells.group_by(of).agg(mean.alias("level"))
    who = pl.col("service").fill_null("?")
    return means.select(
        who, pl.format("latency ({}, geometric mean) of {}", "metric", who).alias("signal"), "ns", "level"
    ).drop_nulls()


def _summary_means(series: pl.DataFrame, window: TimeRange, step: int) -> pl.DataFrame:
    """Logarithm of the mean of latencies that only a sum and a count tell, as Micrometer's timers do."""
    name = pl.col("metric").cast(pl.String)
    base = name.str.extract(rf"(?i)^(.*{_TIMED}.*)_(?:sum|count|bucket)$", 1)
    named = series.with_columns(base.alias("base")).drop_nulls("base")
    whole = named.filter(name.str.ends_with("_bucket"))["base"].unique()
    named = named.filter(~pl.col("base").is_in(whole.implode()))
    if named.is_empty():
        return pl.DataFrame(schema=_SYMPTOM)
    counted: pl.DataFrame = increases(named)
    who, many = pl.col("service").fill_null("?"), pl.col("increase")
    cells = counted.group_by(
        who.alias("service"), "base", _bucket(pl.col("timestamp").to_physical(), window, step)
    ).agg(
        many.filter(name.str.ends_with("_sum")).sum().alias("sum"),
        many.filter(name.str.ends_with("_count")).sum().alias("count"),
    )
    return cells.filter(pl.col("sum") > 0, pl.col("count") > 0).select(
        "service",
        pl.format("latency ({}, mean) of {}", "base", "service").alias("signal"),
        "ns",
        (pl.col("sum") / pl.col("count")).log().alias("level"),
    )


def _named_gauges(series: pl.DataFrame, window: TimeRange, step: int) -> pl.DataFrame:
    """Gauges whose name says that they are a latency or an error rate, one signal a series."""
    names = [
        name
        for name in series["metric"].drop_nulls().unique().to_list()
        if (_LATENCY_NAME.search(name) or _ERROR_NAME.search(name)) and not _NOT_LATENCY.search(name)
    ]
    who = pl.col("service").fill_null("?")
    key = pl.col("series_id") if "series_id" in series.columns else who
    chosen = series.filter(pl.col("metric").is_in(names) & pl.col("value").is_finite())
    return (
        chosen.with_columns(_bucket(pl.col("timestamp").to_physical(), window, step), key.alias("key"))
        .group_by("metric", "service", "key", "ns")
        .agg(pl.col("value").mean())
        .sort("metric", "service", "key")
        .select(
            who.alias("service"),
            pl.format("{} of {} [{}]", "metric", who, "key").alias("signal"),
            "ns",
            pl.col("value").alias("level"),
        )
    )


def _bucket(ns: Any, window: TimeRange, step: int) -> Any:
    return ((ns - window.start_ns) // step * step + window.start_ns).alias("ns")


def _counted(rows: pl.DataFrame, window: TimeRange, step: int) -> pl.DataFrame:
    """Rows per signal and bucket, empty buckets as zero."""
    inside = rows.filter(pl.col("ns").is_between(window.start_ns, window.end_ns, closed="left"))
    counts = inside.group_by("signal", _bucket(pl.col("ns"), window, step)).len("level")
    every = pl.DataFrame({"ns": range(window.start_ns, window.end_ns, step)}, schema={"ns": pl.Int64})
    grid = inside.select("service", "signal").unique().join(every, how="cross")
    return (
        grid.join(counts, on=["signal", "ns"], how="left")
        .select("service", "signal", "ns", pl.col("level").fill_null(0).cast(pl.Float64))
        .sort("signal", "ns")
    )


def _averaged(rows: pl.DataFrame, window: TimeRange, step: int) -> pl.DataFrame:
    inside = rows.filter(pl.col("ns").is_between(window.start_ns, window.end_ns, closed="left"))
    return (
        inside.group_by("service", "signal", _bucket(pl.col("ns"), window, step))
        .agg(pl.col("level").mean())
        .sort("signal", "ns")
        .select(list(_SYMPTOM))
    )
