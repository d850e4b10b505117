"""How many bytes of lines Loki's index estimates, by labels and by time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeVar

import msgspec
import polars as pl

from obsnb.ledger import QueryRecord
from obsnb.query import logql
from obsnb.schema import LOGS, Column, Schema, dtype
from obsnb.sources.base import Answer
from obsnb.sources.loki_asking import (
    Labels,
    Success,
    ask_index,
    check_alone,
    check_limit,
    check_seconds,
    index_answer,
    label_columns,
    unreadable_index,
)
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport

__all__ = ["volume", "volume_over_time"]

_MS, _SECOND = 10**6, 10**9

# Labels have the names that they have beside lines, so that frames join.
_VOLUME = Schema("VOLUME", (Column("bytes", "integer", "bytes", "by the index"),), LOGS.names)
_VOLUMES = Schema("VOLUMES", (Column("timestamp", "time", "ns", "the step"), *_VOLUME.columns), LOGS.names)

_Seconds = Annotated[float, msgspec.Meta(ge=0, le=9_000_000_000)]

#: Time and bytes, or bytes alone, then labels.
_Row = TypeVar("_Row", tuple[int, Labels], tuple[int, int, Labels])


class _Group(msgspec.Struct):
    metric: Labels
    value: tuple[float, str]


class _Buckets(msgspec.Struct):
    metric: Labels
    values: list[tuple[_Seconds, str]] = []
    value: tuple[_Seconds, str] | None = None  # where no group has more than one


class _AllBuckets(msgspec.Struct):
    result: list[_Buckets] | None = None


class _VolumeRange(Success, kw_only=True):
    data: _AllBuckets


class _Groups(msgspec.Struct):
    result: list[_Group] | None = None


class _Volume(Success, kw_only=True):
    data: _Groups


def volume(
    transport: Transport, source: str, selector: str, window: TimeRange, *, by: Sequence[str], limit: int
) -> Answer:
    """Bytes of lines by labels, the most first: column ``bytes`` (Int64), then a column a label.

    Raises
    ------
    QueryError
        The text is no stream selector or more than one, a name cannot be a label, or the limit gives none.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    check_alone(selector, "log_volume")
    check_limit(limit, "groups", selector)
    if by:
        logql.selector(dict.fromkeys(by, ""))  # a name with a comma in it would be two
    shaped = {"of": "volume", "limit": limit} | ({"by": list(by)} if by else {})
    record = QueryRecord("index", source, selector, selector, window, shaped)
    params = {"query": selector, "limit": str(limit)} | ({"targetLabels": ",".join(by)} if by else {})
    response, said = ask_index(transport, record, "index/volume", params, _Volume)
    try:
        sizes = _once((_whole(group.value[1]), group.metric) for group in said.data.result or ())
    except ValueError as error:
        raise unreadable_index(response, record, str(error)) from None
    sizes.sort(key=lambda size: (-size[0], sorted(size[1].items())))
    counted = pl.Series("bytes", [size for size, _ in sizes], dtype=pl.Int64)
    frame = label_columns([group for _, group in sizes], _VOLUME).insert_column(0, counted)
    if len(sizes) >= limit:
        cut = f"as many groups came as the limit of {limit:,} allows: there may be smaller ones"
        largest = f"the {limit:,} groups of most bytes"
        return index_answer(record, frame, response, said, doubt=cut, selection=largest)
    whole = (
        f"fewer groups than the limit of {limit:,} came; their bytes are what the server's index estimates, "
        "often more than there are"
    )
    return index_answer(record, frame, response, said, whole=whole)


def volume_over_time(
    transport: Transport,
    source: str,
    selector: str,
    window: TimeRange,
    *,
    step_ns: int,
    by: Sequence[str],
    limit: int,
) -> Answer:
    """Bytes of lines by time and labels: timestamp (ns, UTC: where the step begins), bytes, then labels.

    Raises
    ------
    QueryError
        The text is no stream selector or more than one, a name cannot be a label, the limit gives none, or
        the step is no whole number of seconds.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    check_alone(selector, "log_volume")
    check_limit(limit, "groups", selector)
    check_seconds(step_ns, selector, "Loki cuts its volumes by whole seconds")
    if by:
        logql.selector(dict.fromkeys(by, ""))
    shaped = {"of": "volume", "step_ns": step_ns, "limit": limit} | ({"by": list(by)} if by else {})
    record = QueryRecord("index", source, selector, selector, window, shaped)
    params = {"query": selector, "limit": str(limit), "step": f"{step_ns // _SECOND}s"}
    params |= {"targetLabels": ",".join(by)} if by else {}
    response, said = ask_index(transport, record, "index/volume_range", params, _VolumeRange)
    try:
        rows = _once(
            (_bucket(at, step_ns), _whole(size), one.metric)
            for one in said.data.result or ()
            for at, size in (one.values or ([one.value] if one.value else []))
        )
    except ValueError as error:
        raise unreadable_index(response, record, str(error)) from None
    rows.sort(key=lambda row: (row[0], -row[1], sorted(row[2].items())))
    frame = label_columns([labels for _, _, labels in rows], _VOLUMES)
    frame = frame.insert_column(0, pl.Series("bytes", [size for _, size, _ in rows], dtype=pl.Int64))
    times = pl.Series("timestamp", [at for at, _, _ in rows], dtype=pl.Int64).cast(dtype("time"))
    frame = frame.insert_column(0, times)
    whole = "what the server's index estimates: of each chunk as much for every second that it spans"
    fullest = max(Counter(at for at, _, _ in rows).values(), default=0)
    if fullest >= limit:
        cut = f"in a step as many groups came as the limit of {limit:,} allows: there may be smaller ones"
        largest = f"in each step the {limit:,} groups of most bytes"
        return index_answer(record, frame, response, said, doubt=cut, selection=largest)
    return index_answer(record, frame, response, said, whole=whole)


def _once(rows: Iterable[_Row]) -> list[_Row]:
    """The rows, which end in labels, each once, however often an answer has it."""
    known: list[_Row] = []
    keys: set[tuple[object, ...]] = set()
    for row in rows:
        *numbers, labels = row
        key = (*numbers, tuple(sorted(labels.items())))
        if key not in keys:
            keys.add(key)
            known.append(row)
    return known


def _bucket(at_s: float, step_ns: int) -> int:
    """Where a step begins that the server names by its end, or by the millisecond before it."""
    return (round(at_s * 1_000) * _MS - 1) // step_ns * step_ns


def _whole(text: str) -> int:
    """Bytes as Prometheus' JSON has numbers; `ValueError` where no index has so many."""
    value = float(text)
    if not 0 <= value < 2**63:
        raise ValueError(f"{text!r} is no number of bytes")
    return int(text) if text.isdecimal() else int(value)
