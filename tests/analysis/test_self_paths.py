from __future__ import annotations

import polars as pl

from obsnb.analysis.self_paths import self_time_by_path
from obsnb.analysis.traces import self_time
from tests.report.made_up import CHILD, ROOT, spans


def two_traces() -> pl.DataFrame:
    return pl.concat([spans("shop"), spans("shop").with_columns(trace_id=pl.lit("b" * 32))])


def test_one_row_a_path_with_the_self_time_of_all_its_spans() -> None:
    paths = self_time_by_path(two_traces())
    assert paths.select("depth", "parent_id", "count").rows() == [(0, None, 2), (1, 0, 2)]
    ms = pl.col("self_time", "total").dt.total_milliseconds()
    assert paths.select(ms).rows() == [(200, 4_000), (3_800, 3_800)]


def test_self_times_add_up_to_those_of_the_spans() -> None:
    frame = two_traces()
    assert self_time_by_path(frame)["self_time"].sum() == self_time(frame)["self_time"].sum()


def test_spans_that_are_each_others_ancestors_are_roots() -> None:
    looped = spans("shop").with_columns(parent_span_id=pl.Series([CHILD, ROOT]))
    paths = self_time_by_path(looped)
    assert paths["parent_id"].null_count() == paths.height > 0


def test_no_span_is_no_path() -> None:
    assert self_time_by_path(spans("shop").clear()).is_empty()
