"""What each service uses and holds, and how that changed: processors, memory, pools, queues, being up."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.amounts import from_to
from obsnb.analysis.changes import as_levels, each_series, series_key
from obsnb.analysis.scores import Finding, Floats, saturate, spreads
from obsnb.analysis.series_places import places_of, within_places
from obsnb.analysis.service_names import Names
from obsnb.analysis.shift import find_shift, median, robust_scale
from obsnb.analysis.tree import Ints
from obsnb.conventions import DEFAULT, Conventions
from obsnb.instants import told_ns
from obsnb.timerange import TimeRange

__all__ = ["resource_findings", "role_of"]

_ALERTS = ("ALERTS", "ALERTS_FOR_STATE")
_HISTOGRAM = re.compile(r"_(?:bucket|sum|count|created)$")
_BUCKETS = re.compile(r"_(?:bucket|created)$")  # one of many that say together what the sum says alone
_SYMPTOM = re.compile(
    r"(?i)(?:^|[_\W])(?:latency|duration|response|requests?|calls?|rps|qps|workload|throughput|errors?|fail\w*|"
    r"exceptions?|[45]xx|p?(?:50|90|95|99))(?:[_\W]|$)"
)
#: What fills up while a service waits for another: it changes where the fault is, and where it is felt.
_WAITS = re.compile(
    r"(?i)connection|pool|queue|thread|in_?flight|pending|backlog|wait|goroutine|session|activity"
)
#: Addresses that are set aside, as for a thread's stack, and cost nothing until they are used.
_RESERVED = re.compile(r"(?i)virtual_memory|vsize|(?:^|_)vms(?:_|$)")
_GOOD = re.compile(r"(?i)(?:^|_)up$|ready|available|free|hit|healthy|success|idle|alive")  # to fall is bad
_FALLING = 0.4  # less is used where less is asked for: a follower, as a rule
_GONE = 3  # samples that must have been missed before a series counts as gone
_LATER = 1.5  # samples after the others of its metric: a series that begins then is new
_FEW = 0.25  # of the series of a metric stop: where more do, it is the collector's fault
#: Kubernetes gives a node that does not answer five minutes (its default toleration), then replaces its pods.
_REPLACED_NS = 300 * 10**9
_STOPPED = 0.8  # strength of a series that stops
_ALIKE = 5  # series of one metric show what is usual in this window
_TELLING = 0.15  # strength of a change that tells where it is
_SMALL = 0.15  # of the level: a change that is not even that is none


def role_of(metric: str, conventions: Conventions = DEFAULT) -> str:
    """What a metric tells about its service: ``resource``, ``waits``, ``symptom`` or ``other``.

    A resource is what the conventions' patterns say, and whatever else is no symptom; what fills up
    while waiting for others (connections, pools, queues, threads) is told apart.
    """
    if (
        metric in _ALERTS
        or _RESERVED.search(metric)
        or _BUCKETS.search(metric)
        or (_HISTOGRAM.search(metric) and _SYMPTOM.search(metric))
    ):
        return "other"
    if _WAITS.search(metric):
        return "waits"
    listed = any(re.fullmatch(pattern, metric) for pattern in conventions.resource_metrics)
    return "symptom" if _SYMPTOM.search(metric) and not listed else "resource"


@dataclass(frozen=True)
class _Moved:
    """A series that is not what it was, a counter's a second; `during` is NaN for one that stopped."""

    service: str
    metric: str
    series_id: str | None
    before: float
    during: float
    effect: float
    strength: float
    onset_ns: int
    counter: bool


def resource_findings(
    series: pl.DataFrame,
    names: Names,
    *,
    during: TimeRange,
    baseline: TimeRange,
    conventions: Conventions = DEFAULT,
) -> list[Finding]:
    """Gauges and counter rates of a service that are not in the incident what they were before.

    A series counts by how surely it changed (`find_shift` heeds that neighbouring samples resemble
    each other), how large the change is against its spread and its level, and how unusual it is
    among the series of the same metric: where everybody's changes, nobody's is a clue. What changed
    long before the incident, or late in it, did not cause it. A series that stops although others
    of its metric go on counts as well.
    """
    metrics = series["metric"].drop_nulls().unique().to_list()
    wanted = [metric for metric in metrics if role_of(metric, conventions) in ("resource", "waits")]
    chosen = series.filter(pl.col("metric").is_in(wanted) & pl.col("service").is_not_null())
    levels = as_levels(_within(chosen, during, baseline), series_key(chosen))
    contrasts = [
        _contrast(facts, moments, values, during, baseline) for facts, moments, values in each_series(levels)
    ]
    moved = _unusual([each for each in contrasts if each is not None])
    found = [each for each in [*moved, *_gone(levels, during, baseline)] if each.strength > 0]
    places = places_of(chosen)
    within = _within_of(found, chosen, places)
    return [
        replace(_finding(each, names, conventions, during, places), within=within.get(_key(each), ""))
        for each in found
    ]


