"""Prometheus' JSON into frames: matrices, vectors and scalars, native histograms, exemplars.

Loki's and Tempo's gateways answer metric queries in the same form, so `read` and `decode_matrix`
serve them as well. Nothing here knows a transport: bytes in, a frame out, and
`msgspec.DecodeError` where the bytes are not such an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import polars as pl
import xxhash

from obsnb.collector import paused_collector
from obsnb.conventions import Conventions
from obsnb.errors import QueryError
from obsnb.schema import EXEMPLARS, SERIES, dtype, label_column
from obsnb.sources.wire.compact_points import read_points, without_points

__all__ = ["Reply", "decode_exemplars", "decode_matrix", "read", "read_names", "series_id"]

_MS = 1_000_000

_NO_VALUES = (b"", b"[]", b"null")
_INDEX = pl.UInt32
_COLUMNS: dict[str, Any] = {"series": _INDEX, "time": pl.Float64, "value": pl.Float64}

_T = TypeVar("_T")
_Labels = tuple[tuple[str, str], ...]


class _Histogram(msgspec.Struct, gc=False):
    count: str
    sum: str
    buckets: list[tuple[int, str, str, str]] = []


class _Series(msgspec.Struct, gc=False):
    """A series of a matrix (values, histograms) or of a vector (value, histogram)."""

    metric: dict[str, str] = {}
    values: msgspec.Raw = msgspec.Raw(b"")
    value: msgspec.Raw = msgspec.Raw(b"")
    histograms: list[tuple[float, _Histogram]] = []
    histogram: tuple[float, _Histogram] | None = None


class _Data(msgspec.Struct, gc=False, rename="camel"):
    result_type: str = ""
    result: list[_Series | float | str] | None = None


class Reply(msgspec.Struct, rename="camel"):
    """One answer of a query endpoint.

    Attributes
    ----------
    status
        ``success`` or ``error``.
    data
        The result, its numbers not yet read.
    warnings, infos
        What the server says beside it, in its words.
    is_partial
        VictoriaMetrics' word for an answer of which a storage node's part is missing.
    """

    status: str
    data: _Data | None = None
    warnings: list[str] | None = None
    infos: list[str] | None = None
    is_partial: bool = False


class _Exemplar(msgspec.Struct, gc=False):
    labels: dict[str, str]
    value: str
    timestamp: float


class _Exemplars(msgspec.Struct, gc=False, rename="camel"):
    series_labels: dict[str, str]
    exemplars: list[_Exemplar]


class _ExemplarReply(msgspec.Struct):
    status: str
    data: list[_Exemplars] | None = None
    warnings: list[str] | None = None
    infos: list[str] | None = None


class _NameReply(msgspec.Struct):
    status: str
    data: list[str] | None = None


_REPLY = msgspec.json.Decoder(Reply)
_EXEMPLARS = msgspec.json.Decoder(_ExemplarReply)
_NAMES = msgspec.json.Decoder(_NameReply)
_VALUES = msgspec.json.Decoder(list[tuple[float, str]])


def read(body: bytes) -> Reply:
    """The envelope of a query's answer, and each series' labels; its numbers are read later.

    Raises
    ------
    msgspec.DecodeError
        The body is not JSON, or not of this form.
    """
    apart = without_points(body)
    if apart is None:
        return _decode(body, _REPLY)
    rest, runs = apart
    reply = _decode(rest, _REPLY)
    for item in (reply.data and reply.data.result) or ():
        if isinstance(item, _Series) and bytes(item.values) in runs:
            item.values = msgspec.Raw(runs[bytes(item.values)])
    return reply


def decode_matrix(
    *replies: Reply | bytes, query: str, conventions: Conventions, keep_order: bool = False
) -> pl.DataFrame:
    """The answers to one query, which follow one another in time, as one SERIES frame.

    Parameters
    ----------
    replies
        Answers of a query endpoint (`read`), or their bodies: matrices, vectors or scalars.
    query
        The text that was asked: the metric of a series that has no name, and for errors.
    conventions
        Whose service a series is about.
    keep_order
        Series in the server's order (``sort_desc``, ``topk``) instead of sorted by their labels.

    Returns
    -------
    polars.DataFrame
        SERIES, a series after another, each in order of time: timestamp (ns, UTC), metric, series_id,
        service, value (NaN and infinities as they came), then histogram (struct, its value null)
        where an answer has one, then a Categorical column a label, by name; null where a series
        does not have the label.

    Raises
    ------
    QueryError
        The query gives a text.
    msgspec.DecodeError
        An answer is not of this form.
    """
    with paused_collector():
        series: dict[_Labels, _Parts] = {}
        for reply in replies:
            for item in _series_of(read(reply) if isinstance(reply, bytes) else reply, query):
                parts = series.setdefault(tuple(sorted(item.metric.items())), _Parts([], []))
                raw = memoryview(item.values) or memoryview(b"[%b]" % item.value)
                if raw not in _NO_VALUES:
                    parts.values.append(raw)
                parts.histograms.extend(item.histograms)
                if item.histogram is not None:
                    parts.histograms.append(item.histogram)
        keys = list(series) if keep_order else sorted(series)
        points = _points([series[key] for key in keys])
        labels = _label_frame(keys, query=query, conventions=conventions)
    at = points.drop_in_place("series")
    first = ["timestamp", *SERIES.names[1:4], "value", *points.columns[2:]]
    return pl.concat([labels[at], points], how="horizontal").select(*first, pl.exclude(first))


def series_id(metric: str, labels: Mapping[str, str]) -> str:
    """16 hex digits: XXH3 of the metric and all labels, by name; ``__name__`` is the metric's."""
    parts = [metric]
    for name in sorted(labels):
        if name != "__name__":
            parts += [name, labels[name]]
    # 0xff is in no UTF-8 text, so that no two lists of labels run together into the same bytes.
    return xxhash.xxh3_64_hexdigest(b"\xff".join(part.encode("utf-8", "surrogatepass") for part in parts))


