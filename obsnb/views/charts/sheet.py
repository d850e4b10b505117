"""Where the words of a graph have room in a narrow notebook: not on each other, and on no mark."""

from __future__ import annotations

import html
from collections.abc import Iterable

__all__ = ["ROW", "Sheet"]

#: Pixels between two services that stand below each other.
ROW = 84
_WIDE, _BESIDE = 452, 12  # pixels of the plot in a narrow notebook, and what is free at its sides
_MARK = 11  # pixels from the middle of a mark to its edge
_LEAST = 128  # pixels that the words of an outer mark can have
_LINE = 1.35  # height of a line of words, and
_LETTER = 0.56  # width of a letter, both of the font's size

_At = tuple[float, float]


class Sheet:
    """A graph's plane, as narrow as a notebook may be: in a wider one words only have more room.

    Attributes
    ----------
    aside, step
        How far the plane goes on beside the outer layers, in layers; and pixels from one to the next.
    """

    def __init__(self, places: Iterable[_At], *, longest: int, size: int) -> None:
        marks = list(places)
        self._left = min(across for across, _ in marks)
        layers = max(across for across, _ in marks) - self._left
        half = min(max(longest * _LETTER * size, _LEAST), _WIDE / (layers + 1)) / 2
        self.step = (_WIDE - 2 * half) / max(layers, 1)
        self.aside = half / self.step if layers else 0.5
        self._taken = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in map(self._pixels, marks)]

    def _pixels(self, at: _At) -> _At:
        return (at[0] - self._left + self.aside) * self.step, at[1] * ROW

    def letters(self, room: float, size: int) -> int:
        """How many letters have room in so many layers."""
        return int(room * self.step / (_LETTER * size))

    def put(self, at: _At, text: str, *, shift: float, size: int, anyway: bool = False) -> bool:
        """Whether these words have room with their middle so many pixels above a place; then they take it."""
        lines = [html.unescape(line) for line in text.split("<br>")]
        wide, tall = max(map(len, lines)) * _LETTER * size / 2, len(lines) * _LINE * size / 2
        x, y = self._pixels(at)
        box = (x - wide, y + shift - tall, x + wide, y + shift + tall)
        inside = box[0] >= -_BESIDE and box[2] <= _WIDE + _BESIDE
        free = inside and not any(_overlap(box, other) for other in self._taken)
        if free or anyway:
            self._taken.append(box)
        return free


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