def _key(moved: _Moved) -> tuple[str, str]:
    return moved.service, moved.metric


def _within_of(
    found: list[_Moved], chosen: pl.DataFrame, places: dict[str, tuple[tuple[str, str], ...]]
) -> dict[tuple[str, str], str]:
    """The places that a metric of a service moved in, where they are a part of its own."""
    if not places:
        return {}
    alike = chosen.group_by("service", "metric").agg(pl.col("series_id").unique())
    all_of = {(service, metric): ids for service, metric, ids in alike.iter_rows()}
    ids: dict[tuple[str, str], list[str]] = {}
    for each in found:
        if each.strength >= _TELLING and each.series_id is not None:
            ids.setdefault(_key(each), []).append(each.series_id)
    return {key: within_places(some, all_of.get(key, ()), places) for key, some in ids.items()}


def _within(series: pl.DataFrame, during: TimeRange, baseline: TimeRange) -> pl.DataFrame:
    ns = pl.col("timestamp").to_physical()
    return series.filter(
        ns.is_between(during.start_ns, during.end_ns, closed="left")
        | ns.is_between(baseline.start_ns, baseline.end_ns, closed="left")
    )


def _contrast(
    facts: dict[str, Any], moments: Ints, values: Floats, during: TimeRange, baseline: TimeRange
) -> _Moved | None:
    """How far a series moved between the windows, without regard to the other series."""
    inside = moments >= during.start_ns
    old, new = values[~inside], values[inside]
    if len(old) < 2 or len(new) < 2:
        return None
    onset, level, sure = int(moments[inside][0]), median(new), 0.0
    shift = find_shift(values)
    apart = bool(new.min() > old.max() or new.max() < old.min())
    if shift is not None and moments[shift.begin] >= baseline.end_ns - 0.25 * baseline.duration_ns:
        part = values[shift.begin : shift.end][inside[shift.begin : shift.end]]
        if len(part):
            onset = onset if apart else int(moments[shift.begin])
            level = median(part)
            sure = min(max((-math.log10(max(shift.p_value, 1e-12)) - 1.3) / 3, 0.0), 1.0)
    before = median(old)
    steps = np.diff(new)  # what rises steadily, as a leak does, does not jitter
    jitter = robust_scale(steps - median(steps), level=0.0) / math.sqrt(2)
    spread = max(robust_scale(old - before, level=before), jitter, 0.02 * max(abs(before), abs(level)))
    effect = (level - before) / max(spread, 1e-12)
    sure = max(sure, 0.8 * saturate(abs(effect) - 4, 6) if apart else 0.0)
    change = abs(level - before) / max(abs(before), 0.1 * abs(level), 1e-12)
    size = saturate(abs(effect) - 2, 4) * saturate(change - _SMALL, 0.4)
    late = max(onset - during.start_ns, 0) / during.duration_ns
    return _Moved(
        service=facts["service"],
        metric=facts["metric"],
        series_id=facts.get("series_id"),
        before=before,
        during=level,
        effect=max(min(effect, 100.0), -100.0),
        strength=sure * size * math.exp(-2 * late),
        onset_ns=onset,
        counter=facts["counter"],
    )


def _unusual(moved: list[_Moved]) -> list[_Moved]:
    """Weakened by how usual such a change is among the series of the metric in other services."""
    effects: dict[str, list[float]] = {}
    for each in moved:
        effects.setdefault(each.metric, []).append(each.effect)
    usual = {metric: _usual(np.array(some)) for metric, some in effects.items() if len(some) >= _ALIKE}
    out = []
    for each in moved:
        strength = each.strength
        if strength and each.metric in usual:
            middle, spread = usual[each.metric]
            strength *= saturate(abs(each.effect - middle) / spread - 2, 3)
        falls = each.during < each.before and not _GOOD.search(each.metric)
        out.append(replace(each, strength=strength * (_FALLING if falls else 1.0)))
    return out


