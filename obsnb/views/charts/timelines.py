"""What happened, in order: a row each while they are few, a lane a kind when they are many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.schema import EVENTS
from obsnb.timerange import TimeRange
from obsnb.views.charts.figure import new_figure, said, said_apart
from obsnb.views.charts.scene import KINDS, Scene, kind_look
from obsnb.views.formats import duration
from obsnb.views.theme import Mode, theme
from obsnb.views.zones import Zone

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["timeline"]

_MOST_ROWS = 40
_EDGES = {"onset": "triangle-right", "recovery": "triangle-left"}
_LETTERS = 36


def timeline(
    events: Any,
    *,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "What happened",
) -> go.Figure:
    """Events in the order of time, each with its kind's shape, its length, and its title.

    Parameters
    ----------
    events
        EVENTS, or what `obsnb.timeline` gives: timestamp, kind, title; end and service where known.
    during, baseline, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Up to forty events have a row each; more have a lane a kind, and their titles only where a pointer
        is. ``customdata`` is the event's evidence, where the frame has it.

    Raises
    ------
    FrameError
        A column is missing.
    """
    scene = Scene(during, baseline, None, None, tz, mode, title)
    frame = to_polars(events, EVENTS, needs=("timestamp", "kind", "title"), what="timeline")
    frame = frame.drop_nulls("timestamp").sort("timestamp", maintain_order=True)
    if frame.is_empty():
        return scene.nothing("There is nothing to draw: no event is known.")
    for name, kind in (("end", pl.Datetime("ns", "UTC")), ("service", pl.String)):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, kind).alias(name))
    frame = frame.with_columns(pl.col("kind").fill_null("event"), pl.col("title").fill_null(""))
    few = frame.height <= _MOST_ROWS
    lanes = _lanes(frame)
    row = pl.int_range(pl.len()) if few else pl.col("kind").replace_strict(lanes, return_dtype=pl.Int64)
    frame = frame.with_columns(row=row)
    first = int(frame["timestamp"].to_physical()[0])
    last = int(max(frame["timestamp"].to_physical()[-1], frame["end"].to_physical().max() or 0))
    zone, figure = scene.zone(first, last), new_figure()
    _draw(figure, frame, zone, mode)
    words = (
        said_apart((_titled(*row) for row in frame.select("title", "service").iter_rows()), _LETTERS)
        if few
        else said_apart(lanes, 30)
    )
    figure.update_yaxes(
        tickvals=list(range(len(words))), ticktext=words, range=[len(words) - 0.5, -0.5], automargin=True
    )
    figure.update_layout(hovermode="closest")
    notes = [] if few else [f"{frame.height:,} events, a lane for each kind"]
    room = (last - first) // 50  # that the first mark and the last one stand whole beside the edges
    scene.finish(figure, first - room, last + room, notes=notes, height=40 + 25 * len(words))
    return figure


def _titled(title: str, service: str | None) -> str:
    """The title, and whom it is about where it does not say so."""
    return title if not service or service in title else f"{title} ({service})"


def _lanes(frame: pl.DataFrame) -> dict[str, int]:
    """Kind → lane: the known ones in their order, then the others."""
    order = [*_EDGES, *KINDS]
    kinds = sorted(
        frame["kind"].unique(), key=lambda kind: (order.index(kind) if kind in order else 99, kind)
    )
    return {kind: place for place, kind in enumerate(kinds)}


def _draw(figure: go.Figure, frame: pl.DataFrame, zone: Zone, mode: Mode) -> None:
    colours = theme(mode)
    lasting = frame.filter(pl.col("end") > pl.col("timestamp"))
    for row in lasting.iter_rows(named=True):
        ends = pl.Series([row["timestamp"], row["end"]])
        figure.add_scatter(
            x=zone.wall(ends).to_numpy(),
            y=[row["row"]] * 2,
            mode="lines",
            line={"color": colours.quiet, "width": 5},
            hoverinfo="skip",
            showlegend=False,
        )
    lasted = pl.col("end").to_physical() - pl.col("timestamp").to_physical()
    for (kind,), part in frame.group_by("kind", maintain_order=True):
        symbol, slot = kind_look(str(kind))
        colour = colours.bad if kind in _EDGES else colours.series[slot]
        lengths = part.select(lasted).to_series()
        figure.add_scatter(
            x=zone.wall(part["timestamp"]).to_numpy(),
            y=part["row"].to_numpy(),
            mode="markers",
            name=said(kind, 20),
            marker={"symbol": _EDGES.get(str(kind), symbol), "size": 12, "color": colour}
            | {"line": {"width": 1, "color": colours.ink}},
            customdata=part["evidence"].to_list() if "evidence" in part.columns else None,
            hovertext=[
                said(f"{kind}: {title}" + ("" if length is None else f", {duration(length)}"), 240)
                for title, length in zip(part["title"], lengths, strict=True)
            ],
            hovertemplate=f"%{{x|%Y-%m-%d %H:%M:%S}} {zone.utc}<br>%{{hovertext}}<extra></extra>",
            showlegend=True,
        )
