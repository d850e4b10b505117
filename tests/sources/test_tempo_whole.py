"""Traces that are fetched whole, and the record of what was asked."""

import pytest
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.errors import QueryError, RejectedError
from obsnb.instants import now_ns
from obsnb.query.traceql import trace_id_of
from obsnb.schema import SPANS
from obsnb.settings import Endpoint
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from obsnb.transport.http import HttpTransport
from tests.sources.asking_tempo import (
    BASE_S,
    ERRORS,
    HOUR,
    RECORDINGS,
    SECOND,
    Flaky,
    asking,
    many,
    trace,
    window_of,
)
from tests.standin.serving import serving
from tests.standin.tempo import TempoStandIn


@pytest.fixture(scope="module")
def slow_query():
    return TempoStandIn.from_recordings(RECORDINGS / "slow-query" / "tempo")


def test_a_trace_that_was_found_and_is_gone_is_said_to_be_missing():
    backend = TempoStandIn.of(*many(5), lost=frozenset({"3".zfill(32)}))
    answer = asking(backend).spans(ERRORS, HOUR, whole=True)
    assert answer.frame["trace_id"].n_unique() == 4
    assert answer.record.complete == "no"
    assert answer.record.reason == "of 1 trace that it found, the server gives no span"


def test_a_trace_that_neither_path_has_is_said_to_be_missing():
    def gone(number, path, params):
        return path.endswith("2".zfill(32))

    backend = Flaky(TempoStandIn.of(*many(3)), gone, (404, {}, b""))
    answer = asking(backend).spans(ERRORS, HOUR, whole=True)
    assert answer.frame.height == 2
    assert answer.record.reason == "of 1 trace that it found, the server gives no span"


def test_a_part_of_a_trace_is_said_to_be_a_part():
    said = "Trace exceeds maximum size of 5 bytes, a partial trace is returned"
    backend = TempoStandIn.of(*many(3), partial={"2".zfill(32): said})
    answer = asking(backend).spans(ERRORS, HOUR, whole=True)
    assert answer.record.complete == "no"
    assert answer.record.reason == f"of 1 trace, only a part came: {said}"
    assert dict(answer.frame.select("trace_id", "whole_trace").rows()) == {
        "1".zfill(32): True,
        "2".zfill(32): False,
        "3".zfill(32): True,
    }


def test_a_server_that_knows_the_old_path_only_is_asked_the_old_way():
    backend = TempoStandIn.of(*many(5), versions=frozenset({1}))
    source = asking(backend)
    answer = source.spans(ERRORS, HOUR, whole=True)
    assert_frame_equal(answer.frame, asking(TempoStandIn.of(*many(5))).spans(ERRORS, HOUR, whole=True).frame)
    assert answer.record.complete == "yes"
    assert sum(one.path.startswith("/api/v2/") for one in source.transport.requests) == 1


def test_a_server_that_answers_in_json_whatever_is_accepted_gives_the_same():
    answer = asking(TempoStandIn.of(*many(5), speaks_protobuf=False)).spans(ERRORS, HOUR, whole=True)
    assert_frame_equal(answer.frame, asking(TempoStandIn.of(*many(5))).spans(ERRORS, HOUR, whole=True).frame)


def test_over_http_several_at_once_the_same_comes(slow_query):
    window = window_of("slow-query")
    with serving(slow_query) as url:
        transport = HttpTransport(Endpoint("tempo", "tempo", url, parallel=4))
        source = Tempo(transport, conventions=DEFAULT, search_limit=40)
        answer = source.spans("{ kind = server }", window, limit=60, whole=True)
        health = source.health()
        transport.close()
    direct = asking(slow_query, search_limit=40).spans("{ kind = server }", window, limit=60, whole=True)
    assert_frame_equal(answer.frame, direct.frame)
    assert answer.record.digest == direct.record.digest
    assert health.status == "ok"


def test_spans_that_lie_in_blocks_beside_the_window_come_with_their_trace():
    early_and_late = trace(1, (-3_000, 9, False), (100, 9, True), (6_000, 9, False))
    backend = TempoStandIn.of(early_and_late, block_s=60)
    window = TimeRange(HOUR.start_ns + 90 * SECOND, HOUR.start_ns + 110 * SECOND)
    answer = asking(backend).spans(ERRORS, window, whole=True)
    assert answer.frame.height == 3
    asked = dict(next(one for one in asking_whole(backend, window) if "/traces/" in one.path).params)
    assert int(asked["start"]) == BASE_S - 3_000 - 6 * 3_600
    assert int(asked["end"]) > BASE_S + 6_000 + 6 * 3_600


def asking_whole(backend, window):
    source = asking(backend)
    source.spans(ERRORS, window, whole=True)
    return source.transport.requests


