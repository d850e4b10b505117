"""What people say of an incident: a sentence, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable

from obsnb.errors import UsageError

__all__ = ["check_lists", "sentence"]


def sentence(given: object, *, what: str, hint: str) -> str:
    """The text without white space around it. Raises `UsageError` with these words where it is none."""
    text = given.strip() if isinstance(given, str) else ""
    if not text:
        raise UsageError(what, hint=hint)
    return text


def check_lists(given: Iterable[tuple[str, object]]) -> None:
    """Raise `UsageError` where one text stands for a list of texts, by the argument's name."""
    for name, texts in given:
        if isinstance(texts, str):
            raise UsageError(f"{name} is a list of texts, not one text.", hint=f"Write {name}=[...].")
