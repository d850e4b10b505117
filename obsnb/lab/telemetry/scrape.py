"""A registry of prometheus_client as an OTLP message, as a Collector's Prometheus receiver makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

__all__ = ["otlp_metrics"]

_CUMULATIVE = 2
_Labels = tuple[tuple[str, str], ...]


def otlp_metrics(registry: CollectorRegistry, resource: Mapping[str, str], at_ns: int) -> dict[str, Any]:
    """What a registry holds, as an ``ExportMetricsServiceRequest`` in OTLP's JSON."""
    metrics = [told for family in registry.collect() for told in _metric(family, at_ns)]
    scope = {"scope": {"name": "obsnb.lab"}, "metrics": metrics}
    return {"resourceMetrics": [{"resource": {"attributes": _pairs(resource)}, "scopeMetrics": [scope]}]}


def _metric(family: Metric, at_ns: int) -> Iterable[dict[str, Any]]:
    samples = [one for one in family.samples if not one.name.endswith("_created")]
    if not samples:
        return
    if family.type == "counter":
        points = [_number(one, at_ns) for one in samples]
        form = {"dataPoints": points, "aggregationTemporality": _CUMULATIVE, "isMonotonic": True}
        yield {"name": family.name, "description": family.documentation, "sum": form}
    elif family.type == "histogram":
        histogram = {"dataPoints": _histograms(samples, at_ns), "aggregationTemporality": _CUMULATIVE}
        yield {"name": family.name, "description": family.documentation, "histogram": histogram}
    else:
        gauge = {"dataPoints": [_number(one, at_ns) for one in samples]}
        yield {"name": family.name, "description": family.documentation, "gauge": gauge}


def _number(sample: Sample, at_ns: int) -> dict[str, Any]:
    return {
        "attributes": _pairs(sample.labels),
        "timeUnixNano": str(at_ns),
        "asDouble": float(sample.value),
    }


def _histograms(samples: Iterable[Sample], at_ns: int) -> list[dict[str, Any]]:
    found: dict[_Labels, list[Sample]] = {}
    for one in samples:
        labels = tuple(sorted((key, value) for key, value in one.labels.items() if key != "le"))
        found.setdefault(labels, []).append(one)
    return [_histogram(dict(labels), parts, at_ns) for labels, parts in found.items()]


def _histogram(labels: Mapping[str, str], parts: list[Sample], at_ns: int) -> dict[str, Any]:
    buckets = sorted((float(one.labels["le"]), one) for one in parts if one.name.endswith("_bucket"))
    below, counts = 0.0, []
    for _, one in buckets:
        counts.append(str(int(one.value - below)))
        below = one.value
    exemplars = [one.exemplar for _, one in buckets if one.exemplar is not None]
    return {
        "attributes": _pairs(labels),
        "timeUnixNano": str(at_ns),
        "count": str(int(below)),
        "sum": next(float(one.value) for one in parts if one.name.endswith("_sum")),
        "explicitBounds": [bound for bound, _ in buckets[:-1]],
        "bucketCounts": counts,
        "exemplars": [
            {
                "timeUnixNano": str(int(float(one.timestamp or 0) * 1e9)),
                "asDouble": one.value,
                "traceId": one.labels["trace_id"],
                "spanId": one.labels["span_id"],
            }
            for one in exemplars
        ],
    }


def _pairs(attributes: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
