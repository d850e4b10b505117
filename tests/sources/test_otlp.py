"""Everything that is in the Collector's files, under the servers' names, or a plain word that it is not."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from polars.testing import assert_frame_equal

import obsnb
from obsnb.conventions import DEFAULT
from obsnb.errors import AnswerError, PartialResultWarning, QueryError, RejectedError, UsageError
from obsnb.schema import EXEMPLARS, LOGS, SERIES, SPANS
from obsnb.sources.otlp import OtlpFiles
from obsnb.sources.tempo import Tempo
from obsnb.sources.wire.loki import LogDecoder
from obsnb.sources.wire.otlp_spans import read_reply
from obsnb.timerange import TimeRange
from tests.sources.otlp_writing import (
    BASE,
    BASE_S,
    FORMS,
    SECOND,
    json_file,
    logs,
    protobuf_file,
    record,
    resource,
    span,
    to_json,
    traces,
    zstd,
)
from tests.standin.direct import DirectTransport
from tests.standin.loki import body_of
from tests.standin.tempo import TempoStandIn

RECORDINGS = Path(__file__).parents[1] / "recordings"
HOUR = TimeRange(BASE, BASE + 3_600 * SECOND)


def written(tmp_path, body, name="telemetry.json"):
    path = tmp_path / name
    path.write_bytes(body)
    return path


def files(path):
    return OtlpFiles.read(path, conventions=DEFAULT)


def mixed():
    return (
        logs(record("one", 0), record("two", 1)),
        traces(span(1, 5), span(2, 6, parent_span_id=(1).to_bytes(8, "big"))),
        logs(record("three", 2)),
    )


# Which files, in which form.


@pytest.mark.parametrize("form", FORMS)
def test_whatever_its_form_a_file_gives_the_same_rows(form, tmp_path):
    plain = files(written(tmp_path, json_file(*mixed()), "plain"))
    held = files(written(tmp_path, FORMS[form](*mixed()), "file"))
    assert held.logs("{}", HOUR).frame["line"].to_list() == ["one", "two", "three"]
    assert_frame_equal(held.logs("{}", HOUR).frame, plain.logs("{}", HOUR).frame, categorical_as_str=True)
    assert_frame_equal(held.spans("{ }", HOUR).frame, plain.spans("{ }", HOUR).frame, categorical_as_str=True)
    told = held.logs("{}", HOUR).record
    assert (told.complete, told.reason) == ("yes", "every message of 1 file was read")


def test_a_folder_and_a_pattern_give_the_rotated_files_of_every_form(tmp_path):
    one, two, three = mixed()
    written(tmp_path, json_file(one), "data-2026-11-23T05-02-14.173.json")
    written(tmp_path, zstd(protobuf_file(two)), "data.json")
    written(tmp_path, b"not for anybody", ".hidden")
    inner = tmp_path / "older"
    inner.mkdir()
    written(inner, gzip.compress(json_file(three)), "data.json.gz")
    held = files(tmp_path)
    assert held.logs("{}", HOUR).frame["line"].to_list() == ["one", "two", "three"]
    assert held.spans("{ }", HOUR).frame.height == 2
    assert held.logs("{}", HOUR).record.reason == "every message of 3 files was read"
    assert files(tmp_path / "data-*").logs("{}", HOUR).frame["line"].to_list() == ["one", "two"]


def test_one_line_may_hold_all_signals(tmp_path):
    one = json.loads(to_json(logs(record("one")))) | json.loads(to_json(traces(span())))
    held = files(written(tmp_path, json.dumps(one).encode()))
    assert held.logs("{}", HOUR).frame.height == held.spans("{ }", HOUR).frame.height == 1


def test_where_there_is_no_file_it_says_so(tmp_path):
    with pytest.raises(UsageError) as caught:
        obsnb.read_otlp(tmp_path / "none*.json")
    assert str(caught.value) == (
        f"There is no file at {str(tmp_path / 'none*.json')!r}.\n"
        "Hint: It is a file that the OpenTelemetry Collector's file exporter wrote, a folder of such files, "
        "or a pattern such as 'telemetry*.json'."
    )


def test_a_file_of_something_else_is_refused(tmp_path):
    with pytest.raises(AnswerError) as caught:
        obsnb.read_otlp(written(tmp_path, b"# Read me\n", "README.md"))
    assert str(caught.value) == (
        "There is no OTLP in README.md. README.md message 1: the file ends before the message does, or it is "
        "none of the file exporter.\n"
        "Hint: read_otlp takes what the OpenTelemetry Collector's file exporter writes: JSON lines or "
        "protobuf, plain or compressed."
    )


# Nothing is lost in silence.


def test_a_bad_line_is_said_with_its_file_and_number_and_the_rest_is_there(tmp_path):
    body = json_file(logs(record("one"))) + b'{"resourceLogs": [{"scope\n' + json_file(logs(record("two", 1)))
    obs = obsnb.read_otlp(written(tmp_path, body))
    with pytest.warns(PartialResultWarning):
        frame = obs.logs('{service_name="shop"}')
    assert frame["line"].to_list() == ["one", "two"]
    assert obs.last.complete == "no"
    assert obs.last.reason == (
        "not everything could be read: telemetry.json line 2: Input data was truncated"
    )


def test_what_is_broken_of_one_signal_does_not_make_another_partial(tmp_path):
    bad = to_json(traces(span())).replace(b'"startTimeUnixNano"', b'"traceId": 5, "startTimeUnixNano"')
    held = files(written(tmp_path, json_file(logs(record("one"))) + bad))
    assert held.logs("{}", HOUR).record.complete == "yes"
    told = held.spans("{ }", HOUR).record
    assert (told.complete, told.rows) == ("no", 0)
    assert told.reason.startswith("not everything could be read: telemetry.json line 2: ")


@pytest.mark.parametrize("form", ["protobuf", "json, gzip", "json, zstd frames", "protobuf, zstd by message"])
def test_a_file_that_was_cut_short_gives_what_is_whole_and_says_so(form, tmp_path):
    held = files(written(tmp_path, FORMS[form](*mixed())[:-3]))
    told = held.logs("{}", HOUR).record
    assert told.complete == "no"
    assert told.reason.startswith("not everything could be read: telemetry.json ")
    assert held.logs("{}", HOUR).frame["line"].to_list()[:2] == ["one", "two"][: told.rows]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["json, gzip", "protobuf, zstd stream"]))
def test_wherever_a_compressed_file_was_cut_what_came_before_is_there_and_the_cut_is_said(
    tmp_path, data, form
):
    body = FORMS[form](*[logs(record(f"line {number}", number)) for number in range(20)])
    path = written(tmp_path, body[: data.draw(st.integers(0, len(body) - 1))])
    try:
        answer = files(path).logs("{}", HOUR)
    except AnswerError as error:
        assert str(error).startswith("There is no OTLP in telemetry.json.")  # noqa: PT017  # it need not come
        return
    assert answer.frame["line"].to_list() == [f"line {number}" for number in range(answer.frame.height)]
    assert answer.record.complete == "no"


@pytest.mark.parametrize(("behind", "complete"), [(b"\0" * 512, "yes"), (b"\0not gzip", "no")])
def test_what_stands_behind_a_gzip_and_is_none_is_said_but_for_what_fills_a_disk(tmp_path, behind, complete):
    told = files(written(tmp_path, gzip.compress(json_file(*mixed())) + behind)).logs("{}", HOUR).record
    assert (told.rows, told.complete) == (3, complete)
    if complete == "no":
        assert told.reason == (
            "not everything could be read: telemetry.json its end: what follows its gzip is none"
        )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(list(FORMS)))
def test_no_damage_raises_anything_but_that_there_is_no_otlp(tmp_path, data, form):
    body = bytearray(FORMS[form](*mixed()))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        held = files(written(tmp_path, bytes(body)))
    except AnswerError as error:
        assert str(error).startswith("There is no OTLP in telemetry.json.")  # noqa: PT017  # it need not come
        return
    assert held.logs("{}", HOUR).frame.height <= 3
    assert held.spans("{ }", HOUR).frame.height <= 2


def test_other_lines_times_and_signals_are_counted_too(tmp_path):
    lines = [
        b'{"resourceProfiles": []}',
        to_json(logs(record("late", 2**63))),
        to_json(logs(record("good"))),
        b"[1, 2]",
    ]
    told = files(written(tmp_path, b"\n".join(lines))).logs("{}", HOUR).record
    assert told.rows == 1
    assert told.reason == (
        "not everything could be read: "
        "telemetry.json line 1: it holds neither logs nor metrics nor spans; "
        "telemetry.json line 2: Expected `int` <= 9223372036854775807 - at "
        "`$.resourceLogs[0].scopeLogs[0].logRecords[0].timeUnixNano`; "
        "telemetry.json line 4: Expected `object`, got `array`"
    )


def test_the_last_time_that_there_is_lies_in_the_window_of_the_files(tmp_path):
    held = files(written(tmp_path, json_file(logs(record("good"), record("latest", 2**63 - 1 - BASE)))))
    assert held.window == TimeRange(BASE, 2**63)
    assert held.logs("{}", held.window).frame["line"].to_list() == ["good", "latest"]


def test_bytes_that_are_no_text_become_a_mark_and_lose_nothing(tmp_path):
    body = json_file(logs(record("caf@"))).replace(b"@", b"\xff")
    frame = files(written(tmp_path, body)).logs("{}", HOUR).frame
    assert frame["line"].to_list() == ["caf\ufffd"]


def test_what_is_there_twice_is_given_once_and_said(tmp_path):
    written(tmp_path, json_file(*mixed()), "a.json")
    written(tmp_path, protobuf_file(*mixed()), "b.pb")
    held = files(tmp_path)
    assert held.logs("{}", HOUR).frame["line"].to_list() == ["one", "two", "three"]
    assert held.logs("{}", HOUR).record.warnings == (
        "3 rows of the files are left out: equal ones are there",
    )
    assert held.spans("{ }", HOUR).frame.height == 2


# Logs.


def test_log_records_come_out_as_from_a_loki_that_took_in_the_same(tmp_path):
    """The recorded Loki's rows, written as the OTLP that they came from, give its frame again."""
    body = body_of(RECORDINGS / "otlp-and-tenants" / "loki" / "otlp-logs.body.gz")
    decoder = LogDecoder(DEFAULT)
    page = decoder.read(body)
    expected = decoder.frame([page])
    messages = []
    for stream in json.loads(body)["data"]["result"]:
        for ns, line, extra in stream["values"]:
            messages.append(as_otlp(stream["stream"], int(ns), line, dict(extra["structuredMetadata"])))
    for form in (json_file, protobuf_file):
        held = files(written(tmp_path, form(*messages)))
        frame = held.logs("{}", held.window).frame
        assert_frame_equal(frame, expected.unique("row_id", maintain_order=True), categorical_as_str=True)


