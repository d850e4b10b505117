"""Lines and bars over time: rates, errors, durations, and series as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.counters import increases
from obsnb.analysis.requests import latency_quantiles_over_time
from obsnb.conventions import DEFAULT, Conventions
from obsnb.instants import parse_duration
from obsnb.schema import LOGS, SERIES, SPANS
from obsnb.timerange import TimeRange
from obsnb.views.charts.figure import LEGEND, log_axis, new_figure, said, said_apart
from obsnb.views.charts.names import enveloped, folded, parts
from obsnb.views.charts.scene import Scene
from obsnb.views.formats import duration
from obsnb.views.theme import DASHES, PATTERNS, Mode, theme
from obsnb.views.thinning import thinned

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = [
    "MOST_POINTS",
    "add_lines",
    "bars_over_time",
    "durations",
    "errors_over_time",
    "interval",
    "lines",
    "quantiles_of",
    "rates",
    "rates_of",
]

#: Points that a line may have; a wide screen has twice as many columns of pixels.
MOST_POINTS = 2_000
_MOST_BARS = 120
_NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
_QUANTILES = (0.5, 0.95, 0.99)


def interval(every: str | None, times: pl.Series, *, most: int = _MOST_BARS) -> int:
    """The nanoseconds of an interval: as told, or a round one so that there are at most so many."""
    if every is not None:
        return parse_duration(every)
    ns = times.drop_nulls().to_physical()
    length = int(ns.max()) - int(ns.min()) if ns.len() else 0  # type: ignore[arg-type]  # integers
    seconds = next((nice for nice in _NICE_S if length / 1e9 <= nice * most), None)
    return (seconds or 86_400 * -(-length // (86_400 * 10**9 * most))) * 10**9


def rates(
    series: Any,
    *,
    by: str = "service",
    every: str = "1m",
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
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
    during, baseline
        Windows to shade.
    onset
        A moment to mark, an aware datetime or ISO text with a zone; unless told, where `during` starts.
    events
        EVENTS, or a timeline, to mark.
    tz
        The axis' zone, such as ``Europe/Berlin``; unless told, the one that this machine is set to. The
        axis and what a pointer is told say how far it is off UTC.
    mode
        ``light`` or ``dark``.

    Returns
    -------
    plotly.graph_objects.Figure
        Per second, for the intervals that lie wholly between the first sample and the last. Of more than
        six values of `by`, the rest are one line, ``all others``. Of a line of more than 2,000 points, those
        that hold its extremes (M4), which the figure says.

    Raises
    ------
    FrameError
        A column is missing.
    """
    scene = Scene(during, baseline, onset, events, tz, mode, title)
    frame = to_polars(series, SERIES, needs=("timestamp", "value", by), what="rates")
    return _line_chart(rates_of(frame, by, every), scene, "per second", "no two samples of a counter")


def rates_of(frame: pl.DataFrame, by: str, every: str) -> pl.DataFrame:
    """A frame of timestamp, name and value (per second) of whole intervals, of counters."""
    length = parse_duration(every)
    counted = folded(increases(frame), by, pl.col("increase").sum())
    drawn = per_interval(counted, pl.col("increase").sum() / (length / 1e9), length)
    begins, ends = counted["timestamp"].to_physical().min(), counted["timestamp"].to_physical().max()
    return drawn.filter(pl.col("timestamp").to_physical().is_between(begins, pl.lit(ends) - length))


def errors_over_time(
    error_events: Any,
    *,
    by: str = "service",
    every: str | None = "1m",
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "Errors",
) -> go.Figure:
    """How many errors there were, stacked bars, a colour and a pattern for each value of a column.

    Parameters
    ----------
    error_events
        A row an error: timestamp, and the column to tell apart by; LOGS, or what `obsnb.error_events` gives.
    every
        The length of an interval; None is one that gives at most 120 bars.
    by, during, baseline, onset, events, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Errors an interval.

    Raises
    ------
    FrameError
        A column is missing.
    """
    scene = Scene(during, baseline, onset, events, tz, mode, title)
    frame = to_polars(error_events, LOGS, needs=("timestamp", by), what="errors_over_time")
    named = folded(frame.drop_nulls("timestamp"), by, pl.len())
    return bars_over_time(named, scene, every=every, noun="errors")


