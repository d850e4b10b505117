"""The Prometheus source against a stand-in of it: grids, pieces, records, refusals."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import (
    AnswerError,
    LimitError,
    ObsnbError,
    QueryError,
    RejectedError,
    ServerError,
    SourceError,
    UnreachableError,
)
from obsnb.instants import now_ns
from obsnb.schema import EXEMPLARS, SERIES, digest
from obsnb.sources.base import MetricSource
from obsnb.sources.prometheus import Prometheus
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport
from tests.standin.direct import DirectTransport
from tests.standin.prometheus import Params, PrometheusStandIn, Recorded, Reply

MS, SECOND = 1_000_000, 1_000_000_000
FOLDER = Path(__file__).parents[1] / "recordings" / "slow-query" / "prometheus"
START, END = 1_795_457_599 * SECOND, 1_795_461_199 * SECOND
WINDOW = TimeRange(START, END)
STEP = 15 * SECOND


@dataclass
class Spy:
    """A backend that remembers what it was asked."""

    backend: PrometheusStandIn
    asked: list[tuple[str, str, Params]] = field(default_factory=list)

    def answer(self, method: str, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
        self.asked.append((method, path, params))
        return self.backend.answer(method, path, params, headers)


@dataclass
class Canned:
    """A transport with answers made beforehand, the last of which repeats."""

    responses: Sequence[Response | SourceError]
    name: str = "prometheus"
    parallel: int = 1
    sent: int = 0

    def send(self, request: Request) -> Response:
        response = self.responses[min(self.sent, len(self.responses) - 1)]
        self.sent += 1
        if isinstance(response, Exception):
            raise response
        return response

    def map(self, requests: Iterable[Request]) -> Generator[Response, None, None]:
        yield from map(self.send, requests)

    def close(self) -> None:
        pass


def source_of(transport: Transport, **settings: int) -> Prometheus:
    return Prometheus(transport, conventions=DEFAULT, **settings)


def asking(backend: Any, **settings: int) -> Prometheus:
    return source_of(DirectTransport(backend), **settings)


def canned(*bodies: dict[str, Any] | bytes, status: int = 200, **headers: str) -> Prometheus:
    responses = [
        Response(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())
        for body in bodies
    ]
    return source_of(Canned(responses))


def one_series(points: Mapping[int, str], *, start: int = 0, step: int = 1_000, **labels: str) -> Recorded:
    return Recorded({"__name__": "m", **labels}, start, step, points)


def rows(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    chosen = frame.with_columns(pl.col("timestamp").cast(pl.Int64) // MS)
    return [
        (ms, labels, repr(value)) for ms, labels, value in chosen.select("timestamp", "a", "value").rows()
    ]


@pytest.fixture(scope="module")
def recorded() -> PrometheusStandIn:
    return PrometheusStandIn.from_recordings(FOLDER)


def test_it_is_a_source_of_metrics(recorded: PrometheusStandIn) -> None:
    source: MetricSource = asking(recorded)
    assert source.name == "prometheus"
    assert repr(source) == "Prometheus('prometheus')"


def test_a_range_is_evaluated_at_the_multiples_of_the_step_in_the_window(recorded: PrometheusStandIn) -> None:
    frame = asking(recorded).series('up{namespace="shop-prod"}', WINDOW, step_ns=STEP).frame
    times = frame["timestamp"].cast(pl.Int64).unique().sort().to_list()
    assert times == list(WINDOW.grid(STEP))
    assert all(time % STEP == 0 for time in times)


def test_recorded_values_come_back_at_their_own_times_and_only_in_the_window(
    recorded: PrometheusStandIn,
) -> None:
    window = TimeRange(START + 30 * SECOND, START + 60 * SECOND)
    query = 'http_requests_total{endpoint="/api/v1/alerts", tenant_id="acme", status_code="200"}'
    frame = asking(recorded).series(query, window, step_ns=SECOND).frame
    assert frame["timestamp"].cast(pl.Int64).to_list() == list(range(window.start_ns, window.end_ns, SECOND))
    # 5 from the 30th second on, 12 from the 45th: requests-raw.body
    assert frame["value"].to_list() == [5.0] * 15 + [12.0] * 15


VALUES = st.one_of(st.floats(width=64).map(repr), st.sampled_from(["NaN", "+Inf", "-Inf"]))


@st.composite
def made_up(draw: st.DrawFn) -> tuple[list[Recorded], TimeRange, int]:
    step = draw(st.integers(1, 5_000))
    start = draw(st.integers(0, 10_000))
    series = []
    for name in draw(st.sets(st.sampled_from("abcd"), max_size=3)):
        held = draw(st.dictionaries(st.integers(0, 60), VALUES, max_size=30))
        own = draw(st.integers(1, 3_000))
        points = {start + index * own: value for index, value in held.items()}
        series.append(one_series(points, start=start, step=own, a=name))
    first = draw(st.integers(0, 20_000 * MS))
    length = draw(st.integers(1, 100 * step * MS))
    return series, TimeRange(first, first + length), step * MS


@given(made_up(), st.integers(1, 60), st.integers(0, 60), st.sampled_from(["prometheus", "victoriametrics"]))
@settings(max_examples=150, deadline=None)
def test_any_range_is_the_grids_values_once_whatever_the_pieces_and_the_servers_limit(
    world: tuple[list[Recorded], TimeRange, int], max_points: int, server_points: int, speaks: Any
) -> None:
    series, window, step_ns = world
    allowed = max(server_points, 1) if speaks == "victoriametrics" else server_points
    spy = Spy(PrometheusStandIn(series, max_points=allowed, speaks=speaks))
    answer = asking(spy, max_points=max_points).series("m", window, step_ns=step_ns)
    expected = [
        (point // MS, one.labels["a"], repr(float(one.values[one.point(point // MS)])))
        for one in sorted(series, key=lambda one: one.labels["a"])
        for point in window.grid(step_ns)
        if one.point(point // MS) in one.values
    ]
    assert (rows(answer.frame) if answer.frame.height else []) == expected
    assert answer.record.rows == len(expected)
    assert answer.record.complete == "yes"
    assert answer.record.requests == len(spy.asked)


def test_a_long_range_is_asked_for_in_pieces_that_share_no_point() -> None:
    spy = Spy(PrometheusStandIn([one_series({})]))
    window = TimeRange(0, 25_000 * SECOND)
    answer = asking(spy).series("m", window, step_ns=SECOND)
    asked = [params for _, _, params in spy.asked if params.get("query") == ["m"]]
    spans = sorted((int(params["start"][0]), int(params["end"][0])) for params in asked)
    assert spans == [(0, 10_999), (11_000, 21_999), (22_000, 24_999)]
    assert answer.record.pages == 3


def test_a_step_in_milliseconds_loses_none_of_them() -> None:
    # As a fraction of seconds, 1.001 reaches the server's nanoseconds as 1,000,999,999.
    points = {index * 1_001: str(index) for index in range(20)}
    backend = PrometheusStandIn([one_series(points, step=1_001, a="x")])
    frame = asking(backend).series("m", TimeRange(0, 20 * 1_001 * MS), step_ns=1_001 * MS).frame
    assert frame["value"].to_list() == [float(index) for index in range(20)]


def test_a_window_between_two_multiples_of_the_step_is_empty_and_nothing_is_asked() -> None:
    spy = Spy(PrometheusStandIn())
    answer = asking(spy).series("up", TimeRange(SECOND, 2 * SECOND), step_ns=60 * SECOND)
    assert spy.asked == []
    assert answer.frame.schema == SERIES.empty().schema
    assert (answer.frame.height, answer.record.complete) == (0, "yes")
    assert answer.record.reason == "no multiple of the step lies in the window"


def test_a_query_that_is_refused_at_any_length_costs_few_requests() -> None:
    spy = Spy(PrometheusStandIn([one_series({})], max_points=0, speaks="victoriametrics"))
    with pytest.raises(LimitError) as raised:
        asking(spy).series("m", TimeRange(0, 100_000 * SECOND), step_ns=SECOND)
    assert len(spy.asked) <= 30
    assert raised.value.server == (
        "422: too many points for the given step=1000, start=0 and end=0: 1; "
        "cannot exceed -search.maxPointsPerTimeseries=0"
    )


def test_a_record_says_what_was_asked_and_what_came(recorded: PrometheusStandIn) -> None:
    before = now_ns()
    answer = asking(recorded, max_points=100).series(
        'up{namespace="shop-prod"}', WINDOW, step_ns=STEP, role="resources"
    )
    record = answer.record
    assert (record.kind, record.source, record.role) == ("series", "prometheus", "resources")
    assert record.query == record.asked == 'up{namespace="shop-prod"}'
    assert record.window == WINDOW
    assert record.params == {"step_ns": STEP}
    assert (record.pages, record.requests, record.retries) == (3, 3, 0)
    assert record.rows == answer.frame.height == 8 * 240
    assert record.bytes > 10_000
    assert record.seconds > 0
    assert record.warnings == ()
    assert record.complete == "yes"
    assert record.reason == "evaluated at each of the 240 multiples of the step in the window"
    assert record.selection is None
    assert record.digest == digest(answer.frame)
    assert before <= record.asked_at_ns <= now_ns()


def test_the_ends_of_the_window_are_the_same_in_every_piece() -> None:
    query = 'm{a="@ end()"} / m @ start() - m @end( )'
    fixed = 'm{a="@ end()"} / m @ 1 - m @ 29.500'
    backend = PrometheusStandIn(
        derived={fixed: [one_series({500 * at: str(at) for at in range(60)}, step=500)]}
    )
    answer = asking(backend, max_points=10).series(query, TimeRange(SECOND, 30 * SECOND), step_ns=SECOND // 2)
    assert answer.frame["value"].to_list() == [float(at) for at in range(2, 60)]
    assert (answer.record.query, answer.record.asked, answer.record.complete) == (fixed, query, "yes")


def test_what_looks_at_all_of_its_window_is_not_called_whole_in_pieces() -> None:
    query = "range_median(m)"
    backend = PrometheusStandIn(derived={query: [one_series({1_000 * at: "1" for at in range(30)})]})
    window = TimeRange(0, 30 * SECOND)
    assert asking(backend).series(query, window, step_ns=SECOND).record.complete == "yes"
    record = asking(backend, max_points=10).series(query, window, step_ns=SECOND).record
    assert (record.complete, record.reason) == (
        "unknown",
        "it was asked for in 3 pieces, and may look at all of its window",
    )


def test_the_digest_does_not_depend_on_the_pieces(recorded: PrometheusStandIn) -> None:
    query = '{__name__=~"http_requests_total|pg_.+|up", namespace="shop-prod"}'
    digests = {
        asking(recorded, max_points=size).series(query, WINDOW, step_ns=STEP).record.digest
        for size in (7, 100, 11_000)
    }
    assert len(digests) == 1


def test_repeats_are_counted_among_the_requests() -> None:
    point = [WINDOW.grid(STEP)[0] / SECOND, "1"]
    data = {"resultType": "matrix", "result": [{"metric": {}, "values": [point]}]}
    body = json.dumps({"status": "success", "data": data}).encode()
    record = source_of(Canned([Response(200, {}, body, retries=2)])).series("up", WINDOW, step_ns=STEP).record
    assert (record.pages, record.requests, record.retries) == (1, 3, 2)


def test_a_long_query_is_sent_as_a_form(recorded: PrometheusStandIn) -> None:
    names = "|".join(f"metric_number_{number}" for number in range(400))
    spy = Spy(recorded)
    asking(spy).series(f'{{__name__=~"{names}|up"}}', WINDOW, step_ns=STEP)
    asking(spy).series("up", WINDOW, step_ns=STEP)
    assert [method for method, _, _ in spy.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("beside", "complete", "reason"),
    [
        ({}, "yes", "evaluated at each of the 240 multiples of the step in the window"),
        (
            {"infos": ["PromQL info: metric might not be a counter, name does not end in _total"]},
            "yes",
            "evaluated at each of the 240 multiples of the step in the window",
        ),
        (
            {"warnings": ['PromQL warning: bucket label "le" is missing']},
            "yes",
            "evaluated at each of the 240 multiples of the step in the window",
        ),
        (
            {"warnings": ["results truncated due to limit"]},
            "no",
            "the server warned: results truncated due to limit",
        ),
        (
            {"warnings": ["No StoreAPIs matched for this query"]},
            "no",
            "the server warned: No StoreAPIs matched for this query",
        ),
        (
            {"warnings": ["something new", "failed to receive any data from store-1"]},
            "no",
            "the server warned: failed to receive any data from store-1",
        ),
        ({"warnings": ["something new"]}, "unknown", "the server warned: something new"),
        ({"isPartial": True}, "no", "the server warned: isPartial: a part of the data was not available"),
    ],
)
def test_a_partial_answer_is_never_silent(beside: dict[str, Any], complete: str, reason: str) -> None:
    backend = PrometheusStandIn([one_series({})], beside=beside)
    record = asking(backend, max_points=100).series("m", WINDOW, step_ns=STEP).record
    assert (record.complete, record.reason) == (complete, reason)
    said = [*beside.get("warnings", ()), *beside.get("infos", ())]
    assert list(record.warnings) == (
        said or (["isPartial: a part of the data was not available"] if beside else [])
    )


def test_the_newest_half_minute_is_not_called_complete() -> None:
    source, now = asking(PrometheusStandIn([one_series({})])), now_ns()
    old = source.series("m", TimeRange(now - 3600 * SECOND, now - 60 * SECOND), step_ns=STEP).record
    fresh = source.series("m", TimeRange(now - 3600 * SECOND, now), step_ns=STEP).record
    assert old.complete == "yes"
    assert fresh.complete == "unknown"
    assert fresh.reason == "the window ends less than 30 s before it was asked, when samples may be under way"


@pytest.mark.parametrize(
    ("query", "step_s", "warning"),
    [
        ("rate(m[1m])", 15, None),
        ("rate(m[1m])", 60, None),
        ("m", 3600, None),
        (
            "rate(m[1m])",
            300,
            "obsnb: a step of 300 s is longer than the range [1m]: what lies between is not seen",
        ),
        (
            "rate(m[5m]) / max_over_time(m[30s:10s])",
            45,
            "obsnb: a step of 45 s is longer than the range [30s]: what lies between is not seen",
        ),
        ('rate(m{a="[1s]"}[10m]) # [1s]', 300, None),
    ],
)
def test_a_step_that_leaps_over_samples_is_warned_of(query: str, step_s: int, warning: str | None) -> None:
    backend = PrometheusStandIn(derived={query: [one_series({})]})
    record = asking(backend).series(query, WINDOW, step_ns=step_s * SECOND).record
    assert record.warnings == (() if warning is None else (warning,))
    assert record.complete == "yes"


def test_a_step_of_less_than_a_millisecond_is_refused_before_it_is_sent() -> None:
    spy = Spy(PrometheusStandIn())
    with pytest.raises(QueryError) as raised:
        asking(spy).series("up", WINDOW, step_ns=1_500_000)
    assert str(raised.value) == (
        "A step of 1500000 ns is not a whole number of milliseconds.\n"
        "  query:  up\n"
        "Hint: Prometheus counts time in milliseconds: ask for a step such as 15s or 500ms."
    )
    assert spy.asked == []


def test_a_query_in_another_language_is_not_sent() -> None:
    spy = Spy(PrometheusStandIn())
    source = asking(spy)
    for ask in (
        lambda query: source.series(query, WINDOW, step_ns=STEP),
        lambda query: source.instant(query, at_ns=END),
        lambda query: source.samples(query, WINDOW),
        lambda query: source.exemplars(query, WINDOW),
    ):
        with pytest.raises(QueryError, match="looks like LogQL"):
            ask('{app="a"} |= "error"')
    assert spy.asked == []


def test_a_parse_error_says_where(recorded: PrometheusStandIn) -> None:
    with pytest.raises(RejectedError) as raised:
        asking(recorded).series("sum(rate(", WINDOW, step_ns=STEP)
    assert str(raised.value) == (
        "prometheus answered 400: it cannot parse the query (line 1, column 10).\n"
        "  query:  sum(rate(\n"
        "  window: 2026-11-23T18:13:19Z to 2026-11-23T19:13:19Z\n"
        "  server: bad_data: 1:10: parse error: unclosed left parenthesis\n"
        "Hint: The query ends too early: a bracket, a quote or a value is missing at its end."
    )


def test_an_execution_error_keeps_the_servers_words(recorded: PrometheusStandIn) -> None:
    counter = 'http_requests_total{namespace="shop-prod"}'
    with pytest.raises(RejectedError) as raised:
        asking(recorded).instant(f"{counter} * on() group_left() {counter}", at_ns=END)
    assert raised.value.status == 422
    assert raised.value.server is not None
    assert raised.value.server.startswith("execution: found duplicate series for the match group {}")


def test_a_timeout_of_one_point_is_a_limit() -> None:
    said = {"status": "error", "errorType": "timeout", "error": "query timed out in expression evaluation"}
    with pytest.raises(LimitError) as raised:
        canned(said, status=503).instant("up", at_ns=END)
    assert str(raised.value) == (
        "prometheus answered 503: the query took longer than it allows.\n"
        "  query:  up\n"
        "  window: 2026-11-23T19:13:19Z to 2026-11-23T19:13:19.001Z\n"
        "  server: timeout: query timed out in expression evaluation\n"
        "Hint: Narrow the selector, or ask for a shorter window."
    )


def test_an_answer_that_is_cut_short_is_an_error() -> None:
    with pytest.raises(AnswerError) as raised:
        canned(b'{"status":"success","data":{"resultType":"matrix","res').series("up", WINDOW, step_ns=STEP)
    assert str(raised.value) == (
        "prometheus answered 200, but the answer cannot be read: Input data was truncated.\n"
        "  query:  up\n"
        "  window: 2026-11-23T18:13:19Z to 2026-11-23T19:13:19Z\n"
        "  server: 54 bytes of no content type, beginning with "
        '{"status":"success","data":{"resultType":"matrix","res\n'
        "Hint: Check that the URL is this kind of server, and that nothing in between changes its answers."
    )


@pytest.mark.parametrize("ask", ["exemplars", "label_names"])
def test_every_question_finds_an_unreadable_answer(ask: str) -> None:
    source = canned(b"what?")
    with pytest.raises(AnswerError, match="the answer cannot be read"):
        source.exemplars("up", WINDOW) if ask == "exemplars" else source.label_names(WINDOW)


@dataclass
class FailsAt:
    """A backend that fails on questions for a moment."""

    backend: PrometheusStandIn
    second: int

    def answer(self, method: str, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
        end = float(params.get("end", params.get("time", ["0"]))[0])
        start = float(params["start"][0]) if "start" in params else end - len(params["query"][0])
        if path.startswith("/api/v1/query") and start <= self.second <= end:
            return 500, {}, b"out of memory"
        return self.backend.answer(method, path, params, headers)


def test_a_piece_that_the_server_fails_on_does_not_take_the_others_with_it() -> None:
    backend = PrometheusStandIn([one_series({second * 1_000: str(second) for second in range(30)}, a="x")])
    window = TimeRange(0, 30 * SECOND)
    answer = asking(FailsAt(backend, 12), max_points=10).series("m", window, step_ns=SECOND)
    assert answer.frame["value"].to_list() == [float(one) for one in (*range(10), *range(20, 30))]
    assert (answer.record.pages, answer.record.requests, answer.record.rows) == (2, 3, 20)
    assert (answer.record.complete, answer.record.reason) == (
        "no",
        "1970-01-01T00:00:10Z to 1970-01-01T00:00:19Z was not answered: prometheus answered 500: it failed",
    )
    with pytest.raises(ServerError) as raised:
        asking(FailsAt(backend, 12)).series("m", window, step_ns=SECOND)
    assert str(raised.value) == (
        "prometheus answered 500: it failed.\n"
        "  query:  m\n"
        "  window: 1970-01-01T00:00:00Z to 1970-01-01T00:00:30Z\n"
        "  server: out of memory\n"
        "Hint: Try again in a little while; obs.health() asks how the sources are doing."
    )


def test_raw_samples_of_a_piece_that_fails_are_said_to_be_missing() -> None:
    points = {second * 1_000: str(second) for second in range(40)}

    @dataclass
    class Server:
        backend: PrometheusStandIn

        def answer(self, method: str, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
            if (params["time"], params["query"]) == (["19.999"], ["m[10000ms]"]):
                return 500, {}, b"out of memory"
            return self.backend.answer(method, path, params, headers)

    backend = Server(PrometheusStandIn([one_series(points, a="x")], max_samples=11))
    answer = asking(backend).samples("m", TimeRange(0, 40 * SECOND))
    # What begins a piece's range is the last moment of the piece before: it came with the one after it.
    assert answer.frame["value"].to_list() == [float(one) for one in (*range(10), *range(20, 40))]
    assert (answer.record.complete, answer.record.reason) == (
        "no",
        "1970-01-01T00:00:10Z to 1970-01-01T00:00:19.999Z was not answered: prometheus answered 500: "
        "it failed",
    )


def test_an_unreachable_server_says_the_query_and_the_window() -> None:
    source = source_of(Canned([UnreachableError("prometheus cannot be reached.")]))
    with pytest.raises(UnreachableError) as raised:
        source.series("up", WINDOW, step_ns=STEP)
    assert str(raised.value) == (
        "prometheus cannot be reached.\n  query:  up\n  window: 2026-11-23T18:13:19Z to 2026-11-23T19:13:19Z"
    )


def test_an_instant_is_one_row_a_series_at_that_moment(recorded: PrometheusStandIn) -> None:
    answer = asking(recorded).instant('up{namespace="shop-prod"}', at_ns=END - 1, role="builds")
    assert answer.frame.height == 8
    at = (END - 1) // MS * MS
    assert answer.frame["timestamp"].cast(pl.Int64).unique().to_list() == [at]
    assert answer.record.window == TimeRange(at, at + MS)
    assert (answer.record.params, answer.record.role) == ({"instant": True}, "builds")
    assert (answer.record.complete, answer.record.reason) == ("yes", "evaluated at that instant")


def test_an_instant_keeps_the_servers_order_and_reads_scalars_and_histograms(
    recorded: PrometheusStandIn,
) -> None:
    source = asking(recorded)
    query = 'sum by (status_code) (increase(http_requests_total{namespace="shop-prod"}[1h]))'
    assert source.instant(query, at_ns=END + SECOND).frame["status_code"].to_list() == ["200", "500", "401"]
    assert source.instant("42", at_ns=END + SECOND).frame["value"].to_list() == [42.0]
    histogram = source.instant("native_latency_seconds", at_ns=1_795_460_899 * SECOND).frame
    assert histogram["histogram"].struct.field("count").to_list() == [1015.0]
    with pytest.raises(QueryError, match=r"^The query gives a text, not numbers\.\n  query:  \"hello\"\n"):
        source.instant('"hello"', at_ns=END + SECOND)


SAMPLES = {3 * n: str(n) for n in range(200)}


@given(st.integers(0, 600 * MS), st.integers(1, 600 * MS), st.booleans(), st.sampled_from([1, 2, 30, 10_000]))
@settings(max_examples=150, deadline=None)
def test_samples_are_those_in_the_window_on_servers_before_and_since_prometheus_3(
    first: int, length: int, left_open: bool, max_samples: int
) -> None:
    window = TimeRange(first, first + length)
    series = [one_series(SAMPLES, step=3, a="x"), one_series(SAMPLES, step=3, a="y")]
    # Both series have a sample at a time, so that a server that takes one alone can never answer.
    backend = PrometheusStandIn(series, left_open=left_open, max_samples=2 * max_samples)
    answer = asking(backend).samples("m", window)
    inside = [(ms, text) for ms, text in SAMPLES.items() if ms * MS in window]
    expected = [(ms, name, repr(float(text))) for name in "xy" for ms, text in inside]
    assert (rows(answer.frame) if answer.frame.height else []) == expected
    assert answer.record.complete == "yes"


def test_a_sample_at_the_seam_of_two_pieces_is_there_once() -> None:
    backend = PrometheusStandIn([one_series(SAMPLES, step=3, a="x")], max_samples=60)
    answer = asking(backend).samples("m", TimeRange(0, 308 * MS))  # halved at 154, after 153
    assert answer.record.pages == 2
    assert [ms for ms, _, _ in rows(answer.frame)] == list(range(0, 308, 3))


def test_recorded_samples_come_with_their_own_times(recorded: PrometheusStandIn) -> None:
    selector = 'active_connections{namespace="shop-prod"}'
    answer = asking(recorded).samples(f" {selector} ", WINDOW)
    wire = json.loads((FOLDER / "active-connections.body").read_bytes())["data"]["result"][0]["values"]
    assert answer.frame["timestamp"].dt.timestamp("ms").to_list() == [s * 1_000 for s, _ in wire[:-1]]
    assert answer.frame["value"].to_list() == [float(value) for _, value in wire[:-1]]
    assert answer.record.query == f"{selector}[3600000ms]"
    assert answer.record.asked == f" {selector} "
    assert answer.record.params == {"samples": True}
    assert answer.record.reason == "every sample that it has in the window"


def test_exemplars_are_those_in_the_window_start_inclusive_and_end_exclusive(
    recorded: PrometheusStandIn,
) -> None:
    source, query = asking(recorded), 'http_request_duration_seconds_bucket{namespace="shop-prod"}'
    everything = source.exemplars(query, WINDOW).frame
    times = everything["timestamp"].cast(pl.Int64).to_list()
    assert len(times) == 635
    part = source.exemplars(query, TimeRange(times[100], times[200]))
    assert part.frame["timestamp"].cast(pl.Int64).to_list() == times[100:200]
    assert part.record.kind == "exemplars"
    assert part.record.selection == "the single observations that were kept with a trace id"
    assert part.record.reason == "every exemplar that it still has in the window"
    narrowed = query.replace("}", ', tenant_id="acme"}')
    assert source.exemplars(narrowed, WINDOW).frame["tenant_id"].unique().to_list() == ["acme"]


def test_no_exemplars_are_an_empty_frame(recorded: PrometheusStandIn) -> None:
    answer = asking(recorded).exemplars("up", WINDOW)
    assert answer.frame.schema == EXEMPLARS.empty().schema
    assert answer.record.rows == 0


def test_labels_values_and_metrics_are_listed(recorded: PrometheusStandIn) -> None:
    source = asking(recorded)
    names = source.label_names(WINDOW)
    assert {"__name__", "endpoint", "le", "namespace", "tenant_id"} <= set(names)
    endpoints = json.loads((FOLDER / "label-values.body").read_bytes())["data"]
    assert source.label_values("endpoint", WINDOW) == endpoints
    assert source.metric_names(WINDOW, matchers={"namespace": "edge"}) == ["native_latency_seconds"]
    assert "up" in source.metric_names(WINDOW)
    before = TimeRange(START - 3600 * SECOND, START - 1800 * SECOND)
    assert source.metric_names(before) == []


def test_a_label_beyond_letters_is_escaped_in_the_path() -> None:
    spy = Spy(PrometheusStandIn())
    asking(spy).label_values("http.status_code/ü", WINDOW)
    assert spy.asked[0][1] == "/api/v1/label/U__http_2e_status__code_2f__fc_/values"


def test_names_that_are_refused_say_why() -> None:
    said = {"status": "error", "errorType": "bad_data", "error": 'invalid label name: "x"'}
    with pytest.raises(RejectedError) as raised:
        canned(said, status=400).label_values("x", WINDOW)
    assert raised.value.server == 'bad_data: invalid label name: "x"'
    assert raised.value.window == str(WINDOW)


def health_with(*responses: Response | ObsnbError) -> tuple[str, str]:
    health = source_of(Canned(responses)).health()
    return health.status, health.message.split("\n")[0]


BUILD = Response(200, {}, b'{"status":"success","data":{"version":"2.42.0"}}', seconds=0.25)
READY = Response(200, {}, b"Prometheus Server is Ready.\n", seconds=0.125)
NOTHING = Response(404, {}, b"404 page not found\n", seconds=0.5)


def test_a_healthy_server_tells_its_version_limits_and_clock() -> None:
    late = datetime.fromtimestamp(now_ns() / 1e9 - 3600, UTC)
    build = Response(200, {"date": format_datetime(late, usegmt=True)}, BUILD.body, seconds=0.25)
    flags = {"query.max-samples": "50000000", "query.timeout": "2m", "web.external-url": "http://secret"}
    told = Response(200, {}, json.dumps({"status": "success", "data": flags}).encode(), seconds=0.5)
    health = source_of(Canned([build, READY, told])).health()
    assert (health.source, health.kind, health.status) == ("prometheus", "metrics", "ok")
    assert (health.version, health.latency_s, health.message) == ("2.42.0", 0.125, "")
    assert health.limits == {"query.max-samples": "50000000", "query.timeout": "2m"}
    assert health.clock_skew_s is not None
    assert -3602 <= health.clock_skew_s <= -3598
    assert health.clock_skew_s == int(health.clock_skew_s)


def test_what_speaks_like_prometheus_may_lack_its_readiness_and_flags() -> None:
    health = source_of(Canned([BUILD, NOTHING])).health()
    assert (health.status, health.limits, health.clock_skew_s) == ("ok", {}, None)


def test_health_says_what_is_wrong_and_never_raises(recorded: PrometheusStandIn) -> None:
    assert asking(recorded).health().version == "2.42.0+ds"
    assert health_with(UnreachableError("No route.")) == ("unreachable", "No route.")
    assert health_with(BUILD, Response(503, {}, b"Service Unavailable"), NOTHING)[0] == "degraded"
    assert health_with(Response(401, {}, b"no")) == (
        "refused",
        "prometheus answered 401: it does not accept the credentials, or wants some.",
    )
    assert health_with(NOTHING) == ("degraded", "prometheus answered 404: it has nothing at this path.")
    assert health_with(Response(200, {}, b"\xff{")) == (
        "degraded",
        "prometheus answered 200, but the answer cannot be read: it is not Prometheus' JSON.",
    )
    page = Response(200, {"content-type": "text/html"}, b"<html><title>Log in</title></html>")
    assert health_with(page) == (
        "degraded",
        "prometheus answered 200: an HTML page came back, probably of a login or a proxy.",
    )