def as_otlp(stream, ns, line, metadata) -> LogsData:
    """The record that Loki's names and values come from."""
    stream, keep = dict(stream), {"service_name", "service_namespace"}
    dotted = {name: name.replace("_", ".") for name in (*keep, "host_name", "telemetry_sdk_language")}
    dotted |= {"k8s_namespace_name": "k8s.namespace.name", "k8s_pod_name": "k8s.pod.name"}
    dotted |= {
        "deployment_environment_name": "deployment.environment.name",
        "service_version": "service.version",
    }
    metadata.pop("detected_level")
    of = {dotted[name]: value for name, value in stream.items()}
    of |= {dotted[name]: metadata.pop(name) for name in list(metadata) if name in dotted}
    scope = InstrumentationScope(name=metadata.pop("scope_name"), version=metadata.pop("scope_version"))
    fields = {
        "observed_time_unix_nano": int(metadata.pop("observed_timestamp")),
        "severity_number": int(metadata.pop("severity_number")),
        "severity_text": metadata.pop("severity_text"),
        "trace_id": bytes.fromhex(metadata.pop("trace_id", "")),
        "span_id": bytes.fromhex(metadata.pop("span_id", "")),
    }
    service = of.pop("service.name")
    made = record(line, ns - BASE, own={name: told(value) for name, value in metadata.items()}, **fields)
    return logs(made, of=resource(service, **{n.replace(".", "__"): v for n, v in of.items()}), scope=scope)


