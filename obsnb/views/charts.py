"""Figures for notebooks: plain plotly, in the house's theme, from the frames that the loaders give.

Plotly is only loaded when a figure is made. Names that servers gave are escaped: plotly would read markup and
links in them.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.counters import increases
from obsnb.schema import LOGS, SERIES, SPANS
from obsnb.timerange import TimeRange, parse_duration
from obsnb.views.formats import one_line, shorten
from obsnb.views.spanchart import waterfall_of
from obsnb.views.theme import DASHES, Mode, apply, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["errors_over_time", "lines", "rates", "waterfall"]

_MOST_NAMES = 6
OTHERS = "all others"


def rates(
    series: Any,
    *,
    by: str = "service",
    every: str = "1m",
    during: TimeRange | None = None,
    mode: Mode = "light",
    title: str = "Rate",
) -> go.Figure:
    """How fast counters grew, a line for each value of a column.

    Parameters
    ----------
    series
        SERIES of counters: timestamp, value, and series_id or metric.
    by
        The column to tell apart by, such as ``service`` or a label.
    every
        The length of an interval; what was counted in it is divided by its seconds.
    during
        A window to shade.

    Returns
    -------
    plotly.graph_objects.Figure
        Per second, over UTC, for the intervals that lie wholly between the first sample and the last. Of
        more than six values of `by`, the rest are one line, ``all others``.

    Raises
    ------
    FrameError
        A column is missing.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "value", by), what="rates")
    length = parse_duration(every)
    counted = increases(frame)
    counted = counted.with_columns(name=_grouped(pl.col(by), counted, by, pl.col("increase")))
    drawn = _per_interval(counted, pl.col("increase").sum() / (length / 1e9), every)
    begins, ends = counted["timestamp"].to_physical().min(), counted["timestamp"].to_physical().max()
    drawn = drawn.filter(pl.col("timestamp").to_physical().is_between(begins, pl.lit(ends) - length))
    return _figure(drawn, unit="per second", during=during, mode=mode, title=title)


def errors_over_time(
    error_events: Any,
    *,
    by: str = "service",
    every: str = "1m",
    during: TimeRange | None = None,
    mode: Mode = "light",
    title: str = "Errors",
) -> go.Figure:
    """How many errors there were, stacked bars, a colour for each value of a column.

    Parameters
    ----------
    error_events
        A row an error: timestamp, and the column to tell apart by; LOGS or what `obsnb` makes of them.
    by, every, during
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Errors an interval, over UTC.

    Raises
    ------
    FrameError
        A column is missing.
    """
    import plotly.graph_objects as go

    frame = to_polars(error_events, LOGS, needs=("timestamp", by), what="errors_over_time")
    named = frame.with_columns(name=_grouped(pl.col(by), frame, by, pl.lit(1.0)))
    drawn = _per_interval(named, pl.len().cast(pl.Float64), every)
    figure = go.Figure()
    for name, part in _parts(drawn):
        figure.add_bar(x=part["timestamp"].to_list(), y=part["value"].to_list(), name=_said(name))
    figure.update_layout(barmode="stack", bargap=0.05)
    figure.update_yaxes(title_text=f"errors in {every}", rangemode="tozero")
    figure.update_xaxes(title_text="UTC")
    return _shaded(apply(figure, mode=mode, title=_said(title)), during, mode)