def test_a_server_that_knows_no_parents_is_asked_without_and_that_is_said():
    answer = asking(TempoStandIn.of(*many(3), knows_parents=False)).spans(ERRORS, HOUR)
    assert answer.frame.height == 3
    assert "span:parentID" not in answer.record.query
    assert answer.record.warnings == (
        "obsnb: this Tempo does not say in a search which span is whose parent (2.8 does)",
    )


# The record.


def test_the_record_says_what_was_asked_and_what_it_cost():
    source = asking(TempoStandIn.of(*many(5)))
    record = source.spans(ERRORS, HOUR, role="errors.spans", whole=True).record
    assert (record.kind, record.source, record.role) == ("spans", "tempo", "errors.spans")
    assert (record.asked, record.query) == (ERRORS, "{ status = error } with (most_recent=true)")
    assert (record.pages, record.requests, record.retries, record.rows) == (6, 6, 0, 5)
    assert record.bytes > 0
    assert record.window == HOUR


def test_the_newest_seconds_are_not_known_to_be_complete():
    now = now_ns()
    answer = asking(TempoStandIn.of()).spans(ERRORS, TimeRange(now - 60 * SECOND, now))
    assert answer.frame.schema == SPANS.empty().schema
    assert answer.record.complete == "unknown"
    assert answer.record.reason == (
        "it reaches into the last 30 s before it was asked, which Tempo does not search yet"
    )


def test_progress_goes_up_to_the_end_and_is_closed(slow_query):
    told, closed = [], []

    class Watch:
        def update(self, *, done, rows, bytes):
            told.append((done, rows, bytes))

        def close(self):
            closed.append(True)

    asking(slow_query, search_limit=100).spans(ERRORS, window_of("slow-query"), whole=True, progress=Watch())
    assert told == sorted(told)
    assert told[-1][0] == pytest.approx(1.0)
    assert told[-1][1] == 3_013
    assert closed == [True]


@pytest.mark.parametrize("written", ["34e570227b235fdb744ecd6fd43069", " 0034E570227B235FDB744ECD6FD43069\n"])
def test_a_trace_is_found_by_its_id_however_it_is_written(written):
    held = trace(0x34E570227B235FDB744ECD6FD43069, (0.0, 5_000, True), (1.0, 7_000, False))
    answer = asking(TempoStandIn.of(held, *many(3))).trace(written)
    assert answer.frame.height == 2
    record = answer.record
    assert record.asked == record.query == "0034e570227b235fdb744ecd6fd43069"
    assert (record.complete, record.reason) == ("yes", "the trace came whole")
    assert dict(record.params) == {"trace": True}
    start, last = answer.frame["start"].to_physical().min(), answer.frame["start"].to_physical().max()
    assert start == record.window.start_ns
    assert last in record.window


@pytest.mark.parametrize(
    "text",
    [
        " 34E570227B235FDB744ECD6FD43069\n",
        "0034e570-227b-235f-db74-4ecd6fd43069",
        "00-0034e570227b235fdb744ecd6fd43069-00f067aa0ba902b7-01",
    ],
)
def test_a_trace_is_found_by_its_id_however_logs_write_it(text):
    assert trace_id_of(text) == "0034e570227b235fdb744ecd6fd43069"


@pytest.mark.parametrize("text", ["", "not-hex", "1" * 33, ERRORS, "0" * 32, None, 5])
def test_what_is_no_trace_id_is_not_sent(text):
    source = asking(TempoStandIn.of())
    with pytest.raises(QueryError) as caught:
        source.trace(text)
    assert str(caught.value) == (
        f"{text!r} is not a trace id.\n"
        "Hint: A trace id has up to 32 hexadecimal digits; a query goes to obs.spans(...)."
    )
    assert source.transport.requests == []


@pytest.mark.parametrize("versions", [{1}, {2}, {1, 2}])
def test_a_trace_that_is_not_there_is_an_error_with_what_may_be_why(versions):
    source = asking(TempoStandIn.of(versions=frozenset(versions)))
    with pytest.raises(RejectedError) as caught:
        source.trace("1", window=HOUR)
    assert str(caught.value) == (
        f"tempo has no trace {'1'.zfill(32)} within 6h of the window.\n"
        f"  query:  {'1'.zfill(32)}\n"
        "  window: 2026-11-23T18:53:20Z to 2026-11-23T19:53:20Z\n"
        "Hint: It may be older than the server keeps traces, not sampled, of another tenant, or lie "
        "elsewhere in time."
    )


def test_a_part_of_one_trace_is_said_to_be_a_part():
    backend = TempoStandIn.of(*many(1), partial={"1".zfill(32): "too big"})
    record = asking(backend).trace("1").record
    assert (record.complete, record.reason) == ("no", "of 1 trace, only a part came: too big")
