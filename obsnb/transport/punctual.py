"""A deadline for every read and write of a connection, and the order of question and answer on it.

The HTTP library bounds the silence between two bytes, each time anew: a server that drips its headers, a
byte every now and then, would be listened to for hours. And a server that answers twice would be believed:
what is left in the library's buffer is taken for the answer to the next question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Deadline", "OutOfTimeError", "hold", "is_stale"]


class OutOfTimeError(TimeoutError):
    """The deadline is over."""


class Deadline(threading.local):
    """Until when the thread that asks may read and write.

    Parameters
    ----------
    clock
        Seconds, ever growing.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at: float | None = None

    @contextmanager
    def at(self, moment: float) -> Iterator[None]:
        """In this block, and in this thread, nothing is waited for beyond that moment."""
        self._at = moment
        try:
            yield
        finally:
            self._at = None

    def left(self, timeout: float | None) -> float | None:
        """How long the next wait may take. Raises `OutOfTimeError` where no time is left."""
        if self._at is None:
            return timeout
        left = self._at - self._clock()
        if left <= 0:
            raise OutOfTimeError
        return left if timeout is None else min(timeout, left)


def hold(client: Any, deadline: Deadline) -> None:
    """Hold the connections of an `httpx.Client` to a deadline.

    httpcore, beneath it, takes a network backend, but httpx hands none through: so it is put in place.
    Should a later httpx keep its pools elsewhere, its own time-outs are what remains.
    """
    transports = (getattr(client, "_transport", None), *getattr(client, "_mounts", {}).values())
    for transport in transports:
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and backend is not None:
            pool._network_backend = _Backend(backend, deadline)


def is_stale(answer: Any) -> bool:
    """Whether an `httpx.Response` was there before its question was sent: nothing was read since."""
    stream = answer.extensions.get("network_stream")
    return isinstance(stream, _Stream) and not stream.heard


class _Backend:
    """An httpcore network backend whose connections know the deadline."""

    def __init__(self, inner: Any, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **more: Any) -> _Stream:
        stream = self._inner.connect_tcp(host, port, timeout=self._deadline.left(timeout), **more)
        return _Stream(stream, self._deadline)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Stream:
    """An httpcore network stream that keeps the deadline."""

    def __init__(self, inner: Any, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline
        self.heard = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._inner.read(max_bytes, timeout=self._deadline.left(timeout))
        self.heard = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.heard = False
        self._inner.write(buffer, timeout=self._deadline.left(timeout))

    def start_tls(self, *args: Any, timeout: float | None = None, **more: Any) -> _Stream:
        stream = self._inner.start_tls(*args, timeout=self._deadline.left(timeout), **more)
        return _Stream(stream, self._deadline)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
