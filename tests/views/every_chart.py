"""Every chart of one text that stands wherever a server or a person could write."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.traces import self_time
from obsnb.views import charts
from tests.report.made_up import (
    BASELINE,
    DURING,
    TRACE,
    at,
    series,
    service_graph,
    slow_queries,
    spans,
    suspects,
    timeline,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go

SCENE: dict[str, Any] = {"during": DURING, "baseline": BASELINE, "tz": "UTC"}


def counter(name: str, per_minute: int = 60) -> pl.DataFrame:
    """A counter that grows evenly for an hour, scraped every 15 s on the quarter minutes."""
    steps = range(241)
    return pl.DataFrame(
        {
            "timestamp": at(*(1 + 15 * step for step in steps)),
            "metric": ["requests_total"] * 241,
            "series_id": [name] * 241,
            "service": [name] * 241,
            "value": [per_minute * step / 4 for step in steps],
        }
    )


def log_lines(text: str) -> pl.DataFrame:
    """Forty lines of one text, every other of level error."""
    places = range(40)
    return pl.DataFrame(
        {
            "timestamp": at(*(60 * place for place in places)),
            "service": [text] * 40,
            "level": ["error" if place % 2 else text for place in places],
            "line": [text] * 40,
        }
    )


def error_events(text: str) -> pl.DataFrame:
    """Thirty requests that met one of two errors."""
    places = range(30)
    return pl.DataFrame(
        {
            "timestamp": at(*(1_440 + 40 * place for place in places)),
            "group_id": ["a" if place % 3 else "b" for place in places],
            "type": [text] * 30,
            "message": [text] * 30,
            "service": [text] * 30,
            "trace_id": [TRACE] * 30,
        }
    )


def error_groups(text: str) -> pl.DataFrame:
    """What is known of these two."""
    return pl.DataFrame(
        {"group_id": ["a", "b"], "is_new": [True, None], "passed_on": [False, True], "message": [text] * 2}
    )


def buckets(
    name: str, *, bounds: tuple[float, ...] = (0.1, 1.0), metric: str = "http_request_duration_seconds"
) -> pl.DataFrame:
    """A classic latency histogram: a request a minute in the first bucket, two in the second, ..."""
    minutes, les = range(30), [*(str(bound) for bound in bounds), "+Inf"]
    return pl.DataFrame(
        [
            {
                "timestamp": int(moment),
                "metric": f"{metric}_bucket",
                "series_id": f"{name} {le}",
                "service": name,
                "le": le,
                "value": float(minute * sum(range(1, place + 2))),
            }
            for minute, moment in enumerate(at(*(1 + 60 * minute for minute in minutes)).to_physical())
            for place, le in enumerate(les)
        ]
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))


def buckets_and_counters(text: str) -> pl.DataFrame:
    """The histogram, and counters of requests that went well and that failed."""
    counters = [
        counter(text, 60).with_columns(
            metric=pl.lit("http_requests_total"), status_code=pl.lit(status), series_id=pl.lit(status)
        )
        for status in ("200", "500")
    ]
    return pl.concat([buckets(text), *counters], how="diagonal")


def exemplars(text: str) -> pl.DataFrame:
    """Three requests, one slower than any bucket."""
    return pl.DataFrame(
        {"timestamp": at(60, 90, 120), "value": [0.05, 0.5, 7.0], "trace_id": [TRACE, "b" * 32, text]}
    )


def findings(text: str) -> pl.DataFrame:
    """Two values, one of them new, and a number that shifted."""
    return pl.DataFrame(
        {
            "column": [text] * 3,
            "value": [text, text, None],
            "share": [0.9, 0.2, None],
            "baseline_share": [0.1, None, None],
            "median": [None, None, 4.0],
            "baseline_median": [None, None, 0.5],
        }
    )


_DRAWN: dict[str, Callable[[str, Any, Any], go.Figure]] = {
    "rates": lambda text, scene, _: charts.rates(counter(text), **scene),
    "errors_over_time": lambda text, scene, _: charts.errors_over_time(error_events(text), **scene),
    "lines": lambda text, scene, _: charts.lines(series(text), unit=text, **scene),
    "durations": lambda text, scene, _: charts.durations(spans(text), **scene),
    "log_volume": lambda text, scene, _: charts.log_volume(log_lines(text), **scene),
    "log_volume by pattern": lambda text, scene, _: charts.log_volume(log_lines(text), by="pattern", **scene),
    "error_groups": lambda text, scene, _: charts.error_groups(
        error_events(text), error_groups(text), **scene
    ),
    "timeline": lambda text, _, look: charts.timeline(timeline(text), **SCENE, **look),
    "requests": lambda text, scene, _: charts.requests(buckets_and_counters(text), **scene),
    "latency_heatmap": lambda text, scene, _: charts.latency_heatmap(buckets(text), exemplars(text), **scene),
    "slow_queries": lambda text, _, look: charts.slow_queries(slow_queries(text), **look),
    "service_graph": lambda text, _, look: charts.service_graph(
        service_graph(text).with_columns(caller=pl.lit("other")), suspects(text), **look
    ),
    "flame": lambda text, _, look: charts.flame(spans(text), **look),
    "cohorts": lambda text, _, look: charts.cohorts(
        self_time(spans(text)), self_time(spans("other")), **look
    ),
    "contrast": lambda text, _, look: charts.contrast(findings(text), **look),
    "waterfall": lambda text, _, look: charts.waterfall(spans(text), **look),
}
#: Their names, for whom they need not be drawn.
CHARTS = tuple(_DRAWN)


@cache
def every_chart(text: str, mode: Any = "light") -> dict[str, go.Figure]:
    """Name → figure."""
    look = {"mode": mode, "title": text}
    scene = {**SCENE, "events": timeline(text), **look}
    return {name: draw(text, scene, look) for name, draw in _DRAWN.items()}
