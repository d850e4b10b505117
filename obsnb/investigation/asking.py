"""What an investigation asks its sources, and what it compares with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from obsnb.analysis.incident import find_incident
from obsnb.analysis.logs import parse_logs
from obsnb.connection import Connection
from obsnb.connection.roles import ANNOTATIONS
from obsnb.errors import NotRecordedError
from obsnb.instants import parse_instant, told_ns
from obsnb.schema import EVENTS, LOGS, SERIES, SPANS, Schema
from obsnb.timerange import TimeRange

__all__ = ["Compared", "Rows", "ask", "compare", "joined"]

#: A baseline found in the window is one if it is at least this long ...
_BASELINE_NS = 60 * 10**9
#: ... and at least this part of the window.
_BASELINE_SHARE = 0.2

_LOG_ROLES = ("errors.logs", "slow.logs", "deployments.logs")
_SERIES_ROLES = ("requests.total", "requests.duration", "database.duration", "resources", "builds")
_SPAN_ROLES = ("errors.spans", "slow.spans", "sample.spans")


@dataclass(frozen=True)
class Rows:
    """What the sources hold of a window: log lines parsed, alerts apart, and what people noted."""

    logs: pl.DataFrame
    series: pl.DataFrame
    alerts: pl.DataFrame
    spans: pl.DataFrame
    noted: pl.DataFrame = field(default_factory=EVENTS.empty)

    def __repr__(self) -> str:
        return f"Rows({self.logs.height} lines, {self.series.height} samples, {self.spans.height} spans)"

    @property
    def empty(self) -> bool:
        """Whether the sources hold nothing at all."""
        return self.logs.is_empty() and self.series.is_empty() and self.spans.is_empty()

    def with_more(self, more: Rows) -> Rows:
        """These rows and those of another window, each row once."""
        return Rows(
            logs=joined([self.logs, more.logs], LOGS, key=["row_id"]),
            series=joined([self.series, more.series], SERIES, key=["series_id", "timestamp"]),
            alerts=joined([self.alerts, more.alerts], SERIES, key=["series_id", "timestamp"]),
            spans=joined([self.spans, more.spans], SPANS, key=["trace_id", "span_id"]),
            noted=joined([self.noted, more.noted], EVENTS, key=["timestamp", "end", "title"]),
        )


@dataclass(frozen=True)
class Compared:
    """What is compared with what, and how that was chosen.

    Attributes
    ----------
    during, baseline, why
        As `Investigation` has them.
    found
        Whether an onset was found.
    recovered
        Whether `during` ends before the window does.
    between
        Between which moments the onset lies, in words; empty where it is one moment, or none was found.
    """

    during: TimeRange
    baseline: TimeRange | None
    why: tuple[str, ...]
    found: bool
    recovered: bool
    between: str


def ask(obs: Connection, window: TimeRange, scope: Mapping[str, str]) -> Rows:
    """Every built-in query of the scope; narrower log queries where all lines are too many."""

    def role(name: str) -> pl.DataFrame | None:
        return obs.role(name, window, scope=scope)

    lines = role("scope.logs")
    logs: list[pl.DataFrame | None] = [lines] if lines is not None else [role(name) for name in _LOG_ROLES]
    return Rows(
        logs=parse_logs(joined(logs, LOGS, key=["row_id"]), conventions=obs.conventions),
        series=joined([role(name) for name in _SERIES_ROLES], SERIES),
        alerts=joined([role("alerts")], SERIES),
        spans=joined([role(name) for name in _SPAN_ROLES], SPANS, key=["trace_id", "span_id"]),
        noted=joined([role(ANNOTATIONS)], EVENTS),
    )


def joined(
    frames: list[pl.DataFrame | None], schema: Schema, *, key: list[str] | None = None
) -> pl.DataFrame:
    """Frames below each other, late columns kept; a row that several of them hold stands once."""
    there = [frame for frame in frames if frame is not None]
    if not there:
        return schema.empty()
    rows = pl.concat(there, how="diagonal_relaxed")
    return rows.unique(subset=key, keep="first", maintain_order=True) if key and len(there) > 1 else rows


def compare(
    obs: Connection, rows: Rows, window: TimeRange, scope: Mapping[str, str], given: TimeRange | None
) -> tuple[Compared, Rows]:
    """What is compared with what, and all the rows that both windows hold."""
    incident = find_incident(rows.logs, rows.spans, rows.series, window=window)
    found, between = incident is not None, ""
    if incident is None:
        during = window
        why: tuple[str, ...] = ("No onset was found in the window, so all of it is looked at.",)
    else:
        during = TimeRange(incident.onset_ns, incident.recovery_ns or window.end_ns)
        why = incident.why
        if incident.onset_low < incident.onset_high:
            edges = [parse_instant(edge) for edge in (incident.onset_low, incident.onset_high)]
            between = f"between {' and '.join(told_ns(ns, during.start_ns) for ns in edges)} UTC"
            why += (f"By these signals it began {between}.",)

    def chosen(baseline: TimeRange | None, said: str) -> Compared:
        return Compared(during, baseline, (*why, said), found, during.end_ns < window.end_ns, between)

    before_ns = during.start_ns - window.start_ns
    if given is not None:
        all_rows = rows if window.covers(given) else rows.with_more(ask(obs, given, scope))
        return chosen(given, "The baseline was given."), all_rows
    if found and before_ns >= max(_BASELINE_NS, _BASELINE_SHARE * window.duration_ns):
        inside = TimeRange(window.start_ns, during.start_ns)
        return chosen(inside, "The baseline is the part of the window before the onset."), rows
    earlier = TimeRange(window.start_ns - during.duration_ns, window.start_ns)
    try:
        more = ask(obs, earlier, scope)
    except NotRecordedError:
        more = None
    if more is None or more.empty:
        lack = "nothing earlier was recorded" if more is None else "the sources hold nothing earlier"
        return chosen(
            None, f"There is no baseline: the window holds too little before the onset, and {lack}."
        ), rows
    return chosen(earlier, "The baseline is the same length before the window."), rows.with_more(more)
