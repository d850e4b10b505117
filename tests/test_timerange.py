"""Windows: aware, half open, to the nanosecond."""

import itertools
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb import timerange
from obsnb.errors import WindowError
from obsnb.instants import format_ns, parse_duration, parse_instant, told_ns
from obsnb.timerange import TimeRange, window

_NS = st.integers(min_value=0, max_value=4_000_000_000_000_000_000)


@given(_NS)
def test_a_written_instant_reads_back_to_the_same_nanosecond(ns):
    assert parse_instant(format_ns(ns)) == ns


@given(_NS, _NS)
def test_a_told_moment_names_its_day_wherever_the_moments_beside_it_do_not_say_it(ns, beside):
    day, clock = format_ns(ns)[:19].split("T")
    same = format_ns(beside).startswith(day)
    assert told_ns(ns, beside) == (clock if same else f"{day} {clock}")
    assert told_ns(ns, ns) == clock
    assert told_ns(ns) == told_ns(ns, ns, ns - 86_400 * 10**9) == f"{day} {clock}"


@given(_NS, st.integers(-14 * 60, 14 * 60))
def test_the_zone_a_moment_is_written_in_does_not_change_it(ns, minutes):
    moment = datetime.fromtimestamp(ns // 10**9, tz=timezone(timedelta(minutes=minutes)))
    assert parse_instant(moment) == ns // 10**9 * 10**9
    assert parse_instant(moment.isoformat()) == ns // 10**9 * 10**9


def test_a_pandas_timestamp_keeps_its_nanoseconds():
    assert parse_instant(pd.Timestamp(1_795_457_599_000_000_123, tz="UTC")) == 1_795_457_599_000_000_123


@given(_NS, st.integers(1, 10**15), st.integers(1, 10**14))
def test_splitting_a_window_leaves_no_gap_and_no_overlap(start, length, size):
    whole = TimeRange(start, start + length)
    if length // size > 1_000:
        size = length // 1_000
    parts = list(whole.split(size))
    assert parts[0].start_ns == whole.start_ns
    assert parts[-1].end_ns == whole.end_ns
    assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(parts))
    assert all(part.duration_ns <= size for part in parts)


@given(_NS, st.integers(1, 10**13), st.integers(1, 10**12))
def test_the_grid_of_a_step_lies_on_its_multiples_inside_the_window(start, length, step):
    step = max(step, length // 1_000 + 1)
    grid = TimeRange(start, start + length).grid(step)
    assert all(point % step == 0 and start <= point < start + length for point in grid)
    assert len(grid) == len([p for p in range(start - start % step, start + length, step) if p >= start])


def test_the_start_is_inside_and_the_end_is_not():
    whole = window("2026-11-23T18:00Z", "2026-11-23T19:00Z")
    assert whole.start_ns in whole
    assert whole.end_ns not in whole
    assert whole.end_ns - 1 in whole


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: window("2026-11-23T19:00Z", "2026-11-23T18:00Z"),
            "The window ends (2026-11-23T18:00:00Z) before it has begun (2026-11-23T19:00:00Z).\n"
            "Hint: Its start comes first, and its end is later than its start.",
        ),
        (
            lambda: window("2026-11-23T19:00", "2026-11-23T20:00"),
            "'2026-11-23T19:00' has no time zone.\n"
            'Hint: Add one ("2026-11-23T18:00Z", or "+01:00"), or pass tz="Europe/Berlin".',
        ),
        (
            lambda: window(datetime(2026, 11, 23), datetime(2026, 11, 24)),  # noqa: DTZ001 - naive is the point
            "'2026-11-23 00:00:00' has no time zone.\n"
            'Hint: Add one ("2026-11-23T18:00Z", or "+01:00"), or pass tz="Europe/Berlin".',
        ),
        (
            lambda: window(1795457599000, 1795457600000),
            "1795457599000 is not a point in time: a bare int does not say its unit.\n"
            'Hint: Write ISO 8601 with a zone, such as "2026-11-23T18:00Z", or pass an aware datetime.',
        ),
        (
            lambda: window("yesterday"),
            "'yesterday' is not a point in time.\n"
            'Hint: Write ISO 8601 with a zone, such as "2026-11-23T18:00Z".',
        ),
        (
            lambda: window("2026-11-23T18:00", last="2h"),
            "A window is given in one way: start (and end), or last=, or around=.\n"
            'Hint: Write window("2026-11-23T18:00Z", "2026-11-23T19:00Z"), window(last="2h") '
            'or window(around="2026-11-23T18:30Z", margin="15m").',
        ),
        (
            lambda: window(last="two hours"),
            '\'two hours\' is not a duration.\nHint: Write it as "15s" or "1h30m".',
        ),
        (
            lambda: window("2026-11-23T18:00", "2026-11-23T19:00", tz="Mars/Olympus"),
            "'Mars/Olympus' is not a time zone that this machine knows.\n"
            'Hint: Use a name of the IANA database, such as "Europe/Berlin", or "UTC".',
        ),
        (
            lambda: window("2026-11-31T18:00Z", "2026-12-01T19:00Z"),
            "'2026-11-31T18:00Z' is not a point in time: day is out of range for month.",
        ),
        (
            lambda: window("2026-11-23T18:00Z", "2026-11-23T19:00+01:00"),
            "The window is empty: it begins and ends at 2026-11-23T18:00:00Z.\n"
            "Hint: Its start comes first, and its end is later than its start.",
        ),
        (
            lambda: window("2026-03-29T02:30", "2026-03-29T04:00", tz="Europe/Berlin"),
            "'2026-03-29T02:30' is not there in Europe/Berlin: clocks skip it.\n"
            "Hint: Write the offset that is meant: +0100 or +0200.",
        ),
        (
            lambda: window(
                pd.Timestamp("2026-10-25 02:30"), "2026-10-25T04:00", tz=ZoneInfo("Europe/Berlin")
            ),
            "'2026-10-25 02:30:00' is there twice in Europe/Berlin: clocks go back to it.\n"
            "Hint: Write the offset that is meant: +0200 or +0100.",
        ),
        (
            lambda: window(pd.NaT, "2026-11-23T19:00Z", tz="UTC"),
            "'NaT' is not a point in time.\nHint: Write ISO 8601 with a zone, such as \"2026-11-23T18:00Z\".",
        ),
        (
            lambda: window("0001-01-01T00:00+14:00"),
            "'0001-01-01T00:00+14:00' is beyond the calendar.",
        ),
        (
            lambda: window("2262-04-12T00:00Z"),
            "'2262-04-12T00:00Z' is out of the years 1677 to 2262, which nanoseconds can count.",
        ),
        (
            lambda: window(last="999999w"),
            "The window reaches out of the years 1677 to 2262, which nanoseconds can count.",
        ),
        (
            lambda: window(last=float("nan")),
            'nan is not a duration.\nHint: Write it as "15s" or "1h30m".',
        ),
        (
            lambda: TimeRange("2026-11-23T18:00Z", "2026-11-23T19:00Z"),
            "A TimeRange has its ends in nanoseconds since the epoch, and '2026-11-23T18:00Z' is not that.\n"
            "Hint: obsnb.window(start, end) makes one from datetimes and from texts.",
        ),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused_in_words(call, words):
    with pytest.raises(WindowError) as caught:
        call()
    assert str(caught.value) == words


