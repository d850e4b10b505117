"""Every trace exactly once, or a plain word that it is not."""

import collections

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from obsnb.errors import QueryError
from obsnb.schema import digest
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import (
    ERRORS,
    HOUR,
    INCIDENTS,
    RECORDINGS,
    SECOND,
    asking,
    keys,
    made_spans,
    many,
    tenths,
    trace,
    window_of,
)
from tests.standin.tempo import TempoStandIn


@pytest.fixture(scope="module")
def slow_query():
    return TempoStandIn.from_recordings(RECORDINGS / "slow-query" / "tempo")


@pytest.mark.parametrize("incident", INCIDENTS)
@pytest.mark.parametrize("search_limit", [1_000, 60])
def test_every_trace_of_an_incident_is_found_and_fetched_exactly_once(incident, search_limit):
    backend = TempoStandIn.from_recordings(RECORDINGS / incident / "tempo")
    source = asking(backend, search_limit=search_limit)
    answer = source.spans("{ }", window_of(incident), whole=True)
    spans = [(span.trace_id, span.span_id) for held in backend.traces.values() for span in held.spans]
    assert keys(answer.frame) == collections.Counter(spans)
    fetched = [one.path.rsplit("/", 1)[1] for one in source.transport.requests if "/traces/" in one.path]
    assert collections.Counter(fetched) == collections.Counter(backend.traces.keys())
    assert answer.frame["whole_trace"].all()
    assert answer.frame["start"].is_sorted()
    assert answer.record.complete == "yes"
    assert answer.record.reason == (
        "every search gave fewer traces than its limit, and each trace came whole"
    )


@pytest.mark.parametrize(("search_limit", "spss"), [(1_000, 100), (100, 5)])
def test_the_spans_that_match_all_come_once_however_little_a_request_gives(search_limit, spss, slow_query):
    window = window_of("slow-query")
    answer = asking(slow_query, search_limit=search_limit, spss=spss).spans(ERRORS, window)
    whole = asking(slow_query).spans(ERRORS, window, whole=True).frame.filter(pl.col("status") == "error")
    told = [name for name in whole.columns if name not in {"events", "links", "whole_trace", "attributes"}]
    shared = [name for name in told if name in answer.frame.columns and name != "resource"]
    assert answer.frame.height == 1_987
    assert_frame_equal(answer.frame.select(shared), whole.select(shared))
    assert answer.record.complete == "yes"
    assert answer.record.reason == (
        "every search gave fewer traces than its limit, and of each trace all the spans that match"
    )


def test_the_frame_and_its_digest_do_not_depend_on_how_it_was_searched(slow_query):
    window = window_of("slow-query")
    first, second = (
        asking(slow_query, search_limit=limit, spss=spss).spans(ERRORS, window)
        for limit, spss in [(1_000, 100), (200, 4)]
    )
    assert_frame_equal(first.frame, second.frame)
    assert first.record.digest == second.record.digest == digest(first.frame)
    assert second.record.requests > first.record.requests == 1


def test_a_server_that_does_not_know_the_newest_gives_the_same():
    traces = many(40, apart_s=7.3)
    knows, does_not = (
        asking(TempoStandIn.of(*traces, newest_first=newest), search_limit=5).spans(ERRORS, HOUR)
        for newest in (True, False)
    )
    assert_frame_equal(knows.frame, does_not.frame)
    assert does_not.record.complete == "yes"


def test_more_traces_in_one_second_than_asked_for_are_asked_for_at_once():
    backend = TempoStandIn.of(*many(40, apart_s=0.01))
    answer = asking(backend, search_limit=3).spans(ERRORS, HOUR)
    assert answer.frame["trace_id"].n_unique() == 40
    assert answer.record.complete == "yes"


def test_more_traces_in_one_second_than_the_server_gives_are_said_to_be_missing():
    backend = TempoStandIn.of(*many(40, apart_s=0.01), max_limit=10)
    answer = asking(backend, search_limit=1_000).spans(ERRORS, HOUR)
    assert answer.frame["trace_id"].n_unique() == 10
    assert answer.record.complete == "no"
    assert answer.record.reason == (
        "2026-11-23T18:53:20Z to 2026-11-23T18:53:21Z holds 10 matching traces or more, "
        "and no more are given at once"
    )


def test_traces_as_long_as_the_window_do_not_make_it_search_every_second():
    long = [trace(number + 1, (0.5 + number / 100, 3_000 * SECOND, True)) for number in range(30)]
    source = asking(TempoStandIn.of(*long), search_limit=10)
    answer = source.spans(ERRORS, HOUR)
    assert answer.frame["trace_id"].n_unique() == 30
    assert answer.record.complete == "yes"
    assert answer.record.requests < 150


