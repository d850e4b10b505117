"""What goes wrong between here and a Tempo, and what is asked wrongly."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import AnswerError, LimitError, QueryError, RejectedError, ServerError, UnreachableError
from obsnb.instants import format_ns
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import (
    BROKEN,
    ERRORS,
    HOUR,
    SECOND,
    Cut,
    Flaky,
    asking,
    keys,
    made_spans,
    many,
    trace,
)
from tests.standin.tempo import TempoStandIn


@settings(max_examples=60)
@given(
    made=st.lists(made_spans, max_size=8),
    search_limit=st.integers(1, 4),
    spss=st.integers(1, 4),
    failing=st.sets(st.integers(1, 30), max_size=6),
    whole=st.booleans(),
)
def test_under_faults_what_comes_back_is_what_matches_or_the_record_says_not_or_it_is_an_error(
    made, search_limit, spss, failing, whole
):
    backend = TempoStandIn.of(*[trace(number, *spans) for number, spans in enumerate(made, 1)])
    flaky = Flaky(backend, lambda number, path, params: number in failing)
    window = TimeRange(HOUR.start_ns, HOUR.start_ns + 6 * SECOND)
    try:
        answer = asking(flaky, search_limit=search_limit, spss=spss).spans(ERRORS, window, whole=whole)
    except ServerError:
        return
    held = [span for one in backend.traces.values() for span in one.spans]
    matching = {(s.trace_id, s.span_id) for s in held if s.status == "error" and s.start in window}
    with_match = {trace_id for trace_id, _ in matching}
    wanted = {(s.trace_id, s.span_id) for s in held if s.trace_id in with_match} if whole else matching
    got = keys(answer.frame)
    assert set(got.values()) <= {1}
    assert set(got) <= wanted
    assert answer.record.complete == "no" or set(got) == wanted


def test_a_slice_that_is_not_answered_is_said_and_the_others_come():
    def third(number, path, params):
        return number == 3

    backend = Flaky(TempoStandIn.of(*many(40, apart_s=60)), third)
    answer = asking(backend, search_limit=10).spans(ERRORS, HOUR)
    assert 0 < answer.frame.height < 40
    assert answer.record.complete == "no"
    start, end = (int(backend.asked[2][1][name][0]) * SECOND for name in ("start", "end"))
    which = f"{format_ns(start)} to {format_ns(end)}"
    assert answer.record.reason == f"{which} was not answered: tempo answered 500: it failed."


def test_a_server_that_fails_three_times_in_a_row_is_not_asked_on():
    backend = Flaky(TempoStandIn.of(*many(40, apart_s=60)), lambda number, path, params: "/traces/" in path)
    with pytest.raises(ServerError) as caught:
        asking(backend).spans(ERRORS, HOUR, whole=True)
    assert str(caught.value) == (
        "tempo answered 500: it failed.\n"
        "  query:  { status = error }\n"
        "  window: 2026-11-23T18:53:20Z to 2026-11-23T19:53:20Z\n"
        "  server: internal error\n"
        "Hint: Try again in a little while; obs.health() asks how the sources are doing."
    )


def test_one_trace_that_never_comes_does_not_take_the_others_with_it():
    wanted = "/api/v2/traces/" + "4".zfill(32)
    backend = Flaky(TempoStandIn.of(*many(9)), lambda number, path, params: path == wanted)
    answer = asking(backend).spans(ERRORS, HOUR, whole=True)
    assert answer.frame.height == 8
    assert answer.record.reason == "1 trace did not come: tempo answered 500: it failed."


def test_a_connection_that_breaks_costs_one_trace():
    transport = Cut(TempoStandIn.of(*many(9)), name="tempo", breaks_at=frozenset({4}))
    answer = Tempo(transport, conventions=DEFAULT).spans(ERRORS, HOUR, whole=True)
    assert answer.frame.height == 8
    assert answer.record.reason == "1 trace did not come: tempo did not answer: the connection broke."


def test_a_server_that_cannot_be_reached_is_an_error_with_the_query_and_the_window():
    transport = Cut(TempoStandIn.of(), name="tempo", breaks_at=frozenset(range(9)))
    with pytest.raises(UnreachableError) as caught:
        Tempo(transport, conventions=DEFAULT).spans(ERRORS, HOUR)
    assert str(caught.value) == (
        "tempo did not answer: the connection broke.\n"
        "  query:  { status = error }\n"
        "  window: 2026-11-23T18:53:20Z to 2026-11-23T19:53:20Z"
    )


def test_a_slow_query_is_asked_for_in_shorter_ranges_one_tried_first():
    def too_long(number, path, params):
        return path == "/api/search" and int(params["end"][0]) - int(params["start"][0]) > 600

    slow = (504, BROKEN, b"context deadline exceeded")
    backend = Flaky(TempoStandIn.of(*many(40, apart_s=60)), too_long, slow)
    answer = asking(backend).spans(ERRORS, HOUR)
    assert (answer.frame.height, answer.record.complete) == (40, "yes")
    always = Flaky(TempoStandIn.of(), lambda number, path, params: True, slow)
    with pytest.raises(LimitError):
        asking(always).spans(ERRORS, HOUR)
    assert len(always.asked) < 40


def test_a_query_that_the_server_cannot_parse_is_shown_as_it_was_written():
    with pytest.raises(RejectedError) as caught:
        asking(TempoStandIn.of()).spans("{ status == error }", HOUR)
    assert str(caught.value) == (
        "tempo answered 400: it cannot parse the query (line 1, column 11).\n"
        "  query:  { status == error }\n"
        "  window: 2026-11-23T18:53:20Z to 2026-11-23T19:53:20Z\n"
        "  server: invalid TraceQL query: parse error at line 1, col 11: syntax error: unexpected =\n"
        "Hint: It stumbled here: = error }"
    )


@pytest.mark.parametrize("query", ["", '{app="x"} |= "y"', "rate(up[1m])"])
def test_a_query_of_another_language_is_not_sent(query):
    source = asking(TempoStandIn.of())
    with pytest.raises(QueryError):
        source.spans(query, HOUR)
    with pytest.raises(QueryError):
        source.series(query, HOUR, step_ns=60 * SECOND)
    assert source.transport.requests == []


@pytest.mark.parametrize(
    "body", [b"", b"<html><title>Log in</title>", b'{"traces":[{}]}', b'{"traces":[{"traceID":']
)
def test_an_answer_that_is_no_search_is_an_error(body):
    backend = Flaky(TempoStandIn.of(), lambda *asked: True, (200, {"content-type": "application/json"}, body))
    with pytest.raises(AnswerError, match="tempo answered 200"):
        asking(backend).spans(ERRORS, HOUR)


@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json"}, {"content-type": "text/html"}])
def test_an_answer_that_is_no_trace_is_an_error(headers):
    backend = Flaky(TempoStandIn.of(), lambda *asked: True, (200, headers, b"<html>x"))
    with pytest.raises(AnswerError, match="tempo answered 200"):
        asking(backend).trace("1")


def test_spans_with_ids_that_are_none_are_an_error():
    found = {
        "traceID": "zz",
        "startTimeUnixNano": str(HOUR.start_ns),
        "spanSets": [{"spans": [{"spanID": "1", "startTimeUnixNano": str(HOUR.start_ns)}]}],
    }
    body = json.dumps({"traces": [found]}).encode()
    backend = Flaky(TempoStandIn.of(), lambda *asked: True, (200, {}, body))
    with pytest.raises(AnswerError, match="is no id"):
        asking(backend).spans(ERRORS, HOUR)
