"""Who waited for a connection of a pool or for a lock, how long, and what came of it."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute
from obsnb.analysis.border import like, to_polars
from obsnb.analysis.line_records import evidence_of, parsed_lines
from obsnb.analysis.wait_texts import SPEAKS, read_wait
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import SPANS, dtype

__all__ = ["database_waits"]

#: Attributes with a length of waiting: their unit in nanoseconds where the name does not say it. The first
#: two are OpenTelemetry's names of the metric, new and old (seconds and milliseconds by its definitions).
_POOL_TIMES = {
    "db.client.connection.wait_time": 1e9,
    "db.client.connections.wait_time": 1e6,
    "db.connection.wait_time": 1e9,
    "db.connection.wait_ms": 1e6,
    "db.pool.wait_time": 1e9,
    "db.pool.wait_ms": 1e6,
    "pool.wait_time": 1e9,
    "pool.wait_ms": 1e6,
    "connection.wait_ms": 1e6,
}
_LOCK_TIMES = {
    "db.lock.wait_time": 1e9,
    "db.lock.wait_ms": 1e6,
    "db.lock_wait_ms": 1e6,
    "lock.wait_ms": 1e6,
}
_POOL_NAMES = ("db.client.connection.pool.name", "pool.name", "db.pool.name")
#: Spans that are nothing but the wait: the names that drivers' instrumentations give them.
_WAITING_SPAN = (
    r"(?i)^(?:(?:[\w.-]*pool[\w.-]*)[.:\s_-]*(?:acquire|connect|checkout|check ?out|get ?connection|wait)"
    r"|(?:HikariDataSource|[\w.]*DataSource)\.getConnection|(?:acquire|checkout|wait for) (?:a )?connection)$"
)
_LOCK_SPAN = r"(?i)^(?:(?:acquire|wait for|obtain)[ ._-](?:\w+[ ._-])?lock|lock[ ._-](?:acquire|wait))$"
_MESSAGES = ("exception.message", "exception.type", "error.message", "message")
_COLUMNS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "service": pl.String,
    "kind": pl.String,
    "outcome": pl.String,
    "duration": pl.Duration("ns"),
    "resource": pl.String,
    "statement": pl.String,
    "system": pl.String,
    "message": pl.String,
    "source": pl.String,
    "trace_id": pl.String,
    "span_id": pl.String,
    "evidence": pl.List(pl.String),
}
_RAW = {name: pl.Int64 if name in ("timestamp", "duration") else kind for name, kind in _COLUMNS.items()}


def database_waits(logs: Any = None, spans: Any = None, *, conventions: Conventions = DEFAULT) -> Any:
    """Waits for a connection of a pool and for locks, as texts, span attributes and spans tell them.

    Parameters
    ----------
    logs
        LOGS, parsed or not: the messages of pools and databases (`read_wait` lists whose), in a line or in
        the exception that it carries.
    spans
        SPANS: attributes with the time of a wait (``db.client.connection.wait_time``, ``pool.wait_ms``,
        ``db.lock.wait_ms``, ...), spans that are a wait (``pg-pool.connect``,
        ``HikariDataSource.getConnection``), and exceptions among span events. Spans may be a selection: no
        rate follows from them.

    Returns
    -------
    frame
        A row a wait, in order of time; a line and a span of the same trace, service and kind that both
        tell of it by text are one, the line's. ``timestamp`` (of a span, its start), ``service`` (who
        waited), ``kind`` (``pool``, ``lock``, ``deadlock``), ``outcome`` (``waiting``, ``acquired``,
        ``timeout``, ``refused``, ``deadlock``), ``duration`` (Duration; null where it was not said),
        ``resource`` (the pool or lock), ``statement`` (what was to be run, where known), ``system``
        (``postgresql``, ``mysql``, ...), ``message``, ``source`` (``log line``, ``span attribute``,
        ``span``, ``span event``), ``trace_id``, ``span_id``, ``evidence``.

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    parts = []
    if logs is not None:
        parts.append(_of_lines(parsed_lines(logs, what="database_waits", conventions=conventions)))
    if spans is not None:
        needs = ("trace_id", "span_id", "service", "name", "start", "duration")
        frame = to_polars(spans, SPANS, needs=needs, what="database_waits")
        parts.append(_of_spans(frame, conventions))
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=_RAW)
    # The line of a request and the exception on its span are one wait; several lines are several.
    texts = (
        rows.filter(pl.col("source") == "log line")
        .drop_nulls("trace_id")
        .select("trace_id", "service", "kind")
    )
    events = rows.filter(pl.col("source") == "span event").join(
        texts.unique(), on=["trace_id", "service", "kind"], how="anti", nulls_equal=True
    )
    out = pl.concat([rows.filter(pl.col("source") != "span event"), events])
    out = out.sort("timestamp", "source", "evidence", maintain_order=True)
    shaped = out.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    return like(shaped, logs if logs is not None else spans)


