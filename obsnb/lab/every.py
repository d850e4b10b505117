"""Doing something again and again beside everything else."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Every"]


class Every:
    """Does something again and again in a thread of its own, until it is stopped.

    Parameters
    ----------
    failed
        Told of what it raises. It goes on all the same: one time that fails is not the last.
    """

    def __init__(
        self, seconds: float, what: Callable[[], None], *, name: str, failed: Callable[[Exception], None]
    ) -> None:
        self._seconds, self._what, self._failed = seconds, what, failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Once more, and then no more."""
        self._stop.set()
        self._thread.join()
        self._once()

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            self._once()

    def _once(self) -> None:
        try:
            self._what()
        except Exception as error:  # noqa: BLE001  # whoever asked for it decides what comes of it
            self._failed(error)
