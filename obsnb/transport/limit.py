"""How many requests may be under way at once: fewer when the server says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Limit"]


class Limit:
    """A gate that lets through as many as the server bears.

    Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the increase and
    decrease algorithms for congestion avoidance in computer networks", 1989): `refused` halves what
    is allowed, `answered` adds ``1 / allowed``, which is one more after a full round of answers.
    Answers to requests that had begun before the last halving don't halve again: they tell of the
    same crowd.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._allowed = float(most)
        self._running = 0
        self._halvings = 0
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
            begun = self._halvings
        try:
            yield begun
        finally:
            with self._free:
                self._running -= 1
                self._free.notify_all()

    def refused(self, begun: int) -> None:
        """The server has too much to do."""
        with self._free:
            if begun == self._halvings:
                self._halvings += 1
                self._allowed = max(1.0, self._allowed / 2)

    def answered(self) -> None:
        """The server answered."""
        with self._free:
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)
            self._free.notify_all()
