"""Widgets side by side, linked: a window brushed in one shows in the others, a line leads to its trace."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets
import polars as pl

from obsnb.analysis.story import Tick
from obsnb.errors import ObsnbError
from obsnb.timerange import TimeRange
from obsnb.views.widgets.base import Widget, publish
from obsnb.views.widgets.boards import ErrorBoard, SlowQueryBoard, TraceTable
from obsnb.views.widgets.chart import Chart
from obsnb.views.widgets.checklist import Checklist
from obsnb.views.widgets.contrasting import ContrastPanel
from obsnb.views.widgets.logs import LogBrowser
from obsnb.views.widgets.servicemap import ServiceMap
from obsnb.views.widgets.timeline import TimelineEditor
from obsnb.views.widgets.times import TimePicker
from obsnb.views.widgets.waterfall import TraceWaterfall

__all__ = ["Board", "board_of"]


@dataclass(frozen=True, repr=False)
class Board:
    """The widgets of one investigation, each with its own `selection`.

    A window picked in `times`, or brushed in `latency`, narrows `logs` and `traces`. A request clicked in
    `latency` (an exemplar), a line, a trace, an error group or a statement
    leads to its trace in `trace`. Error groups that are chosen choose their lines in `logs`, and a
    service of `services` narrows them to its own. What sets the rows of a picked window, or of chosen
    traces, apart from all others stands in `contrast`.
    """

    times: TimePicker
    latency: Chart
    logs: LogBrowser
    errors: ErrorBoard
    queries: SlowQueryBoard
    traces: TraceTable
    contrast: ContrastPanel
    trace: TraceWaterfall
    services: ServiceMap
    timeline: TimelineEditor
    checklist: Checklist

    def __repr__(self) -> str:
        return f"Board({', '.join(self.__dataclass_fields__)})"

    @property
    def widgets(self) -> tuple[Widget, ...]:
        """All of them, in the order of reading."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    def to_html(self) -> str:
        """The static forms below each other."""
        return "".join(widget.to_html() for widget in self.widgets)

    def _ipython_display_(self) -> None:
        beside = (
            "repeat(auto-fit, minmax(min(100%, 780px), 1fr))"  # two columns where the page has room for them
        )
        halves = ipywidgets.Layout(grid_template_columns=beside, grid_gap="10px")
        pairs = [(self.errors, self.queries), (self.traces, self.contrast), (self.services, self.timeline)]
        rows: list[Any] = [self.times, self.latency, self.logs, self.trace]
        rows[3:3] = [ipywidgets.GridBox(pair, layout=halves) for pair in pairs]
        together = ipywidgets.VBox([*rows, self.checklist], layout=ipywidgets.Layout(grid_gap="10px"))
        publish({**together._repr_mimebundle_(), "text/plain": repr(self)})
        for widget in self.widgets:
            widget.display_still()


def board_of(
    *,
    latency: Any,
    logs: Any,
    spans: Any,
    errors: Any,
    queries: Any,
    graph: Any,
    suspects: Any,
    timeline: Any,
    window: TimeRange,
    during: TimeRange,
    trace_id: str | None,
    ticks: Mapping[str, Tick],
) -> Board:
    """The widgets over an investigation's frames, linked with each other.

    Parameters
    ----------
    latency
        A figure whose brush chooses among the spans: the heat map of how long requests took.
    logs, spans
        LOGS and SPANS of the window.
    errors, queries, graph, suspects, timeline
        As `obsnb.error_groups`, `obsnb.slow_queries`, `obsnb.service_graph`, `obsnb.suspects` and
        `obsnb.timeline` give them.
    window, during
        What the overview spans, and what is picked in it at first.
    trace_id
        The trace that is shown at first; the first of the spans where there is none.
    ticks
        What is done of the checklist already.
    """
    overview = logs if len(logs) else spans
    made = Board(
        times=TimePicker(overview, window=window, picked=during),
        latency=Chart(latency, spans),
        logs=LogBrowser(logs, height=330),
        errors=ErrorBoard(errors, height=240),
        queries=SlowQueryBoard(queries, height=240),
        traces=TraceTable(spans, height=240),
        contrast=ContrastPanel(height=240),
        trace=TraceWaterfall(spans, trace_id=trace_id, logs=logs, height=330),
        services=ServiceMap(graph, suspects=suspects),
        timeline=TimelineEditor(timeline),
        checklist=Checklist(),
    )
    made.checklist.ticks = ticks
    _link(made)
    return made


def _link(made: Board) -> None:
    for widget in (made.logs, made.traces):
        widget.look_at(made.times.window)
        made.times.on_pick(widget.look_at)
    made.times.on_pick(made.latency.look_at)
    for follower in (made.times, made.logs, made.traces):
        made.latency.on_pick(follower.look_at)
    made.logs.on_jump(made.trace.show)
    for widget in (made.latency, made.traces, made.errors, made.queries):
        widget.on_follow(made.trace.show)
    for chooser in (made.times, made.traces, made.latency):
        made.contrast.watch(chooser)
    made.errors.on_select(lambda errors: _choose_lines(errors, made.logs))
    made.services.on_follow(lambda service: made.logs.find(service=(service,), window=made.times.window))


def _choose_lines(errors: ErrorBoard, logs: LogBrowser) -> None:
    """The log lines among the evidence of the chosen groups."""
    groups = errors.source.filter(errors.chosen)
    if "evidence" not in groups.columns or "row_id" not in logs.source.columns:
        return
    ids = groups["evidence"].explode().drop_nulls()
    lines = ids.filter(ids.str.starts_with("log:")).str.strip_prefix("log:")
    with contextlib.suppress(ObsnbError):
        logs.selection = pl.DataFrame({"row_id": lines})
