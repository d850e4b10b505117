"""One trace as a waterfall in SVG: bars by service, the critical path and errors marked by shape and word."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from obsnb.analysis.critical_path import path_segments
from obsnb.analysis.traces import self_time
from obsnb.analysis.tree import Tree, grow
from obsnb.schema import SPANS
from obsnb.views.formats import duration, one_line
from obsnb.views.svg import LETTER, Node, Scale, box, drawing, fit, label, node, round_ticks, rule
from obsnb.views.theme import LIGHT, slots
from obsnb.views.timechart import WIDE

__all__ = ["Bar", "Waterfall", "draw_waterfall", "waterfall_of"]

_DEEPEST = 14  # indents stop growing here, so that a name keeps room beside them
_SIZE, _THICK, _TOP = 12, 13, 24
_AFTER = 122  # room right of the bars for the longest duration and the word error
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Bar:
    """A span in the order and depth of its trace's tree; times in ns, `offset` from the trace's start.

    `waits` are the stretches (offset, length) during which the request waited for this very span.
    """

    span_id: str
    service: str
    name: str
    kind: str
    failed: bool
    message: str
    offset: int
    duration: int
    self_time: int
    depth: int
    slot: int
    critical: bool
    waits: tuple[tuple[int, int], ...]

    @property
    def words(self) -> str:
        """All of it in a line, for a tooltip."""
        parts = [f"{self.service}: {self.name}", duration(self.duration), f"self {duration(self.self_time)}"]
        parts.append(f"starts at {duration(self.offset)}")
        parts += ["critical path"] * self.critical + [f"error {self.message}".strip()] * self.failed
        return one_line(", ".join(parts))


@dataclass(frozen=True)
class Waterfall:
    """The bars of a trace, its length, and how many of its spans are not among them."""

    trace_id: str
    bars: tuple[Bar, ...]
    length: int
    left_out: int

    @property
    def services(self) -> dict[str, int]:
        """Service → place in the theme, by first appearance."""
        return {bar.service: bar.slot for bar in self.bars}


def waterfall_of(spans: pl.DataFrame, *, most: int = 60) -> Waterfall | None:
    """The bars of the first trace in a SPANS frame, or None where there is no span.

    Self times and the critical path are worked out here where the frame does not bring them
    (``self_time``, Duration; ``critical``, Boolean). Of more than `most` spans those on the critical path
    are kept, then failed ones, then the longest, each with its ancestors.
    """
    frame = SPANS.conform(spans).drop_nulls(["trace_id", "span_id", "start", "duration"])
    if frame.is_empty():
        return None
    frame = frame.filter(pl.col("trace_id") == frame["trace_id"][0]).sort("start", maintain_order=True)
    frame = frame if "self_time" in frame.columns else self_time(frame)
    tree = grow(frame)
    waits: dict[int, list[tuple[int, int]]] = defaultdict(list)
    began = int(tree.start.min())
    for place, at, length, _ in zip(*(part.tolist() for part in path_segments(tree)), strict=True):
        waits[place].append((at - began, length))
    bars = _bars(frame[tree.rows], tree, waits)
    length = int(tree.end.max()) - began
    kept = _most_telling(bars, tree.parent.tolist(), most)
    return Waterfall(frame["trace_id"][0], kept, max(length, 1), len(bars) - len(kept))


def _bars(frame: pl.DataFrame, tree: Tree, waits: dict[int, list[tuple[int, int]]]) -> list[tuple[int, Bar]]:
    """Each span's position with its bar, in the order of the tree, children by their start."""
    text = pl.col("service", "kind", "status").cast(pl.String)
    rows = frame.with_columns(text, pl.col("self_time").to_physical()).to_dicts()
    place = slots([row["service"] or UNKNOWN for row in rows])
    start, length, began = tree.start.tolist(), tree.duration.tolist(), int(tree.start.min())
    children: dict[int, list[int]] = defaultdict(list)
    for position, parent in enumerate(tree.parent.tolist()):
        children[parent].append(position)
    for below in children.values():
        below.sort(key=start.__getitem__, reverse=True)
    bars, todo = [], [(position, 0) for position in children[-1]]
    while todo:
        position, depth = todo.pop()
        row, own = rows[position], tuple(waits.get(position, ()))
        bar = _bar(row, offset=start[position] - began, length=length[position], depth=depth, waits=own)
        bars.append((position, replace(bar, slot=place[bar.service])))
        todo += [(child, depth + 1) for child in children[position]]
    return bars


def _bar(
    row: dict[str, Any], *, offset: int, length: int, depth: int, waits: tuple[tuple[int, int], ...]
) -> Bar:
    return Bar(
        span_id=row["span_id"],
        service=row["service"] or UNKNOWN,
        name=row["name"] or "span",
        kind=row["kind"] or "",
        failed=row["status"] == "error",
        message=row["status_message"] or "",
        offset=offset,
        duration=length,
        self_time=row["self_time"] or 0,
        depth=depth,
        slot=0,
        critical=bool(waits if row.get("critical") is None else row["critical"]),
        waits=waits,
    )


