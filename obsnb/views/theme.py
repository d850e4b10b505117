"""One set of colours for every chart, told apart also by people who do not see red or green.

The hues are Okabe and Ito's ("Color Universal Design", 2008), darkened or lightened so that a line keeps
three to one against white paper, or against the dark page. Vermillion is kept for what went wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["DARK", "DASHES", "LIGHT", "PATTERNS", "SYMBOLS", "Mode", "Theme", "apply", "slots", "theme"]

Mode = Literal["light", "dark"]


@dataclass(frozen=True)
class Theme:
    """The colours of a light or a dark page.

    Attributes
    ----------
    paper, ink, quiet, line
        Background, text, secondary text, rules and grid.
    bad, bad_tint
        What went wrong: errors and the incident's window.
    calm_tint
        The window that the incident is compared with.
    series
        Colours of lines and services, in order.
    heat
        From nothing to the most: one hue, its lightness always changing in one direction, so that grey
        paper and every kind of sight keep the order.
    """

    paper: str
    ink: str
    quiet: str
    line: str
    bad: str
    bad_tint: str
    calm_tint: str
    series: tuple[str, ...]
    heat: tuple[str, ...]


LIGHT = Theme(
    paper="#ffffff",
    ink="#1b2430",
    quiet="#5b6675",
    line="#dfe3e8",
    bad="#c24e00",
    bad_tint="#fdeadd",
    calm_tint="#eaf3f9",
    series=("#0072b2", "#c47f00", "#00805e", "#b5578c", "#2c93cf", "#8a7d00", "#6b7480"),
    heat=("#e8f1f8", "#9cc8e6", "#3f93c9", "#00598c", "#002a45"),
)
DARK = Theme(
    paper="#14181d",
    ink="#e6e9ed",
    quiet="#9aa5b1",
    line="#333b45",
    bad="#ff8a4a",
    bad_tint="#3a241a",
    calm_tint="#182a38",
    series=("#4aa8e0", "#e69f00", "#1fb88f", "#dc8fb8", "#8fd0f5", "#d8cb3c", "#a3adb8"),
    heat=("#1d2a36", "#1f567c", "#2f86bd", "#7fc3ec", "#e6f5ff"),
)
#: Dash patterns of lines (plotly's names, SVG's lengths), so that no two of one colour class look alike.
DASHES: tuple[tuple[str, str], ...] = (
    ("solid", ""),
    ("dash", "6 3"),
    ("dot", "2 2"),
    ("dashdot", "7 2 2 2"),
    ("longdash", "10 4"),
    ("longdashdot", "10 3 2 3"),
    ("8px,2px,2px,2px,2px,2px", "8 2 2 2 2 2"),
)
#: What fills bars, in the order of `Theme.series`, so that they are told apart in grey (plotly's names).
PATTERNS: tuple[str, ...] = ("", "/", "x", ".", "\\", "-", "+")
#: Shapes of points, in the order of `Theme.series` (plotly's names).
SYMBOLS: tuple[str, ...] = ("circle", "square", "diamond", "triangle-up", "star", "triangle-down", "hexagon")


def theme(mode: Mode) -> Theme:
    """The theme of a mode."""
    return DARK if mode == "dark" else LIGHT


def slots(names: list[str]) -> dict[str, int]:
    """Name → place in `Theme.series`, by first appearance; past the last colour they begin anew."""
    return {name: place % len(LIGHT.series) for place, name in enumerate(dict.fromkeys(names))}


def apply(figure: go.Figure, *, mode: Mode = "light", title: str = "") -> go.Figure:
    """The figure (changed in place and returned) in the house's colours, type and spacing."""
    colours = theme(mode)
    axis = {
        "gridcolor": colours.line,
        "linecolor": colours.line,
        "zerolinecolor": colours.line,
        "tickcolor": colours.line,
        "tickangle": 0,  # words that stand on end take the height of a narrow plot
    }
    figure.update_layout(
        title={"text": title, "x": 0, "xref": "paper", "y": 1, "yanchor": "top", "pad": {"t": 12}},
        title_font_size=15,
        height=340,
        paper_bgcolor=colours.paper,
        plot_bgcolor=colours.paper,
        colorway=list(colours.series),
        font={"family": "system-ui, Segoe UI, Roboto, Liberation Sans, sans-serif", "color": colours.ink},
        hovermode=figure.layout.hovermode or "x unified",  # a chart's own is kept
        hoverlabel={"bgcolor": colours.paper, "font": {"color": colours.ink}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": {"text": ""}},
        margin={"l": 60, "r": 20, "t": 78, "b": 44},
        modebar_remove=["sendChartToCloud"],  # plotly's button that uploads a chart: an incident stays here
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure
