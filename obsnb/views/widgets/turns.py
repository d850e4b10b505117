"""Whose turn it is: JupyterLab lets the browser's questions run beside the cells, in threads of their own."""

from __future__ import annotations

import contextlib
import threading

__all__ = ["in_turn"]


class _Turns(contextlib.ContextDecorator):
    """What widgets show is read and changed by one thread at a time.

    It is one turn for all of them: they are linked, so that a change of one goes on in others, and with a
    lock each, two that follow each other could wait for each other for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


#: Around a block, or on top of a method, that reads or changes what a widget shows.
in_turn = _Turns()
