"""Traces as a stand-in for Tempo holds them, and as its searches show them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")
_PLAIN = ("string_value", "int_value", "double_value", "bool_value")


@dataclass(frozen=True)
class HeldSpan:
    """A span as searches see it."""

    span_id: str
    parent_id: str
    name: str
    kind: str
    status: str
    message: str
    start: int
    end: int
    attributes: Mapping[str, AnyValue]
    resource: Mapping[str, AnyValue]
    trace_id: str

    def look_up(self, name: str) -> Any:
        """The value of an intrinsic or an attribute, as a condition compares it."""
        if "." in name:
            value = self.attribute(name)
            plain = value.WhichOneof("value") if value is not None else None
            return getattr(value, plain) if plain in _PLAIN else None
        return {
            "name": self.name,
            "kind": self.kind,
            "status": self.status,
            "statusMessage": self.message,
            "duration": self.end - self.start,
            "span:id": self.span_id,
            "trace:id": self.trace_id,
            "span:parentID": self.parent_id.zfill(16),
            "nestedSetParent": 1 if self.parent_id else -1,
        }[name]

    def attribute(self, name: str) -> AnyValue | None:
        """An attribute by its scoped name; without a scope the span's before the resource's."""
        scope, _, key = name.partition(".")
        own = self.attributes.get(key) if scope != "resource" else None
        return own if own is not None or scope == "span" else self.resource.get(key)


@dataclass(frozen=True)
class HeldTrace:
    """A trace and the answer that was recorded for its id."""

    trace_id: str
    data: TracesData
    reply: bytes

    @cached_property
    def spans(self) -> list[HeldSpan]:
        """Its spans, in their order."""
        held = []
        for batch in self.data.resource_spans:
            resource = {pair.key: pair.value for pair in batch.resource.attributes}
            spans = [span for scope in batch.scope_spans for span in scope.spans]
            held += [_held(span, self.trace_id, resource) for span in spans]
        return held

    @cached_property
    def start(self) -> int:
        """When its first span starts."""
        return min(span.start for span in self.spans)

    @cached_property
    def end(self) -> int:
        """When its last span ends."""
        return max(span.end for span in self.spans)


def key_value(key: str, value: Any) -> KeyValue:
    """An attribute of a plain value."""
    return KeyValue(key=key, value=any_value(value))


def any_value(value: Any) -> AnyValue:
    """OTLP's form of a plain value."""
    out = AnyValue()
    if isinstance(value, bool):
        out.bool_value = value
    elif isinstance(value, int):
        out.int_value = value
    elif isinstance(value, float):
        out.double_value = value
    elif isinstance(value, bytes):
        out.bytes_value = value
    elif isinstance(value, list):
        out.array_value.values.extend(any_value(one) for one in value)
        out.array_value.SetInParent()
    elif isinstance(value, dict):
        out.kvlist_value.values.extend(key_value(key, one) for key, one in value.items())
        out.kvlist_value.SetInParent()
    elif value is not None:
        out.string_value = value
    return out


def _held(span: Any, trace_id: str, resource: Mapping[str, AnyValue]) -> HeldSpan:
    return HeldSpan(
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        _KINDS[span.kind],
        _STATUSES[span.status.code],
        span.status.message,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        {pair.key: pair.value for pair in span.attributes},
        resource,
        trace_id,
    )


def found(trace: HeldTrace, spans: Sequence[HeldSpan], spss: int, named: Sequence[str]) -> dict[str, Any]:
    """A trace of a search's answer, zeros left out."""
    root = next((span for span in trace.spans if not span.parent_id), None)
    service = root.resource.get("service.name") if root else None
    spanset = {"spans": [_shown(span, named) for span in spans[:spss]], "matched": len(spans)}
    told = {
        "traceID": trace.trace_id.lstrip("0"),
        "rootServiceName": service.string_value if service else "",
        "rootTraceName": root.name if root else "<root span not yet received>",
        "startTimeUnixNano": str(trace.start),
        "durationMs": (trace.end - trace.start) // 10**6,
        "spanSet": spanset,
        "spanSets": [spanset],
    }
    return {name: value for name, value in told.items() if value}


def _shown(span: HeldSpan, named: Sequence[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"spanID": span.span_id}
    attributes: dict[str, Any] = {}
    for name in named:
        if name == "name":
            told["name"] = span.name
        elif "." in name:
            value, key = span.attribute(name), name.partition(".")[2]
            if value is not None:
                attributes[name] = {"key": key, "value": MessageToDict(value)}
            elif key == "http.route":  # it has a column of its own in Tempo's blocks
                attributes[name] = {"key": key, "value": {"stringValue": "nil"}}
        elif name not in {"duration", "span:id", "trace:id"}:
            value = span.look_up(name)
            kind = "stringValue" if isinstance(value, str) else "intValue"
            attributes[name] = {"key": name, "value": {kind: str(value)}}
    told["startTimeUnixNano"] = str(span.start)
    told["durationNanos"] = str(span.end - span.start) if span.end > span.start else ""
    told["attributes"] = sorted(attributes.values(), key=lambda one: shuffled(span.span_id + one["key"]))
    return {name: value for name, value in told.items() if value}


def shuffled(text: str) -> str:
    """An order that is none, and the same each time."""
    return hashlib.sha256(text.encode()).hexdigest()
