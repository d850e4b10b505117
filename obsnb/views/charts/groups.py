"""Error groups over time: a strip each, so that one sees which began when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.schema import LOGS
from obsnb.timerange import TimeRange
from obsnb.views.charts.figure import new_figure, said, said_apart
from obsnb.views.charts.heat import heat_map
from obsnb.views.charts.over_time import interval
from obsnb.views.charts.scene import Scene
from obsnb.views.formats import duration
from obsnb.views.theme import Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["error_groups"]

_MOST = 20
_LETTERS = 34  # of a group's name


def error_groups(
    error_events: Any,
    groups: Any = None,
    *,
    every: str | None = None,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "Errors by group",
) -> go.Figure:
    """Error groups over time: a row a group, darker where more requests met it.

    Parameters
    ----------
    error_events
        What `obsnb.error_events` gives: timestamp, group_id; type, message and service where known.
    groups
        What `obsnb.error_groups` gives; says which are new, and which are only symptoms of others.
    every
        The length of an interval; unless told, one that gives at most 120 of them.
    during, baseline, onset, events, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        The twenty groups that most requests met, in the order of their first occurrence, which a diamond
        marks. ``customdata`` of the diamonds is the group's id.

    Raises
    ------
    FrameError
        A column is missing.
    """
    scene = Scene(during, baseline, onset, events, tz, mode, title)
    frame = to_polars(error_events, LOGS, needs=("timestamp", "group_id"), what="error_groups")
    frame = frame.drop_nulls(["timestamp", "group_id"])
    if frame.is_empty():
        return scene.nothing("There is nothing to draw: no request met an error.")
    rows = _rows(frame, groups)
    length = interval(every, frame["timestamp"])
    bins = frame["timestamp"].to_physical() // length
    places = bins.sort().to_list()
    first, columns = places[0] * length, places[-1] - places[0] + 1
    counts = np.zeros((rows.height, columns))
    cells = frame.select("group_id", (bins - first // length).alias("column")).join(
        rows.select("group_id", "row"), on="group_id"
    )
    np.add.at(counts, (cells["row"].to_numpy(), cells["column"].to_numpy()), 1)
    last = first + columns * length
    zone, colours, figure = scene.zone(first, last), theme(mode), new_figure()
    edges = pl.Series(range(first, last + 1, length), dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))
    heat_map(figure, zone.wall(edges), counts, mode=mode, noun="requests", rows=rows["name"].to_list())
    figure.add_scatter(
        x=zone.wall(rows["first"]).to_numpy(),
        y=rows["row"].to_numpy() + 0.5,
        mode="markers",
        name="first",
        marker={
            "symbol": "diamond",
            "size": 10,
            "color": colours.ink,
            "line": {"width": 1.5, "color": colours.paper},
        },
        customdata=rows["group_id"].to_list(),
        hovertext=[said(f"first: {name}", 200) for name in rows["whole"]],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=True,
    )
    names = said_apart(rows["name"], _LETTERS)
    figure.update_yaxes(
        tickvals=rows["row"].to_numpy() + 0.5, ticktext=names, range=[rows.height, 0], automargin=True
    )
    notes = [f"requests in {duration(length)}, the colour by their square root"]
    left = frame["group_id"].n_unique() - rows.height
    if left:
        notes.append(f"{left:,} groups that fewer requests met are left out")
    figure.update_layout(hovermode="closest")
    return scene.finish(figure, first, last, notes=notes, height=60 + 26 * rows.height)


def _rows(frame: pl.DataFrame, groups: Any) -> pl.DataFrame:
    """The groups that are drawn: group_id, first, name, whole, row."""
    have = [name for name in ("type", "message", "service") if name in frame.columns]
    rows = (
        frame.group_by("group_id")
        .agg(
            pl.len().alias("count"),
            pl.col("timestamp").min().alias("first"),
            pl.col(have).drop_nulls().first(),
        )
        .sort(["count", "group_id"], descending=[True, False])
        .head(_MOST)
        .sort("first", "group_id")
    )
    what = [pl.col(name).cast(pl.String).replace("", None) for name in ("type", "message") if name in have]
    named = pl.concat_str(what, separator=": ", ignore_nulls=True) if what else pl.lit("")
    named = pl.when(named == "").then("group_id").otherwise(named)
    mark: pl.Expr = pl.lit("")
    if groups is not None:
        known = to_polars(groups, LOGS, needs=("group_id",), what="error_groups")
        marks = [name for name in ("is_new", "passed_on") if name in known.columns]
        rows = rows.join(known.select("group_id", *marks), on="group_id", how="left", maintain_order="left")
        for name, word in (("passed_on", "passed on: "), ("is_new", "new: ")):
            if name in marks:
                mark = pl.when(pl.col(name).fill_null(False)).then(pl.lit(word)).otherwise(mark)
    return rows.with_columns((mark + named).alias("whole"), (mark + named).alias("name")).with_row_index(
        "row"
    )
