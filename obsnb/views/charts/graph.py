"""Who calls whom, with how much, how often it fails and how long it takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.schema import SPANS
from obsnb.timerange import TimeRange
from obsnb.views.charts.figure import finished, new_figure, nothing, said, said_apart
from obsnb.views.charts.layers import layered
from obsnb.views.charts.sheet import ROW, Sheet
from obsnb.views.formats import counted, duration, number, one_line
from obsnb.views.theme import Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["service_graph"]

_MOST_EDGES, _FEW = 60, 16
_RING, _DOT, _NAME, _WORDS = 30, 18, 12, 11  # pixels: of marks, and of letters of names and of words
_SHORTEST, _LONGEST = 10, 28  # letters of a name
_BESIDE = 12  # pixels around the plane
_THICK, _THIN = 0.8, 0.25  # pixels for each power of ten of calls: of few arrows, and of many
_CONFIDENT = 0.3  # scores below it are what quiet hours reach too

_At = tuple[float, float]
_Places = dict[str, _At]


def service_graph(
    calls: Any,
    suspects: Any = None,
    *,
    over: TimeRange | None = None,
    most: int = 16,
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
    most
        How many services to draw: suspects and their neighbours, those whose calls fail, the most called.
    mode
        ``light`` or ``dark``.

    Returns
    -------
    plotly.graph_objects.Figure
        Arrows are as thick as the logarithm of their calls; those with errors are dashed, coloured and marked
        with a cross. Peers without spans of their own are hollow squares. Of more than 60 edges the most
        called are drawn, and those of suspects. What is left out is said below the title; the frame and
        the widget `obsnb.widgets.ServiceMap` have it. ``customdata`` of a service is its name, of the point
        in the middle of an arrow caller and callee.

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
    foremost = _foremost(frame, ranks, most)
    told = frame.filter(pl.all_horizontal(pl.col("caller", "callee").is_in(foremost)))
    kept = told.with_row_index("row").filter(
        (pl.col("row") < _MOST_EDGES) | pl.col("caller").is_in([*ranks]) | pl.col("callee").is_in([*ranks])
    )
    places = layered(kept.select("caller", "callee").iter_rows())
    sheet = Sheet(places.values(), longest=min(_LONGEST, max(map(len, places))), size=_NAME)
    names = _put_names(sheet, places, ranks)
    words = _put_words(sheet, kept, places, ranks, over)
    figure = new_figure()
    thick = _THICK if kept.height <= _FEW else _THIN
    for row in kept.iter_rows(named=True):
        _draw_edge(figure, row, places, _edge_words(row, over), thick=thick, mode=mode)
    for place, (text, at, shift) in words.items():  # on top of all arrows
        ink = theme(mode).bad if kept.row(place, named=True).get("errors") else theme(mode).ink
        _label(figure, at, text, {"size": _WORDS, "color": ink}, theme(mode).paper, shift=shift)
    _draw_services(figure, kept, places, ranks, names, mode=mode)
    across, up = (sorted(place[side] for place in places.values()) for side in (0, 1))
    hidden = {"visible": False, "showgrid": False, "zeroline": False}
    figure.update_xaxes(range=[across[0] - sheet.aside, across[-1] + sheet.aside], **hidden)
    figure.update_yaxes(range=[up[0] - 0.6, up[-1] + 0.6], **hidden)
    notes = ["rates over the window" if over else "calls of the spans in the frame, which may be a selection"]
    notes += ["arrows go from caller to callee; ✕ errors; p95 as the caller saw it"]
    notes += ["words stand where they have room"] * (len(words) < kept.height)
    notes += _left_out(frame, kept)
    finished(figure, mode=mode, title=title, notes=notes, height=int(ROW * (up[-1] - up[0] + 1.2)))
    # No axis needs room below: without it a row is as high as the sheet has measured it.
    height = figure.layout.height - figure.layout.margin.b + _BESIDE
    margin = {"l": _BESIDE, "r": _BESIDE, "b": _BESIDE}
    figure.update_layout(hovermode="closest", height=height, margin=margin)
    return figure


def _foremost(frame: pl.DataFrame, ranks: Mapping[str, Any], most: int) -> list[str]:
    """Suspects and their neighbours first, then services whose calls fail, then the most called."""

    def is_one(column: str) -> pl.Expr:
        return pl.col(column).is_in([*ranks]).cast(pl.Int8)

    errors = pl.col("errors") if "errors" in frame.columns else pl.lit(0)
    ends = [
        frame.select(
            pl.col(end).cast(pl.String).alias("service"),
            pl.col(other).cast(pl.String).alias("other"),
            "count",
            errors.alias("errors"),
        )
        for end, other in (("caller", "callee"), ("callee", "caller"))
    ]
    services = (
        pl.concat(ends)
        .group_by("service")
        .agg((2 * is_one("service") + is_one("other")).max().alias("near"), pl.col("errors", "count").sum())
        .sort("near", "errors", "count", "service", descending=[True, True, True, False])
    )
    return services["service"].head(most).to_list()


def _left_out(frame: pl.DataFrame, kept: pl.DataFrame) -> list[str]:
    """What is not drawn, in words."""
    many, drawn = (_services(one) for one in (frame, kept))
    parts = [f"{many - drawn} of {many} services"] * (many > drawn)
    parts += [f"{frame.height - kept.height:,} of {frame.height:,} edges"] * (frame.height > kept.height)
    if not parts:
        return []
    which = "drawn are suspects and their neighbours, then where calls fail, then the most called"
    return [f"left out: {' and '.join(parts)}, which the frame has", which]


def _services(edges: pl.DataFrame) -> int:
    return pl.concat([edges["caller"], edges["callee"]]).n_unique()


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


def _put_names(
    sheet: Sheet, places: _Places, ranks: Mapping[str, tuple[int, float]]
) -> dict[str, tuple[str, float]]:
    """Name → how it is written and how far above its mark: whole, or as long as there is room for."""
    limits = [min(max(_SHORTEST, sheet.letters(room, _NAME)), _LONGEST) for room in (1.8, 0.9)]
    written = {
        limit: dict(zip(places, said_apart(places, limit), strict=True)) for limit in (_LONGEST, *limits)
    }
    found: dict[str, tuple[str, float]] = {}
    for name in sorted(places, key=lambda name: name not in ranks):
        rank = f"<br>suspect {ranks[name][0]}, {number(ranks[name][1])}" if name in ranks else ""
        texts = [written[_LONGEST][name], _on_two_lines(name), *(written[limit][name] for limit in limits)]
        lines = [(text + rank, text.count("<br>") + bool(rank)) for text in texts]
        ring = 4 * bool(rank)
        tries = [(text, side * (_DOT + 2 + 8 * more + ring)) for text, more in lines for side in (-1, 1)]
        where = (one for one in tries if sheet.put(places[name], one[0], shift=one[1], size=_NAME))
        found[name] = next(where, tries[-2])
        if found[name] == tries[-2]:
            sheet.put(places[name], found[name][0], shift=found[name][1], size=_NAME, anyway=True)
    return found


def _on_two_lines(name: str) -> str:
    """A name broken after the sign that is the nearest to its middle, where it has one."""
    plain = one_line(name)
    breaks = [place + 1 for place, letter in enumerate(plain[:-1]) if letter in "-_./: "]
    middle = min(breaks, key=lambda place: abs(place - len(plain) / 2), default=0)
    parts = (plain[:middle], plain[middle:]) if middle else (plain,)
    return "<br>".join(said_apart(parts, _LONGEST))


def _put_words(
    sheet: Sheet,
    kept: pl.DataFrame,
    places: _Places,
    ranks: Mapping[str, Any],
    over: TimeRange | None,
) -> dict[int, tuple[str, _At, float]]:
    """Row → the words of its arrow, where they stand and how far above: of those that have room."""
    rows = list(enumerate(kept.iter_rows(named=True)))
    rows.sort(key=lambda one: (not {one[1]["caller"], one[1]["callee"]} & {*ranks}, not one[1].get("errors")))
    found = {}
    for place, row in rows:
        words = "calls itself: " * (row["caller"] == row["callee"]) + _edge_words(row, over)
        stacked = words.replace(", ", "<br>")
        tries = [
            (text, at, shift)
            for text in (words, stacked)
            for at, shift in _beside_edge(row, places, 6 + 7 * (text.count("<br>") + 1))
        ]
        where = (one for one in tries if sheet.put(one[1], one[0], shift=one[2], size=_WORDS))
        best = next(where, None)
        if best is not None:
            found[place] = best
    return found


def _beside_edge(row: Mapping[str, Any], places: _Places, above: float) -> list[tuple[_At, float]]:
    """Where an arrow's words may stand: above or below its middle, or on it nearer to an end."""
    ends = _ends(row, places)
    (x0, y0), (x1, y1) = ends
    on = [((x0 + (x1 - x0) * part, y0 + (y1 - y0) * part), 0.0) for part in (0.64, 0.36)]
    middle = _middle(row, places)
    return [(middle, above), (middle, -above), *(on if row["caller"] != row["callee"] else [])]


