"""What holds for every widget: a selection both ways, a static form without script, a small state."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

import obsnb
from obsnb.views import charts
from obsnb.views import widgets as w
from tests.report.made_up import error_groups, script_line, service_graph, slow_queries
from tests.views.widgets.made_up import lines, trace
from tests.views.widgets.test_contrasting import FOUND
from tests.views.widgets.test_timeline import happened

TEXT = script_line()


def ledger() -> pl.DataFrame:
    obs = obsnb.open_archive("slow-query")
    obs.logs(next(one.asked for one in obs.recorded if one.kind == "logs"), obs.window)
    return obs.ledger.to_frame()


#: Name → the widget, and a part of what it shows, to be chosen from Python.
EVERY: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "LogBrowser": (lambda: w.LogBrowser(lines([TEXT, "b", "c"])), lambda it: it.source.head(2)),
    "TimePicker": (lambda: w.TimePicker(lines([TEXT, "b", "c"])), None),
    "TraceWaterfall": (
        lambda: w.TraceWaterfall(trace([None, 0, 0], name=TEXT)),
        lambda it: it.source.head(2),
    ),
    "TraceTable": (lambda: w.TraceTable(trace([None, 0], name=TEXT)), lambda it: it.source.head(1)),
    "ErrorBoard": (lambda: w.ErrorBoard(error_groups(TEXT)), lambda it: it.source.head(1)),
    "SlowQueryBoard": (lambda: w.SlowQueryBoard(slow_queries(TEXT)), lambda it: it.source.head(1)),
    "ServiceMap": (lambda: w.ServiceMap(service_graph(TEXT)), lambda it: service_graph(TEXT).head(1)),
    "Chart": (
        lambda: w.Chart(charts.log_volume(lines([TEXT, "b", "c"])), lines([TEXT, "b", "c"])),
        lambda it: it.source.head(2),
    ),
    "ContrastPanel": (lambda: w.ContrastPanel(FOUND), lambda it: it.source.head(1)),
    "TimelineEditor": (lambda: w.TimelineEditor(happened(TEXT, "b")), lambda it: it.frame.head(1)),
    "Checklist": (lambda: w.Checklist(who=TEXT), lambda it: it.frame.head(1)),
    "LedgerBoard": (lambda: w.LedgerBoard(ledger()), lambda it: it.source.head(1)),
    "HealthPanel": (
        lambda: w.HealthPanel(obsnb.open_archive("slow-query").health()),
        lambda it: it.source.head(1),
    ),
    "QueryBox": (lambda: w.QueryBox(obsnb.open_archive("slow-query")), None),
}


@pytest.mark.parametrize("name", [name for name, (_, part) in EVERY.items() if part is not None])
def test_a_frame_that_is_assigned_is_the_selection_that_is_read(name: str) -> None:
    make, part = EVERY[name]
    widget = make()
    assert len(widget.selection) == 0
    widget.selection = part(widget)
    assert len(widget.selection) > 0
    assert isinstance(widget.selection, pl.DataFrame)
    assert html.escape(widget.says()) in widget.to_html()


def test_every_widget_stands_here() -> None:
    assert {*EVERY} == {*w.__all__} - {"Board", "board_of"}


@pytest.mark.parametrize("name", EVERY)
def test_the_static_form_says_something_without_a_script_and_the_state_is_small(name: str) -> None:
    widget = EVERY[name][0]()
    still = widget.to_html()
    assert "<script" not in still
    assert TEXT not in still
    assert "<table" in still or "<img" in still or html.escape(widget.says()) in still
    assert len(json.dumps(widget.start)) < 300_000
