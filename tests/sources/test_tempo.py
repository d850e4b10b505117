"""Every trace exactly once, or a plain word that it is not."""

import collections
import json
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.errors import AnswerError, LimitError, QueryError, RejectedError, ServerError, UnreachableError
from obsnb.schema import SERIES, SPANS, digest
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange, format_ns, now_ns
from tests.standin.direct import DirectTransport
from tests.standin.tempo import TempoStandIn, key_value, recorded_body

RECORDINGS = Path(__file__).parents[1] / "recordings"
INCIDENTS = ("slow-query", "datasource")
SECOND = 10**9
BASE_S = 1_795_460_000
HOUR = TimeRange(BASE_S * SECOND, (BASE_S + 3_600) * SECOND)
ERRORS = "{ status = error }"
BROKEN = {"content-type": "text/plain; charset=utf-8"}


@pytest.fixture(scope="module")
def slow_query():
    return TempoStandIn.from_recordings(RECORDINGS / "slow-query" / "tempo")


def window_of(incident):
    truth = json.loads((RECORDINGS / incident / "truth.json").read_text("utf-8"))
    return TimeRange(int(truth["start"]) * SECOND, (int(truth["end"]) + 1) * SECOND)


def asking(backend, **changes):
    return Tempo(DirectTransport(backend, name="tempo"), conventions=DEFAULT, **changes)


def trace(number, *spans):
    """A made-up trace; a span is (start in seconds after BASE, duration in ns, whether it failed)."""
    made = []
    for index, (start_s, duration, failed) in enumerate(spans, 1):
        start = BASE_S * SECOND + round(start_s * SECOND)
        made.append(
            Span(
                trace_id=number.to_bytes(16, "big"),
                span_id=index.to_bytes(8, "big"),
                parent_span_id=b"" if index == 1 else (1).to_bytes(8, "big"),
                name=f"operation {index}",
                kind=2,
                start_time_unix_nano=start,
                end_time_unix_nano=start + duration,
                status=Status(code=2 if failed else 0),
                attributes=[key_value("http.route", f"/{index}")],
            )
        )
    resource = Resource(attributes=[key_value("service.name", "shop")])
    return TracesData(resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=made)])])


def many(count, *, apart_s=1.0, at_s=0.0):
    """So many traces of one failed span each."""
    return [trace(number + 1, (at_s + number * apart_s, 1_000, True)) for number in range(count)]


def keys(frame):
    return collections.Counter(frame.select("trace_id", "span_id").rows())


@dataclass
class Flaky:
    """A stand-in of which some requests fail, by their number or by what they ask."""

    backend: TempoStandIn
    fails: object
    answer_with: tuple = (500, BROKEN, b"internal error")
    asked: list = field(default_factory=list)

    def answer(self, method, path, params, headers):
        self.asked.append((path, params))
        if self.fails(len(self.asked), path, params):
            return self.answer_with
        return self.backend.answer(method, path, params, headers)


# The stand-in answers as the recorded server did.


def told_of(body):
    """A search's answer, so that orders which the server does not keep do not matter."""
    return [
        (
            one["traceID"],
            one["startTimeUnixNano"],
            one.get("durationMs", 0),
            [
                (
                    part["matched"],
                    {
                        (
                            span["spanID"],
                            span.get("name"),
                            span["startTimeUnixNano"],
                            span.get("durationNanos"),
                            frozenset(
                                (item["key"], json.dumps(item["value"])) for item in span["attributes"]
                            ),
                        )
                        for span in part["spans"]
                    },
                )
                for part in one["spanSets"]
            ],
        )
        for one in json.loads(body)["traces"]
    ]


@pytest.mark.parametrize("search", ["search-errors", "search-slow-db", "search-empty"])
@pytest.mark.parametrize("incident", INCIDENTS)
def test_the_stand_in_finds_what_the_recorded_server_found(incident, search):
    folder = RECORDINGS / incident / "tempo"
    note = json.loads((folder / f"{search}.json").read_text("utf-8"))
    params = {name: [str(value)] for name, value in note["params"].items()}
    status, headers, body = TempoStandIn.from_recordings(folder).answer("GET", note["path"], params, {})
    assert (status, headers["content-type"]) == (note["status"], note["response_headers"]["content-type"])
    assert told_of(body) == told_of(recorded_body(folder / f"{search}.json"))


