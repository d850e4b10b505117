"""What Loki says of its lines without giving them: names, streams, patterns, fields."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import polars as pl

from obsnb.errors import QueryError
from obsnb.ledger import QueryRecord
from obsnb.query import logql
from obsnb.schema import LOGS, dtype
from obsnb.sources.base import Answer
from obsnb.sources.loki_asking import (
    Labels,
    Said,
    Success,
    ask_index,
    check_alone,
    check_limit,
    check_seconds,
    index_answer,
    label_columns,
)
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport

__all__ = ["detected_fields", "names", "patterns", "streams"]

_MS, _SECOND = 10**6, 10**9
#: A server may answer in longer steps than it was asked for, down to this one.
_SHORTEST_STEP_NS = 10 * _SECOND

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=9_000_000_000)]


class _Names(Success):
    data: list[str] | None = None


class _Streams(Success):
    data: list[Labels] | None = None


class _Pattern(msgspec.Struct):
    pattern: str
    samples: list[tuple[_Seconds, _Count]] | None = None
    level: str | None = None


class _Patterns(Success):
    data: list[_Pattern] | None = None


class _Field(msgspec.Struct, rename="camel"):
    label: str
    type: str | None = None
    cardinality: _Count | None = None
    parsers: list[str] | None = None
    json_path: list[str] | None = None


class _Fields(Said, kw_only=True):
    limit: int  # it is there whether there are fields or not, so that another answer is not taken for none
    fields: list[_Field] | None = None


def names(transport: Transport, source: str, window: TimeRange, *, label: str | None = None) -> Answer:
    """The stream labels' names (`label` None), or one label's values, in a column ``name``.

    Raises
    ------
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    path = "labels" if label is None else f"label/{quote(label, safe='')}/values"
    text = path if label is None else f"label/{label}/values"
    record = QueryRecord("index", source, text, text, window)
    response, said = ask_index(transport, record, path, {}, _Names)
    found = sorted(set(said.data or ()))
    frame = pl.DataFrame({"name": found}, schema={"name": pl.String})
    return index_answer(
        record, frame, response, said, whole="all names that the server's index has for the window"
    )


def streams(transport: Transport, source: str, selector: str, window: TimeRange) -> Answer:
    """A row a stream, a column a label.

    Raises
    ------
    QueryError
        The text is no stream selector, or is more than one.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    check_alone(selector, "log_streams")
    record = QueryRecord("index", source, selector, selector, window, {"of": "streams"})
    response, said = ask_index(transport, record, "series", {"match[]": selector}, _Streams)
    found = {tuple(sorted(stream.items())) for stream in said.data or ()}
    frame = label_columns([dict(stream) for stream in sorted(found)], LOGS)
    whole = "all streams that the server's index has for the window, of which one may have no line in it"
    return index_answer(record, frame, response, said, whole=whole)


def patterns(transport: Transport, source: str, selector: str, window: TimeRange, *, step_ns: int) -> Answer:
    """How often each pattern of lines was seen: timestamp (ns, UTC), pattern, level, count (Int64).

    Raises
    ------
    QueryError
        The text is no stream selector or more than one, or the step is no whole number of seconds.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    check_alone(selector, "server_patterns")
    check_seconds(step_ns, selector, "Loki counts its patterns by 10 s or more")
    shaped = {"of": "patterns", "step_ns": step_ns}
    record = QueryRecord("index", source, selector, selector, window, shaped)
    params = {"query": selector, "step": f"{step_ns // _SECOND}s"}
    response, said = ask_index(transport, record, "patterns", params, _Patterns)
    # Each once, however often an answer has it.
    rows = dict.fromkeys(
        (round(at * 1_000) * _MS, one.pattern, one.level, count)
        for one in said.data or ()
        for at, count in one.samples or ()
    )
    # A bucket's time is its start: the first one may begin before the window.
    first = window.start_ns - max(step_ns, _SHORTEST_STEP_NS)
    inside = [row for row in rows if first < row[0] < window.end_ns]
    columns = {"timestamp": dtype("time"), "pattern": pl.String, "level": pl.String, "count": pl.Int64}
    frame = pl.DataFrame(inside, schema=columns, orient="row").sort("timestamp", "pattern", "level")
    told = "the server keeps patterns of recent lines only, and not of how many: older ones are not counted"
    if not rows:
        told = "the server has no pattern: it keeps them of recent lines only, where it keeps any"
    if len(inside) < len(rows):
        told = f"{len(rows) - len(inside):,} counts of other times were left out; {told}"
    return index_answer(record, frame, response, said, doubt=told)


def detected_fields(
    transport: Transport, source: str, query: str, window: TimeRange, *, lines: int, limit: int
) -> Answer:
    """The fields in a sample of lines: field, type, cardinality (Int64), parsers, json_path (lists).

    Raises
    ------
    QueryError
        The query cannot be LogQL or gives numbers, or a limit gives none.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    logql.check(query)
    if logql.is_metric_query(query):
        raise QueryError(
            "This query asks for numbers, and detected_fields() looks at lines.",
            query=query,
            hint='Give a log query, such as {namespace="prod"} |= "error".',
        )
    check_limit(lines, "lines", query)
    check_limit(limit, "fields", query)
    shaped = {"of": "fields", "lines": lines, "limit": limit}
    record = QueryRecord("index", source, query, query, window, shaped)
    params = {"query": query, "line_limit": str(lines), "limit": str(limit)}
    response, said = ask_index(transport, record, "detected_fields", params, _Fields)
    columns: dict[str, Any] = {"field": pl.String, "type": pl.String, "cardinality": pl.Int64}
    columns |= {"parsers": pl.List(pl.String), "json_path": pl.List(pl.String)}
    rows = [(one.label, one.type, one.cardinality, one.parsers, one.json_path) for one in said.fields or ()]
    frame = pl.DataFrame(rows, schema=columns, orient="row").unique(maintain_order=True)
    frame = frame.sort("field", maintain_order=True)
    told = f"the server read a sample of {lines:,} lines or so: a field that none of them has is not here"
    if frame.height >= limit:
        told += f", and as many fields came as the limit of {limit:,} allows"
    return index_answer(
        record, frame, response, said, doubt=told, selection=f"fields of a sample of {lines:,} lines or so"
    )
