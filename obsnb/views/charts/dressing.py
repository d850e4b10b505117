"""Axes of a figure for print: range, ticks, titles, grid, and what stands on them, as plotly has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from obsnb.views.charts.marks import printable

__all__ = ["annotate", "axis_of", "dress"]

_ACROSS = {"left": "left", "right": "right"}
_UP = {"bottom": "bottom", "top": "top"}


def axis_of(layout: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The layout of an axis by the short name that traces use: ``x``, ``y2``."""
    axis: Mapping[str, Any] = layout.get(f"{name[0]}axis{name[1:]}") or {}
    return axis


def dress(axes: Any, layout: Mapping[str, Any], x: str, y: str, *, scale: float) -> None:
    """Give matplotlib's axes the look of plotly's, `scale` being points a pixel."""
    ink = (layout.get("font") or {}).get("color", "black")
    across, up = axis_of(layout, x), axis_of(layout, y)
    for side, axis in (("x", across), ("y", up)):
        _side(axes, side, axis, ink, scale)
    axes.tick_params(colors=ink, labelsize=11 * scale, width=0.6)
    axes.xaxis.get_offset_text().set(size=11 * scale, color=ink)
    if across.get("type") == "date":
        _date_ticks(axes)
    line = up.get("gridcolor", "#dddddd")
    for spine in axes.spines.values():
        spine.set(color=line, linewidth=0.6)
    if up.get("overlaying") or up.get("visible") is False:
        axes.set_frame_on(False)
        axes.yaxis.set_visible(False)
    elif up.get("showgrid") is not False:
        axes.grid(visible=True, color=line, linewidth=0.6, zorder=0)
        axes.set_axisbelow(True)
    if (across.get("anchor") or "y") != y:  # the times stand below the lowest panel alone
        axes.tick_params(labelbottom=False)
        axes.xaxis.get_offset_text().set_visible(False)
        axes.set_xlabel("")


def _side(axes: Any, side: str, axis: Mapping[str, Any], ink: str, scale: float) -> None:
    own = axes.xaxis if side == "x" else axes.yaxis
    set_limits = axes.set_xlim if side == "x" else axes.set_ylim
    if axis.get("type") == "log":
        (axes.set_xscale if side == "x" else axes.set_yscale)("log")
        own.set_major_formatter(lambda value, _: f"{value:,.10g}")
    if axis.get("range") is not None:
        low, high = (_value(end) for end in axis["range"])
        set_limits(*((10.0**low, 10.0**high) if axis.get("type") == "log" else (low, high)))
    elif axis.get("rangemode") == "tozero" and axis.get("type") != "log":
        set_limits(0, None)
    if axis.get("tickvals") is not None and axis.get("ticktext") is not None:
        words = [printable(word) for word in axis["ticktext"]]
        own.set_ticks(list(axis["tickvals"]), words, parse_math=False)
    title = printable((axis.get("title") or {}).get("text") or "")
    own.set_label_text(title, color=ink, size=12 * scale, parse_math=False)
    if axis.get("visible") is False:
        own.set_visible(False)


def _value(place: Any) -> Any:
    """A place on an axis: a moment where it is text, else itself."""
    return np.datetime64(place) if isinstance(place, str) else place


def _date_ticks(axes: Any) -> None:
    from matplotlib import dates

    locator = dates.AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]  # theirs is not
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # same


def annotate(axes: Any, note: Mapping[str, Any], *, scale: float) -> None:
    """A text, an arrow, or both, at a place of the axes or of the paper."""
    font = note.get("font") or {}
    places = {
        (True, True): axes.transAxes,
        (False, True): axes.get_xaxis_transform(),
        (False, False): axes.transData,
    }
    paper = note.get("xref") == "paper"
    x = note.get("x") if paper else axes.convert_xunits(_value(note.get("x")))
    if note.get("showarrow") is not False and note.get("ax") is not None:
        look = {"arrowstyle": "-|>", "color": note.get("arrowcolor") or "black"}
        look |= {"linewidth": (note.get("arrowwidth") or 1) * scale, "shrinkA": 0}
        look |= {"shrinkB": (note.get("standoff") or 0) * scale, "mutation_scale": 10}
        ends = {"xy": (note["x"], note["y"]), "xytext": (note["ax"], note["ay"])}
        axes.annotate("", **ends, arrowprops=look)
    text = printable(note.get("text") or "")
    if text:
        axes.annotate(
            text,
            (x, note.get("y")),
            xycoords=places[paper, note.get("yref") == "paper"],
            xytext=((note.get("xshift") or 0) * scale, (note.get("yshift") or 0) * scale),
            textcoords="offset points",
            ha=_ACROSS.get(note.get("xanchor") or "", "center"),
            va=_UP.get(note.get("yanchor") or "", "center"),
            annotation_clip=False,
            bbox=None if note.get("bgcolor") is None else {"fc": note["bgcolor"], "lw": 0, "pad": scale},
            color=font.get("color", "black"),
            size=(font.get("size") or 12) * scale,
            parse_math=False,
            zorder=50,
        )