@pytest.mark.parametrize(
    "name",
    [
        *("error-parse", "error-start-after-end", "trace-bad-id", "trace-missing-v1", "trace-missing-v2"),
        *("trace-00-v1-json", "trace-01-v2-protobuf", "ready", "echo"),
    ],
)
def test_the_stand_in_answers_and_refuses_in_the_recorded_servers_words(name, slow_query):
    note = json.loads((RECORDINGS / "slow-query" / "tempo" / f"{name}.json").read_text("utf-8"))
    params = {key: [str(value)] for key, value in note["params"].items()}
    headers = {key.lower(): value for key, value in note["request_headers"].items()}
    status, _, body = slow_query.answer("GET", note["path"], params, headers)
    recorded = recorded_body(RECORDINGS / "slow-query" / "tempo" / f"{name}.json")
    assert status == note["status"]
    if name.endswith("v1-json"):
        assert json.loads(body) == json.loads(recorded)
    elif name.endswith("protobuf"):
        assert body[: len(body) - 2] == recorded[: len(body) - 2]  # metrics follow
    else:
        assert body.strip() == recorded.strip()


def test_the_stand_in_gives_recorded_metrics_at_the_recorded_times(slow_query):
    folder = RECORDINGS / "slow-query" / "tempo"
    note = json.loads((folder / "metrics-rate.json").read_text("utf-8"))
    params = {name: [str(value)] for name, value in note["params"].items()}
    body = json.loads(slow_query.answer("GET", note["path"], params, {})[2])
    recorded = json.loads(recorded_body(folder / "metrics-rate.json"))["series"]
    assert body["series"] == [{name: one[name] for name in ("labels", "samples")} for one in recorded]


# Searching past any limit.


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


tenths = st.integers(0, 50).map(lambda number: number / 10)
made_spans = st.builds(
    lambda base_s, spans: [(base_s + later_s, duration, failed) for later_s, duration, failed in spans],
    tenths,  # seconds
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.1, 0.5, 2.0]),
            st.sampled_from([0, 1, 1, 2, 3, SECOND // 2, 4 * SECOND]),
            st.sampled_from([True, True, False]),
        ),
        min_size=1,
        max_size=6,
    ),
)


@settings(max_examples=250)
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


def test_a_limit_below_one_is_refused_before_anything_is_sent():
    source = asking(TempoStandIn.of())
    with pytest.raises(QueryError) as caught:
        source.spans(ERRORS, HOUR, limit=0)
    assert str(caught.value) == (
        "limit=0 asks for no trace.\n  query:  { status = error }\nHint: Leave it out for all."
    )
    assert source.transport.requests == []


# Whole traces.


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


# What goes wrong.


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


@dataclass
class Cut(DirectTransport):
    """A transport whose connection breaks at some requests."""

    breaks_at: frozenset = frozenset()

    def send(self, request):
        if len(self.requests) + 1 in self.breaks_at:
            self.requests.append(request)
            raise UnreachableError("tempo did not answer: the connection broke.")
        return super().send(request)


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
        "spanSets": [{"spans": [{"spanID": "1", "startTimeUnixNano": str(HOUR.start_ns)}]}],
    }
    body = json.dumps({"traces": [found]}).encode()
    backend = Flaky(TempoStandIn.of(), lambda *asked: True, (200, {}, body))
    with pytest.raises(AnswerError, match="is no id"):
        asking(backend).spans(ERRORS, HOUR)


# One trace.


@pytest.mark.parametrize("written", ["34e570227b235fdb744ecd6fd43069", " 0034E570227B235FDB744ECD6FD43069\n"])
def test_a_trace_is_found_by_its_id_however_it_is_written(written, slow_query):
    held = next(iter(slow_query.traces))
    backend = TempoStandIn({"0034e570227b235fdb744ecd6fd43069": slow_query.traces[held]})
    answer = asking(backend).trace(written)
    assert answer.frame.height == len(slow_query.traces[held].spans)
    record = answer.record
    assert record.asked == record.query == "0034e570227b235fdb744ecd6fd43069"
    assert (record.complete, record.reason) == ("yes", "the trace came whole")
    assert dict(record.params) == {"trace": True}
    start, last = answer.frame["start"].to_physical().min(), answer.frame["start"].to_physical().max()
    assert start == record.window.start_ns
    assert last in record.window


@pytest.mark.parametrize("text", ["", "not-hex", "1" * 33, ERRORS, "0" * 32])
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


# Series.

RATE = '{ resource.service.namespace="shop-prod" } | rate() by (resource.service.name)'
MINUTE = 60 * SECOND