def _of_lines(lines: pl.DataFrame) -> pl.DataFrame:
    texts = [
        pl.col("line"),
        pl.col("parsed.exception_message"),
        pl.col("parsed.exception_type"),
        pl.col("parsed.cause"),
    ]
    chosen = lines.filter(
        pl.any_horizontal(text.str.contains(SPEAKS).fill_null(value=False) for text in texts)
    )
    rows = []
    core = chosen.select(
        pl.col("timestamp").to_physical(),
        "service",
        "line",
        "trace_id",
        "span_id",
        *(f"parsed.{name}" for name in ("message", "exception_message", "cause", "statement", "duration_s")),
    )
    for row, evidence in zip(core.iter_rows(named=True), evidence_of(chosen), strict=True):
        said = [row["parsed.exception_message"], row["parsed.message"], row["parsed.cause"], row["line"]]
        told = [(text, wait) for text in said if (wait := read_wait(text)) is not None]
        if not told:
            continue
        # What says how long comes before what only says that: a cause often does.
        text, wait = next((each for each in told if each[1].waited_ns is not None), told[0])
        rows.append(
            {
                "timestamp": row["timestamp"],
                "service": row["service"],
                "kind": wait.kind,
                "outcome": wait.outcome,
                "duration": wait.waited_ns,
                "resource": wait.resource,
                "statement": row["parsed.statement"],
                "system": wait.system,
                "message": text[:300] if text else None,
                "source": "log line",
                "trace_id": row["trace_id"],
                "span_id": row["span_id"],
                "evidence": evidence,
            }
        )
    return pl.DataFrame(rows, schema=_RAW, orient="row")


def _of_spans(spans: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    keys = [*_POOL_TIMES, *_LOCK_TIMES, *_POOL_NAMES, *conventions.statement_attributes]
    keys += list(conventions.db_system_attributes)
    told = attribute_columns(spans, keys)
    base = spans.select(
        pl.col("start").to_physical().alias("timestamp"),
        "service",
        pl.col("duration").to_physical().alias("lasted"),
        "name",
        "trace_id",
        "span_id",
    ).with_columns(
        first_attribute(told, _POOL_NAMES).alias("resource"),
        first_attribute(told, conventions.statement_attributes).alias("statement"),
        first_attribute(told, conventions.db_system_attributes).str.to_lowercase().alias("system"),
        _waited(told, _POOL_TIMES).alias("pool"),
        _waited(told, _LOCK_TIMES).alias("lock"),
        pl.concat_list(pl.concat_str(pl.lit("span:"), "trace_id", pl.lit("/"), "span_id")).alias("evidence"),
    )
    parts = [
        base.filter(pl.col(kind) > 0).with_columns(
            kind=pl.lit(kind),
            duration=pl.col(kind),
            source=pl.lit("span attribute"),
            outcome=pl.lit("acquired"),
        )
        for kind in ("pool", "lock")
    ]
    for kind, pattern in (("pool", _WAITING_SPAN), ("lock", _LOCK_SPAN)):
        alone = base.filter(
            pl.col("name").str.contains(pattern).fill_null(value=False) & pl.col(kind).is_null()
        )
        parts.append(
            alone.with_columns(
                kind=pl.lit(kind),
                duration=pl.when(pl.col("lasted") >= 0).then("lasted"),
                source=pl.lit("span"),
                outcome=pl.lit("acquired"),
            )
        )
    parts.append(_of_events(spans, base))
    return pl.concat(
        part.select(
            (pl.col(name) if name in part.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in _RAW.items()
        )
        for part in parts
    )


def _waited(told: pl.DataFrame, names: dict[str, float]) -> pl.Series:
    values = [
        (told[name].cast(pl.Float64, strict=False) * scale).alias(name) for name, scale in names.items()
    ]
    one = pl.DataFrame(values).select(pl.coalesce(pl.all()).alias("waited")).to_series()
    return one.set(~one.is_finite().fill_null(value=False), None).round().cast(pl.Int64)


def _holds_events(spans: pl.DataFrame) -> bool:
    kind = spans.schema.get("events")
    if not isinstance(kind, pl.List) or not isinstance(kind.inner, pl.Struct):
        return False
    inner = {field.name: field.dtype for field in kind.inner.fields}.get("attributes")
    return isinstance(inner, pl.List) and isinstance(inner.inner, pl.Struct)


def _of_events(spans: pl.DataFrame, base: pl.DataFrame) -> pl.DataFrame:
    """Exceptions among the span events, and what the status says, whose text tells of a wait."""
    texts: list[pl.Expr] = []
    if _holds_events(spans):
        of = pl.element()
        said = pl.when(of.struct.field("key").is_in(_MESSAGES)).then(of.struct.field("value"))
        inner = of.struct.field("attributes").list.eval(said).list.drop_nulls().list.join(" ")
        texts.append(pl.col("events").list.eval(inner).list.join(" "))
    if "status_message" in spans.columns:
        texts.append(pl.col("status_message"))
    if not texts:
        return base.clear()
    said_there = spans.select(pl.concat_str(texts, separator=" ", ignore_nulls=True).alias("message"))
    chosen = base.with_columns(said_there["message"]).filter(
        pl.col("message").str.contains(SPEAKS).fill_null(value=False)
    )
    waits = [read_wait(text) for text in chosen["message"]]
    return (
        chosen.with_columns(
            pl.Series("kind", [wait and wait.kind for wait in waits], dtype=pl.String),
            pl.Series("outcome", [wait and wait.outcome for wait in waits], dtype=pl.String),
            pl.Series("duration", [wait and wait.waited_ns for wait in waits], dtype=pl.Int64),
            pl.Series("told", [wait and wait.system for wait in waits], dtype=pl.String),
            pl.Series("named", [wait and wait.resource for wait in waits], dtype=pl.String),
            source=pl.lit("span event"),
        )
        .with_columns(
            pl.coalesce("system", "told").alias("system"),
            pl.coalesce("resource", "named").alias("resource"),
            pl.col("message").str.slice(0, 300),
        )
        .drop_nulls("kind")
    )
