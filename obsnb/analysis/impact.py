"""Whom it hurt: requests, tenants, users and minutes, counted where nothing was sampled."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.budget import error_budget
from obsnb.analysis.entrances import entered
from obsnb.analysis.requests import latency_quantile, request_counts, slow_counts
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, SERIES
from obsnb.timerange import TimeRange, check_windows

__all__ = ["affected", "impact", "proportion_p_value"]

#: What stands for a tenant in the metrics of requests that failed before anybody knew whose they were.
_NOBODY = frozenset({"", "-", "unknown", "none", "null", "anonymous"})
_COLUMNS: dict[str, Any] = {
    "measure": pl.String,
    "during": pl.Float64,
    "before": pl.Float64,
    "unit": pl.String,
    "names": pl.List(pl.String),
    "how": pl.String,
}


def proportion_p_value(hits: float, of: float, hits_before: float, of_before: float) -> float:
    """How likely a share at least this much above the one before is by chance, one-sided.

    The two-proportion z test with pooled variance and Yates' continuity correction (Fleiss,
    Statistical Methods for Rates and Proportions). 1.0 where either side saw nothing.
    """
    if of <= 0 or of_before <= 0:
        return 1.0
    pooled = (hits + hits_before) / (of + of_before)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before)) if 0 < pooled < 1 else 0.0
    correction = (1 / of + 1 / of_before) / 2
    difference = hits / of - hits_before / of_before - correction
    if difference <= 0 or spread == 0:
        return 1.0
    return 0.5 * math.erfc(difference / spread / math.sqrt(2))


def _in(window: TimeRange) -> pl.Expr:
    ns = pl.col("timestamp").to_physical()
    return ns.is_between(window.start_ns, window.end_ns, closed="right")


def affected(
    counts: pl.DataFrame, key: str, hit: str, *, during: TimeRange, baseline: TimeRange
) -> pl.DataFrame:
    """Which values of a column had a larger share of hits during than in the baseline.

    Parameters
    ----------
    counts
        timestamp, the key column, ``count`` and the hit column (both Float64).
    key, hit
        The column to compare by, and the one that counts what is bad.

    Returns
    -------
    DataFrame
        key, during_hits, during_count, before_hits, before_count, p_value, affected (p below 1 %
        after Bonferroni's correction for the number of values, and at least twice the share).
    """
    sums = [
        pl.col(column).filter(_in(window)).sum().alias(f"{name}_{column}")
        for name, window in (("during", during), ("before", baseline))
        for column in (hit, "count")
    ]
    rows = counts.drop_nulls(key).group_by(key).agg(sums).sort(key)
    rows = rows.rename({f"during_{hit}": "during_hits", f"before_{hit}": "before_hits"})
    p_values = [
        proportion_p_value(row["during_hits"], row["during_count"], row["before_hits"], row["before_count"])
        for row in rows.iter_rows(named=True)
    ]
    share = pl.col("during_hits") / pl.col("during_count")
    share_before = pl.col("before_hits") / pl.col("before_count")
    return rows.with_columns(p_value=pl.Series(p_values, dtype=pl.Float64)).with_columns(
        affected=(pl.col("p_value") * rows.height < 0.01) & (share >= 2 * share_before)
    )


def impact(
    series: Any = None,
    logs: Any = None,
    *,
    during: TimeRange,
    baseline: TimeRange | None = None,
    spans: Any = None,
    objective: float | None = 0.999,
    objective_days: float = 30,
    conventions: Conventions = DEFAULT,
) -> Any:
    """Minutes, requests, error budget, tenants and users, each with how it was counted.

    Requests come from counters and latency histograms, users from error lines with a user in them;
    never from spans, which may be a selection: they only tell where requests come in.

    Parameters
    ----------
    series
        SERIES with request counters and latency histograms.
    logs
        LOGS after `obsnb.parse_logs`; users are counted from its ``parsed.user``.
    during, baseline
        What is compared with what. Without a baseline, tenants cannot be told apart and are left
        out.
    spans
        SPANS that tell who calls whom. With them a request that passes several services is counted once,
        where it comes in (`obsnb.analysis.entrances`); without, in each that counts it.
    objective, objective_days
        The share of requests that must not fail, and over how many days. None leaves the error budget
        out. It is counted only from counters that saw every request (span metrics may be made of sampled
        spans): minutes as long as the incident's times its failed share, of the minutes that the
        objective allows.

    Returns
    -------
    frame
        measure, during, before (scaled by nothing: what the baseline saw), unit, names (tenants
        affected), how. ``during`` and ``before`` are null where no sample (for users, no line) lies in that
        window, and tenants are left out then: that is not known, and not nought. The error budget's
        ``during`` is null where no counter tells, and ``how`` says why.

    Raises
    ------
    UsageError
        The objective is no share below 1, or its days are none.
    """
    check_windows(during=during, baseline=baseline)
    # How long the baseline is says nothing of the incident, so this measure has no "before".
    rows = [_row("duration", during.duration_s / 60, None, "minutes", "onset to recovery")]
    if series is not None:
        frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="impact")
        frame, where = (frame, "") if spans is None else entered(frame, spans, conventions=conventions)
        rows += _requests(frame, during, baseline, conventions, where)
        if objective is not None:
            rows += [
                _row(*each)
                for each in error_budget(
                    frame, during, baseline, objective=objective, days=objective_days, conventions=conventions
                )
            ]
    if logs is not None:
        rows += _users(to_polars(logs, LOGS, needs=("timestamp",), what="impact"), during, baseline)
    return like(pl.DataFrame(rows, schema=_COLUMNS), series if series is not None else logs)


def _row(
    measure: str,
    during: float | None,
    before: float | None,
    unit: str,
    how: str,
    *,
    names: list[str] | None = None,
) -> dict[str, Any]:
    return {"measure": measure, "during": during, "before": before, "unit": unit, "names": names, "how": how}


def _requests(
    frame: pl.DataFrame, during: TimeRange, baseline: TimeRange | None, conventions: Conventions, where: str
) -> list[dict[str, Any]]:
    """The rows of requests; `where` says whose counters and histograms these are."""
    counts = request_counts(frame, conventions=conventions)
    slow = slow_counts(frame, conventions=conventions)
    rows = []
    ends = [during, *([baseline] if baseline else [])]

    def total(of: pl.DataFrame, column: str, window: TimeRange | None) -> float | None:
        inside = of.clear() if window is None else of.filter(_in(window))
        return float(inside[column].sum()) if inside.height else None  # nothing seen is not nought counted

    if counts.height:
        counts = counts.with_columns(failures=pl.col("count") * pl.col("failed"))
        how = f"request counters{where}"
        rows.append(
            _row(
                "requests", total(counts, "count", during), total(counts, "count", baseline), "requests", how
            )
        )
        rows.append(
            _row(
                "failed requests",
                total(counts, "failures", during),
                total(counts, "failures", baseline),
                "requests",
                how + ", status 500 and above",
            )
        )
    if slow.height and slow["bound_s"].null_count() == 0:
        bound = f"latency histograms{where}, slower than {slow['bound_s'][0]:g} s"
        rows.append(
            _row(
                "slow requests", total(slow, "slow", during), total(slow, "slow", baseline), "requests", bound
            )
        )
        p95 = [latency_quantile(frame.filter(_in(window)), 0.95, conventions=conventions) for window in ends]
        rows.append(
            _row("95th percentile", p95[0], p95[1] if baseline else None, "s", f"latency histograms{where}")
        )
    if baseline is not None and all(
        counts.filter(_in(one)).height + slow.filter(_in(one)).height for one in ends
    ):
        rows += _tenants(counts, slow, during, baseline)
    return rows


def _tenants(
    counts: pl.DataFrame, slow: pl.DataFrame, during: TimeRange, baseline: TimeRange
) -> list[dict[str, Any]]:
    """The row of the tenants that were hurt, if there are tenants."""
    hurt = {
        name
        for of, hit in ((counts, "failures"), (slow, "slow"))
        if of.height
        for name in affected(of, "tenant", hit, during=during, baseline=baseline).filter("affected")["tenant"]
    }
    everyone = set(counts["tenant"].drop_nulls()) if counts.height else set(slow["tenant"].drop_nulls())
    nobody = {name for name in everyone if name.strip().lower() in _NOBODY}
    if not everyone - nobody:
        return []
    how = (
        f"larger share of failed or slow requests than in the baseline (z test), of {len(everyone - nobody)}"
    )
    names = sorted(hurt - nobody)
    if hurt and not names:  # that nobody knows whose they were does not make it none
        how = "not known: the requests that failed or were slow are of no known tenant"
        return [_row("tenants affected", None, None, "tenants", how, names=names)]
    how += "; more requests of no known tenant failed or were slow, too" if hurt & nobody else ""
    return [_row("tenants affected", float(len(names)), None, "tenants", how, names=names)]


def _users(logs: pl.DataFrame, during: TimeRange, baseline: TimeRange | None) -> list[dict[str, Any]]:
    if not {"parsed.user", "level"} <= set(logs.columns):
        return []
    bad = logs.filter(pl.col("level").is_in(["error", "err", "critical", "fatal", "panic"])).drop_nulls(
        "parsed.user"
    )
    if bad.is_empty():
        return []

    def met(window: TimeRange | None) -> float | None:
        if window is None or logs.filter(_in(window)).is_empty():
            return None
        return float(bad.filter(_in(window))["parsed.user"].n_unique())

    seen, before = met(during), met(baseline)
    return [_row("users who met an error", seen, before, "users", "distinct users on error lines")]
