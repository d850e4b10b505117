"""Public analysis functions that take one frame, on frames that hold nothing or hardly anything."""

import polars as pl
import pytest

import obsnb
from obsnb.schema import LOGS, SERIES, SPANS

_ALONE = {
    "cache_hit_rates": SERIES,
    "change_points": SERIES,
    "clock_skew": SPANS,
    "critical_path": SPANS,
    "debug_sessions": LOGS,
    "error_events": LOGS,
    "error_groups": LOGS,
    "frontend_events": LOGS,
    "health_snapshots": LOGS,
    "memory_snapshots": LOGS,
    "notable_traces": SPANS,
    "parse_logs": LOGS,
    "patterns": LOGS,
    "database_waits": LOGS,
    "request_counts": SERIES,
    "self_time": SPANS,
    "service_graph": SPANS,
    "slow_queries": SPANS,
    "trace_quality": SPANS,
}


def _nulls(schema, rows):
    return pl.DataFrame(
        {name: pl.Series([None] * rows, dtype=kind) for name, kind in schema.dtypes().items()}
    )


@pytest.mark.parametrize("rows", [0, 1, 3], ids=["empty", "one row of nulls", "all nulls"])
@pytest.mark.parametrize("name", _ALONE)
def test_nothing_in_gives_a_frame_of_the_same_columns_out(name, rows):
    asks, schema = getattr(obsnb, name), _ALONE[name]
    given = _nulls(schema, rows)
    out = asks(given)
    assert isinstance(out, pl.DataFrame)
    assert out.columns[:3] == asks(_nulls(schema, 0)).columns[:3]
    assert given.equals(_nulls(schema, rows))


@pytest.mark.parametrize("name", _ALONE)
def test_a_lazy_frame_that_is_empty_is_taken_as_well(name):
    asks, schema = getattr(obsnb, name), _ALONE[name]
    assert asks(schema.empty().lazy()).schema == asks(schema.empty()).schema
