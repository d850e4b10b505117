"""A cohort of traces as one flame: what leads to the time, and where it is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.self_paths import self_time_by_path
from obsnb.schema import SPANS
from obsnb.views.charts.figure import LETTER, finished, new_figure, nothing, said, said_apart, said_short
from obsnb.views.charts.names import OTHERS, folded
from obsnb.views.charts.over_time import bar_pattern
from obsnb.views.formats import counted, duration
from obsnb.views.theme import PATTERNS, Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["flame"]

_LEAST = 0.002  # of the whole; a narrower bar is not to be seen
_PLOT = 700  # pixels, about
_LEAST_LETTERS = 3


def flame(spans: Any, *, mode: Mode = "light", title: str = "Where the time is spent") -> go.Figure:
    """All traces of a frame as one flame view, roots at the top, a bar as wide as its share of self time.

    Parameters
    ----------
    spans
        SPANS of any number of traces: a cohort.
    mode
        ``light`` or ``dark``.

    Returns
    -------
    plotly.graph_objects.Figure
        Spans of one service and name below the same path are one bar. Its width is the self time of these
        spans and of all below them, in seconds a trace; what no child covers is their own. Bars below 0.2 %
        of the whole are left out, which the figure says.

    Raises
    ------
    FrameError
        A column is missing.
    """
    needs = ("trace_id", "span_id", "service", "name", "start", "duration")
    frame = to_polars(spans, SPANS, needs=needs, what="flame")
    paths = self_time_by_path(frame)
    whole = float(paths.filter(pl.col("depth") == 0)["total"].to_physical().sum())
    if whole <= 0:
        return nothing("There is nothing to draw: no span took any time.", mode=mode, title=title)
    traces = frame["trace_id"].n_unique()
    bars = _placed(paths, traces, whole)
    named = folded(bars, "service", pl.col("own").sum())
    order = (
        named.group_by("name").agg(pl.col("own").sum()).sort("own", "name", descending=[True, False])["name"]
    )
    figure, colours = new_figure(), theme(mode)
    services = sorted(order, key=lambda name: name == OTHERS)
    for slot, (service, name) in enumerate(zip(services, said_apart(services, 40), strict=True)):
        part = named.filter(pl.col("name") == service)
        figure.add_bar(
            orientation="h",
            name=name,
            y=part["depth"].to_list(),
            base=part["left"].to_list(),
            x=part["wide"].to_list(),
            width=0.92,
            marker={
                "color": colours.series[slot],
                "opacity": 0.75,
                "line": {"width": 1, "color": colours.paper},
            }
            | {"pattern": bar_pattern(PATTERNS[slot], colours.paper)},
            customdata=[["name", label] for label in part["label"]],
            hovertext=part["words"].to_list(),
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=True,
        )
    _name(figure, bars, whole / traces / 1e9, colours.ink, colours.paper)
    deepest = int(bars["depth"].max() or 0)  # type: ignore[arg-type]  # an integer, not empty
    figure.update_yaxes(range=[deepest + 0.6, -0.6], visible=False)
    figure.update_xaxes(title_text="self time a trace, seconds", range=[0, whole / traces / 1e9])
    notes = [f"{counted(traces, 'trace')}, {counted(frame.height, 'span')}"]
    if paths.height > bars.height:
        left = paths.height - bars.height
        notes.append(f"left out: {counted(left, 'path')} below {_LEAST:.1%} of the time")
    finished(figure, mode=mode, title=title, notes=notes, height=26 * (deepest + 1) + 20)
    figure.update_layout(barmode="overlay", hovermode="closest")
    return figure


def _placed(paths: pl.DataFrame, traces: int, whole: float) -> pl.DataFrame:
    """The bars: depth, left and wide (seconds a trace), own (ns), service, label, words; widest first."""
    begins: dict[int | None, float] = {None: 0.0}
    rows = []
    each = paths.with_columns(own=pl.col("self_time").to_physical(), all=pl.col("total").to_physical())
    for row in each.sort("depth", "all", "path_id", descending=[False, True, False]).iter_rows(named=True):
        if row["parent_id"] not in begins or row["all"] < _LEAST * whole:
            continue
        left = begins[row["parent_id"]]
        begins[row["parent_id"]] = left + row["all"]
        begins[row["path_id"]] = left
        label = f"{row['service']}: {row['name']}"
        share = f"{row['all'] / whole:.1%} of all, itself {duration(row['own'] / traces)} a trace"
        words = f"{said(label, 200)}<br>{share}<br>{counted(row['count'], 'span')}"
        size = (left / traces / 1e9, row["all"] / traces / 1e9)
        rows.append((row["depth"], *size, row["own"], row["service"], row["name"], words))
    schema = {"depth": pl.Int64, "left": pl.Float64, "wide": pl.Float64, "own": pl.Int64}
    return pl.DataFrame(
        rows, schema=schema | dict.fromkeys(("service", "label", "words"), pl.String), orient="row"
    )


def _name(figure: go.Figure, bars: pl.DataFrame, whole: float, ink: str, paper: str) -> None:
    """Names in the bars that have room for them, on a strip of paper that no pattern spoils."""
    for depth, left, wide, label in bars.select("depth", "left", "wide", "label").iter_rows():
        room = int(_PLOT * wide / whole / LETTER) - 2
        if room >= _LEAST_LETTERS:
            place = {"x": left, "y": depth, "xanchor": "left", "yanchor": "middle", "xshift": 3}
            look = {"font": {"size": 11, "color": ink}, "bgcolor": paper, "borderpad": 1}
            figure.add_annotation(text=said_short(label, room), **place, showarrow=False, **look)
