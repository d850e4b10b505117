"""Tempo's answers, in every encoding, become the same spans."""

import base64
import json
import zipfile
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.schema import SPANS
from obsnb.sources.wire.otlp_spans import DecodeError, add_traces, read_attribute, read_reply, read_trace
from obsnb.sources.wire.promoted import PROMOTED, promoted
from obsnb.sources.wire.span_table import SpanTable
from obsnb.sources.wire.tempo_json import (
    add_json,
    read_json_attribute,
    read_trace_json,
)
from tests.standin.tempo import TempoStandIn, recorded_body
from tests.standin.traces import key_value

RECORDINGS = Path(__file__).parents[2] / "recordings"
TRACE = "00a1" * 8
ENCODINGS = ("v1-json", "v1-protobuf", "v2-json", "v2-protobuf")
INCIDENTS = ("slow-query", "datasource")

plain_values = st.recursive(
    st.one_of(
        st.text(max_size=5),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.binary(max_size=5),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def from_protobuf(*bodies, read=read_reply):
    table = SpanTable(read_attribute)
    for body in bodies:
        reply = read(body)
        add_traces(table, reply.trace, whole=not reply.partial)
    return table.frame(DEFAULT)


def from_json(*bodies):
    table = SpanTable(read_json_attribute)
    for body in bodies:
        reply = read_trace_json(body)
        add_json(table, reply, whole=not reply.partial)
    return table.frame(DEFAULT)


def recorded(incident, name):
    return recorded_body(RECORDINGS / incident / "tempo" / f"{name}.json")


def made(*spans, resource=()):
    """One trace of some spans of one resource."""
    batch = ResourceSpans(
        resource=Resource(attributes=[key_value(key, value) for key, value in resource]),
        scope_spans=[ScopeSpans(scope=InstrumentationScope(name="made up"), spans=spans)],
    )
    return TracesData(resource_spans=[batch])


def span(number=1, **fields):
    start = fields.pop("start", 1_795_460_000_000_000_000)
    return Span(
        trace_id=bytes.fromhex(TRACE),
        span_id=number.to_bytes(8, "big"),
        start_time_unix_nano=start,
        end_time_unix_nano=start + fields.pop("duration", 5),
        **fields,
    )


def answers(data):
    """What a server says of a made-up trace: the same in its four encodings."""
    backend = TempoStandIn.of(data)
    paths = (f"/api/traces/{TRACE}", f"/api/v2/traces/{TRACE}")
    accepted = ({}, {"accept": "application/protobuf"})
    return [backend.answer("GET", path, {}, headers)[2] for path in paths for headers in accepted]


def frames(data):
    v1_json, v1_protobuf, v2_json, v2_protobuf = answers(data)
    return [
        from_json(v1_json),
        from_protobuf(v1_protobuf, read=read_trace),
        from_json(v2_json),
        from_protobuf(v2_protobuf),
    ]


@pytest.mark.parametrize("number", ["00", "01", "02"])
@pytest.mark.parametrize("incident", INCIDENTS)
def test_the_four_encodings_of_a_recorded_trace_give_the_same_frame(incident, number):
    v1_json, v1_protobuf, v2_json, v2_protobuf = (
        recorded(incident, f"trace-{number}-{encoding}") for encoding in ENCODINGS
    )
    first = from_json(v1_json)
    assert first.height > 0
    assert_frame_equal(first, from_json(v2_json))
    assert_frame_equal(first, from_protobuf(v1_protobuf, read=read_trace))
    assert_frame_equal(first, from_protobuf(v2_protobuf))


def test_a_recorded_trace_is_told_in_the_words_of_the_schema():
    frame = from_json(recorded("slow-query", "trace-00-v2-json"))
    assert frame.columns[: len(SPANS.names)] == list(SPANS.names)
    assert dict(list(frame.schema.items())[: len(SPANS.names)]) == SPANS.dtypes()
    assert frame["trace_id"].unique().to_list() == ["3d476818474a5496bf759d29ec568a79"]
    assert frame["span_id"].to_list() == ["193cac6d3cf2937b", "13022b91852381e5", "5b54013dbff8a9f0"]
    assert frame["parent_span_id"].to_list() == [None, "193cac6d3cf2937b", "13022b91852381e5"]
    assert frame["kind"].cast(pl.String).to_list() == ["client", "server", "internal"]
    assert frame["status"].cast(pl.String).to_list() == ["error", "error", "unset"]
    assert frame["status_message"].to_list() == ["HTTP 500", "'panel_97'", None]
    assert frame["start"].to_physical()[0] == 1_795_461_158_155_195_904
    assert frame["duration"].to_physical()[0] == 114_256_640
    assert frame["http.response.status_code"].to_list() == [500, 500, None]
    assert frame["service.namespace"].to_list() == ["shop-prod"] * 3  # from the resource
    assert frame["service.version"].to_list() == ["3.1.9", "1.7.4", None]
    event = frame["events"][1][0]
    assert event["name"] == "exception"
    assert event["attributes"][0] == {"key": "exception.type", "type": "string", "value": "KeyError"}
    assert frame["events"].list.len().to_list() == [0, 1, 0]
    assert frame["links"].list.len().to_list() == [0, 0, 0]


@pytest.mark.parametrize(("incident", "spans"), [("slow-query", 15_406), ("datasource", 11_210)])
def test_every_recorded_whole_trace_decodes_to_all_its_spans(incident, spans):
    with zipfile.ZipFile(RECORDINGS / incident / "tempo" / "traces-v2-protobuf.zip") as members:
        names = members.namelist()
        frame = from_protobuf(*(members.read(name) for name in names))
    assert frame.height == spans
    assert sorted(frame["trace_id"].unique()) == sorted(name.removesuffix(".pb") for name in names)
    assert frame.select("trace_id", "span_id").is_unique().all()
    assert frame["service"].null_count() == 0
    assert frame["duration"].to_physical().min() >= 0


def test_a_missing_trace_is_no_span_in_either_encoding():
    assert from_json(recorded("slow-query", "trace-missing-v2")).is_empty()
    empty = from_protobuf(b"")
    assert empty.is_empty()
    assert empty.schema == SPANS.empty().schema


def test_what_protobuf_leaves_out_is_zero_and_what_is_not_known_is_null():
    for frame in frames(made(Span(trace_id=bytes.fromhex(TRACE), span_id=b"\x01" * 8))):
        row = frame.row(0, named=True)
        assert row["trace_id"] == TRACE
        assert [row[name] for name in ("parent_span_id", "kind", "status_message", "service")] == [None] * 4
        assert (row["status"], row["name"]) == ("unset", "")
        assert frame["start"].to_physical()[0] == frame["duration"].to_physical()[0] == 0
        assert row["attributes"] == row["resource"] == row["events"] == row["links"] == []


@given(values=st.dictionaries(st.text(max_size=4), plain_values, max_size=4))
def test_attributes_of_any_type_read_the_same_from_json_and_protobuf(values):
    pairs = [key_value(key, value) for key, value in values.items()]
    data = made(
        span(
            attributes=pairs, links=[Span.Link(trace_id=b"\x0a" * 16, span_id=b"\x02" * 8, attributes=pairs)]
        ),
        span(2, events=[Span.Event(time_unix_nano=7, name="e", attributes=pairs)]),
        resource=values.items(),
    )
    first, *others = frames(data)
    for other in others:
        assert_frame_equal(first, other)
    assert [one["key"] for one in first["attributes"][0]] == list(values)
    assert first["links"][0][0]["trace_id"] == "0a" * 16
    assert [one["key"] for one in first["events"][1][0]["attributes"]] == list(values)


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("x", "string", "x"),
        (7, "int", "7"),
        (-(2**63), "int", "-9223372036854775808"),
        (0.5, "double", "0.5"),
        (float("nan"), "double", "NaN"),
        (float("-inf"), "double", "-Infinity"),
        (True, "bool", "true"),
        (False, "bool", "false"),
        (b"\xff\x00", "bytes", base64.b64encode(b"\xff\x00").decode()),
        (["a", 1, [True]], "array", '["a",1,[true]]'),
        ({"k": {"n": 1}}, "kvlist", '{"k":{"n":1}}'),
        ([], "array", "[]"),
    ],
)
def test_a_value_is_its_type_and_its_text(value, kind, text):
    for frame in frames(made(span(attributes=[key_value("key", value)]))):
        assert frame["attributes"].to_list() == [[{"key": "key", "type": kind, "value": text}]]