def test_a_range_that_is_too_long_for_the_server_is_split():
    month = TimeRange(HOUR.start_ns, HOUR.start_ns + 30 * 86_400 * SECOND)
    backend = TempoStandIn.of(*many(60, apart_s=86_400 / 2))
    source = asking(backend)
    assert source.spans(ERRORS, month).frame.height == 60
    assert all(
        int(dict(one.params)["end"]) - int(dict(one.params)["start"]) <= 168 * 3_600
        for one in source.transport.requests
    )
    strict = asking(TempoStandIn.of(*many(60, apart_s=86_400 / 2), max_search_s=24 * 3_600))
    assert strict.spans(ERRORS, month).frame.height == 60


def test_the_window_starts_with_its_start_and_ends_before_its_end():
    window = TimeRange(HOUR.start_ns + 250_000_000, HOUR.start_ns + 750_000_000)
    spans = [(0.249_999_999, 5, True), (0.25, 5, True), (0.749_999_999, 5, True), (0.75, 5, True)]
    backend = TempoStandIn.of(trace(1, *spans), trace(2, spans[0]), trace(3, spans[3]))
    answer = asking(backend).spans(ERRORS, window)
    assert answer.frame["span_id"].to_list() == ["2".zfill(16), "3".zfill(16)]
    whole = asking(backend).spans(ERRORS, window, whole=True)
    assert keys(whole.frame) == {("1".zfill(32), str(number).zfill(16)): 1 for number in (1, 2, 3, 4)}


def test_a_trace_whose_cut_set_shows_no_span_of_the_window_is_asked_again():
    window = TimeRange(HOUR.start_ns + 10 * SECOND, HOUR.start_ns + 20 * SECOND)
    backend = TempoStandIn.of(trace(1, *[(number, 100 + number, True) for number in range(15)]))
    for whole, rows in ((False, 5), (True, 15)):
        answer = asking(backend, spss=3).spans(ERRORS, window, whole=whole)
        assert answer.frame.height == rows
        assert answer.record.complete == "yes"


def test_more_spans_of_one_length_than_a_search_shows_are_said_to_be_missing():
    backend = TempoStandIn.of(trace(1, *[(number, 100, True) for number in range(9)]))
    answer = asking(backend, spss=4).spans(ERRORS, HOUR)
    assert answer.frame.height == 4
    assert answer.record.complete == "no"
    assert answer.record.reason == "of 1 trace, some of the more than 4 matching spans did not come"


def test_durations_that_no_span_has_do_not_make_a_cut_set_look_cut():
    backend = TempoStandIn.of(trace(1, (0, 7, True), (0, 7, True), (0, 9, True)))
    answer = asking(backend, spss=2).spans(ERRORS, HOUR)
    assert (answer.frame.height, answer.record.complete) == (3, "yes")


def test_spans_of_a_trace_that_lie_in_two_blocks_come_from_both():
    spans = [(10, 1, True), *[(1_000, number, True) for number in range(5)]]
    others = [trace(number, (number * 20, 1, True)) for number in range(2, 52)]
    backend = TempoStandIn.of(trace(1, *spans), *others, block_s=500)
    answer = asking(backend, search_limit=8, spss=2).spans(ERRORS, HOUR)
    assert answer.frame.filter(pl.col("trace_id") == "1".zfill(32)).height == 6
    assert answer.frame.height == 56
    assert answer.record.complete == "yes"


def test_a_server_that_takes_no_second_stage_is_said_to_leave_spans_out():
    backend = TempoStandIn.of(trace(1, *[(0, number, True) for number in range(9)]), takes_stages=False)
    answer = asking(backend, spss=4).spans(ERRORS, HOUR)
    assert (answer.frame.height, answer.record.complete) == (4, "no")


def test_a_server_that_shows_fewer_spans_is_asked_for_as_many_as_it_shows():
    backend = TempoStandIn.of(trace(1, *[(0, number, True) for number in range(9)]), max_spss=4)
    answer = asking(backend).spans(ERRORS, HOUR)
    assert (answer.frame.height, answer.record.complete) == (9, "yes")


