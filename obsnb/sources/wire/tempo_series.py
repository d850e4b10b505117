"""TraceQL metrics into SERIES: the answers of ``/api/metrics/query_range`` and ``/api/metrics/query``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.schema import EXEMPLARS, SERIES, dtype, label_column
from obsnb.sources.wire.prometheus import series_id
from obsnb.sources.wire.span_table import Attribute
from obsnb.sources.wire.tempo_json import read_json_attribute
from obsnb.timerange import TimeRange

__all__ = [
    "MetricsReply",
    "decode_comparison",
    "decode_exemplars",
    "decode_instant",
    "decode_series",
    "read_metrics",
    "strangers",
]

_MS = 1_000_000
_NIL = "nil"
#: The label that says on which side of a comparison a series is, and what it says.
_META = "__meta_type"
_SIDES = ("selection", "baseline", "selection_total", "baseline_total")
_SCOPES = ("resource.", "span.", ".")

_Key = tuple[tuple[str, str | None], ...]


class _Sample(msgspec.Struct, gc=False, rename="camel"):
    timestamp_ms: int
    value: float | str = 0.0  # a zero is left out, what is no number is text


class _Exemplar(msgspec.Struct, gc=False, rename="camel"):
    labels: list[msgspec.Raw] = []
    value: float | str = 0.0
    timestamp_ms: int = 0


class _Series(msgspec.Struct, gc=False):
    labels: list[msgspec.Raw] = []
    samples: list[_Sample] = []
    value: float | str = 0.0  # of an instant, which has no samples
    exemplars: list[_Exemplar] | None = None


class MetricsReply(msgspec.Struct):
    """One answer.

    Attributes
    ----------
    series
        The series; None where there is none.
    status, message
        ``PARTIAL`` where there were more series than the server gives, and what it says of that.
    metrics
        What it cost, unread.
    """

    series: list[_Series] | None = None
    status: str = ""
    message: str = ""
    metrics: msgspec.Raw = msgspec.Raw(b"")  # what it cost, which Tempo always says


_REPLY = msgspec.json.Decoder(MetricsReply, strict=False)


def read_metrics(body: bytes) -> MetricsReply:
    """One answer. Raises `msgspec.DecodeError`."""
    try:
        reply = _REPLY.decode(body)
    except UnicodeDecodeError:
        reply = _REPLY.decode(body.decode("utf-8", "replace"))
    if reply.series is None and not bytes(reply.metrics):
        raise msgspec.ValidationError("it has neither series nor what they cost")
    return reply


def decode_series(
    replies: Sequence[MetricsReply],
    grids: Sequence[range],
    *,
    query: str,
    conventions: Conventions,
) -> pl.DataFrame:
    """The answers to one query as SERIES.

    Parameters
    ----------
    replies
        Answers that follow one another in time.
    grids
        For each the evaluations in milliseconds that it was asked for: it holds more.
    query
        The metric of a series that has no name.
    conventions
        Whose service a series is about.

    Returns
    -------
    polars.DataFrame
        SERIES, a series after another by its labels, each in order of time: timestamp (ns, UTC),
        metric, series_id, service, value, then a Categorical column a label under its scoped name
        (``resource.service.name``). Where the server says nothing of a series, there is no row.

    Raises
    ------
    msgspec.DecodeError
        A label or a value is not of this form.
    """
    points: dict[_Key, dict[int, float]] = {}
    for reply, grid in zip(replies, grids, strict=True):
        for series in reply.series or ():
            key = tuple(sorted(_label(read_json_attribute(bytes(raw))) for raw in series.labels))
            known = points.setdefault(key, {})
            known |= {
                one.timestamp_ms: _number(one.value) for one in series.samples if one.timestamp_ms in grid
            }
    keys = sorted((key for key, known in points.items() if known), key=str)
    times = [sorted(points[key]) for key in keys]
    labels = _labels(keys, query, conventions)
    at = [number for number, one in enumerate(times) for _ in one]
    columns = {
        "timestamp": [ms * _MS for one in times for ms in one],
        "value": [points[key][ms] for key, one in zip(keys, times, strict=True) for ms in one],
    }
    frame = pl.DataFrame(columns, schema={"timestamp": pl.Int64, "value": pl.Float64})
    return SERIES.conform(pl.concat([frame, labels[at]], how="horizontal"))


def decode_instant(reply: MetricsReply, at_ms: int, *, query: str, conventions: Conventions) -> pl.DataFrame:
    """The answer to a query at one instant as SERIES: a row a series, in the server's order.

    The columns are those of `decode_series`; every timestamp is the instant.

    Raises
    ------
    msgspec.DecodeError
        A label or a value is not of this form, or a series has points of a range.
    """
    told = reply.series or ()
    if any(series.samples for series in told):
        raise msgspec.ValidationError("a series has points of a range, and an instant has one value")
    keys = [tuple(sorted(_label(read_json_attribute(bytes(raw))) for raw in one.labels)) for one in told]
    columns = {"timestamp": [at_ms * _MS] * len(keys), "value": [_number(series.value) for series in told]}
    frame = pl.DataFrame(columns, schema={"timestamp": pl.Int64, "value": pl.Float64})
    return SERIES.conform(pl.concat([frame, _labels(keys, query, conventions)], how="horizontal"))


def strangers(reply: MetricsReply, grid: range) -> int:
    """How many points are of a time that was not asked for: before two steps ahead of a grid, or after it.

    Tempo makes whole steps of a range, so that a point more may stand at either end.
    """
    fits = range(grid[0] - 3 * grid.step, grid[-1] + grid.step + 1)
    return sum(one.timestamp_ms not in fits for series in reply.series or () for one in series.samples)


def decode_exemplars(
    replies: Sequence[MetricsReply], grids: Sequence[range], window: TimeRange, *, query: str
) -> pl.DataFrame:
    """The single spans beside the numbers, as EXEMPLARS, sorted by time.

    Columns after the core ones: a Categorical column a label of the series under its scoped name, and
    ``exemplar.x`` (text) for an attribute ``x`` of the span itself. Ids are filled up to 32 and 16 digits.
    What comes twice is one.

    Raises
    ------
    msgspec.DecodeError
        A label or a value is not of this form.
    """
    known: dict[tuple[int, _Key], list[dict[str, Any]]] = {}
    for number, (reply, grid) in enumerate(zip(replies, grids, strict=True)):
        for series in reply.series or ():
            key = tuple(sorted((_label(read_json_attribute(bytes(raw))) for raw in series.labels), key=str))
            labels = dict(key)
            metric = labels.pop("__name__", None) or query
            own = {label_column(EXEMPLARS, name): value for name, value in labels.items()}
            # An answer begins before its piece, with what ends the piece before.
            found = [
                _exemplar_row(one) | {"metric": metric} | own
                for one in series.exemplars or ()
                if one.timestamp_ms * _MS in window and grid[0] - grid.step <= one.timestamp_ms < grid[-1]
            ]
            # Two spans of a series may look alike; of a series that an answer has twice, they are the same.
            before = known.get((number, key), [])
            known[number, key] = before + [row for row in found if row not in before]
    rows = [row for found in known.values() for row in found]
    names = {name for row in rows for name in row} - set(EXEMPLARS.names)
    columns = {name: pl.String if name.startswith("exemplar.") else dtype("label") for name in names}
    kinds = EXEMPLARS.dtypes() | {name: columns[name] for name in sorted(columns)}
    frame = pl.DataFrame(rows, schema=kinds | {"timestamp": pl.Int64})
    frame = frame.with_columns(pl.col("timestamp").cast(dtype("time")))
    return frame.sort(["timestamp", "trace_id", "span_id", "value"], maintain_order=True)


def decode_comparison(replies: Sequence[MetricsReply], grids: Sequence[range]) -> pl.DataFrame:
    """What ``compare()`` counted, a row a value of an attribute.

    Returns
    -------
    polars.DataFrame
        attribute (its scoped name), value (null for spans without it), selection and baseline (Int64: spans
        with the value among those selected, and among the others), selection_total and baseline_total
        (Int64: spans with any value of the attribute), sorted by how much greater the value's share of the
        selection is than of the baseline, then by name.

    Raises
    ------
    msgspec.DecodeError
        A label or a value is not of this form, or the answer compares nothing.
    """
    counts: dict[tuple[str, str | None], dict[str, float]] = {}
    totals: dict[str, dict[str, float]] = {}
    for reply, grid in zip(replies, grids, strict=True):
        told: dict[tuple[str, str, str | None], float] = {}  # each once, however often an answer has it
        for series in reply.series or ():
            labels = dict(_label(read_json_attribute(bytes(raw))) for raw in series.labels)
            side = labels.pop(_META, None)
            if side not in _SIDES or len(labels) != 1:
                raise msgspec.ValidationError("a series is no part of a comparison")
            ((name, value),) = labels.items()
            inside = {one.timestamp_ms: one.value for one in series.samples if one.timestamp_ms in grid}
            told[side, name, value] = sum(map(_number, inside.values()))
        for (side, name, value), whole in told.items():
            of_all = side.endswith("_total")
            into = totals.setdefault(name, {}) if of_all else counts.setdefault((name, value), {})
            into[side] = into.get(side, 0.0) + whole
    rows = [
        {"attribute": name, "value": value}
        | {side: round({**totals.get(name, {}), **counted}.get(side, 0)) for side in _SIDES}
        for (name, value), counted in counts.items()
    ]
    kinds: dict[str, Any] = {"attribute": pl.String, "value": pl.String, **dict.fromkeys(_SIDES, pl.Int64)}
    frame = pl.DataFrame([row for row in rows if row["selection"] or row["baseline"]], schema=kinds)
    shares = [
        (pl.col(side) / pl.max_horizontal(f"{side}_total", pl.lit(1))) for side in ("selection", "baseline")
    ]
    return frame.sort(shares[1] - shares[0], "attribute", "value", nulls_last=True)


def _exemplar_row(exemplar: _Exemplar) -> dict[str, Any]:
    said = dict(_label(read_json_attribute(bytes(raw))) for raw in exemplar.labels)
    trace, span = said.pop("trace:id", None), said.pop("span:id", None)
    return {
        "timestamp": exemplar.timestamp_ms * _MS,
        "value": _number(exemplar.value),
        "trace_id": trace and trace.lower().zfill(32),
        "span_id": span and span.lower().zfill(16),
        **{f"exemplar.{name}": value for name, value in said.items() if value is not None},
    }


def _label(attribute: Attribute) -> tuple[str, str | None]:
    """A label and its value; Tempo's nil, for spans without the attribute, is null."""
    nil = attribute.type == "string" and attribute.value == _NIL
    return attribute.key, None if nil else attribute.value