def test_a_recorded_rate_comes_at_the_multiples_of_the_step_in_the_window(slow_query):
    window = window_of("slow-query")
    answer = asking(slow_query).series(RATE, window, step_ns=MINUTE)
    folder = RECORDINGS / "slow-query" / "tempo"
    recorded = json.loads(recorded_body(folder / "metrics-rate.json"))["series"]
    wanted = {
        (
            one["labels"][0]["value"]["stringValue"],
            int(sample["timestampMs"]) * 10**6,
            sample.get("value", 0.0),
        )
        for one in recorded
        for sample in one["samples"]
        if int(sample["timestampMs"]) * 10**6 in window.grid(MINUTE)
    }
    told = answer.frame.select(pl.col("service").cast(pl.String), pl.col("timestamp").to_physical(), "value")
    assert set(told.rows()) == wanted
    assert answer.frame.height == len(wanted)
    assert answer.frame.columns[: len(SERIES.names)] == list(SERIES.names)
    assert answer.record.complete == "yes"
    assert dict(answer.record.params) == {"step_ns": MINUTE}


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_series_is_the_same_however_it_is_split(steps, slow_query):
    window = window_of("slow-query")
    whole = asking(slow_query).series(RATE, window, step_ns=MINUTE).frame
    pieces = [
        asking(slow_query).series(RATE, one, step_ns=MINUTE).frame for one in window.split(steps * MINUTE)
    ]
    order = ["service", "timestamp"]
    together = pl.concat(pieces, how="diagonal").sort(*order)
    assert_frame_equal(together, whole.sort(*order), categorical_as_str=True)


def test_a_range_of_one_step_is_not_asked_for_as_it_would_be_an_instant(slow_query):
    source = asking(slow_query)
    source.series(RATE, TimeRange(HOUR.start_ns, HOUR.start_ns + MINUTE), step_ns=MINUTE)
    asked = dict(source.transport.requests[0].params)
    assert int(asked["end"]) - int(asked["start"]) == 120


def test_a_range_that_is_too_long_for_metrics_is_split(slow_query):
    window = window_of("slow-query")
    strict = TempoStandIn(slow_query.traces, slow_query.metrics, max_metrics_s=900)
    answer = asking(strict).series(RATE, window, step_ns=MINUTE)
    assert_frame_equal(answer.frame, asking(slow_query).series(RATE, window, step_ns=MINUTE).frame)
    assert answer.record.pages > 1


def test_a_part_of_the_series_is_said_to_be_a_part(slow_query):
    step, recorded = slow_query.metrics[RATE]
    said = "Response exceeds maximum series limit of 3, a partial response is returned."
    partial = {RATE: (step, {**recorded, "status": "PARTIAL", "message": said})}
    record = asking(TempoStandIn({}, partial)).series(RATE, window_of("slow-query"), step_ns=MINUTE).record
    assert (record.complete, record.reason) == ("no", f"only a part of the series came: {said}")


def test_a_step_below_the_millisecond_is_refused_before_it_is_sent():
    source = asking(TempoStandIn.of())
    with pytest.raises(QueryError) as caught:
        source.series(RATE, HOUR, step_ns=1_500_000)
    assert str(caught.value) == (
        "A step of 1500000 ns is not a whole number of milliseconds.\n"
        f"  query:  {RATE}\n"
        "Hint: Tempo counts time in milliseconds: ask for a step such as 15s or 500ms."
    )
    assert source.transport.requests == []


# What it is and has.


def test_the_attributes_of_a_server_are_named_by_their_scope(slow_query):
    names = asking(slow_query).attribute_names(HOUR)
    assert {"resource.service.namespace", "span.http.route", "span.tenant.id"} <= set(names)
    assert "duration" not in names


def test_a_healthy_server_says_its_version(slow_query):
    health = asking(slow_query).health()
    assert (health.source, health.kind, health.status, health.version) == ("tempo", "traces", "ok", "3.0.3")
    assert health.message == ""


def test_the_recorded_server_had_no_version_to_say():
    body = recorded_body(RECORDINGS / "slow-query" / "tempo" / "buildinfo.json")
    backend = Flaky(TempoStandIn.of(), lambda n, path, p: "build" in path, (200, {}, body))
    assert (asking(backend).health().status, asking(backend).health().version) == ("ok", None)


@pytest.mark.parametrize(
    ("path", "reply", "status"),
    [
        ("/api/status/buildinfo", (401, BROKEN, b"no org id"), "refused"),
        ("/api/status/buildinfo", (200, {"content-type": "text/html"}, b"<html>"), "degraded"),
        ("/ready", (503, BROKEN, b"Live store not ready"), "degraded"),
        ("/ready", (404, BROKEN, b"404 page not found"), "ok"),
    ],
)
def test_what_ails_a_server_is_its_status(path, reply, status):
    health = asking(Flaky(TempoStandIn.of(), lambda n, asked, p: asked == path, reply)).health()
    assert health.status == status
    assert bool(health.message) is (status != "ok")


def test_asking_how_an_unreachable_server_is_doing_does_not_raise():
    transport = Cut(TempoStandIn.of(), name="tempo", breaks_at=frozenset(range(9)))
    health = Tempo(transport, conventions=DEFAULT).health()
    assert (health.status, health.message) == ("unreachable", "tempo did not answer: the connection broke.")
