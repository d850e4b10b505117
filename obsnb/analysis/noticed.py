"""What those who call a service notice by its metrics: failures, latency, and how much is asked of it."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from obsnb.analysis.logs import parse_logs
from obsnb.analysis.requests import request_counts
from obsnb.analysis.scores import LEAST_SPREAD, Finding, Floats, certainty, rank_z, rise_z, saturate
from obsnb.analysis.service_names import Names
from obsnb.analysis.shift import find_shift
from obsnb.analysis.symptom_words import told_level
from obsnb.analysis.symptoms import buckets_of, series_symptoms
from obsnb.analysis.tree import Ints
from obsnb.analysis.windows import side
from obsnb.conventions import DEFAULT, Conventions
from obsnb.timerange import TimeRange

__all__ = ["line_duration_findings", "load_changes", "symptom_findings"]

_SHORTEST_NS = 15 * 10**9  # of a bucket: scrapes are rarely closer
_FEWEST = 2  # buckets of either window
_SHARE, _TIMES = 0.1, 0.7  # of failures, and logarithm of times as slow: 63% of full strength
_NOISE = 0.14  # of that logarithm is no change
_TIMED = r"(?i)duration|elapsed|took|latency|response|time|\d\s?(?:ms|s|us|\u00b5s)\b"


def symptom_findings(
    series: pl.DataFrame,
    names: Names,
    *,
    during: TimeRange,
    baseline: TimeRange,
    conventions: Conventions = DEFAULT,
) -> list[Finding]:
    """Failed shares and latencies of each service by its metrics, against the baseline's."""
    whole = TimeRange(min(baseline.start_ns, during.start_ns), during.end_ns)
    step = max(buckets_of(whole), _SHORTEST_NS)
    symptoms = series_symptoms(series, window=whole, step=step, conventions=conventions)
    seen = []
    for (service, signal), rows in symptoms.group_by("service", "signal", maintain_order=True):
        ordered = rows.sort("ns")
        ns, level = ordered["ns"].to_numpy(), ordered["level"].to_numpy()
        new = level[(ns >= during.start_ns) & (ns < during.end_ns)]
        old = level[(ns >= baseline.start_ns) & (ns < baseline.end_ns)]
        if len(new) >= _FEWEST and len(old) >= _FEWEST and service != "?":
            before, now = float(np.median(old)), float(np.median(new))
            amount = _amount(str(signal), before, now)
            least = _SHARE if _is_share(str(signal)) else LEAST_SPREAD
            sure = certainty(rise_z(new, old, least_spread=least))
            if amount > 0 and sure:
                name = names.service(str(service)) or str(service)
                since = _since(ns, level, during)
                levels = (told_level(str(signal), each) for each in (before, now))
                said = f"The {signal} went from {' to '.join(levels)}."
                seen.append((name, str(signal), amount, sure, since, said))
    most = {
        kind: max(each[2] for each in seen if _is_share(each[1]) is kind)
        for kind in {_is_share(each[1]) for each in seen}
    }
    return [
        Finding(
            service=name,
            signal="symptom",
            strength=sure * saturate(amount, _SHARE if _is_share(signal) else _TIMES),
            share=amount / most[_is_share(signal)],
            since_ns=since,
            reason=said,
            waiting=True,
            about=signal,
        )
        for name, signal, amount, sure, since, said in seen
    ]


def line_duration_findings(
    logs: pl.DataFrame,
    names: Names,
    *,
    during: TimeRange,
    baseline: TimeRange,
    conventions: Conventions = DEFAULT,
) -> list[Finding]:
    """Services whose log lines tell of longer durations than lines of the same route did before."""
    read = parse_logs(logs.filter(pl.col("line").str.contains(_TIMED)), conventions=conventions)
    route = pl.coalesce("parsed.route", "parsed.statement", "parsed.logger", pl.lit(""))
    lines = read.select(
        names.services(read["service"].cast(pl.String)).alias("service"),
        route.str.replace_all(r"\d+", "?").alias("route"),
        pl.col("parsed.duration_s").log().alias("log"),
        pl.col("timestamp").to_physical().alias("ns"),
    )
    lines = lines.with_columns(side(lines["ns"], during, baseline))
    lines = lines.filter(pl.col("log").is_finite()).drop_nulls(["service", "during"])
    before = pl.col("log").filter(~pl.col("during")).median().over("service", "route")
    lines = lines.with_columns((pl.col("log") - before).alias("slower")).drop_nulls("slower")
    found = []
    for (service,), each in lines.group_by("service", maintain_order=True):
        new = each.filter("during")["slower"].to_numpy()
        old = each.filter(~pl.col("during"))["slower"].to_numpy()
        if len(new) < _FEWEST or len(old) < _FEWEST:
            continue
        amount = float(new.mean() - old.mean()) - _NOISE
        sure = certainty(rank_z(new, old))
        if amount > 0 and sure:
            found.append((str(service), amount, sure, each.filter("during")["ns"].min()))
    most = max((amount for _, amount, *_ in found), default=1.0)
    return [
        Finding(
            service=service,
            signal="symptom",
            strength=sure * saturate(amount, _TIMES),
            share=amount / most,
            since_ns=since if isinstance(since, int) else None,
            reason=f"Log lines of {service} tell of {math.exp(amount + _NOISE):.1f} times the durations.",
            waiting=True,
            about="durations in log lines",
        )
        for service, amount, sure, since in found
    ]


def _is_share(signal: str) -> bool:
    return signal.startswith("failed share")


def _amount(signal: str, before: float, now: float) -> float:
    """How much worse: percentage points of failures, or the logarithm of how many times as slow."""
    if _is_share(signal):
        return now - before
    if signal.startswith("latency ("):
        return now - before - _NOISE
    return math.log(max(now, 1e-12) / max(before, 1e-12)) - _NOISE if now > 0 else 0.0


def _since(ns: Ints, level: Floats, during: TimeRange) -> int:
    shift = find_shift(level)
    if shift is not None and shift.p_value < 0.05 and ns[shift.begin] < during.end_ns:
        return int(ns[shift.begin])
    return during.start_ns


def load_changes(
    series: pl.DataFrame,
    names: Names,
    *,
    during: TimeRange,
    baseline: TimeRange,
    conventions: Conventions = DEFAULT,
) -> dict[str, float]:
    """How many times as many requests a second each service was asked as in the baseline.

    Requests over the time between the samples that counted them, where both lie in the window: of its
    first and last seconds, which no two samples cover, nothing is known.
    """
    counted = request_counts(series, conventions=conventions).drop_nulls("service")
    called = {name: names.service(name) or name for name in counted["service"].unique()}
    ns = pl.col("timestamp").to_physical()
    sums = (
        counted.group_by(pl.col("service").replace(called), "timestamp")
        .agg(pl.col("count").sum())
        .sort("service", "timestamp")
        .with_columns(since=ns - ns.shift().over("service"))
        .drop_nulls("since")
    )
    rates: list[dict[str, float]] = []
    for window in (during, baseline):
        whole = (ns - pl.col("since") >= window.start_ns) & (ns <= window.end_ns)
        rate = sums.filter(whole).group_by("service").agg(pl.col("count").sum() / pl.col("since").sum())
        rates.append(dict(rate.iter_rows()))
    now, before = rates
    return {name: rate / before[name] for name, rate in now.items() if before.get(name, 0) > 0}
