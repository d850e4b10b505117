"""Every chart of one text that stands wherever a server or a person could write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.views import charts
from tests.report.made_up import BASELINE, DURING, TRACE, at, series, spans, timeline

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


def every_chart(text: str, mode: Any = "light") -> dict[str, go.Figure]:
    """Name → figure."""
    scene = {**SCENE, "events": timeline(text), "mode": mode, "title": text}
    drawn = series(text)
    return {
        "rates": charts.rates(counter(text), **scene),
        "errors_over_time": charts.errors_over_time(error_events(text), **scene),
        "lines": charts.lines(drawn, unit=text, **scene),
        "durations": charts.durations(spans(text), **scene),
        "log_volume": charts.log_volume(log_lines(text), **scene),
        "log_volume by pattern": charts.log_volume(log_lines(text), by="pattern", **scene),
        "error_groups": charts.error_groups(error_events(text), error_groups(text), **scene),
        "timeline": charts.timeline(timeline(text), **SCENE, mode=mode, title=text),
        "waterfall": charts.waterfall(spans(text), mode=mode, title=text),
    }
