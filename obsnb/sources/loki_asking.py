"""How Loki's index is asked, and what its answers become; for the modules that know its questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec
import polars as pl

from obsnb.errors import AnswerError, QueryError
from obsnb.ledger import Complete, QueryRecord
from obsnb.query import logql
from obsnb.schema import Schema, label_column
from obsnb.sources.base import Answer
from obsnb.sources.loki_pull import FRESH, is_fresh
from obsnb.sources.refusals import asked, refusal, unreadable
from obsnb.sources.single import of_one_response
from obsnb.transport.exchange import Request, Response, Transport

__all__ = [
    "Labels",
    "Said",
    "Success",
    "ask_index",
    "check_alone",
    "check_limit",
    "check_seconds",
    "index_answer",
    "label_columns",
    "unreadable_index",
]

_API = "/loki/api/v1"
_MS, _SECOND = 10**6, 10**9

Labels = dict[str, str]
_T = TypeVar("_T", bound="Said")


class Said(msgspec.Struct):
    """An answer that may warn."""

    warnings: list[str] | None = None


class Success(Said, kw_only=True):
    """An answer in Prometheus' envelope."""

    status: str


def ask_index(
    transport: Transport, record: QueryRecord, path: str, params: Mapping[str, str], kind: type[_T]
) -> tuple[Response, _T]:
    """The answer to a question about the window of a record, read. Raises `SourceError`."""
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
        raise unreadable_index(response, record, str(error)) from None


def index_answer(
    record: QueryRecord,
    frame: pl.DataFrame,
    response: Response,
    said: Said,
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
        of_one_response(record, frame, response),
        warnings=warnings,
        complete=complete,
        reason="; ".join(doubts) or whole,
        selection=selection,
    )
    return Answer(frame, filled)


def label_columns(rows: Sequence[Labels], schema: Schema) -> pl.DataFrame:
    """A column a label, in the order of their names; null where a row has none."""
    found = sorted({name for row in rows for name in row})
    columns = [
        pl.Series(label_column(schema, name), [row.get(name) for row in rows], dtype=pl.Categorical)
        for name in found
    ]
    return pl.DataFrame(columns)


def check_alone(selector: str, verb: str) -> None:
    """Raise `QueryError` where a text is more than one stream selector."""
    logql.check(selector)
    alone = logql.stream_selector_of(selector)
    if logql.is_metric_query(selector) or (alone is not None and selector.strip() != alone):
        raise QueryError(
            f"{verb}() asks about streams, and takes a stream selector alone.",
            query=selector,
            hint='Leave out filters and functions: {namespace="prod"}.',
        )


def check_seconds(step_ns: int, query: str, why: str) -> None:
    """Raise `QueryError` where a step is no whole number of seconds."""
    if step_ns <= 0 or step_ns % _SECOND:
        raise QueryError(
            f"A step of {step_ns} ns is not a whole number of seconds.",
            query=query,
            hint=f"{why}: ask for a step such as 60s.",
        )


def check_limit(limit: int, what: str, query: str) -> None:
    """Raise `QueryError` where a limit lets nothing through."""
    if limit < 1:
        raise QueryError(f"A limit of {limit} {what} gives none.", query=query, hint="Give 1 or more.")


def unreadable_index(response: Response, record: QueryRecord, why: str) -> AnswerError:
    """The error of an answer that cannot be read, to be raised by the caller."""
    return unreadable(response, source=record.source, query=record.query, window=record.window, why=why)
