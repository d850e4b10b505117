"""What every chart begins and ends with: safe words, theme, notes, and a sentence in place of nothing."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from obsnb.views.formats import one_line, shorten
from obsnb.views.labels import apart, elided
from obsnb.views.theme import Mode, apply, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import polars as pl

__all__ = [
    "LEGEND",
    "LETTER",
    "finished",
    "log_axis",
    "new_figure",
    "nothing",
    "said",
    "said_apart",
    "said_short",
    "wrapped",
]

#: Mean width of a letter of a legend or a note, in pixels.
LETTER = 6.4
#: Letters of a legend's name: it has a row of its own in a narrow notebook, else two stand side by side.
LEGEND = 44
_WIDTH = 460  # of a plot in a narrow notebook; a wider one only has more room
_NOTED = 74  # letters of a note in one row of it
_TITLE, _ROW, _NOTE = 44, 21, 17
_LEFT, _RIGHT, _BELOW = 64, 24, 52


def said(text: object, limit: int = 80) -> str:
    """A text that plotly and MathJax read as the letters that it has: no markup, link or formula."""
    plain = shorten(one_line(str(text)), limit)
    return html.escape(plain, quote=False).replace("$", "&#36;")


def said_short(text: object, limit: int) -> str:
    """The same with the middle left out."""
    return said(elided(one_line(str(text)), limit), limit)


def said_apart(texts: Iterable[object], limit: int, short: Callable[[str, int], str] = elided) -> list[str]:
    """The names of one axis or legend, `short`, so that those that differ still read differently."""
    plain = [one_line(str(text)) for text in texts]
    return [said(label, limit) for label in apart(plain, limit, short)]


def log_axis(values: pl.Series) -> dict[str, Any]:
    """A logarithmic axis that has labels also where its values lie within one power of ten."""
    known = values.filter((values > 0) & values.is_finite())
    low, high = known.min(), known.max()
    wide = low is not None and math.log10(high / low) >= 1  # type: ignore[operator,arg-type]  # of floats
    return {"type": "log", "dtick": 1 if wide else "D2"}


def wrapped(text: object, width: int, *, lines: int = 12) -> str:
    """The same over several lines."""
    parts = textwrap.wrap(one_line(str(text)), width) or [""]
    if len(parts) > lines:
        parts = [*parts[: lines - 1], parts[lines - 1] + "…"]
    return "<br>".join(said(part, width + 1) for part in parts)


def new_figure() -> go.Figure:
    """A figure without anything, not even plotly's own template."""
    import plotly.graph_objects as go

    return go.Figure(layout={"template": None})


def finished(
    figure: go.Figure,
    *,
    mode: Mode,
    title: str,
    notes: Iterable[str] = (),
    height: int = 260,
    above: int = 0,
) -> go.Figure:
    """The figure (changed in place and returned) with theme, title, notes, and room for its legend.

    Parameters
    ----------
    notes
        What a reader has to know: what is left out or thinned. They stand below the title.
    height
        Of the plot alone, in pixels.
    above
        Room between legend and plot, in pixels.
    """
    apply(figure, mode=mode, title=said(title, 80))
    colours = theme(mode)
    text = "; ".join(dict.fromkeys(shorten(one_line(note), 240) for note in notes if note))
    lines = textwrap.wrap(text, _NOTED) if text else []
    heights = [_TITLE + _NOTE * len(lines)]  # where each legend begins, and where the last ends
    heights += [heights[0] + _ROW * _legend_rows(figure, "legend")]
    heights += [heights[1] + _ROW * _legend_rows(figure, "legend2")]
    top = heights[2] + above + 8
    whole = top + height + _BELOW
    margin = {"l": _LEFT, "r": _RIGHT, "t": top, "b": _BELOW}
    figure.update_layout(height=whole, margin=margin)
    for place, name in enumerate(("legend", "legend2")):
        legend = {"xref": "container", "x": 0.01, "yref": "container", "y": 1 - heights[place] / whole}
        look = {"orientation": "h", "yanchor": "top", "font": {"size": 12}, "traceorder": "normal"}
        figure.layout[name] = legend | look
    figure.update_layout(
        title={
            "x": 0.012,
            "xref": "container",
            "subtitle": {"text": "<br>".join(said(line, 120) for line in lines)},
        }
    )
    figure.layout.title.subtitle.font = {"size": 12, "color": colours.quiet}
    return figure


def _legend_rows(figure: go.Figure, legend: str) -> int:
    """How many rows a legend has; its entries are as wide as the widest."""
    entries = [trace for trace in figure.data if trace.showlegend]
    names = [html.unescape(trace.name or "") for trace in entries if (trace.legend or "legend") == legend]
    if not names:
        return 0
    widest = 46 + LETTER * max(map(len, names))
    return math.ceil(len(names) / max(1, int(_WIDTH / widest)))


def nothing(sentence: str, *, mode: Mode, title: str = "") -> go.Figure:
    """A figure with a sentence where the drawing would be."""
    figure = new_figure()
    figure.add_annotation(
        text=wrapped(sentence, 80),
        x=0.5,
        y=0.5,
        xref="paper",
        yref="paper",
        showarrow=False,
        font={"size": 14, "color": theme(mode).quiet},
    )
    blank: dict[str, Any] = {"visible": False, "range": [0, 1], "fixedrange": True}
    figure.update_layout(xaxis=blank, yaxis=blank)
    return finished(figure, mode=mode, title=title, height=120)
