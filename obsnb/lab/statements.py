"""Every statement watched: a span, the metric, and a warning of slow ones with what they were."""

from __future__ import annotations

import re
import time
from typing import Any

from opentelemetry.trace import SpanKind
from sqlalchemy import Engine, event

from obsnb.lab.as_written import statement_as_written, table_as_written
from obsnb.lab.service import Service

__all__ = ["table_of", "watch"]

_TABLE = re.compile(
    r"\b(?:from|update|into|join|table(?:\s+if\s+(?:not\s+)?exists)?)\s+"
    r"(?P<name>(?:\"[^\"]+\"|`[^`]+`|\[[^\]]+\]|[A-Za-z_][\w$]*)"
    r"(?:\.(?:\"[^\"]+\"|`[^`]+`|\[[^\]]+\]|[A-Za-z_][\w$]*))*)",
    re.IGNORECASE,
)
_LITERALS = re.compile(r"'(?:[^']|'')*'")
_INNER = re.compile(r"\([^()]*\)")
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_LONGEST = 2_000
_PORT = 5_432  # PostgreSQL's own


def table_of(statement: str) -> str:
    """The table that a statement is about, as it is written; ``unknown`` where there is none.

    Of several it is the first one outside of parentheses: a subquery's is not what is asked for.

    The guide cuts at ``FROM`` wherever it stands, also in a text or in a column's name, and gives the
    name in capitals, so that no query finds the table by the name that people know.

    Examples
    --------
    >>> table_of("SELECT 'from me' AS valid_from FROM public.saved_searches AS s")
    'public.saved_searches'
    >>> table_of('INSERT INTO "users" (name) VALUES (?)'), table_of("COMMIT")
    ('users', 'unknown')
    """
    whole = outer = _COMMENTS.sub(" ", _LITERALS.sub("''", statement))
    many = 1
    while many:
        outer, many = _INNER.subn(" ", outer)
    found = _TABLE.search(outer) or _TABLE.search(whole)
    return re.sub(r'["`\[\]]', "", found["name"]) if found else "unknown"


def watch(engine: Engine, service: Service) -> None:
    """Have an engine tell of its statements, in the name of a service."""
    system, database = engine.dialect.name, engine.url.database or ""
    name = {"postgresql": "postgresql", "sqlite": "sqlite"}.get(system, system)
    space = database.replace("\\", "/").rsplit("/", 1)[-1]
    where: dict[str, str | int] = {}
    if engine.url.host:  # a file has none
        where = {"server.address": engine.url.host, "server.port": engine.url.port or _PORT}

    def before(_: Any, __: Any, statement: str, ___: Any, context: Any, ____: bool) -> None:
        kind, table = _kind(statement), table_of(statement)
        attributes = {
            "db.system.name": name,
            "db.namespace": space,
            "db.operation.name": kind,
            "db.collection.name": table,
            "db.query.text": statement[:_LONGEST],
            **where,
        }
        target = table
        if service.settings.as_written:
            attributes, target = statement_as_written(attributes), space
        span = service.tracing.begin(f"{kind} {target}", kind=SpanKind.CLIENT, attributes=attributes)
        context.obsnb_lab = (span, time.perf_counter())

    def after(_: Any, __: Any, statement: str, parameters: Any, context: Any, ____: bool) -> None:
        span, began = context.obsnb_lab
        seconds = time.perf_counter() - began
        kind = _kind(statement)
        table = table_as_written(statement) if service.settings.as_written else table_of(statement)
        service.metrics.statement(kind, table, seconds)
        service.tracing.end(span)
        if seconds > service.settings.slow_query_s:
            _tell_slow(service, statement, parameters, table, seconds)

    def failed(context: Any) -> None:
        told = getattr(context.execution_context, "obsnb_lab", None)
        if told is not None:
            service.tracing.end(told[0], context.original_exception)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


def _tell_slow(service: Service, statement: str, parameters: Any, table: str, seconds: float) -> None:
    # How many parameters, not which: they are people's data.
    fields = {
        "duration_s": round(seconds, 6),
        "statement": statement[:_LONGEST],
        "parameters": len(parameters or ()),
        "db.collection.name": table,
    }
    service.log.warning("Slow query detected", extra=fields)


def _kind(statement: str) -> str:
    words = _COMMENTS.sub(" ", statement).split(None, 1)
    return words[0].upper() if words else "OTHER"