def lines(
    series: Any, *, during: TimeRange | None = None, mode: Mode = "light", title: str = "", unit: str = ""
) -> go.Figure:
    """Series over time as they are: a line for each name.

    Parameters
    ----------
    series
        timestamp, value and name; SERIES without name are told apart by metric.

    Returns
    -------
    plotly.graph_objects.Figure
        Over UTC.

    Raises
    ------
    FrameError
        A column is missing.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "value"), what="lines")
    if "name" not in frame.columns:
        SERIES.check(frame.columns, needs=("metric",), what="lines")
        frame = frame.rename({"metric": "name"})
    drawn = frame.select("timestamp", pl.col("name").cast(pl.String), "value").sort("timestamp")
    return _figure(drawn, unit=unit, during=during, mode=mode, title=title)


def waterfall(spans: Any, *, mode: Mode = "light", title: str = "", most: int = 60) -> go.Figure:
    """One trace as bars: colour is the service, a diamond the critical path, a cross an error.

    Parameters
    ----------
    spans
        SPANS; of several traces the first is drawn.
    most
        Of more spans than this, the most telling are drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        Milliseconds since the trace began.

    Raises
    ------
    FrameError
        A column is missing.
    """
    import plotly.graph_objects as go

    needs = ("trace_id", "span_id", "service", "name", "start", "duration")
    found = waterfall_of(to_polars(spans, SPANS, needs=needs, what="waterfall"), most=most)
    figure, colours = go.Figure(), theme(mode)
    bars = () if found is None else found.bars
    for service, slot in ({} if found is None else found.services).items():
        own = [(place, bar) for place, bar in enumerate(bars) if bar.service == service]
        figure.add_bar(
            orientation="h",
            name=_said(service),
            y=[place for place, _ in own],
            base=[bar.offset / 1e6 for _, bar in own],
            x=[bar.duration / 1e6 for _, bar in own],
            marker={
                "color": colours.series[slot],
                "opacity": [1.0 if bar.critical else 0.5 for _, bar in own],
            },
            hovertext=[_said(bar.words, 400) for _, bar in own],
            hoverinfo="text",
        )
    words = [_said(bar.name, 48) + " ✕" * bar.failed + " ◆" * bar.critical for bar in bars]
    apply(figure, mode=mode, title=_said(title))
    height = 150 + 24 * len(bars)
    # A legend placed relative to so low a plot would lie on its first bar.
    legend = {"yref": "container", "y": 1 - 40 / height, "yanchor": "top"}
    figure.update_layout(
        barmode="overlay", hovermode="closest", height=height, margin={"t": 84}, legend=legend
    )
    figure.update_yaxes(
        tickvals=list(range(len(bars))), ticktext=words, autorange="reversed", automargin=True
    )
    figure.update_xaxes(title_text="milliseconds since the trace began", rangemode="tozero")
    return figure


def _grouped(column: pl.Expr, frame: pl.DataFrame, by: str, weight: pl.Expr) -> pl.Expr:
    """The column's values, all but the six with the most weight as one."""
    sums = frame.group_by(by).agg(weight.sum().alias("weight")).sort("weight", by, descending=[True, False])
    keep = sums[by].head(_MOST_NAMES)
    name = column.cast(pl.String).fill_null("unknown")
    if sums.height <= _MOST_NAMES:
        return name
    return pl.when(column.is_in(keep.drop_nulls().implode())).then(name).otherwise(pl.lit(OTHERS))


def _per_interval(frame: pl.DataFrame, value: pl.Expr, every: str) -> pl.DataFrame:
    start = pl.col("timestamp").dt.truncate(every)
    return frame.group_by(start, "name").agg(value.alias("value")).sort("timestamp")


def _parts(frame: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Each name with its rows, the largest first and what is left over last."""
    sums = frame.group_by("name").agg(pl.col("value").sum()).sort("value", "name", descending=[True, False])
    names = sorted(sums["name"].to_list(), key=lambda name: name == OTHERS)
    return [(str(name), frame.filter(pl.col("name") == name)) for name in names]


def _figure(frame: pl.DataFrame, *, unit: str, during: TimeRange | None, mode: Mode, title: str) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    for place, (name, part) in enumerate(_parts(frame)):
        dash = DASHES[place % len(DASHES)][0]
        times, values = part["timestamp"].to_list(), part["value"].to_list()
        figure.add_scatter(
            x=times, y=values, name=_said(name), mode="lines", line={"dash": dash, "width": 1.8}
        )
    figure.update_yaxes(title_text=_said(unit), rangemode="tozero")
    figure.update_xaxes(title_text="UTC")
    return _shaded(apply(figure, mode=mode, title=_said(title)), during, mode)


def _shaded(figure: go.Figure, during: TimeRange | None, mode: Mode) -> go.Figure:
    if during is not None:
        colours = theme(mode)
        look = {"fillcolor": colours.bad_tint, "layer": "below", "line": {"width": 1, "color": colours.bad}}
        note = {"annotation_text": "incident", "annotation_font_color": colours.bad}
        figure.add_vrect(during.start, during.end, **look, **note, annotation_position="top left")
    return figure


def _said(text: str, limit: int = 80) -> str:
    return html.escape(shorten(one_line(text), limit), quote=False)
