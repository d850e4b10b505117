"""TraceQL's span sets, held against a frame of spans: conditions with ``&&``, ``||`` and brackets."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from obsnb.errors import QueryError, WindowError
from obsnb.instants import parse_duration
from obsnb.sources.selectors import unquoted

__all__ = ["matched"]

_TOKEN = re.compile(
    r'\s*("(?:\\.|[^"\\])*"|`[^`]*`|&&|\|\||!=|!~|=~|>=|<=|[{}()=<>|!]'
    r'|(?:resource|span)?\.(?:"(?:\\.|[^"\\])*"|[\w.\-/]+)'
    r"|[A-Za-z_][\w:]*|-?\d[\w.µ]*)"
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_INTRINSICS = {
    "name": "name",
    "span:name": "name",
    "kind": "kind",
    "span:kind": "kind",
    "status": "status",
    "span:status": "status",
    "statusMessage": "status_message",
    "span:statusMessage": "status_message",
    "duration": "duration",
    "span:duration": "duration",
    "span:id": "span_id",
    "span:parentID": "parent_span_id",
    "trace:id": "trace_id",
}
_WORDS = frozenset({"ok", "error", "unset", "server", "client", "internal", "producer", "consumer"})
_CONSTANTS = {"true": True, "false": False, "nil": None}
_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_LISTS = {"span": ("attributes",), "resource": ("resource",), "": ("attributes", "resource")}


def matched(frame: pl.DataFrame, query: str) -> pl.DataFrame:
    """The spans of a frame that match a query.

    Parameters
    ----------
    frame
        SPANS with the lists ``attributes`` and ``resource``.
    query
        A span set filter, such as ``{ resource.service.name = "api" && (status = error || duration > 1s) }``.

    Raises
    ------
    QueryError
        The query is more than one span set filter, or no TraceQL.
    """
    condition = _Parser(query).condition()
    try:
        return frame.filter(condition)
    except pl.exceptions.ComputeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise QueryError(
            f"A regular expression of the query cannot be read: {reason}.",
            query=query,
            hint="They are RE2's, without look-around and back-references.",
        ) from None


class _Parser:
    def __init__(self, query: str) -> None:
        self._query, self._tokens, self._at = query, list[str](), 0
        at = 0
        while query[at:].strip():
            found = _TOKEN.match(query, at)
            if found is None:
                raise self._error(query[at:].strip())
            self._tokens.append(found[1])
            at = found.end()

    def condition(self) -> pl.Expr:
        self._take("{")
        condition = pl.lit(True) if self._peek() == "}" else self._any()
        self._take("}")
        if self._peek():
            raise self._error(self._peek())
        return condition

    def _any(self) -> pl.Expr:
        found = self._all()
        while self._peek() == "||":
            self._take("||")
            found = found | self._all()
        return found

    def _all(self) -> pl.Expr:
        found = self._one()
        while self._peek() == "&&":
            self._take("&&")
            found = found & self._one()
        return found

    def _one(self) -> pl.Expr:
        if self._peek() == "(":
            self._take("(")
            found = self._any()
            self._take(")")
            return found
        field, op, token = self._take(), self._take(), self._take()
        if op not in {*_COMPARE, "=~", "!~"}:
            raise self._error(op)
        value = self._value(token)
        if field in _INTRINSICS:
            return _held(_intrinsic(field), op, value)
        scope, dot, key = field.partition(".")
        if not dot or scope not in _LISTS:
            raise self._error(field)
        return _attribute_held(_LISTS[scope], unquoted(key) if key.startswith('"') else key, op, value)

    def _value(self, token: str) -> Any:
        if token.startswith(('"', "`")):
            return unquoted(token)
        if token in _WORDS:
            return token
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if _NUMBER.fullmatch(token):
            return float(token) if "." in token else int(token)
        try:
            return parse_duration(token)
        except WindowError:
            raise self._error(token) from None

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str | None = None) -> str:
        token = self._peek()
        if not token or (wanted is not None and token != wanted):
            raise self._error(token)
        self._at += 1
        return token

    def _error(self, token: str) -> QueryError:
        where = f"at {token[:30]!r}" if token else "at its end"
        return QueryError(
            f"Files do not understand this query {where}.",
            query=self._query,
            hint="Files are asked with one span set filter, such as "
            '{ resource.service.name = "api" && duration > 1s }.',
        )


def _intrinsic(field: str) -> pl.Expr:
    column = pl.col(_INTRINSICS[field])
    return column.dt.total_nanoseconds() if _INTRINSICS[field] == "duration" else column.cast(pl.String)


def _held(column: pl.Expr, op: str, value: Any) -> pl.Expr:
    """A comparison; of what is absent just ``= nil`` holds."""
    if value is None:
        return column.is_null() if op == "=" else column.is_not_null()
    if op in {"=~", "!~"}:
        found = column.str.contains(f"^(?s:{value})$")
        return (found if op == "=~" else ~found).fill_null(False)
    return pl.Expr.fill_null(_COMPARE[op](column, pl.lit(value)), False)


def _attribute_held(lists: tuple[str, ...], key: str, op: str, value: Any) -> pl.Expr:
    """A comparison with an attribute of the value's own type; others never compare."""
    kinds = {str: ("string",), bool: ("bool",), int: ("int", "double"), float: ("int", "double")}
    entry = pl.element().struct
    is_it = entry.field("key") == key
    if value is not None:
        is_it &= entry.field("type").is_in(kinds[type(value)])
    texts = [
        pl.col(name).list.eval(entry.field("value").filter(is_it).first()).list.first() for name in lists
    ]
    text = pl.coalesce(texts)
    if isinstance(value, bool):
        return _held(text, op, "true" if value else "false")
    return _held(text.cast(pl.Float64, strict=False) if isinstance(value, int | float) else text, op, value)
