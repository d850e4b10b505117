"""The Prometheus source, and the stand-in for its server, held against a real Prometheus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from obsnb.conventions import DEFAULT
from obsnb.errors import RejectedError
from obsnb.query import promql
from obsnb.settings import Endpoint
from obsnb.sources.cached import Cached
from obsnb.sources.estimates import Question
from obsnb.sources.prometheus import Prometheus
from obsnb.store.answers import AnswerStore
from obsnb.timerange import TimeRange
from obsnb.transport.http import HttpTransport
from tests.real_prometheus import RealPrometheus, running_prometheus
from tests.standin.direct import DirectTransport
from tests.standin.prometheus import PrometheusStandIn, Recorded

MS, SECOND = 1_000_000, 1_000_000_000
RECORDINGS = Path(__file__).parents[1] / "recordings" / "slow-query" / "prometheus"
START = 1_793_491_200  # seconds; a multiple of every step below
HOURS = 4
WINDOW = TimeRange(START * SECOND, (START + HOURS * 3600) * SECOND)
ODD = 'a "quoted" \\ value, größer\n<b>{x="y"}</b> 日本'


def made_up() -> list[Recorded]:
    """Series at every 15 s, one with times between the seconds, one with a gap of half an hour."""

    def series(name: str, values: list[str], *, shift: int = 0, **labels: str) -> Recorded:
        times = [START * 1_000 + 15_000 * index + shift for index in range(len(values))]
        return Recorded({"__name__": name, **labels}, times[0], 15_000, dict(zip(times, values, strict=True)))

    count = HOURS * 240
    steady = [repr(1 / (index + 1)) for index in range(count)]
    counter = [str(index * 7 % 1_000) for index in range(count)]  # with resets
    odd = [["NaN", "+Inf", "-Inf", "-0", "5e-324"][index % 5] for index in range(count)]
    gap = series("gappy", steady, job="gap")
    kept = {ms: value for ms, value in gap.values.items() if not 3_600 <= ms // 1_000 - START < 5_400}
    return [
        series("steady", steady, job="api", text=ODD),
        series("steady", steady[::-1], job="db", text=""),
        series("requests_total", counter, job="api", code="200"),
        series("odd", odd, job="api"),
        series("between", steady, shift=7_123, job="api"),
        Recorded(gap.labels, gap.start_ms, gap.step_ms, kept),
    ]


def openmetrics(series: list[Recorded]) -> str:
    lines = []
    for one in series:
        name = one.labels["__name__"]
        kind = "counter" if name.endswith("_total") else "gauge"
        if (head := f"# TYPE {name.removesuffix('_total')} {kind}") not in lines:
            lines.append(head)
        labels = ",".join(
            f"{key}={promql.quote(value)}" for key, value in one.labels.items() if key != "__name__"
        )
        lines += [f"{name}{{{labels}}} {value} {ms / 1000:.3f}" for ms, value in one.values.items()]
    return "\n".join([*lines, "# EOF\n"])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), openmetrics(made_up())) as server:
        yield server


@pytest.fixture
def over_http(real: RealPrometheus) -> Iterator[HttpTransport]:
    transport = HttpTransport(Endpoint("metrics-1", "prometheus", real.url, parallel=4))
    yield transport
    transport.close()


@pytest.fixture(scope="module")
def standin() -> PrometheusStandIn:
    # An empty label is none: the server drops it.
    return PrometheusStandIn(
        [
            Recorded({k: v for k, v in one.labels.items() if v}, one.start_ms, one.step_ms, one.values)
            for one in made_up()
        ]
    )


def asking(backend: RealPrometheus | PrometheusStandIn, *, max_points: int = 11_000) -> Prometheus:
    return Prometheus(DirectTransport(backend), conventions=DEFAULT, max_points=max_points)


def points(frame: pl.DataFrame) -> list[tuple[str, int, str]]:
    """Each row as text, so that NaN equals NaN and -0 does not equal 0."""
    times = frame["timestamp"].cast(pl.Int64)
    return list(zip(frame["series_id"], times, map(repr, frame["value"]), strict=True))


QUERIES = [
    "steady",
    "odd",
    "between",
    "gappy",
    "rate(requests_total[1m])",
    "sum by (job) (steady) / 0",
    "quantile_over_time(0.9, between[1m])",
    "vector(time())",
    "1 + 1",
]
ENDS = "rate(requests_total[1m] @ end()) + on (job) steady @ start()"


@pytest.mark.parametrize("query", [*QUERIES, ENDS])
def test_a_range_in_many_pieces_equals_the_range_in_one(real: RealPrometheus, query: str) -> None:
    step = 7 * SECOND
    whole = asking(real).series(query, WINDOW, step_ns=step)
    pieces = asking(real, max_points=97).series(query, WINDOW, step_ns=step)
    assert (whole.record.pages, pieces.record.pages) == (1, 22)
    assert points(pieces.frame) == points(whole.frame)
    assert whole.frame.height > 0
    assert whole.record.digest == pieces.record.digest
    assert whole.record.complete == "yes"


def test_it_answers_for_any_time_and_says_how_long_it_keeps_data(real: RealPrometheus) -> None:
    source = asking(real)
    record = source.series("nothing", WINDOW, step_ns=15 * SECOND).record
    assert (record.complete, record.requests) == ("yes", 3)
    assert (source._reach.limit_ns, source._reach.kept_ns) == (None, 100 * 365 * 86_400 * SECOND)


def test_a_range_beyond_the_servers_limit_is_whole(real: RealPrometheus) -> None:
    answer = asking(real).series("time()", WINDOW, step_ns=SECOND)
    seconds = [START + index for index in range(HOURS * 3600)]
    assert answer.record.requests == 2
    assert answer.frame["value"].to_list() == [float(second) for second in seconds]
    assert answer.frame["timestamp"].cast(pl.Int64).to_list() == [second * SECOND for second in seconds]


def test_pieces_under_way_at_once_over_http_equal_the_range_in_one(
    real: RealPrometheus, over_http: HttpTransport
) -> None:
    query = '{job=~"api|gap"}'
    source = Prometheus(over_http, conventions=DEFAULT, name="metrics-1", max_points=50)
    pieces = source.series(query, WINDOW, step_ns=15 * SECOND)
    whole = asking(real).series(query, WINDOW, step_ns=15 * SECOND)
    assert (pieces.record.source, pieces.record.requests, pieces.record.retries) == ("metrics-1", 20, 0)
    assert points(pieces.frame) == points(whole.frame)
    assert source.health().status == "ok"


def test_pieces_that_the_server_refuses_are_halved(real: RealPrometheus) -> None:
    answer = asking(real, max_points=1_000_000).series("time()", WINDOW, step_ns=SECOND)
    assert answer.frame.height == HOURS * 3600
    assert answer.frame["value"].is_sorted()
    assert (answer.record.pages, answer.record.requests) == (2, 3)


@pytest.mark.parametrize("name", ["steady", "requests_total", "odd", "between", "gappy"])
def test_samples_are_what_was_written(real: RealPrometheus, name: str) -> None:
    frame = asking(real).samples(name, WINDOW).frame
    written = {
        one.labels["job"]: [(ms, repr(float(value))) for ms, value in one.values.items()]
        for one in made_up()
        if one.labels["__name__"] == name
    }
    for (job,), rows in frame.group_by("job"):
        told = zip(rows["timestamp"].cast(pl.Int64) // MS, map(repr, rows["value"]), strict=True)
        assert list(told) == written.pop(str(job))
    assert written == {}


@pytest.mark.parametrize(
    ("first_ms", "last_ms"), [(0, 15_000), (1, 15_001), (15_000, 15_001), (7_123, 22_123)]
)
def test_samples_begin_with_the_window_and_stop_before_its_end(
    real: RealPrometheus, first_ms: int, last_ms: int
) -> None:
    window = TimeRange((START * 1_000 + first_ms) * MS, (START * 1_000 + last_ms) * MS)
    frame = asking(real).samples('{job="api", __name__=~"odd|between"}', window).frame
    expected = [
        ms * MS
        for one in sorted(made_up(), key=lambda one: one.labels["__name__"])
        if one.labels["__name__"] in {"odd", "between"}
        for ms in one.values
        if ms * MS in window
    ]
    assert frame["timestamp"].cast(pl.Int64).to_list() == expected


def test_labels_come_back_as_they_were_written(real: RealPrometheus) -> None:
    source = asking(real)
    frame = source.instant(promql.selector({"text": ODD}, metric="steady"), at_ns=WINDOW.start_ns).frame
    assert frame.select("metric", "job", "text").rows() == [("steady", "api", ODD)]
    assert source.label_values("text", WINDOW) == [ODD]
    assert source.label_names(WINDOW) == ["__name__", "code", "job", "text"]
    assert source.metric_names(WINDOW, matchers={"job": "gap"}) == ["gappy"]


def test_a_long_query_arrives_as_a_form(over_http: HttpTransport) -> None:
    names = "|".join(f"metric_number_{number}" for number in range(2_000))
    source = Prometheus(over_http, conventions=DEFAULT)
    answer = source.series(f'{{__name__=~"{names}|steady"}}', WINDOW, step_ns=3600 * SECOND)
    assert answer.frame.height == 2 * HOURS


@pytest.mark.parametrize(
    ("query", "server"),
    [
        ("sum(rate(", "bad_data: 1:10: parse error: unclosed left parenthesis"),
        (
            "steady[5m]",
            'bad_data: invalid expression type "range vector" for range query, '
            "must be Scalar or instant Vector",
        ),
        (
            '"text"',
            'bad_data: invalid expression type "string" for range query, must be Scalar or instant Vector',
        ),
    ],
)
def test_what_the_server_refuses_is_said_in_its_words(real: RealPrometheus, query: str, server: str) -> None:
    with pytest.raises(RejectedError) as raised:
        asking(real).series(query, WINDOW, step_ns=60 * SECOND)
    assert raised.value.server == server
    assert raised.value.query == query
    assert raised.value.window == str(WINDOW)


def test_health_tells_the_version_the_clock_and_the_limits(real: RealPrometheus) -> None:
    health = asking(real).health()
    assert (health.status, health.message) == ("ok", "")
    assert health.version is not None
    assert health.clock_skew_s in {-1.0, 0.0, 1.0}
    assert health.limits["query.max-samples"] == "50000000"
    assert health.limits["query.timeout"] == "2m"


def test_exemplars_of_a_server_without_any_are_an_empty_frame(real: RealPrometheus) -> None:
    assert asking(real).exemplars("steady", WINDOW).frame.height == 0


SELECTORS = [
    "steady",
    'steady{job="api"}',
    '{__name__=~"steady|odd", job="api"}',
    '{__name__=~"s.+", job!="api"}',
    '{job=~"a.*|gap", code=""}',
    '{__name__!~"steady|odd", job!~"g.p", job!=""}',
    "{job=~'a|d|db',}",
    'steady{text=~`a "quoted".+`}',
    promql.selector({"text": ODD}),
    promql.selector({"job": "api"}, names=["requests_.+", "odd"]),
    "nothing_here",
]


@pytest.mark.parametrize("selector", SELECTORS)
def test_the_stand_in_chooses_and_evaluates_as_the_real_server_does(
    real: RealPrometheus, standin: PrometheusStandIn, selector: str
) -> None:
    # Where the recorded grid itself is asked for, and there is no gap, both must tell the same.
    window = TimeRange(WINDOW.start_ns, WINDOW.start_ns + 1800 * SECOND)
    ours, theirs = (
        asking(backend).series(selector, window, step_ns=15 * SECOND) for backend in (standin, real)
    )
    without = [points(answer.frame.filter(pl.col("metric") != "between")) for answer in (ours, theirs)]
    assert without[0] == without[1]
    assert ours.frame.columns == theirs.frame.columns
    ours, theirs = (asking(backend).samples(selector, window) for backend in (standin, real))
    assert points(ours.frame) == points(theirs.frame)
    for name in ("job", "text"):
        assert asking(standin).label_values(name, window) == asking(real).label_values(name, window)


REFUSED = [
    (
        "/api/v1/query_range",
        {"query": ["up"], "start": ["0"], "end": ["86400"], "step": ["1"]},
        "error-11000",
    ),
    (
        "/api/v1/query_range",
        {"query": ["up"], "start": ["9"], "end": ["8"], "step": ["1"]},
        "error-end-before-start",
    ),
    ("/api/v1/query", {"query": ["sum(rate("], "time": ["1795461200"]}, "error-parse"),
    ("/api/v1/nothing", {}, "error-not-found"),
    ("/api/v1/query_range", {"query": ["up"], "start": ["0"], "end": ["9"], "step": ["0"]}, None),
    ("/api/v1/query_range", {"query": ["up"], "start": ["x"], "end": ["9"], "step": ["1"]}, None),
    ("/api/v1/query_range", {"query": ["up"], "start": ["1"], "end": ["9"], "step": ["x"]}, None),
    ("/api/v1/query_range", {"query": ["up[5m]"], "start": ["1"], "end": ["9"], "step": ["1"]}, None),
    ("/api/v1/query_range", {"query": ["sum(rate("], "start": ["1"], "end": ["9"], "step": ["1"]}, None),
    ("/api/v1/query_range", {"query": ['{a!="b"}'], "start": ["1"], "end": ["9"], "step": ["1"]}, None),
    ("/api/v1/query", {"query": ['{a!="b"}'], "time": ["1"]}, None),
    ("/-/ready", {}, None),
]


@pytest.mark.parametrize(("path", "params", "recording"), REFUSED)
def test_the_stand_in_speaks_as_the_real_server_does(
    real: RealPrometheus, path: str, params: dict[str, list[str]], recording: str | None
) -> None:
    standin = PrometheusStandIn.from_recordings(RECORDINGS)
    status, headers, body = standin.answer("GET", path, params, {})
    told = real.answer("GET", path, params, {})
    assert (status, headers["content-type"], body) == (told[0], told[1]["content-type"], told[2])
    if recording is not None:
        asked = json.loads((RECORDINGS / f"{recording}.json").read_text())
        assert (status, body) == (asked["status"], (RECORDINGS / asked["body"]).read_bytes())


def test_it_tells_series_and_samples_of_a_query_beforehand(real: RealPrometheus) -> None:
    query = 'sum by (job) (rate(requests_total[10m])) / on () group_left () count(steady{job="api"})'
    estimate = asking(real).estimate(Question("metrics", query, WINDOW, step_ns=SECOND))
    assert (estimate.series, estimate.requests) == (2, 2)
    # A sample every 15 s of either, over the window and the ten minutes before it, of which there is nothing.
    there = HOURS * 240 * 2
    assert estimate.samples is not None
    assert there <= estimate.samples <= there * 1.1
    assert estimate.record.requests == 3
    assert estimate.note == "the samples are those of five minutes in the middle, times the window's length"
    minute = TimeRange(START * SECOND, (START + 60) * SECOND)
    exact = asking(real).estimate(Question("samples", "between", minute))
    assert (exact.series, exact.samples, exact.note) == (1, 4, "")


def test_where_there_are_more_series_than_are_listed_those_at_the_end_are_counted(
    real: RealPrometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("obsnb.sources.prometheus_estimate._LISTED", 3)
    estimate = asking(real).estimate(Question("metrics", '{job=~".+"}', WINDOW, step_ns=15 * SECOND))
    assert (estimate.series, estimate.samples) == (6, None)
    assert estimate.note == ("there are at least so many series: so many at the end of the window, or listed")


def test_a_query_that_the_server_does_not_take_has_no_estimate(real: RealPrometheus) -> None:
    estimate = asking(real).estimate(Question("metrics", 'sum({job=~".*"})', WINDOW, step_ns=SECOND))
    assert (estimate.series, estimate.samples) == (None, None)
    assert estimate.note == "the server does not say how many series there are"
    assert estimate.record.complete == "unknown"


@pytest.mark.parametrize("query", QUERIES)
def test_what_was_kept_of_other_windows_gives_the_same_points(
    real: RealPrometheus, query: str, tmp_path: Path
) -> None:
    source, step = asking(real), 7 * SECOND
    store = AnswerStore(tmp_path, most_bytes=10**9)
    cached = Cached(source, store, "who", "prometheus", DEFAULT, 600 * SECOND)
    hour = 3_600 * SECOND
    windows = [(1.2, 1.7), (0.5, 1.3), (2, 2.1), (0, 4), (0.1, 3.9)]
    for first, last in windows:
        window = TimeRange(WINDOW.start_ns + int(first * hour), WINDOW.start_ns + int(last * hour))
        kept, whole = cached.series(query, window, step_ns=step), source.series(query, window, step_ns=step)
        assert points(kept.frame) == points(whole.frame)
        assert (kept.frame.schema, kept.record.digest) == (whole.frame.schema, whole.record.digest)
    assert kept.record.requests == 0
