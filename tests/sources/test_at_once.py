"""Several sources asked at once: what each answers, whoever fails, and no thread that outlives it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from obsnb.errors import AccessError, QueryError, SourceError, UnreachableError
from obsnb.progress import Progress
from obsnb.sources.at_once import Ask, all_failed, at_once
from obsnb.transport.fan import in_order


@dataclass
class Watch:
    """A progress that remembers, and can interrupt."""

    told: list[tuple[float, int, int]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    closed: int = 0
    interrupts: bool = False

    def update(self, *, done: float, rows: int, bytes: int) -> None:
        self.told.append((done, rows, bytes))
        self.threads.add(threading.get_ident())
        if self.interrupts:
            raise KeyboardInterrupt

    def close(self) -> None:
        self.closed += 1


def saying(text: str, *steps: tuple[float, int]) -> Ask[str]:
    def ask(watch: Progress) -> str:
        for done, rows in steps:
            watch.update(done=done, rows=rows, bytes=10 * rows)
        return text

    return ask


def failing(error: BaseException) -> Ask[str]:
    def ask(_: Progress) -> str:
        raise error

    return ask


def test_answers_and_errors_come_in_the_order_of_the_sources() -> None:
    lost = UnreachableError("c is gone.")
    answers, errors = at_once({"b": saying("B"), "c": failing(lost), "a": saying("A")})
    assert list(answers.items()) == [("b", "B"), ("a", "A")]
    assert errors == {"c": lost}


def test_all_are_under_way_at_once() -> None:
    together = threading.Barrier(3)

    def ask(_: Progress) -> str:
        together.wait(timeout=30)
        return "met"

    assert list(at_once(dict.fromkeys("abc", ask))[0].values()) == ["met"] * 3


def test_progress_is_of_all_together_and_told_in_the_callers_thread() -> None:
    watch = Watch()
    at_once({"a": saying("A", (0.5, 1), (1.0, 2)), "b": saying("B", (1.0, 4))}, watch)
    assert watch.told[-1] == (1.0, 6, 60)
    assert [done for done, *_ in watch.told] == sorted(done for done, *_ in watch.told)
    assert watch.threads == {threading.get_ident()}
    assert watch.closed == 1


def test_one_alone_is_asked_in_the_callers_thread_with_its_own_progress() -> None:
    watch = Watch()
    where: list[int] = []

    def ask(given: Progress) -> str:
        assert given is watch
        where.append(threading.get_ident())
        return "A"

    assert at_once({"a": ask}, watch) == ({"a": "A"}, {})
    assert where == [threading.get_ident()]


def test_what_is_no_sources_error_ends_it() -> None:
    with pytest.raises(QueryError, match="cannot be"):
        at_once({"a": failing(QueryError("It cannot be.")), "b": saying("B")})


def test_an_interrupt_stops_the_others_and_leaves_no_thread() -> None:
    before = set(threading.enumerate())
    heard, stopped = threading.Event(), threading.Event()

    def endless(watch: Progress) -> str:
        try:
            while True:
                watch.update(done=0.0, rows=0, bytes=0)
                heard.wait(0.001)
        finally:
            stopped.set()

    watch = Watch(interrupts=True)
    with pytest.raises(KeyboardInterrupt):
        at_once({"a": endless, "b": saying("B")}, watch)
    assert stopped.wait(timeout=30)
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)
    assert set(threading.enumerate()) <= before
    assert watch.closed == 1


def test_a_request_that_is_under_way_is_told_too_that_nobody_waits_also_within_another_fan() -> None:
    before, looks = set(threading.enumerate()), threading.Event()
    told: list[bool] = []

    def request(_: int, unwanted: Callable[[], bool]) -> str:
        told.append(any(unwanted() or looks.wait(0.02) for _ in range(500)))
        return "late"

    def asking(_: Progress) -> str:
        with closing(in_order(request, [0], ahead=1, name="asking")) as answers:
            return next(answers)

    def both(_: Progress) -> str:
        return str(at_once({"c": asking, "d": asking}))

    with pytest.raises(KeyboardInterrupt):
        at_once({"a": both, "b": asking, "e": saying("E", (0.5, 1))}, Watch(interrupts=True))
    while others := set(threading.enumerate()) - before:  # one may still begin another
        for thread in others:
            thread.join(timeout=30)
    assert told == [True] * 3


def test_one_error_of_one_source_is_its_own() -> None:
    lost = UnreachableError("a is gone.")
    assert all_failed([lost]) is lost


@pytest.mark.parametrize(
    ("errors", "kind", "status"),
    [
        ([AccessError("a says no.", status=401), AccessError("b says no.", status=401)], AccessError, 401),
        ([AccessError("a says no.", status=401), AccessError("b says no.", status=403)], AccessError, None),
        ([AccessError("a says no.", status=401), UnreachableError("b says no.")], SourceError, None),
    ],
)
def test_errors_of_all_are_one(errors: list[SourceError], kind: type, status: int | None) -> None:
    error = all_failed(errors)
    assert type(error) is kind
    assert error.status == status
    assert str(error) == "None of the 2 sources answered: a says no. b says no."
