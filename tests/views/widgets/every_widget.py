"""Every widget, with a frame in which one text stands wherever a server or a person could write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

import obsnb
from obsnb.views import charts
from obsnb.views import widgets as w
from tests.report.made_up import error_groups, service_graph, slow_queries
from tests.views.widgets.made_up import lines, trace
from tests.views.widgets.test_contrasting import FOUND
from tests.views.widgets.test_timeline import happened

__all__ = ["EVERY", "FRAMED", "Kind", "ledger"]


@dataclass(frozen=True)
class Kind:
    """How a widget is made of what it shows, and what that is.

    Attributes
    ----------
    make
        The widget, of a frame.
    frame
        Such a frame, with a text wherever somebody else could have written one.
    part
        Rows to choose from Python.
    empty, missing
        The sentence in its place for a frame without rows, and for one without its columns; empty where
        it shows such a frame.
    """

    make: Callable[[Any], Any]
    frame: Callable[[str], Any]
    part: Callable[[Any], Any]
    empty: str = ""
    missing: str = ""


def ledger(text: str) -> pl.DataFrame:
    obs = obsnb.open_archive("slow-query")
    obs.logs(next(one.asked for one in obs.recorded if one.kind == "logs"), obs.window)
    return obs.ledger.to_frame().with_columns(query=pl.lit(text), reason=pl.lit(text))


def health(text: str) -> pl.DataFrame:
    found: pl.DataFrame = obsnb.open_archive("slow-query").health()
    return found.with_columns(version=pl.lit(text), message=pl.lit(text))


def found(text: str) -> pl.DataFrame:
    return FOUND.with_columns(value=pl.when(pl.col("value").is_not_null()).then(pl.lit(text)))


def box(frame: Any) -> Any:
    made = w.QueryBox(obsnb.open_archive("slow-query"))
    made.selection = frame
    return made


def checklist(frame: Any) -> Any:
    made = w.Checklist(who=frame["who"][0])
    made.selection = frame
    made.answer("note", {"item": frame["item"][0], "note": frame["who"][0]})
    made.selection = frame.clear()
    return made


def chart(frame: Any) -> Any:
    return w.Chart(charts.log_volume(lines(["a", "b", "c"])), frame)


def _first(it: Any) -> Any:
    return it.source.head(1)


_SPANS = "trace_id, span_id, service, name, start, duration"
_RENAME = "Hint: obsnb.schema.{0} lists what each column means; rename yours to match."

#: A widget's name → how it is made. A test fails where one is missing.
EVERY: Mapping[str, Kind] = {
    "LogBrowser": Kind(
        w.LogBrowser,
        lambda text: lines([text, text, "c"], levels=["error", text]),
        _first,
        "There is no line to show: the frame is empty.",
        "LogBrowser needs the columns timestamp, line of LOGS; the frame has other. "
        + _RENAME.format("LOGS"),
    ),
    "TimePicker": Kind(
        w.TimePicker,
        lambda text: lines([text, "b", "c"]),
        lambda it: it.selection.head(2),
        "There is no time to pick from: the frame is empty.",
        "TimePicker needs a column timestamp or start that holds times.",
    ),
    "TraceWaterfall": Kind(
        w.TraceWaterfall,
        lambda text: trace([None, 0, 0], name=text).with_columns(service=pl.lit(text)),
        _first,
        "There is no span to show: the frame is empty.",
        f"TraceWaterfall needs the columns {_SPANS} of SPANS; the frame has other. "
        + _RENAME.format("SPANS"),
    ),
    "TraceTable": Kind(
        w.TraceTable,
        lambda text: trace([None, 0], name=text).with_columns(service=pl.lit(text)),
        _first,
        "There is no trace to show: the frame is empty.",
        f"TraceTable needs the columns {_SPANS} of SPANS; the frame has other. " + _RENAME.format("SPANS"),
    ),
    "ErrorBoard": Kind(
        w.ErrorBoard,
        error_groups,
        _first,
        "There is no error to show: no line and no span says that it failed.",
        "ErrorBoard needs the columns type, count; the frame has other.",
    ),
    "SlowQueryBoard": Kind(
        w.SlowQueryBoard,
        slow_queries,
        _first,
        "There is no statement and no call to show.",
        "SlowQueryBoard needs the columns fingerprint, count; the frame has other.",
    ),
    "ServiceMap": Kind(
        w.ServiceMap,
        lambda text: pl.concat(
            [service_graph(text), service_graph(text).with_columns(caller=pl.lit("shop"))], how="vertical"
        ),
        lambda it: pl.DataFrame({"caller": ["shop"], "callee": [it.start["nodes"][-1]["name"]]}),
        "There is no call between services to show.",
        "ServiceMap needs the columns caller, callee, count; the frame has other. "
        "Hint: obsnb.service_graph(spans) gives such a frame.",
    ),
    "Chart": Kind(
        chart,
        lambda text: lines([text, "b", "c"]),
        _first,
        "",
        "Chart cannot tell which rows a brush means: that takes an axis of time and a column "
        "timestamp or start, or points whose customdata stands in a column of the frame.",
    ),
    "ContrastPanel": Kind(
        w.ContrastPanel,
        found,
        _first,
        "",
        "ContrastPanel needs the columns kind, column, effect; the frame has other.",
    ),
    "TimelineEditor": Kind(
        w.TimelineEditor,
        lambda text: happened(text, "b"),
        lambda it: it.frame.head(1),
        "",
        "TimelineEditor needs the columns timestamp, kind, title of EVENTS; the frame has other. "
        + _RENAME.format("EVENTS"),
    ),
    "LedgerBoard": Kind(
        w.LedgerBoard,
        ledger,
        _first,
        "Nothing has been asked yet.",
        "LedgerBoard needs the columns number, query; the frame has other.",
    ),
    "HealthPanel": Kind(
        w.HealthPanel,
        health,
        _first,
        "No source is connected.",
        "HealthPanel needs the columns source, status; the frame has other.",
    ),
    "QueryBox": Kind(box, lambda text: lines([text, "b"]), lambda it: it.selection.head(1), "", ""),
    "Checklist": Kind(
        checklist,
        lambda text: w.Checklist().frame.head(2).with_columns(who=pl.lit(text)),
        lambda it: it.frame.head(1),
    ),
}

#: Those that show a frame of rows that somebody loaded.
FRAMED = tuple(name for name, kind in EVERY.items() if kind.missing)
