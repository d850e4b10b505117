"""Labelled incidents: telemetry, the windows that are compared, and what was wrong.

Families, none of which the code under test may know: systems that are drawn from a seed
(`tests.analysis.simulate`), the two incidents that real servers recorded, those that the lab froze, and those
that it froze while it was instrumented as the debugging guide's code would do it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from obsnb.analysis.events import deployments
from obsnb.archive.bundled import incident_path
from obsnb.timerange import TimeRange
from tests.analysis.simulate import FAULTS, simulate

S = 1_000_000_000
SIGNALS = ("logs", "spans", "series", "events")
_RAISES = ("failing leaf", "failing middle", "deployment failing")
#: What the world of `tests.analysis.simulate` changes: a slow peer has every statement slow and its CPU busy;
#: of a slow statement a deployment is the reason; a process that is gone takes its CPU along.
_KINDS: dict[str, tuple[str, ...]] = {
    "slow leaf": ("unknown",),
    "slow middle": ("unknown",),
    "failing leaf": ("unknown",),
    "failing middle": ("unknown",),
    "slow peer": ("statement", "resource"),
    "failing peer": ("unknown",),
    "cpu burn": ("resource",),
    "network delay": ("unknown",),
    "down": ("unknown", "resource"),
    "deployment slow": ("deployment",),
    "deployment failing": ("deployment",),
    "deployment slow statement": ("statement", "deployment"),
    "quiet": (),
}
_WRITTEN = Path(__file__).parent / "recordings"


@dataclass(frozen=True)
class Case:
    """One incident, or a quiet window, and its truth.

    `culprits` are the names that are right (none: nothing was wrong); `onset_ns` and `recovery_ns` are
    null where the window does not show them. `kinds` are the kinds of cause that are right to name
    (``unknown`` where the telemetry shows nothing that changed), `via` who calls the culprit, `error` what
    it raised, `struck` the spans in which the fault acted; empty where the label does not say it.
    """

    name: str
    family: str
    fault: str
    logs: pl.DataFrame | None
    spans: pl.DataFrame | None
    series: pl.DataFrame | None
    events: pl.DataFrame | None
    during: TimeRange
    baseline: TimeRange
    culprits: tuple[str, ...]
    onset_ns: int | None = None
    recovery_ns: int | None = None
    variant: str = "as it was"
    kinds: frozenset[str] = frozenset()
    via: str | None = None
    error: str | None = None
    struck: frozenset[str] = frozenset()

    @property
    def quiet(self) -> bool:
        """Whether nothing was wrong."""
        return not self.culprits

    @property
    def window(self) -> TimeRange:
        """Baseline and incident together."""
        start = min(self.baseline.start_ns, self.during.start_ns)
        return TimeRange(start, max(self.baseline.end_ns, self.during.end_ns))

    def only(self, *signals: str) -> Case:
        """The same with no other signals."""
        gone = {name: None for name in SIGNALS if name not in signals}
        return replace(self, variant="+".join(signals), **gone)  # type: ignore[arg-type]


def simulated(
    seeds: range, faults: tuple[str, ...] = FAULTS, *, services: int | None = None
) -> Iterator[Case]:
    """A system of its own for every seed and fault: 5 to 40 services or as many as said, in any style."""
    for seed in seeds:
        for k, fault in enumerate(faults):
            it = simulate(1_000 * seed + k, fault, services=services)
            began, ended = (
                it.during.start_ns + int(part * it.during.duration_ns) for part in it.style.active
            )
            quiet = it.culprit is None
            yield Case(
                name=f"{fault} {seed}",
                family="made up",
                fault=fault,
                logs=it.logs,
                spans=it.spans,
                series=it.series,
                events=it.events,
                during=it.during,
                baseline=it.baseline,
                culprits=() if it.culprit is None else (it.culprit,),
                onset_ns=None if quiet else began,
                recovery_ns=None if quiet or ended >= it.during.end_ns else ended,
                kinds=frozenset(_KINDS[fault]),
                via=it.caller,
                error="ValueError: cannot parse amount" if fault in _RAISES else None,
                struck=it.struck,
            )


def recorded() -> Iterator[Case]:
    """The incidents under data/incidents, and those beside this module, that say what was wrong."""
    folder = incident_path("slow-query")
    assert folder is not None
    for among in (folder.parent, _WRITTEN):
        for truth in sorted(among.glob("*/truth.json")):
            yield _recorded(truth.parent)


def _family(name: str, truth: dict[str, Any]) -> str:
    if truth.get("as_written"):
        return "lab, as written"
    return "lab" if name.startswith("lab-") else "recorded"


def _kinds(cause: dict[str, Any]) -> frozenset[str]:
    """What a recording's label says that changed: the statements on a table, a release; else nothing told.

    What a data source is short of while it does not answer is not in the label: its resources may be named.
    """
    named = {"statement": "table", "deployment": "change"}
    told = {kind for kind, key in named.items() if cause.get(key)}
    return frozenset(told or {"unknown", "resource"}) if cause else frozenset()


@cache
def _recorded(folder: Path) -> Case:
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    ns = {key: round(truth[key] * S) for key in ("start", "end", "onset", "recovery") if truth.get(key)}
    cause = truth.get("root_cause") or {}
    service = cause.get("service")
    middle = (ns["start"] + ns["end"]) // 2
    onset, recovery = ns.get("onset"), ns.get("recovery")
    logs, spans, series = (_rows(folder, kind) for kind in ("logs", "spans", "series"))
    return Case(
        name=folder.name,
        family=_family(folder.name, truth),
        fault=truth.get("scenario", folder.name),
        logs=logs,
        spans=None if spans is None else spans.unique(["trace_id", "span_id"], maintain_order=True),
        series=None if series is None else series.unique(["series_id", "timestamp"], maintain_order=True),
        events=None if logs is None else deployments(logs),
        during=TimeRange(onset or middle, recovery or ns["end"]),
        baseline=TimeRange(ns["start"], onset or middle),
        culprits=(service,) if service else (),
        onset_ns=onset,
        recovery_ns=recovery,
        kinds=_kinds(cause),
        via=cause.get("via"),
        error=cause.get("error"),
    )


def _rows(folder: Path, kind: str) -> pl.DataFrame | None:
    parts = [pl.read_parquet(path) for path in sorted(folder.glob(f"queries/*-{kind}.parquet"))]
    return pl.concat(parts, how="diagonal_relaxed") if parts else None
