"""How many requests may be under way at once."""

import heapq
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.transport.limit import Limit


def answers(limit: Limit, *seconds: float, kind: str = "lines") -> int:
    """How many are allowed after answers that took so long, one after another."""
    for took in seconds:
        with limit.place() as begun:
            limit.answered(begun, kind=kind, seconds=took)
    return limit.allowed


@given(
    st.integers(1, 64),
    st.lists(st.one_of(st.none(), st.tuples(st.sampled_from("ab"), st.floats(0, 1e4))), max_size=200),
)
def test_it_stays_between_one_and_the_most(most: int, outcomes: list[tuple[str, float] | None]) -> None:
    limit = Limit(most)
    for outcome in outcomes:
        with limit.place() as begun:
            if outcome is None:
                limit.refused(begun)
            else:
                limit.answered(begun, kind=outcome[0], seconds=outcome[1])
        assert 1 <= limit.allowed <= most


def test_it_halves_once_for_a_crowd_that_began_together() -> None:
    limit = Limit(16)
    for _ in range(5):
        limit.refused(0)
    assert limit.allowed == 8
    with limit.place() as begun:
        limit.refused(begun)
    assert limit.allowed == 4


def test_it_grows_by_one_in_a_round_and_not_beyond_the_most() -> None:
    limit = Limit(8)
    limit.refused(0)
    grown = []
    for _ in range(60):
        limit.answered(1)
        grown.append(limit.allowed)
    assert grown[3] == 4
    assert grown[4] == 5
    assert grown[-1] == 8
    assert grown == sorted(grown)


def test_a_place_is_given_up_also_when_what_it_was_for_fails() -> None:
    limit = Limit(1)
    for _ in range(3):
        try:
            with limit.place():
                raise ValueError
        except ValueError:
            pass
    with limit.place():
        assert limit.allowed == 1


def test_who_comes_when_all_places_are_taken_waits_for_one() -> None:
    limit = Limit(1)
    order: list[str] = []
    started = threading.Event()

    def second() -> None:
        started.set()
        with limit.place():
            order.append("second")

    with limit.place():
        thread = threading.Thread(target=second)
        thread.start()
        assert started.wait(60)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_server_that_becomes_slow_is_asked_less_at_once_and_more_again_when_it_is_quick() -> None:
    limit = Limit(8)
    assert answers(limit, *[0.2] * 16) == 8
    assert answers(limit, *[0.8] * 8) == 6, "a little over three times: a little less"
    assert answers(limit, *[9.0] * 8) == 3, "down to a half at a time"
    assert answers(limit, *[9.0] * 16) == 1, "and while it is slow, no answer raises it"
    assert answers(limit, *[0.2] * 40) == 8


def test_a_single_late_answer_is_no_slow_server() -> None:
    limit = Limit(8)
    for _ in range(20):
        assert answers(limit, 0.2, 0.3, 0.2, 30.0, 0.1, 0.2, 0.3, 0.2) == 8


def test_milliseconds_that_become_tenths_of_seconds_are_not_slow() -> None:
    assert answers(Limit(8), *[0.002] * 8, *[0.4] * 80) == 8


def test_another_question_or_a_bigger_answer_has_a_measure_of_its_own() -> None:
    limit = Limit(8)
    answers(limit, *[0.1] * 8)
    assert answers(limit, *[20.0] * 80, kind="a year of lines") == 8
    assert answers(limit, *[20.0] * 8) == 4


def test_a_load_that_stays_becomes_the_measure_so_that_it_is_not_crawled_for_ever() -> None:
    limit = Limit(4)
    answers(limit, *[1.0] * 8)
    allowed = [answers(limit, *[6.0] * 8) for _ in range(20)]
    assert allowed[2] == 1, "that takes a while"
    assert allowed[-1] == 4


def test_answers_to_what_was_under_way_before_a_fall_tell_of_the_crowd_that_is_gone() -> None:
    limit = Limit(16)
    answers(limit, *[0.1] * 8)
    for _ in range(80):
        limit.answered(0, kind="lines", seconds=60.0)
    assert limit.allowed == 8


def crowd(limit: Limit, *, seconds: float, others: Callable[[float], int], at_once: int) -> list[float]:
    """When each of so many answers came, of a server that shares its time among all that ask it.

    The clients that wait are served as the limit lets them; a request takes as long as there are others
    beside it when it begins.
    """
    now, running, came = 0.0, list[tuple[float, float, int]](), list[float]()
    while now < seconds:
        while len(running) < min(limit.allowed, at_once):
            with limit.place() as begun:
                took = 0.1 * (1 + len(running) + others(now))
            heapq.heappush(running, (now + took, took, begun))
        now, took, begun = heapq.heappop(running)
        limit.answered(begun, kind="lines", seconds=took)
        came.append(now)
    return came


def test_while_others_crowd_a_server_it_is_asked_a_fraction_and_all_again_when_they_are_gone() -> None:
    limit = Limit(8)
    came = crowd(limit, seconds=900, others=lambda now: 60 if 100 <= now < 250 else 0, at_once=8)
    steady = sum(now < 100 for now in came) / 100
    crowded = sum(110 <= now < 250 for now in came) / 140
    after = sum(400 <= now < 500 for now in came) / 100
    # Without a limit, 8 at once would be 8 / 6.9 s of answers while 60 others are there.
    assert crowded < 0.5 * 8 / 6.9
    assert after == pytest.approx(steady, rel=0.1)


@given(st.integers(2, 32), st.floats(0.6, 100), st.floats(5, 1000))
def test_however_slow_it_gets_it_comes_back_to_the_most(most: int, quick: float, times: float) -> None:
    limit = Limit(most)
    answers(limit, *[quick] * 8)
    slow = answers(limit, *[quick * times] * 8)
    assert slow < most
    # From one to the most, each adds one after as many answers as are under way.
    assert answers(limit, *[quick] * most * (most + 1)) == most
