"""What the page sends of itself: its log lines, its spans, its measurements.

All of it comes from a browser, so that nothing of it is believed: sizes are bounded, names and ids checked,
texts kept as values, and the service is the one that the lab calls its front end.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context
from prometheus_client import CollectorRegistry, Counter, Histogram
from pydantic import BaseModel, Field, StringConstraints

from obsnb.instants import now_ns
from obsnb.lab.backend.parts import Parts
from obsnb.lab.failures import ValidationError
from obsnb.lab.settings import NAMESPACE
from obsnb.lab.telemetry.emission import Emission
from obsnb.lab.telemetry.logs import severity_of
from obsnb.lab.telemetry.scrape import otlp_metrics

__all__ = ["FrontendTelemetry", "router"]

router = APIRouter(prefix="/api/v1")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
_Text = Annotated[str, StringConstraints(max_length=4_000)]
_Word = Annotated[str, StringConstraints(max_length=200)]
_Hex16 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
_Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_Version = Annotated[str, StringConstraints(pattern=r"^[0-9][0-9A-Za-z.+-]{0,30}$")]
_Scalar = str | int | float | bool
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,79}")
_KINDS = frozenset({"navigation", "resource", "measure", "paint"})
_MS = 1_000_000
_DAY_NS = 86_400 * 10**9
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Entry(BaseModel):
    timestamp_ms: float
    level: Literal["debug", "info", "warn", "error"]
    message: _Text
    release: _Version
    context: dict[_Word, _Scalar | None] = Field(default_factory=dict, max_length=40)
    trace_id: _Hex32 | None = None
    span_id: _Hex16 | None = None


class _Span(BaseModel):
    trace_id: _Hex32
    span_id: _Hex16
    parent_span_id: _Hex16 | None = None
    name: _Word
    kind: Literal["internal", "client"] = "internal"
    start_ms: float
    end_ms: float
    release: _Version
    error: _Text | None = None
    attributes: dict[_Word, _Scalar | None] = Field(default_factory=dict, max_length=40)


class _Measurement(BaseModel):
    name: _Text
    type: _Word
    duration_ms: float = Field(ge=0, le=3_600_000)


class FrontendTelemetry:
    """Enters what browsers send, as coming from the page's own service."""

    def __init__(self, parts: Parts, emission: Emission) -> None:
        self.name = parts.service.roster.frontend
        self._parts, self._emission = parts, emission
        self._providers: dict[str, LoggerProvider] = {}
        self.registry = CollectorRegistry()
        self.durations = Histogram(
            "frontend_operation_duration_seconds",
            "What the page measured",
            ("type",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.errors = Counter("frontend_errors", "Errors that the page logged", registry=self.registry)

    def resource(self, release: str) -> dict[str, str]:
        """The page's, of a release."""
        return {
            "service.name": self.name,
            "service.namespace": NAMESPACE,
            "service.instance.id": f"{self.name}-browser",
            "service.version": release,
        }

    def scrape(self) -> None:
        """Write the metrics of now to the files."""
        release = self._parts.pages.get("release", "1.0.0")
        self._emission.metrics.write(otlp_metrics(self.registry, self.resource(release), now_ns()))

    def log(self, entry: _Entry) -> None:
        """Enter a line of the page's log."""
        number, word = severity_of(_LEVELS[entry.level])
        ids = set_span_in_context(
            NonRecordingSpan(
                SpanContext(
                    int(entry.trace_id or "0", 16), int(entry.span_id or "0", 16), True, TraceFlags(1)
                )
            )
        )
        if entry.level == "error":
            self.errors.inc()
        self._logger(entry.release).emit(
            LogRecord(
                timestamp=_ns(entry.timestamp_ms),
                context=ids,
                severity_number=number,
                severity_text=word,
                body=entry.message,
                attributes=_named(entry.context) | {"logger": "page"},
            )
        )

    def spans(self, spans: list[_Span]) -> None:
        """Enter spans."""
        for release in dict.fromkeys(span.release for span in spans):
            told = [_otlp(span) for span in spans if span.release == release]
            attributes = [{"key": k, "value": {"stringValue": v}} for k, v in self.resource(release).items()]
            scope = {"scope": {"name": "page"}, "spans": told}
            message = {"resource": {"attributes": attributes}, "scopeSpans": [scope]}
            self._parts.frontend.write({"resourceSpans": [message]})

    def _logger(self, release: str) -> Any:
        if release not in self._providers:
            provider = LoggerProvider(Resource.create(dict(self.resource(release))), shutdown_on_exit=False)
            for processor in self._emission.logs:
                provider.add_log_record_processor(processor)
            self._providers = {release: provider}  # the newest: a browser could name thousands
        return self._providers[release].get_logger("page")


def _telemetry(request: Request) -> FrontendTelemetry:
    told: FrontendTelemetry = request.app.state.frontend
    return told


@router.post("/logs", status_code=204)
def logs(request: Request, entries: Annotated[list[_Entry], Field(max_length=200)]) -> None:
    """Lines of the page's log."""
    for entry in entries:
        _telemetry(request).log(entry)


@router.post("/traces", status_code=204)
def traces(request: Request, spans: Annotated[list[_Span], Field(max_length=500)]) -> None:
    """Spans of the page."""
    _telemetry(request).spans(spans)


@router.post("/metrics/frontend", status_code=204)
def measurements(request: Request, found: Annotated[list[_Measurement], Field(max_length=500)]) -> None:
    """What the page's performance monitor measured."""
    for one in found:
        kind = one.type if one.type in _KINDS else "other"
        _telemetry(request).durations.labels(kind).observe(one.duration_ms / 1000)


def _ns(milliseconds: float) -> int:
    """A browser's time, unless it is a day off: then it is none."""
    ns = int(milliseconds * _MS)
    if abs(ns - now_ns()) > _DAY_NS:
        raise ValidationError("The browser's clock is more than a day off.")
    return ns


def _named(attributes: Mapping[str, _Scalar | None]) -> dict[str, _Scalar]:
    return {k: v for k, v in attributes.items() if v is not None and _NAME.fullmatch(k)}


def _otlp(span: _Span) -> dict[str, Any]:
    start = _ns(span.start_ms)
    told: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": 3 if span.kind == "client" else 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(max(start, _ns(span.end_ms))),
        "attributes": [{"key": k, "value": _value(v)} for k, v in _named(span.attributes).items()],
        "status": {} if span.error is None else {"code": 2, "message": span.error},
    }
    return told if span.parent_span_id is None else told | {"parentSpanId": span.parent_span_id}


def _value(value: _Scalar) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
