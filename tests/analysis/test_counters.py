"""Counting without extrapolation, and quantiles of buckets."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.counters import increases, quantile_of_buckets


def _counter(values, start=0):
    times = [(start + n) * 10**9 for n in range(len(values))]
    return pl.DataFrame({"timestamp": times, "value": values, "series_id": "a"}).with_columns(
        pl.col("timestamp").cast(pl.Datetime("ns", "UTC")), pl.col("value").cast(pl.Float64)
    )


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.sets(st.integers(1, 29)))
def test_what_was_counted_between_the_samples_comes_back_through_any_resets(steps, resets):
    value, values, counted = 0, [], 0
    for place, step in enumerate(steps):
        # A reset is only seen where the counter ends up below its last sample.
        reset = place in resets and place > 0 and step < value
        value = step if reset else value + step
        counted += step if place > 0 else 0
        values.append(value)
    assert increases(_counter(values))["increase"].sum() == counted


def test_a_counter_born_inside_the_frame_began_at_zero_and_an_old_one_did_not():
    old = _counter([100, 103])
    born = _counter([2, 5], start=1).with_columns(series_id=pl.lit("b"))
    out = (
        increases(pl.concat([old, born]))
        .group_by("series_id")
        .agg(pl.col("increase").sum())
        .sort("series_id")
    )
    assert out["increase"].to_list() == [3.0, 5.0]


def test_nan_samples_are_left_out_rather_than_spoiling_the_sum():
    assert increases(_counter([1.0, float("nan"), 4.0]))["increase"].to_list() == [0.0, 3.0]


def test_pandas_and_pyarrow_give_the_same_numbers():
    frame = _counter([1, 2, 5])
    want = increases(frame)["increase"].to_list()
    assert increases(frame.to_pandas(use_pyarrow_extension_array=True))["increase"].tolist() == want
    assert increases(frame.to_arrow())["increase"].to_pylist() == want


def _buckets(counts):
    bounds = [0.1, 0.5, 1.0, float("inf")]
    cumulative = [sum(counts[: n + 1]) for n in range(4)]
    return pl.DataFrame({"le": bounds, "count": [float(c) for c in cumulative]})


def test_a_quantile_is_interpolated_within_its_bucket_as_promql_does():
    # rank 2 of 4 lies at the end of the second bucket; rank 3 in the middle of the third
    assert quantile_of_buckets(_buckets([0, 2, 2, 0]), 0.5) == 0.5
    assert quantile_of_buckets(_buckets([0, 2, 2, 0]), 0.75) == 0.75
    assert quantile_of_buckets(_buckets([4, 0, 0, 0]), 0.5) == 0.05


def test_a_quantile_in_the_infinite_bucket_is_its_lower_bound_and_none_where_nothing_was_counted():
    assert quantile_of_buckets(_buckets([0, 0, 1, 9]), 0.99) == 1.0
    assert quantile_of_buckets(_buckets([0, 0, 0, 0]), 0.5) is None


@given(
    st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any),
    st.floats(0.01, 0.99),
    st.floats(0.01, 0.99),
)
def test_a_higher_quantile_is_never_lower(counts, one, other):
    low, high = sorted((one, other))
    above = quantile_of_buckets(_buckets(counts), high)
    assert quantile_of_buckets(_buckets(counts), low) <= above + 1e-9
