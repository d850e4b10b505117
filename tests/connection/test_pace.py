"""How long the slices of a download are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.connection.pace import Pace, Size, Watch
from obsnb.errors import LimitError
from obsnb.timerange import TimeRange

WANTED = Size(100, 1_000)
WINDOW = TimeRange(0, 64_000)


def test_nothing_is_known_of_a_window_and_its_first_slice_is_a_small_part() -> None:
    assert Pace(WINDOW, unit_ns=1, wanted=WANTED).next(WINDOW) == TimeRange(0, 1_000)


def test_a_slice_is_as_much_longer_as_the_one_before_held_less_but_eight_times_at_most() -> None:
    pace = Pace(WINDOW, unit_ns=1, wanted=WANTED)
    pace.came(TimeRange(0, 1_000), Size(50, 10))
    assert pace.next(TimeRange(1_000, 64_000)) == TimeRange(1_000, 3_000)
    pace.came(TimeRange(1_000, 3_000), Size(0, 0))
    assert pace.next(TimeRange(3_000, 64_000)) == TimeRange(3_000, 19_000)


def test_rows_or_bytes_count_whichever_is_more() -> None:
    pace = Pace(WINDOW, unit_ns=1, wanted=WANTED)
    pace.came(TimeRange(0, 1_000), Size(1, 4_000))
    assert pace.next(WINDOW).duration_ns == 250


def test_what_held_too_much_is_followed_by_an_eighth_but_not_below_the_unit() -> None:
    pace = Pace(WINDOW, unit_ns=100, wanted=WANTED)
    assert pace.shorter(TimeRange(0, 1_600))
    assert pace.next(WINDOW).duration_ns == 200
    assert pace.shorter(TimeRange(0, 200))
    assert pace.next(WINDOW).duration_ns == 100
    assert not pace.shorter(TimeRange(0, 100))


@given(
    start=st.integers(0, 5_000),
    length=st.integers(1, 60_000),
    unit=st.integers(1, 3_000),
    came=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 5_000), st.booleans()), min_size=1),
)
def test_slices_follow_one_another_to_the_end_and_lie_on_the_unit(
    start: int, length: int, unit: int, came: list[tuple[int, int, bool]]
) -> None:
    window = TimeRange(start, start + length)
    pace, at, turn = Pace(window, unit_ns=unit, wanted=WANTED), window.start_ns, 0
    while at < window.end_ns:
        piece = pace.next(TimeRange(at, window.end_ns))
        assert piece.start_ns == at
        assert piece.end_ns == window.end_ns or piece.end_ns % unit == 0
        rows, size, too_much = came[turn % len(came)]
        turn += 1
        if too_much and turn % 3 == 0 and pace.shorter(piece):
            continue
        pace.came(piece, Size(rows, size))
        at = piece.end_ns
    assert at == window.end_ns


def test_an_archive_gives_all_at_once() -> None:
    assert Pace(WINDOW, unit_ns=1, wanted=None).next(WINDOW) == WINDOW


def test_a_slice_that_outgrows_its_bound_is_stopped_unless_it_has_ended() -> None:
    told: list[tuple[float, Size]] = []
    watch = Watch(lambda done, size: told.append((done, size)), most=WANTED)
    watch.update(done=0.5, rows=100, bytes=1_000)
    watch.update(done=1.0, rows=101, bytes=1_000)
    with pytest.raises(LimitError) as caught:
        watch.update(done=0.5, rows=101, bytes=0)
    assert str(caught.value) == "The slice holds more than a download takes at once."
    assert told == [(0.5, Size(100, 1_000)), (1.0, Size(101, 1_000))]


def test_a_slice_without_a_bound_may_hold_anything() -> None:
    told: list[Size] = []
    Watch(lambda done, size: told.append(size), most=None).update(done=0.1, rows=10**9, bytes=10**12)
    assert told == [Size(10**9, 10**12)]
