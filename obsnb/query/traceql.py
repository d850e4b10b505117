"""TraceQL texts: conditions with safe quoting, and selections that give spans their fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from obsnb.errors import QueryError
from obsnb.query.logql import quote
from obsnb.query.texts import check_text

__all__ = [
    "aligned",
    "check",
    "is_metric_query",
    "most_recent",
    "piped",
    "spanset",
    "trace_id_of",
    "with_selection",
]

#: Tempo reads a query in blocks of so many bytes, and loses a block where one ends in the midst of a word.
_BLOCK = 1024
_BEYOND = 4  # spaces after the edge of a block: a character takes up to four bytes
#: Texts in quotes, which stay as they are, and gaps between words, which may grow.
_QUOTED_OR_GAP = re.compile(rb'"(?:\\.|[^"\\])*"|`[^`]*`|(?P<gap>[ \t\r\n]+)')
#: How a trace's id is written: plain, as a UUID, or within the header ``traceparent`` (W3C Trace Context).
_TRACE_ID = re.compile(
    r"([0-9a-f]{1,32})|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-.*"
)
#: A stage that makes numbers of spans.
_NUMBERS = re.compile(r"\|\s*(?:rate|compare|\w+_over_time)\s*\(")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`')
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


def aligned(query: str) -> str:
    """The query with spaces wherever a block of 1,024 bytes ends.

    Tempo's lexer (seen in 3.0) tries words out on a copy of its scanner, and both read from one buffer:
    where the buffer's end falls into such a word, what follows is lost. The answer is then a parse error,
    or an answer to another question. Between words nothing is tried out. A query that is shorter, or has
    no gap between its words, comes back as it is.

    Examples
    --------
    >>> aligned("{ status = error }")
    '{ status = error }'
    """
    text = query.encode()
    out = bytearray()
    done = 0
    while len(out) + len(text) - done > _BLOCK - _BEYOND:
        edge = (len(out) // _BLOCK + 1) * _BLOCK
        room = done + edge - len(out) - 1  # a gap that begins here at the latest reaches over the edge
        gaps = [
            found for found in _QUOTED_OR_GAP.finditer(text) if found["gap"] and done < found.start() <= room
        ]
        if not gaps:
            break
        out += text[done : gaps[-1].start()]
        out += b" " * (edge + _BEYOND - len(out))
        done = gaps[-1].end()
    return (out + text[done:]).decode()


def check(query: str) -> None:
    """Raise `QueryError` where a text cannot be TraceQL, before it is sent."""
    check_text(query, "TraceQL")
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


def is_metric_query(query: str) -> bool:
    """Whether a text asks for numbers (``{ } | rate()``) rather than for spans.

    Examples
    --------
    >>> is_metric_query("{ } | rate() by (name)"), is_metric_query('{ name = "| rate()" } | count() > 2')
    (True, False)
    """
    return _NUMBERS.search(_QUOTED.sub('""', query)) is not None


def trace_id_of(text: object) -> str:
    """32 lower-case hex digits of a trace id: with or without leading zeros, a UUID, or a ``traceparent``.

    Raises
    ------
    QueryError
        It is no trace id.

    Examples
    --------
    >>> trace_id_of("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01")
    '4bf92f3577b34da6a3ce929d0e0e4736'
    """
    found = _TRACE_ID.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    digits = next(filter(None, found.groups())).replace("-", "") if found else ""
    if not digits.strip("0"):
        raise QueryError(
            f"{text!r} is not a trace id.",
            hint="A trace id has up to 32 hexadecimal digits; a query goes to obs.spans(...).",
        )
    return digits.zfill(32)
