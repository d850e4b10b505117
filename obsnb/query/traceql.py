"""TraceQL texts: conditions with safe quoting, and selections that give spans their fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from obsnb.errors import QueryError
from obsnb.query.logql import quote

__all__ = ["check", "most_recent", "piped", "spanset", "with_selection"]

_WITH = re.compile(r"\bwith\s*\(([^()]*)\)\s*$")


def spanset(matchers: Mapping[str, str], *conditions: str) -> str:
    """A span set filter of equalities and further conditions, all of which must hold.

    Examples
    --------
    >>> spanset({"resource.service.name": "api"}, "status = error")
    '{ resource.service.name = "api" && status = error }'
    """
    parts = [f"{name} = {quote(value)}" for name, value in matchers.items()]
    return "{ " + " && ".join([*parts, *conditions]) + " }" if parts or conditions else "{ }"


def piped(query: str, stage: str) -> str:
    """The query with one more stage of its pipeline, before a closing ``with (...)``.

    Examples
    --------
    >>> piped("{ status = error } with (most_recent=true)", "{ duration > 1s }")
    '{ status = error } | { duration > 1s } with (most_recent=true)'
    """
    text = query.strip()
    hints = _WITH.search(text)
    tail = ""
    if hints:
        text, tail = text[: hints.start()].rstrip(), " " + hints[0]
    return f"{text} | {stage}{tail}"


def with_selection(query: str, fields: Iterable[str]) -> str:
    """The query with ``| select(...)`` of these fields, before a closing ``with (...)``."""
    return piped(query, f"select({', '.join(fields)})")


def most_recent(query: str) -> str:
    """The query with ``with (most_recent=true)``, unless it says so or otherwise already."""
    text = query.strip()
    hints = _WITH.search(text)
    if hints is None:
        return f"{text} with (most_recent=true)"
    if "most_recent" in hints[1]:
        return text
    inside = f"{hints[1].strip()}, most_recent=true".lstrip(", ")
    return f"{text[: hints.start()].rstrip()} with ({inside})"


def check(query: str) -> None:
    """Raise `QueryError` where a text cannot be TraceQL, before it is sent."""
    text = query.strip()
    if not text:
        raise QueryError("The trace query is empty.", hint="Write one such as { status = error }.")
    if re.search(r"\}\s*\|[=~]|\}\s*\|\s*(json|logfmt)\b", text):
        raise QueryError(
            "This looks like LogQL, and was given to Tempo.",
            query=query,
            hint="obs.logs(...) asks Loki.",
        )
    if not text.startswith(("{", "(")):
        raise QueryError(
            "The trace query has no span set.",
            query=query,
            hint="TraceQL begins with one, such as { status = error }; obs.trace(id) takes a trace id.",
        )
