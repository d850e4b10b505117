"""How far a long pull is: a bar in the terminal, a bar in a notebook, or one line at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from obsnb.progress import Progress
from obsnb.views.formats import counted, duration

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

__all__ = ["Course", "LastLine", "NotebookBar", "TerminalBar", "progress_bar"]

#: Seconds between two drawings, so that drawing costs nothing.
_EVERY_S = 0.2
_WIDTH = 16


@dataclass
class Course:
    """What was told so far, and how fast it goes.

    Parameters
    ----------
    clock
        Seconds, ever growing.
    """

    clock: Callable[[], float] = time.perf_counter
    done: float = 0.0
    rows: int = 0
    bytes: int = 0
    _first: tuple[float, float, int] | None = field(default=None, repr=False)
    _drawn: float | None = field(default=None, repr=False)

    def take(self, *, done: float, rows: int, bytes: int) -> bool:
        """Take what is told; whether it is time to draw it."""
        now = self.clock()
        if self._first is None:
            self._first = (now, done, rows)
        self.done, self.rows, self.bytes = min(max(done, 0.0), 1.0), rows, bytes
        if self._drawn is not None and now - self._drawn < _EVERY_S:
            return False
        self._drawn = now
        return True

    def sentence(self) -> str:
        """Rows, bytes, rows a second, and what is left."""
        parts = [f"{self.done:.0%}", *self._sums()]
        began, done, rows = self._first or (self.clock(), 0.0, 0)
        passed = self.clock() - began
        if passed > 0 and self.rows > rows:
            parts.append(f"{(self.rows - rows) / passed:,.0f} rows/s")
        if passed > 0 and done < self.done < 1:
            left = (1 - self.done) / (self.done - done) * passed
            parts.append(f"about {duration(round(left) * 10**9)} left")
        return ", ".join(parts)

    def ending(self) -> str:
        """How it ended: with everything, or where it was stopped."""
        how = "finished" if self.done >= 1 else f"stopped at {self.done:.0%}"
        began = self._first[0] if self._first else self.clock()
        passed = duration(round(self.clock() - began, 1) * 10**9)
        return f"{how}: {', '.join(self._sums())} in {passed}"

    def _sums(self) -> list[str]:
        return [counted(self.rows, "row"), _size(self.bytes)]


class TerminalBar:
    """A bar on one line of a terminal. A `Progress`; it starts no thread."""

    def __init__(self, *, file: IO[str] | None = None, course: Course | None = None) -> None:
        self._course = course or Course()
        self._file = file
        self._bars: Bars | None = None

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Draw it, a few times a second."""
        if self._course.take(done=done, rows=rows, bytes=bytes):
            self._draw(self._course.sentence())

    def close(self) -> None:
        """Leave the line as it ended."""
        if self._bars is not None:
            self._draw(self._course.ending())
            self._bars.stop()
            self._bars = None

    def _draw(self, words: str) -> None:
        if self._bars is None:
            self._bars = self._begun()
        self._bars.update(self._bars.task_ids[0], completed=self._course.done, description=words)
        self._bars.refresh()

    def _begun(self) -> Bars:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (BarColumn(_WIDTH), TextColumn("{task.description}", markup=False))
        console = Console(file=self._file, stderr=True)
        bars = Progress(*columns, console=console, auto_refresh=False)
        bars.add_task("", total=1.0)
        bars.start()
        return bars


class NotebookBar:
    """A bar below a notebook's cell, drawn anew in its place. A `Progress`.

    Parameters
    ----------
    show
        Shows the first form of the bar, as ``IPython.display.display`` does; what it returns has an
        ``update``.
    """

    def __init__(self, *, show: Callable[..., Any] | None = None, course: Course | None = None) -> None:
        self._course = course or Course()
        self._show = show
        self._shown: Any = None

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Draw it, a few times a second."""
        if self._course.take(done=done, rows=rows, bytes=bytes):
            self._draw(self._course.sentence())

    def close(self) -> None:
        """Leave it as it ended."""
        if self._shown is not None:
            self._draw(self._course.ending())
            self._shown = None

    def _draw(self, words: str) -> None:
        bar = f"<progress max='1' value='{self._course.done:.4f}' style='width:16em'></progress>"
        forms = {"text/plain": words, "text/html": f"{bar} <span>{words}</span>"}
        if self._shown is not None:
            self._shown.update(forms, raw=True)
            return
        self._shown = (self._show or _display())(forms, raw=True, display_id=True)


class LastLine:
    """One line when it is over, where nobody watches: a file, a log, a pipe. A `Progress`."""

    def __init__(self, *, file: IO[str] | None = None, course: Course | None = None) -> None:
        self._course = course or Course()
        self._file = file

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        """Take note of it."""
        self._course.take(done=done, rows=rows, bytes=bytes)

    def close(self) -> None:
        """Write the line."""
        print(self._course.ending(), file=self._file or sys.stderr, flush=True)


def progress_bar() -> Progress:
    """A progress display that fits where this runs: a notebook, a terminal, or neither.

    It shows how much of the window is done, rows and bytes so far, rows a second, and how long the
    rest will take. A terminal's goes to standard error.

    Returns
    -------
    Progress
        For the ``progress=`` of `Connection.logs`, `Connection.spans` and `Connection.download`; one
        for each call.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if getattr(shell, "kernel", None) is not None:
        return NotebookBar()
    return TerminalBar() if sys.stderr.isatty() else LastLine()


def _display() -> Callable[..., Any]:
    from IPython.display import display

    show: Callable[..., Any] = display
    return show


def _size(count: float) -> str:
    """Bytes as people read them, in powers of ten."""
    for unit in ("B", "kB", "MB"):
        if count < 1_000:
            return f"{count:,.0f} {unit}"
        count /= 1_000
    return f"{count:,.1f} GB"
