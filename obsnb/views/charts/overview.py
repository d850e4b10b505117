"""Rate, errors and duration of requests below each other: the first look at a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.requests import request_counts
from obsnb.conventions import DEFAULT, Conventions
from obsnb.instants import parse_duration
from obsnb.schema import SERIES
from obsnb.timerange import TimeRange
from obsnb.views.charts.figure import log_axis, new_figure
from obsnb.views.charts.names import folded
from obsnb.views.charts.over_time import add_lines, per_interval, quantiles_of
from obsnb.views.charts.scene import Scene
from obsnb.views.theme import Mode

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["requests"]

_QUANTILES = (0.5, 0.95, 0.99)
_GAP = 0.07  # of the height, between panels


def requests(
    series: Any,
    *,
    by: str = "service",
    every: str = "1m",
    conventions: Conventions = DEFAULT,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "Requests: rate, errors, duration",
) -> go.Figure:
    """Requests a second, failed requests a second, and how long requests took, over one axis of time.

    Parameters
    ----------
    series
        SERIES with the conventions' request counters and latency histograms.
    by
        ``service``, ``route``, ``tenant`` or ``status``: a line each in the first two panels.
    every
        The length of an interval; only those that lie wholly between two samples are drawn.
    during, baseline, onset, events, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Three panels, as far as there are counters and histograms. A request failed with a status of 500 and
        above.

    Raises
    ------
    FrameError
        A column is missing.
    """
    scene = Scene(during, baseline, onset, events, tz, mode, title)
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="requests")
    length = parse_duration(every)
    counts = request_counts(frame, conventions=conventions)
    SERIES.check(counts.columns, needs=(by,), what="requests")
    named = folded(counts, by, pl.col("count").sum())
    per_second = pl.col("count").sum() / (length / 1e9)
    panels = [
        ("requests/s", _whole(per_interval(named, per_second, length), counts, length)),
        ("failed/s", _whole(per_interval(named.filter("failed"), per_second, length), counts, length)),
        ("seconds", quantiles_of(frame, _QUANTILES, every, conventions)[0]),
    ]
    panels = [(unit, drawn) for unit, drawn in panels if drawn.height]
    if not panels:
        return scene.nothing("There is nothing to draw: no request counter, and no latency histogram.")
    return _drawn(panels, scene)


def _whole(drawn: pl.DataFrame, counts: pl.DataFrame, length: int) -> pl.DataFrame:
    if counts.is_empty():
        return drawn
    ns = counts["timestamp"].to_physical()
    starts = pl.col("timestamp").to_physical()
    return drawn.filter(starts >= ns.min(), starts <= pl.lit(ns.max()) - length)


def _drawn(panels: list[tuple[str, pl.DataFrame]], scene: Scene) -> go.Figure:
    times = pl.concat([drawn.select("timestamp") for _, drawn in panels])["timestamp"].sort().to_physical()
    first, last = int(times[0]), int(times[-1])
    figure, high, notes = new_figure(), 1 / len(panels), list[str]()
    places: dict[str, int] = {}
    for place, (unit, drawn) in enumerate(panels):
        axis = "y" if place == 0 else f"y{place + 1}"
        names = drawn["name"].unique().sort().to_list()
        fresh = [name for name in names if name not in places]
        places |= {name: len(places) + more for more, name in enumerate(fresh)}
        notes += add_lines(figure, drawn, scene, first, last, unit=unit, axis=axis, slots=places)
        top = 1 - place * high
        domain = [
            max(top - high + (_GAP / 2 if place < len(panels) - 1 else 0), 0),
            top - (_GAP / 2 if place else 0),
        ]
        name = "yaxis" if place == 0 else f"yaxis{place + 1}"
        figure.layout[name] = {
            "domain": domain,
            "title": {"text": unit},
            "rangemode": "tozero",
            "anchor": "x",
        }
        if unit == "seconds":
            figure.layout[name].update(log_axis(drawn["value"]))
    seen: set[str] = set()
    for trace in figure.data:  # a service has one entry, whatever the number of its lines
        trace.legendgroup, trace.showlegend = trace.name, trace.name not in seen
        seen.add(trace.name)
    scene.finish(figure, first, last, notes=notes, height=170 * len(panels))
    figure.layout.xaxis.anchor = "y" if len(panels) == 1 else f"y{len(panels)}"
    return figure