def lines(
    series: Any,
    *,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "",
    unit: str = "",
) -> go.Figure:
    """Series over time as they are: a line for each name.

    Parameters
    ----------
    series
        timestamp, value and name; SERIES without name are told apart by metric. Samples that are not
        finite are gaps.
    unit
        What the axis and a pointer say after a value.
    during, baseline, onset, events, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Of a line of more than 2,000 points, those that hold its extremes (M4), which the figure says. Of
        more than seven names, the five with the highest values have a line each; the others are two, the
        highest and the lowest of them all at each time.

    Raises
    ------
    FrameError
        A column is missing.
    """
    scene = Scene(during, baseline, onset, events, tz, mode, title)
    frame = to_polars(series, SERIES, needs=("timestamp", "value"), what="lines")
    if "name" not in frame.columns:
        SERIES.check(frame.columns, needs=("metric",), what="lines")
        frame = frame.rename({"metric": "name"})
    name = pl.col("name").cast(pl.String).fill_null("unknown")
    drawn, notes = enveloped(frame.select("timestamp", name, "value").drop_nulls("timestamp"))
    return _line_chart(drawn, scene, unit, "no sample", notes=notes)


def durations(
    data: Any,
    *,
    quantiles: Sequence[float] = _QUANTILES,
    every: str = "1m",
    conventions: Conventions = DEFAULT,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "How long requests took",
) -> go.Figure:
    """Quantiles of durations over time, a line each.

    Parameters
    ----------
    data
        SERIES with the conventions' latency histograms, or SPANS. Quantiles of spans are those of the spans
        in the frame: of slow traces only, they are the slow ones'.
    quantiles
        Between 0 and 1.
    every
        The length of an interval.
    during, baseline, onset, events, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Seconds, on a logarithmic axis.

    Raises
    ------
    FrameError
        It is neither.
    """
    scene = Scene(during, baseline, onset, events, tz, mode, title)
    drawn, notes = quantiles_of(data, tuple(quantiles), every, conventions)
    what = "no latency histogram, nor a span"
    figure = _line_chart(drawn, scene, "seconds", what, notes=notes)
    if figure.data:
        figure.layout.yaxis.update(log_axis(drawn["value"]))
    return figure


def quantiles_of(
    data: Any, quantiles: tuple[float, ...], every: str, conventions: Conventions
) -> tuple[pl.DataFrame, list[str]]:
    """A frame of timestamp, name (``p95``) and value (seconds), and what is to be said of it."""
    said_of = pl.format("p{}", (pl.col("quantile") * 100).round(1).cast(pl.String).str.strip_suffix(".0"))
    names = [str(name) for name in getattr(data, "columns", None) or getattr(data, "column_names", [])]
    if "duration" in names and "start" in names:
        spans = to_polars(data, SPANS, needs=("start", "duration"), what="durations")
        begins = pl.col("start").dt.truncate(every).alias("timestamp")
        seconds = pl.col("duration").to_physical() / 1e9
        found = pl.concat(
            [
                spans.drop_nulls(["start", "duration"])
                .group_by(begins)
                .agg(seconds.quantile(q, "linear").alias("value"))
                .with_columns(quantile=pl.lit(q))
                for q in quantiles
            ]
        )
        return found.select("timestamp", said_of.alias("name"), "value"), ["of the spans in the frame"]
    series = to_polars(data, SERIES, needs=("timestamp", "metric", "value"), what="durations")
    found = latency_quantiles_over_time(series, quantiles=quantiles, every=every, conventions=conventions)
    return found.select("timestamp", said_of.alias("name"), "value").drop_nulls("value"), []


