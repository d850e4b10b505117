"""Points that were not asked for are left out, and said."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from obsnb.schema import dtype
from obsnb.sources.points import asked_for, once
from obsnb.timerange import TimeRange

WINDOW = TimeRange(100, 200)


def frame_of(points):
    return pl.DataFrame(
        points, schema={"series_id": pl.String, "timestamp": pl.Int64, "value": pl.Int64}, orient="row"
    ).with_columns(pl.col("timestamp").cast(dtype("time")))


def points_of(frame):
    return frame.with_columns(pl.col("timestamp").to_physical()).rows()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(90, 210)), unique=True))
def test_what_comes_on_the_grid_in_the_window_in_order_stays_as_it_is(places):
    points = [(name, at // 10 * 10, at) for name, at in sorted(places)]
    points = [
        point for number, point in enumerate(points) if point[:2] not in [p[:2] for p in points[:number]]
    ]
    frame = frame_of([point for point in points if point[1] in WINDOW])
    kept, said = asked_for(frame, WINDOW, step_ns=10)
    assert kept is frame
    assert said == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(90, 210), st.integers(0, 9))))
def test_of_anything_else_the_first_point_of_each_time_that_was_asked_for_stays_and_the_rest_is_counted(
    points,
):
    points = sorted(points, key=lambda point: point[0])  # a series after another, as decoders give them
    kept, said = asked_for(frame_of(points), WINDOW, step_ns=10)
    first = {}
    for name, at, value in points:
        if at in WINDOW and at % 10 == 0:
            first.setdefault((name, at), value)
    assert points_of(kept) == [(*place, first[place]) for place in sorted(first)]
    asked = sum(at in WINDOW and at % 10 == 0 for _, at, _ in points)
    elsewhere, again = len(points) - asked, asked - len(first)
    words = [f"{elsewhere:,} points of other times than were asked for came as well"] if elsewhere else []
    words += [f"{again:,} points came again, of the same series and time"] if again else []
    assert said == words


def test_points_of_one_time_in_two_series_are_no_repeats():
    frame = frame_of([("a", 100, 1), ("b", 100, 1)])
    kept, said = once(frame)
    assert kept is frame
    assert said == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.just(100), st.integers(0, 9))))
def test_a_series_that_an_instant_has_twice_counts_once_in_the_servers_order(points):
    kept, said = asked_for(frame_of(points), WINDOW, step_ns=10, grouped=False)
    first = {name: value for name, _, value in reversed(points)}
    assert points_of(kept) == [(name, 100, first[name]) for name in dict.fromkeys(one[0] for one in points)]
    again = len(points) - len(first)
    assert said == ([f"{again:,} points came again, of the same series and time"] if again else [])
