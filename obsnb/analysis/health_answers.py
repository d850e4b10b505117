"""What health endpoints answer, in the shapes that are in use, as one row a component."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from obsnb.analysis.line_records import duration_ns, slim

__all__ = ["HEALTH_ROUTE", "Check", "checks_of", "is_healthy"]

#: Paths that health is asked at: Kubernetes', Spring Boot's, the debugging guide's.
HEALTH_ROUTE = (
    r"(?i)(?:^|/)(?:healthz?|health[-_]?checks?|readyz?|livez?|ready|readiness|liveness|heartbeat)"
    r"(?:/(?:detailed|live|ready|liveness|readiness))?/?(?:$|[?#])"
)
_WELL = frozenset(
    {"healthy", "up", "pass", "passing", "ok", "okay", "green", "alive", "ready", "serving", "available"}
)
_ILL = frozenset(
    {
        "unhealthy",
        "down",
        "fail",
        "failed",
        "failing",
        "error",
        "critical",
        "red",
        "unavailable",
        "outofservice",
        "degraded",
        "warn",
        "warning",
        "yellow",
        "notserving",
        "notready",
        "timeout",
    }
)
_GROUPS = (
    "checks",
    "components",
    "entries",
    "dependencies",
    "services",
    "details",
    "results",
    "indicators",
    "info",
)
_STATUS = ("status", "state", "health", "healthy", "ok", "up")
_OVERALL = ("overallstatus", "overall", "status", "state", "health", "healthy")
_ERRORS = ("error", "output", "description", "message", "reason", "exception", "details")
_LATENCIES = (
    "latency", "latency_ms", "latency_s", "latency_seconds", "latencyMs", "duration", "duration_ms",
    "durationMs", "response_time",
    "responseTime", "response_time_ms", "responseTimeMs", "elapsed", "elapsed_ms", "time_ms",
)  # fmt: skip
_DEEPEST = 3

#: component (None for the whole), status, latency_ns, error.
Check = tuple[str | None, str, int | None, str | None]


def is_healthy(status: str | None) -> bool | None:
    """Whether a status is a good one: the words of Spring Boot, Kubernetes, gRPC, Consul and the guide.

    ``degraded`` and warnings are not. None for a word that is none of these.
    """
    word = slim(status or "")
    if word in ("true", "1"):
        return True
    if word in ("false", "0"):
        return False
    return True if word in _WELL else False if word in _ILL else None


def checks_of(answer: Mapping[str, Any]) -> list[Check]:
    """The whole (component None) and each component of an answer; empty where it is none of health.

    Read are the debugging guide's ``checks``, Spring Boot's ``components``, ASP.NET's ``entries``, the
    lists of draft-inadarei-api-health-check, and lists of objects with a name; components of components
    as ``outer/inner``.
    """
    fields = {slim(str(name)): value for name, value in answer.items()}
    parts = [
        check
        for group in _GROUPS
        if isinstance(fields.get(group), Mapping | list)
        for check in _group(fields[group], "", 0)
    ]
    overall = next((word for name in _OVERALL if (word := _word(fields.get(name))) is not None), None)
    if overall is None and not parts:
        return []
    whole: list[Check] = [] if overall is None else [(None, overall, _latency(fields), _error(fields))]
    return [*whole, *parts]


def _group(group: Any, path: str, depth: int) -> Iterator[Check]:
    if depth >= _DEEPEST:
        return
    if isinstance(group, list):
        for each in group:
            if isinstance(each, Mapping):
                name = next(
                    (each[key] for key in ("name", "component", "id", "componentId") if each.get(key)), None
                )
                if name is not None:
                    yield from _check(str(name), each, path, depth)
        return
    for name, each in group.items():
        if isinstance(each, list):  # the draft's: several measurements of a component
            for one in each:
                if isinstance(one, Mapping):
                    yield from _check(str(name), one, path, depth)
        else:
            yield from _check(str(name), each, path, depth)


def _check(name: str, told: Any, path: str, depth: int) -> Iterator[Check]:
    whole = f"{path}/{name}" if path else name
    if not isinstance(told, Mapping):
        word = _word(told)
        if word is not None:
            yield whole, word, None, None
        return
    fields = {slim(str(key)): value for key, value in told.items()}
    word = next((word for key in _STATUS if (word := _word(fields.get(key))) is not None), None)
    if word is not None:
        yield whole, word, _latency(fields), _error(fields)
    for group in ("components", "checks", "entries"):
        if isinstance(fields.get(group), Mapping | list):
            yield from _group(fields[group], whole, depth + 1)


def _word(value: Any) -> str | None:
    """A status in lower case; None for what is none of the words that are known."""
    if isinstance(value, bool):
        return "healthy" if value else "unhealthy"
    if not isinstance(value, str) or is_healthy(value) is None:
        return None
    return re.sub(r"[\s_-]+", " ", value.strip().lower())


def _latency(fields: Mapping[str, Any]) -> int | None:
    """Milliseconds where neither the value nor the field says its unit, as the guide's are."""
    for name in _LATENCIES:
        found = duration_ns(fields.get(slim(name)), name, unit="ms")
        if found is not None:
            return found
    observed, unit = fields.get("observedvalue"), fields.get("observedunit")
    if isinstance(observed, int | float | str) and unit is not None:
        return duration_ns(f"{observed}{unit}")
    return None


def _error(fields: Mapping[str, Any]) -> str | None:
    return next((value for name in _ERRORS if isinstance(value := fields.get(name), str) and value), None)
