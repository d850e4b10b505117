"""How long the slices of a download are, so that each fits into memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from obsnb.errors import LimitError
from obsnb.timerange import TimeRange

__all__ = ["Pace", "Size", "Watch"]

#: A slice's length follows the one before it, at most so many times longer, or as many times shorter
#: where it held too much.
_STEP = 8
#: So many slices of the first one's length make up a window of which nothing is known yet.
_FIRST = 64


@dataclass(frozen=True)
class Size:
    """Of what comes in a slice: rows, and bytes of answers."""

    rows: int
    bytes: int

    def times(self, other: Size) -> float:
        """How many times it is another one, by whichever it has more of."""
        return max(self.rows / other.rows, self.bytes / other.bytes)


class Pace:
    """The lengths of slices.

    Parameters
    ----------
    window
        What is downloaded.
    unit_ns
        The edges of slices lie on its multiples since the epoch, but for those of the window.
    wanted
        What a slice should hold; None where the whole window is one.
    """

    def __init__(self, window: TimeRange, *, unit_ns: int, wanted: Size | None) -> None:
        self._unit = unit_ns
        self._wanted = wanted
        self._length = max(unit_ns, window.duration_ns // _FIRST)

    def next(self, left: TimeRange) -> TimeRange:
        """The first slice of what is left."""
        if self._wanted is None:
            return left
        edge = (left.start_ns + self._length) // self._unit * self._unit
        if edge <= left.start_ns:
            edge += self._unit
        return TimeRange(left.start_ns, min(edge, left.end_ns))

    def came(self, window: TimeRange, size: Size) -> None:
        """Learn from a slice how long the next one may be."""
        if self._wanted is None:
            return
        factor = min(1 / max(size.times(self._wanted), 1e-9), _STEP)
        self._length = max(self._unit, int(window.duration_ns * factor))

    def shorter(self, window: TimeRange) -> bool:
        """Go on with shorter slices than one that held too much; whether there are shorter ones."""
        self._length = max(self._unit, window.duration_ns // _STEP)
        return window.duration_ns > self._unit


class Watch:
    """The `Progress` of one slice: passes it on as part of the whole, and stops what outgrows its bound.

    Parameters
    ----------
    told
        Told the part of the slice that is done, its rows and its bytes.
    most
        More than this is not taken; None takes all.
    """

    def __init__(self, told: Callable[[float, Size], None], *, most: Size | None) -> None:
        self._told = told
        self._most = most

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Pass it on.

        Raises
        ------
        LimitError
            The slice holds too much, and has not ended.
        """
        size = Size(rows, bytes)
        if self._most is not None and done < 1 and size.times(self._most) > 1:
            raise LimitError("The slice holds more than a download takes at once.")
        self._told(done, size)

    def close(self) -> None:
        """The slice is over; the whole may go on."""
