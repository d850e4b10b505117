"""A frozen incident from what a lab wrote, with the truth beside it."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from obsnb.connection import Connection
from obsnb.connection.opening import read_otlp
from obsnb.instants import parse_duration
from obsnb.lab.faults.catalogue import fault_named, root_cause
from obsnb.lab.faults.control import Broken
from obsnb.lab.roster import Roster, roster_of
from obsnb.lab.settings import COUNTS, NAMESPACE, LabSettings, Sampling
from obsnb.timerange import TimeRange

__all__ = ["EVERY_SERIES", "TRUTH", "fine_step", "freeze", "kept_traces", "truth_of", "write_truth"]

TRUTH = "truth.json"
#: A run of which the built-in step makes only a few points is asked for all series at a finer one too.
EVERY_SERIES = '{__name__=~".+"}'
_STEP_NS, _FEW = 15 * 10**9, 8
_SLOW_NS = 10**9
_BITS = 64


def freeze(
    settings: LabSettings,
    out: str | Path,
    *,
    window: TimeRange,
    history: Sequence[Broken],
    scenario: str,
    replace: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Freeze an archive of a window, and tell what was wrong in it.

    Parameters
    ----------
    settings
        The lab's, which wrote its telemetry into files.
    out
        Where to.
    history
        What was broken, and when.

    Returns
    -------
    tuple
        The archive's path, and its truth, which is not written yet.
    """
    sampling = settings.sampling
    with tempfile.TemporaryDirectory(prefix="obsnb-lab-") as room:
        folder = settings.telemetry
        if sampling.at == "tail":
            folder = _sampled(folder, Path(room) / "telemetry", sampling)
        obs = read_otlp(folder)
        # As written, spans have no resource, so that no scope would find them.
        scope = {} if settings.as_written else {"namespace": NAMESPACE}
        obs.capture(window, scope=scope)
        fine = fine_step(settings)
        if window.duration_ns < _FEW * _STEP_NS and window.grid(parse_duration(fine)):
            obs.metrics(EVERY_SERIES, window, step=fine)
        path = obs.save(out, window=window, scope=scope, replace=replace)
        counts = _counted(obs, window, scope)
    truth = truth_of(settings, window=window, history=history, scenario=scenario) | counts
    return path, truth


def fine_step(settings: LabSettings) -> str:
    """Whole seconds, no fewer than between two samples: else counters would seem to stand still in between.

    Examples
    --------
    >>> fine_step(LabSettings("lab", scrape_s=2.5)), fine_step(LabSettings("lab", scrape_s=0.2))
    ('3s', '1s')
    """
    return f"{math.ceil(settings.scrape_s)}s"


def truth_of(
    settings: LabSettings, *, window: TimeRange, history: Sequence[Broken], scenario: str
) -> dict[str, Any]:
    """What was wrong, as the other incidents' truths say it; None where nothing was."""
    roster: Roster = roster_of(settings)
    inside = [
        each
        for each in history
        if each.onset_ns < window.end_ns and (each.recovery_ns or window.end_ns) > window.start_ns
    ]
    causes = [
        root_cause(fault_named(each.fault), each.service, roster, settings)
        | {"onset": each.onset_ns / 1e9, "recovery": each.recovery_ns and each.recovery_ns / 1e9}
        for each in inside
    ]
    ends = [each.recovery_ns for each in inside]
    return {
        "scenario": scenario,
        "seed": settings.seed,
        "namespace": NAMESPACE,
        "start": window.start_ns / 1e9,
        "end": window.end_ns / 1e9,
        "onset": min((each.onset_ns for each in inside), default=0) / 1e9 if inside else None,
        "recovery": max(end for end in ends if end) / 1e9 if inside and all(ends) else None,
        "root_cause": causes[0] if causes else None,
        "causes": causes,
        "services": [*(each.name for each in roster.services), roster.frontend],
        "rate": settings.rate,
        "sampling": {"at": settings.sampling.at, "share": settings.sampling.share},
        "as_written": settings.as_written,
        "users": _users_saw(settings.path),
    }


def kept_traces(spans: pl.DataFrame, sampling: Sampling) -> set[str]:
    """The traces that a tail sampler keeps: with an error, a second long or longer, and a share of the rest.

    Examples
    --------
    >>> ids = [f"{n:032x}" for n in (1, 2**64 - 1, 3)]
    >>> spans = pl.DataFrame({"trace_id": ids, "status": ["ok", "ok", "error"], "duration": [5, 5, 5]})
    >>> sorted(kept_traces(spans, Sampling("tail", 0.5))) == [ids[0], ids[2]]
    True
    """
    telling = (pl.col("status") == "error") | (pl.col("duration").cast(pl.Int64) >= _SLOW_NS)
    kept = set(spans.filter(telling.fill_null(False))["trace_id"].unique())
    bound = round(sampling.share * 2**_BITS)
    rest = spans["trace_id"].unique().to_list()
    return kept | {trace for trace in rest if int(trace[16:], 16) < bound}


def _sampled(folder: Path, target: Path, sampling: Sampling) -> Path:
    """The files with only the traces that are kept; logs and metrics stay whole, as they do in the field."""
    shutil.copytree(folder, target)
    spans = read_otlp(folder).spans("{}", window=read_otlp(folder).window)
    kept = kept_traces(spans, sampling)
    for path in target.glob("*-traces.jsonl"):
        lines = [_only(json.loads(line), kept) for line in path.read_text("utf-8").splitlines()]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines if line), "utf-8")
    return target


def _only(message: dict[str, Any], kept: set[str]) -> dict[str, Any] | None:
    resources = []
    for of in message["resourceSpans"]:
        scopes = [
            scope | {"spans": [span for span in scope["spans"] if span["traceId"] in kept]}
            for scope in of["scopeSpans"]
        ]
        there = [scope for scope in scopes if scope["spans"]]
        if there:
            resources.append(of | {"scopeSpans": there})
    return {"resourceSpans": resources} if resources else None


def _counted(obs: Connection, window: TimeRange, scope: dict[str, str]) -> dict[str, int]:
    """How many rows the files hold; asked after the archive is written, so that it is not in it."""
    spans, lines = obs.spans("{}", window), obs.role("scope.logs", window, scope=scope)
    served = spans.filter(pl.col("kind") == "server")
    return {
        "log_lines": 0 if lines is None else lines.height,
        "spans": spans.height,
        "server_spans": served.height,
    }


def _users_saw(folder: Path) -> dict[str, int]:
    path = folder / COUNTS
    counts: dict[str, int] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return counts


def write_truth(folder: Path, truth: dict[str, Any]) -> Path:
    """The truth, in the archive's folder; beside it, where that is a file."""
    path = folder / TRUTH if folder.is_dir() else folder.with_suffix(f".{TRUTH}")
    path.write_text(json.dumps(truth, indent=1) + "\n", "utf-8")
    return path
