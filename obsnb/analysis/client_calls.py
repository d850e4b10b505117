"""What services asked of others: database statements and every other client call, a row a call."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute
from obsnb.analysis.message_facts import is_statement
from obsnb.analysis.messages import normalised
from obsnb.analysis.service_names import Names, service_names
from obsnb.analysis.statements import is_sql_system
from obsnb.conventions import Conventions

__all__ = ["calls_of_logs", "calls_of_spans"]

_CALLING = ("client", "producer")
_OPERATIONS = ("db.operation.name", "db.operation", "messaging.operation.name", "messaging.operation")
_METHODS = ("http.request.method", "http.method")
_TEMPLATES = ("url.template", "http.route")
_RPC = ("rpc.service", "rpc.method")
_SYSTEMS = ("messaging.system", "rpc.system.name", "rpc.system")
_CALLS: dict[str, Any] = {
    "row": pl.UInt32,
    "trace_id": pl.String,
    "span_id": pl.String,
    "row_id": pl.String,
    "service": pl.String,
    "peer": pl.String,
    "system": pl.String,
    "start": pl.Int64,
    "duration": pl.Int64,
    "text": pl.String,
    "length": pl.UInt32,
    "operation": pl.String,
    "collection": pl.String,
}
_LITERAL = r"'(?:[^'\\]|\\.|'')*'"
_NUMBER = r"(^|[\s(,=<>+*/\-])\d+(?:\.\d+)?\b"


def calls_of_spans(spans: pl.DataFrame, *, conventions: Conventions) -> pl.DataFrame:
    """The spans that are calls: those with a statement, and those of kind client or producer.

    A span fetched twice counts once; a span within one that has the same statement (a driver's
    within a framework's) is the same call and is left out.

    Returns
    -------
    polars.DataFrame
        ``row`` (of spans), ``trace_id``, ``span_id``, ``row_id`` (null here), ``service``, ``peer``,
        ``system``, ``start`` (Int64, ns), ``duration`` (Int64, ns; null where negative), ``text`` (the
        statement, literals out of it where that is easy; null for other calls), ``length``
        (characters that it had), ``operation`` and ``collection`` (as the span names them).
    """
    attributes = attribute_columns(spans, _keys(conventions))
    text = _statements(attributes, conventions)
    kind: Any = pl.col("kind") if "kind" in spans.columns else pl.repeat(None, pl.len(), dtype=pl.String)
    calling = spans.select(kind.is_in(_CALLING).fill_null(False)).to_series()
    names = service_names(spans["service"], conventions=conventions)
    calls = spans.select(
        pl.int_range(pl.len()).alias("row"),
        "trace_id",
        "span_id",
        _parent(spans).alias("parent"),
        "service",
        pl.col("start").to_physical(),
        pl.col("duration").to_physical(),
    ).with_columns(
        _peer(attributes, names, conventions).alias("named"),
        _system(attributes, conventions),
        text.alias("text"),
        _operation(spans, attributes).alias("operation"),
        first_attribute(attributes, conventions.table_attributes).alias("collection"),
    )
    calls = calls.filter(calling | pl.col("text").is_not_null())
    ids = pl.struct("trace_id", "span_id")
    unknown = pl.any_horizontal(pl.col("trace_id", "span_id").is_null())  # such calls are not one call
    calls = calls.filter(unknown | ids.is_first_distinct())
    return _shaped(_once(_masked(_answered(calls, spans))))


def _shaped(calls: pl.DataFrame) -> pl.DataFrame:
    return calls.select(
        (pl.col(name) if name in calls.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in _CALLS.items()
    )


def _keys(conventions: Conventions) -> tuple[str, ...]:
    return (
        *conventions.statement_attributes,
        *conventions.peer_attributes,
        *conventions.table_attributes,
        *conventions.db_system_attributes,
        *_OPERATIONS,
        *_METHODS,
        *_TEMPLATES,
        *_RPC,
        *_SYSTEMS,
    )


def _parent(spans: pl.DataFrame) -> pl.Expr:
    return pl.col("parent_span_id") if "parent_span_id" in spans.columns else pl.lit(None, pl.String)


def _statements(attributes: pl.DataFrame, conventions: Conventions) -> pl.Series:
    """The statements of SQL; null for what other kinds of database are asked."""
    system = first_attribute(attributes, conventions.db_system_attributes).str.to_lowercase()
    text = first_attribute(attributes, conventions.statement_attributes)
    takes_sql = system.replace_strict(_sql_or_not(system), default=True, return_dtype=pl.Boolean)
    sql = takes_sql & (is_statement(text).fill_null(False) | system.is_not_null())
    return text.zip_with(sql, pl.Series([None], dtype=pl.String).new_from_index(0, len(text)))


def _system(attributes: pl.DataFrame, conventions: Conventions) -> pl.Series:
    system = first_attribute(attributes, conventions.db_system_attributes).str.to_lowercase()
    other = first_attribute(attributes, _SYSTEMS)
    return system.zip_with(system.is_not_null(), other).alias("system")


def _answered(calls: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """``peer``: the other service whose span answers the call, else the one that the call names."""
    below = spans.select("trace_id", _parent(spans).alias("span_id"), pl.col("service").alias("answering"))
    below = below.drop_nulls().unique(["trace_id", "span_id"], keep="first", maintain_order=True)
    joined = calls.join(below, on=["trace_id", "span_id"], how="left", maintain_order="left")
    other = pl.when(pl.col("answering") != pl.col("service")).then("answering")
    return joined.with_columns(pl.coalesce(other, "named").alias("peer")).drop("named", "answering")


def _sql_or_not(system: pl.Series) -> dict[str, bool]:
    return {name: is_sql_system(name) for name in system.drop_nulls().unique()} or {"": True}


def _peer(attributes: pl.DataFrame, names: Names, conventions: Conventions) -> pl.Series:
    """Whom each span says it calls, in the spelling of the service that is meant."""
    peers = [
        names.peers(attributes[key].replace("", None), is_system=key.endswith((".system", ".system.name")))
        for key in conventions.peer_attributes
    ]
    return (
        pl.DataFrame([peer.alias(str(n)) for n, peer in enumerate(peers)])
        .select(pl.coalesce(pl.all()))
        .to_series()
    )


def _operation(spans: pl.DataFrame, attributes: pl.DataFrame) -> pl.Series:
    """What a call does, by its own name: the operation, the method and route, the RPC; the span's name."""
    named = first_attribute(attributes, _OPERATIONS)
    rpc = attributes.select(
        pl.when(pl.col(_RPC[1]).is_not_null()).then(
            pl.concat_str(pl.col(_RPC[0]), pl.col(_RPC[1]), separator="/", ignore_nulls=True)
        )
    ).to_series()
    method, template = first_attribute(attributes, _METHODS), first_attribute(attributes, _TEMPLATES)
    http = (
        pl.DataFrame([method.alias("method"), template.alias("template")])
        .select(pl.concat_str("method", "template", separator=" "))
        .to_series()
    )
    name = spans["name"]
    kinds = name.unique().to_frame().with_columns(normalised(pl.col("name")).alias("said"))
    said = name.to_frame().join(kinds, on="name", how="left", maintain_order="left")["said"]
    return (
        pl.DataFrame([named.alias("a"), rpc.alias("b"), http.alias("c"), said.alias("d")])
        .select(pl.coalesce("a", "b", "c", "d"))
        .to_series()
    )


def _masked(calls: pl.DataFrame) -> pl.DataFrame:
    """Numbers and quoted text out of the statements, so that few distinct ones remain to be read."""
    text = pl.col("text")
    return calls.with_columns(
        text.str.len_chars().alias("length"),
        text.str.replace_all(_LITERAL, "?").str.replace_all(_NUMBER, "${1}?").alias("text"),
    )


def _once(calls: pl.DataFrame) -> pl.DataFrame:
    above = calls.filter(pl.col("text").is_not_null()).select(
        "trace_id", pl.col("span_id").alias("parent"), pl.col("text").alias("text_above")
    )
    joined = calls.join(above, on=["trace_id", "parent"], how="left", maintain_order="left")
    inside = (pl.col("text") == pl.col("text_above")).fill_null(False)
    return (
        joined.filter(~inside)
        .drop("text_above", "parent")
        .with_columns(pl.when(pl.col("duration") >= 0).then(pl.col("duration")).alias("duration"))
    )


def calls_of_logs(logs: pl.DataFrame) -> pl.DataFrame:
    """The lines that tell of a statement and how long it took.

    Parameters
    ----------
    logs
        As `obsnb.parse_logs` gives them.

    Returns
    -------
    polars.DataFrame
        The columns of `calls_of_spans`; ``row`` is that of logs, ``row_id`` the line's (its row's
        number where it has none), ``start`` the line's time; what only spans have is null.
    """
    told = logs.with_row_index("row").filter(
        pl.col("parsed.statement").is_not_null() & pl.col("parsed.duration_s").is_not_null()
    )
    row_id = pl.coalesce("row_id", pl.col("row").cast(pl.String))
    calls = told.select(
        "row",
        "trace_id",
        row_id.alias("row_id"),
        pl.col("service").cast(pl.String),
        pl.col("timestamp").to_physical().alias("start"),
        (pl.col("parsed.duration_s") * 1e9).round().alias("duration"),
        pl.col("parsed.statement").alias("text"),
    )
    return _shaped(_masked(calls))
