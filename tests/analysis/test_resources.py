"""What a service uses and holds: told from what it counts, in units, rising or in a step."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.changes import as_levels
from obsnb.analysis.resources import _Moved, _times, role_of
from obsnb.analysis.suspects import suspects
from obsnb.conventions import DEFAULT
from obsnb.query.roles import role_queries
from obsnb.timerange import TimeRange

S = 10**9
_BEFORE, _DURING = TimeRange(0, 120 * S), TimeRange(120 * S, 240 * S)


def _series(metric: str, values: list[float]) -> pl.DataFrame:
    frame = pl.DataFrame({"timestamp": [15 * n * S for n in range(len(values))], "value": values})
    at = pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))
    return frame.with_columns(
        at, pl.lit(metric).alias("metric"), pl.lit("a1").alias("series_id"), pl.lit("api").alias("service")
    )


def _leaking(metric: str) -> pl.DataFrame:
    return _series(metric, [87e6 + 1e5 * n for n in range(8)] + [93e6 + 27e6 * n for n in range(8)])


@pytest.mark.parametrize(
    "metric",
    ["process_resident_memory_bytes", "process.memory.usage", "go_memstats_heap_inuse_bytes", "queue_length"],
)
def test_what_is_held_is_a_gauge_however_steadily_it_rises(metric: str) -> None:
    levels = as_levels(_leaking(metric), ["series_id"])
    assert levels["counter"].to_list() == [False] * 16
    assert levels["level"].to_list() == _leaking(metric)["value"].to_list()


@pytest.mark.parametrize("metric", ["go_memstats_alloc_bytes_total", "requests_received", "pool_size_count"])
def test_what_only_rises_under_another_name_or_a_counters_is_looked_at_as_a_rate(metric: str) -> None:
    assert as_levels(_leaking(metric), ["series_id"])["counter"].all()


def test_a_leak_is_a_resources_change_in_its_own_unit() -> None:
    first = suspects(series=_leaking("process_resident_memory_bytes"), during=_DURING, baseline=_BEFORE)
    row = first.row(0, named=True)
    assert (row["service"], row["cause_kind"]) == ("api", "resource")
    assert row["cause"].startswith("process_resident_memory_bytes of api went from 87.3 MB to 214 MB (")


def test_a_counter_that_runs_faster_says_that_it_is_a_rate() -> None:
    values = [0.75 * n for n in range(9)] + [6 + 13.5 * n for n in range(1, 8)]
    frame = _series("process_cpu_seconds_total", values)
    row = suspects(series=frame, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert row["cause"].startswith("process_cpu_seconds_total of api went from 0.05 to 0.9 s a second (")


def test_a_pools_metric_counts_how_many_times_it_grew_and_not_where_it_stops() -> None:
    grown = _times(_moved(before=0.2, during=1.0)), _times(_moved(before=0.0, during=1.0))
    assert grown == (5.0, math.inf)
    assert _times(_moved(before=0.2, during=math.nan)) is None


def _moved(*, before: float, during: float) -> _Moved:
    return _Moved("api", "pool_pending", None, before, during, 9.0, 0.9, 0, counter=False)


@pytest.mark.parametrize(
    "histogram", ["frontend_operation_duration_seconds", "db_client_operation_duration_seconds"]
)
def test_a_histogram_of_pages_or_of_statements_tells_that_something_became_slower(histogram: str) -> None:
    quick = [10.0 * n for n in range(9)]
    slow = [0.0] * 8 + [10.0 * n for n in range(8)]
    bounds = {
        "0.1": [*quick, *[80.0] * 7],
        "2": [a + b for a, b in zip([*quick, *[80.0] * 7], slow, strict=True)],
    }
    frame = pl.concat(
        _series(f"{histogram}_bucket", values).with_columns(
            pl.lit(bound).alias("le"), pl.lit(bound).alias("series_id")
        )
        for bound, values in bounds.items()
    )
    row = suspects(series=frame, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert row["service"] == "api"
    assert row["reasons"] == [
        f"The latency ({histogram}_bucket, geometric mean) of api went from 50 ms to 1 s."
    ]
    asked = role_queries({}, DEFAULT)
    selected = " ".join(asked[role].query for role in ("requests.duration", "database.duration"))
    assert f"{histogram}_bucket" in selected


def test_of_a_histogram_of_waits_the_sum_is_looked_at_and_no_bucket() -> None:
    roles = [role_of(f"db_client_connection_wait_time_seconds_{part}") for part in ("sum", "bucket")]
    assert roles == ["waits", "other"]


@given(st.floats(1e3, 1e9), st.integers(0, 5))
def test_a_drift_that_goes_on_as_it_was_is_no_change(slope: float, start: int) -> None:
    frame = _series("process_resident_memory_bytes", [1e8 + slope * (n + start) for n in range(16)])
    found = suspects(series=frame, during=_DURING, baseline=_BEFORE)
    assert found["score"].max() is None or found["score"].max() < 0.3


def _pods(leaking: set[str], **further: str) -> pl.DataFrame:
    """Six pods of one service, some of which leak."""
    parts = []
    for name in ("api-a", "api-b", "api-c", "api-d", "api-e", "api-f"):
        metric = "process_resident_memory_bytes"
        steady = _series(metric, [87e6 + 1e5 * (n % 3) for n in range(16)])
        frame = _leaking(metric) if name in leaking else steady
        parts.append(frame.with_columns(series_id=pl.lit(name), pod=pl.lit(name), **_lits(further)))
    return pl.concat(parts)


def _lits(values: dict[str, str]) -> dict[str, pl.Expr]:
    return {name: pl.lit(value) for name, value in values.items()}


def test_the_one_pod_whose_memory_grew_is_named_in_the_sentence_and_as_the_place() -> None:
    out = suspects(series=_pods({"api-c"}, namespace="prod"), during=_DURING, baseline=_BEFORE)
    row = out.row(0, named=True)
    assert row["within"] == "pod=api-c"
    assert row["cause"].startswith("process_resident_memory_bytes of api (pod=api-c) went from 87.3 MB to ")


def test_what_every_pod_does_is_limited_to_none() -> None:
    every = {"api-a", "api-b", "api-c", "api-d", "api-e", "api-f"}
    quiet = _pods(every).with_columns(service=pl.lit("api"))
    assert suspects(series=quiet, during=_DURING, baseline=_BEFORE)["within"].to_list() == [None]
