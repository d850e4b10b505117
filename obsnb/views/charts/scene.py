"""What charts over time share: the zone of their axis, the incident and its baseline, and what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.instants import parse_instant
from obsnb.schema import EVENTS
from obsnb.timerange import TimeRange, check_windows
from obsnb.views.charts.figure import finished, nothing, said
from obsnb.views.formats import clock, duration
from obsnb.views.theme import Mode, theme
from obsnb.views.zones import Zone, zone_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["KINDS", "Scene", "kind_look"]

#: Kind of event → the shape and the place in the theme that it has in every chart.
KINDS: dict[str, tuple[str, int]] = {
    "deploy": ("triangle-up", 0),
    "alert": ("square", 1),
    "restart": ("diamond", 3),
    "annotation": ("circle", 2),
    "note": ("circle-open", 2),
    "error": ("x", 5),
}
_MOST_EVENTS, _MOST_RULES = 200, 30
_LABEL_ROW = 15  # pixels


def kind_look(kind: str) -> tuple[str, int]:
    """Shape and place in the theme of a kind of event, whatever a server calls it."""
    return KINDS.get(kind, ("star", 6))


@dataclass(frozen=True)
class Scene:
    """What a chart over time is told, besides its data.

    Attributes
    ----------
    during, baseline
        Windows to shade.
    onset
        A moment to mark (an aware datetime or ISO text with a zone); the start of `during` unless told.
    events
        EVENTS, or what `obsnb.timeline` gives; drawn as far as they lie on the axis.
    tz
        The zone of the axis; None is this machine's.
    mode, title
        The theme, and what stands above.
    """

    during: TimeRange | None = None
    baseline: TimeRange | None = None
    onset: Any = None
    events: Any = None
    tz: str | None = None
    mode: Mode = "light"
    title: str = ""

    def __post_init__(self) -> None:
        check_windows(during=self.during, baseline=self.baseline)

    def nothing(self, sentence: str) -> go.Figure:
        """A figure with a sentence where the drawing would be."""
        return nothing(sentence, mode=self.mode, title=self.title)

    def extent(self, first_ns: int, last_ns: int) -> tuple[int, int]:
        """From when to when the axis goes: what is drawn, and the windows that are shaded."""
        windows = [window for window in (self.during, self.baseline) if window is not None]
        return (
            min([first_ns, *(window.start_ns for window in windows)]),
            max([last_ns, *(window.end_ns for window in windows)]),
        )

    def zone(self, first_ns: int, last_ns: int) -> Zone:
        """The zone of an axis that shows so much data."""
        return zone_of(self.tz, *self.extent(first_ns, last_ns))

    def finish(
        self, figure: go.Figure, first_ns: int, last_ns: int, *, notes: Iterable[str] = (), height: int = 260
    ) -> go.Figure:
        """The figure with windows, onset and events drawn in, its axis of time, theme, title and notes."""
        start, end = self.extent(first_ns, last_ns)
        if end - start < 10**9:  # one moment stands in the middle of a minute
            start, end = start - 30 * 10**9, end + 30 * 10**9
        zone = zone_of(self.tz, start, end)
        more = self._draw_events(figure, zone, start, end) if self.events is not None else ""
        rows = 2 if self.during is not None or self.onset is not None else int(self.baseline is not None)
        notes = [*notes, more, zone.note]
        finished(
            figure, mode=self.mode, title=self.title, notes=notes, height=height, above=_LABEL_ROW * rows
        )
        marks = figure.layout.shapes
        figure.layout.shapes = ()
        self._draw_windows(figure, zone)
        figure.layout.shapes += marks  # of what lies below the data, the later hides the earlier
        figure.update_xaxes(
            type="date",
            range=[zone.text(start), zone.text(end)],
            hoverformat=f"%Y-%m-%d %H:%M:%S {zone.utc}",
        )
        figure.layout.xaxis.title = {"text": said(zone.words), "standoff": 8}
        # A brush on the axis has its clocks; who reads it needs to know how far they are off UTC.
        figure.layout.meta = {**(figure.layout.meta or {}), "utc_offset_ns": zone.offset_ns}
        return figure

    def _draw_windows(self, figure: go.Figure, zone: Zone) -> None:
        colours = theme(self.mode)
        shaded = (
            ("baseline", self.baseline, colours.calm_tint, colours.quiet, "dot"),
            ("incident", self.during, colours.bad_tint, colours.bad, "solid"),
        )
        for name, window, tint, ink, dash in shaded:
            if window is not None:
                start, end = zone.text(window.start_ns), zone.text(window.end_ns)
                look = {"fillcolor": tint, "layer": "below", "line": {"width": 1, "color": ink, "dash": dash}}
                figure.add_shape(type="rect", x0=start, x1=end, y0=0, y1=1, yref="paper", **look, name=name)
                self._label(figure, start, f"{name}, {duration(window.duration_ns)}", ink)
        if self.onset is None and self.during is None:
            return
        onset = parse_instant(self.onset) if self.during is None or self.onset else self.during.start_ns
        at = zone.text(onset)
        pen = {"width": 2.5, "color": colours.bad}
        figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1, yref="paper", line=pen, name="onset")
        self._label(figure, at, f"onset {clock(onset + zone.offset_ns)}", colours.bad, row=1)

    def _label(self, figure: go.Figure, at: str, words: str, colour: str, row: int = 0) -> None:
        """Words above the plot, in the first row or the second."""
        place = {"x": at, "y": 1, "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
        figure.add_annotation(
            text=said(words),
            **place,
            yshift=_LABEL_ROW * row,
            showarrow=False,
            font={"color": colour, "size": 11},
        )

    def _draw_events(self, figure: go.Figure, zone: Zone, start: int, end: int) -> str:
        """Marks above the axis, dotted lines through all panels; what is left out is said."""
        needs = ("timestamp", "kind", "title")
        rows = to_polars(self.events, EVENTS, needs=needs, what="A chart's events")
        ns = pl.col("timestamp").to_physical()
        rows = rows.filter(
            ns.is_between(start, end), ~pl.col("kind").is_in(["onset", "recovery"]).fill_null(False)
        )
        about = start if self.during is None else self.during.start_ns
        kept = rows.sort((ns - about).abs()).head(_MOST_EVENTS)
        colours = theme(self.mode)
        for at in kept["timestamp"].to_physical().head(_MOST_RULES):
            place = {"x0": zone.text(at), "x1": zone.text(at), "y0": 0, "y1": 1, "yref": "paper"}
            pen = {"width": 1, "color": colours.quiet, "dash": "dot"}
            figure.add_shape(type="line", **place, line=pen, layer="below", name="event")
        for (kind,), part in kept.sort("timestamp").group_by("kind", maintain_order=True):
            symbol, _ = kind_look(str(kind))
            figure.add_scatter(
                x=zone.wall(part["timestamp"]).to_numpy(),
                y=[0.045] * part.height,
                yaxis="y9",
                mode="markers",
                name=said(kind or "event", 20),
                marker={"symbol": symbol, "size": 11, "color": colours.ink}
                | {"line": {"width": 1.5, "color": colours.paper}},
                showlegend=True,
                hovertext=[said(title, 160) for title in part["title"]],
                hovertemplate="%{hovertext}",
                legend="legend2",
            )
        if kept.height:
            lane = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
            figure.update_layout(yaxis9=lane)
        left = rows.height - kept.height
        return f"the {kept.height} of {rows.height:,} events nearest the onset" if left else ""