def test_an_attribute_without_a_value_keeps_its_key():
    for frame in frames(made(span(attributes=[key_value("empty", None)]))):
        assert frame["attributes"].to_list() == [[{"key": "empty", "type": None, "value": None}]]


def test_a_promoted_attribute_is_the_spans_before_the_resources():
    data = made(
        span(1, attributes=[key_value("service.version", "of the span")]),
        span(2),
        resource=[("service.version", "of the resource"), ("service.name", "shop")],
    )
    frame = frames(data)[1]
    assert frame["service.version"].to_list() == ["of the span", "of the resource"]
    assert frame["service"].cast(pl.String).to_list() == ["shop", "shop"]


def test_the_first_of_two_attributes_of_one_key_is_promoted():
    data = made(span(attributes=[key_value("http.route", "/a"), key_value("http.route", "/b")]))
    for frame in frames(data):
        assert frame["http.route"].to_list() == ["/a"]
        assert [one["value"] for one in frame["attributes"][0]] == ["/a", "/b"]


def test_a_status_code_that_is_no_number_is_null_and_stays_in_the_list():
    frame = frames(made(span(attributes=[key_value("http.status_code", "teapot")])))[0]
    assert "http.status_code" not in frame.columns or frame["http.status_code"].to_list() == [None]
    assert frame["attributes"][0][0]["value"] == "teapot"


