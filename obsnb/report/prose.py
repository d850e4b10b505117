"""People's plain text as paragraphs and lists, without any markup of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["Block", "blocks"]

_BULLET = re.compile(r"\s*[-*•]\s+(?P<text>.*)")
_NUMBER = re.compile(r"\s*\d{1,3}[.)]\s+(?P<text>.*)")


@dataclass(frozen=True)
class Block:
    """A paragraph (one line), or a list (a line an item)."""

    kind: Literal["paragraph", "bullets", "numbers"]
    lines: tuple[str, ...]


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a text: a blank line parts paragraphs, a bullet or a number begins an item.

    Lines that follow an item without a blank line between belong to it.
    """
    out: list[tuple[Literal["paragraph", "bullets", "numbers"], list[str]]] = []
    fresh = True
    for line in text.splitlines():
        bullet, number = _BULLET.fullmatch(line), _NUMBER.fullmatch(line)
        item = bullet or number
        kind: Literal["bullets", "numbers"] = "bullets" if bullet else "numbers"
        if not line.strip():
            fresh = True
        elif item is not None:
            if not out or out[-1][0] != kind:
                out.append((kind, []))
            out[-1][1].append(item["text"])
            fresh = False
        elif fresh:
            out.append(("paragraph", [line.strip()]))
            fresh = False
        else:
            out[-1][1][-1] += " " + line.strip()
    return tuple(Block(kind, tuple(lines)) for kind, lines in out)
