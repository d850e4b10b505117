"""LogQL texts: selectors, line filters, and what kind of query a text is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from obsnb.errors import QueryError
from obsnb.query.texts import check_text

__all__ = ["check", "is_metric_query", "quote", "selector", "stream_selector_of"]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_STRING = r'"(?:\\.|[^"\\])*"|`[^`]*`'
_SELECTOR = re.compile(
    r"\{\s*[a-zA-Z_]\w*\s*(?:=~|!~|!=|=)\s*(?:" + _STRING + r")"
    r"(?:\s*,\s*[a-zA-Z_]\w*\s*(?:=~|!~|!=|=)\s*(?:" + _STRING + r"))*\s*,?\s*\}"
)


def quote(text: str) -> str:
    r"""A double-quoted LogQL string that means exactly this text.

    Examples
    --------
    >>> print(quote('say "no"'))
    "say \"no\""
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    escaped = re.sub(r"[\x00-\x1f\x7f]", lambda m: f"\\x{ord(m[0]):02x}", escaped)
    return f'"{escaped}"'


def selector(matchers: Mapping[str, str]) -> str:
    """A stream selector of equality matchers.

    Examples
    --------
    >>> selector({"namespace": "prod"})
    '{namespace="prod"}'

    Raises
    ------
    QueryError
        No matcher, or a name that cannot be a label.
    """
    if not matchers:
        raise QueryError(
            "A log query needs at least one stream selector.",
            hint='Give a scope, such as scope={"namespace": "prod"}.',
        )
    for name in matchers:
        if not _LABEL.fullmatch(name):
            raise QueryError(f"{name!r} cannot be a Loki label.", hint="Letters, digits and _ only.")
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in matchers.items()) + "}"


def is_metric_query(query: str) -> bool:
    """Whether a text asks for numbers (``rate(...)``) rather than for lines (``{...} |= "x"``)."""
    return not query.lstrip().startswith("{")


def stream_selector_of(query: str) -> str | None:
    """The first stream selector in a query, or None."""
    found = _SELECTOR.search(query)
    return found[0] if found else None


def check(query: str) -> None:
    """Raise `QueryError` where a text cannot be LogQL, before it is sent.

    What Loki itself says better is left to Loki.
    """
    check_text(query, "LogQL")
    text = query.strip()
    if not text:
        raise QueryError("The log query is empty.", hint='Write one such as {namespace="prod"}.')
    if re.match(r"\{\s*\}", text):
        raise QueryError(
            "The log query selects no stream: {} is not LogQL.",
            query=query,
            hint='Name at least one label, such as {namespace="prod"}.',
        )
    if re.match(
        r"\{\s*(?:\.|resource\.|span\.|status\s*=|kind\s*=|name\s*=\s*\"[^\"]*\"\s*&&|duration)", text
    ):
        raise QueryError(
            "This looks like TraceQL, and was given to Loki.",
            query=query,
            hint="obs.spans(...) asks Tempo.",
        )
    if "{" not in text:
        raise QueryError(
            "The log query has no stream selector.",
            query=query,
            hint='LogQL begins with one, such as {namespace="prod"} |= "error".',
        )
