"""OTLP's metrics into raw samples, under the names that Prometheus' OTLP endpoint gives them.

``service.name`` becomes ``job``, ``service.instance.id`` ``instance``; the well-known resource attributes
are labels beside them, all others stand in ``target_info``. Histograms become classic series, exponential
ones native histograms. What counts from one report to the next (delta) is added up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.schema import EXEMPLARS, dtype
from obsnb.sources.wire.exponential import Exponential
from obsnb.sources.wire.otlp_logs import Labels, hex_id
from obsnb.sources.wire.otlp_names import WELL_KNOWN, Pair, flat, metric_name, number_text
from obsnb.sources.wire.otlp_points import form_of, told
from obsnb.sources.wire.prometheus import decode_exemplars, decode_matrix, series_id

__all__ = ["MetricTable", "Samples"]

_MS = 1_000_000
_LATEST = 2**63 - 1
_DELTA = frozenset({1, "1", "AGGREGATION_TEMPORALITY_DELTA"})
_NO_VALUE = 1  # of a point's flags: the series has ended, until it comes again

_Value = TypeVar("_Value", float, Exponential)


@dataclass(frozen=True)
class Samples:
    """Everything that the metrics hold.

    Attributes
    ----------
    series
        SERIES: every sample at its own time.
    ends
        series_id and timestamp: when a series was said to have ended.
    exemplars
        EXEMPLARS.
    repeated
        How many samples are left out because a later one has their series, time and value.
    """

    series: pl.DataFrame
    ends: pl.DataFrame
    exemplars: pl.DataFrame
    repeated: int

    def __repr__(self) -> str:
        return f"Samples({self.series.height} samples)"


@dataclass
class _Series:
    """One series: milliseconds → value; what is counted anew in each report is a delta."""

    values: dict[int, float] = field(default_factory=dict)
    deltas: dict[int, float] = field(default_factory=dict)
    histograms: dict[int, Exponential] = field(default_factory=dict)
    delta_histograms: dict[int, Exponential] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)

    def to_wire(self, labels: Labels) -> dict[str, Any]:
        values, total = dict(self.values), 0.0
        for ms in sorted(self.deltas):
            total += self.deltas[ms]
            values[ms] = total
        histograms, state = dict(self.histograms), Exponential()
        for ms in sorted(self.delta_histograms):
            state = state.plus(self.delta_histograms[ms])
            histograms[ms] = state
        return {
            "metric": dict(labels),
            "values": [(ms / 1_000, number_text(values[ms])) for ms in sorted(values)],
            "histograms": [(ms / 1_000, histograms[ms].to_wire()) for ms in sorted(histograms)],
        }


class MetricTable:
    """Collects metrics of either encoding and gives them as frames.

    Attributes
    ----------
    timeless
        How many points have no time.
    clashing
        How many samples are left out though the later one with their series and time has another value, as
        metrics of one name in several scopes.
    """

    def __init__(self) -> None:
        self._series: dict[Labels, _Series] = {}
        self._exemplars: dict[Labels, list[dict[str, Any]]] = {}
        self._repeated = 0
        self.timeless = self.clashing = 0

    def __repr__(self) -> str:
        return f"MetricTable({len(self._series)} series)"

    def add(self, batches: Iterable[Any], pairs: Callable[[Iterable[bytes]], list[Pair]]) -> None:
        """Enter what `read_metrics` or `read_json_metrics` gave. Raises their errors."""
        for batch in batches:
            resource = pairs(batch.resource.attributes)
            labels, others = _resource_labels(resource)
            latest = 0
            for scope in batch.scope_metrics:
                for metric in scope.metrics:
                    latest = max(latest, self._metric(metric, labels, pairs))
            if latest and others and "job" in labels:
                info = {"__name__": "target_info", **others, **labels}
                self._of(info).values[latest // _MS] = 1.0

    def samples(self, conventions: Conventions) -> Samples:
        """What was entered. Raises `msgspec.DecodeError`."""
        result = [series.to_wire(labels) for labels, series in self._series.items()]
        matrix = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        found = [
            {"seriesLabels": dict(labels), "exemplars": each} for labels, each in self._exemplars.items()
        ]
        exemplars = EXEMPLARS.empty()
        if found:
            told_of = {"status": "success", "data": found}
            exemplars, _ = decode_exemplars(msgspec.json.encode(told_of), conventions=conventions)
        ends = [
            (series_id(dict(labels)["__name__"], dict(labels)), ms * _MS)
            for labels, series in self._series.items()
            for ms in series.ends
        ]
        return Samples(
            decode_matrix(msgspec.json.encode(matrix), query="", conventions=conventions),
            pl.DataFrame(ends, {"series_id": pl.String, "timestamp": pl.Int64}, orient="row").cast(
                {"timestamp": dtype("time")}
            ),
            exemplars,
            self._repeated,
        )

    def _metric(self, metric: Any, labels: Mapping[str, str], pairs: Callable[..., list[Pair]]) -> int:
        """Enter a metric; its latest time comes back."""
        form, latest = form_of(metric), 0
        if form is None:
            return 0
        data = getattr(metric, form)
        delta = getattr(data, "aggregation_temporality", 0) in _DELTA
        counter = form == "sum" and data.is_monotonic
        name = metric_name(metric.name, metric.unit, counter=counter, gauge=form == "gauge")
        for point in data.data_points:
            ns = point.time_unix_nano
            if ns > _LATEST:
                raise msgspec.ValidationError("the time of a sample is not one of this age")
            self.timeless += not ns
            latest = max(latest, ns)
            own = {**flat(pairs(point.attributes)), **labels}
            if form in {"gauge", "sum"}:
                self._put(name, own, point, _number(point), delta)
            elif form == "histogram":
                self._classic(name, own, point, delta)
            elif form == "exponential_histogram":
                self._exponential(name, own, point, delta)
            else:
                self._summary(name, own, point)
            exemplars = getattr(point, "exemplars", ())
            if exemplars:
                of = f"{name}_bucket" if form == "histogram" else name
                key = _key({**own, "__name__": of})
                self._exemplars.setdefault(key, []).extend(_exemplar(one, pairs) for one in exemplars)
        return latest

    def _classic(self, name: str, labels: dict[str, str], point: Any, delta: bool) -> None:
        bounds, below = [*map(number_text, point.explicit_bounds)], 0
        for bound, count in zip(bounds, point.bucket_counts, strict=False):
            below += count
            self._put(f"{name}_bucket", labels | {"le": bound}, point, below, delta)
        self._put(f"{name}_bucket", labels | {"le": "+Inf"}, point, point.count, delta)
        self._put(f"{name}_count", labels, point, point.count, delta)
        total = told(point, "sum")
        if total is not None:
            self._put(f"{name}_sum", labels, point, total, delta)

    def _summary(self, name: str, labels: dict[str, str], point: Any) -> None:
        for one in point.quantile_values:
            self._put(name, labels | {"quantile": number_text(one.quantile)}, point, one.value, False)
        self._put(f"{name}_count", labels, point, point.count, False)
        self._put(f"{name}_sum", labels, point, point.sum, False)

    def _exponential(self, name: str, labels: dict[str, str], point: Any, delta: bool) -> None:
        series, ms = self._of({**labels, "__name__": name}), point.time_unix_nano // _MS
        if point.flags & _NO_VALUE:
            series.ends.append(ms)
            return
        into = series.delta_histograms if delta else series.histograms
        self._enter(into, ms, Exponential.of_point(point))

    def _put(self, name: str, labels: dict[str, str], point: Any, value: float, delta: bool) -> None:
        series, ms = self._of({**labels, "__name__": name}), point.time_unix_nano // _MS
        if point.flags & _NO_VALUE:
            series.ends.append(ms)
            return
        self._enter(series.deltas if delta else series.values, ms, float(value))

    def _enter(self, into: dict[int, _Value], ms: int, value: _Value) -> None:
        """Keep a value; of several at one time the last one."""
        there = into.get(ms)
        if there is not None:
            same = there == value or (there != there and value != value)  # noqa: PLR0124 - so NaN is told
            self._repeated += same
            self.clashing += not same
        into[ms] = value

    def _of(self, labels: dict[str, str]) -> _Series:
        return self._series.setdefault(_key(labels), _Series())


def _key(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def _resource_labels(resource: list[Pair]) -> tuple[dict[str, str], dict[str, str]]:
    """The labels of all series of a resource, and what its ``target_info`` has beside them."""
    labels = flat(pair for pair in resource if pair[0] in WELL_KNOWN)
    service, namespace = labels.get("service_name"), labels.get("service_namespace")
    if service:
        labels["job"] = f"{namespace}/{service}" if namespace else service
    if labels.get("service_instance_id"):
        labels["instance"] = labels["service_instance_id"]
    return labels, flat(pair for pair in resource if pair[0] not in WELL_KNOWN)


def _number(point: Any) -> float:
    return float(point.as_double or point.as_int or 0)


def _exemplar(one: Any, pairs: Callable[..., list[Pair]]) -> dict[str, Any]:
    labels = flat(pairs(one.filtered_attributes))
    ids = {"trace_id": hex_id(one.trace_id), "span_id": hex_id(one.span_id)}
    labels |= {name: value for name, value in ids.items() if value}
    return {
        "labels": labels,
        "value": number_text(_number(one)),
        "timestamp": one.time_unix_nano // _MS / 1_000,
    }
