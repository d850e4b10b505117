"""Labels no longer than their room, of which different ones still read differently."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count

__all__ = ["apart", "elided"]


def elided(text: str, limit: int) -> str:
    """At most so many letters, the middle left out: what tells long names apart is often at their end."""
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - 1 - tail].rstrip()}…{text[len(text) - tail :].lstrip()}"


def apart(texts: Sequence[str], limit: int, short: Callable[[str, int], str] = elided) -> list[str]:
    """Each text in at most so many letters; those that differ are given in letters that differ.

    Where `short` leaves out just what tells some of them apart, they are told from there on where they
    begin to differ; if even that is too long, they are counted.
    """
    shown = {text: short(text, limit) for text in texts}
    for _ in shown:
        for alike in _alike(shown):
            columns = enumerate(zip(*alike, strict=False))
            ends = min(map(len, alike))
            begin = next((place for place, letters in columns if len({*letters}) > 1), ends)
            shown |= {text: _from(text, begin, limit) for text in alike}
    for alike in _alike(shown):
        for text in alike[1:]:
            marks = (f" ({number})" for number in count(2))
            labels = (elided(text, limit - len(mark)) + mark for mark in marks)
            shown[text] = next(label for label in labels if label not in shown.values())
    return [shown[text] for text in texts]


def _alike(shown: dict[str, str]) -> list[list[str]]:
    """Texts that are shown as the same, in groups."""
    groups: dict[str, list[str]] = defaultdict(list)
    for text, label in shown.items():
        groups[label].append(text)
    return [group for group in groups.values() if len(group) > 1]


def _from(text: str, begin: int, limit: int) -> str:
    """A text's first letters, and then from a little before this place on."""
    head = limit // 4
    place = begin - limit // 8
    if place <= head:
        return elided(text, limit)
    return f"{text[:head].rstrip()}…{elided(text[place:].lstrip(), limit - head - 1)}"
