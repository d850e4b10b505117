"""Every line exactly once, or a plain word that it is not."""

import collections
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import AccessError, LimitError, QueryError, RejectedError
from obsnb.schema import LOGS
from obsnb.sources.loki import Loki
from obsnb.timerange import TimeRange, now_ns
from tests.standin.direct import DirectTransport
from tests.standin.loki import LokiStandIn, Row

RECORDINGS = Path(__file__).parents[1] / "recordings"
BASE = 1_795_460_599_000_000_000
EDGE = TimeRange(BASE, BASE + 1_000_000)


@pytest.fixture(scope="module")
def slow_query():
    return LokiStandIn.from_recordings(RECORDINGS / "slow-query" / "loki")


def _loki(backend, **changes):
    return Loki(DirectTransport(backend), conventions=DEFAULT, **changes)


def _truth(name):
    truth = json.loads((RECORDINGS / name / "truth.json").read_text("utf-8"))
    return truth, TimeRange(int(truth["start"]) * 10**9, (int(truth["end"]) + 1) * 10**9)


def _multiset(frame):
    labels = [name for name in frame.columns if name not in LOGS.names and not name.startswith("metadata.")]
    told = frame.select(pl.col("timestamp").to_physical(), "line", pl.col(labels).cast(pl.String))
    metadata = frame.select(pl.col("^metadata\\..*$"))
    return collections.Counter(zip(told.rows(), metadata.rows(), strict=True))


@pytest.mark.parametrize("page_limit", [5_000, 777])
@pytest.mark.parametrize("name", ["slow-query", "datasource"])
def test_every_line_of_an_incident_comes_once_whatever_the_page_size(name, page_limit):
    truth, window = _truth(name)
    stand_in = LokiStandIn.from_recordings(RECORDINGS / name / "loki")
    answer = _loki(stand_in, page_limit=page_limit).logs(f'{{namespace="{truth["namespace"]}"}}', window)
    assert answer.frame.height == truth["log_lines"]
    assert answer.frame["row_id"].n_unique() == truth["log_lines"]
    assert answer.frame["timestamp"].is_sorted()
    assert answer.record.complete == "yes"
    assert answer.record.pages >= truth["log_lines"] / page_limit


def test_the_frame_and_its_digest_do_not_depend_on_how_it_was_paged(slow_query):
    window = TimeRange(BASE - 300 * 10**9, BASE)
    answers = [_loki(slow_query, page_limit=n).logs('{namespace="shop-prod"}', window) for n in (5_000, 97)]
    assert answers[0].frame.equals(answers[1].frame)
    assert answers[0].record.digest == answers[1].record.digest


def test_seven_hundred_lines_in_one_nanosecond_come_whole_at_a_page_of_a_hundred(slow_query):
    answer = _loki(slow_query, page_limit=100).logs('{namespace="edge", case="ties"}', EDGE)
    assert answer.frame["timestamp"].to_physical().to_list() == [BASE] * 700 + [BASE + 1]
    assert answer.frame["line"].n_unique() == 701
    assert answer.record.complete == "yes"


def test_equal_lines_of_two_streams_are_two_lines(slow_query):
    frame = _loki(slow_query).logs('{namespace="edge", case=~"equal-.*"}', EDGE).frame
    assert frame["line"].to_list() == ["same line, other stream"] * 2
    assert frame["case"].to_list() == ["equal-a", "equal-b"]
    assert frame["row_id"].n_unique() == 2


def test_neighbours_in_the_same_microsecond_keep_their_nanoseconds_and_order(slow_query):
    frame = _loki(slow_query, page_limit=3).logs('{namespace="edge", case="nanoseconds"}', EDGE).frame
    times = frame["timestamp"].to_physical()
    assert times.is_sorted()
    assert times.n_unique() == frame.height
    assert (times.diff().drop_nulls() < 1_000).any()


def test_control_characters_hostile_text_and_very_long_lines_come_as_they_are(slow_query):
    lines = _loki(slow_query).logs('{namespace="edge", case="text"}', EDGE).frame["line"].to_list()
    assert "" in lines
    assert "nul \x00 byte" in lines
    assert "\x1b[31mERROR\x1b[0m ansi" in lines
    assert '<script>alert("x")</script><img src=x onerror=alert(1)>' in lines
    assert max(len(line) for line in lines) == 100_000


def test_label_values_keep_their_quotes_and_metadata_stays_apart_from_labels(slow_query):
    loki = _loki(slow_query)
    labels = loki.logs('{namespace="edge", case="labels"}', EDGE).frame.row(0, named=True)
    assert labels["quote"] == 'a "quoted" \\ value'
    assert labels["unicode"] == "größe"
    shadow = loki.logs('{namespace="edge", case="metadata"}', EDGE).frame
    assert shadow["namespace"].unique().to_list() == ["edge"]
    assert shadow["metadata.namespace_extracted"].unique().to_list() == ["shadowed"]
    assert shadow["metadata.level"].unique().to_list() == ["shadow"]
    assert shadow["trace_id"].to_list() == [f"{n:032d}" for n in range(5)]


