"""Many questions at once, their answers in order."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.transport import fan
from obsnb.transport.fan import in_order

Unwanted = Callable[[], bool]
NAME = "fan-under-test"


def left() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == NAME]


@given(st.lists(st.integers(), max_size=30), st.integers(1, 8))
def test_every_answer_comes_once_and_in_order(items: list[int], ahead: int) -> None:
    answers = in_order(lambda item, _: item * 2, items, ahead=ahead, name=NAME)
    assert list(answers) == [item * 2 for item in items]
    assert left() == []


@given(st.integers(1, 20), st.integers(1, 6), st.data())
def test_the_first_error_in_order_is_raised_after_the_answers_before_it(
    count: int, ahead: int, data: st.DataObject
) -> None:
    bad = data.draw(st.sets(st.integers(0, count - 1), min_size=1))

    def ask(item: int, _: Unwanted) -> int:
        if item in bad:
            raise ValueError(item)
        return item

    got = []
    answers = in_order(ask, range(count), ahead=ahead, name=NAME)
    with pytest.raises(ValueError, match=f"^{min(bad)}$"):
        got.extend(answers)
    assert got == list(range(min(bad)))
    assert left() == []


def test_items_are_taken_only_so_far_ahead_and_in_the_callers_thread() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in itertools.count():
            assert threading.current_thread() is threading.main_thread()
            taken.append(number)
            yield number

    answers = in_order(lambda item, _: item, items(), ahead=3, name=NAME)
    assert taken == []
    assert [next(answers), next(answers)] == [0, 1]
    assert taken == [0, 1, 2, 3]
    answers.close()  # type: ignore[attr-defined]  # a generator, which is more than the iterator it promises
    assert left() == []


def test_what_is_under_way_learns_that_an_earlier_one_failed_and_is_waited_for() -> None:
    begun, ended = threading.Barrier(2, timeout=60), []

    def ask(item: int, unwanted: Unwanted) -> None:
        begun.wait()
        if item == 0:
            raise ValueError("zero")
        while not unwanted():
            pass
        ended.append(item)

    with pytest.raises(ValueError, match=r"^zero$"):
        next(in_order(ask, range(2), ahead=2, name=NAME))
    assert ended == [1]
    assert left() == []


def test_what_is_under_way_learns_that_nobody_takes_answers_any_more() -> None:
    ended = []

    def ask(item: int, unwanted: Unwanted) -> int:
        while item and not unwanted():
            pass
        ended.append(item)
        return item

    answers = in_order(ask, range(2), ahead=2, name=NAME)
    assert next(answers) == 0
    answers.close()  # type: ignore[attr-defined]  # a generator, which is more than the iterator it promises
    assert ended == [0, 1]


def test_a_thread_has_ended_before_its_answer_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    lingering = threading.Event()

    class Slow(Future[int]):
        def set_result(self, result: int) -> None:
            super().set_result(result)
            lingering.wait()  # it has told its answer, and has not ended

    class Ending(threading.Thread):
        def join(self, timeout: float | None = None) -> None:
            lingering.set()
            super().join(timeout)

    monkeypatch.setattr(fan, "Future", Slow)
    monkeypatch.setattr(fan.threading, "Thread", Ending)
    answers = in_order(lambda item, _: item, [1], ahead=1, name=NAME)
    assert next(answers) == 1
    assert left() == []


def test_an_error_does_not_disturb_what_comes_before_it() -> None:
    failed = threading.Event()

    def ask(item: int, unwanted: Unwanted) -> int:
        if item == 1:
            failed.set()
            raise ValueError("one")
        assert failed.wait(60)
        assert not unwanted()
        return item

    answers = in_order(ask, range(2), ahead=2, name=NAME)
    assert next(answers) == 0
    with pytest.raises(ValueError, match=r"^one$"):
        next(answers)


def test_who_interrupts_does_not_wait() -> None:
    going = threading.Event()
    waited: list[bool] = []

    def ask(item: int, unwanted: Unwanted) -> int:
        if item == 0:
            raise KeyboardInterrupt
        waited.append(going.wait(60))
        return item

    answers = in_order(ask, range(2), ahead=2, name=NAME)
    with pytest.raises(KeyboardInterrupt):
        next(answers)
    assert waited == []
    threads = [thread for thread in threading.enumerate() if thread.name == NAME]
    going.set()
    for thread in threads:
        thread.join(10)
    assert waited == [True]


def test_a_source_of_items_that_fails_ends_it() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise LookupError("no more")

    with pytest.raises(LookupError, match=r"^no more$"):
        list(in_order(lambda item, _: item, items(), ahead=4, name=NAME))
    assert left() == []
