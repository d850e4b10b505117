"""OTLP's log records into LOGS, under the names that Loki's OTLP endpoint gives them.

The well-known resource attributes are stream labels; other attributes, severity, ids and the scope are
structured metadata. From there on, the records take the way of Loki's own answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec
import polars as pl
from opentelemetry.proto.common.v1 import common_pb2

from obsnb.conventions import Conventions
from obsnb.sources.wire.loki import LogDecoder, Page
from obsnb.sources.wire.otlp_messages import message, plain_value
from obsnb.sources.wire.otlp_names import WELL_KNOWN, Pair, flat, value_text
from obsnb.sources.wire.tempo_json import plain_json

__all__ = ["Labels", "LogTable", "Time", "all_logs", "hex_id", "read_json_logs", "read_logs"]

#: Nanoseconds since the epoch that an Int64 holds.
Time = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Labels = tuple[tuple[str, str], ...]

#: Labels that Loki takes the service from where nothing names it.
_ELSE_SERVICE = ("container_name", "k8s_container_name", "k8s_job_name")
_LATEST = 2**63 - 1
_LOGS = "opentelemetry.proto.logs.v1.LogsData"
#: The first severity number of each level (OpenTelemetry's log data model), the gravest first.
_SEVERITIES = ((21, "fatal"), (17, "error"), (13, "warn"), (9, "info"), (5, "debug"), (1, "trace"))


class _Record(msgspec.Struct, gc=False, rename="camel"):
    time_unix_nano: Time = 0
    observed_time_unix_nano: Time = 0
    severity_number: int = 0
    severity_text: str = ""
    body: msgspec.Raw = msgspec.Raw(b"")
    attributes: list[msgspec.Raw] = []
    dropped_attributes_count: int = 0
    flags: int = 0
    trace_id: str = ""
    span_id: str = ""


class _Scope(msgspec.Struct, gc=False, frozen=True):
    name: str = ""
    version: str = ""
    attributes: list[msgspec.Raw] = []


class _ScopeLogs(msgspec.Struct, gc=False, rename="camel"):
    scope: _Scope = _Scope()
    log_records: list[_Record] = []


class _Resource(msgspec.Struct, gc=False, frozen=True):
    attributes: list[msgspec.Raw] = []


class _ResourceLogs(msgspec.Struct, gc=False, rename="camel"):
    resource: _Resource = _Resource()
    scope_logs: list[_ScopeLogs] = []


class _Logs(msgspec.Struct, gc=False, rename="camel"):
    resource_logs: list[_ResourceLogs] = []


_JSON = msgspec.json.Decoder(_Logs, strict=False)


def read_logs(body: bytes) -> Any:
    """Log records in protobuf, for `LogTable.add`. Raises `DecodeError`."""
    return message(_LOGS).FromString(body).resource_logs


def read_json_logs(body: bytes) -> Any:
    """Log records in OTLP's JSON, for `LogTable.add`. Raises `msgspec.DecodeError`."""
    return _JSON.decode(body).resource_logs


class LogTable:
    """Collects log records and gives them as one LOGS frame.

    Parameters
    ----------
    pairs
        Gives the attributes of the bytes that they came as.
    """

    def __init__(self, pairs: Callable[[Iterable[bytes]], list[Pair]]) -> None:
        self._pairs = pairs
        self._streams: dict[Labels, list[tuple[str, str, dict[str, Any]]]] = {}
        self.timeless = 0

    def __repr__(self) -> str:
        return f"LogTable({len(self)} records)"

    def __len__(self) -> int:
        return sum(map(len, self._streams.values()))

    def add(self, batches: Iterable[Any]) -> None:
        """Enter what `read_logs` or `read_json_logs` gave. Raises their errors."""
        for batch in batches:
            resource = self._pairs(batch.resource.attributes)
            labels = flat(pair for pair in resource if pair[0] in WELL_KNOWN)
            named = [labels[name] for name in ("service_name", *_ELSE_SERVICE) if labels.get(name)]
            labels["service_name"] = named[0] if named else "unknown_service"  # as Loki does
            entries = self._streams.setdefault(tuple(sorted(labels.items())), [])
            shared = flat(pair for pair in resource if pair[0] not in WELL_KNOWN)
            for scope_logs in batch.scope_logs:
                common = shared | self._scope(scope_logs.scope)
                for record in scope_logs.log_records:
                    ns = record.time_unix_nano or record.observed_time_unix_nano
                    if ns > _LATEST:
                        raise msgspec.ValidationError("the time of a record is not one of this age")
                    self.timeless += not ns
                    metadata = common | self._metadata(record)
                    entries.append((str(ns), _text(record.body), {"structuredMetadata": metadata}))

    def pages(self, decoder: LogDecoder) -> list[Page]:
        """The records as Loki would answer them. Raises `msgspec.DecodeError`."""
        result = [{"stream": dict(labels), "values": found} for labels, found in self._streams.items()]
        body = {"status": "success", "data": {"resultType": "streams", "result": result}}
        return [decoder.read(msgspec.json.encode(body))]

    def _scope(self, scope: Any) -> dict[str, str]:
        found = flat(self._pairs(scope.attributes))
        told = {"scope_name": scope.name, "scope_version": scope.version}
        return found | {name: value for name, value in told.items() if value}

    def _metadata(self, record: Any) -> dict[str, str]:
        found = flat(self._pairs(record.attributes))
        observed = record.observed_time_unix_nano if record.time_unix_nano else 0
        told = {
            "observed_timestamp": observed,
            "severity_number": record.severity_number,
            "severity_text": record.severity_text,
            "detected_level": _level(record.severity_number, record.severity_text),
            "dropped_attributes_count": record.dropped_attributes_count,
            "flags": record.flags,
            "trace_id": hex_id(record.trace_id),
            "span_id": hex_id(record.span_id),
        }
        found |= {name: str(value) for name, value in told.items() if value}
        return found


def all_logs(tables: Iterable[LogTable], conventions: Conventions) -> tuple[pl.DataFrame, int]:
    """LOGS of tables, and how many records are left out because an equal one is there.

    Loki keeps one of records that are equal in labels, time, text and metadata.
    """
    decoder = LogDecoder(conventions)
    frame = decoder.frame([page for table in tables if len(table) for page in table.pages(decoder)])
    once = frame.unique("row_id", keep="first", maintain_order=True)
    return once, frame.height - once.height


def hex_id(value: bytes | str) -> str:
    """An id as lower-case hex digits; empty where it is none."""
    text = value.hex() if isinstance(value, bytes) else value.lower()
    return text if text.strip("0") else ""


def _level(number: int, text: str) -> str:
    found = next((level for first, level in _SEVERITIES if number >= first), "")
    return found or text.lower()


def _text(raw: Any) -> str:
    """A record's body, as text."""
    if isinstance(raw, msgspec.Raw):
        value = msgspec.json.decode(bytes(raw) or b"null")
        if not isinstance(value, dict | None):
            raise msgspec.ValidationError("a record's body is no value")
        return value_text(*plain_json(value or {}))
    return value_text(*plain_value(common_pb2.AnyValue.FromString(raw)))