def test_core_columns_are_derived_and_the_raw_ones_stand_beside_them(slow_query):
    frame = _loki(slow_query).logs('{namespace="shop-prod"} |= "Slow query"', _truth("slow-query")[1]).frame
    assert frame.columns[:8] == list(LOGS.names)
    assert {"label.level", "namespace", "pod", "service_name", "metadata.detected_level"} <= set(
        frame.columns
    )
    assert frame["level"].unique().to_list() == ["warning"]
    assert frame["metadata.detected_level"].unique().to_list() == ["warn"]
    assert frame["service"].equals(frame["service_name"].alias("service"))
    assert frame["trace_id"].str.contains("^[0-9a-f]{32}$").all()


def test_a_limit_gives_exactly_the_first_or_last_lines_and_is_said(slow_query):
    _, window = _truth("slow-query")
    loki, query = _loki(slow_query, page_limit=500), '{namespace="shop-prod"}'
    everything = loki.logs(query, window).frame
    first = loki.logs(query, window, limit=1_234)
    last = loki.logs(query, window, limit=1_234, direction="backward")
    assert first.frame["row_id"].to_list() == everything["row_id"].head(1_234).to_list()
    assert last.frame["row_id"].to_list() == everything["row_id"].tail(1_234).to_list()
    assert first.record.selection == "the first 1,234 lines, as the limit asked"
    assert last.record.selection == "the last 1,234 lines, as the limit asked"
    assert first.record.params == {"limit": 1_234, "direction": "forward"}


def test_a_server_that_allows_smaller_pages_is_asked_for_those(slow_query):
    backend = LokiStandIn(slow_query.rows, most=200)
    answer = _loki(backend).logs('{namespace="edge", case="nanoseconds"}', EDGE)
    assert answer.record.complete == "yes"
    everything = _loki(slow_query).logs('{namespace="edge", case="nanoseconds"}', EDGE)
    assert answer.frame.equals(everything.frame)


def test_more_lines_in_one_nanosecond_than_the_server_ever_gives_are_said_to_be_missing(slow_query):
    backend = LokiStandIn(slow_query.rows, most=100)
    answer = _loki(backend).logs('{namespace="edge", case="ties"}', EDGE)
    assert answer.frame.height == 101
    assert answer.record.complete == "no"
    assert answer.record.reason == (
        "100 lines or more share 2026-11-23T19:03:19Z, and the server gives no more at once"
    )


