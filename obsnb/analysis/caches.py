"""How often caches had what was looked up: over time, by cache, against the baseline."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.cache_counts import counts_of_lines, counts_of_series
from obsnb.analysis.impact import affected
from obsnb.analysis.line_records import parsed_lines
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import SERIES, dtype
from obsnb.timerange import TimeRange, check_windows

__all__ = ["cache_drops", "cache_hit_rates"]

_KEY = ["service", "cache", "source"]
_COLUMNS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "service": pl.String,
    "cache": pl.String,
    "source": pl.String,
    "hits": pl.Float64,
    "misses": pl.Float64,
    "rate": pl.Float64,
    "before": pl.Float64,
    "within": pl.Float64,
    "fell": pl.Boolean,
    "evidence": pl.List(pl.String),
}

_LEVEL = 0.01  # of the test whether a rate fell, before the correction for the number of caches


def cache_hit_rates(
    series: Any = None,
    logs: Any = None,
    *,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    every: str = "1m",
    conventions: Conventions = DEFAULT,
) -> Any:
    """The share of look-ups that a cache could answer, over time and against the baseline.

    Spans are not asked: they may be a selection, and no rate is computed from one.

    Parameters
    ----------
    series
        SERIES with counters of look-ups: one with hits and misses in a label
        (``cache_lookups_total{result="hit"}``, Micrometer's ``cache_gets_total``), or two beside each other
        (``redis_keyspace_hits_total`` and ``..._misses_total``, ``pg_stat_database_blks_hit`` and
        ``..._blks_read``, hits and all requests).
    logs
        LOGS, parsed or not: lines that tell of one look-up each (``cache hit``, ``X-Cache: MISS``, a field
        ``cache.result``). Where only misses are written, the rate is that of what was written.
    during, baseline
        What is compared with what.
    every
        The interval, as polars writes it.

    Returns
    -------
    frame
        A row a cache and interval, in order of service, cache and time: ``timestamp`` (its start),
        ``service``, ``cache`` (as a label names it, else its counter), ``source`` (``counters``, ``log
        lines``), ``hits``, ``misses``, ``rate`` (hits of all, 0 to 1), ``before`` and ``within`` (the cache's
        rate in `baseline` and in `during`; null without it, or without look-ups in it), ``fell`` (whether
        misses are a larger share than in the baseline: the two-proportion z test at 1 % with Bonferroni's
        correction for the number of caches, and at least twice the share, or at most half the share of
        hits; null where either rate is), ``evidence`` (up to 3 ids, the earliest first).

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    check_windows(during=during, baseline=baseline)
    parts = []
    if series is not None:
        given = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="cache_hit_rates")
        parts.append(counts_of_series(given))
    if logs is not None:
        lines = parsed_lines(logs, what="cache_hit_rates", conventions=conventions)
        parts.append(counts_of_lines(lines))
    counts = pl.concat(parts) if parts else counts_of_series(pl.DataFrame(schema={"metric": pl.String}))
    out = _over_time(counts, every).join(
        _against(counts, during, baseline), on=_KEY, how="left", nulls_equal=True
    )
    ordered = out.sort("service", "cache", "source", "timestamp")
    shaped = ordered.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    return like(shaped, series if series is not None else logs)


def _over_time(counts: pl.DataFrame, every: str) -> pl.DataFrame:
    total = pl.col("hits") + pl.col("misses")
    ordered = counts.sort("timestamp", pl.col("evidence").list.first())  # the same evidence every time
    summed = ordered.group_by(*_KEY, pl.col("timestamp").dt.truncate(every)).agg(
        pl.col("hits", "misses").sum(),
        evidence=pl.col("evidence").list.explode().unique(maintain_order=True).head(3),
    )
    return summed.with_columns(pl.when(total > 0).then(pl.col("hits") / total).alias("rate"))


def _against(counts: pl.DataFrame, during: TimeRange | None, baseline: TimeRange | None) -> pl.DataFrame:
    """Each cache's rate in both windows, and whether it fell."""
    ns, hits, misses = pl.col("timestamp").to_physical(), pl.col("hits"), pl.col("misses")
    rates = {}
    for name, window in (("before", baseline), ("within", during)):
        if window is None:
            rates[name] = pl.lit(None, pl.Float64)
            continue
        inside = ns.is_between(window.start_ns, window.end_ns, closed="right")
        total = (hits + misses).filter(inside).sum()
        rates[name] = pl.when(total > 0).then(hits.filter(inside).sum() / total)
    compared = counts.group_by(_KEY).agg(**rates)
    if during is None or baseline is None or compared.is_empty():
        return compared.with_columns(pl.lit(None, pl.Boolean).alias("fell"))
    key = pl.concat_str([pl.col(name).fill_null("\0") for name in _KEY], separator="\1").alias("key")
    counted = counts.with_columns(key, (hits + misses).alias("count"))
    worse = affected(counted, "key", "misses", during=during, baseline=baseline)
    # Where half or more were misses before, they cannot become twice the share: then hits are what halves.
    left = 1 - pl.col("during_hits") / pl.col("during_count")
    halved = left <= (1 - pl.col("before_hits") / pl.col("before_count")) / 2
    surely = pl.col("p_value") * worse.height < _LEVEL
    found = worse.select("key", fell=pl.col("affected") | (surely & halved))
    known = pl.col("before").is_not_null() & pl.col("within").is_not_null()
    joined = compared.with_columns(key).join(found, on="key", how="left").drop("key")
    return joined.with_columns(pl.when(known).then("fell").alias("fell"))


def cache_drops(rates: pl.DataFrame, *, during: TimeRange) -> pl.DataFrame:
    """Caches whose hit rate fell in the incident, as EVENTS of kind ``cache``.

    Parameters
    ----------
    rates
        As `cache_hit_rates` gives them, with both windows.
    during
        The incident; the moment is that of the first of its intervals whose rate is nearer to the
        incident's than to the baseline's.

    Returns
    -------
    DataFrame
        timestamp, kind, title, service, source, evidence.
    """
    ns = pl.col("timestamp").to_physical()
    middle = (pl.col("before") + pl.col("within")) / 2
    low = rates.filter(
        pl.col("fell").fill_null(value=False)
        & ns.is_between(during.start_ns, during.end_ns, closed="left")
        & (pl.col("rate") < middle)
    )
    first = low.sort("timestamp", maintain_order=True).unique(_KEY, keep="first", maintain_order=True)
    per_cent = [(pl.col(name) * 100).round(1) for name in ("before", "within")]
    return first.select(
        "timestamp",
        pl.lit("cache").alias("kind"),
        pl.format(
            "hit rate of {} fell from {} % to {} %", pl.coalesce("cache", pl.lit("the cache")), *per_cent
        ).alias("title"),
        "service",
        "source",
        "evidence",
    )
