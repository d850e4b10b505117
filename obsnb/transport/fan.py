"""Many questions at once, their answers in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["UNWANTED", "in_order", "never"]

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def never() -> bool:
    """No: what is asked for stays wanted."""
    return False


#: Whether what a thread asks for is not wanted any more, where it works for another that may be interrupted.
UNWANTED: ContextVar[Callable[[], bool]] = ContextVar("UNWANTED", default=never)


def in_order(
    ask: Callable[[Item, Callable[[], bool]], Answer], items: Iterable[Item], *, ahead: int, name: str
) -> Generator[Answer, None, None]:
    """The answers in the order of the items, so many of them under way or waiting to be taken.

    A thread an item, which ends with its answer: a generator that is dropped half way leaves none
    behind. The first error, in the order of the items, ends it: what has not begun does not begin,
    what is under way is waited for.

    Parameters
    ----------
    ask
        Called in a thread with an item, and with a function that says whether its answer is not
        wanted any more.
    items
        Taken one by one, in the thread of the caller, as answers are taken.
    ahead
        How many items are begun before the first answer is taken.
    name
        Of the threads.
    """
    ended, given_up = threading.Event(), UNWANTED.get()
    failures: list[int] = []
    waiting: deque[tuple[threading.Thread, Future[Answer]]] = deque()

    def work(number: int, item: Item, future: Future[Answer]) -> None:
        def unwanted() -> bool:
            return ended.is_set() or given_up() or any(failed < number for failed in failures)

        try:
            future.set_result(ask(item, unwanted))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the answer is taken
            failures.append(number)
            future.set_exception(error)

    def take() -> Answer:
        thread, future = waiting[0]
        answer = future.result()
        thread.join()  # it has nothing left to do, but may not have ended yet
        waiting.popleft()
        return answer

    try:
        for number, item in enumerate(items):
            future: Future[Answer] = Future()
            # Daemons, so that an interpreter that is told to end does not wait for a server.
            thread = threading.Thread(target=work, args=(number, item, future), name=name, daemon=True)
            thread.start()
            waiting.append((thread, future))
            if len(waiting) >= ahead:
                yield take()
        while waiting:
            yield take()
    except KeyboardInterrupt:
        waiting.clear()  # who interrupts does not want to wait: the threads end with their answers
        raise
    finally:
        ended.set()
        for thread, _ in waiting:
            thread.join()
