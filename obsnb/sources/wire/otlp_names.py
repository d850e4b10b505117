"""What OTLP's attributes and metrics are called in Loki and Prometheus.

The rules are those of OpenTelemetry's "Prometheus and OpenMetrics compatibility" specification, which
both servers follow at their OTLP endpoints, and of Loki's default limits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from obsnb.sources.wire.span_table import attribute

__all__ = ["WELL_KNOWN", "Pair", "flat", "label_name", "metric_name", "number_text", "value_text"]

#: A key, the type of its value, and the value as Python has it.
Pair = tuple[str, str | None, Any]

#: The resource attributes that tell where something comes from. Loki makes them stream labels unless it
#: is told otherwise, and Prometheus' documents tell to promote them to labels.
WELL_KNOWN = frozenset(
    {
        "service.name",
        "service.namespace",
        "service.instance.id",
        "deployment.environment",
        "deployment.environment.name",
        "cloud.region",
        "cloud.availability_zone",
        "container.name",
        "k8s.cluster.name",
        "k8s.container.name",
        "k8s.cronjob.name",
        "k8s.daemonset.name",
        "k8s.deployment.name",
        "k8s.job.name",
        "k8s.namespace.name",
        "k8s.pod.name",
        "k8s.replicaset.name",
        "k8s.statefulset.name",
    }
)
_UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]")
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9:]+")


@lru_cache(maxsize=4096)
def label_name(key: str) -> str:
    """An attribute's key as a label.

    Examples
    --------
    >>> label_name("service.name"), label_name("3d")
    ('service_name', 'key_3d')
    """
    name = _NOT_IN_LABELS.sub("_", key)
    if name[:1].isdigit():
        return f"key_{name}"
    return f"key{name}" if name.startswith("_") and not name.startswith("__") else name


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, *, counter: bool = False, gauge: bool = False) -> str:
    """A metric's name with the suffixes of its unit and kind.

    Examples
    --------
    >>> metric_name("http.server.request.duration", "s")
    'http_server_request_duration_seconds'
    >>> metric_name("requests", "{request}", counter=True), metric_name("cpu.load", "1", gauge=True)
    ('requests_total', 'cpu_load_ratio')
    """
    words = [word for word in _NOT_IN_NAMES.split(name) if word]
    main, _, per = (part.strip() for part in unit.partition("/"))
    units = [
        _UNITS.get(main, main) if not set("{}") & set(main) else "",
        f"per_{_PER.get(per, per)}" if per and not set("{}") & set(per) else "",
    ]
    for text in units:
        suffix = re.sub(r"_+", "_", _NOT_IN_NAMES.sub("_", text)).strip("_")
        if suffix and suffix != "per" and suffix not in words:
            words.append(suffix)
    last = "total" if counter else "ratio" if gauge and unit == "1" else ""
    if last:
        words = [word for word in words if word != last] + [last]
    joined = "_".join(words)
    return f"_{joined}" if joined[:1].isdigit() else joined


def flat(pairs: Iterable[Pair]) -> dict[str, str]:
    """Attributes as labels: maps in parts, whose names are joined with ``_``; all else as text."""
    found: dict[str, str] = {}
    for key, kind, value in pairs:
        if isinstance(value, dict):
            parts = [(f"{label_name(key)}_{inner}", None, part) for inner, part in value.items()]
            found |= flat(parts)
        elif key:
            found[label_name(key)] = value_text(kind, value)
    return found


def value_text(kind: str | None, value: Any) -> str:
    """A value as the Collector writes it where text is wanted."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, bytes):
        return attribute("", "bytes", value).value or ""
    return str(value) if kind == "int" or isinstance(value, int) else msgspec.json.encode(value).decode()


def number_text(value: float) -> str:
    """A number without a needless fraction: ``5``, ``0.25``, ``1e+21``, ``+Inf``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return repr(value)