def decode_exemplars(*bodies: bytes, conventions: Conventions) -> tuple[pl.DataFrame, list[str]]:
    """EXEMPLARS, sorted by time, and what the server said beside them.

    Columns after the core ones: a Categorical column a label of the series, and ``exemplar.x`` (text)
    for a label ``x`` of the exemplar itself that is no trace or span id. Trace ids are lower case and
    filled up to 32 digits, span ids to 16. What comes twice is one.

    Raises
    ------
    msgspec.DecodeError
        The body is not JSON, or not of this form.
    """
    rows: list[dict[str, Any]] = []
    columns: dict[str, Any] = {}
    said: list[str] = []
    with paused_collector():
        for body in bodies:
            reply = _decode(body, _EXEMPLARS)
            said += [*(reply.warnings or ()), *(reply.infos or ())]
            for series in reply.data or ():
                labels = dict(series.series_labels)
                metric = labels.pop("__name__", None)
                own = {label_column(EXEMPLARS, name): value for name, value in labels.items()}
                columns |= dict.fromkeys(own, dtype("label"))
                for exemplar in series.exemplars:
                    row = _exemplar_row(exemplar, conventions)
                    columns |= {name: pl.String for name in row if name.startswith("exemplar.")}
                    rows.append({"metric": metric, **own, **row})
    kinds = EXEMPLARS.dtypes() | {name: columns[name] for name in sorted(columns)}
    frame = pl.DataFrame(rows, schema=kinds | {"timestamp": pl.Int64})
    # A server keeps no exemplar of a series twice.
    frame = frame.with_columns(pl.col("timestamp").cast(dtype("time"))).unique(maintain_order=True)
    order = ["timestamp", pl.col("metric").cast(pl.String), "trace_id", "span_id", "value"]
    return frame.sort(order, maintain_order=True), said


def read_names(body: bytes) -> list[str]:
    """The names in an answer of ``labels`` or ``label/x/values``, as they came."""
    return _decode(body, _NAMES).data or []


class _Parts(NamedTuple):
    """What came of one series: the JSON of its values, an answer each, and its histograms."""

    values: list[memoryview]
    histograms: list[tuple[float, _Histogram]]


def _decode(body: bytes, decoder: msgspec.json.Decoder[_T]) -> _T:
    try:
        return decoder.decode(body)
    except UnicodeDecodeError:
        # Label values are not validated by every server: U+FFFD takes the place of what is no text.
        return decoder.decode(body.decode("utf-8", "replace"))


def _series_of(reply: Reply, query: str) -> Iterator[_Series]:
    data = reply.data
    if reply.status != "success" or data is None:
        raise msgspec.ValidationError(f"its status is {reply.status!r}, and it has no data")
    if data.result_type == "string":
        raise QueryError(
            "The query gives a text, not numbers.",
            query=query,
            hint="A metric query gives numbers, such as up or rate(x[1m]).",
        )
    if data.result_type not in {"matrix", "vector", "scalar"}:
        raise msgspec.ValidationError(f"a result of the type {data.result_type!r} is no series")
    result = data.result or []
    if data.result_type == "scalar":
        yield _Series(value=msgspec.Raw(msgspec.json.encode(result)))
        return
    for item in result:
        if not isinstance(item, _Series):
            raise msgspec.ValidationError(f"a {data.result_type} holds something that is no series")
        yield item


