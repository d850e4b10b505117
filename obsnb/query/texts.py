"""What all questions have in common: a query is a text, and no dashboard's; a limit is a whole number."""

from __future__ import annotations

import operator
import re

from obsnb.errors import QueryError

__all__ = ["QUOTED", "check_text", "variable_in", "whole_limit"]

#: What stands in quotes, or is a comment, in PromQL and LogQL.
QUOTED = re.compile(r"""\"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*""")
#: A variable of Grafana, which no language knows outside of quotes.
_VARIABLE = re.compile(r"(?<![\w.])\$(?:[A-Za-z_]\w*|\{[A-Za-z_]\w*(?::\w+)?\})|\[\[\w+\]\]")


def check_text(query: object, language: str) -> None:
    """Raise `QueryError` where a query is none, before anything looks into it."""
    if not isinstance(query, str):
        raise QueryError(
            f"A query is a text, not {query!r}.", hint=f"Write it in {language}, between quotes."
        )
    variable = _VARIABLE.search(QUOTED.sub('""', query))
    if variable is not None:
        raise QueryError(
            f"The query holds a variable of Grafana's, {variable[0]}, which only Grafana knows.",
            query=query,
            hint="Write what it stands for, such as [1m] for [$__rate_interval]; obsnb.from_grafana_url(url) "
            "has the variables of a dashboard's address.",
        )


def variable_in(query: str) -> str | None:
    """The first of what looks like a variable of Grafana's, also in quotes, where it may be meant so."""
    found = _VARIABLE.search(query)
    return None if found is None else found[0]


def whole_limit(limit: object, name: str = "limit") -> int:
    """A number of rows. Raises `QueryError` where it is none; whether it is too small, a source says."""
    try:
        return operator.index(limit)  # type: ignore[arg-type]  # what has no index is refused
    except TypeError:
        raise QueryError(
            f"{name}= takes a whole number, not {limit!r}.", hint=f"Such as {name}=1000."
        ) from None
