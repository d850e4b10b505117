"""Traces in OTLP's protobuf into SPANS: what Tempo answers for a trace's id.

A ``tempopb.Trace`` has the wire form of OTLP's ``TracesData``; the second version of the endpoint puts
it into a ``TraceByIDResponse``. The messages are OTLP's own, except that attributes stay bytes: most
spans carry the same ones, and each is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1 import common_pb2

from obsnb.collector import paused_collector
from obsnb.sources.wire.otlp_messages import message, plain_value
from obsnb.sources.wire.span_columns import SpanColumns, span_columns
from obsnb.sources.wire.span_table import KINDS, STATUSES, Attribute, Kind, SpanTable, attribute

__all__ = [
    "DecodeError",
    "TraceReply",
    "add_together",
    "add_traces",
    "count_spans",
    "read_attribute",
    "read_pair",
    "read_reply",
    "read_trace",
]

_TRACES = "opentelemetry.proto.trace.v1.TracesData"
_PARTIAL = 1
_WORTH_BYTES = 1 << 15
#: The latest time that a frame can hold.
_LATEST_NS = 2**63 - 1


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
    return TraceReply(message(_TRACES).FromString(body))


def read_reply(body: bytes) -> TraceReply:
    """The answer of ``/api/v2/traces/{id}``. Raises `DecodeError`."""
    reply = message("obsnb.TraceByIDResponse").FromString(body)
    return TraceReply(reply.trace, reply.status == _PARTIAL, reply.message)


def add_traces(table: SpanTable, trace: Any, *, whole: bool) -> int:
    """Enter the spans of a trace into a table that was made with `read_attribute`.

    Returns
    -------
    int
        How many there were.
    """
    return add_together(table, [(trace, whole)])


def add_together(table: SpanTable, traces: Sequence[tuple[Any, bool]]) -> int:
    """Enter the spans of several traces, each with whether it is whole, as `add_traces` does.

    Many spans at once are entered column by column, which takes half of the time.
    """
    before = len(table)
    with paused_collector():
        columns = _columns([trace for trace, _ in traces])
        if columns is None:
            for trace, whole in traces:
                _add_spans(table, trace, whole=whole)
        else:
            are_whole = np.array([whole for _, whole in traces], dtype=np.bool_)
            table.extend(
                columns,
                kinds=_words(KINDS, columns.kind),
                statuses=_words(STATUSES, columns.status),
                whole=are_whole[columns.trace],
            )
    return len(table) - before


def count_spans(trace: Any) -> int:
    """How many spans `add_traces` would enter."""
    return sum(len(scope.spans) for batch in trace.resource_spans for scope in batch.scope_spans)


def _columns(traces: Sequence[Any]) -> SpanColumns | None:
    """The spans as columns; None where they are too few for that, or hold what is no OTLP."""
    written = [trace.SerializeToString() for trace in traces]
    if sum(map(len, written)) < _WORTH_BYTES:
        return None
    try:
        return span_columns(written)
    except ValueError:
        return None


def _add_spans(table: SpanTable, trace: Any, *, whole: bool) -> None:
    _check_times(trace)  # before any is entered
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


def _check_times(trace: Any) -> None:
    """Raise `DecodeError` where a time is later than frames can hold."""
    for of_resource in trace.resource_spans:
        for scope in of_resource.scope_spans:
            for span in scope.spans:
                events = (event.time_unix_nano for event in span.events)
                if max(span.start_time_unix_nano, span.end_time_unix_nano, *events) > _LATEST_NS:
                    raise DecodeError("a time is later than 64 bits with a sign can tell")


def read_attribute(raw: bytes) -> Attribute:
    """An attribute from OTLP's ``KeyValue``. Raises `DecodeError`."""
    return attribute(*read_pair(raw))


def read_pair(raw: bytes) -> tuple[str, Kind | None, Any]:
    """The key, the type and the plain value of OTLP's ``KeyValue``. Raises `DecodeError`."""
    pair = common_pb2.KeyValue.FromString(raw)
    return pair.key, *plain_value(pair.value)


def _resource(raw: bytes) -> Any:
    return message("obsnb.Resource").FromString(raw).attributes


def _words(words: tuple[Any, ...], numbers: npt.NDArray[np.int64]) -> pl.Series:
    known = (numbers >= 0) & (numbers < len(words))
    return pl.Series([*words, None], dtype=pl.String).gather(np.where(known, numbers, len(words)))


def _word(words: tuple[Any, ...], number: int) -> Any:
    return words[number] if 0 <= number < len(words) else None
