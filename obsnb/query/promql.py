"""PromQL texts: selectors with safe quoting, and what a text cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from obsnb.errors import QueryError
from obsnb.query.logql import quote
from obsnb.query.texts import QUOTED, check_text

__all__ = ["any_of", "at_ends", "check", "looks_at_ends", "selector"]

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_ENDS = re.compile(r"@\s*(?:start|end)\s*\(\s*\)")
_QUOTED_OR_END = re.compile(rf"(?P<quoted>{QUOTED.pattern})|@\s*(?P<end>start|end)\s*\(\s*\)")


def selector(matchers: Mapping[str, str], *, metric: str = "", names: Iterable[str] = ()) -> str:
    """An instant vector selector.

    Parameters
    ----------
    matchers
        Label → value that it must equal.
    metric
        The metric's name.
    names
        Regular expressions of metric names, any of which may match; instead of `metric`.

    Examples
    --------
    >>> selector({"namespace": "prod"}, metric="up")
    'up{namespace="prod"}'
    >>> selector({"job": "a"}, names=["up", "pg_.+"])
    '{__name__=~"up|pg_.+", job="a"}'
    """
    parts = []
    head = metric
    if metric and not _METRIC.fullmatch(metric):
        parts, head = [quote(metric)], ""
    alternatives = "|".join(names)
    if alternatives:
        parts.append(f"__name__=~{quote(alternatives)}")
    for name, value in matchers.items():
        label = name if _LABEL.fullmatch(name) else quote(name)
        parts.append(f"{label}={quote(value)}")
    if not parts and not head:
        raise QueryError("A metric query needs a name or a label.")
    return head + ("{" + ", ".join(parts) + "}" if parts else "")


def any_of(names: Iterable[str], suffix: str = "") -> list[str]:
    """Plain metric names as regular expressions, each with a suffix."""
    return [re.escape(name).replace(r"\_", "_") + suffix for name in names]


def check(query: str) -> None:
    """Raise `QueryError` where a text cannot be PromQL, before it is sent."""
    check_text(query, "PromQL")
    text = query.strip()
    if not text:
        raise QueryError("The metric query is empty.", hint="Write one such as up or rate(x[1m]).")
    if re.search(r"\}\s*\|[=~>]|\}\s*!=\s*[\"`]|\|\s*(json|logfmt|unwrap)\b", text):
        raise QueryError(
            "This looks like LogQL, and was given to Prometheus.",
            query=query,
            hint='obs.logs(...) asks Loki for lines, obs.metrics(..., source="loki") for numbers.',
        )
    if re.match(r"\{.*(&&|\|\||\bstatus\s*=\s*error|\bduration\s*>|resource\.|span\.)", text):
        raise QueryError(
            "This looks like TraceQL, and was given to Prometheus.",
            query=query,
            hint='obs.spans(...) asks Tempo for spans, obs.metrics(..., source="tempo") for numbers.',
        )


def looks_at_ends(query: str) -> bool:
    """Whether a text looks at the ends of the window that it is asked for.

    Examples
    --------
    >>> looks_at_ends('rate(a[1m] @ start())'), looks_at_ends('a{b="@ end()"}')
    (True, False)
    """
    return _ENDS.search(QUOTED.sub("", query)) is not None


def at_ends(query: str, *, start: str, end: str) -> str:
    """The text with the ends of its window written as seconds, so that it may be asked for in pieces.

    Examples
    --------
    >>> at_ends('rate(a{b="@ end()"}[1m] @ start()) / a @end()', start="60", end="120.5")
    'rate(a{b="@ end()"}[1m] @ 60) / a @ 120.5'
    """
    return _QUOTED_OR_END.sub(
        lambda one: one[0] if one["end"] is None else f"@ {start if one['end'] == 'start' else end}", query
    )