def _usual(effects: Floats) -> tuple[float, float]:
    """The middle of some effects, and how far they lie around it."""
    middle = median(effects)
    return middle, robust_scale(effects - middle, level=0.0) + 1.0


def _gone(levels: pl.DataFrame, during: TimeRange, baseline: TimeRange) -> list[_Moved]:
    """Series that were there in the baseline and stop in the incident, while most of their like go on.

    One that another of the same metric and service follows was replaced: the pod of a new version, or the
    same on another node.
    """
    if levels.is_empty():
        return []
    following = pl.col("ns").shift(-1).over("label")
    steps = levels.with_columns(
        following.fill_null(pl.col("ns").max().over("metric")).alias("next"),
        (following - pl.col("ns")).median().over("label").alias("step"),
        (pl.col("ns") < baseline.end_ns).sum().over("label").alias("before"),
    ).filter(pl.col("before") >= _GONE)
    alike = steps.group_by("metric").agg(pl.col("label").n_unique().alias("alike"))
    begins = pl.col("ns") >= during.start_ns - _GONE * pl.col("step")
    stops = steps.filter(begins & (pl.col("next") - pl.col("ns") > _GONE * pl.col("step")))
    stopped = stops.unique("label", keep="first", maintain_order=True).join(alike, on="metric")
    stopped = _unreplaced(stopped.filter(pl.len().over("metric") <= _FEW * pl.col("alike")), levels)
    return [
        _Moved(
            service=row["service"],
            metric=row["metric"],
            series_id=row.get("series_id"),
            before=row["level"],
            during=math.nan,
            effect=-100.0,
            strength=_STOPPED,
            onset_ns=row["ns"],
            counter=row["counter"],
        )
        for row in stopped.sort("label").to_dicts()
    ]


def _unreplaced(stopped: pl.DataFrame, levels: pl.DataFrame) -> pl.DataFrame:
    """Those that stopped, but where as many of the same metric and service began about then."""
    of = ("metric", "service")
    first = levels.group_by("label", *of).agg(pl.col("ns").min().alias("began"))
    late = pl.col("began") > pl.col("began").min().over("metric") + _LATER * pl.lit(stopped["step"].median())
    began = first.filter(late).select(*of, "began", pl.col("label").alias("successor"))
    near = stopped.join(began, on=of).filter((pl.col("began") - pl.col("ns")).abs() <= _REPLACED_NS)
    enough = pl.col("successor").n_unique().over(of) >= pl.col("label").n_unique().over(of)
    return stopped.join(near.filter(enough), on="label", how="anti")


def _finding(
    moved: _Moved,
    names: Names,
    conventions: Conventions,
    during: TimeRange,
    places: dict[str, tuple[tuple[str, str], ...]],
) -> Finding:
    service = names.service(moved.service) or moved.service
    apart = ", ".join(f"{label}={value}" for label, value in places.get(moved.series_id or "", ()))
    where = f"{service} ({apart})" if apart else service
    at = f"at {told_ns(moved.onset_ns, during.start_ns)} UTC"
    if math.isnan(moved.during):
        said = f"{moved.metric} of {where} stops {at}, while others go on."
    else:
        change = from_to(moved.before, moved.during, moved.metric, rate=moved.counter)
        said = f"{moved.metric} of {where} went {change} ({spreads(moved.effect)}) {at}."
    shown = moved.onset_ns if math.isnan(moved.during) else max(moved.onset_ns, during.start_ns)
    return Finding(
        service=service,
        signal="resource",
        strength=moved.strength,
        share=0.0,
        since_ns=moved.onset_ns,
        reason=said,
        evidence=() if moved.series_id is None else (f"series:{moved.series_id}@{shown}",),
        waiting=role_of(moved.metric, conventions) == "waits",
        about=moved.metric,
        times=_times(moved),
    )


def _times(moved: _Moved) -> float | None:
    """How many times as much it is; infinite from nothing, None where it stopped or is nothing now."""
    if not moved.during > 0:
        return None
    return moved.during / moved.before if moved.before > 0 else math.inf
