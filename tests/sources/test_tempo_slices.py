"""What to ask next: pure rules, without a server."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.sources.tempo_slices import ALL, Candidate, Slice, narrower, roomier, smaller, spread
from obsnb.sources.wire.tempo_json import FoundSpan, FoundTrace, read_search
from obsnb.timerange import TimeRange

SECOND = 10**9


def found(trace_id, matched, *durations, start_s=0):
    """A trace as a search shows it."""
    spans = b",".join(b'{"spanID":"%d","durationNanos":"%d"}' % (n, d) for n, d in enumerate(durations))
    told = b'{"traceID":"%s","startTimeUnixNano":"%d","spanSets":[{"spans":[%s],"matched":%d}]}'
    (one,) = read_search(b'{"traces":[%s]}' % (told % (trace_id.encode(), start_s * SECOND, spans, matched)))
    return one


@given(start=st.integers(0, 100), seconds=st.integers(1, 500), count=st.integers(1, 70))
def test_parts_of_a_slice_follow_one_another_and_none_is_empty(start, seconds, count):
    parts = Slice(start, start + seconds, 10).parts(count)
    assert parts[0].start_s == start
    assert parts[-1].end_s == start + seconds
    assert all(one.seconds >= 1 for one in parts)
    assert [one.end_s for one in parts[:-1]] == [one.start_s for one in parts[1:]]
    assert len(parts) == min(count, seconds)


def test_a_slice_that_is_full_is_cut_by_how_far_its_newest_traces_reach():
    whole = Slice(0, 3_600, 10)
    newest = [found("a", 1, 5, start_s=3_600 - 36 * number) for number in range(1, 11)]
    assert len(smaller(whole, newest, most=100)) == 15  # 360 s hold ten: the hour holds a hundred
    assert smaller(whole, newest, most=100)[0].limit == 10


def test_a_slice_that_cannot_be_cut_is_asked_for_more_until_the_server_gives_no_more():
    second = Slice(7, 8, 10)
    full = [found("a", 1, 5, start_s=7)] * 10
    assert smaller(second, full, most=25) == [replace(second, limit=25)]
    assert smaller(replace(second, limit=25), full, most=25) == []
    assert roomier(second, most=25) == [replace(second, limit=20)]
    assert roomier(replace(second, limit=25), most=25) == []
    assert len(roomier(Slice(7, 9, 25), most=25)) == 2


def test_a_set_is_whole_when_its_bands_cover_every_duration():
    trace = Candidate("a", 0, SECOND)
    assert not trace.add(found("a", 3, 5), ALL)
    assert trace.cut
    assert trace.add(found("a", 1, 5), (0, 6))
    assert trace.cut
    trace.cover((7, None))
    assert trace.cut  # nothing is known of 6
    trace.cover((6, 7))
    assert not trace.cut


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_answer_that_left_spans_out_counts_whichever_came_first(order):
    answers = [found("a", 1, 5), found("a", 300, 5)]
    trace = Candidate("a", 0, SECOND)
    for number in order:
        trace.add(answers[number], ALL)
    assert trace.cut


@given(durations=st.lists(st.integers(0, 19), min_size=1, max_size=9), low=st.integers(0, 9))
def test_a_band_is_cut_into_bands_that_make_it_up_down_to_one_nanosecond(durations, low):
    trace = Candidate("a", 0, SECOND)
    trace.spans = {(str(n), 0, d): FoundSpan(str(n), "", 0, d) for n, d in enumerate(durations)}
    first, rest = narrower([trace], (low, None))
    assert (first[0], first[1], rest[1]) == (low, rest[0], None)
    bands = [(low, 20)]
    while any(narrower([trace], band) for band in bands):
        bands = [part for band in bands for part in (narrower([trace], band) or [band])]
    assert bands == [(one, one + 1) for one in range(low, 20)]


@given(
    starts=st.lists(st.integers(0, 999), max_size=30, unique=True),
    count=st.integers(1, 40),
    buckets=st.integers(1, 10),
)
def test_a_spread_takes_each_trace_once_and_leaves_no_part_out(starts, count, buckets):
    traces = [Candidate(str(start), start, start + 1) for start in sorted(starts)]
    window = TimeRange(0, 1_000)
    chosen = spread(traces, count, window=window, buckets=buckets)
    assert len(chosen) == min(count, len(traces))
    assert [one.start_ns for one in chosen] == sorted({one.start_ns for one in chosen})
    parts = {one.start_ns * buckets // 1_000 for one in traces}
    taken = {one.start_ns * buckets // 1_000 for one in chosen}
    assert len(taken) == min(len(parts), len(chosen))


def test_a_found_trace_tells_how_many_match_even_where_it_shows_more():
    assert isinstance(found("a", 9, 1, 2), FoundTrace)
    assert found("a", 9, 1, 2).matched == 9
    assert found("a", 0, 1, 2).matched == 2
