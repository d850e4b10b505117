"""What a report in Markdown is made of: tables, lists, names and ids. What goes in is Markdown already."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from obsnb.report.escape import code, inline
from obsnb.report.evidence import CITED
from obsnb.views.formats import evidence_label, one_line, shorten

__all__ = ["ids", "items", "names", "row_of", "table"]


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """A table of cells that are Markdown already; the columns in `right` hold numbers."""
    numbers = set(right)
    rule = ["---:" if place in numbers else "---" for place in range(len(head))]
    lines = [head, rule, *([cell or "–" for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def items(lines: Iterable[str]) -> str:
    """A list of lines that are Markdown already."""
    return "\n".join(f"- {line}" for line in lines)


def names(some: Sequence[str], most: int = 8) -> str:
    """The first of some names, and how many there are besides."""
    more = f" +{len(some) - most}" if len(some) > most else ""
    return ", ".join(inline(shorten(one_line(name), 80)) for name in some[:most]) + more


def ids(some: Sequence[str]) -> str:
    """Evidence ids as code, short, as many as a report cites; its last section has them whole."""
    more = f" +{len(some) - CITED}" if len(some) > CITED else ""
    return " ".join(code(evidence_label(one)) for one in some[:CITED]) + more


def row_of(parts: Iterable[str]) -> str:
    """What stands in one cell of a table, told apart without a line break: that would be HTML."""
    return " · ".join(part for part in parts if part)
