"""The protocol that long work reports to; its terminal and notebook forms live higher up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Progress", "Share", "Silent"]


class Progress(Protocol):
    """What a long pull tells about itself, from the thread that called it."""

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """`done` is the part of the whole (0 to 1), `rows` and `bytes` are totals so far."""

    def close(self) -> None:
        """The work is over, well or not."""


class Silent:
    """Progress that nobody watches."""

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Share:
    """What one of several that follow one another tells, as a part of them all.

    Parameters
    ----------
    watch
        Told of all of them.
    before, of
        How many came before, and how many there are.
    rows, bytes
        What those before came to.
    """

    watch: Progress
    before: int
    of: int
    rows: int = 0
    bytes: int = 0

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Tell it, behind what came before."""
        self.watch.update(
            done=(self.before + done) / self.of, rows=self.rows + rows, bytes=self.bytes + bytes
        )

    def close(self) -> None:
        """Others follow."""