def told(text):
    """The value that Loki wrote as this text."""
    return {"true": True, "false": False}.get(text, text)


def test_values_are_written_as_the_collector_writes_them(tmp_path):
    own = {"n": 5, "half": 0.5, "whole": 2.0, "yes": True, "raw": b"\x00\x01", "list": [1, "a"]}
    own |= {"user": {"plan": "pro", "deep": {"er": 1}}, "3d": "x"}
    for form in (json_file, protobuf_file):
        row = (
            files(written(tmp_path, form(logs(record({"a": 1}, own=own)))))
            .logs("{}", HOUR)
            .frame.row(0, named=True)
        )
        found = {name: value for name, value in row.items() if name.startswith("metadata.")}
        assert found == {
            "metadata.n": "5",
            "metadata.half": "0.5",
            "metadata.whole": "2",
            "metadata.yes": "true",
            "metadata.raw": "AAE=",
            "metadata.list": '[1,"a"]',
            "metadata.user_plan": "pro",
            "metadata.user_deep_er": "1",
            "metadata.key_3d": "x",
        }
        assert row["line"] == '{"a":1}'


def test_without_a_service_and_a_time_of_its_own_it_is_as_at_loki(tmp_path):
    bare = record("x")
    bare.time_unix_nano, bare.observed_time_unix_nano, bare.severity_number = 0, BASE + 7, 18
    unnamed = resource()
    unnamed.ClearField("attributes")
    frame = files(written(tmp_path, json_file(logs(bare, of=unnamed)))).logs("{}", HOUR).frame
    row = frame.with_columns(pl.col("timestamp").to_physical()).row(0, named=True)
    assert (row["timestamp"], row["service"], row["level"]) == (BASE + 7, "unknown_service", "error")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            texts,
            st.integers(1, 10**12),
            st.integers(0, 24),
            texts,
            st.dictionaries(texts, texts, max_size=3),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_any_log_records_come_back_the_same_from_either_encoding(tmp_path, rows):
    made = []
    for text, at, number, severity, own in rows:
        one = record(text, at, severity_number=number, severity_text=severity)
        one.attributes.extend(resource().attributes[:0])
        for key, value in own.items():
            one.attributes.add(key=key).value.string_value = value
        made.append(one)
    held = [files(written(tmp_path, form(logs(*made)))) for form in (json_file, protobuf_file)]
    one, two = (each.logs("{}", each.window).frame for each in held)
    assert_frame_equal(one, two, categorical_as_str=True)
    came = set(one.select(pl.col("timestamp").to_physical(), "line").rows())
    assert came == {(BASE + at, text) for text, at, *_ in rows}
    assert one.columns[: len(LOGS.names)] == list(LOGS.names)


