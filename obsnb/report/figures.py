"""The report's figures: the incident at a glance, the timeline's rows, the telling trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from obsnb.instants import format_ns
from obsnb.report.entries import TimelineEntry
from obsnb.views.formats import clock, day, duration, moment, offset
from obsnb.views.spanchart import Bar, draw_waterfall, waterfall_of
from obsnb.views.theme import DASHES
from obsnb.views.timechart import (
    NARROW,
    Mark,
    Panel,
    Stage,
    draw_axis,
    draw_lane,
    draw_panel,
    hover_data,
    panels,
)

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["Glance", "TimelineRow", "Trace", "glance", "kind_class", "marks", "timeline_rows", "trace"]

_KINDS = ("deploy", "alert", "restart", "annotation", "note", "error", "onset", "recovery")
_MARKED = _KINDS[:5]
_MOST_MARKS = 10
#: Units as a panel's heading says them.
_UNITS = {
    "s": "seconds",
    "ms": "milliseconds",
    "1/s": "per second",
    "/s": "per second",
    "1/min": "per minute",
}


def kind_class(kind: str) -> str:
    """The style of a kind of event: one of a known few, whatever a server calls it."""
    return kind if kind in _KINDS else "other"


@dataclass(frozen=True)
class TimelineRow:
    """A row of the timeline as it is read; `letter` is its mark in the chart."""

    number: int
    iso: str
    full: str
    at: str
    offset: str
    kind: str
    kind_class: str
    title: str
    service: str
    source: str
    lasted: str
    evidence: tuple[str, ...]
    letter: str
    inside: bool
    edge: bool
    starred: bool
    day: str
    new_day: bool


def marks(entries: Sequence[TimelineEntry], window_start: int) -> dict[int, Mark]:
    """Number of the row → its mark: at most ten, deployments first, then by nearness to the onset."""
    near = [
        (
            _MARKED.index(entry.kind),
            abs(entry.after if entry.after is not None else entry.timestamp - window_start),
            number,
        )
        for number, entry in enumerate(entries, 1)
        if entry.kind in _MARKED
    ]
    chosen = sorted(number for *_, number in sorted(near)[:_MOST_MARKS])
    return {
        number: Mark(chr(ord("A") + place), entry.timestamp, entry.end, kind_class(entry.kind), entry.title)
        for place, number in enumerate(chosen)
        for entry in [entries[number - 1]]
    }


def timeline_rows(
    entries: Sequence[TimelineEntry], lettered: dict[int, Mark], *, end_ns: int | None
) -> tuple[TimelineRow, ...]:
    """The timeline's rows; the day is said where it changes, `inside` while the incident lasts."""
    rows, last_day = [], day(entries[0].timestamp) if entries else ""
    for number, entry in enumerate(entries, 1):
        today = day(entry.timestamp)
        lasted = (
            "" if entry.end is None or entry.end <= entry.timestamp else duration(entry.end - entry.timestamp)
        )
        started = entry.after is not None and entry.after >= 0
        row = TimelineRow(
            number=number,
            iso=format_ns(entry.timestamp),
            full=moment(entry.timestamp),
            at=clock(entry.timestamp),
            offset="" if entry.after is None else offset(entry.timestamp, entry.timestamp - entry.after),
            kind=entry.kind or "event",
            kind_class=kind_class(entry.kind),
            title=entry.title,
            service=entry.service,
            source=entry.source,
            lasted=lasted,
            evidence=entry.evidence,
            letter=lettered[number].letter if number in lettered else "",
            inside=started and (end_ns is None or entry.timestamp < end_ns),
            edge=entry.kind in ("onset", "recovery"),
            starred=entry.starred,
            day=today,
            new_day=today != last_day,
        )
        last_day = today
        rows.append(row)
    return tuple(rows)


@dataclass(frozen=True)
class DrawnPanel:
    """A panel's heading, its legend, and its two drawings."""

    title: str
    unit_words: str
    bad: bool
    lines: tuple[tuple[str, int, str], ...]
    wide: str
    narrow: str


@dataclass(frozen=True)
class Glance:
    """The chart at the top: drawings, legend, the key of its marks, and what a pointer is told."""

    lanes: tuple[str, str]
    axes: tuple[str, str]
    panels: tuple[DrawnPanel, ...]
    marks: tuple[tuple[str, str, str, str, str], ...]
    how: str
    hover: tuple[dict[str, Any], ...]


def glance(postmortem: Postmortem, lettered: dict[int, Mark]) -> Glance | None:
    """The chart at the top, or None where there is no series to draw."""
    drawn = [
        part
        for chart in postmortem.charts
        for part in panels(chart.title, chart.series, bad=chart.bad, how=chart.how)
    ]
    if not drawn:
        return None
    inside = {number: mark for number, mark in lettered.items() if mark.ns in postmortem.window}
    stage = Stage(postmortem.window, postmortem.during, postmortem.baseline, tuple(inside.values()))
    return Glance(
        lanes=(draw_lane(stage), draw_lane(stage, NARROW)),
        axes=(draw_axis(stage), draw_axis(stage, NARROW)),
        panels=tuple(_drawn(panel, stage) for panel in drawn),
        marks=tuple(
            (f"t-{n}", mark.letter, mark.kind, clock(mark.ns, dated=stage.dated), mark.title)
            for n, mark in inside.items()
        ),
        how=" ".join(f"{panel.title}: {panel.how}." for panel in drawn if panel.how),
        hover=tuple(hover_data(panel, stage) for panel in drawn),
    )


def _drawn(panel: Panel, stage: Stage) -> DrawnPanel:
    return DrawnPanel(
        title=panel.title,
        unit_words=_UNITS.get(panel.unit, panel.unit),
        bad=panel.bad,
        lines=tuple((line.name, line.slot, DASHES[line.slot][1]) for line in panel.lines),
        wide=draw_panel(panel, stage),
        narrow=draw_panel(panel, stage, NARROW),
    )


@dataclass(frozen=True)
class Trace:
    """The telling trace: its drawings, legend and rows, and where each of its spans stands on the page."""

    trace_id: str
    why: str
    services: tuple[tuple[str, int], ...]
    bars: tuple[Bar, ...]
    left_out: int
    wide: str
    narrow: str

    @property
    def places(self) -> dict[str, str]:
        """Evidence id of a drawn span → its row's anchor."""
        return {f"span:{self.trace_id}/{bar.span_id}": f"span-{n}" for n, bar in enumerate(self.bars, 1)}


def trace(postmortem: Postmortem) -> Trace | None:
    """The telling trace, or None where there is none."""
    found = None if postmortem.waterfall is None else waterfall_of(postmortem.waterfall)
    if found is None:
        return None
    return Trace(
        trace_id=found.trace_id,
        why=postmortem.waterfall_why,
        services=tuple(found.services.items()),
        bars=found.bars,
        left_out=found.left_out,
        wide=draw_waterfall(found),
        narrow=draw_waterfall(found, NARROW),
    )