@settings(max_examples=150)
@given(
    made=st.lists(made_spans, max_size=8),
    search_limit=st.integers(1, 4),
    spss=st.integers(1, 4),
    max_limit=st.sampled_from([2, 5, 1_000]),
    newest_first=st.booleans(),
    start_s=tenths,
    length_s=tenths.filter(bool),
    limit=st.none() | st.integers(1, 9),
    whole=st.booleans(),
)
def test_what_comes_back_is_what_matches_or_the_record_says_not(
    made, search_limit, spss, max_limit, newest_first, start_s, length_s, limit, whole
):
    traces = [trace(number, *spans) for number, spans in enumerate(made, 1)]
    backend = TempoStandIn.of(*traces, newest_first=newest_first, max_limit=max_limit)
    start = HOUR.start_ns + round(start_s * SECOND)
    window = TimeRange(start, start + round(length_s * SECOND))
    answer = asking(backend, search_limit=search_limit, spss=spss).spans(
        ERRORS, window, limit=limit, whole=whole
    )
    held = [span for one in backend.traces.values() for span in one.spans]
    matching = {(s.trace_id, s.span_id) for s in held if s.status == "error" and s.start in window}
    with_match = {trace_id for trace_id, _ in matching}
    got, came = keys(answer.frame), set(answer.frame["trace_id"])
    wanted = {(s.trace_id, s.span_id) for s in held if s.trace_id in with_match} if whole else matching
    assert set(got.values()) <= {1}
    assert set(got) <= wanted
    lengths = collections.Counter((s.trace_id, s.end - s.start) for s in held if s.status == "error")
    if max_limit > len(made) and max(lengths.values(), default=0) <= spss:
        assert answer.record.complete == "yes"
    assert len(came) <= (limit or len(made))
    if answer.record.complete == "yes":
        assert set(got) == {one for one in wanted if one[0] in came}
        if answer.record.selection is None:
            assert set(got) == wanted
        else:
            assert len(came) == limit
            assert len(with_match) >= limit


# A limit.


def test_a_limit_is_spread_over_the_window_and_said_as_a_selection(slow_query):
    window = window_of("slow-query")
    answer = asking(slow_query).spans("{ kind = server }", window, limit=120, whole=True)
    assert answer.frame["trace_id"].n_unique() == 120
    record = answer.record
    assert record.selection == "120 traces, spread over the window, as the limit asked"
    assert (record.complete, dict(record.params)) == ("yes", {"limit": 120, "whole": True})
    assert record.reason == (
        "as many traces as the limit asked for, or all there are, and each trace came whole"
    )
    starts = answer.frame.group_by("trace_id").agg(pl.col("start").min())["start"].to_physical()
    minutes = (starts - window.start_ns) // (60 * SECOND)
    assert minutes.n_unique() > 50


def test_the_same_limit_gives_the_same_traces_whatever_a_request_gives(slow_query):
    window = window_of("slow-query")
    first, second = (asking(slow_query, spss=spss).spans(ERRORS, window, limit=40).frame for spss in (100, 3))
    assert_frame_equal(first, second)


def test_a_limit_that_is_not_reached_is_no_selection():
    answer = asking(TempoStandIn.of(*many(7))).spans(ERRORS, HOUR, limit=8)
    assert answer.frame.height == 7
    assert (answer.record.complete, answer.record.selection) == ("yes", None)


def test_a_limit_is_filled_from_where_the_traces_are():
    crowded = many(50, apart_s=0.1, at_s=1_800.0)
    answer = asking(TempoStandIn.of(*crowded)).spans(ERRORS, HOUR, limit=30)
    assert answer.frame["trace_id"].n_unique() == 30


def test_a_limit_takes_from_quiet_times_before_it_takes_more_from_busy_ones():
    quiet, busy = many(20, apart_s=100), many(500, apart_s=0.1, at_s=3_500.0)
    moved = [trace(1_000 + number, (3_500 + number / 10, 1_000, True)) for number in range(len(busy))]
    answer = asking(TempoStandIn.of(*quiet, *moved)).spans(ERRORS, HOUR, limit=400)
    early = answer.frame.filter(pl.col("start").to_physical() < HOUR.start_ns + 3_000 * SECOND)
    assert (early.height, answer.frame.height) == (20, 400)


def test_a_limit_of_one_is_the_newest():
    answer = asking(TempoStandIn.of(*many(5))).spans(ERRORS, HOUR, limit=1)
    assert answer.frame["trace_id"].to_list() == ["5".zfill(32)]


def test_numbers_are_not_asked_for_as_spans():
    source = asking(TempoStandIn.of())
    with pytest.raises(QueryError) as caught:
        source.spans("{ } | rate()", HOUR)
    assert str(caught.value) == (
        "This query asks for numbers, and spans() gives spans.\n"
        "  query:  { } | rate()\n"
        'Hint: obs.metrics(query, window, source="tempo") gives numbers, obs.span_comparison(...) what '
        "compare() counts."
    )


def test_a_limit_below_one_is_refused_before_anything_is_sent():
    source = asking(TempoStandIn.of())
    with pytest.raises(QueryError) as caught:
        source.spans(ERRORS, HOUR, limit=0)
    assert str(caught.value) == (
        "limit=0 asks for no trace.\n  query:  { status = error }\nHint: Leave it out for all."
    )
    assert source.transport.requests == []