def _ends(row: Mapping[str, Any], places: _Places) -> tuple[_At, _At]:
    """An arrow's ends, a little to its right side: calls back and forth do not lie on each other."""
    (x0, y0), (x1, y1) = places[row["caller"]], places[row["callee"]]
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    aside = 0.05 if x1 > x0 else 0.12  # calls back further from the line of the calls there
    dx, dy = -(y1 - y0) / length * aside * 0.5, (x1 - x0) / length * aside
    return (x0 + dx, y0 + dy), (x1 + dx, y1 + dy)


def _middle(row: Mapping[str, Any], places: _Places) -> _At:
    if row["caller"] == row["callee"]:
        x, y = places[row["caller"]]
        return x, y - 0.32
    (x0, y0), (x1, y1) = _ends(row, places)
    return (x0 + x1) / 2, (y0 + y1) / 2


def _draw_edge(
    figure: go.Figure,
    row: dict[str, Any],
    places: _Places,
    words: str,
    *,
    thick: float,
    mode: Mode,
) -> None:
    """An arrow with a point in its middle."""
    colours, failed = theme(mode), bool(row.get("errors"))
    (x0, y0), (x1, y1) = _ends(row, places)
    colour, width = colours.bad if failed else colours.quiet, 1 + thick * math.log10(max(row["count"], 1))
    pen = {"color": colour, "width": width, "dash": "dash" if failed else "solid"}
    middle = _middle(row, places)
    if row["caller"] != row["callee"]:
        figure.add_scatter(
            x=[x0, x1],
            y=[y0, y1],
            mode="lines",
            line=pen,
            hoverinfo="skip",
            showlegend=False,
        )
        near = 0.12 / math.hypot(x1 - x0, y1 - y0)
        tip = {"x": x1 + (x0 - x1) * near, "y": y1 + (y0 - y1) * near}
        tail = {"ax": tip["x"] + (x0 - tip["x"]) * 0.05, "ay": tip["y"] + (y0 - tip["y"]) * 0.05}
        look = {
            "arrowcolor": colour,
            "arrowwidth": max(width, 1.5),
            "arrowhead": 2,
            "arrowsize": 1,
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


def _draw_services(
    figure: go.Figure,
    kept: pl.DataFrame,
    places: _Places,
    ranks: dict[str, tuple[int, float]],
    written: Mapping[str, tuple[str, float]],
    *,
    mode: Mode,
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
            text, shift = written[name]
            font = {"size": _NAME, "color": colours.ink}
            _label(figure, places[name], text, font, colours.paper, shift=shift)


def _label(
    figure: go.Figure, at: tuple[float, float], text: str, font: dict[str, Any], paper: str, *, shift: float
) -> None:
    """Words on paper, so that no line goes through them."""
    look = {"showarrow": False, "yshift": shift, "bgcolor": paper, "borderpad": 0, "font": font}
    figure.add_annotation(x=at[0], y=at[1], text=text, **look)