def _most_telling(bars: list[tuple[int, Bar]], parents: list[int], most: int) -> tuple[Bar, ...]:
    """So many bars: the critical path, then failures, then the longest, never without their ancestors."""
    kept: set[int] = set()
    for position, _ in sorted(
        bars, key=lambda one: (not one[1].critical, not one[1].failed, -one[1].duration)
    ):
        line, here = [], position
        while here >= 0 and here not in kept:
            line.append(here)
            here = parents[here]
        if len(kept) + len(line) <= most:
            kept.update(line)
    return tuple(bar for position, bar in bars if position in kept)


def draw_waterfall(waterfall: Waterfall, width: int = WIDE) -> str:
    """The bars below a time axis: beside their names where it is wide, below them where it is narrow.

    A thick line under a bar is the critical path: what the request waited for just then. Its spans also
    carry a diamond before their name; failed spans carry a cross and the word error.
    """
    beside = width == WIDE
    row = 25 if beside else 40
    left = _label_width(waterfall) if beside else 6.0
    across = Scale(0.0, float(waterfall.length), left, width - _AFTER)
    height = _TOP + row * len(waterfall.bars) + 4
    parts = []
    for tick in round_ticks(waterfall.length / 1e6, 6 if beside else 3)[:-1]:
        x, anchor = across(tick * 1e6), "middle" if tick else "start"
        parts.append(rule(x, _TOP - 4, x, height - 2, look="grid", colour=LIGHT.line))
        parts.append(label(x, 13, duration(tick * 1e6), look="tick", colour=LIGHT.quiet, anchor=anchor))
    previous = ""
    for place, bar in enumerate(waterfall.bars):
        service = bar.service if bar.service != previous else ""
        parts.append(_row(bar, service, _TOP + row * place, across, beside=beside))
        previous = bar.service
    says = f"Waterfall of {len(waterfall.bars)} spans over {duration(waterfall.length)}"
    look = "waterfall wide" if beside else "waterfall narrow"
    return drawing(width, height, parts, look=look, says=says, size=_SIZE)


def _indent(bar: Bar) -> float:
    return 4.0 + 11.0 * min(bar.depth, _DEEPEST)


def _label_width(waterfall: Waterfall) -> float:
    """Room for the longest name beside the bars, within reason."""
    letters = _SIZE * LETTER
    longest = max(
        _indent(bar) + 34 + letters * (len(bar.name) + len(bar.service) + 2) for bar in waterfall.bars
    )
    return min(max(longest, 120.0), 400.0)


def _row(bar: Bar, service: str, y: int, across: Scale, *, beside: bool) -> Node:
    """A bar with its name, what the request waited for it, and how long it took."""
    top = y + (4 if beside else 22)
    x, end = across(bar.offset), across(bar.offset + bar.duration)
    shape = box(
        x, top, max(end - x, 2.0), _THICK, look=f"bar c{bar.slot}", colour=LIGHT.series[bar.slot], round=2
    )
    shape.set("fill-opacity", "1" if bar.critical else "0.5")
    waits = [
        box(
            across(at),
            top + _THICK + 1,
            max(across(at + length) - across(at), 1.0),
            3,
            look="wait",
            colour=LIGHT.ink,
        )
        for at, length in bar.waits
    ]
    indent = _indent(bar) if beside else 0.65 * _indent(bar)
    room = (across.start if beside else across.end + _AFTER) - indent - 28
    hit = box(0, y, across.end + _AFTER, 25 if beside else 40, look="hit", colour="none")
    diamond = label(indent, y + 15, "◆", look="ink", colour=LIGHT.ink) if bar.critical else None
    name = _name(bar, service, indent + 13, y + 15, room)
    after = _after(bar, x, end, top + 10, across)
    return node(
        "g", {"class": "span"}, node("title", {}, text=bar.words), hit, diamond, name, shape, *waits, after
    )


def _name(bar: Bar, service: str, x: float, y: float, room: float) -> Node:
    """The span's name, after its service's where that is another than the row's above."""
    letters = _SIZE * LETTER
    weight = 600 if bar.critical else 400
    words = fit(bar.name, room - letters * min(len(service) + 2, 12) * bool(service), _SIZE)
    line = label(x, y, "", look="ink", colour=LIGHT.ink, weight=weight)
    if service:
        said = fit(service, room - letters * (len(words) + 2), _SIZE)
        line.append(node("tspan", {"class": "tick", "fill": LIGHT.quiet, "font-weight": 400}, text=said))
    line.append(node("tspan", {"dx": 6} if service else {}, text=words))
    return line


def _after(bar: Bar, x: float, end: float, y: float, across: Scale) -> Node:
    """How long it took: right of the bar, or left of it where the right has no room."""
    words = duration(bar.duration) + (" ✕ error" if bar.failed else "")
    look, colour = ("after failed", LIGHT.bad) if bar.failed else ("after", LIGHT.quiet)
    need = len(words) * _SIZE * LETTER + 8
    if across.end + _AFTER - end >= need or x - across.start < need:
        return label(end + 6, y, words, look=look, colour=colour)
    return label(x - 6, y, words, look=look, colour=colour, anchor="end")
