"""A deadline for every read and write of a connection, and the order of question and answer on it.

The HTTP library bounds the silence between two bytes, each time anew: a server that drips its headers, a
byte every now and then, would be listened to for hours. It listens to a silent server for as long as it may
be silent, whoever has stopped waiting meanwhile; where the connection is closed under it in another thread,
it does not even notice. And a server that answers twice would be believed: what is left in the library's
buffer is taken for the answer to the next question.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from obsnb.transport.fan import never

__all__ = ["Deadline", "OutOfTimeError", "hold", "is_stale"]


#: So long a wait lasts at most before it is looked whether anybody still wants the answer.
_SLICE_S = 0.5


class OutOfTimeError(TimeoutError):
    """The deadline is over, or nobody waits any more."""


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
        self._unwanted = never

    @contextmanager
    def at(self, moment: float, unwanted: Callable[[], bool] = never) -> Iterator[None]:
        """In this block and thread, nothing is waited for beyond that moment, nor what is not wanted."""
        self._at, self._unwanted = moment, unwanted
        try:
            yield
        finally:
            self._at, self._unwanted = None, never

    def left(self, timeout: float | None) -> float | None:
        """How long the next wait may take. Raises `OutOfTimeError` where no time is left."""
        if self._at is None:
            return timeout
        left = self._at - self._clock()
        if left <= 0:
            raise OutOfTimeError
        return left if timeout is None else min(timeout, left)

    def waits(self, timeout: float | None) -> Iterator[float]:
        """A wait in slices, between which it is looked whether it is still wanted.

        Raises
        ------
        OutOfTimeError
            No time is left to begin with, or nobody waits any more.
        """
        left = self.left(timeout)
        while left is None or left > _SLICE_S:
            yield _SLICE_S
            left = None if left is None else left - _SLICE_S
            if self._unwanted():
                raise OutOfTimeError
        yield left


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
        import httpcore  # as late as httpx is

        silent: Exception | None = None
        for slice_s in self._deadline.waits(timeout):
            try:
                data: bytes = self._inner.read(max_bytes, timeout=slice_s)
            except httpcore.ReadTimeout as error:
                silent = error
            else:
                self.heard = True
                return data
        raise silent or OutOfTimeError

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.heard = False
        self._inner.write(buffer, timeout=self._deadline.left(timeout))

    def start_tls(self, *args: Any, timeout: float | None = None, **more: Any) -> _Stream:
        stream = self._inner.start_tls(*args, timeout=self._deadline.left(timeout), **more)
        return _Stream(stream, self._deadline)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
