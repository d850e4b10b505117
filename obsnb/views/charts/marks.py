"""Plotly's lines, points, bars, grids and shapes as matplotlib's artists."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

__all__ = ["draw_shape", "draw_trace", "printable"]

_DASHES: dict[str, Any] = {
    "solid": "-",
    "dash": (0, (5, 3)),
    "dot": (0, (1.5, 2)),
    "dashdot": (0, (6, 2, 1.5, 2)),
    "longdash": (0, (9, 4)),
    "longdashdot": (0, (9, 3, 1.5, 3)),
}
_MARKERS = {
    "circle": "o",
    "circle-open": "o",
    "square": "s",
    "square-open": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "triangle-right": ">",
    "triangle-left": "<",
    "x": "X",
    "star": "*",
    "hexagon": "h",
    "line-ns": "|",
}
_HATCHES = {"/": "///", "x": "xxx", ".": "...", "\\": "\\\\\\", "-": "---", "+": "+++", "|": "|||"}


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def printable(text: object) -> str:
    """A text of a figure as it is read: letters in place of entities, line breaks in place of tags."""
    lines = [html.unescape(part) for part in str(text).replace("<br>", "\n").split("\n")]
    known = _letters()
    return "\n".join("".join(c if ord(c) in known else "□" for c in line) for line in lines)


def _dash(name: str | None) -> Any:
    if name is None or name in _DASHES:
        return _DASHES[name or "solid"]
    return (0, tuple(float(part.removesuffix("px")) for part in re.split(r"[,\s]+", name)))


def draw_trace(
    axes: Any,
    trace: Mapping[str, Any],
    *,
    scale: float,
    order: int,
    stack: dict[Any, tuple[Any, Any]] | None,
) -> None:
    """Draw one trace.

    Parameters
    ----------
    scale
        Points a pixel.
    order
        What lies on what.
    stack
        How high the bars are so far, where they stand on each other.
    """
    before = set(axes.get_children())
    label = printable(trace.get("name") or "") if trace.get("showlegend") else "_nolegend_"
    if trace["type"] == "scatter":
        _scatter(axes, trace, label, scale, order)
    elif trace["type"] == "bar":
        _bars(axes, trace, label, order, stack)
    else:
        _grid(axes, trace, scale)
    legend = trace.get("legend") or "legend"
    for artist in [*set(axes.get_children()).difference(before), *axes.containers]:
        if not hasattr(artist, "_obsnb_legend"):
            artist._obsnb_legend = legend  # which legend it belongs to


def _scatter(axes: Any, trace: Mapping[str, Any], label: str, scale: float, order: int) -> None:
    mode, line = trace.get("mode") or "lines", trace.get("line") or {}
    x, y = _numbers(trace["x"]), _numbers(trace["y"])
    if "lines" in mode:
        axes.plot(
            x,
            y,
            label=label,
            color=line.get("color"),
            linestyle=_dash(line.get("dash")),
            linewidth=(line.get("width") or 2) * scale,
            zorder=order,
            solid_capstyle="butt",
        )
    if "markers" in mode:
        _points(axes, trace, "_nolegend_" if "lines" in mode else label, scale, order)
    if "text" in mode:
        _texts(axes, trace, scale, order)


def _points(axes: Any, trace: Mapping[str, Any], label: str, scale: float, order: int) -> None:
    """Points, those of one symbol together, since matplotlib draws one symbol at a time."""
    marker = trace.get("marker") or {}
    x, y = _numbers(trace["x"]), _numbers(trace["y"])
    symbols = _each(marker.get("symbol") or "circle", len(x))
    sizes = np.array(_each(marker.get("size") or 6, len(x)), dtype=float)
    colours = _each(marker.get("color") or "#888888", len(x))
    edge = marker.get("line") or {}
    edges = _each(edge.get("color") or "none", len(x))
    for place, symbol in enumerate(dict.fromkeys(symbols)):
        own = [i for i, one in enumerate(symbols) if one == symbol]
        hollow = str(symbol).endswith("-open")
        axes.scatter(
            x[own],
            y[own],
            s=(sizes[own] * scale) ** 2,
            marker=_MARKERS.get(str(symbol), "o"),
            facecolors="none" if hollow else [colours[i] for i in own],
            edgecolors=[colours[i] if hollow else edges[i] for i in own],
            linewidths=(edge.get("width") or 1) * scale,
            label=label if not place else "_nolegend_",
            zorder=order + 0.5,
            clip_on=trace.get("cliponaxis") is not False,
        )


def _texts(axes: Any, trace: Mapping[str, Any], scale: float, order: int) -> None:
    font = trace.get("textfont") or {}
    up, _, across = str(trace.get("textposition") or "middle center").partition(" ")
    for x, y, text in zip(
        _numbers(trace["x"]), _numbers(trace["y"]), _each(trace.get("text"), len(trace["x"])), strict=True
    ):
        axes.annotate(
            printable(text or ""),
            (x, y),
            zorder=order + 1,
            parse_math=False,
            xytext=(0, {"top": 8, "bottom": -8}.get(up, 0) * scale),
            textcoords="offset points",
            ha={"left": "right", "right": "left"}.get(across, "center"),
            va={"top": "bottom", "bottom": "top"}.get(up, "center"),
            size=(font.get("size") or 11) * scale,
            color=font.get("color") or "black",
        )


def _bars(
    axes: Any, trace: Mapping[str, Any], label: str, order: int, stack: dict[Any, tuple[Any, Any]] | None
) -> None:
    flat = trace.get("orientation") == "h"
    along, length = _numbers(trace["y" if flat else "x"]), _numbers(trace["x" if flat else "y"]).astype(float)
    marker = trace.get("marker") or {}
    width = trace.get("width")
    if np.issubdtype(along.dtype, np.datetime64):
        width = np.timedelta64(round(float(width if width is not None else 1) * 1_000), "us")
    elif width is None:
        width = 0.8
    if trace.get("offset") is None:
        along = along - np.asarray(width) / 2
    else:
        along = (
            along + np.asarray(trace["offset"]) if not np.issubdtype(along.dtype, np.datetime64) else along
        )
    base = np.array(_each(trace.get("base") if trace.get("base") is not None else 0, len(along)), dtype=float)
    if stack is not None:
        base = np.array([stack.get(at, (0.0, 0))[0] for at in along.tolist()])
        stack.update(
            {at: (low + more, 0) for at, low, more in zip(along.tolist(), base, length, strict=True)}
        )
    pattern, line = marker.get("pattern") or {}, marker.get("line") or {}
    hatches = [_HATCHES.get(str(one or ""), "") for one in _each(pattern.get("shape") or "", len(along))]
    draw = axes.barh if flat else axes.bar
    far = {"left": base} if flat else {"bottom": base}
    made = draw(
        along,
        length,
        width,
        align="edge",
        label=label,
        zorder=order,
        linewidth=0.6 if line.get("width") else 0,
        color=_each(marker.get("color") or "#888888", len(along)),
        edgecolor=line.get("color") or pattern.get("fgcolor") or "white",
        **far,
    )
    opacities = _each(1.0 if marker.get("opacity") is None else marker["opacity"], len(along))
    for bar, hatch, opacity in zip(made, hatches, opacities, strict=True):
        bar.set_hatch(hatch or None)
        if hasattr(bar, "set_hatchcolor"):  # since matplotlib 3.11; before, it is the edge's
            bar.set_hatchcolor(pattern.get("fgcolor") or "white")
        bar.set_alpha(opacity)


def _grid(axes: Any, trace: Mapping[str, Any], scale: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    scale_of = [(at, colour) for at, colour in trace["colorscale"]]
    colours = LinearSegmentedColormap.from_list("obsnb", scale_of)
    z = np.ma.masked_invalid(np.asarray(trace["z"], dtype=float))
    mesh = axes.pcolormesh(
        _numbers(trace["x"]),
        np.asarray(trace["y"]),
        z,
        cmap=colours,
        vmin=trace.get("zmin"),
        vmax=trace.get("zmax"),
        zorder=2,
    )
    bar = trace.get("colorbar") or {}
    box = axes.get_position()
    beside = axes.figure.add_axes((box.x1 + 0.012, box.y0, 0.012, box.height))
    made = axes.figure.colorbar(mesh, cax=beside)
    made.outline.set_visible(False)
    made.set_ticks(
        list(bar.get("tickvals") or ()), labels=[printable(text) for text in bar.get("ticktext") or ()]
    )
    colour = (bar.get("tickfont") or {}).get("color")
    beside.tick_params(labelsize=10 * scale, width=0.6, **({"colors": colour} if colour else {}))
    title = printable((bar.get("title") or {}).get("text") or "")
    made.set_label(title, size=11 * scale, **({"color": colour} if colour else {}))


def draw_shape(panels: Iterable[Any], shape: Mapping[str, Any], *, scale: float) -> None:
    """A shaded window or a line, in each of the panels."""
    line = shape.get("line") or {}
    pen = {
        "linewidth": (line.get("width") or 1) * scale,
        "linestyle": _dash(line.get("dash")),
        "zorder": 1 if shape.get("layer") == "below" else 20,
    }
    for axes in panels:
        ends = [np.datetime64(one) if isinstance(one, str) else one for one in (shape["x0"], shape["x1"])]
        if shape.get("type") == "rect":
            axes.axvspan(
                *ends, facecolor=shape.get("fillcolor"), edgecolor=line.get("color"), **{**pen, "zorder": 0.5}
            )
        elif shape.get("yref") == "paper":
            axes.axvline(ends[0], color=line.get("color"), **pen)
        else:
            axes.plot(ends, [shape["y0"], shape["y1"]], color=line.get("color"), **pen)


def _each(value: Any, count: int) -> Sequence[Any]:
    """One value for each point: the same for all, or its own."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return list(value)
    return [value] * count


def _numbers(values: Any) -> Any:
    return np.asarray(values)
