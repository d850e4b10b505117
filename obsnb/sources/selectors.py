"""Selectors of streams and series, and filters of lines, held against a frame.

This is the part of LogQL and PromQL that chooses rows. What computes is not here: the frame is on this
side, and so are the means to count.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import polars as pl

from obsnb.errors import QueryError

__all__ = ["Matcher", "filtered_lines", "lines", "matching", "series_matchers", "unquoted"]

_STRING = r'"(?:\\.|[^"\\])*"|`[^`]*`|\'(?:\\.|[^\'\\])*\''
_MATCHER = re.compile(
    rf"\s*(?P<name>[a-zA-Z_][\w.]*|{_STRING})\s*(?P<op>=~|!~|!=|=)\s*(?P<value>{_STRING})\s*"
)
_METRIC = re.compile(r"\s*([a-zA-Z_:][\w:]*)?\s*")
_FILTER = re.compile(rf"\s*(?P<op>\|=|!=|\|~|!~)\s*(?P<value>{_STRING})")
_LABEL_FILTER = re.compile(rf"\s*\|\s*(?P<name>[a-zA-Z_]\w*)\s*(?P<op>=~|!~|!=|=)\s*(?P<value>{_STRING})")

_LOGS_HINT = (
    "Files are asked with a selector, line filters and label filters, such as "
    '{service_name="api"} |= "error"; '
    "obsnb.parse_logs takes the fields out of the lines."
)
_SERIES_HINT = (
    'Files are asked for series as they are, such as http_requests_total{job="api"}; '
    "rates and quantiles are computed from the frame."
)


class Matcher(NamedTuple):
    """A label, ``=``, ``!=``, ``=~`` or ``!~``, and a value; a label that is not there is empty text."""

    name: str
    op: str
    value: str

    def test(self, column: pl.Expr) -> pl.Expr:
        """Whether a column's values pass."""
        text = column.cast(pl.String).fill_null("")
        if self.op in {"=", "!="}:
            return (text == self.value) if self.op == "=" else (text != self.value)
        found = text.str.contains(f"^(?s:{self.value})$")
        return found if self.op == "=~" else ~found


def lines(query: str) -> tuple[list[Matcher], list[Matcher], list[tuple[str, str]]]:
    """Stream matchers, label filters and line filters of a LogQL log query.

    Raises
    ------
    QueryError
        The query does more than choose lines, or is no LogQL.
    """
    matchers, at = _selector(query, 0, _LOGS_HINT)
    filters: list[tuple[str, str]] = []
    labels: list[Matcher] = []
    while query[at:].strip():
        found = _FILTER.match(query, at)
        if found:
            filters.append((found["op"], unquoted(found["value"])))
        else:
            found = _LABEL_FILTER.match(query, at)
            if found is None:
                raise _not_understood(query, at, _LOGS_HINT)
            labels.append(Matcher(found["name"], found["op"], unquoted(found["value"])))
        at = found.end()
    return matchers, labels, filters


def series_matchers(query: str) -> list[Matcher]:
    """The matchers of a PromQL instant vector selector, its name as ``__name__``.

    Raises
    ------
    QueryError
        The query is something else.
    """
    head = _METRIC.match(query)
    at = head.end() if head else 0
    found = [Matcher("__name__", "=", head[1])] if head and head[1] else []
    if query[at : at + 1] == "{":
        matchers, at = _selector(query, at, _SERIES_HINT)
        found += matchers
    if query[at:].strip() or not found:
        raise _not_understood(query, at, _SERIES_HINT)
    return found


def matching(frame: pl.DataFrame, tests: list[tuple[Matcher, str | None]], *, query: str) -> pl.DataFrame:
    """The rows that pass every matcher, each held against a column (None: the frame has no such label).

    Raises
    ------
    QueryError
        A regular expression cannot be read.
    """
    exprs = [one.test(pl.col(column) if column else pl.lit("")) for one, column in tests]
    return _filtered(frame, exprs, query)


def filtered_lines(frame: pl.DataFrame, filters: list[tuple[str, str]], *, query: str) -> pl.DataFrame:
    """The rows whose line passes every filter. Raises `QueryError`."""
    line = pl.col("line")
    exprs = []
    for op, text in filters:
        found = line.str.contains(text, literal=op in {"|=", "!="})
        exprs.append(found if op.startswith("|") else ~found)
    return _filtered(frame, exprs, query)


def unquoted(token: str) -> str:
    """The text that a quoted string means."""
    if token.startswith("`"):
        return token[1:-1]
    inner = token[1:-1].replace("\\'", "'")
    if token.startswith("'"):
        inner = re.sub(r'(?<!\\)"', r"\"", inner)
    inner = re.sub(r"\\x([0-9a-fA-F]{2})", r"\\u00\1", inner)
    inner = inner.replace("\\a", "\\u0007").replace("\\v", "\\u000b")
    try:
        return str(json.loads(f'"{inner}"', strict=False))
    except ValueError:
        raise QueryError(f"{token} is not a string that can be read.", hint="Or write it in `...`.") from None


def _filtered(frame: pl.DataFrame, exprs: list[pl.Expr], query: str) -> pl.DataFrame:
    if not exprs:
        return frame
    try:
        return frame.filter(*exprs)
    except pl.exceptions.ComputeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise QueryError(
            f"A regular expression of the query cannot be read: {reason}.",
            query=query,
            hint="They are RE2's, without look-around and back-references.",
        ) from None


def _selector(query: str, at: int, hint: str) -> tuple[list[Matcher], int]:
    """The matchers between braces, and where they end."""
    brace = re.compile(r"\s*\{\s*").match(query, at)
    if brace is None:
        raise _not_understood(query, at, hint)
    at, found = brace.end(), []
    while query[at : at + 1] != "}":
        one = _MATCHER.match(query, at)
        if one is None:
            raise _not_understood(query, at, hint)
        name = one["name"] if one["name"][0] not in "\"'`" else unquoted(one["name"])
        found.append(Matcher(name, one["op"], unquoted(one["value"])))
        at = one.end()
        if query[at : at + 1] == ",":
            at = len(query) - len(query[at + 1 :].lstrip())
        elif query[at : at + 1] != "}":
            raise _not_understood(query, at, hint)
    return found, at + 1


def _not_understood(query: str, at: int, hint: str) -> QueryError:
    rest = query[at:].strip()
    what = f"from {rest[:30]!r} on" if rest else "at its end"
    return QueryError(f"Files do not understand this query {what}.", query=query, hint=hint)
