"""Halving lines that nothing but their text tells apart, by a line filter and its opposite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from obsnb.query import logql

__all__ = ["line_halves"]

#: So far from either end of a line a letter is looked for that tells lines apart.
_REACH = 64
_EVEN = 0.4  # a split that leaves at least so much on either side is good enough


def line_halves(lines: Sequence[str]) -> tuple[str, str] | None:
    """Two line filters, of which every line passes exactly one; None where the lines tell nothing apart.

    The second is the first's opposite, so that they divide whatever lines there are, those that are not
    known yet included. How evenly they do is learned from the known ones.

    Examples
    --------
    >>> line_halves(["same", "same"]) is None
    True
    """
    best: tuple[float, str] | None = None
    for place in range(_REACH):
        # A letter so far from the end, and one so far from the beginning.
        for index, before, after in ((-place - 1, "", f".{{{place}}}$"), (place, f"^.{{{place}}}", "")):
            letters = Counter(line[index] for line in lines if -len(line) <= index < len(line))
            chosen, share = _about_half(letters, len(lines))
            if 0 < share < 1 and (best is None or abs(share - 0.5) < abs(best[0] - 0.5)):
                written = "".join(f"\\x{{{ord(letter):x}}}" for letter in sorted(chosen))
                best = share, f"(?s){before}[{written}]{after}"
        if best is not None and _EVEN <= best[0] <= 1 - _EVEN:
            break
    return None if best is None else (f"|~ {logql.quote(best[1])}", f"!~ {logql.quote(best[1])}")


def _about_half(letters: Counter[str], of: int) -> tuple[set[str], float]:
    """Letters that about half of the lines have there, and the share of lines that do."""
    chosen: set[str] = set()
    share = 0.0
    for letter, count in letters.most_common(200):
        if letter == "\N{REPLACEMENT CHARACTER}":  # what the server made of bytes that are no text
            continue
        if not chosen or share + count / of <= 0.5:
            chosen.add(letter)
            share += count / of
    return chosen, share
