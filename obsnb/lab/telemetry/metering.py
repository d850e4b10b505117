"""The processor's time that one request uses, on an event loop that it shares with others."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

__all__ = ["metered"]

R = TypeVar("R")


def metered(work: Coroutine[Any, Any, R], spent: Callable[[float], None]) -> _Metered[R]:
    """Await a coroutine, and tell how long its thread computed for it.

    Each step, from where the event loop takes it up to where it waits again, is measured by the clock
    of the thread. So services that share a thread have each its own, which no clock of the process tells.

    Parameters
    ----------
    spent
        Told the seconds of each step.
    """
    return _Metered(work, spent)


class _Metered(Generic[R]):
    def __init__(self, work: Coroutine[Any, Any, R], spent: Callable[[float], None]) -> None:
        self._work, self._spent = work, spent

    def __await__(self) -> Generator[Any, Any, R]:
        failed: BaseException | None = None
        answer: Any = None
        while True:
            began = time.thread_time()
            try:
                waits = self._work.send(answer) if failed is None else self._work.throw(failed)
            except StopIteration as over:
                result: R = over.value
                return result
            finally:
                self._spent(max(time.thread_time() - began, 0.0))
            answer = failed = None
            try:
                answer = yield waits
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:  # noqa: BLE001  # such as being cancelled: the work is told
                failed = error
