"""Widgets for a notebook: look, brush, follow; what is chosen is a frame in the next cell.

Each is one Python file beside one plain JavaScript file, drawn by anywidget. Data stays in the kernel
and is fetched by page; nothing leaves the machine. Loading this package loads no widget library: a
class does, when it is first used, and says what to install where that is missing.

Examples
--------
>>> import obsnb
>>> obs = obsnb.open_archive("data/incidents/slow-query")
>>> browser = obsnb.widgets.LogBrowser(obs.logs(obs.ledger[0].asked, obs.window))  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from obsnb.errors import MissingExtraError

if TYPE_CHECKING:
    from obsnb.views.widgets.board import Board, board_of
    from obsnb.views.widgets.boards import ErrorBoard, HealthPanel, LedgerBoard, SlowQueryBoard, TraceTable
    from obsnb.views.widgets.chart import Chart
    from obsnb.views.widgets.checklist import Checklist
    from obsnb.views.widgets.contrasting import ContrastPanel
    from obsnb.views.widgets.logs import LogBrowser
    from obsnb.views.widgets.querybox import QueryBox
    from obsnb.views.widgets.servicemap import ServiceMap
    from obsnb.views.widgets.timeline import TimelineEditor
    from obsnb.views.widgets.times import TimePicker
    from obsnb.views.widgets.waterfall import TraceWaterfall

__all__ = [
    "Board",
    "Chart",
    "Checklist",
    "ContrastPanel",
    "ErrorBoard",
    "HealthPanel",
    "LedgerBoard",
    "LogBrowser",
    "QueryBox",
    "ServiceMap",
    "SlowQueryBoard",
    "TimePicker",
    "TimelineEditor",
    "TraceTable",
    "TraceWaterfall",
    "board_of",
]

_WHERE = {
    "Board": "board",
    "Chart": "chart",
    "Checklist": "checklist",
    "ContrastPanel": "contrasting",
    "ErrorBoard": "boards",
    "HealthPanel": "boards",
    "LedgerBoard": "boards",
    "LogBrowser": "logs",
    "QueryBox": "querybox",
    "ServiceMap": "servicemap",
    "SlowQueryBoard": "boards",
    "TimePicker": "times",
    "TimelineEditor": "timeline",
    "TraceTable": "boards",
    "TraceWaterfall": "waterfall",
    "board_of": "board",
}


def __getattr__(name: str) -> Any:
    """Load a widget's class when it is first used."""
    if name not in _WHERE:
        raise AttributeError(f"module 'obsnb.widgets' has no attribute {name!r}")
    try:
        importlib.import_module("anywidget")
    except ImportError:
        raise MissingExtraError(
            f"{name} is a widget, and anywidget is not installed where this kernel runs.",
            hint='pip install "obsnb[jupyter]" there, and anywidget beside JupyterLab where that is another '
            "environment; obsnb.table(frame) and the charts need neither.",
        ) from None
    found = getattr(importlib.import_module(f"obsnb.views.widgets.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
