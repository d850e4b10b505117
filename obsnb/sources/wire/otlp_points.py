"""The messages of OTLP's metrics: protobuf's own classes, and the same fields read from JSON."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from obsnb.sources.wire.otlp_logs import Time
from obsnb.sources.wire.otlp_messages import message

__all__ = ["Form", "form_of", "read_json_metrics", "read_metrics", "told"]

Form = Literal["gauge", "sum", "histogram", "exponential_histogram", "summary"]

_METRICS = "opentelemetry.proto.metrics.v1.MetricsData"
_FORMS: tuple[Form, ...] = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


class _Exemplar(msgspec.Struct, gc=False, rename="camel"):
    filtered_attributes: list[msgspec.Raw] = []
    time_unix_nano: Time = 0
    as_double: float | None = None
    as_int: int | None = None
    span_id: str = ""
    trace_id: str = ""


class _Point(msgspec.Struct, gc=False, rename="camel"):
    attributes: list[msgspec.Raw] = []
    start_time_unix_nano: Time = 0
    time_unix_nano: Time = 0
    flags: int = 0


class _Number(_Point, gc=False, rename="camel"):
    as_double: float | None = None
    as_int: int | None = None
    exemplars: list[_Exemplar] = []


class _Classic(_Point, gc=False, rename="camel"):
    count: int = 0
    sum: float | None = None
    bucket_counts: list[int] = []
    explicit_bounds: list[float] = []
    exemplars: list[_Exemplar] = []


class _Side(msgspec.Struct, gc=False, rename="camel", frozen=True):
    offset: int = 0
    bucket_counts: list[int] = []


class _Exponential(_Point, gc=False, rename="camel"):
    count: int = 0
    sum: float | None = None
    scale: int = 0
    zero_count: int = 0
    zero_threshold: float = 0.0
    positive: _Side = _Side()
    negative: _Side = _Side()
    exemplars: list[_Exemplar] = []


class _Quantile(msgspec.Struct, gc=False):
    quantile: float = 0.0
    value: float = 0.0


class _Summarised(_Point, gc=False, rename="camel"):
    count: int = 0
    sum: float = 0.0
    quantile_values: list[_Quantile] = []


class _Gauge(msgspec.Struct, gc=False, rename="camel"):
    data_points: list[_Number] = []


class _Sum(_Gauge, gc=False, rename="camel"):
    aggregation_temporality: int | str = 0  # a name, as protobuf's own JSON has it, though OTLP's has none
    is_monotonic: bool = False


class _Histogram(msgspec.Struct, gc=False, rename="camel"):
    data_points: list[_Classic] = []
    aggregation_temporality: int | str = 0


class _ExponentialHistogram(msgspec.Struct, gc=False, rename="camel"):
    data_points: list[_Exponential] = []
    aggregation_temporality: int | str = 0


class _Summary(msgspec.Struct, gc=False, rename="camel"):
    data_points: list[_Summarised] = []


class _Metric(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    unit: str = ""
    gauge: _Gauge | None = None
    sum: _Sum | None = None
    histogram: _Histogram | None = None
    exponential_histogram: _ExponentialHistogram | None = None
    summary: _Summary | None = None


class _ScopeMetrics(msgspec.Struct, gc=False):
    metrics: list[_Metric] = []


class _Resource(msgspec.Struct, gc=False, frozen=True):
    attributes: list[msgspec.Raw] = []


class _ResourceMetrics(msgspec.Struct, gc=False, rename="camel"):
    resource: _Resource = _Resource()
    scope_metrics: list[_ScopeMetrics] = []


class _Metrics(msgspec.Struct, gc=False, rename="camel"):
    resource_metrics: list[_ResourceMetrics] = []


_JSON = msgspec.json.Decoder(_Metrics, strict=False)


def read_metrics(body: bytes) -> Any:
    """Metrics in protobuf. Raises `DecodeError`."""
    return message(_METRICS).FromString(body).resource_metrics


def read_json_metrics(body: bytes) -> Any:
    """Metrics in OTLP's JSON. Raises `msgspec.DecodeError`."""
    return _JSON.decode(body).resource_metrics


def form_of(metric: Any) -> Form | None:
    """Which kind of points a metric has; None where it has none."""
    return next((form for form in _FORMS if told(metric, form) is not None), None)


def told(part: Any, name: str) -> Any:
    """The value of an optional field; None where the message does not tell it."""
    if isinstance(part, msgspec.Struct) or part.HasField(name):
        return getattr(part, name)
    return None
