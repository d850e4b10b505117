"""Who calls whom, with how much, how often it fails and how long it takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.schema import SPANS
from obsnb.timerange import TimeRange
from obsnb.views.charts.figure import finished, new_figure, nothing, said, said_short
from obsnb.views.charts.layers import layered
from obsnb.views.formats import counted, duration, number
from obsnb.views.theme import Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["service_graph"]

_MOST_EDGES, _MOST_WORDS = 60, 16
_RING, _DOT, _WIDE, _LETTER = 30, 18, 640, 6.6  # pixels: of marks, of the plot, of a letter
_LONGEST = 28  # letters of a name
_THICK, _THIN = 0.8, 0.25  # pixels for each power of ten of calls: of few arrows, and of many
_CONFIDENT = 0.3  # scores below it are what quiet hours reach too

_Places = dict[str, tuple[float, float]]


def service_graph(
    calls: Any,
    suspects: Any = None,
    *,
    over: TimeRange | None = None,
    mode: Mode = "light",
    title: str = "Who calls whom",
) -> go.Figure:
    """Services as points, calls as arrows from left to right; suspects have a ring and their rank.

    Parameters
    ----------
    calls
        What `obsnb.service_graph` gives: caller, callee, count; errors, p95 and peer where known.
    suspects
        What `obsnb.suspects` gives: service, rank, score. Those of a score below 0.3 are not marked.
    over
        The window that the calls were made in, if they are all that were made there: then they are written
        as calls a second and errors as per cent. Of a selection (slow or failed traces) leave it out: no
        rate can be computed, and the counts are written.
    mode
        ``light`` or ``dark``.

    Returns
    -------
    plotly.graph_objects.Figure
        Arrows are as thick as the logarithm of their calls; those with errors are dashed, coloured and marked
        with a cross. Peers without spans of their own are hollow squares. Of more than 60 edges the most
        called are drawn, and those of suspects. ``customdata`` of a service is its name, of the point in
        the middle of an arrow caller and callee.

    Raises
    ------
    FrameError
        A column is missing.
    """
    frame = to_polars(calls, SPANS, needs=("caller", "callee", "count"), what="service_graph")
    frame = frame.drop_nulls(["caller", "callee"]).sort("count", descending=True, maintain_order=True)
    if frame.is_empty():
        return nothing("There is nothing to draw: nobody calls anybody.", mode=mode, title=title)
    ranks = _ranks(suspects)
    kept = frame.with_row_index("row").filter(
        (pl.col("row") < _MOST_EDGES) | pl.col("caller").is_in([*ranks]) | pl.col("callee").is_in([*ranks])
    )
    places = layered(kept.select("caller", "callee").iter_rows())
    figure = new_figure()
    thick = _THICK if kept.height <= _MOST_WORDS else _THIN
    for row in kept.iter_rows(named=True):
        worded = kept.height <= _MOST_WORDS or row["caller"] in ranks or row["callee"] in ranks
        _draw_edge(figure, row, places, _edge_words(row, over), worded=worded, thick=thick, mode=mode)
    layers = len({across for across, _ in places.values()})
    letters = max(8, min(_LONGEST, int(2 * _WIDE / layers / _LETTER)))  # names stand above and below in turn
    _draw_services(figure, kept, places, ranks, mode, letters=letters)
    half = letters * _LETTER / 2
    aside = max(0.35, half * (layers - 1) / (_WIDE - 2 * half))  # layers that half a name is wide
    across, up = (sorted(place[side] for place in places.values()) for side in (0, 1))
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_xaxes(range=[across[0] - aside, across[-1] + aside], **hidden)
    figure.update_yaxes(range=[up[0] - 0.6, up[-1] + 0.6], **hidden)
    notes = ["rates over the window" if over else "calls of the spans in the frame, which may be a selection"]
    notes += ["arrows go from caller to callee; ✕ errors; p95 as the caller saw it"]
    if frame.height > kept.height:
        notes.append(f"{frame.height - kept.height:,} further edges are left out")
    finished(figure, mode=mode, title=title, notes=notes, height=int(84 * (up[-1] - up[0] + 1.4)))
    figure.update_layout(hovermode="closest")
    return figure


def _ranks(suspects: Any) -> dict[str, tuple[int, float]]:
    if suspects is None:
        return {}
    frame = to_polars(suspects, SPANS, needs=("service", "rank", "score"), what="service_graph")
    sure = frame.filter(pl.col("score") >= _CONFIDENT).drop_nulls(["service", "rank"])
    return {
        service: (rank, score) for service, rank, score in sure.select("service", "rank", "score").iter_rows()
    }


def _edge_words(row: dict[str, Any], over: TimeRange | None) -> str:
    count, errors, p95 = row["count"], row.get("errors") or 0, row.get("p95")
    if over is None:
        parts = [counted(count, "call"), f"✕ {number(errors)}" if errors else ""]
    else:
        share = errors / count if count else 0.0
        parts = [f"{number(count / over.duration_s)}/s", f"✕ {number(100 * share)} %" if errors else ""]
    if p95 is not None:
        parts.append(f"p95 {duration(pl.Series([p95]).cast(pl.Duration('ns')).to_physical()[0])}")
    return ", ".join(part for part in parts if part)


def _draw_edge(
    figure: go.Figure,
    row: dict[str, Any],
    places: _Places,
    words: str,
    *,
    worded: bool,
    thick: float,
    mode: Mode,
) -> None:
    """An arrow, a little to its right side, so that calls back and forth do not lie on each other."""
    colours, failed = theme(mode), bool(row.get("errors"))
    (x0, y0), (x1, y1) = places[row["caller"]], places[row["callee"]]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    aside = 0.05 if x1 > x0 else 0.12  # calls back further from the line of the calls there
    dx, dy = -(y1 - y0) / length * aside * 0.5, (x1 - x0) / length * aside
    ends = (x0 + dx, y0 + dy, x1 + dx, y1 + dy)
    colour, width = colours.bad if failed else colours.quiet, 1 + thick * math.log10(max(row["count"], 1))
    pen = {"color": colour, "width": width, "dash": "dash" if failed else "solid"}
    middle = ((ends[0] + ends[2]) / 2, (ends[1] + ends[3]) / 2)
    if row["caller"] == row["callee"]:
        middle = (x0, y0 - 0.32)
    else:
        figure.add_scatter(
            x=[ends[0], ends[2]],
            y=[ends[1], ends[3]],
            mode="lines",
            line=pen,
            hoverinfo="skip",
            showlegend=False,
        )
        near = 0.12 / length
        tip = {"x": ends[2] + (ends[0] - ends[2]) * near, "y": ends[3] + (ends[1] - ends[3]) * near}
        tail = {"ax": tip["x"] + (ends[0] - tip["x"]) * 0.05, "ay": tip["y"] + (ends[1] - tip["y"]) * 0.05}
        look = {
            "arrowcolor": colour,
            "arrowwidth": max(width, 1.5),
            "arrowhead": 2,
            "arrowsize": 1.2,
            "text": "",
        }
        figure.add_annotation(**tip, **tail, axref="x", ayref="y", showarrow=True, **look)
    whole = f"{row['caller']} → {row['callee']}: {words}"
    figure.add_scatter(
        x=[middle[0]],
        y=[middle[1]],
        mode="markers",
        marker={"size": 6, "color": colour, "symbol": "x" if failed else "circle"},
        customdata=[[row["caller"], row["callee"]]],
        hovertext=[said(whole, 240)],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    if worded:
        text = said("calls itself: " * (row["caller"] == row["callee"]) + words, 60)
        ink = colour if failed else colours.ink
        _label(figure, middle, text, {"size": 11, "color": ink}, colours.paper, shift=11)


def _draw_services(
    figure: go.Figure,
    kept: pl.DataFrame,
    places: _Places,
    ranks: dict[str, tuple[int, float]],
    mode: Mode,
    *,
    letters: int,
) -> None:
    colours = theme(mode)
    peers = set(kept.filter("peer")["callee"]) - set(kept["caller"]) if "peer" in kept.columns else set()
    rings = [name for name in places if name in ranks]
    if rings:
        figure.add_scatter(
            x=[places[name][0] for name in rings],
            y=[places[name][1] for name in rings],
            mode="markers",
            name="suspect, with its rank",
            marker={"symbol": "circle-open", "size": _RING, "color": colours.bad, "line": {"width": 3}},
            hoverinfo="skip",
            showlegend=True,
        )
    kinds = (
        ("service", "circle", [n for n in places if n not in peers]),
        ("no spans of its own", "square-open", [*peers]),
    )
    for kind, symbol, names in kinds:
        if not names:
            continue
        marks = {name: f" (suspect {ranks[name][0]}, {number(ranks[name][1])})" for name in rings}
        figure.add_scatter(
            x=[places[name][0] for name in names],
            y=[places[name][1] for name in names],
            mode="markers",
            name=kind,
            marker={"symbol": symbol, "size": _DOT, "color": colours.series[0], "line": {"width": 2}},
            customdata=names,
            hovertext=[said(name, 120) + marks.get(name, "") for name in names],
            hovertemplate="%{hovertext}<extra></extra>",
            cliponaxis=False,
            showlegend=True,
        )
        for name in names:
            rank = f"<br>suspect {ranks[name][0]}, {number(ranks[name][1])}" if name in ranks else ""
            text, font = said_short(name, letters) + rank, {"size": 12, "color": colours.ink}
            above = letters < _LONGEST and int(places[name][0]) % 2
            shift = (_DOT if above else -_DOT - 2) + (11 if above else -11) * bool(rank)
            _label(figure, places[name], text, font, colours.paper, shift=shift)


def _label(
    figure: go.Figure, at: tuple[float, float], text: str, font: dict[str, Any], paper: str, *, shift: int
) -> None:
    """Words on paper, so that no line goes through them."""
    look = {"showarrow": False, "yshift": shift, "bgcolor": paper, "borderpad": 0, "font": font}
    figure.add_annotation(x=at[0], y=at[1], text=text, **look)
