"""Series over time as SVG: panels that share one axis, the incident shaded, what happened marked.

Each drawing is made twice, wide and narrow, so that its letters keep their size on every screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from obsnb.timerange import TimeRange
from obsnb.views.formats import IN_WORDS, clock, duration, one_line, quantity, shorten
from obsnb.views.labels import apart
from obsnb.views.svg import Node, Scale, box, drawing, fit, label, node, path, round_ticks, rule, time_ticks
from obsnb.views.theme import DASHES, LIGHT

__all__ = ["Line", "Mark", "Panel", "Stage", "draw_axis", "draw_lane", "draw_panel", "hover_data", "panels"]

NARROW, WIDE = 380, 980
_MOST_POINTS, _MOST_LINES = 720, 6
_GUTTER = 62  # room for the labels of the vertical axis
_EDGE = 14  # what is left free at the right
_SIZE = 11.5
_LONGEST = 80  # letters of a name


@dataclass(frozen=True)
class Line:
    """A series: one value, or None, at each of its panel's times; `slot` is its place in the theme."""

    name: str
    slot: int
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Panel:
    """Lines of one unit over the same times (ns), and what is to be said about them."""

    title: str
    unit: str
    bad: bool
    how: str
    times: tuple[int, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Mark:
    """Something that happened: `letter` stands in the drawing and in the key below it."""

    letter: str
    ns: int
    end_ns: int | None
    kind: str
    title: str


@dataclass(frozen=True)
class Stage:
    """What all panels share: the window, what is shaded in it, and the marks."""

    window: TimeRange
    during: TimeRange | None = None
    baseline: TimeRange | None = None
    marks: tuple[Mark, ...] = ()

    @property
    def dated(self) -> bool:
        """Whether a time needs its day: the window spans several."""
        return self.window.start.date() != self.window.end.date()


def panels(title: str, series: pl.DataFrame, *, bad: bool = False, how: str = "") -> tuple[Panel, ...]:
    """A panel for each unit of a frame with timestamp, name, value and unit.

    Of more than six names of a unit those with the largest sums are drawn; of more than 720 times the
    highest value in each 720th of the whole. Both are said in the panel's `how`.
    """
    plain = series.select(
        pl.col("timestamp").cast(pl.Datetime("ns", "UTC")).to_physical(),
        pl.col("name").cast(pl.String).fill_null(""),
        pl.col("value").cast(pl.Float64).fill_nan(None),
        (pl.col("unit").cast(pl.String) if "unit" in series.columns else pl.lit(""))
        .fill_null("")
        .alias("unit"),
    ).drop_nulls("timestamp")
    return tuple(
        _panel(title, unit, part, bad=bad, how=how)
        for (unit,), part in plain.partition_by("unit", as_dict=True, maintain_order=True).items()
    )


def _panel(title: str, unit: Any, part: pl.DataFrame, *, bad: bool, how: str) -> Panel:
    said = [how] if how else []
    sums = part.group_by("name", maintain_order=True).agg(pl.col("value").sum())
    keep = sums.top_k(_MOST_LINES, by="value")["name"] if sums.height > _MOST_LINES else sums["name"]
    if sums.height > _MOST_LINES:
        said.append(f"the {_MOST_LINES} largest of {sums.height:,} series")
        part = part.filter(pl.col("name").is_in(keep.implode()))
    if part["timestamp"].n_unique() > _MOST_POINTS:
        first, last = part["timestamp"].min(), part["timestamp"].max()
        width = (int(last) - int(first)) // _MOST_POINTS + 1  # type: ignore[arg-type]  # integers, not empty
        part = part.with_columns((pl.col("timestamp") - first) // width * width + first)
        said.append(f"each point the highest of {duration(width)}")
    wide = part.group_by("timestamp", "name").agg(pl.col("value").max()).sort("timestamp")
    times = wide["timestamp"].unique().sort()
    lines = []
    names = [name for name in sums["name"] if name in set(keep)]
    shown = apart([one_line(name) for name in names], _LONGEST)
    for slot, name in enumerate(names):
        own = wide.filter(pl.col("name") == name).select("timestamp", "value")
        values = times.to_frame().join(own, on="timestamp", how="left", maintain_order="left")["value"]
        lines.append(Line(shown[slot], slot, tuple(values)))
    title, unit = shorten(one_line(title), 60), shorten(one_line(str(unit)), 24)
    return Panel(title, unit, bad, "; ".join(said), tuple(times), tuple(lines))


def _across(stage: Stage, width: int) -> Scale:
    return Scale(stage.window.start_ns, stage.window.end_ns, _GUTTER, width - _EDGE)


def _parts(stage: Stage, across: Scale) -> list[tuple[str, str, float, float]]:
    """Name, look and places of what is shaded: the baseline, then the incident."""
    shaded = (("baseline", "calm", stage.baseline), ("incident", "bad", stage.during))
    return [
        (f"{name}, {duration(part.duration_ns)}", look, across(part.start_ns), across(part.end_ns))
        for name, look, whole in shaded
        if whole is not None and (part := whole.overlap(stage.window)) is not None
    ]


def _shades(stage: Stage, across: Scale, top: float, height: float) -> list[Node]:
    shades = []
    for _, look, left, right in _parts(stage, across):
        colour = LIGHT.bad_tint if look == "bad" else LIGHT.calm_tint
        shades.append(box(left, top, right - left, height, look=f"shade-{look}", colour=colour))
        edges = [left, right] if right < across.end else [left]
        if look == "bad":
            shades += [rule(x, top, x, top + height, look="edge", colour=LIGHT.bad) for x in edges]
    return shades


def _drawing(width: int, height: int, kind: str, says: str, parts: list[Node]) -> str:
    size = "narrow" if width == NARROW else "wide"
    data = {"data-left": _GUTTER, "data-right": width - _EDGE}
    return drawing(width, height, parts, look=f"{kind} {size}", says=says, size=_SIZE, data=data)


def draw_panel(panel: Panel, stage: Stage, width: int = WIDE) -> str:
    """The lines of a panel with their vertical axis."""
    height = 118 if width == WIDE else 108
    across = _across(stage, width)
    highest = max((value for line in panel.lines for value in line.values if value is not None), default=0.0)
    ticks = round_ticks(highest, 4)
    up = Scale(0.0, ticks[-1], height - 8, 8)
    parts = _shades(stage, across, 0, height)
    for tick in ticks:
        y, words = up(tick), quantity(tick, panel.unit if panel.unit in IN_WORDS else "")
        parts.append(rule(_GUTTER, y, width - _EDGE, y, look="grid", colour=LIGHT.line))
        parts.append(label(_GUTTER - 8, y + 4, words, look="tick", colour=LIGHT.quiet, anchor="end"))
    for mark in stage.marks:
        if mark.ns in stage.window:
            x = across(mark.ns)
            parts.append(rule(x, 0, x, height, look="rule", colour=LIGHT.quiet, dashes="1 3"))
    parts += [part for line in panel.lines for part in _line(panel, line, across, up)]
    says = f"{panel.title} over time, at most {quantity(highest, panel.unit)}"
    return _drawing(width, height, "panel", says, parts)


def _line(panel: Panel, line: Line, across: Scale, up: Scale) -> list[Node]:
    points = [
        None if value is None else (across(ns), up(value))
        for ns, value in zip(panel.times, line.values, strict=True)
    ]
    bad = panel.bad and line.slot == 0
    look, colour = ("bad", LIGHT.bad) if bad else (f"c{line.slot}", LIGHT.series[line.slot])
    parts = []
    drawn = [point for point in points if point is not None]
    if len(panel.lines) == 1 and len(drawn) > 1:
        area = [(drawn[0][0], up(0.0)), *drawn, (drawn[-1][0], up(0.0))]
        shade = {"class": f"area {look}", "fill": colour, "fill-opacity": "0.12"}
        parts.append(node("path", {"d": path([*area]) + "Z", **shade}))
    pen = {"class": f"line {look}", "fill": "none", "stroke": colour, "stroke-width": "1.7"}
    pen |= {"stroke-linejoin": "round", "stroke-dasharray": DASHES[line.slot][1] or "none"}
    parts.append(node("path", {"d": path(points), **pen}))
    for before, point, after in zip([None, *points], points, [*points[1:], None], strict=False):
        if point is not None and before is None and after is None:  # a line of one point is a dot
            parts.append(
                node(
                    "circle", {"cx": point[0], "cy": point[1], "r": 2, "class": f"dot {look}", "fill": colour}
                )
            )
    return parts


def draw_lane(stage: Stage, width: int = WIDE) -> str:
    """The strip above the panels: what is shaded, named, and the lettered marks, never on each other."""
    across = _across(stage, width)
    taken: list[float] = []
    badges: list[Node] = []
    for mark in sorted(stage.marks, key=lambda mark: mark.ns):
        if mark.ns in stage.window:
            x, end = across(mark.ns), across(max(mark.end_ns or 0, mark.ns))
            row = next((place for place, until in enumerate(taken) if x - 10 >= until), len(taken))
            taken[row : row + 1] = [max(x, end) + 10]
            badges.append(_badge(mark, x, end, 32 + 22 * row))
    height = 22 + 22 * len(taken) + (2 if taken else 0)
    parts = _shades(stage, across, 20, height - 20)
    for name, look, left, right in _parts(stage, across):
        colour, weight = (LIGHT.bad, 600) if look == "bad" else (LIGHT.quiet, 400)
        room = max(right - left, 56)
        whole = fit(name, room, _SIZE) == name  # cut in its middle, a length of time would be another one
        words = name if whole else fit(name.partition(",")[0], room, _SIZE)
        parts.append(label(left + 2, 13, words, look=f"name-{look}", colour=colour, weight=weight))
    return _drawing(width, height, "lane", "What happened when", parts + badges)


def _badge(mark: Mark, x: float, end: float, y: float) -> Node:
    """A deployment is a pin that points at its moment, an alert a square, anything else a disc."""
    pin = [(x - 8, y - 9), (x + 8, y - 9), (x + 8, y + 4), (x, y + 11), (x - 8, y + 4)]
    look = {"class": "badge", "fill": LIGHT.ink}
    shape = {
        "deploy": node("path", {"d": path([*pin]) + "Z", **look}),
        "alert": box(x - 8, y - 8, 16, 16, look="badge", colour=LIGHT.ink, round=2),
    }.get(mark.kind, node("circle", {"cx": x, "cy": y, "r": 9, **look}))
    lasts = rule(x, y, end, y, look="lasts", colour=LIGHT.quiet, width=2) if end > x else None
    title = node("title", {}, text=f"{clock(mark.ns)} {mark.kind}: {mark.title}")
    letter = label(x, y + 4, mark.letter, look="letter", colour=LIGHT.paper, anchor="middle", weight=700)
    return node("g", {"class": "mark"}, title, lasts, shape, letter)


def draw_axis(stage: Stage, width: int = WIDE) -> str:
    """The times below the panels, in UTC."""
    across = _across(stage, width)
    parts = [label(4, 18, "UTC", look="tick", colour=LIGHT.quiet)]
    for tick in time_ticks(stage.window.start_ns, stage.window.end_ns, 10 if width == WIDE else 4):
        x = across(tick)
        words = clock(tick, dated=stage.dated)
        words = words if tick % 60_000_000_000 else words.removesuffix(":00")
        parts.append(rule(x, 0, x, 5, look="grid", colour=LIGHT.line))
        parts.append(label(min(x, width - 18), 18, words, look="tick", colour=LIGHT.quiet, anchor="middle"))
    return _drawing(width, 24, "axis", "Time in UTC", parts)


def hover_data(panel: Panel, stage: Stage) -> dict[str, Any]:
    """What a pointer over the panel is told, ready to be shown: places as parts of the window, and words."""
    length = stage.window.duration_ns
    return {
        "x": [round((ns - stage.window.start_ns) / length, 5) for ns in panel.times],
        "time": [clock(ns, dated=stage.dated) for ns in panel.times],
        "title": panel.title,
        "lines": [
            {
                "name": line.name,
                "slot": line.slot,
                "text": [quantity(value, panel.unit) for value in line.values],
            }
            for line in panel.lines
        ],
    }
