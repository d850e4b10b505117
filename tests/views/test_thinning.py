from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.views.thinning import thinned

_NS = pl.Datetime("ns", "UTC")


def points(pairs: list[tuple[int, float | None]]) -> pl.DataFrame:
    at, value = zip(*pairs, strict=True)
    return pl.DataFrame(
        {"timestamp": pl.Series(at, dtype=pl.Int64).cast(_NS), "value": pl.Series(value, dtype=pl.Float64)}
    )


PAIRS = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=4 * 10**18),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
    ),
    min_size=1,
    max_size=120,
)


@settings(max_examples=50)
@given(PAIRS, st.integers(min_value=4, max_value=80))
def test_no_stretch_loses_its_first_last_lowest_or_highest(
    pairs: list[tuple[int, float | None]], most: int
) -> None:
    whole = points(pairs)
    found = thinned(whole, most=most)
    assert found.points.height <= max(most, 4)
    assert found.of == len(pairs)
    if not found.width_ns:
        assert found.points.equals(whole.sort("timestamp", maintain_order=True))
        return
    stretch = (pl.col("timestamp").to_physical() - min(at for at, _ in pairs)) // found.width_ns
    told = [pl.col("value").min().alias("low"), pl.col("value").max().alias("high")]
    told += [pl.col("timestamp").min().alias("first"), pl.col("timestamp").max().alias("last")]
    before, after = (
        frame.group_by(stretch.alias("stretch")).agg(told).sort("stretch") for frame in (whole, found.points)
    )
    assert before.equals(after)


@settings(max_examples=50)
@given(PAIRS)
def test_points_stay_points_of_the_series_in_the_order_of_time(pairs: list[tuple[int, float | None]]) -> None:
    found = thinned(points(pairs), most=8).points
    assert set(found.rows()) <= set(points(pairs).rows())
    assert found["timestamp"].is_sorted()


def test_a_short_series_is_left_alone_and_nothing_is_said() -> None:
    found = thinned(points([(2, 1.0), (1, None)]), most=4)
    assert found.points["timestamp"].to_physical().to_list() == [1, 2]
    assert found.note == ""


def test_what_was_thinned_is_said() -> None:
    found = thinned(points([(n * 10**9, float(n % 7)) for n in range(10_000)]), most=100)
    assert found.note == "93 of 10,000 points: the first, lowest, highest and last of every 6 min 40 s"


def test_a_stretch_without_values_stays_a_gap() -> None:
    found = thinned(points([(n, None if 40 <= n < 60 else 1.0) for n in range(100)]), most=40)
    inside = found.points.filter(pl.col("timestamp").to_physical().is_between(40, 59))
    assert inside.height > 0
    assert inside["value"].null_count() == inside.height
