"""How many requests may be under way at once: fewer when the server says so, or becomes slow."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from obsnb.transport.slowness import Slowness

__all__ = ["Limit"]


class Limit:
    """A gate that lets through as many as the server bears.

    Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the increase and
    decrease algorithms for congestion avoidance in computer networks", 1989): `refused` halves what
    is allowed, `answered` adds ``1 / allowed``, which is one more after a full round of answers.
    Answers to requests that had begun before the last halving don't halve again: they tell of the
    same crowd. A server that becomes slow (`obsnb.transport.slowness`) is given fewer in the same way,
    down to a half at a time, and no more as long as it stays slow.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._running = 0
        self._falls = 0
        self._slowness = Slowness()
        self._free = threading.Condition()

    @property
    def allowed(self) -> int:
        """How many may be under way now."""
        return int(self._allowed)

    @contextmanager
    def place(self) -> Iterator[int]:
        """Wait for a place and hold it; its number is for `refused`."""
        with self._free:
            self._free.wait_for(lambda: self._running < self.allowed)
            self._running += 1
            begun = self._falls
        try:
            yield begun
        finally:
            with self._free:
                self._running -= 1
                self._free.notify_all()

    def refused(self, begun: int) -> None:
        """The server has too much to do."""
        with self._free:
            self._fall(begun, 0.5)

    def answered(self, begun: int, *, kind: Hashable = None, seconds: float | None = None) -> None:
        """The server answered.

        Parameters
        ----------
        begun
            The number of its place.
        kind
            What answers it can be compared with.
        seconds
            How long it took; None where that says nothing.
        """
        with self._free:
            if seconds is not None:
                slow = self._slowness.is_slow(kind, seconds)
                if begun == self._falls:
                    self._fall(begun, self._slowness.heard(kind, seconds))
                if slow:
                    return
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._free.notify_all()

    def _fall(self, begun: int, left: float) -> None:
        if begun == self._falls and left < 1:
            self._falls += 1
            self._allowed = max(1.0, self._allowed * left)
            self._slowness.begin_again()