# Asking for lines.


@pytest.fixture
def talk(tmp_path):
    lines = ["GET /a", "GET /b failed", "POST /a timed out", 'say "no"']
    mine = [record(text, at, severity_text="ERROR" if at else "INFO") for at, text in enumerate(lines)]
    body = json_file(logs(*mine), logs(record("other", 9), of=resource("cart", k8s__pod__name="cart-1")))
    return files(written(tmp_path, body))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ('{service_name="shop"}', [0, 1, 2, 3]),
        ('{service_name!="shop"}', [9]),
        ('{service_name=~"sh.*|cart"}', [0, 1, 2, 3, 9]),
        ('{service_name=~"sho"}', []),
        ('{service_name!~"sh.p", k8s_pod_name="cart-1"}', [9]),
        ('{k8s_pod_name=""}', [0, 1, 2, 3]),
        ('{service_name="shop"} |= "GET" != "failed"', [0]),
        ('{service_name="shop"} |~ "(?i)get|TIMED" !~ "a$"', [1, 2]),
        ('{service_name="shop"} |= "say \\"no\\""', [3]),
        ("{service_name=`shop`} |= `/a`", [0, 2]),
        ('{service_name="shop"} | severity_text="ERROR" |= "a"', [1, 2, 3]),
        ("{}", [0, 1, 2, 3, 9]),
    ],
)
def test_selectors_and_filters_choose_lines(query, expected, talk):
    frame = talk.logs(query, HOUR).frame
    assert [at - BASE for at in frame["timestamp"].to_physical()] == expected


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('{service_name="shop"} | json', "from '| json' on"),
        ('rate({service_name="shop"}[1m])', "from 'rate({service_name=\"shop\"}[1m]' on"),
        ('{service_name="shop"', "at its end"),
        ("{service_name=shop}", "from 'service_name=shop}' on"),
    ],
)
def test_what_computes_is_refused_in_words(query, said, talk):
    with pytest.raises(QueryError) as caught:
        talk.logs(query, HOUR)
    assert str(caught.value) == (
        f"Files do not understand this query {said}.\n  query:  {query}\n"
        "Hint: Files are asked with a selector, line filters and label filters, such as "
        '{service_name="api"} |= "error"; obsnb.parse_logs takes the fields out of the lines.'
    )


def test_a_bad_regular_expression_is_said(talk):
    with pytest.raises(QueryError) as caught:
        talk.logs('{service_name=~"("}', HOUR)
    assert str(caught.value).startswith("A regular expression of the query cannot be read: ")


def test_a_limit_takes_lines_from_either_end(talk):
    first, last = (talk.logs("{}", HOUR, limit=2, direction=each) for each in ("forward", "backward"))
    assert first.frame["line"].to_list() == ["GET /a", "GET /b failed"]
    assert last.frame["line"].to_list() == ['say "no"', "other"]
    assert last.record.selection == "the last 2 lines, as the limit asked"


