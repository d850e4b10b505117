"""Alert rules that could have been there, derived from the data's own request metrics."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import polars as pl

from obsnb.analysis.budget import whole_counters
from obsnb.analysis.counters import quantile_of_buckets
from obsnb.analysis.requests import bucket_increases, request_counts
from obsnb.conventions import Conventions
from obsnb.schema import SERIES
from obsnb.timerange import TimeRange

__all__ = ["RATIO", "SLOWNESS", "Rule", "candidate_rules", "recorded", "recordings"]

#: How the recorded series are called, as recording rules are (level:metric:operations).
RATIO, SLOWNESS = "service:requests:failed_ratio", "service:requests:latency_p95_seconds"
#: The fastest burn of Google's multiwindow alerts: 2 % of a 30 day budget in an hour (Site Reliability
#: Workbook, chapter 5, "Alerting on SLOs").
_BURN = 14.4
_WORSE = 2.0  # times the worst that the baseline saw
_FEWEST = 3  # samples of the baseline from which a worst is taken


@dataclass(frozen=True)
class Rule:
    """A rule for `obsnb.backtest_alert` on the series that `recorded` gives, and why this bound."""

    text: str
    for_: str | None
    service: str | None
    why: str


def recorded(series: pl.DataFrame, *, every_s: int, conventions: Conventions) -> pl.DataFrame:
    """SERIES of each service's failed ratio and 95th percentile, an interval each, stamped with its end.

    As recording rules would have made them of the same counters: nothing from the interval's future.
    Counters made of spans serve where there are no others.
    """
    whole = whole_counters(series, conventions)
    counts = request_counts(whole if whole.height else series, conventions=conventions)
    step = every_s * 10**9
    # An increase belongs to the interval that its later sample ends or lies in.
    end = (-(-pl.col("timestamp").to_physical() // step) * step).alias("timestamp")
    ratios = (
        counts.with_columns(end)
        .group_by("timestamp", "service")
        .agg(total=pl.col("count").sum(), value=pl.col("count").filter("failed").sum())
        .filter(pl.col("total") > 0)
        .select("timestamp", "service", pl.col("value") / pl.col("total"), pl.lit(RATIO).alias("metric"))
    )
    rows = []
    for (at, service), part in (
        bucket_increases(series, conventions).with_columns(end).group_by("timestamp", "service")
    ):
        value = quantile_of_buckets(part.select("le", pl.col("increase").alias("count")), 0.95)
        if value is not None:
            rows.append((at, service, value, SLOWNESS))
    schema = {"timestamp": pl.Int64, "service": pl.String, "value": pl.Float64, "metric": pl.String}
    both = pl.concat([ratios.select(*schema), pl.DataFrame(rows, schema=schema, orient="row")])
    both = both.with_columns(
        pl.col("timestamp").cast(pl.Datetime("ns", "UTC")),
        pl.concat_str("metric", pl.lit("|"), pl.col("service").fill_null("")).alias("series_id"),
        pl.col("service").alias("label.service"),
    )
    return (
        SERIES.conform(both)
        .with_columns(pl.col("metric", "service").cast(pl.String))
        .sort("series_id", "timestamp")
    )


def recordings(series: pl.DataFrame, *, every_s: int, conventions: Conventions) -> dict[str, str]:
    """The PromQL that records each of these series from the counters that are there, by its name."""
    metrics = set(series["metric"].unique().to_list())
    whole = whole_counters(series, conventions)
    there = set(whole["metric"].unique().to_list()) if whole.height else metrics
    counter = next((name for name in conventions.request_counters if name in there), None)
    histogram = next(
        (f"{n}_bucket" for n in conventions.request_histograms if f"{n}_bucket" in metrics), None
    )
    status = next((name for name in conventions.status_labels if name in series.columns), None)
    labels = [name for name in conventions.service_labels if re.fullmatch(r"[a-zA-Z_]\w*", name)]
    by = next((name for name in labels if {name, f"label.{name}"} & set(series.columns)), "service")
    # The rules ask for a label `service`: where the metrics have another, it is given that name.
    named = "%s" if by == "service" else f'label_replace(%s, "service", "$1", "{by}", "(.+)")'
    out = {}
    if counter is not None and status is not None:
        summed = f"sum by ({by}) (rate({counter}%s[{every_s}s]))"
        failed = f'{{{status}=~"5..|5xx|STATUS_CODE_ERROR"}}'
        out[RATIO] = named % f"{summed % failed} / {summed % ''}"
    if histogram is not None:
        unit = " / 1000" if "milliseconds" in histogram else ""
        quantile = f"histogram_quantile(0.95, sum by ({by}, le) (rate({histogram}[{every_s}s]))){unit}"
        out[SLOWNESS] = named % quantile
    return out


def candidate_rules(
    series: pl.DataFrame, *, baseline: TimeRange | None, objective: float, every_s: int
) -> list[Rule]:
    """Rules for each service of `recorded`: on its failed ratio and on its latency.

    The bound of a ratio is the error budget's fastest burn, and twice the worst of the baseline where
    that is higher; of a latency twice the worst of the baseline. Each at once, and after two
    intervals. Without a baseline there is no bound for a latency.
    """
    burn = _BURN * (1 - objective)
    rules = []
    for (metric, service), part in series.group_by("metric", "service", maintain_order=True):
        worst = None
        if baseline is not None:
            ns = part["timestamp"].to_physical()
            before = part.filter(ns.is_between(baseline.start_ns, baseline.end_ns, closed="right"))["value"]
            worst = before.max() if len(before) >= _FEWEST else None
        twice = _WORSE * worst if isinstance(worst, int | float) else None
        if metric == RATIO:
            bound = max(burn, twice or 0.0)
            why = (
                f"{_BURN:g} times the budget of {objective:.10g}"
                if bound == burn
                else "twice the worst of the baseline"
            )
        elif twice:
            bound, why = twice, "twice the worst of the baseline"
        else:
            continue
        if bound >= 1 and metric == RATIO:
            continue  # more than all cannot fail
        whose = f'{{service="{_quoted(str(service))}"}}' if service else ""
        said = f"{metric}{whose} > {_rounded_up(bound):g}"
        name = None if service is None else str(service)
        rules += [Rule(said, None, name, why), Rule(said, f"{2 * every_s}s", name, why)]
    return rules


def _rounded_up(bound: float) -> float:
    """To three digits, as somebody would write it, and no lower: what was silent before stays silent."""
    digits = 2 - math.floor(math.log10(bound))
    return round(math.ceil(round(bound * 10.0**digits, 6)) / 10.0**digits, max(digits, 0))


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
