"""The protocol that long work reports to; its terminal and notebook forms live higher up."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "Silent"]


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
