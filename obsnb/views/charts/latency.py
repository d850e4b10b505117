"""How long requests took, as a grid of counts: a few slow ones beside many fast ones can be seen."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.latency_grid import latency_grid
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import EXEMPLARS, SERIES
from obsnb.timerange import TimeRange
from obsnb.views.charts.figure import new_figure, said
from obsnb.views.charts.heat import heat_map
from obsnb.views.charts.over_time import interval
from obsnb.views.charts.scene import Scene
from obsnb.views.formats import duration
from obsnb.views.theme import Mode, theme
from obsnb.views.thinning import thinned
from obsnb.views.zones import Zone

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["latency_heatmap"]

_MOST_EXEMPLARS, _MOST_TICKS = 400, 12


def latency_heatmap(
    series: Any,
    exemplars: Any = None,
    *,
    every: str | None = None,
    conventions: Conventions = DEFAULT,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "How long requests took",
) -> go.Figure:
    """Requests by the time they took, over time: a row a bucket, darker where more requests are.

    Parameters
    ----------
    series
        SERIES with the conventions' latency histograms, classic or native, as the server holds them.
    exemplars
        EXEMPLARS of them, to be clicked: a point's ``customdata`` is its trace id.
    every
        The length of an interval; unless told, one that gives at most 120, and at least a minute.
    during, baseline, onset, events, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Rows are as high whatever their width in seconds. Of more than 400 exemplars, those with the
        extremes (M4), which the figure says.

    Raises
    ------
    FrameError
        A column is missing.
    """
    scene = Scene(during, baseline, onset, events, tz, mode, title)
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="latency_heatmap")
    length = interval(every, frame["timestamp"])
    length = length if every is not None else max(length, 60 * 10**9)
    grid = latency_grid(frame, every=length / 1e9, conventions=conventions)
    if grid.is_empty():
        return scene.nothing("There is nothing to draw: no latency histogram counted a request.")
    starts = grid["timestamp"].to_physical()
    first, last = int(starts[0]), int(starts[-1]) + length
    bounds, counts, spread = _cells(grid, first, length)
    rows = [f"{_bound(low)} to {_bound(high)}" for low, high in pairwise(bounds)]
    zone, figure = scene.zone(first, last), new_figure()
    edges = pl.Series(range(first, last + 1, length), dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
    heat_map(figure, zone.wall(edges), counts, mode=mode, noun="requests", rows=rows)
    notes = [f"requests in {duration(length)}, the colour by their square root", spread]
    if exemplars is not None:
        notes.append(_add_exemplars(figure, exemplars, bounds, zone, mode))
    every_nth = -(-len(bounds) // _MOST_TICKS)
    places = list(range(0, len(bounds), every_nth))
    figure.update_yaxes(
        tickvals=places,
        ticktext=[_bound(bounds[place]) for place in places],
        range=[0, len(rows)],
        title_text="time a request took",
    )
    edges_s = [None if math.isinf(bound) else bound for bound in bounds]  # JSON knows no infinity
    figure.update_layout(hovermode="closest", meta={"bounds_s": edges_s})
    return scene.finish(figure, first, last, notes=notes, height=max(240, 14 * len(rows)))


def _cells(grid: pl.DataFrame, first: int, length: int) -> tuple[list[float], npt.NDArray[np.float64], str]:
    """Bounds, counts by row and column, and what to say where buckets had to be spread over finer ones."""
    bounds = sorted({*grid["lower"], *grid["upper"]})
    columns = ((grid["timestamp"].to_physical() - first) // length).to_numpy()
    counts = np.zeros((len(bounds) - 1, int(columns.max()) + 1))
    place = {bound: row for row, bound in enumerate(bounds)}
    spread = False
    for column, lower, upper, count in zip(columns, grid["lower"], grid["upper"], grid["count"], strict=True):
        low, high = place[lower], place[upper]
        spread |= high - low > 1
        widths = np.diff(bounds[low : high + 1])
        parts = widths / widths.sum() if math.isfinite(upper) else (widths == widths[0]) / 1.0
        counts[low:high, column] += count * parts
    said_of = "buckets of one service are spread evenly over the finer ones of another" if spread else ""
    return bounds, counts, said_of


def _bound(seconds: float) -> str:
    return "∞" if math.isinf(seconds) else duration(seconds * 1e9)


def _add_exemplars(figure: go.Figure, exemplars: Any, bounds: list[float], zone: Zone, mode: Mode) -> str:
    rows = to_polars(exemplars, EXEMPLARS, needs=("timestamp", "value", "trace_id"), what="latency_heatmap")
    if "metric" in rows.columns:
        unit = (
            pl.when(pl.col("metric").str.contains("milliseconds").fill_null(False)).then(1e3).otherwise(1.0)
        )
        rows = rows.with_columns(pl.col("value") / unit)
    kept = thinned(rows.drop_nulls(["timestamp", "value"]).filter(pl.col("value") >= 0), most=_MOST_EXEMPLARS)
    if kept.points.is_empty():
        return "there is no exemplar"
    colours = theme(mode)
    figure.add_scatter(
        x=zone.wall(kept.points["timestamp"]).to_numpy(),
        y=[_place(value, bounds) for value in kept.points["value"]],
        mode="markers",
        name="exemplars",
        marker={"symbol": "diamond", "size": 8, "color": colours.bad}
        | {"line": {"width": 1, "color": colours.paper}},
        customdata=kept.points["trace_id"].to_list(),
        hovertext=[
            f"{_bound(value)}, trace {said(trace, 40)}"
            for value, trace in zip(kept.points["value"], kept.points["trace_id"], strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=True,
    )
    return f"exemplars: {kept.note}" if kept.note else ""


def _place(value: float, bounds: list[float]) -> float:
    """Where a value lies among the rows: by its logarithm within its own."""
    row = min(max(int(np.searchsorted(bounds, value)) - 1, 0), len(bounds) - 2)
    low, high = bounds[row], bounds[row + 1]
    if math.isinf(high):
        return row + 0.5
    if low <= 0 or value <= 0:
        return row + min(max((value - low) / (high - low), 0.0), 1.0)
    return row + min(max(math.log(value / low) / math.log(high / low), 0.0), 1.0)
