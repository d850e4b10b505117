"""OTLP files as the Collector's file exporter writes them, from protobuf's messages."""

from __future__ import annotations

import base64
import gzip
import json

import pyarrow as pa
from google.protobuf import json_format
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, TracesData

from tests.standin.tempo import any_value, key_value

BASE_S = 1_795_464_000
BASE = BASE_S * 10**9
SECOND = 10**9
_IDS = {"traceId", "spanId", "parentSpanId"}


def attributes(**values) -> list[KeyValue]:
    """Attributes; ``__`` in a name stands for a dot."""
    return [key_value(name.replace("__", "."), value) for name, value in values.items()]


def resource(service="shop", **values) -> Resource:
    return Resource(attributes=attributes(service__name=service, **values))


def record(text="hello", at=0, **fields) -> LogRecord:
    own = attributes(**fields.pop("own", {}))
    return LogRecord(time_unix_nano=BASE + at, body=any_value(text), attributes=own, **fields)


def logs(*records, of=None, scope=None) -> LogsData:
    inner = ScopeLogs(log_records=records, scope=scope or InstrumentationScope())
    return LogsData(resource_logs=[ResourceLogs(resource=of or resource(), scope_logs=[inner])])


def metrics(*each: Metric, of=None) -> MetricsData:
    inner = ScopeMetrics(metrics=each)
    return MetricsData(resource_metrics=[ResourceMetrics(resource=of or resource(), scope_metrics=[inner])])


def span(number=1, at=0, *, trace=1, lasts=SECOND, **fields) -> Span:
    own = attributes(**fields.pop("own", {}))
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        name=fields.pop("name", "GET /"),
        start_time_unix_nano=BASE + at,
        end_time_unix_nano=BASE + at + lasts,
        attributes=own,
        **fields,
    )


def traces(*spans, of=None) -> TracesData:
    inner = ScopeSpans(spans=spans)
    return TracesData(resource_spans=[ResourceSpans(resource=of or resource(), scope_spans=[inner])])


def to_json(message) -> bytes:
    """OTLP's JSON: as protobuf's, but for ids in hex and enumerations as numbers."""
    plain = json_format.MessageToDict(message, use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(plain)).encode()


def json_file(*messages) -> bytes:
    return b"".join(to_json(one) + b"\n" for one in messages)


def framed(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def protobuf_file(*messages) -> bytes:
    return framed(*(one.SerializeToString() for one in messages))


def zstd(body: bytes) -> bytes:
    return pa.compress(body, codec="zstd", asbytes=True)


#: What the exporter, or somebody afterwards, makes of messages.
FORMS = {
    "json": json_file,
    "protobuf": protobuf_file,
    "json, gzip": lambda *each: gzip.compress(json_file(*each)),
    "json, gzip in two members": lambda *each: b"".join(gzip.compress(json_file(one)) for one in each),
    "json, zstd stream": lambda *each: zstd(json_file(*each)),
    "json, zstd frames": lambda *each: b"".join(zstd(json_file(one)) for one in each),
    "json, zstd by message": lambda *each: framed(*(zstd(to_json(one)) for one in each)),
    "protobuf, gzip": lambda *each: gzip.compress(protobuf_file(*each)),
    "protobuf, zstd stream": lambda *each: zstd(protobuf_file(*each)),
    "protobuf, zstd by message": lambda *each: framed(*(zstd(one.SerializeToString()) for one in each)),
}


def _with_hex_ids(plain):
    if isinstance(plain, list):
        return [_with_hex_ids(one) for one in plain]
    if not isinstance(plain, dict):
        return plain
    return {
        name: base64.b64decode(value).hex() if name in _IDS else _with_hex_ids(value)
        for name, value in plain.items()
    }