def test_a_service_has_its_one_name_and_the_resource_keeps_the_other():
    conventions = DEFAULT.override({"service_aliases": {"shop-v2": "shop"}})
    table, data = SpanTable(read_attribute), made(span(), resource=[("service.name", "shop-v2")])
    add_traces(table, read_trace(data.SerializeToString()).trace, whole=True)
    frame = table.frame(conventions)
    assert frame["service"].cast(pl.String).to_list() == ["shop"]
    assert frame["resource"].to_list() == [[{"key": "service.name", "type": "string", "value": "shop-v2"}]]


def test_no_promoted_attribute_takes_the_name_of_a_core_column():
    conventions = DEFAULT.override({"tenant_fields": ["name", "customer"]})
    assert not set(promoted(conventions)) & set(SPANS.names)
    assert "customer" in promoted(conventions)
    assert set(PROMOTED) <= set(promoted(conventions))


def test_a_part_of_a_trace_is_no_whole_trace():
    backend = TempoStandIn.of(made(span()), partial={TRACE: "Trace exceeds maximum size of 5 bytes"})
    for headers in ({}, {"accept": "application/protobuf"}):
        body = backend.answer("GET", f"/api/v2/traces/{TRACE}", {}, headers)[2]
        frame = from_protobuf(body) if headers else from_json(body)
        assert frame["whole_trace"].to_list() == [False]
        reply = read_reply(body) if headers else read_trace_json(body)
        assert (reply.partial, reply.message) == (True, "Trace exceeds maximum size of 5 bytes")


def test_what_is_no_trace_is_refused():
    with pytest.raises(DecodeError):
        read_reply(b"<html>")
    with pytest.raises(DecodeError):
        read_attribute(b"\xff")
    with pytest.raises(msgspec.DecodeError):
        read_trace_json(b'{"batches":[{')
    with pytest.raises(msgspec.DecodeError):
        from_json(b'{"batches":[{"scopeSpans":[{"spans":[{"traceId":"!"}]}]}]}')
    for attribute in ("[]", '{"key":1}', '{"key":"a","value":{"intValue":"x"}}'):
        with pytest.raises(msgspec.DecodeError):
            from_json(b'{"batches":[{"scopeSpans":[{"spans":[{"attributes":[%b]}]}]}]}' % attribute.encode())


def test_ids_in_hex_are_read_as_well_as_in_base64():
    hexed = json.dumps(
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": TRACE, "spanId": "00ff" * 4}]}]}]}
    )
    frame = from_json(hexed.encode())
    assert frame.select("trace_id", "span_id").row(0) == (TRACE, "00ff" * 4)


def test_bytes_that_are_no_text_do_not_take_the_trace_with_them():
    body = b'{"batches":[{"scopeSpans":[{"spans":[{"name":"caf\xe9"}]}]}]}'
    assert from_json(body)["name"].to_list() == ["caf\ufffd"]


def test_kinds_and_codes_that_nobody_knows_are_null():
    body = json.dumps(
        {"batches": [{"scopeSpans": [{"spans": [{"kind": 9, "status": {"code": "STATUS_CODE_NEW"}}]}]}]}
    )
    row = from_json(body.encode()).row(0, named=True)
    assert (row["kind"], row["status"]) == (None, None)
