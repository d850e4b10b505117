"""Starts a lab's processes, watches them, and leaves none behind."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from obsnb.errors import ObsnbError, UsageError
from obsnb.lab.entry import PREPARE, begin_process
from obsnb.lab.roster import roster_of
from obsnb.lab.settings import LabSettings

__all__ = ["Lab", "supervise"]

_READY_S = 60.0
_STOP_S = 10.0


class Lab:
    """A lab that runs for as long as this is open.

    The processes are forked from one that has imported everything, so that they start in a moment.

    Parameters
    ----------
    settings
        What is to run; its ports are known to be free.
    load
        Whether users ask; a test may want to be alone.
    """

    def __init__(self, settings: LabSettings, *, load: bool = True) -> None:
        self.settings, self._load = settings, load
        self._running: dict[str, tuple[BaseProcess, Connection]] = {}
        self._ready: set[str] = set()

    def __repr__(self) -> str:
        return f"Lab({self.settings!r}, {', '.join(self._running) or 'not running'})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything; it serves when this returns.

        Raises
        ------
        UsageError
            The database, the cache or a port refuses, or a process did not get ready. Nothing runs then.
        """
        try:
            self._begin(PREPARE)
            self._all_ready()
            self._running.pop(PREPARE)[0].join()
            for name in roster_of(self.settings).processes:
                self._begin(name)
            self._all_ready()
            if self._load:
                self._begin("load")
                self._all_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, the load first, and wait until it has."""
        for name in reversed(self._running):
            process, pipe = self._running[name]
            pipe.close()
            if name == "load":
                process.join(_STOP_S)
        for process, _ in self._running.values():
            process.join(_STOP_S)
            if process.is_alive():
                process.kill()
                process.join()
        self._running.clear()
        self._ready.clear()

    def ended(self, timeout_s: float) -> UsageError | None:
        """Wait, and say of a process that ended though nobody told it to why it did; None where all run."""
        sentinels = {process.sentinel: name for name, (process, _) in self._running.items()}
        over = wait(list(sentinels), timeout_s)
        if not over:
            return None
        name = sentinels[over[0]]  # type: ignore[index]  # of the sentinels given
        said = self._last_words(self._running[name][1])
        if "failed" in said:
            return UsageError(said["failed"], hint=said["hint"])
        return UsageError(f"The lab's {name} ended by itself.", hint="Try again; if it stays so, report it.")

    @staticmethod
    def _last_words(pipe: Connection) -> dict[str, str]:
        try:
            said: dict[str, str] = pipe.recv() if pipe.poll() else {}
        except (EOFError, OSError):
            return {}
        return said

    def _begin(self, name: str) -> None:
        context = _context()
        ours, theirs = context.Pipe()
        process = context.Process(
            target=begin_process, args=(name, self.settings.to_json(), theirs), name=f"obsnb-lab-{name}"
        )
        with _told_afterwards(signal.SIGINT, signal.SIGTERM):
            process.start()
            theirs.close()
            self._running[name] = (process, ours)

    def _all_ready(self) -> None:
        waiting = {pipe: name for name, (_, pipe) in self._running.items()}
        waiting = {pipe: name for pipe, name in waiting.items() if name not in self._ready}
        while waiting:
            told = wait(list(waiting), _READY_S)
            if not told:
                raise UsageError(f"The lab's {', '.join(waiting.values())} did not get ready.")
            for pipe in told:
                name = waiting.pop(pipe)  # type: ignore[call-overload]  # of the pipes given
                self._take(name, pipe)  # type: ignore[arg-type]

    def _take(self, name: str, pipe: Connection) -> None:
        try:
            said: dict[str, str] = pipe.recv()
        except (EOFError, OSError):
            log = self.settings.path / "processes" / f"{name}.log"
            raise UsageError(f"The lab's {name} ended at once.", hint=f"Its output is {log}.") from None
        if "failed" in said:
            raise UsageError(said["failed"], hint=said["hint"])
        self._ready.add(name)


@contextlib.contextmanager
def _told_afterwards(*signals: signal.Signals) -> Iterator[None]:
    """Let a signal wait until a process that is being started is known, so that it is ended as well."""
    if threading.current_thread() is not threading.main_thread():  # which alone is told of signals
        yield
        return
    came: list[int] = []
    before = {one: signal.signal(one, lambda number, _: came.append(number)) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        for number in came[:1]:
            signal.raise_signal(number)


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["obsnb.lab.process"])
    return context


def supervise(settings: LabSettings, *, ready: Callable[[str | None], None], load: bool = True) -> int:
    """Run a lab until this process is told to end, or one of the lab's does.

    Parameters
    ----------
    ready
        Told None once everything serves, and else what went wrong.
    """
    stop = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stop.set())
    try:
        with Lab(settings, load=load) as lab:
            ready(None)
            while not stop.is_set():
                over = lab.ended(0.2)
                if over is not None:
                    raise over
    except ObsnbError as error:
        ready(str(error))
        return 1
    return 0


def _main() -> int:
    from obsnb.lab.running import held, tell_state

    folder = Path(sys.argv[1])
    settings = LabSettings.from_json((folder / "settings.json").read_text("utf-8"))
    with held(folder):
        return supervise(settings, ready=lambda wrong: tell_state(folder, wrong))


if __name__ == "__main__":
    sys.exit(_main())
