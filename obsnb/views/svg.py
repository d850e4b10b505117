"""The bricks of an SVG drawing: escaped nodes, scales with round ticks, and text cut to its room."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET  # builds and serialises only; nothing is parsed

from obsnb.views.formats import one_line, shorten
from obsnb.views.labels import elided

__all__ = [
    "LETTER",
    "Node",
    "Scale",
    "box",
    "drawing",
    "fit",
    "label",
    "markup",
    "node",
    "path",
    "round_ticks",
    "rule",
    "time_ticks",
]

Node = ET.Element

#: Mean width of a letter by its height, a little generous: a text that is cut early beats one that collides.
LETTER = 0.6
_LONGEST = 400  # letters of a text; what is drawn is cut to its room anyway, by `fit`


def node(tag: str, attributes: Mapping[str, object], *children: Node | None, text: str = "") -> Node:
    """An element; numbers get at most one decimal, text is one line, and escaped when it is serialised."""
    out = ET.Element(tag, {name: _written(value) for name, value in attributes.items()})
    out.text = shorten(one_line(text), _LONGEST) or None
    out.extend(child for child in children if child is not None)
    return out


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return one_line(str(value))


def label(
    x: float, y: float, text: str, *, look: str, colour: str, anchor: str = "start", weight: int = 400
) -> Node:
    """Text on its base line. `look` is its class; the colour holds where no style sheet says another."""
    place = {"x": x, "y": y, "class": look, "fill": colour, "text-anchor": anchor, "font-weight": weight}
    return node("text", place, text=text)


def box(x: float, y: float, width: float, height: float, *, look: str, colour: str, round: float = 0) -> Node:
    """A filled rectangle, its corners rounded by so much."""
    sides = {"x": x, "y": y, "width": max(width, 0.0), "height": height, "rx": round}
    return node("rect", {**sides, "class": look, "fill": colour})


def rule(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    *,
    look: str,
    colour: str,
    width: float = 1,
    dashes: str = "none",
) -> Node:
    """A straight line."""
    ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
    return node(
        "line", {**ends, "class": look, "stroke": colour, "stroke-width": width, "stroke-dasharray": dashes}
    )


def drawing(
    width: int,
    height: float,
    children: Iterable[Node],
    *,
    look: str,
    says: str,
    size: float,
    data: Mapping[str, object] | None = None,
) -> str:
    """The whole as text; `says` is what those hear who do not see it, `size` that of its letters."""
    frame: dict[str, object] = {"viewBox": f"0 0 {width} {height:g}", "width": width, "height": f"{height:g}"}
    frame |= {
        "role": "img",
        "aria-label": shorten(says, _LONGEST),
        "class": look,
        "font-size": size,
        **(data or {}),
    }
    return markup(node("svg", frame, *children))


def markup(element: Node) -> str:
    """The element as text that can stand inside an HTML page."""
    return ET.tostring(element, encoding="unicode")


def path(points: list[tuple[float, float] | None]) -> str:
    """Path data through the points, in straight lines; None lifts the pen."""
    words, down = [], False
    for point in points:
        if point is not None:
            words.append(f"{'L' if down else 'M'}{point[0]:.1f} {point[1]:.1f}")
        down = point is not None
    return "".join(words)


def fit(text: str, width: float, size: float) -> str:
    """As much of the text as that width has room for at that font size, by a letter's mean width."""
    room = max(int(width / (size * LETTER)), 1)
    text = one_line(text)
    return elided(text, room)


@dataclass(frozen=True)
class Scale:
    """A straight line from values to places: `low` lies at `start`, `high` at `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value, cut to the two ends."""
        part = (value - self.low) / (self.high - self.low)
        return self.start + (self.end - self.start) * min(max(part, 0.0), 1.0)


def round_ticks(highest: float, count: int) -> list[float]:
    """From zero, at steps of 1, 2 or 5 times a power of ten, to the first that is not below the highest."""
    if not math.isfinite(highest) or highest <= 0:
        return [0.0, 1.0]
    raw = highest / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if raw <= power * factor * (1 + 1e-9))
    return [step * place for place in range(math.ceil(highest / step - 1e-9) + 1)]


_SECOND = 1_000_000_000
_STEPS = [
    seconds * _SECOND
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200)
]


def time_ticks(start_ns: int, end_ns: int, count: int) -> list[int]:
    """At most `count` moments on whole seconds, minutes, hours or days of UTC."""
    length = end_ns - start_ns
    step = next((step for step in _STEPS if length // step <= count), None)
    if step is None:
        day = 86_400 * _SECOND
        step = day * max(1, -(-length // (day * count)))
    return list(range(-(-start_ns // step) * step, end_ns, step))
