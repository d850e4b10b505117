"""Every public analysis function, and how it is called: with which frames, and which words beside them."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

import obsnb
from obsnb.schema import EVENTS, EXEMPLARS, LOGS, SERIES, SPANS
from tests.analysis.edges import samples

#: What a frame needs, by section 3 of the design; EXEMPLARS and EVENTS by the functions' own docstrings.
NEEDED = {
    "LOGS": ["timestamp", "line"],
    "SERIES": ["timestamp", "metric", "value"],
    "SPANS": ["trace_id", "span_id", "parent_span_id", "service", "name", "start", "duration"],
    "EXEMPLARS": ["timestamp", "metric", "value", "trace_id"],
    "EVENTS": ["timestamp", "kind", "title"],
}
_WINDOWS = {"during": samples.DURING, "baseline": samples.BASELINE}
_SLOW = {"during": samples.SERIES_DURING, "baseline": samples.SERIES_BASELINE}
_RATE = 'rate(http_requests_total{status_code="200"}[30s]) > 0.1'


@dataclass(frozen=True)
class Call:
    """A call of a public analysis function.

    `data` are its data arguments, each the name of a function of `samples` and the frame's schema (None
    where another function gave it). `read` takes the frame out of an answer that is none. `row_by_row` says
    that the answer has a row for each row of the first argument, so that it follows their order.
    """

    name: str
    variant: str
    data: tuple
    ask: Callable
    read: Callable
    row_by_row: bool

    @property
    def id(self):
        return f"{self.name} {self.variant}".strip()

    def given(self):
        return [getattr(samples, name)() for name, _ in self.data]

    def changed(self, change):
        """Its data arguments, each changed by a function of frame and schema; columns stay as they are."""
        pairs = zip(self.given(), self.data, strict=True)
        return [
            change(frame, schema) if isinstance(frame, pl.DataFrame) else frame
            for frame, (_, schema) in pairs
        ]

    def __call__(self, *frames):
        return self.read(self.ask(*frames))


def _call(name, *data, variant="", read=lambda answer: answer, ask=None, row_by_row=False, **words):
    function = getattr(obsnb, name)
    return Call(name, variant, data, ask or (lambda *given: function(*given, **words)), read, row_by_row)


CALLS = [
    _call("attribute", ("spans", SPANS), key="http.route", row_by_row=True),
    _call("backtest_alert", ("requests", SERIES), ask=lambda s: obsnb.backtest_alert(_RATE, s)),
    _call(
        "backtest_alert",
        ("requests", SERIES),
        ("events", EVENTS),
        variant="beside alerts",
        ask=lambda s, e: obsnb.backtest_alert(_RATE, s, alerts=e, window=samples.SERIES_DURING),
    ),
    _call("cache_hit_rates", ("series", SERIES), **_SLOW),
    _call("cache_hit_rates", ("series", SERIES), ("logs", LOGS), variant="of lines too"),
    _call("change_points", ("series", SERIES)),
    _call("clock_skew", ("spans", SPANS)),
    _call("compare_cohorts", ("spans_during", SPANS), ("spans_before", SPANS)),
    _call("contrast", ("spans_during", SPANS), ("spans_before", SPANS), alpha=1.0),
    _call("contrast", ("logs", LOGS), ("waiting_logs", LOGS), variant="of lines"),
    _call("contrast", ("requests", SERIES), ("one_series", SERIES), variant="of series", alpha=1.0),
    _call(
        "correlate_exemplars",
        ("exemplars", EXEMPLARS),
        ("spans", SPANS),
        ("histograms", SERIES),
        row_by_row=True,
    ),
    _call("correlate_logs", ("logs", LOGS), ("spans", SPANS), row_by_row=True),
    _call("critical_path", ("spans", SPANS)),
    _call("database_waits", ("waiting_logs", LOGS)),
    _call("database_waits", ("waiting_logs", LOGS), ("waiting_spans", SPANS), variant="of spans too"),
    _call("debug_sessions", ("debug_logs", LOGS)),
    _call("detection", ("requests", SERIES), ("events", EVENTS), read=lambda answer: answer.rules, **_SLOW),
    _call("error_events", ("waiting_logs", LOGS), ("waiting_spans", SPANS)),
    _call("error_groups", ("waiting_logs", LOGS)),
    _call("error_groups", ("logs", LOGS), ("spans", SPANS), variant="of spans too", **_WINDOWS),
    _call("frontend_events", ("browser_logs", LOGS)),
    _call("frontend_timings", ("browser_events", None)),
    _call("health_snapshots", ("health_logs", LOGS)),
    _call("heat_map", ("histograms", SERIES)),
    _call("heat_map", ("histograms", SERIES), variant="every minute", every="1m"),
    _call("histogram_average", ("native_histograms", SERIES)),
    _call("histogram_count", ("histograms", SERIES)),
    _call("histogram_fraction", ("histograms", SERIES), lower=0.01, upper=0.1),
    _call("histogram_quantile", ("histograms", SERIES), q=0.9),
    _call("histogram_quantile", ("native_histograms", SERIES), q=0.9, variant="of native ones"),
    _call("histogram_sum", ("native_histograms", SERIES)),
    _call("impact", ("series", SERIES), ("parsed_logs", LOGS), **_SLOW),
    _call("memory_differences", ("memory", None)),
    _call("memory_snapshots", ("memory_logs", LOGS)),
    _call("mine_patterns", ("lines", None), row_by_row=True),
    _call("notable_traces", ("spans_during", SPANS)),
    _call("notable_traces", ("spans_during", SPANS), ("spans_before", SPANS), variant="since a baseline"),
    _call("parse_logs", ("logs", LOGS), row_by_row=True),
    _call("patterns", ("logs", LOGS), **_WINDOWS),
    _call("request_counts", ("series", SERIES)),
    _call("self_time", ("spans", SPANS), row_by_row=True),
    _call("series_lag", ("requests", SERIES), ("one_series", SERIES), max_lag="30s"),
    _call("service_graph", ("spans", SPANS)),
    _call("slow_queries", ("spans", SPANS), **_WINDOWS),
    _call("slow_queries", ("spans", SPANS), ("logs", LOGS), variant="of lines too"),
    _call("suspects", ("logs", LOGS), ("spans", SPANS), ("requests", SERIES), ("events", EVENTS), **_WINDOWS),
    _call("timeline", ("events", EVENTS), during=samples.DURING),
    _call("trace_quality", ("waiting_spans", SPANS)),
]
IDS = [call.id for call in CALLS]


def of_schema(schema):
    """The calls that take a frame of that schema."""
    return [call for call in CALLS if any(one is schema for _, one in call.data)]