_ROWS = st.lists(
    st.builds(
        Row,
        ns=st.integers(0, 40).map(lambda n: BASE + n),
        stream=st.sampled_from([(("app", "a"),), (("app", "a"), ("pod", "1")), (("app", "a"), ("pod", "2"))]),
        line=st.sampled_from(["x", "y", "", "é"]),
        metadata=st.sampled_from([(), (("k", "1"),), (("k", "2"), ("level", "warn"))]),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(_ROWS, st.integers(1, 12), st.integers(1, 12), st.integers(0, 30), st.integers(1, 30))
def test_for_any_lines_any_page_size_and_any_window_what_is_there_comes_once_or_is_said_missing(
    rows, page_limit, most, offset, length
):
    backend = LokiStandIn(rows, most=max(page_limit, most))
    window = TimeRange(BASE + offset, BASE + offset + length)
    answer = _loki(backend, page_limit=page_limit).logs('{app="a"}', window)
    there = collections.Counter(
        (row.ns, row.line, dict(row.stream).get("pod"), row.metadata)
        for row in backend.rows
        if row.ns in window
    )
    came = collections.Counter(
        (
            row["timestamp"],
            row["line"],
            row.get("pod"),
            tuple((k, row[f"metadata.{k}"]) for k in ("k", "level") if row.get(f"metadata.{k}")),
        )
        for row in answer.frame.with_columns(pl.col("timestamp").to_physical()).to_dicts()
    )
    if answer.record.complete == "yes":
        assert came == there
    else:
        assert "lines or more share" in answer.record.reason
        assert not came - there


@settings(max_examples=100, deadline=None)
@given(_ROWS, st.integers(1, 12), st.integers(1, 70), st.sampled_from(["forward", "backward"]))
def test_a_limit_gives_just_so_many_lines_from_its_end(rows, page_limit, count, direction):
    backend = LokiStandIn(rows)
    window = TimeRange(BASE, BASE + 100)
    answer = _loki(backend, page_limit=page_limit).logs('{app="a"}', window, limit=count, direction=direction)
    times = sorted(row.ns for row in backend.rows)
    wanted = times[:count] if direction == "forward" else times[-count:]
    assert answer.frame["timestamp"].to_physical().to_list() == wanted
    assert answer.frame["row_id"].n_unique() == len(wanted)


def test_a_slice_that_is_too_slow_is_asked_for_in_halves(slow_query):
    def slow(path, params):
        if path.endswith("query_range") and int(params["end"][0]) - int(params["start"][0]) > 200 * 10**9:
            return 504, {"content-type": "text/plain"}, b"context deadline exceeded"
        return None

    backend = LokiStandIn(slow_query.rows, before=slow)
    _, window = _truth("slow-query")
    answer = _loki(backend).logs('{namespace="shop-prod"} |= "checkpoint"', window)
    assert answer.frame.height == 240
    assert answer.record.complete == "yes"


def test_more_lines_than_allowed_are_refused_before_they_are_pulled(slow_query):
    loki = _loki(slow_query, max_rows=1_000)
    with pytest.raises(LimitError) as caught:
        loki.logs('{namespace="shop-prod"}', _truth("slow-query")[1])
    assert str(caught.value) == (
        "loki has 33,356 lines for this query, and max_rows is 1,000.\n"
        '  query:  {namespace="shop-prod"}\n'
        "  window: 2026-11-23T18:13:19Z to 2026-11-23T19:13:20Z\n"
        "Hint: Narrow the query or the window, pass limit=, or raise max_rows in the profile."
    )
    asked = [request.path for request in loki.transport.requests]
    assert asked == ["/loki/api/v1/index/stats", "/loki/api/v1/query"]


def test_a_filter_that_leaves_more_lines_than_allowed_is_stopped_on_the_way(slow_query):
    with pytest.raises(LimitError):
        _loki(slow_query, max_rows=1_000).logs(
            '{namespace="shop-prod"} |= "request"', _truth("slow-query")[1]
        )


@pytest.mark.parametrize(
    ("query", "error", "first"),
    [
        ("{namespace=prod}", RejectedError, "loki answered 400: it cannot parse the query"),
        ('{namespace="a"} |= "x', RejectedError, "loki answered 400: it cannot parse the query"),
        ('rate({a="b"}[1m])', QueryError, "This query asks for numbers, and logs() gives lines."),
    ],
)
def test_a_query_that_loki_refuses_says_the_query_and_its_words(slow_query, query, error, first):
    with pytest.raises(error) as caught:
        _loki(slow_query).logs(query, EDGE)
    assert caught.value.what.startswith(first)
    assert caught.value.query == query


def test_a_loki_with_tenants_asks_for_one(slow_query):
    backend = LokiStandIn(slow_query.rows, tenants=frozenset({"acme"}))
    with pytest.raises(AccessError) as caught:
        _loki(backend).logs('{namespace="shop-prod"}', EDGE)
    assert "tenant" in caught.value.hint
    assert caught.value.server == "no org id"


def test_a_window_that_reaches_into_the_present_is_not_called_complete():
    now = now_ns()
    backend = LokiStandIn([Row(now - 10**9, (("app", "a"),), "x")])
    record = _loki(backend).logs('{app="a"}', TimeRange(now - 60 * 10**9, now)).record
    assert (record.rows, record.complete) == (1, "unknown")
    assert record.reason == (
        "the window ends less than 30 s before it was asked, when lines may still be on their way"
    )


def test_nothing_found_is_an_empty_frame_with_every_core_column(slow_query):
    answer = _loki(slow_query).logs('{namespace="nowhere"}', EDGE)
    assert answer.frame.columns == list(LOGS.names)
    assert answer.frame.height == 0
    assert answer.record.complete == "yes"


def test_labels_and_their_values_are_those_of_the_window(slow_query):
    loki = _loki(slow_query)
    assert loki.labels(EDGE) == ["case", "namespace", "quote", "service_name", "unicode"]
    assert "shop-prod" in loki.label_values("namespace", _truth("slow-query")[1])


def test_health_says_version_and_readiness_and_never_raises(slow_query):
    well = _loki(slow_query).health()
    assert (well.status, well.version) == ("ok", "3.8.0")
    starting = LokiStandIn(
        [], before=lambda path, _: (503, {}, b"Ingester not ready") if path == "/ready" else None
    )
    ill = _loki(starting).health()
    assert ill.status == "degraded"
    assert "Ingester not ready" in ill.message


def test_numbers_come_as_series_on_the_grid(slow_query):
    query = 'sum by (service_name) (rate({namespace="shop-prod"} |= "ERROR" [1m]))'
    _, window = _truth("slow-query")
    recorded = json.loads(slow_query.recorded[query])["data"]["result"]
    inside = [float(value) for series in recorded for at, value in series["values"] if at * 10**9 in window]
    answer = _loki(slow_query).series(query, window, step_ns=30 * 10**9)
    assert answer.frame.height == len(inside)
    assert answer.frame["value"].sum() == pytest.approx(sum(inside))
    assert answer.record.complete == "yes"
    assert set(answer.frame["service"].cast(pl.String)) == {s["metric"]["service_name"] for s in recorded}


def test_lines_are_not_asked_for_as_numbers(slow_query):
    with pytest.raises(QueryError) as caught:
        _loki(slow_query).series('{namespace="a"}', EDGE, step_ns=10**9)
    assert str(caught.value) == (
        "This query asks for lines, and metrics() gives numbers.\n"
        '  query:  {namespace="a"}\n'
        "Hint: obs.logs(query, window) gives the lines, rate(... [1m]) their number."
    )
