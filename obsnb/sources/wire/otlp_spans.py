"""Traces in OTLP's protobuf into SPANS: what Tempo answers for a trace's id.

A ``tempopb.Trace`` has the wire form of OTLP's ``TracesData``; the second version of the endpoint puts
it into a ``TraceByIDResponse``. The messages are OTLP's own, except that attributes stay bytes: most
spans carry the same ones, and each is read once.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from obsnb.sources.wire.span_table import KINDS, STATUSES, Attribute, SpanTable, attribute

__all__ = ["DecodeError", "TraceReply", "add_traces", "read_attribute", "read_reply", "read_trace"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_OTLP = "opentelemetry.proto.trace.v1"
#: Fields of OTLP's messages that stay bytes.
_UNREAD = {
    "ResourceSpans": {"resource"},
    "Span": {"attributes"},
    "Event": {"attributes"},
    "Link": {"attributes"},
}
_PARTIAL = 1


class TraceReply(NamedTuple):
    """What came for a trace's id.

    Attributes
    ----------
    trace
        For `add_traces`.
    partial
        Whether the server says that spans are missing.
    message
        What it says of that.
    """

    trace: Any
    partial: bool = False
    message: str = ""


def read_trace(body: bytes) -> TraceReply:
    """The answer of ``/api/traces/{id}``. Raises `DecodeError`."""
    return TraceReply(_message(f"{_OTLP}.TracesData").FromString(body))


def read_reply(body: bytes) -> TraceReply:
    """The answer of ``/api/v2/traces/{id}``. Raises `DecodeError`."""
    reply = _message("obsnb.TraceByIDResponse").FromString(body)
    return TraceReply(reply.trace, reply.status == _PARTIAL, reply.message)


def add_traces(table: SpanTable, trace: Any, *, whole: bool) -> int:
    """Enter the spans of a trace into a table that was made with `read_attribute`.

    Returns
    -------
    int
        How many there were.
    """
    before = len(table)
    span_of = table.span
    for of_resource in trace.resource_spans:
        resource = table.resource(_resource(of_resource.resource))
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                status = span.status
                span_of(
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    name=span.name,
                    kind=_word(KINDS, span.kind),
                    status=_word(STATUSES, status.code),
                    message=status.message,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    resource=resource,
                    attributes=span.attributes,
                    whole=whole,
                )
                for event in span.events:
                    table.event(event.time_unix_nano, event.name, event.attributes)
                for link in span.links:
                    table.link(link.trace_id, link.span_id, link.attributes)
    return len(table) - before


def read_attribute(raw: bytes) -> Attribute:
    """An attribute from OTLP's ``KeyValue``. Raises `DecodeError`."""
    pair = common_pb2.KeyValue.FromString(raw)
    kind, value = _plain(pair.value)
    return attribute(pair.key, kind, value)


def _resource(raw: bytes) -> Any:
    return _message("obsnb.Resource").FromString(raw).attributes


def _word(words: tuple[Any, ...], number: int) -> Any:
    return words[number] if 0 <= number < len(words) else None


def _plain(value: Any) -> tuple[Any, Any]:
    """The type of a value, and the value as Python has it."""
    field = value.WhichOneof("value")
    if field is None:
        return None, None
    kind = field.removesuffix("_value")
    plain = getattr(value, field)
    if kind == "array":
        plain = [_plain(one)[1] for one in plain.values]
    elif kind == "kvlist":
        plain = {one.key: _plain(one.value)[1] for one in plain.values}
    return kind, plain


@cache
def _message(name: str) -> Any:
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """OTLP's messages with attributes left as bytes, and Tempo's answer around them."""
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            _leave_unread(message)
        pool.Add(file)
    own = descriptor_pb2.FileDescriptorProto(name="obsnb/tempo.proto", package="obsnb", syntax="proto3")
    own.dependency.append(trace_pb2.DESCRIPTOR.name)
    reply = own.message_type.add(name="TraceByIDResponse")
    reply.field.add(name="trace", number=1, type=_FIELD.TYPE_MESSAGE, type_name=f".{_OTLP}.TracesData")
    reply.field.add(name="status", number=3, type=_FIELD.TYPE_INT32)
    reply.field.add(name="message", number=4, type=_FIELD.TYPE_STRING)
    resource = own.message_type.add(name="Resource")
    resource.field.add(name="attributes", number=1, type=_FIELD.TYPE_BYTES, label=_FIELD.LABEL_REPEATED)
    pool.Add(own)
    return pool


def _leave_unread(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        if field.name in _UNREAD.get(message.name, ()):
            field.type = _FIELD.TYPE_BYTES
            field.ClearField("type_name")
    for inner in message.nested_type:
        _leave_unread(inner)
