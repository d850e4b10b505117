"""The charts at a report's top as one SVG file, for Markdown and notebooks, which hold no drawing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from obsnb.report import entries, figures
from obsnb.views.svg import label, markup, rule
from obsnb.views.theme import LIGHT
from obsnb.views.timechart import WIDE

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["chart_svg"]

_HEAD, _KEY, _SIZE = 26, 20, 12.5
_HEIGHT = re.compile(r'^<svg [^>]*?height="([\d.]+)"')


def chart_svg(postmortem: Postmortem) -> str | None:
    """The file's text, or None where there is nothing to draw; it has its own colours and loads nothing."""
    timeline = entries.timeline(postmortem.timeline, postmortem.notes, postmortem.during)
    drawn = figures.glance(postmortem, figures.marks(timeline, postmortem.window.start_ns))
    if drawn is None:
        return None
    parts, y = [], 8.0
    parts.append(_placed(drawn.lanes[0], y))
    y += _height(drawn.lanes[0])
    for panel in drawn.panels:
        parts += _heading(panel, y + 17)
        y += _HEAD
        parts.append(_placed(panel.wide, y))
        y += _height(panel.wide)
    parts.append(_placed(drawn.axes[0], y))
    y += _height(drawn.axes[0]) + 4
    for _, letter, _, at, title in drawn.marks:
        y += _KEY
        words = label(4, y - 5, f"{letter}  {at}  {title}", look="ink", colour=LIGHT.ink)
        parts.append(markup(words))
    size = f'width="{WIDE}" height="{y + 8:g}" viewBox="0 0 {WIDE} {y + 8:g}"'
    look = f'font-family="sans-serif" font-size="{_SIZE}"'
    paper = f'<rect width="100%" height="100%" fill="{LIGHT.paper}" />'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {look}>{paper}{"".join(parts)}</svg>\n'


def _height(svg: str) -> float:
    found = _HEIGHT.match(svg)
    return float(found[1]) if found else 0.0


def _placed(svg: str, y: float) -> str:
    return svg.replace("<svg ", f'<svg y="{y:g}" ', 1)


def _heading(panel: figures.DrawnPanel, y: float) -> list[str]:
    """The panel's title and unit, and at the right what each line is."""
    unit = f" ({panel.unit_words})" if panel.unit_words else ""
    out = [markup(label(4, y, panel.title + unit, look="ink", colour=LIGHT.ink, weight=700))]
    right = WIDE - 14.0
    for name, slot, dash in reversed(panel.lines):
        bad = panel.bad and slot == 0
        colour = LIGHT.bad if bad else LIGHT.series[slot]
        words = name[:40]
        out.append(markup(label(right, y, words, look="tick", colour=LIGHT.quiet, anchor="end")))
        right -= len(words) * _SIZE * 0.55 + 6
        pen = rule(
            right - 20, y - 4, right, y - 4, look="line", colour=colour, width=2, dashes=dash or "none"
        )
        out.append(markup(pen))
        right -= 34
    return out
