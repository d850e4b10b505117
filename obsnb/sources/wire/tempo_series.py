"""TraceQL metrics into SERIES: the answers of ``/api/metrics/query_range``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from obsnb.conventions import Conventions
from obsnb.schema import SERIES, dtype, label_column
from obsnb.sources.wire.prometheus import series_id
from obsnb.sources.wire.span_table import Attribute
from obsnb.sources.wire.tempo_json import read_json_attribute

__all__ = ["MetricsReply", "decode_series", "read_metrics"]

_MS = 1_000_000
_NIL = "nil"
_SCOPES = ("resource.", "span.", ".")

_Key = tuple[tuple[str, str | None], ...]


class _Sample(msgspec.Struct, gc=False, rename="camel"):
    timestamp_ms: int
    value: float | str = 0.0  # a zero is left out, what is no number is text


class _Series(msgspec.Struct, gc=False):
    labels: list[msgspec.Raw] = []
    samples: list[_Sample] = []


class MetricsReply(msgspec.Struct):
    """One answer.

    Attributes
    ----------
    series
        The series.
    status, message
        ``PARTIAL`` where there were more series than the server gives, and what it says of that.
    """

    series: list[_Series] = []
    status: str = ""
    message: str = ""


_REPLY = msgspec.json.Decoder(MetricsReply, strict=False)


def read_metrics(body: bytes) -> MetricsReply:
    """One answer. Raises `msgspec.DecodeError`."""
    try:
        return _REPLY.decode(body)
    except UnicodeDecodeError:
        return _REPLY.decode(body.decode("utf-8", "replace"))


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
        for series in reply.series:
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