def test_a_zone_names_the_moments_that_have_none():
    berlin = window("2026-11-23T19:00", "2026-11-23T20:00", tz="Europe/Berlin")
    assert berlin == window("2026-11-23T18:00Z", "2026-11-23T19:00Z")


@pytest.mark.parametrize("day", ["2026-11-23", date(2026, 11, 23), np.datetime64("2026-11-23", "ns")])
def test_a_day_is_one_of_the_zone_that_is_told(day):
    berlin = window(day, "2026-11-24", tz=ZoneInfo("Europe/Berlin"))
    assert berlin == window("2026-11-22T23:00Z", "2026-11-23T23:00Z")


def test_a_day_whose_midnight_clocks_skip_begins_when_it_begins():
    short = window("2026-09-06", "2026-09-07", tz="America/Santiago")
    assert short == window("2026-09-06T04:00Z", "2026-09-07T03:00Z")


def test_numbers_of_numpy_are_nanoseconds_as_well_and_a_datetime_can_be_looked_for_in_a_window():
    whole = TimeRange(np.int64(0), np.int64(10**9))
    assert type(whole.start_ns) is int
    assert np.int64(5) in whole
    assert datetime(1970, 1, 1, tzinfo=UTC) in whole
    assert datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) not in whole


def test_a_window_is_widened_as_far_as_nanoseconds_can_count():
    late = TimeRange(2**63 - 5, 2**63)
    assert late.widen("1h") == TimeRange(2**63 - 5 - 3_600 * 10**9, 2**63)


def test_a_last_window_ends_at_the_clock(monkeypatch):
    monkeypatch.setattr(timerange, "now_ns", lambda: 10**18)
    assert window(last="90s") == TimeRange(10**18 - 90 * 10**9, 10**18)
    assert window("2001-01-01T00:00Z").end_ns == 10**18


def test_durations_are_read_as_prometheus_writes_them():
    assert parse_duration("1h30m") == 5_400 * 10**9
    assert parse_duration("1.5s") == 1_500_000_000
    assert parse_duration(timedelta(milliseconds=3)) == 3_000_000
    assert parse_duration(15) == 15 * 10**9


def test_datetimes_are_aware():
    whole = window("2026-11-23T18:00Z", "2026-11-23T19:00Z")
    assert whole.start == datetime(2026, 11, 23, 18, tzinfo=UTC)
    assert whole.end.tzinfo is UTC


@given(_NS, st.integers(1, 10**12), _NS, st.integers(1, 10**12))
def test_an_overlap_is_what_both_windows_cover(a, a_length, b, b_length):
    one, other = TimeRange(a, a + a_length), TimeRange(b, b + b_length)
    shared = one.overlap(other)
    assert (shared is None) == (one.end_ns <= other.start_ns or other.end_ns <= one.start_ns)
    if shared:
        assert one.covers(shared)
        assert other.covers(shared)