# Spans.


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_recorded_traces_written_as_otlp_are_the_tempo_sources_frame(incident, tmp_path):
    folder = RECORDINGS / incident / "tempo"
    truth = json.loads((RECORDINGS / incident / "truth.json").read_text("utf-8"))
    window = TimeRange(int(truth["start"]) * SECOND, (int(truth["end"]) + 1) * SECOND)
    tempo = Tempo(DirectTransport(TempoStandIn.from_recordings(folder), name="tempo"), conventions=DEFAULT)
    expected = tempo.spans("{ }", window, whole=True).frame
    with zipfile.ZipFile(folder / "traces-v2-protobuf.zip") as packed:
        replies = [read_reply(packed.read(name)).trace for name in packed.namelist()]
    held = files(written(tmp_path, protobuf_file(*replies)))
    frame = held.spans("{ }", window, whole=True).frame
    assert_frame_equal(frame, expected, categorical_as_str=True)


ids = st.integers(1, 2**64 - 1)
spans = st.builds(
    span,
    ids,
    st.integers(0, 10**12),
    trace=st.integers(1, 2**128 - 1),
    lasts=st.integers(0, 10**12),
    name=texts,
    kind=st.integers(0, 5),
    parent_span_id=st.binary(min_size=8, max_size=8),
    status=st.builds(Status, code=st.integers(0, 2), message=texts),
    own=st.dictionaries(
        st.sampled_from(["a", "http.route", "n"]),
        st.one_of(texts, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=4)),
    ),
    events=st.lists(st.builds(Span.Event, time_unix_nano=st.integers(0, BASE), name=texts), max_size=2),
    links=st.lists(
        st.builds(Span.Link, trace_id=st.binary(min_size=16, max_size=16), span_id=st.just(b"12345678")),
        max_size=2,
    ),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(spans, min_size=1, max_size=5, unique_by=lambda one: (one.trace_id, one.span_id)))
def test_any_spans_come_back_the_same_from_either_encoding(tmp_path, made):
    held = [files(written(tmp_path, form(traces(*made)))) for form in (json_file, protobuf_file)]
    one, two = (each.spans("{ }", each.window, whole=True).frame for each in held)
    assert_frame_equal(one, two, categorical_as_str=True)
    came = one.select("trace_id", "span_id", "name", pl.col("start", "duration").to_physical()).rows()
    assert sorted(came) == sorted(
        (
            each.trace_id.hex(),
            each.span_id.hex(),
            each.name,
            each.start_time_unix_nano,
            each.end_time_unix_nano - each.start_time_unix_nano,
        )
        for each in made
    )
    assert one.columns[: len(SPANS.names)] == list(SPANS.names)


def test_a_message_of_any_length_is_read_in_the_encoding_that_it_has(tmp_path):
    names = ["x" * length for length in range(300)]  # a length can be written as any character, a brace too
    made = [traces(span(number, name=name)) for number, name in enumerate(names, 1)]
    held = files(written(tmp_path, protobuf_file(*made)))
    assert held.spans("{ }", held.window, whole=True).frame["name"].to_list() == names


@pytest.fixture
def journeys(tmp_path):
    error = Status(code=2, message="it broke")
    body = json_file(
        traces(
            span(1, 0, trace=1, kind=2, own={"n": 5, "http.route": "/a", "ok": True}),
            span(2, 1, trace=1, kind=3, lasts=5 * SECOND, status=error),
            of=resource("shop", k8s__pod__name="shop-1"),
        ),
        traces(span(3, 2 * SECOND, trace=2, kind=2, name="b", own={"n": 0.5}), of=resource("cart")),
    )
    return files(written(tmp_path, body))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ }", [1, 2, 3]),
        ("{ status = error }", [2]),
        ("{ status != error && kind = server }", [1, 3]),
        ("{ duration > 1s }", [2]),
        ("{ duration >= 1000ms && duration < 2s }", [1, 3]),
        ('{ resource.service.name = "shop" }', [1, 2]),
        ('{ resource.service.name =~ "sh.*" && span."http.route" = "/a" }', [1]),
        ('{ .k8s.pod.name = "shop-1" && (status = error || .n = 5) }', [1, 2]),
        ("{ span.n > 0 }", [1, 3]),
        ("{ span.n < 1 }", [3]),
        ('{ span.n = "5" }', []),
        ("{ span.ok = true }", [1]),
        ("{ span.ok = nil }", [2, 3]),
        ('{ name = "b" }', [3]),
        ('{ statusMessage =~ ".*broke" }', [2]),
    ],
)
def test_conditions_choose_spans(query, expected, journeys):
    frame = journeys.spans(query, HOUR).frame
    assert [int(each, 16) for each in frame["span_id"]] == expected
    assert not frame["whole_trace"].any()


