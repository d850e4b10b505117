"""What Loki says of its lines without giving them: held against recordings, stand-in and bad answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from obsnb.errors import AnswerError, QueryError, SourceError
from obsnb.timerange import TimeRange
from tests.sources.asking_loki import EDGE, INCIDENT, PLAIN, PROD, RECORDINGS, SECOND, T0, loki
from tests.standin.loki import LokiStandIn, Row, body_of

JSON = {"content-type": "application/json; charset=UTF-8"}
FIELDS_DOUBT = "the server read a sample of 100 lines or so: a field that none of them has is not here"


def recorded(incident, name):
    """A source that gets a recorded body for every answer, the recording's query and its window."""
    folder = RECORDINGS / incident / "loki"
    asked = json.loads((folder / f"{name}.json").read_text("utf-8"))
    body = body_of(folder / asked["body"])
    params = asked["params"]
    window = TimeRange(params["start"], params["end"])
    backend = LokiStandIn(before=lambda path, _: (200, JSON, body) if path == asked["path"] else None)
    return loki(backend), params.get("query") or params.get("match[]"), window


def answering(said, status=200, headers=JSON):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return loki(LokiStandIn(before=lambda *_: (status, headers, body)))


def test_streams_are_a_row_each_with_labels_named_as_beside_lines():
    source, selector, window = recorded("datasource", "series")
    answer = source.streams(selector, window)
    assert answer.frame.columns == ["label.level", "namespace", "pod", "service_name"]
    assert answer.frame.height == 8
    assert all(kind == pl.Categorical for kind in answer.frame.dtypes)
    assert answer.frame.cast(pl.String).sort(pl.all()).row(0) == (
        "error",
        "data-prod",
        "browser",
        "observastack-frontend",
    )
    assert (answer.record.kind, answer.record.complete) == ("index", "yes")
    assert answer.record.reason == (
        "all streams that the server's index has for the window, of which one may have no line in it"
    )


def test_streams_and_lines_have_the_same_labels(slow_query):
    source = loki(slow_query)
    labels = ["namespace", "pod", "service_name"]
    of_lines = source.logs(PROD, INCIDENT).frame.select(labels).cast(pl.String).unique()
    of_streams = source.streams(PROD, INCIDENT).frame.select(labels).cast(pl.String).unique()
    assert of_streams.sort(labels).equals(of_lines.sort(labels))


def test_a_stream_without_a_label_has_null_there_and_no_stream_gives_no_row():
    rows = [Row(5, (("app", "a"),), "x"), Row(6, (("app", "a"), ("stream", "stdout")), "y")]
    source = loki(LokiStandIn(rows))
    frame = source.streams('{app="a"}', TimeRange(0, 10**6)).frame
    assert frame.cast(pl.String).to_dict(as_series=False) == {
        "app": ["a", "a"],
        "stream": [None, "stdout"],
    }
    assert source.streams('{app="b"}', TimeRange(0, 10**6)).frame.shape == (0, 0)


def test_a_volume_is_what_the_servers_index_estimates():
    source, selector, window = recorded("slow-query", "volume")
    answer = source.volume(selector, window)
    assert answer.frame.cast({"namespace": pl.String}).rows() == [(43_530_472, "shop-prod")]
    assert answer.frame.columns == ["bytes", "namespace"]
    assert answer.record.complete == "yes"
    assert answer.record.selection is None
    assert answer.record.reason == (
        "fewer groups than the limit of 100 came; their bytes are what the server's index estimates, "
        "often more than there are"
    )


def test_a_volume_by_a_label_counts_every_line_and_has_the_largest_first(slow_query):
    answer = loki(slow_query).volume(PROD, INCIDENT, by=["pod", "service_name"])
    sizes = answer.frame["bytes"]
    assert sizes.sum() == loki(slow_query).volume(PROD, INCIDENT).frame["bytes"].item()
    assert sizes.to_list() == sorted(sizes, reverse=True)
    assert sizes.len() > 1
    assert answer.frame.columns == ["bytes", "pod", "service_name"]


