"""How much more a service is asked, by its counters."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.noticed import load_changes
from obsnb.analysis.service_names import Names
from obsnb.timerange import TimeRange

S = 10**9


def _counter(service: str, rates: list[float], *, every: int, first: int = 0) -> pl.DataFrame:
    """A request counter that is scraped, at a rate that each of its samples ends."""
    moments = [first + every * n for n in range(len(rates))]
    values = [sum(rates[: n + 1]) * every for n in range(len(rates))]
    frame = pl.DataFrame({"timestamp": moments, "value": values}, schema_overrides={"value": pl.Float64})
    return frame.with_columns(
        (pl.col("timestamp") * S).cast(pl.Datetime("ns", "UTC")),
        metric=pl.lit("http_requests_total"),
        series_id=pl.lit(service),
        service=pl.lit(service),
    )


@given(
    every=st.sampled_from([5, 10, 15, 30]),
    first=st.integers(0, 29),
    rate=st.floats(0.5, 500),
    minutes=st.integers(1, 20),
)
def test_a_steady_rate_is_the_same_load_however_short_the_baseline_and_wherever_the_scrapes_lie(
    every: int, first: int, rate: float, minutes: int
) -> None:
    baseline, during = TimeRange(0, 60 * S), TimeRange(60 * S, (60 + 60 * minutes) * S)
    frame = _counter("api", [rate] * ((60 + 60 * minutes - first) // every), every=every, first=first)
    found = load_changes(frame, Names({"api": "api"}, {}), during=during, baseline=baseline)
    if found:  # else the baseline has one sample only, of which no rate is known
        assert found["api"] == pytest.approx(1.0)


def test_twice_the_requests_are_twice_the_load() -> None:
    frame = _counter("api", [10.0] * 5 + [20.0] * 20, every=15)
    during, baseline = TimeRange(60 * S, 360 * S), TimeRange(0, 60 * S)
    assert load_changes(frame, Names({"api": "api"}, {}), during=during, baseline=baseline) == {
        "api": pytest.approx(2.0)
    }