def _points(parts: Sequence[_Parts]) -> pl.DataFrame:
    """Columns timestamp, value, histogram where there is one, and series: the index of its parts."""
    raws = [(index, raw) for index, part in enumerate(parts) for raw in part.values]
    frame = _read_compact(raws)
    if frame is None:
        frame = _read_typed(raws)
    try:
        ms = (frame["time"] * 1_000).round().cast(pl.Int64)
    except pl.exceptions.PolarsError:
        raise msgspec.ValidationError("the time of a point is out of range") from None
    time = (ms * _MS).cast(dtype("time")).alias("timestamp")
    points = pl.DataFrame([time, frame["value"], frame["series"]])
    return _with_histograms(points, parts) if any(part.histograms for part in parts) else points


def _read_compact(raws: Sequence[tuple[int, memoryview]]) -> pl.DataFrame | None:
    """Columns series, time and value of compact JSON; None where the JSON is not compact."""
    points = read_points([raw for _, raw in raws])
    if points is None:
        return None
    owners = np.array([index for index, _ in raws], dtype=np.uint32)
    return pl.DataFrame(
        {"series": np.repeat(owners, points.counts), "time": points.times, "value": points.values},
        schema=_COLUMNS,
    )


def _read_typed(raws: Sequence[tuple[int, memoryview]]) -> pl.DataFrame:
    """Columns series, time and value of any JSON."""
    rows = [(index, *pair) for index, raw in raws for pair in _decode(bytes(raw), _VALUES)]
    frame = pl.DataFrame(rows, schema=_COLUMNS | {"value": pl.String}, orient="row")
    try:
        return frame.with_columns(pl.col("value").cast(pl.Float64))
    except pl.exceptions.PolarsError as error:
        raise msgspec.ValidationError(f"a value is no number: {error}") from None


def _with_histograms(points: pl.DataFrame, parts: Sequence[_Parts]) -> pl.DataFrame:
    rows = [
        {"timestamp": round(time * 1_000) * _MS, "histogram": _histogram(histogram), "series": index}
        for index, part in enumerate(parts)
        for time, histogram in part.histograms
    ]
    kinds = {"timestamp": pl.Int64, "histogram": dtype("histogram"), "series": _INDEX}
    histograms = pl.DataFrame(rows, schema=kinds).with_columns(pl.col("timestamp").cast(dtype("time")))
    both = pl.concat([points, histograms], how="diagonal")
    return both.select("timestamp", "value", "histogram", "series").sort("series", "timestamp")


def _histogram(wire: _Histogram) -> dict[str, Any]:
    buckets = [
        {"boundaries": rule, "lower": _number(lower), "upper": _number(upper), "count": _number(count)}
        for rule, lower, upper, count in wire.buckets
    ]
    return {"count": _number(wire.count), "sum": _number(wire.sum), "buckets": buckets}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise msgspec.ValidationError(f"{text!r} is no number") from None


def _label_frame(keys: Sequence[_Labels], *, query: str, conventions: Conventions) -> pl.DataFrame:
    """A row a series: metric, series_id, service, and its labels by name."""
    label, all_labels = dtype("label"), [dict(key) for key in keys]
    metrics = [labels.pop("__name__", query) for labels in all_labels]
    columns = [
        pl.Series("metric", metrics, dtype=label),
        pl.Series("series_id", map(series_id, metrics, all_labels), dtype=pl.String),
        pl.Series("service", map(conventions.service_of, all_labels), dtype=label),
    ]
    for name in sorted(set().union(*all_labels)):
        values = [labels.get(name) for labels in all_labels]
        columns.append(pl.Series(label_column(SERIES, name), values, dtype=label))
    return pl.DataFrame(columns)


def _exemplar_row(exemplar: _Exemplar, conventions: Conventions) -> dict[str, Any]:
    traces, spans = conventions.trace_id_fields, conventions.span_id_fields
    trace, span = conventions.first(traces, exemplar.labels), conventions.first(spans, exemplar.labels)
    others = {n: value for n, value in exemplar.labels.items() if n not in traces and n not in spans}
    return {
        "timestamp": round(exemplar.timestamp * 1_000) * _MS,
        "value": _number(exemplar.value),
        "trace_id": trace and trace.lower().zfill(32),
        "span_id": span and span.lower().zfill(16),
        **{f"exemplar.{name}": value for name, value in others.items()},
    }