def _number(value: float | str) -> float:
    try:
        return float(value)
    except ValueError:
        raise msgspec.ValidationError(f"{value!r} is no number") from None


def _labels(keys: Sequence[_Key], query: str, conventions: Conventions) -> pl.DataFrame:
    """A row a series: metric, series_id, service, and its labels by name."""
    rows = [{name: value for name, value in key if value is not None} for key in keys]
    metrics = [row.pop("__name__", query) for row in rows]
    # A label without a value tells a series from others, too.
    whole = [{name: value or _NIL for name, value in key} for key in keys]
    columns: list[Any] = [
        pl.Series("metric", metrics, dtype=dtype("label")),
        pl.Series("series_id", map(series_id, metrics, whole), dtype=pl.String),
        pl.Series("service", [_service(row, conventions) for row in rows], dtype=dtype("label")),
    ]
    for name in sorted({name for key in keys for name, _ in key} - {"__name__"}):
        values = [row.get(name) for row in rows]
        columns.append(pl.Series(label_column(SERIES, name), values, dtype=dtype("label")))
    return pl.DataFrame(columns)


def _service(labels: dict[str, str], conventions: Conventions) -> str | None:
    bare = dict(labels)
    for scope in reversed(_SCOPES):
        bare |= {name.removeprefix(scope): value for name, value in labels.items() if name.startswith(scope)}
    return conventions.service_of(bare)