def test_a_volume_of_as_many_groups_as_the_limit_is_said_to_be_a_selection(slow_query):
    answer = loki(slow_query).volume(PROD, INCIDENT, by=["pod"], limit=2)
    assert answer.frame.height == 2
    assert answer.record.complete == "unknown"
    assert answer.record.selection == "the 2 groups of most bytes"
    assert answer.record.reason == "as many groups came as the limit of 2 allows: there may be smaller ones"


def test_a_volume_over_time_begins_each_step_on_its_multiple_and_evens_out_what_a_chunk_spans():
    source, selector, window = recorded("slow-query", "volume-range")
    answer = source.volume_over_time(selector, window, step_ns=60 * SECOND)
    assert answer.frame.columns == ["timestamp", "bytes", "namespace"]
    assert answer.frame.cast({"namespace": pl.String}).row(0) == (
        datetime(2026, 11, 23, 18, 13, tzinfo=UTC),
        483_537,
        "shop-prod",
    )
    times = answer.frame["timestamp"].cast(pl.Int64).to_list()
    first = window.start_ns // (60 * SECOND) * 60 * SECOND
    assert times == list(range(first, window.end_ns, 60 * SECOND))
    assert answer.frame["bytes"][1:-1].unique().to_list() == [713_217], "an hour of very different minutes"
    assert (answer.record.complete, answer.record.selection) == ("yes", None)
    assert answer.record.reason == (
        "what the server's index estimates: of each chunk as much for every second that it spans"
    )


@pytest.mark.parametrize("minutes", [1, 7, 90])
def test_the_steps_of_a_volume_add_up_to_the_volume(slow_query, minutes):
    whole = loki(slow_query).volume(PROD, INCIDENT, by=["pod"]).frame
    steps = loki(slow_query).volume_over_time(PROD, INCIDENT, step_ns=minutes * 60 * SECOND, by=["pod"]).frame
    added = steps.group_by("pod").agg(pl.col("bytes").sum()).sort("bytes", descending=True)
    assert added.select("bytes", "pod").equals(whole)
    assert steps["timestamp"].is_sorted()
    assert (steps["timestamp"].cast(pl.Int64) % (minutes * 60 * SECOND) == 0).all()


def test_a_step_with_as_many_groups_as_the_limit_is_a_selection(slow_query):
    answer = loki(slow_query).volume_over_time(PROD, INCIDENT, step_ns=600 * SECOND, by=["pod"], limit=2)
    assert answer.record.complete == "unknown"
    assert answer.record.selection == "in each step the 2 groups of most bytes"
    assert answer.record.reason == (
        "in a step as many groups came as the limit of 2 allows: there may be smaller ones"
    )


def test_a_label_called_bytes_or_level_does_not_hide_the_bytes():
    rows = [Row(5, (("app", "a"), ("bytes", "many"), ("level", "info")), "four")]
    answer = loki(LokiStandIn(rows)).volume('{app="a"}', TimeRange(0, 10**6), by=["bytes", "level"])
    assert answer.frame.cast({"label.bytes": pl.String, "label.level": pl.String}).to_dicts() == [
        {"bytes": 4, "label.bytes": "many", "label.level": "info"}
    ]


def test_server_patterns_are_counts_in_time_and_never_said_to_be_all():
    source, selector, window = recorded("slow-query", "patterns")
    answer = source.patterns(selector, window, step_ns=60 * SECOND)
    assert answer.frame.columns == ["timestamp", "pattern", "level", "count"]
    assert answer.frame["timestamp"].dtype == pl.Datetime("ns", "UTC")
    started = answer.frame.filter(pl.col("pattern") == "<_>[<_>] request started POST <_>")
    assert started.height == 10
    assert started.row(0) == (
        datetime(2026, 11, 23, 19, 4, tzinfo=UTC),
        "<_>[<_>] request started POST <_>",
        "info",
        73,
    )
    assert answer.record.complete == "unknown"
    assert answer.record.reason == (
        "the server keeps patterns of recent lines only, and not of how many: older ones are not counted"
    )


