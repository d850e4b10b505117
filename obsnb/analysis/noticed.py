"""What those who call a service notice by its metrics: failures, latency, and how much is asked of it."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from obsnb.analysis.requests import request_counts
from obsnb.analysis.scores import Finding, Floats, certainty, rank_z, saturate
from obsnb.analysis.service_names import Names
from obsnb.analysis.shift import find_shift
from obsnb.analysis.symptoms import buckets_of, series_symptoms
from obsnb.analysis.tree import Ints
from obsnb.conventions import DEFAULT, Conventions
from obsnb.timerange import TimeRange

__all__ = ["load_changes", "symptom_findings"]

_SHORTEST_NS = 15 * 10**9  # of a bucket: scrapes are rarely closer
_FEWEST = 2  # buckets of either window
_SHARE, _TIMES = 0.1, 0.7  # of failures, and logarithm of times as slow: 63% of full strength
_NOISE = 0.14  # of that logarithm is no change


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
            if amount > 0 and certainty(rank_z(new, old)):
                name = names.service(str(service)) or str(service)
                since = _since(ns, level, during)
                said = f"The {signal} went {_from_to(str(signal), before, now)}."
                seen.append((name, str(signal), amount, certainty(rank_z(new, old)), since, said))
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


def _is_share(signal: str) -> bool:
    return signal.startswith("failed share")


def _amount(signal: str, before: float, now: float) -> float:
    """How much worse: percentage points of failures, or the logarithm of how many times as slow."""
    if _is_share(signal):
        return now - before
    if signal.startswith("latency ("):
        return now - before - _NOISE
    return math.log(max(now, 1e-12) / max(before, 1e-12)) - _NOISE if now > 0 else 0.0


def _from_to(signal: str, before: float, now: float) -> str:
    if signal.startswith("failed share"):
        return f"from {before:.1%} to {now:.1%}"
    if signal.startswith("latency ("):
        return f"from {math.exp(before):.3g} to {math.exp(now):.3g}"
    return f"from {before:.3g} to {now:.3g}"


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
    """How many times as many requests a second each service was asked as in the baseline."""
    counted = request_counts(series, conventions=conventions).drop_nulls("service")
    ns = pl.col("timestamp").to_physical()
    rates: list[dict[str, float]] = []
    for window in (during, baseline):
        inside = counted.filter(ns.is_between(window.start_ns, window.end_ns, closed="left"))
        summed = inside.group_by("service").agg(pl.col("count").sum() / window.duration_s)
        rates.append({names.service(name) or name: rate for name, rate in summed.iter_rows()})
    now, before = rates
    return {name: rate / before[name] for name, rate in now.items() if before.get(name, 0) > 0}