def test_whole_brings_every_span_of_the_traces_that_match(journeys):
    frame = journeys.spans("{ status = error }", HOUR, whole=True).frame
    assert [int(each, 16) for each in frame["span_id"]] == [1, 2]
    assert frame["whole_trace"].all()


def test_a_limit_of_spans_is_of_traces_and_is_said(journeys):
    answer = journeys.spans("{ }", HOUR, whole=True, limit=1)
    assert [int(each, 16) for each in answer.frame["span_id"]] == [1, 2]
    assert answer.record.selection == "1 traces, spread over the window, as the limit asked"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{ status = error } | rate()", "at '|'"),
        ("{ status = error } >> { }", "at '>'"),
        ("{ status = }", "at '}'"),
        ("{ banana = 1 }", "at 'banana'"),
        ("{ status = error", "at its end"),
    ],
)
def test_more_than_a_span_set_is_refused_in_words(query, said, journeys):
    with pytest.raises(QueryError) as caught:
        journeys.spans(query, HOUR)
    assert str(caught.value) == (
        f"Files do not understand this query {said}.\n  query:  {query}\n"
        "Hint: Files are asked with one span set filter, such as "
        '{ resource.service.name = "api" && duration > 1s }.'
    )


def test_a_trace_is_found_by_its_id_with_or_without_leading_zeros(journeys):
    assert journeys.trace("2").frame.height == journeys.trace("2".zfill(32)).frame.height == 1
    with pytest.raises(RejectedError) as caught:
        journeys.trace("abc")
    assert str(caught.value) == (
        f"The files hold no span of the trace {'abc'.zfill(32)}.\n  query:  {'abc'.zfill(32)}"
    )


# As a connection.


def test_an_investigation_of_a_recorded_incidents_files_needs_no_server_and_no_scope(tmp_path):
    with zipfile.ZipFile(RECORDINGS / "slow-query" / "tempo" / "traces-v2-protobuf.zip") as packed:
        replies = [read_reply(packed.read(name)).trace for name in packed.namelist()]
    obs = obsnb.read_otlp(written(tmp_path, protobuf_file(*replies)))
    truth = json.loads((RECORDINGS / "slow-query" / "truth.json").read_text("utf-8"))
    inv = obsnb.investigate(obs, scope={})
    assert abs(inv.during.start_ns / SECOND - truth["onset"]) < 60
    assert inv.suspects().height
    obs.save(tmp_path / "frozen", scope={})
    again = obsnb.investigate(obsnb.open_archive(tmp_path / "frozen"))
    assert again.during == inv.during


def test_a_scope_is_looked_for_where_the_files_have_it(tmp_path):
    body = json_file(
        logs(record("mine, an error"), of=resource("shop", k8s__namespace__name="prod")),
        logs(record("other", 1), of=resource("cart", k8s__namespace__name="test")),
        traces(span(1, kind=2), of=resource("shop", k8s__namespace__name="prod")),
        traces(span(2, trace=2, kind=2), of=resource("cart", k8s__namespace__name="test")),
    )
    obs = obsnb.read_otlp(written(tmp_path, body))
    scope = {"namespace": "prod"}
    assert obs.role("scope.logs", obs.window, scope=scope)["line"].to_list() == ["mine, an error"]
    assert obs.role("errors.logs", obs.window, scope=scope)["line"].to_list() == ["mine, an error"]
    assert obs.role("sample.spans", obs.window, scope=scope)["service"].to_list() == ["shop"]
    assert obs.role("scope.logs", obs.window, scope={}).height == 2


def test_a_connection_to_files_says_what_it_is(tmp_path):
    obs = obsnb.read_otlp(written(tmp_path, json_file(logs(record("one")))), frames="pandas")
    start = BASE_S // 60 * 60
    assert start == BASE_S
    assert repr(obs) == f"Connection(otlp, files of {obs.window})"
    assert obs.window == TimeRange(BASE, BASE + SECOND)
    assert obs.health()["message"].to_list() == ["1 messages read from 1 file"]
    assert list(obs.metrics("up").columns) == list(SERIES.names)
    assert list(obs.exemplars("up").columns) == list(EXEMPLARS.names)
