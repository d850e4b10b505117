"""Loggers whose structured lines have names or values of their own, told by the fields that stand together.

A name such as ``s`` or ``type`` says nothing by itself, nor does a level of 3. Beside the other fields of a
logger's documented layout it does. Here such a field gets the name that the conventions know it by, and
its values the words that they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from obsnb.analysis.log_levels import SYSLOG

__all__ = ["Meaning", "meanings_of"]


@dataclass(frozen=True)
class Meaning:
    """The name by which the conventions know a field, or None for none; how its values are read."""

    name: str | None
    read: Callable[[Any], Any] | None = None


def _among(words: Mapping[str, str]) -> Callable[[Any], Any]:
    return lambda value: words.get(str(value), value)


def _trace_of(value: Any) -> Any:
    parts = str(value).split("-")
    return parts[1] if len(parts) == 4 and len(parts[1]) == 32 else None


def _traceback(value: Any) -> Any:
    """Exceptions as objects, the last raised first, as Python prints them; anything else as it is."""
    if not isinstance(value, list) or not all(isinstance(one, dict) and "exc_type" in one for one in value):
        return value
    chain = []
    for one in reversed(value):
        calls = [call for call in one.get("frames") or () if isinstance(call, dict)]
        places = [
            f'  File "{call.get("filename")}", line {call.get("lineno")}, in {call.get("name")}'
            for call in calls
        ]
        said = f"{one['exc_type']}: {one.get('exc_value')}"
        chain.append("\n".join(["Traceback (most recent call last):", *places, said]))
    return "\n\nThe above exception was the direct cause of the following exception:\n\n".join(chain)


_SYSLOG = {str(number): name for number, name in enumerate(SYSLOG)}
_OTLP = {
    str(number): name
    for start, name in ((1, "trace"), (5, "debug"), (9, "info"), (13, "warn"), (17, "error"), (21, "fatal"))
    for number in range(start, start + 4)
}
_AZURE = dict(zip("01234", ("trace", "info", "warn", "error", "critical"), strict=True))
_MONGO = {"F": "fatal", "E": "error", "W": "warn", "I": "info"} | {f"D{n}": "debug" for n in "12345"}

_DIALECTS: tuple[tuple[frozenset[str], Mapping[str, Meaning]], ...] = tuple(
    (frozenset(together.split()), MappingProxyType(meanings))
    for together, meanings in (
        # MongoDB from 4.4 on
        ("t s c id ctx msg", {"s": Meaning("level", _among(_MONGO)), "c": Meaning("logger")}),
        # Graylog's extended format
        (
            "version host short_message",
            {"short_message": Meaning("message"), "level": Meaning("level", _among(_SYSLOG))},
        ),
        # journald's export
        ("PRIORITY MESSAGE", {"PRIORITY": Meaning("level", _among(_SYSLOG))}),
        # OpenTelemetry's log data model, in both spellings
        ("severityNumber", {"severityNumber": Meaning("level", _among(_OTLP))}),
        ("severity_number", {"severity_number": Meaning("level", _among(_OTLP))}),
        ("SeverityNumber", {"SeverityNumber": Meaning("level", _among(_OTLP))}),
        # Application Insights
        ("severityLevel message", {"severityLevel": Meaning("level", _among(_AZURE))}),
        # Google Cloud's structured logging
        (
            "logging.googleapis.com/trace",
            {
                "logging.googleapis.com/trace": Meaning("trace_id", lambda value: str(value).split("/")[-1]),
                "logging.googleapis.com/spanId": Meaning("span_id"),
            },
        ),
        # the header of W3C's Trace Context
        ("traceparent", {"traceparent": Meaning("trace_id", _trace_of)}),
        # structlog's dict_tracebacks
        ("event exception", {"exception": Meaning("exception", _traceback)}),
        # tracing (Rust)
        ("level target fields", {"target": Meaning("logger")}),
        # events and audit events of Kubernetes; the level of the latter is how much was recorded
        (
            "kind type reason message involvedObject",
            {"type": Meaning("level", _among({"Warning": "warn", "Normal": "info"}))},
        ),
        ("auditID stage level", {"level": Meaning(None)}),
        # milliseconds by their documentation: Envoy's JSON, lograge, pino-http; etcd's have units
        ("response_code response_flags duration", {"duration": Meaning("duration_ms")}),
        ("controller action format status duration", {"duration": Meaning("duration_ms")}),
        ("req res responseTime", {"responseTime": Meaning("duration_ms")}),
        ("took expected-duration", {"took": Meaning("duration")}),
    )
)


@lru_cache(maxsize=4096)
def meanings_of(names: tuple[str, ...]) -> Mapping[str, Meaning]:
    """The fields that mean something of their own in a line with these fields."""
    have = frozenset(names)
    found: dict[str, Meaning] = {}
    for together, meanings in _DIALECTS:
        if together <= have:
            found.update(meanings)
    return MappingProxyType(found)