def test_a_server_without_patterns_of_the_window_says_why_that_may_be():
    source, selector, window = recorded("datasource", "patterns")
    answer = source.patterns(selector, window, step_ns=60 * SECOND)
    assert answer.frame.is_empty()
    assert answer.frame.columns == ["timestamp", "pattern", "level", "count"]
    assert answer.record.complete == "unknown"
    assert answer.record.reason == (
        "the server has no pattern: it keeps them of recent lines only, where it keeps any"
    )


def test_counts_of_another_time_are_left_out_and_said():
    source = answering(
        {
            "status": "success",
            "data": [{"pattern": "a <_>", "samples": [[1_700_000_000, 1], [10, 2], [0, 3]]}],
        }
    )
    answer = source.patterns(PROD, TimeRange(5 * SECOND, 20 * SECOND), step_ns=10 * SECOND)
    assert answer.frame["count"].to_list() == [3, 2]
    assert answer.record.reason == (
        "1 counts of other times were left out; the server keeps patterns of recent lines only, and not of "
        "how many: older ones are not counted"
    )


def test_detected_fields_are_a_selection_of_a_sample():
    source, query, window = recorded("datasource", "detected-fields")
    answer = source.detected_fields(query, window)
    assert answer.frame.columns == ["field", "type", "cardinality", "parsers", "json_path"]
    assert answer.frame.height == 12
    row = answer.frame.row(by_predicate=pl.col("field") == "level_extracted", named=True)
    assert row == {
        "field": "level_extracted",
        "type": "string",
        "cardinality": 1,
        "parsers": ["json"],
        "json_path": ["level"],
    }
    metadata = answer.frame.row(by_predicate=pl.col("field") == "trace_id", named=True)
    assert (metadata["parsers"], metadata["json_path"]) == (None, None)
    assert (answer.record.complete, answer.record.reason) == ("unknown", FIELDS_DOUBT)
    assert answer.record.selection == "fields of a sample of 100 lines or so"


def test_as_many_fields_as_the_limit_are_said_to_be_that():
    source, query, window = recorded("otlp-and-tenants", "otlp-detected-fields")
    answer = source.detected_fields(query, window, limit=19)
    assert answer.frame.height == 19
    assert answer.record.reason == f"{FIELDS_DOUBT}, and as many fields came as the limit of 19 allows"


@pytest.mark.parametrize(
    "ask",
    [
        lambda source, window: source.index_names(window),
        lambda source, window: source.index_names(window, label="pod"),
        lambda source, window: source.streams(PROD, window),
        lambda source, window: source.volume(PROD, window),
        lambda source, window: source.volume_over_time(PROD, window, step_ns=60 * SECOND),
        lambda source, window: source.patterns(PROD, window, step_ns=60 * SECOND),
        lambda source, window: source.detected_fields(PROD, window),
    ],
)
class TestEveryQuestion:
    def test_says_its_window_in_whole_milliseconds_around_it(self, ask):
        backend = LokiStandIn(patterns=[])
        ask(loki(backend), TimeRange(T0 + 1, T0 + SECOND + 1))
        ((_, params),) = backend.seen
        assert (params["start"], params["end"]) == ([str(T0)], [str(T0 + SECOND + 10**6)])

    def test_is_a_record_of_what_was_asked_and_what_it_cost(self, ask):
        record = ask(loki(LokiStandIn(patterns=[])), EDGE).record
        assert (record.kind, record.pages, record.requests, record.retries) == ("index", 1, 1, 0)
        assert record.bytes > 0
        assert record.digest

    def test_hands_on_what_the_server_warned_of(self, ask):
        said = {"warnings": ["half of the index is away"]}
        empty = {
            "status": "success",
            "limit": 1_000,
            "data": {"result": []} if "volume" in _path(ask) else [],
        }
        record = ask(answering(said | empty), EDGE).record
        assert record.warnings == ("half of the index is away",)
        assert record.complete == "unknown"
        assert record.reason.startswith("the server warned: half of the index is away")

    def test_of_the_newest_seconds_is_not_known_to_be_complete(self, ask):
        from obsnb.instants import now_ns

        end = now_ns()
        record = ask(loki(LokiStandIn(patterns=[])), TimeRange(end - SECOND, end)).record
        assert record.complete == "unknown"
        assert record.reason.endswith(
            "the window ends less than 30 s before it was asked, when lines may still be on their way"
        )

    def test_that_is_refused_is_an_error_with_the_servers_words(self, ask):
        with pytest.raises(SourceError) as caught:
            ask(answering(b"empty ring", 503, PLAIN), EDGE)
        assert str(caught.value).startswith("loki answered 503: it is not ready.\n")
        assert caught.value.window == str(EDGE)

    @pytest.mark.parametrize(
        "body", [b"", b"<", b"[]", b"{}", b'{"data": 3, "fields": 3}', b'{"status":"\xff"}']
    )
    def test_with_an_answer_that_cannot_be_read_is_an_error(self, ask, body):
        with pytest.raises(AnswerError) as caught:
            ask(answering(body), EDGE)
        assert str(caught.value).startswith("loki answered 200, but the answer cannot be read: ")


