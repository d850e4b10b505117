"""Spans that are read column by column are the spans that OTLP's own classes read one by one."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.sources.wire import otlp_spans, protobuf_fields
from obsnb.sources.wire.otlp_spans import (
    DecodeError,
    add_together,
    add_traces,
    count_spans,
    read_attribute,
    read_trace,
)
from obsnb.sources.wire.protobuf_fields import Wire, fields_of
from obsnb.sources.wire.span_columns import span_columns
from obsnb.sources.wire.span_table import SpanTable
from obsnb.sources.wire.tempo_json import read_trace_json

_IDS = st.sampled_from([b"", b"\x01" * 8, b"\x00" * 16, b"\xff" * 16, b"odd"])
_TEXTS = st.sampled_from(["", "GET /items", "é", "x" * 300])
_TIMES = st.sampled_from([0, 1, 1_795_392_000_000_000_000, 2**63 - 1])
_VALUES = st.sampled_from(
    [
        AnyValue(string_value="a"),
        AnyValue(int_value=-7),
        AnyValue(bool_value=True),
        AnyValue(double_value=0.5),
        AnyValue(),
    ]
)
_ATTRIBUTES = st.lists(
    st.builds(KeyValue, key=st.sampled_from(["http.route", "service.name", "a", ""]), value=_VALUES),
    max_size=3,
)
#: Fields that OTLP may come to have: a number, bytes, and 64 and 32 bits.
_UNKNOWN = st.sampled_from(
    [b"", b"\xf8\x07\x96\x01", b"\xfa\x07\x03abc", b"\xf9\x0712345678", b"\xfd\x071234"]
)
_EVENTS = st.lists(
    st.builds(Span.Event, time_unix_nano=_TIMES, name=_TEXTS, attributes=_ATTRIBUTES), max_size=2
)
_LINKS = st.lists(st.builds(Span.Link, trace_id=_IDS, span_id=_IDS, attributes=_ATTRIBUTES), max_size=2)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """A span with anything in it, and with a field that no one knows yet."""
    span = Span(
        trace_id=draw(_IDS),
        span_id=draw(_IDS),
        parent_span_id=draw(_IDS),
        trace_state=draw(_TEXTS),
        name=draw(_TEXTS),
        kind=draw(st.sampled_from([0, 1, 5, 17, -1])),
        start_time_unix_nano=draw(_TIMES),
        end_time_unix_nano=draw(_TIMES),
        attributes=draw(_ATTRIBUTES),
        events=draw(_EVENTS),
        links=draw(_LINKS),
    )
    if draw(st.booleans()):
        span.status.CopyFrom(Status(message=draw(_TEXTS), code=draw(st.sampled_from([0, 1, 2, 9, -3]))))
    span.MergeFromString(draw(_UNKNOWN))
    return span


_TRACES = st.builds(
    TracesData,
    resource_spans=st.lists(
        st.builds(
            ResourceSpans,
            resource=st.builds(Resource, attributes=_ATTRIBUTES),
            scope_spans=st.lists(st.builds(ScopeSpans, spans=st.lists(spans(), max_size=4)), max_size=2),
        ),
        max_size=3,
    ),
)


def _frame(traces: list[tuple[Any, bool]], *, worth: int) -> Any:
    """SPANS, read as columns from so many bytes on."""
    table = SpanTable(read_attribute)
    with patch.object(otlp_spans, "_WORTH_BYTES", worth):
        count = add_together(table, traces)
    assert count == len(table) == sum(count_spans(trace) for trace, _ in traces)
    return table.frame(DEFAULT)


@settings(max_examples=80)
@given(written=st.lists(st.tuples(_TRACES, st.booleans()), max_size=4), few=st.sampled_from([0, 3, 1_000]))
def test_columns_hold_what_the_classes_hold(written: list[tuple[TracesData, bool]], few: int) -> None:
    traces = [(read_trace(trace.SerializeToString()).trace, whole) for trace, whole in written]
    with patch.object(protobuf_fields, "_FEW", few):
        together = _frame(traces, worth=0)
    assert_frame_equal(together, _frame(traces, worth=1 << 40))


@settings(max_examples=80)
@given(trace=_TRACES, place=st.integers(0, 400), bits=st.integers(1, 255), few=st.sampled_from([0, 1_000]))
def test_what_was_damaged_is_read_or_refused_as_the_classes_do(
    trace: TracesData, place: int, bits: int, few: int
) -> None:
    body = bytearray(trace.SerializeToString())
    if body:
        body[place % len(body)] ^= bits
    try:
        read = read_trace(bytes(body)).trace
        one_by_one = _frame([(read, True)], worth=1 << 40)
    except (DecodeError, OverflowError, TypeError) as error:
        one_by_one = type(error)
    try:
        with patch.object(protobuf_fields, "_FEW", few):
            together = _frame([(read_trace(bytes(body)).trace, True)], worth=0)
    except (DecodeError, OverflowError, TypeError) as error:
        together = type(error)
    if isinstance(one_by_one, type) or isinstance(together, type):
        assert together is one_by_one
    else:
        assert_frame_equal(together, one_by_one)


def test_a_group_which_no_message_of_otlp_has_is_left_to_the_classes() -> None:
    with pytest.raises(ValueError, match="a field has a wire type that OTLP does not use"):
        span_columns([TracesData(resource_spans=[ResourceSpans()]).SerializeToString() + b"\xfb\x07\xfc\x07"])
    body = TracesData(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[Span(name="a")])])])
    grouped = body.SerializeToString() + b"\xfb\x07\xfc\x07"
    assert _frame([(read_trace(grouped).trace, True)], worth=0)["name"].to_list() == ["a"]


@pytest.mark.parametrize("few", [0, 1_000])
@pytest.mark.parametrize(
    "raw", [b"\x0a\x05abc", b"\x08", b"\x08" + b"\xff" * 10 + b"\x01", b"\x09123", b"\x0e"]
)
def test_bytes_that_are_no_message_are_refused(raw: bytes, few: int) -> None:
    with patch.object(protobuf_fields, "_FEW", few), pytest.raises(ValueError, match=r"field|number"):
        fields_of(Wire.of(raw), np.array([0]), np.array([len(raw)]))


def test_an_attribute_that_cannot_be_read_leaves_the_table_as_it_was() -> None:
    trace = read_trace(
        TracesData(
            resource_spans=[
                ResourceSpans(
                    scope_spans=[ScopeSpans(spans=[Span(name="a", attributes=[KeyValue(key="k")])])]
                )
            ]
        ).SerializeToString()
    ).trace
    trace.resource_spans[0].scope_spans[0].spans[0].attributes.append(b"\xff")
    table = SpanTable(read_attribute)
    with patch.object(otlp_spans, "_WORTH_BYTES", 0), pytest.raises(DecodeError):
        add_traces(table, trace, whole=True)
    assert len(table) == 0


@pytest.mark.parametrize("worth", [0, 1 << 40])
@pytest.mark.parametrize("late", ["start", "event"])
def test_a_time_that_no_frame_can_hold_is_refused_as_what_cannot_be_read(late: str, worth: int) -> None:
    span = Span(trace_id=b"\1" * 16, span_id=b"\1" * 8, start_time_unix_nano=2**63 if late == "start" else 1)
    span.events.add(time_unix_nano=2**63 if late == "event" else 1)
    trace = TracesData(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
    read = read_trace(trace.SerializeToString()).trace
    with pytest.raises(DecodeError, match="a time is later than 64 bits with a sign can tell"):
        _frame([(read, True)], worth=worth)
    told = MessageToJson(trace).encode()
    with pytest.raises(msgspec.ValidationError, match="Expected `int` <= 9223372036854775807"):
        read_trace_json(told)
