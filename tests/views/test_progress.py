"""Progress in a terminal, in a notebook, and where nobody watches."""

from __future__ import annotations

import io
import re
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

import obsnb
from obsnb.progress import Progress
from obsnb.views.progress import Course, LastLine, NotebookBar, TerminalBar

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def clock(*seconds: float) -> Callable[[], float]:
    """A clock that shows these, the last for ever."""
    left: Iterator[float] = iter(seconds)
    return lambda: next(left, seconds[-1])


def test_it_says_rows_bytes_rate_and_what_is_left() -> None:
    course = Course(clock(0.0, 10.0))
    course.take(done=0.0, rows=0, bytes=0)
    course.take(done=0.25, rows=120_000, bytes=45_600_000)
    assert course.sentence() == "25%, 120,000 rows, 46 MB, 12,000 rows/s, about 30 s left"


def test_what_was_there_before_counts_neither_for_the_rate_nor_for_what_is_left() -> None:
    course = Course(clock(0.0, 10.0))
    course.take(done=0.5, rows=1_000_000, bytes=2_000_000_000)
    course.take(done=0.75, rows=1_000_100, bytes=2_100_000_000)
    assert course.sentence() == "75%, 1,000,100 rows, 2.1 GB, 10 rows/s, about 10 s left"


def test_nothing_is_guessed_before_anything_came() -> None:
    course = Course(clock(0.0))
    course.take(done=0.0, rows=1, bytes=999)
    assert course.sentence() == "0%, 1 row, 999 B"


def test_it_is_drawn_a_few_times_a_second_at_most() -> None:
    course = Course(clock(0.0, 0.1, 0.19, 0.2, 0.3, 0.5))
    assert [course.take(done=0.1, rows=1, bytes=1) for _ in range(6)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("done", "ending"),
    [(1.0, "finished: 7 rows, 1 kB in 1 min 5 s"), (0.4, "stopped at 40%: 7 rows, 1 kB in 1 min 5 s")],
)
def test_its_ending_tells_everything_from_a_part(done: float, ending: str) -> None:
    course = Course(clock(0.0, 65.0))
    course.take(done=0.0, rows=0, bytes=0)
    course.take(done=done, rows=7, bytes=1_000)
    assert course.ending() == ending


def test_a_terminal_has_a_bar_and_keeps_its_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "110")
    screen = io.StringIO()
    screen.isatty = lambda: True  # type: ignore[method-assign]  # what a terminal says
    threads = threading.active_count()
    bar = TerminalBar(file=screen, course=Course(clock(0.0, 1.0)))
    bar.update(done=0.0, rows=0, bytes=0)
    bar.update(done=0.5, rows=1_000, bytes=2_000)
    assert threading.active_count() == threads
    bar.update(done=1.0, rows=2_000, bytes=4_000)
    bar.close()
    lines = _ESCAPES.sub("", screen.getvalue()).replace("\r", "\n").splitlines()
    assert any("50%, 1,000 rows, 2 kB, 1,000 rows/s, about 1 s left" in line for line in lines)
    assert lines[-1].strip("━ ") == "finished: 2,000 rows, 4 kB in 1 s"


def test_a_notebook_has_a_bar_that_is_drawn_in_its_place() -> None:
    shown: list[tuple[str, Any]] = []
    handle = SimpleNamespace(update=lambda forms, raw: shown.append(("update", forms)))

    def show(forms: Any, *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        shown.append(("show", forms))
        return handle

    bar = NotebookBar(show=show, course=Course(clock(0.0, 1.0)))
    bar.update(done=0.0, rows=0, bytes=0)
    bar.update(done=0.5, rows=1_000, bytes=2_000)
    bar.close()
    assert [how for how, _ in shown] == ["show", "update", "update"]
    assert shown[1][1] == {
        "text/plain": "50%, 1,000 rows, 2 kB, 1,000 rows/s, about 1 s left",
        "text/html": "<progress max='1' value='0.5000' style='width:16em'></progress> "
        "<span>50%, 1,000 rows, 2 kB, 1,000 rows/s, about 1 s left</span>",
    }
    assert shown[2][1]["text/plain"] == "stopped at 50%: 1,000 rows, 2 kB in 1 s"


def test_a_bar_of_which_nothing_was_told_shows_nothing() -> None:
    screen = io.StringIO()
    TerminalBar(file=screen).close()
    NotebookBar(show=lambda *_, **__: pytest.fail("shown")).close()
    assert screen.getvalue() == ""


def test_a_log_gets_one_line_when_it_is_over() -> None:
    log = io.StringIO()
    line = LastLine(file=log, course=Course(clock(0.0, 2.0)))
    line.update(done=0.0, rows=0, bytes=0)
    line.update(done=1.0, rows=10, bytes=5)
    assert log.getvalue() == ""
    line.close()
    assert log.getvalue() == "finished: 10 rows, 5 B in 2 s\n"


@pytest.mark.parametrize(
    ("kernel", "tty", "kind"),
    [(True, True, NotebookBar), (False, True, TerminalBar), (False, False, LastLine)],
)
def test_the_bar_fits_where_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, kernel: bool, tty: bool, kind: type[Progress]
) -> None:
    shell = SimpleNamespace(kernel=object()) if kernel else SimpleNamespace()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))  # type: ignore[arg-type]  # all of it that is used
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: tty))
    assert type(obsnb.progress_bar()) is kind


def test_without_ipython_it_asks_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: False))
    assert type(obsnb.progress_bar()) is LastLine
