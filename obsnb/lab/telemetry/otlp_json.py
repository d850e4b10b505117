"""OTLP messages as lines of JSON in a file, as the Collector's file exporter writes them."""

from __future__ import annotations

import contextlib
import json
import threading
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

__all__ = ["JsonLines", "LogFile", "SpanFile", "message_json"]

_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


class JsonLines:
    """A file that several threads append lines of JSON to, each whole."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def write(self, message: dict[str, Any]) -> None:
        """Append a message; nothing once the file is closed."""
        line = json.dumps(message, separators=(",", ":"))
        with self._lock:
            if not self._file.closed:
                self._file.write(line + "\n")
                self._file.flush()

    def close(self) -> None:
        """No more lines."""
        with self._lock, contextlib.suppress(OSError):  # what a full disk did not take was told already
            self._file.close()


class SpanFile(SpanExporter):
    """Writes spans, encoded by the SDK's own encoder."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Append a message with these spans."""
        self._lines.write(message_json(encode_spans(spans)))
        return SpanExportResult.SUCCESS


class LogFile(LogRecordExporter):
    """Writes log records, encoded by the SDK's own encoder."""

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Append a message with these records."""
        self._lines.write(message_json(encode_logs(batch)))
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to do: whoever made the file closes it."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002  # the SDK's
        """Nothing waits here."""
        return True


def message_json(message: Any) -> dict[str, Any]:
    """A message in OTLP's JSON: as protobuf's mapping has it, but with ids in hexadecimal digits."""
    told: dict[str, Any] = MessageToDict(message, use_integers_for_enums=True)
    _ids_as_hex(told)
    return told


def _ids_as_hex(value: Any) -> None:
    if isinstance(value, list):
        for inner in value:
            _ids_as_hex(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in _IDS and isinstance(inner, str):
                value[key] = b64decode(inner).hex()
            else:
                _ids_as_hex(inner)
