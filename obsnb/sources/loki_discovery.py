"""What Loki says of its lines without giving them: names, streams, volumes, patterns, fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
import polars as pl

from obsnb.errors import AnswerError, QueryError
from obsnb.ledger import Complete, QueryRecord
from obsnb.query import logql
from obsnb.schema import LOGS, Column, Schema, digest, dtype, label_column
from obsnb.sources.base import Answer
from obsnb.sources.loki_pull import FRESH, is_fresh
from obsnb.sources.refusals import asked, refusal, unreadable
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["detected_fields", "names", "patterns", "streams", "volume"]

_API = "/loki/api/v1"
_MS, _SECOND = 10**6, 10**9
#: A server may answer in longer steps than it was asked for, down to this one.
_SHORTEST_STEP_NS = 10 * _SECOND

# Labels have the names that they have beside lines, so that frames join.
_VOLUME = Schema("VOLUME", (Column("bytes", "integer", "bytes", "by the index"),), LOGS.names)

_Labels = dict[str, str]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=9_000_000_000)]
_T = TypeVar("_T", bound="_Said")


class _Said(msgspec.Struct):
    warnings: list[str] | None = None


class _Success(_Said, kw_only=True):
    status: str


class _Names(_Success):
    data: list[str] | None = None


class _Streams(_Success):
    data: list[_Labels] | None = None


class _Group(msgspec.Struct):
    metric: _Labels
    value: tuple[float, str]


class _Groups(msgspec.Struct):
    result: list[_Group] | None = None


class _Volume(_Success, kw_only=True):
    data: _Groups


class _Pattern(msgspec.Struct):
    pattern: str
    samples: list[tuple[_Seconds, _Count]] | None = None
    level: str | None = None


class _Patterns(_Success):
    data: list[_Pattern] | None = None


class _Field(msgspec.Struct, rename="camel"):
    label: str
    type: str | None = None
    cardinality: _Count | None = None
    parsers: list[str] | None = None
    json_path: list[str] | None = None


class _Fields(_Said, kw_only=True):
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
    response, said = _ask(transport, record, path, {}, _Names)
    found = sorted(set(said.data or ()))
    frame = pl.DataFrame({"name": found}, schema={"name": pl.String})
    return _answer(
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
    _check_alone(selector, "log_streams")
    record = QueryRecord("index", source, selector, selector, window, {"of": "streams"})
    response, said = _ask(transport, record, "series", {"match[]": selector}, _Streams)
    found = {tuple(sorted(stream.items())) for stream in said.data or ()}
    frame = _labels([dict(stream) for stream in sorted(found)], LOGS)
    whole = "all streams that the server's index has for the window, of which one may have no line in it"
    return _answer(record, frame, response, said, whole=whole)


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
    _check_alone(selector, "log_volume")
    _check_limit(limit, "groups", selector)
    if by:
        logql.selector(dict.fromkeys(by, ""))  # a name with a comma in it would be two
    shaped = {"of": "volume", "limit": limit} | ({"by": list(by)} if by else {})
    record = QueryRecord("index", source, selector, selector, window, shaped)
    params = {"query": selector, "limit": str(limit)} | ({"targetLabels": ",".join(by)} if by else {})
    response, said = _ask(transport, record, "index/volume", params, _Volume)
    try:
        sizes = [(_whole(group.value[1]), group.metric) for group in said.data.result or ()]
    except ValueError as error:
        raise _unreadable(response, record, str(error)) from None
    sizes.sort(key=lambda size: (-size[0], sorted(size[1].items())))
    counted = pl.Series("bytes", [size for size, _ in sizes], dtype=pl.Int64)
    frame = _labels([group for _, group in sizes], _VOLUME).insert_column(0, counted)
    if len(sizes) >= limit:
        cut = f"as many groups came as the limit of {limit:,} allows: there may be smaller ones"
        largest = f"the {limit:,} groups of most bytes"
        return _answer(record, frame, response, said, doubt=cut, selection=largest)
    whole = (
        f"fewer groups than the limit of {limit:,} came; their bytes are what the server's index estimates, "
        "often more than there are"
    )
    return _answer(record, frame, response, said, whole=whole)


def patterns(transport: Transport, source: str, selector: str, window: TimeRange, *, step_ns: int) -> Answer:
    """How often each pattern of lines was seen: timestamp (ns, UTC), pattern, level, count (Int64).

    Raises
    ------
    QueryError
        The text is no stream selector or more than one, or the step is no whole number of seconds.
    SourceError
        The server refuses, fails, cannot be reached, or answers what cannot be read.
    """
    _check_alone(selector, "server_patterns")
    if step_ns <= 0 or step_ns % _SECOND:
        raise QueryError(
            f"A step of {step_ns} ns is not a whole number of seconds.",
            query=selector,
            hint="Loki counts its patterns by 10 s or more: ask for a step such as 60s.",
        )
    shaped = {"of": "patterns", "step_ns": step_ns}
    record = QueryRecord("index", source, selector, selector, window, shaped)
    params = {"query": selector, "step": f"{step_ns // _SECOND}s"}
    response, said = _ask(transport, record, "patterns", params, _Patterns)
    rows = [
        (round(at * 1_000) * _MS, one.pattern, one.level, count)
        for one in said.data or ()
        for at, count in one.samples or ()
    ]
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
    return _answer(record, frame, response, said, doubt=told)


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
    _check_limit(lines, "lines", query)
    _check_limit(limit, "fields", query)
    shaped = {"of": "fields", "lines": lines, "limit": limit}
    record = QueryRecord("index", source, query, query, window, shaped)
    params = {"query": query, "line_limit": str(lines), "limit": str(limit)}
    response, said = _ask(transport, record, "detected_fields", params, _Fields)
    columns: dict[str, Any] = {"field": pl.String, "type": pl.String, "cardinality": pl.Int64}
    columns |= {"parsers": pl.List(pl.String), "json_path": pl.List(pl.String)}
    rows = [(one.label, one.type, one.cardinality, one.parsers, one.json_path) for one in said.fields or ()]
    frame = pl.DataFrame(rows, schema=columns, orient="row").sort("field", maintain_order=True)
    told = f"the server read a sample of {lines:,} lines or so: a field that none of them has is not here"
    if len(rows) >= limit:
        told += f", and as many fields came as the limit of {limit:,} allows"
    return _answer(
        record, frame, response, said, doubt=told, selection=f"fields of a sample of {lines:,} lines or so"
    )


def _ask(
    transport: Transport, record: QueryRecord, path: str, params: Mapping[str, str], kind: type[_T]
) -> tuple[Response, _T]:
    # Without times, Loki looks at the last hour. Its index knows milliseconds: whole ones around the window.
    window = record.window
    start, end = window.start_ns // _MS * _MS, -(-window.end_ns // _MS) * _MS
    times = {"start": str(start), "end": str(end)}
    query = params.get("query", params.get("match[]"))
    with asked(query, window):
        response = transport.send(Request(f"{_API}/{path}", tuple({**params, **times}.items())))
    if not response.ok:
        raise refusal(response, source=record.source, kind="loki", query=query, window=window)
    try:
        return response, msgspec.json.decode(response.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(response, record, str(error)) from None


def _answer(
    record: QueryRecord,
    frame: pl.DataFrame,
    response: Response,
    said: _Said,
    *,
    whole: str = "",
    doubt: str = "",
    selection: str | None = None,
) -> Answer:
    """The frame with its record: `whole` says why it is complete, `doubt` why that is not known."""
    warnings = tuple(dict.fromkeys(said.warnings or ()))
    doubts = [f"the server warned: {text}" for text in warnings[:1]] + [doubt] * bool(doubt)
    if is_fresh(record):
        doubts.append(FRESH)
    complete: Complete = "unknown" if doubts else "yes"
    filled = replace(
        record,
        pages=1,
        requests=1 + response.retries,
        retries=response.retries,
        rows=frame.height,
        bytes=len(response.body),
        seconds=response.seconds,
        warnings=warnings,
        complete=complete,
        reason="; ".join(doubts) or whole,
        selection=selection,
        digest=digest(frame),
    )
    return Answer(frame, filled)


def _labels(rows: Sequence[_Labels], schema: Schema) -> pl.DataFrame:
    """A column a label, in the order of their names; null where a row has none."""
    found = sorted({name for row in rows for name in row})
    columns = [
        pl.Series(label_column(schema, name), [row.get(name) for row in rows], dtype=pl.Categorical)
        for name in found
    ]
    return pl.DataFrame(columns)


def _whole(text: str) -> int:
    """Bytes as Prometheus' JSON has numbers; `ValueError` where no index has so many."""
    value = float(text)
    if not 0 <= value < 2**63:
        raise ValueError(f"{text!r} is no number of bytes")
    return int(text) if text.isdecimal() else int(value)


def _check_alone(selector: str, verb: str) -> None:
    logql.check(selector)
    alone = logql.stream_selector_of(selector)
    if logql.is_metric_query(selector) or (alone is not None and selector.strip() != alone):
        raise QueryError(
            f"{verb}() asks about streams, and takes a stream selector alone.",
            query=selector,
            hint='Leave out filters and functions: {namespace="prod"}.',
        )


def _check_limit(limit: int, what: str, query: str) -> None:
    if limit < 1:
        raise QueryError(f"A limit of {limit} {what} gives none.", query=query, hint="Give 1 or more.")


def _unreadable(response: Response, record: QueryRecord, why: str) -> AnswerError:
    return unreadable(response, source=record.source, query=record.query, window=record.window, why=why)
