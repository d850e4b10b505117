"""The Prometheus source held against a real VictoriaMetrics: what is the same, and what differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl
import pytest

from obsnb.conventions import DEFAULT
from obsnb.errors import LimitError, RejectedError
from obsnb.settings.endpoint import REPLICA_LABELS
from obsnb.sources.estimates import Question
from obsnb.sources.prometheus import Prometheus
from obsnb.timerange import TimeRange
from tests.real_server import RealServer
from tests.real_victoria_metrics import running_victoria_metrics
from tests.standin.direct import DirectTransport
from tests.standin.prometheus import Recorded

MS, SECOND = 1_000_000, 1_000_000_000
START = 1_700_010_000  # seconds; a multiple of 15, and no midnight
HOURS = 10
WINDOW = TimeRange(START * SECOND, (START + HOURS * 3_600) * SECOND)
HOUR = TimeRange(START * SECOND, (START + 3_600) * SECOND)
ODD = 'a "quoted" \\ value, größer\n<b>{x="y"}</b> 日本'
COUNT = HOURS * 240


def made(name: str, values: list[str], *, shift: int = 0, **labels: str) -> Recorded:
    times = [START * 1_000 + 15_000 * index + shift for index in range(len(values))]
    return Recorded({"__name__": name, **labels}, times[0], 15_000, dict(zip(times, values, strict=True)))


def made_up() -> list[Recorded]:
    gap = made("gappy", [str(index) for index in range(240)], job="gap")
    kept = {ms: value for ms, value in gap.values.items() if not 1_500 <= ms // 1_000 - START < 2_400}
    return [
        made("steady", [repr(1 / (index + 1)) for index in range(COUNT)], job="api", text=ODD),
        made("steady", [str(index) for index in range(COUNT)], job="db"),
        made("requests_total", [str(index * 7 % 1_000) for index in range(COUNT)], job="api"),
        made("odd", [["NaN", "+Inf", "-Inf", "-0", "5e-324"][index % 5] for index in range(40)], job="api"),
        made("between", [str(index) for index in range(240)], shift=7_123, job="api"),
        Recorded(gap.labels, gap.start_ms, gap.step_ms, kept),
        # What two Prometheus servers of one pair send: told apart by a label, or not at all.
        *(made("twice", [str(index)] * 4, job="pair") for index in range(2)),
        *(made("paired", ["1"] * 240, job="pair", prometheus_replica=one) for one in ("a", "b")),
        *(made("up", ["1"] * 240, job="pair", prometheus_replica=one) for one in ("a", "b")),
        *(made("many", ["1"] * 4, n=str(index)) for index in range(60)),
    ]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    with running_victoria_metrics(tmp_path_factory.mktemp("vm"), made_up()) as server:
        yield server


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    limits = {"search_maxUniqueTimeseries": 50, "search_maxSamplesPerQuery": 3_000, "search_maxSeries": 50}
    with running_victoria_metrics(tmp_path_factory.mktemp("vm"), made_up(), **limits) as server:
        yield server


def asking(real: RealServer, *, max_points: int = 11_000) -> Prometheus:
    return Prometheus(DirectTransport(real), conventions=DEFAULT, max_points=max_points)


def points(frame: pl.DataFrame) -> list[tuple[str, int, str]]:
    times = frame["timestamp"].cast(pl.Int64)
    return list(zip(frame["series_id"], times, map(repr, frame["value"]), strict=True))


QUERIES = [
    "steady",
    "rate(requests_total[1m])",
    "sum by (job) (steady) / 0",
    "quantile_over_time(0.9, between[1m])",
    "gappy",
    "odd",
    "vector(time())",
    "1 + 1",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_range_in_many_pieces_equals_the_range_in_one(real: RealServer, query: str) -> None:
    whole = asking(real).series(query, HOUR, step_ns=7 * SECOND)
    pieces = asking(real, max_points=97).series(query, HOUR, step_ns=7 * SECOND)
    assert (whole.record.pages, pieces.record.pages) == (1, 6)
    assert points(pieces.frame) == points(whole.frame)
    assert whole.frame.height > 0
    assert whole.record.complete == "yes"


def test_it_answers_for_any_time_and_says_how_long_it_keeps_data(real: RealServer) -> None:
    source = asking(real)
    record = source.series("nothing", HOUR, step_ns=15 * SECOND).record
    assert (record.complete, record.requests) == ("yes", 4)
    assert (source._reach.limit_ns, source._reach.kept_ns) == (None, 100 * 365 * 86_400 * SECOND)


def test_a_grid_beyond_its_30_000_points_is_halved_until_it_passes(real: RealServer) -> None:
    answer = asking(real, max_points=1_000_000).series("time()", WINDOW, step_ns=SECOND)
    assert answer.frame["value"].to_list() == [float(START + index) for index in range(HOURS * 3_600)]
    assert (answer.record.pages, answer.record.requests, answer.record.complete) == (2, 3, "yes")


def test_a_long_grid_is_not_moved_though_its_start_is_no_multiple_of_the_step(real: RealServer) -> None:
    # It rounds the start and the end of more than 50 points to multiples of the step: they are such already.
    window = TimeRange(WINDOW.start_ns + SECOND, WINDOW.end_ns)
    times = asking(real).series("steady", window, step_ns=7 * SECOND).frame["timestamp"].cast(pl.Int64)
    assert times.unique().to_list() == list(window.grid(7 * SECOND))


@pytest.mark.parametrize("name", ["requests_total", "between", "gappy"])
def test_samples_are_what_was_written(real: RealServer, name: str) -> None:
    answer = asking(real).samples(name, WINDOW)
    told = dict(zip(answer.frame["timestamp"].cast(pl.Int64) // MS, answer.frame["value"], strict=True))
    (written,) = (one.values for one in made_up() if one.labels["__name__"] == name)
    assert told == {ms: float(value) for ms, value in written.items()}
    assert (answer.frame.height, answer.record.complete) == (len(written), "yes")


@pytest.mark.parametrize(
    ("first_ms", "last_ms"), [(0, 15_000), (1, 15_001), (15_000, 15_001), (7_123, 22_123)]
)
def test_samples_begin_with_the_window_and_stop_before_its_end(
    real: RealServer, first_ms: int, last_ms: int
) -> None:
    window = TimeRange((START * 1_000 + first_ms) * MS, (START * 1_000 + last_ms) * MS)
    frame = asking(real).samples('{job="api", __name__=~"requests_total|between"}', window).frame
    (between,) = (one for one in made_up() if one.labels["__name__"] == "between")
    (total,) = (one for one in made_up() if one.labels["__name__"] == "requests_total")
    expected = [ms * MS for one in (between, total) for ms in one.values if ms * MS in window]
    assert frame["timestamp"].cast(pl.Int64).to_list() == expected


def test_its_numbers_are_decimals_that_agree_to_eleven_digits(real: RealServer) -> None:
    frame = asking(real).samples('steady{job="api"}', WINDOW).frame
    assert frame["value"].to_list() == pytest.approx([1 / (index + 1) for index in range(COUNT)], rel=1e-11)


def test_infinities_are_kept_and_what_it_cannot_hold_is_not_invented(real: RealServer) -> None:
    # It drops NaN when it is written, and has no numbers as small as 5e-324, and no negative zero.
    frame = asking(real).samples("odd", WINDOW).frame
    assert list(map(repr, frame["value"])) == ["inf", "-inf", "0.0", "0.0"] * 8
    assert (frame["timestamp"].cast(pl.Int64) // SECOND - START).to_list()[:5] == [15, 30, 45, 60, 90]


def test_samples_of_one_moment_from_two_writers_come_once_and_are_said(real: RealServer) -> None:
    answer = asking(real).samples("twice", WINDOW)
    assert answer.frame["timestamp"].n_unique() == answer.frame.height == 4
    assert (answer.record.complete, answer.record.reason) == (
        "unknown",
        "4 points came again, of the same series and time",
    )


def test_a_pair_that_is_told_apart_by_a_label_is_counted_once(real: RealServer) -> None:
    source = replace(asking(real), replica_labels=REPLICA_LABELS)
    total = source.series("sum(paired)", HOUR, step_ns=60 * SECOND)
    assert set(total.frame["value"]) == {1.0}
    assert total.record.query == 'sum(paired{prometheus_replica="a"})'
    assert source.samples("paired", HOUR).frame.height == 240
    assert set(asking(real).series("sum(paired)", HOUR, step_ns=60 * SECOND).frame["value"]) == {2.0}


def test_deduplicated_by_the_server_they_are_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("vm")
    with running_victoria_metrics(folder, made_up(), dedup_minScrapeInterval="15s") as server:
        answer = asking(server).samples("twice", WINDOW)
    assert (answer.frame.height, answer.record.complete) == (4, "yes")


def test_after_a_gap_it_carries_no_value_on_for_five_minutes_as_prometheus_does(real: RealServer) -> None:
    frame = asking(real).series("gappy", HOUR, step_ns=15 * SECOND).frame
    offsets = (frame["timestamp"].cast(pl.Int64) // SECOND - START).to_list()
    carried = [second for second in offsets if 1_500 <= second < 2_400]
    assert carried
    assert max(carried) < 1_485 + 60  # by a multiple of the scrape interval, which it finds in the samples


def test_its_increase_is_not_extrapolated(real: RealServer) -> None:
    # A gauge that grows by one a sample: Prometheus would say 4 * 60 / 45 of a minute's four samples.
    frame = asking(real).series('increase(steady{job="db"}[1m])', HOUR, step_ns=15 * SECOND).frame
    assert frame["value"].to_list()[-1] == 4.0


def test_labels_and_names_come_back_as_they_were_written(real: RealServer) -> None:
    source = asking(real)
    assert source.label_values("text", HOUR) == [ODD]
    assert source.label_names(HOUR) == ["__name__", "job", "n", "prometheus_replica", "text"]
    assert source.metric_names(HOUR, matchers={"job": "gap"}) == ["gappy"]


def test_an_instant_gives_a_vector_and_a_range_selector_its_samples(real: RealServer) -> None:
    at = (START + 60) * SECOND
    vector = asking(real).instant('steady{job="db"}', at_ns=at).frame
    assert vector.select("metric", "job", "value").rows() == [("steady", "db", 4.0)]
    matrix = asking(real).instant('steady{job="db"}[30s]', at_ns=at).frame
    assert matrix["value"].to_list() == [3.0, 4.0]
    scalar = asking(real).instant("1 + 1", at_ns=at).frame
    assert scalar["value"].to_list() == [2.0]


def test_it_tells_series_and_samples_of_a_query_beforehand(real: RealServer) -> None:
    estimate = asking(real).estimate(Question("metrics", "rate(requests_total[1m])", HOUR, step_ns=SECOND))
    assert (estimate.series, estimate.requests) == (1, 1)
    assert estimate.samples is not None
    assert 240 <= estimate.samples <= 240 * 1.2


def test_exemplars_of_a_server_that_keeps_none_are_an_empty_frame(real: RealServer) -> None:
    assert asking(real).exemplars("steady", HOUR).frame.height == 0


def test_health_says_that_it_is_victoria_metrics_and_the_limits_it_was_given(strict: RealServer) -> None:
    health = asking(strict).health()
    assert (health.status, health.message) == ("ok", "")
    assert health.version is not None
    assert health.version.startswith("VictoriaMetrics")
    assert dict(health.limits) == {
        "retentionPeriod": "100y",
        "search.maxSamplesPerQuery": "3000",
        "search.maxSeries": "50",
        "search.maxUniqueTimeseries": "50",
    }


def test_blocks_of_more_samples_than_it_reads_are_refused_with_what_helps(strict: RealServer) -> None:
    # It counts whole blocks of up to 8,192 samples, so that no window is short enough. How it cut them, and
    # so how many requests that takes, hangs on how busy it was; test_pieces.py counts them.
    with pytest.raises(LimitError) as raised:
        asking(strict).samples("steady", WINDOW)
    assert raised.value.hint == "Narrow the selector, or ask for a shorter window."


def test_more_series_than_it_allows_are_refused_in_words(strict: RealServer) -> None:
    with pytest.raises(LimitError) as raised:
        asking(strict).series("count(many)", HOUR, step_ns=15 * SECOND)
    assert str(raised.value).startswith(
        "prometheus answered 422: the query makes more series than it allows.\n"
    )
    assert raised.value.hint == "Narrow the selector, or sum by (...) over fewer labels."


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("sum(rate(", "it cannot parse the query"),
        ('steady{job="a"', "it cannot parse the query"),
        ("nofunc(steady)", "it cannot parse the query"),
        (
            "steady / on() steady",
            "the two sides of an operation do not match one to one",
        ),
    ],
)
def test_what_it_refuses_is_said_as_of_prometheus(real: RealServer, query: str, says: str) -> None:
    with pytest.raises(RejectedError) as raised:
        asking(real).series(query, HOUR, step_ns=60 * SECOND)
    assert str(raised.value).splitlines()[0] == f"prometheus answered 422: {says}."


def test_a_query_that_is_longer_than_it_reads_is_said_so(real: RealServer) -> None:
    with pytest.raises(LimitError) as raised:
        asking(real).instant("x" * 20_000, at_ns=WINDOW.start_ns)
    assert (raised.value.hint, raised.value.server) == (
        "Write a shorter query.",
        "422: too long query; got 20000 bytes; mustn't exceed `-search.maxQueryLen=16384` bytes",
    )


def test_what_it_tells_beside_values_is_read(real: RealServer) -> None:
    source = asking(real)
    series = source.look("series", window=WINDOW, text="steady").frame
    assert series["metric"].cast(pl.String).unique().to_list() == ["steady"]
    assert "job" in source.look("labels", window=WINDOW).frame["name"].to_list()
    assert "db" in source.look("labels", window=WINDOW, text="job").frame["name"].to_list()
    assert source.look("targets").frame.columns == [
        "pool",
        "url",
        "health",
        "last_error",
        "scraped",
        "scrape_s",
    ]
    assert source.look("rules").frame.height == 0
    assert source.look("alerts").frame.height == 0
    assert source.look("metadata").frame.columns == ["metric", "type", "unit", "help"]
