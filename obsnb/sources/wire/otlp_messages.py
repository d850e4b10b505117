"""OTLP's messages in protobuf, with attributes left as the bytes that they came as.

Most attributes of a file are the same few, over and over: whoever walks through the messages reads each
once. Everything else of the messages is OTLP's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

__all__ = ["Signal", "message", "plain_value", "signal_of"]

Signal = Literal["logs", "metrics", "traces"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_TRACE = "opentelemetry.proto.trace.v1"
_POINT = {"attributes"}
#: Fields of OTLP's messages that stay bytes.
_UNREAD = {
    "ResourceSpans": {"resource"},
    "Span": {"attributes"},
    "Event": {"attributes"},
    "Link": {"attributes"},
    "Resource": {"attributes"},
    "InstrumentationScope": {"attributes"},
    "LogRecord": {"attributes", "body"},
    "NumberDataPoint": _POINT,
    "HistogramDataPoint": _POINT,
    "ExponentialHistogramDataPoint": _POINT,
    "SummaryDataPoint": _POINT,
    "Exemplar": {"filtered_attributes"},
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LENGTHS = {_FIXED64: 8, _FIXED32: 4}


@cache
def message(name: str) -> Any:
    """The class of a message, by its full name."""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))


def plain_value(value: Any) -> tuple[Any, Any]:
    """The type of an ``AnyValue``, and the value as Python has it."""
    field = value.WhichOneof("value")
    if field is None:
        return None, None
    kind = field.removesuffix("_value")
    plain = getattr(value, field)
    if kind == "array":
        plain = [plain_value(one)[1] for one in plain.values]
    elif kind == "kvlist":
        plain = {one.key: plain_value(one.value)[1] for one in plain.values}
    return kind, plain


def signal_of(body: bytes) -> Signal | None:
    """What an export request in protobuf holds; None where it holds no record.

    The three requests have one form down to their records (field 1, then 2, then 2). A record shows what
    it is by the wire types of its fields, of which no two signals have the same.

    Raises
    ------
    ValueError
        It is not protobuf.
    """
    for batch in _inside(memoryview(body), 1):
        for scope in _inside(batch, 2):
            for record in _inside(scope, 2):
                return _signal_of_record({(number, kind) for number, kind, _ in _fields(record)})
    return None


def _signal_of_record(seen: set[tuple[int, int]]) -> Signal:
    log = {(1, _FIXED64), (11, _FIXED64), (2, _VARINT), (7, _VARINT), (8, _FIXED32)}
    span = {(7, _FIXED64), (8, _FIXED64), (6, _VARINT), (16, _FIXED32)}
    if seen & log or (1, _BYTES) not in seen:
        return "logs"
    return "traces" if seen & span else "metrics"


def _inside(data: memoryview, number: int) -> Iterator[memoryview]:
    return (payload for at, kind, payload in _fields(data) if at == number and kind == _BYTES)


def _fields(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """Number, wire type and payload of each field (protobuf.dev/programming-guides/encoding)."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        start, kind = at, tag & 7
        if kind == _VARINT:
            _, at = _varint(data, at)
        elif kind == _BYTES:
            length, start = _varint(data, at)
            at = start + length
        elif kind in _LENGTHS:
            at += _LENGTHS[kind]
        else:
            raise ValueError(f"it has a field of wire type {kind}")
        if at > len(data):
            raise ValueError("it ends inside a field")
        yield tag >> 3, kind, data[start:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("it ends inside a number")


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """OTLP's messages with attributes left as bytes, and Tempo's answer around them."""
    pool = descriptor_pool.DescriptorPool()
    for module in (common_pb2, resource_pb2, trace_pb2, logs_pb2, metrics_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for each in file.message_type:
            _leave_unread(each)
        pool.Add(file)
    own = descriptor_pb2.FileDescriptorProto(name="obsnb/tempo.proto", package="obsnb", syntax="proto3")
    own.dependency.append(trace_pb2.DESCRIPTOR.name)
    reply = own.message_type.add(name="TraceByIDResponse")
    reply.field.add(name="trace", number=1, type=_FIELD.TYPE_MESSAGE, type_name=f".{_TRACE}.TracesData")
    reply.field.add(name="status", number=3, type=_FIELD.TYPE_INT32)
    reply.field.add(name="message", number=4, type=_FIELD.TYPE_STRING)
    resource = own.message_type.add(name="Resource")
    resource.field.add(name="attributes", number=1, type=_FIELD.TYPE_BYTES, label=_FIELD.LABEL_REPEATED)
    pool.Add(own)
    return pool


def _leave_unread(each: descriptor_pb2.DescriptorProto) -> None:
    for field in each.field:
        if field.name in _UNREAD.get(each.name, ()):
            field.type = _FIELD.TYPE_BYTES
            field.ClearField("type_name")
    for inner in each.nested_type:
        _leave_unread(inner)
