"""How many requests may be under way at once."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from obsnb.transport.limit import Limit


@given(st.integers(1, 64), st.lists(st.booleans(), max_size=200))
def test_it_stays_between_one_and_the_most(most: int, answers: list[bool]) -> None:
    limit = Limit(most)
    for good in answers:
        with limit.place() as begun:
            if good:
                limit.answered()
            else:
                limit.refused(begun)
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
        limit.answered()
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
