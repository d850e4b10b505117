"""Queries about one replica of a highly available pair of Prometheus servers."""

from __future__ import annotations

import re

from obsnb.query.logql import quote
from obsnb.query.reading import GROUPING, TOKEN, is_word

__all__ = ["adds_up", "mentions", "of_one"]

#: Aggregations of which a series that is there twice changes the outcome.
_ADDING = frozenset({"sum", "count", "avg", "count_values", "topk", "bottomk", "limitk"})
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def adds_up(query: str) -> bool:
    """Whether a PromQL text aggregates series so that one that is there twice counts twice.

    Of the greatest, the least or a quantile two replicas give what one gives.

    Examples
    --------
    >>> adds_up("sum by (job) (up)"), adds_up("rate(sum_total[1m])")
    (True, False)
    """
    return any(one.lastgroup == "name" and one[0].lower() in _ADDING for one in TOKEN.finditer(query))


def mentions(query: str, label: str) -> bool:
    """Whether a text speaks of a label itself: then who wrote it knows of the replicas."""
    return re.search(rf"(?<!\w){re.escape(label)}(?!\w)", query) is not None


def of_one(query: str, label: str, value: str) -> str:
    """A PromQL text with one more matcher in each of its selectors.

    Examples
    --------
    >>> of_one('sum by (job) (rate(a{b="c"}[1m])) / on (job) up', "replica", "r1")
    'sum by (job) (rate(a{replica="r1", b="c"}[1m])) / on (job) up{replica="r1"}'
    """
    matcher = f"{label if _LABEL.fullmatch(label) else quote(label)}={quote(value)}"
    tokens = [one for one in TOKEN.finditer(query) if one.lastgroup != "skip"]
    parts: list[str] = []
    done = at = 0
    while at < len(tokens):
        one, after = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else None
        at += 1
        text, following = one[0], "" if after is None else after[0]
        if one.lastgroup == "braces":
            inner = text[1:].lstrip()
            between = "" if inner == "}" else ", "
            parts += [query[done : one.start()], "{", matcher, between, inner]
            done = one.end()
        elif one.lastgroup == "name" and text.lower() in GROUPING and following == "(":
            while at < len(tokens) and tokens[at][0] != ")":
                at += 1
        elif (
            one.lastgroup == "name"
            and not is_word(text, following)
            and (after is None or after.lastgroup != "braces")
        ):
            parts += [query[done : one.end()], "{", matcher, "}"]
            done = one.end()
    return "".join([*parts, query[done:]])
