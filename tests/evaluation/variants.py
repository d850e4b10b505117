"""The same incident told otherwise: what must not change the answer, and what may make it harder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from obsnb.timerange import TimeRange
from tests.evaluation.cases import Case, S

_KEPT = 0.3  # of the traces and lines of a sparse variant
_NOISE = 200  # lines of the noisy variant that say "error" and mean nothing


def renamed(case: Case) -> Case:
    """Every service has another name, of no meaning and in another alphabetical order."""
    frames = (case.logs, case.spans, case.series, case.events)
    named = [frame["service"].cast(pl.String) for frame in frames if frame is not None]
    told = {*pl.concat(named).drop_nulls().unique().to_list(), *case.culprits}
    order = sorted(told, key=lambda name: (name[::-1], name))
    names = {name: f"zq{len(order) - k:03d}x" for k, name in enumerate(order)}

    def other(frame: pl.DataFrame | None) -> pl.DataFrame | None:
        if frame is None:
            return None
        text = [name for name, kind in frame.schema.items() if kind in (pl.String, pl.Categorical)]
        gone = [name for name in ("attributes", "resource", "events", "links") if name in frame.columns]
        gone = [name for name in gone if frame.schema[name] != pl.String]
        every = pl.col(text).cast(pl.String).str.replace_many(names, leftmost=True)
        return frame.drop(gone).with_columns(every)

    return replace(
        case,
        variant="other names",
        logs=other(case.logs),
        spans=other(case.spans),
        series=other(case.series),
        events=other(case.events),
        culprits=tuple(names[each] for each in case.culprits),
    )


def shifted(seconds: int) -> Callable[[Case], Case]:
    """Somebody marked the incident so many seconds too late (or too early, where negative).

    Half of the shorter of the two windows at most, so that something is left to compare.
    """

    def told(case: Case) -> Case:
        most = min(case.during.duration_ns, case.baseline.duration_ns) // 2
        onset = case.during.start_ns + int(np.sign(seconds)) * min(abs(seconds) * S, most)
        return replace(
            case,
            variant=f"onset {seconds:+d} s",
            during=TimeRange(onset, case.during.end_ns),
            baseline=TimeRange(case.baseline.start_ns, onset),
        )

    return told


def short_baseline(case: Case) -> Case:
    """No more than the minute before is known."""
    start = max(case.baseline.start_ns, case.during.start_ns - 60 * S)
    return replace(case, variant="baseline of 1 min", baseline=TimeRange(start, case.during.start_ns))


def sparse(case: Case) -> Case:
    """Three of ten traces and log lines were kept, without looking at them."""
    spans, logs = case.spans, case.logs
    kept = (pl.col("trace_id").hash(11) % 1_000) < _KEPT * 1_000
    return replace(
        case,
        variant="30 % sampled",
        spans=None if spans is None else spans.filter(kept),
        logs=None if logs is None else logs.sample(fraction=_KEPT, seed=5).sort("timestamp"),
    )


def statusless(case: Case) -> Case:
    """Spans tell neither their kind nor their status."""
    gone = ("kind", "status", "status_message", "http.response.status_code")
    spans = None if case.spans is None else case.spans.drop(gone, strict=False)
    return replace(case, variant="no kind or status", spans=spans)


def noisy(case: Case) -> Case:
    """Services chosen by lot log errors that mean nothing, as often before as during."""
    if case.logs is None:
        return replace(case, variant="chatty loggers")
    rng = np.random.default_rng(17)
    services = case.logs["service"].cast(pl.String).drop_nulls().unique().sort().to_list()
    loud = rng.choice(services, max(1, len(services) // 3), replace=False)
    window = case.window
    moments = np.sort(rng.integers(window.start_ns, window.end_ns, _NOISE))
    lines = pl.DataFrame(
        {
            "timestamp": pl.Series(moments).cast(pl.Datetime("ns", "UTC")),
            "service": rng.choice(loud, _NOISE).tolist(),
            "level": "error",
            "line": [f"ERROR cannot refresh hint {k % 7}: stale token" for k in range(_NOISE)],
            "row_id": [f"{k:016x}" for k in range(_NOISE)],
        }
    )
    text = [name for name, kind in case.logs.schema.items() if kind == pl.Categorical]
    logs = case.logs.with_columns(pl.col(text).cast(pl.String))
    logs = pl.concat([logs, lines], how="diagonal_relaxed").sort("timestamp")
    return replace(case, variant="chatty loggers", logs=logs)


def before_it(case: Case) -> Case:
    """A quiet window: the second half of the baseline against its first."""
    middle = (case.baseline.start_ns + case.baseline.end_ns) // 2
    if case.onset_ns is not None and case.onset_ns < case.baseline.end_ns:
        end = case.onset_ns  # it had begun before the window that was marked
        middle = (case.baseline.start_ns + end) // 2
    else:
        end = case.baseline.end_ns
    return replace(
        case,
        variant="the time before",
        during=TimeRange(middle, end),
        baseline=TimeRange(case.baseline.start_ns, middle),
        culprits=(),
        kinds=frozenset(),
        error=None,
        struck=frozenset(),
        onset_ns=None,
        recovery_ns=None,
    )


VARIANTS: Mapping[str, Callable[[Case], Case]] = {
    "as it was": lambda case: case,
    "other names": renamed,
    "onset -60 s": shifted(-60),
    "onset +60 s": shifted(60),
    "baseline of 1 min": short_baseline,
    "30 % sampled": sparse,
    "no kind or status": statusless,
    "chatty loggers": noisy,
}
