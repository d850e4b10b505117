"""When it began and when it was over, found in a window of which nothing else is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.scores import spreads
from obsnb.analysis.shift import FEWEST, Floats, Shift, find_shift, steadied
from obsnb.analysis.symptom_words import told_change
from obsnb.analysis.symptoms import buckets_of, log_symptoms, series_symptoms, span_symptoms
from obsnb.conventions import DEFAULT, Conventions
from obsnb.instants import told_ns
from obsnb.schema import LOGS, SERIES, SPANS
from obsnb.timerange import TimeRange

__all__ = ["Incident", "find_incident"]

_SURE = 0.01  # false discovery rate of the signals that are believed
_CLEAR = 2.0  # spreads: a signal that moved less is no incident, however sure
_LEAST_SHARE = 0.01  # of requests fail more
_LEAST_COUNT = 10  # more error lines or failed spans, all together
_LEAST_TIMES = 1.2  # as long, or as many error lines
_EARLY = 0.25  # of the signals' weight must say that it had begun
_SHOWN = 6


@dataclass(frozen=True)
class Incident:
    """When an incident began and ended, as far as a window shows it.

    Attributes
    ----------
    onset
        Aware UTC; the window's start where it had begun before.
    onset_low, onset_high
        Between which the onset lies, as far as the signals that agree about it say; what is counted in
        steps has their length as the least.
    recovery
        None where it was not over by the window's end.
    why
        The signals that say so, with numbers, the strongest first.
    confidence
        0 to 1: how far the signals' changes are beyond chance, and agree.
    """

    onset: datetime
    onset_low: datetime
    onset_high: datetime
    recovery: datetime | None
    why: tuple[str, ...]
    confidence: float

    def __repr__(self) -> str:
        until = "ongoing" if self.recovery is None else f"{self.recovery:%Y-%m-%dT%H:%M:%SZ}"
        return f"Incident({self.onset:%Y-%m-%dT%H:%M:%SZ} to {until}, confidence {self.confidence:.2f})"

    @property
    def onset_ns(self) -> int:
        """The onset in nanoseconds since the epoch."""
        return _ns(self.onset)

    @property
    def recovery_ns(self) -> int | None:
        """The recovery in nanoseconds since the epoch, or None."""
        return None if self.recovery is None else _ns(self.recovery)


def find_incident(
    logs: Any = None,
    spans: Any = None,
    series: Any = None,
    *,
    window: TimeRange,
    conventions: Conventions = DEFAULT,
) -> Incident | None:
    """Onset and recovery of what is wrong in a window, from every signal that is given.

    Error lines and warnings, failed spans, span durations against their operation's median (of every
    service, of all, and of the most frequent operations), failed shares of requests and latencies are
    counted in some 240 buckets of the window. In each such signal the clearest stretch is looked for
    (`obsnb.analysis.shift.find_shift`). Those that are up, by two spreads or more of buckets or of
    means of them (`obsnb.analysis.shift.steadied`) and by as much as somebody would notice, and that
    pass Benjamini and Hochberg's procedure over all signals at 1%, are believed. The onset is the
    moment at which a quarter of their weight says that it had begun: symptoms follow a cause, they do
    not precede it. The recovery is their weighted median.

    Parameters
    ----------
    logs, spans, series
        LOGS (timestamp, line), SPANS (service, name, start, duration, ids), SERIES (timestamp,
        metric, value); any of them.
    window
        The time to look at.

    Returns
    -------
    Incident or None
        None where no change was found. What had begun before the window has its start as onset.

    Raises
    ------
    FrameError
        A needed column is missing.
    """
    step = buckets_of(window)
    parts = []
    if logs is not None:
        frame = to_polars(logs, LOGS, needs=("timestamp", "line"), what="find_incident")
        parts.append(log_symptoms(frame, window=window, step=step))
    if spans is not None:
        frame = to_polars(spans, SPANS, needs=("service", "name", "start", "duration"), what="find_incident")
        parts.append(span_symptoms(frame, window=window, step=step))
    if series is not None:
        frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="find_incident")
        if "service" not in frame.columns:
            frame = frame.with_columns(service=pl.lit(None, pl.String))
        parts.append(series_symptoms(frame, window=window, step=step, conventions=conventions))
    votes = _believed(pl.concat(parts).drop_nulls("level"), window, step) if parts else []
    return _agreed(votes, window, step) if votes else None


@dataclass(frozen=True)
class _Vote:
    signal: str
    onset: int
    low: int
    high: int
    recovery: int | None
    shift: Shift
    weight: float


def _believed(symptoms: pl.DataFrame, window: TimeRange, step: int) -> list[_Vote]:
    seen = []
    for (signal,), rows in symptoms.group_by("signal", maintain_order=True):
        if rows.height >= FEWEST:
            ordered = rows.sort("ns")
            level = ordered["level"].to_numpy()
            shift = find_shift(level)
            if shift is not None:
                ways = (shift, steadied(level, shift))
                clear = [w for w in ways if abs(w.effect) >= _CLEAR and _matters(str(signal), w, level)]
                best = clear[0] if clear else shift
                seen.append((str(signal), ordered["ns"].to_list(), best, bool(clear)))
    seen.sort(key=lambda each: each[2].p_value)
    passed = [k for k, each in enumerate(seen, 1) if each[2].p_value * len(seen) / k <= _SURE]
    votes = []
    for signal, moments, shift, matters in seen[: max(passed, default=0)]:
        if matters:
            vote = _vote(signal, moments, shift, window, step)
            if vote is not None:
                votes.append(vote)
    return votes


def _matters(signal: str, shift: Shift, level: Floats) -> bool:
    """Whether a change is large enough that somebody would notice, however sure it is."""
    more = abs(shift.during - shift.before)
    if signal.startswith("failed share"):
        return more >= _LEAST_SHARE
    if signal.startswith(("duration of spans", "latency (")):
        return more >= math.log(_LEAST_TIMES)
    if signal.startswith(("error lines", "failed spans")):
        inside, outside = level[shift.begin : shift.end], np.r_[level[: shift.begin], level[shift.end :]]
        high, low = (inside, shift.before) if shift.effect > 0 else (outside, shift.during)
        return bool((high - low).sum() >= _LEAST_COUNT)
    return max(shift.during, shift.before) >= _LEAST_TIMES * min(shift.during, shift.before)


def _vote(signal: str, moments: list[int], shift: Shift, window: TimeRange, step: int) -> _Vote | None:
    weight = min(abs(shift.effect), 10.0) / 10.0
    over = moments[shift.end] if shift.end < len(moments) else None
    if shift.effect > 0:
        low = moments[max(shift.earliest - 1, 0)]
        high = min(moments[shift.latest] + step, window.end_ns)  # a bucket tells nothing of when in it
        return _Vote(signal, moments[shift.begin], low, high, over, shift, weight)
    if over is None:  # high from the window's start, then back to normal
        start = window.start_ns
        return _Vote(signal, start, start, start, moments[shift.begin], shift, weight)
    return None


def _agreed(votes: list[_Vote], window: TimeRange, step: int) -> Incident:
    weight = np.array([vote.weight for vote in votes])
    onset = _quantile(np.array([vote.onset for vote in votes]), weight, _EARLY)
    near = [vote for vote in votes if vote.low <= onset <= vote.high] or votes
    over = [window.end_ns if vote.recovery is None else vote.recovery for vote in votes]
    recovery = _quantile(np.array(over), weight, 0.5)
    strongest = max(weight)
    agreeing = float(weight[[abs(v.onset - onset) <= 0.1 * window.duration_ns for v in votes]].sum())
    surest = min(vote.shift.p_value for vote in votes)
    votes = sorted(votes, key=lambda vote: -vote.weight)
    return Incident(
        onset=_moment(onset),
        onset_low=_moment(min(onset, max(vote.low for vote in near))),
        onset_high=_moment(max(onset, min(vote.high for vote in near))),
        recovery=None if recovery >= window.end_ns else _moment(recovery),
        why=tuple(_said(vote, step, window) for vote in votes[:_SHOWN]),
        confidence=round((1 - surest) * strongest**0.5 * agreeing / float(weight.sum()), 3),
    )


def _said(vote: _Vote, step: int, window: TimeRange) -> str:
    edges = (window.start_ns, window.end_ns)
    until = (
        "until the window's end" if vote.recovery is None else f"until {told_ns(vote.recovery, *edges)} UTC"
    )
    change = told_change(vote.signal, vote.shift.before, vote.shift.during, every_s=step / 1e9)
    spread = spreads(vote.shift.effect)
    return f"{vote.signal}: {change} from {told_ns(vote.onset, *edges)} UTC {until} ({spread})."


def _quantile(values: Any, weight: Any, q: float) -> int:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) >= q * weight.sum()
    return int(values[order][int(np.argmax(reached))])


def _moment(ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1_000)


def _ns(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
