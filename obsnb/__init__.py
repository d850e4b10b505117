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
    from obsnb.analysis.backtest import backtest_alert
    from obsnb.analysis.caches import cache_hit_rates
    from obsnb.analysis.changes import change_points
    from obsnb.analysis.clocks import clock_skew
    from obsnb.analysis.cohorts import compare_cohorts
    from obsnb.analysis.contrast import contrast
    from obsnb.analysis.correlated_exemplars import correlate_exemplars
    from obsnb.analysis.correlated_lines import correlate_logs
    from obsnb.analysis.critical_path import critical_path
    from obsnb.analysis.debugging import debug_sessions
    from obsnb.analysis.detection import detection
    from obsnb.analysis.errors import error_events, error_groups
    from obsnb.analysis.frontend import frontend_events, frontend_timings
    from obsnb.analysis.health import health_snapshots
    from obsnb.analysis.histograms import (
        heat_map,
        histogram_average,
        histogram_count,
        histogram_fraction,
        histogram_quantile,
        histogram_sum,
    )
    from obsnb.analysis.impact import impact
    from obsnb.analysis.lags import series_lag
    from obsnb.analysis.logs import parse_logs
    from obsnb.analysis.memory import memory_differences, memory_snapshots
    from obsnb.analysis.notable import notable_traces
    from obsnb.analysis.patterns import mine_patterns, patterns
    from obsnb.analysis.requests import request_counts
    from obsnb.analysis.service_graph import service_graph
    from obsnb.analysis.slow_queries import slow_queries
    from obsnb.analysis.suspects import suspects
    from obsnb.analysis.timeline import timeline
    from obsnb.analysis.trace_quality import trace_quality
    from obsnb.analysis.traces import self_time
    from obsnb.analysis.waits import database_waits
    from obsnb.connection import Connection, connect, open_archive, read_otlp
    from obsnb.investigation import Investigation, compare, investigate
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
    "backtest_alert",
    "cache_hit_rates",
    "change_points",
    "charts",
    "clock_skew",
    "compare",
    "compare_cohorts",
    "connect",
    "contrast",
    "correlate_exemplars",
    "correlate_logs",
    "critical_path",
    "database_waits",
    "debug_sessions",
    "detection",
    "error_events",
    "error_groups",
    "explore_url",
    "from_grafana_url",
    "frontend_events",
    "frontend_timings",
    "health_snapshots",
    "heat_map",
    "histogram_average",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_sum",
    "impact",
    "investigate",
    "memory_differences",
    "memory_snapshots",
    "mine_patterns",
    "notable_traces",
    "open_archive",
    "parse_logs",
    "patterns",
    "progress_bar",
    "read_events",
    "read_otlp",
    "request_counts",
    "self_time",
    "series_lag",
    "service_graph",
    "slow_queries",
    "suspects",
    "table",
    "timeline",
    "trace_quality",
    "widgets",
    "window",
    "write_csv",
]

_WHERE = {
    "Connection": "connection",
    "Investigation": "investigation",
    "attribute": "analysis.attributes",
    "backtest_alert": "analysis.backtest",
    "cache_hit_rates": "analysis.caches",
    "change_points": "analysis.changes",
    "clock_skew": "analysis.clocks",
    "compare": "investigation",
    "compare_cohorts": "analysis.cohorts",
    "connect": "connection",
    "contrast": "analysis.contrast",
    "correlate_exemplars": "analysis.correlated_exemplars",
    "correlate_logs": "analysis.correlated_lines",
    "critical_path": "analysis.critical_path",
    "database_waits": "analysis.waits",
    "debug_sessions": "analysis.debugging",
    "detection": "analysis.detection",
    "error_events": "analysis.errors",
    "error_groups": "analysis.errors",
    "explore_url": "query.grafana",
    "from_grafana_url": "query.grafana",
    "frontend_events": "analysis.frontend",
    "frontend_timings": "analysis.frontend",
    "health_snapshots": "analysis.health",
    "heat_map": "analysis.histograms",
    "histogram_average": "analysis.histograms",
    "histogram_count": "analysis.histograms",
    "histogram_fraction": "analysis.histograms",
    "histogram_quantile": "analysis.histograms",
    "histogram_sum": "analysis.histograms",
    "impact": "analysis.impact",
    "investigate": "investigation",
    "memory_differences": "analysis.memory",
    "memory_snapshots": "analysis.memory",
    "mine_patterns": "analysis.patterns",
    "notable_traces": "analysis.notable",
    "open_archive": "connection",
    "parse_logs": "analysis.logs",
    "patterns": "analysis.patterns",
    "progress_bar": "views.progress",
    "read_events": "store.event_files",
    "read_otlp": "connection",
    "request_counts": "analysis.requests",
    "self_time": "analysis.traces",
    "series_lag": "analysis.lags",
    "service_graph": "analysis.service_graph",
    "slow_queries": "analysis.slow_queries",
    "suspects": "analysis.suspects",
    "table": "views.tables",
    "timeline": "analysis.timeline",
    "trace_quality": "analysis.trace_quality",
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
