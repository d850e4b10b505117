from __future__ import annotations

import math

import polars as pl
import pytest

from obsnb.analysis.latency_grid import latency_grid
from obsnb.errors import FrameError
from obsnb.schema import dtype
from tests.views.every_chart import buckets

_METRIC = "http_request_duration_seconds"


def native(*samples: list[tuple[float, float, float]], metric: str = _METRIC) -> pl.DataFrame:
    """A native histogram, a sample a minute: each its cumulative buckets (lower, upper, count)."""
    return pl.DataFrame(
        {
            "timestamp": [60 * 10**9 * (place + 1) for place in range(len(samples))],
            "metric": metric,
            "series_id": "n",
            "service": "shop",
            "value": None,
            "histogram": [
                {
                    "count": sum(count for *_, count in sample),
                    "sum": 0.0,
                    "buckets": [
                        {"boundaries": 0, "lower": float(low), "upper": float(high), "count": count}
                        for low, high, count in sample
                    ],
                }
                for sample in samples
            ],
        },
        schema={
            "timestamp": pl.Int64,
            "metric": pl.String,
            "series_id": pl.String,
            "service": pl.String,
            "value": pl.Float64,
            "histogram": dtype("histogram"),
        },
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))


def totals(grid: pl.DataFrame) -> dict[tuple[float, float], float]:
    sums = grid.group_by("lower", "upper").agg(pl.col("count").sum())
    return {(round(low, 6), round(high, 6)): count for low, high, count in sums.iter_rows()}


def test_classic_buckets_are_the_differences_between_their_bounds() -> None:
    grid = latency_grid(buckets("shop"))
    assert totals(grid) == {(0.0, 0.1): 29.0, (0.1, 1.0): 58.0, (1.0, math.inf): 87.0}
    assert grid["timestamp"].dt.second().unique().to_list() == [0]


def test_services_of_one_layout_are_summed() -> None:
    both = pl.concat([buckets("shop"), buckets("search")])
    assert totals(latency_grid(both.to_pandas()).pipe(pl.from_pandas))[0.0, 0.1] == 58.0


def test_native_buckets_count_what_came_since_the_sample_before() -> None:
    grid = latency_grid(native([(1, 2, 5.0)], [(1, 2, 7.0), (2, 4, 3.0)], [(1, 2, 7.0), (2, 4, 4.0)]))
    assert totals(grid) == {(1.0, 2.0): 2.0, (2.0, 4.0): 4.0}


def test_a_native_histogram_that_was_reset_counts_from_zero() -> None:
    assert totals(latency_grid(native([(1, 2, 50.0)], [(1, 2, 3.0)]))) == {(1.0, 2.0): 3.0}


def test_a_server_that_halves_its_resolution_midway_loses_and_invents_nothing() -> None:
    root = math.sqrt(2)
    fine, coarse = [(1, root, 4.0), (root, 2, 6.0)], [(1.0, 2.0, 15.0)]
    assert totals(latency_grid(native(fine, coarse))) == {(1.0, 2.0): 5.0}


def test_a_fine_schema_is_merged_to_at_most_64_rows_and_keeps_its_counts() -> None:
    step = 2 ** (1 / 64)
    fine = [(step**place, step ** (place + 1), 1.0) for place in range(640)]
    none = [(low, high, 0.0) for low, high, _ in fine]
    grid = latency_grid(native(none, fine))
    assert grid.height <= 64
    assert grid["count"].sum() == 640


def test_the_bucket_around_zero_reaches_to_the_first_of_the_others() -> None:
    grid = latency_grid(native([(1, 2, 0.0)], [(-1e-9, 1e-9, 2.0), (1, 2, 1.0)]))
    assert totals(grid) == {(0.0, 1.0): 2.0, (1.0, 2.0): 1.0}


def test_of_a_service_with_both_kinds_the_native_one_is_counted() -> None:
    both = pl.concat([buckets("shop"), native([(1, 2, 0.0)], [(1, 2, 9.0)])], how="diagonal")
    assert totals(latency_grid(both)) == {(1.0, 2.0): 9.0}


def test_a_frame_of_something_else_is_an_empty_grid_and_one_without_its_columns_an_error() -> None:
    assert latency_grid(buckets("shop", metric="something")).is_empty()
    with pytest.raises(FrameError, match="latency_grid needs the columns timestamp, metric, value of SERIES"):
        latency_grid(pl.DataFrame({"a": [1]}))
