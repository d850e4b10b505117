"""Several sources asked at once, of which one that fails does not take the others with it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TypeVar

from obsnb.errors import SourceError
from obsnb.progress import Progress, Silent
from obsnb.transport.fan import UNWANTED

__all__ = ["Ask", "all_failed", "at_once"]

_Answer = TypeVar("_Answer")

#: Asks one source, and tells how far it is.
Ask = Callable[[Progress], _Answer]


@dataclass(frozen=True)
class _Told:
    """What one of the threads says: how far it is, or nothing more where it has ended."""

    who: str
    done: float = 0.0
    rows: int = 0
    bytes: int = 0
    ended: bool = False


@dataclass(frozen=True)
class _Passing:
    """Progress that goes to the thread of the caller, and stops its own where nobody waits any more."""

    who: str
    told: queue.SimpleQueue[_Told]
    stopped: threading.Event

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Pass it on."""
        if self.stopped.is_set():
            raise KeyboardInterrupt  # as if it had come here: what is under way is not waited for
        self.told.put(_Told(self.who, done, rows, bytes))

    def close(self) -> None:
        """Others are still at work."""


@dataclass
class _Sum:
    """How far all of them are together."""

    watch: Progress
    parts: dict[str, _Told] = field(default_factory=dict)

    def take(self, told: _Told, of: int) -> None:
        """Tell it, with what one of them told last."""
        self.parts[told.who] = told
        each = self.parts.values()
        self.watch.update(
            done=sum(one.done for one in each) / of,
            rows=sum(one.rows for one in each),
            bytes=sum(one.bytes for one in each),
        )


def at_once(
    asks: Mapping[str, Ask[_Answer]], progress: Progress | None = None
) -> tuple[dict[str, _Answer], dict[str, SourceError]]:
    """What each of them answers, and why those failed that did, in the order in which they are given.

    A thread each, which ends with its answer. One alone is asked in the thread of the caller, as if it
    stood for itself, and says itself when its progress is over.

    Parameters
    ----------
    asks
        By name.
    progress
        Told from the thread of the caller how far all are together.

    Raises
    ------
    ObsnbError
        What one of them raises that is no `SourceError`: the others are not waited for longer than they
        need to notice.
    """
    watch = progress or Silent()
    outcomes = _alone(asks, watch) if len(asks) == 1 else _threads(asks, watch)
    answers: dict[str, _Answer] = {}
    errors: dict[str, SourceError] = {}
    for name, outcome in outcomes.items():
        error = outcome.exception()
        if isinstance(error, SourceError):
            errors[name] = error
        else:
            answers[name] = outcome.result()
    return answers, errors


def all_failed(errors: Sequence[SourceError]) -> SourceError:
    """One error for those of all the sources; of one source, its own."""
    first = errors[0]
    if len(errors) == 1:
        return first
    kinds = {type(error) for error in errors}
    status = {error.status for error in errors}
    made = (type(first) if len(kinds) == 1 else SourceError)(
        f"None of the {len(errors)} sources answered: {' '.join(error.what for error in errors)}",
        hint=first.hint,
        query=first.query,
        server=first.server,
        status=first.status if len(status) == 1 else None,
    )
    made.window = first.window
    return made


def _alone(asks: Mapping[str, Ask[_Answer]], watch: Progress) -> dict[str, Future[_Answer]]:
    outcomes = {}
    for name, ask in asks.items():
        outcomes[name] = future = Future[_Answer]()
        try:
            future.set_result(ask(watch))
        except SourceError as error:
            future.set_exception(error)
    return outcomes


def _threads(asks: Mapping[str, Ask[_Answer]], watch: Progress) -> dict[str, Future[_Answer]]:
    told: queue.SimpleQueue[_Told] = queue.SimpleQueue()
    stopped = threading.Event()
    outcomes: dict[str, Future[_Answer]] = {name: Future() for name in asks}
    given_up = UNWANTED.get()

    def work(name: str, ask: Ask[_Answer]) -> None:
        UNWANTED.set(lambda: stopped.is_set() or given_up())
        try:
            outcomes[name].set_result(ask(_Passing(name, told, stopped)))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread of the caller
            outcomes[name].set_exception(error)
        told.put(_Told(name, ended=True))

    threads = [
        # Daemons, so that an interpreter that is told to end does not wait for a server.
        threading.Thread(target=work, args=one, name=f"obsnb-{one[0]}", daemon=True)
        for one in asks.items()
    ]
    try:
        for thread in threads:
            thread.start()
        _hear(told, outcomes, _Sum(watch))
    except BaseException:
        stopped.set()  # who interrupts does not want to wait: the threads end with what is under way
        raise
    finally:
        watch.close()
    for thread in threads:
        thread.join()
    return outcomes


def _hear(told: queue.SimpleQueue[_Told], outcomes: Mapping[str, Future[_Answer]], together: _Sum) -> None:
    """Pass on what the threads tell, until all have ended or one has an error that ends it all."""
    running = len(outcomes)
    while running:
        one = told.get()
        if not one.ended:
            together.take(one, len(outcomes))
            continue
        running -= 1
        error = outcomes[one.who].exception()
        if error is not None and not isinstance(error, SourceError):
            raise error
