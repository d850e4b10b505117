"""Log lines: JSON on standard output, and log records by OTLP, both with every id and every field."""

from __future__ import annotations

import json
import logging
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import get_current_span

from obsnb.instants import format_ns
from obsnb.lab.telemetry.current import current
from obsnb.lab.telemetry.stacks import stack_of
from obsnb.lab.telemetry.tracing import HostClock

__all__ = ["OtlpHandler", "StructuredFormatter", "fields_of", "logger_of", "severity_of"]

#: What every record has by itself; anything else was given as ``extra``.
_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL, "fatal"),
    (logging.ERROR, SeverityNumber.ERROR, "error"),
    (logging.WARNING, SeverityNumber.WARN, "warn"),
    (logging.INFO, SeverityNumber.INFO, "info"),
    (0, SeverityNumber.DEBUG, "debug"),
)


def severity_of(level: int) -> tuple[SeverityNumber, str]:
    """OpenTelemetry's severity of a level of `logging`, as number and word."""
    return next((number, word) for least, number, word in _SEVERITIES if level >= least)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Everything that a record says beside its message.

    The guide's formatter keeps three names of ``extra`` and drops the rest: a slow query's line without
    its duration and its statement.
    """
    told: dict[str, Any] = {
        "logger": record.name,
        "code.function.name": record.funcName,
        "code.line.number": record.lineno,
    }
    of = current()
    if of is not None:
        ids = {"correlation_id": of.correlation_id, "tenant_id": of.tenant_id, "user_id": of.user_id}
        told |= {key: value for key, value in ids.items() if value}
    told |= {key: value for key, value in vars(record).items() if key not in _OWN and value is not None}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        told["exception.type"] = type(error).__name__
        told["exception.message"] = str(error)
        told["exception.stacktrace"] = stack_of(error)
    return told


class StructuredFormatter(logging.Formatter):
    """A record as one line of JSON.

    Unlike the guide's: aware UTC with its ``Z``, trace and span ids, every field of ``extra``.
    """

    def __init__(self, service: str, clock: HostClock) -> None:
        super().__init__()
        self._service, self._clock = service, clock

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told: dict[str, Any] = {
            "timestamp": format_ns(int(record.created * 1e9) + self._clock.skew_ns),
            "level": severity_of(record.levelno)[1],
            "service": self._service,
            "message": record.getMessage(),
        }
        span = get_current_span().get_span_context()
        if span.is_valid:
            told |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
        return json.dumps(told | fields_of(record), default=str)


class OtlpHandler(logging.Handler):
    """Hands records to OpenTelemetry: the message as body, every field as an attribute, ids in their place.

    Parameters
    ----------
    formatter
        Where given, its line is the body, and neither fields nor ids stand beside it: what an agent
        makes of a program's standard output.
    """

    def __init__(
        self,
        resource: Resource,
        processors: list[LogRecordProcessor],
        *,
        clock: HostClock,
        formatter: logging.Formatter | None = None,
    ) -> None:
        super().__init__()
        provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        for processor in processors:
            provider.add_log_record_processor(processor)
        self._logger = provider.get_logger("obsnb.lab")
        self._clock = clock
        if formatter is not None:
            self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        at = int(record.created * 1e9) + self._clock.skew_ns
        if self.formatter is not None:
            from opentelemetry.context import Context

            line = self.format(record)
            self._logger.emit(
                LogRecord(timestamp=at, observed_timestamp=at, context=Context({"": 0}), body=line)
            )
            return
        number, word = severity_of(record.levelno)
        attributes = {
            key: value if isinstance(value, str | bool | int | float) else json.dumps(value, default=str)
            for key, value in fields_of(record).items()
        }
        self._logger.emit(
            LogRecord(
                timestamp=at,
                observed_timestamp=at,
                severity_number=number,
                severity_text=word,
                body=record.getMessage(),
                attributes=attributes,
            )
        )


def logger_of(name: str, handlers: list[logging.Handler]) -> logging.Logger:
    """A service's logger; its handlers take the place of those that it had."""
    logger = logging.getLogger(f"lab.{name}")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = handlers
    return logger