def per_interval(frame: pl.DataFrame, value: pl.Expr, length: int) -> pl.DataFrame:
    """The start of each interval (``timestamp``), name and value."""
    start = (pl.col("timestamp").to_physical() // length * length).cast(pl.Datetime("ns", "UTC"))
    return (
        frame.group_by(start.alias("timestamp"), "name").agg(value.alias("value")).sort("timestamp", "name")
    )


def _line_chart(
    frame: pl.DataFrame, scene: Scene, unit: str, lacking: str, notes: Sequence[str] = ()
) -> go.Figure:
    frame = frame.drop_nulls("timestamp")
    if frame.is_empty():
        return scene.nothing(f"There is nothing to draw: the frame has {lacking}.")
    ns = frame["timestamp"].to_physical()
    first, last = int(ns.min()), int(ns.max())  # type: ignore[arg-type]  # integers, not empty
    figure = new_figure()
    more = add_lines(figure, frame, scene, first, last, unit=unit)
    figure.update_yaxes(title_text=said(unit, 32), rangemode="tozero")
    return scene.finish(figure, first, last, notes=[*notes, *more])


def add_lines(
    figure: go.Figure,
    frame: pl.DataFrame,
    scene: Scene,
    first: int,
    last: int,
    *,
    unit: str,
    axis: str = "y",
    slots: Mapping[str, int] | None = None,
) -> list[str]:
    """A line for each name of timestamp, name and value; what was thinned or left out."""
    zone, colours = scene.zone(first, last), theme(scene.mode)
    notes: dict[str, None] = {}
    finite = pl.col("value").cast(pl.Float64)
    plain = frame.with_columns(value=pl.when(finite.is_finite()).then(finite))
    lost = plain["value"].null_count() - frame["value"].null_count()
    if lost:
        notes[f"{lost:,} samples that are not finite are gaps"] = None
    found = parts(plain)
    names = said_apart((name for name, _ in found), LEGEND)
    for place, (name, part) in enumerate(found):
        slot = (place if slots is None else slots[name]) % len(DASHES)
        kept = thinned(part, most=MOST_POINTS)
        if kept.note:
            notes[kept.note] = None
        figure.add_scatter(
            x=zone.wall(kept.points["timestamp"]).to_numpy(),
            y=kept.points["value"].to_numpy(),
            name=names[place],
            yaxis=axis,
            mode="lines+markers" if part.height == 1 else "lines",
            line={"dash": DASHES[slot][0], "width": 1.8, "color": colours.series[slot]},
            hovertemplate=f"%{{y:.4~g}} {said(unit)}",
            showlegend=True,
        )
    return list(notes)


def bars_over_time(
    named: pl.DataFrame,
    scene: Scene,
    *,
    every: str | None,
    noun: str,
    order: Sequence[str] | None = None,
    looks: Mapping[str, tuple[str, str]] | None = None,
    notes: Sequence[str] = (),
) -> go.Figure:
    """Stacked bars: how many rows of timestamp and name there are in each interval."""
    if named.is_empty():
        return scene.nothing(f"There is nothing to draw: the frame has no {noun}.")
    length = interval(every, named["timestamp"])
    drawn = per_interval(named, pl.len().cast(pl.Float64), length)
    ns = drawn["timestamp"].to_physical()
    first, last = int(ns.min()), int(ns.max()) + length  # type: ignore[arg-type]  # integers, not empty
    zone, colours, figure = scene.zone(first, last), theme(scene.mode), new_figure()
    found = parts(drawn)
    if order is not None:
        found.sort(key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    names = said_apart((name for name, _ in found), LEGEND)
    for place, (name, part) in enumerate(found):
        slot = place % len(PATTERNS)
        colour, pattern = (colours.series[slot], PATTERNS[slot]) if looks is None else looks[name]
        figure.add_bar(
            x=zone.wall(part["timestamp"]).to_numpy(),
            y=part["value"].to_numpy(),
            name=names[place],
            width=length / 1e6,
            offset=0,
            marker={"color": colour, "pattern": bar_pattern(pattern, colours.paper)},
            hovertemplate=f"%{{y:,.4~g}} {said(noun)}",
            showlegend=True,
        )
    figure.update_layout(barmode="stack")
    figure.update_yaxes(title_text=f"{said(noun)} in {duration(length)}", rangemode="tozero")
    return scene.finish(figure, first, last, notes=notes)


def bar_pattern(shape: str, paper: str) -> dict[str, Any]:
    """What fills a bar besides its colour: lines or dots of the paper's colour."""
    return {"shape": shape, "fgcolor": paper, "size": 7, "solidity": 0.25, "fillmode": "overlay"}
