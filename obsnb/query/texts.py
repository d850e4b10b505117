"""What all three query languages have in common: a query is a text."""

from __future__ import annotations

from obsnb.errors import QueryError

__all__ = ["check_text"]


def check_text(query: object, language: str) -> None:
    """Raise `QueryError` where a query is none, before anything looks into it."""
    if not isinstance(query, str):
        raise QueryError(
            f"A query is a text, not {query!r}.", hint=f"Write it in {language}, between quotes."
        )
