"""obsnb: investigate incidents in Loki, Prometheus and Tempo, live or frozen.

Everything public is here. Importing obsnb loads no dataframe and no plotting library; a name is
loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from obsnb.errors import (
    AccessError,
    AnswerError,
    ArchiveError,
    DamagedArchiveError,
    DatasetError,
    FrameError,
    LimitError,
    MissingExtraError,
    NotRecordedError,
    ObsnbError,
    PartialResultWarning,
    QueryError,
    RejectedError,
    RunbookError,
    ServerError,
    SettingsError,
    SourceError,
    UnreachableError,
    UnsafeArchiveError,
    UsageError,
    WindowError,
)
from obsnb.timerange import TimeRange, window
from obsnb.version import __version__

if TYPE_CHECKING:
    from obsnb.analysis.attributes import attribute
    from obsnb.analysis.changes import change_points
    from obsnb.analysis.critical_path import critical_path
    from obsnb.analysis.errors import error_events, error_groups
    from obsnb.analysis.impact import impact
    from obsnb.analysis.logs import parse_logs
    from obsnb.analysis.patterns import mine_patterns, patterns
    from obsnb.analysis.service_graph import service_graph
    from obsnb.analysis.slow_queries import slow_queries
    from obsnb.analysis.suspects import suspects
    from obsnb.analysis.timeline import timeline
    from obsnb.analysis.traces import self_time
    from obsnb.connection import Connection, connect, open_archive, read_otlp
    from obsnb.investigation import Investigation, investigate
    from obsnb.query.grafana import explore_url, from_grafana_url
    from obsnb.store.csv import write_csv
    from obsnb.store.event_files import read_events
    from obsnb.views import charts as charts
    from obsnb.views import widgets
    from obsnb.views.progress import progress_bar
    from obsnb.views.tables import table

__all__ = [
    "AccessError",
    "AnswerError",
    "ArchiveError",
    "Connection",
    "DamagedArchiveError",
    "DatasetError",
    "FrameError",
    "Investigation",
    "LimitError",
    "MissingExtraError",
    "NotRecordedError",
    "ObsnbError",
    "PartialResultWarning",
    "QueryError",
    "RejectedError",
    "RunbookError",
    "ServerError",
    "SettingsError",
    "SourceError",
    "TimeRange",
    "UnreachableError",
    "UnsafeArchiveError",
    "UsageError",
    "WindowError",
    "__version__",
    "attribute",
    "change_points",
    "charts",
    "connect",
    "critical_path",
    "error_events",
    "error_groups",
    "explore_url",
    "from_grafana_url",
    "impact",
    "investigate",
    "mine_patterns",
    "open_archive",
    "parse_logs",
    "patterns",
    "progress_bar",
    "read_events",
    "read_otlp",
    "self_time",
    "service_graph",
    "slow_queries",
    "suspects",
    "table",
    "timeline",
    "widgets",
    "window",
    "write_csv",
]

_WHERE = {
    "Connection": "connection",
    "Investigation": "investigation",
    "attribute": "analysis.attributes",
    "change_points": "analysis.changes",
    "connect": "connection",
    "critical_path": "analysis.critical_path",
    "error_events": "analysis.errors",
    "error_groups": "analysis.errors",
    "explore_url": "query.grafana",
    "from_grafana_url": "query.grafana",
    "impact": "analysis.impact",
    "investigate": "investigation",
    "mine_patterns": "analysis.patterns",
    "open_archive": "connection",
    "parse_logs": "analysis.logs",
    "patterns": "analysis.patterns",
    "read_events": "store.event_files",
    "read_otlp": "connection",
    "progress_bar": "views.progress",
    "self_time": "analysis.traces",
    "service_graph": "analysis.service_graph",
    "slow_queries": "analysis.slow_queries",
    "suspects": "analysis.suspects",
    "table": "views.tables",
    "timeline": "analysis.timeline",
    "write_csv": "store.csv",
}
_MODULES = {"charts": "views.charts"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name in _MODULES:
        globals()[name] = importlib.import_module(f"obsnb.{_MODULES[name]}")
        return globals()[name]
    if name == "widgets":
        return importlib.import_module("obsnb.views.widgets")
    if name not in _WHERE:
        raise AttributeError(f"module 'obsnb' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"obsnb.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