def _path(ask):
    backend = LokiStandIn(patterns=[])
    ask(loki(backend), EDGE)
    return backend.seen[0][0]


@pytest.mark.parametrize("size", ["nan", "-1", "1e30", "many", ""])
def test_a_number_of_bytes_that_is_none_is_an_error(size):
    group = {"metric": {"a": "b"}, "value": [1, size]}
    source = answering({"status": "success", "data": {"result": [group]}})
    with pytest.raises(AnswerError):
        source.volume(PROD, EDGE)
    with pytest.raises(AnswerError):
        source.volume_over_time(PROD, EDGE, step_ns=SECOND)


@pytest.mark.parametrize("sample", [[-1, 1], [1e300, 1], [1, -1], [1, 2**64]])
def test_a_count_or_a_time_that_is_none_is_an_error(sample):
    with pytest.raises(AnswerError):
        answering({"status": "success", "data": [{"pattern": "a", "samples": [sample]}]}).patterns(
            PROD, EDGE, step_ns=SECOND
        )


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (
            lambda source: source.streams(PROD + ' |= "error"', EDGE),
            "log_streams() asks about streams, and takes a stream selector alone.\n"
            '  query:  {namespace="shop-prod"} |= "error"\n'
            'Hint: Leave out filters and functions: {namespace="prod"}.',
        ),
        (
            lambda source: source.volume(f"rate({PROD}[1m])", EDGE),
            "log_volume() asks about streams, and takes a stream selector alone.\n"
            '  query:  rate({namespace="shop-prod"}[1m])\n'
            'Hint: Leave out filters and functions: {namespace="prod"}.',
        ),
        (
            lambda source: source.volume(PROD, EDGE, by=["pod,level"]),
            "'pod,level' cannot be a Loki label.\nHint: Letters, digits and _ only.",
        ),
        (
            lambda source: source.volume(PROD, EDGE, limit=0),
            'A limit of 0 groups gives none.\n  query:  {namespace="shop-prod"}\nHint: Give 1 or more.',
        ),
        (
            lambda source: source.volume_over_time(PROD, EDGE, step_ns=3 * SECOND // 2),
            "A step of 1500000000 ns is not a whole number of seconds.\n"
            '  query:  {namespace="shop-prod"}\n'
            "Hint: Loki cuts its volumes by whole seconds: ask for a step such as 60s.",
        ),
        (
            lambda source: source.patterns(PROD, EDGE, step_ns=SECOND // 2),
            "A step of 500000000 ns is not a whole number of seconds.\n"
            '  query:  {namespace="shop-prod"}\n'
            "Hint: Loki counts its patterns by 10 s or more: ask for a step such as 60s.",
        ),
        (
            lambda source: source.detected_fields(f"rate({PROD}[1m])", EDGE),
            "This query asks for numbers, and detected_fields() looks at lines.\n"
            '  query:  rate({namespace="shop-prod"}[1m])\n'
            'Hint: Give a log query, such as {namespace="prod"} |= "error".',
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(ask, told):
    backend = LokiStandIn()
    with pytest.raises(QueryError) as caught:
        ask(loki(backend))
    assert str(caught.value) == told
    assert backend.seen == []
