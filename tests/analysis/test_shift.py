"""How surely a stretch of a series is told from the rest of it."""

import itertools
import math

import numpy as np
import pytest

from obsnb.analysis.shift import _tail_of_apart, find_shift


def test_a_few_samples_before_a_step_are_as_sure_as_their_number_allows():
    chance = np.random.default_rng(3)
    shift = find_shift(np.r_[1.0 + chance.random(8), 9.0 + chance.random(66)])
    assert (shift.begin, shift.end) == (8, 74)
    assert shift.p_value < 1e-6


@pytest.mark.parametrize(("many", "length"), [(6, 2), (7, 3), (8, 1)])
def test_the_bound_is_never_below_the_exact_chance_of_an_arrangement_as_far_apart(many, length):
    def wrong(order):
        inside, outside = order[:length], order[length:]
        above = sum(a > b for a, b in itertools.product(inside, outside))
        return min(above, length * (many - length) - above)

    arrangements = [
        [*inside, *(value for value in range(many) if value not in inside)]
        for inside in itertools.combinations(range(many), length)
    ]
    stretches = many * (many + 1) / 2
    for order in arrangements:
        exact = sum(wrong(other) <= wrong(order) for other in arrangements) / len(arrangements)
        bound = _tail_of_apart(np.array(order, dtype=float), 0, length, 1.0)
        assert bound >= min(1.0, exact * stretches) - 1e-12


def test_equal_samples_are_no_evidence_of_a_step():
    assert _tail_of_apart(np.r_[np.zeros(8), np.zeros(60)], 0, 8, 1.0) == 1.0


def test_samples_that_resemble_their_neighbours_count_for_less():
    values = np.r_[np.arange(8.0), 100 + np.arange(60.0)]
    alone, alike = (_tail_of_apart(values, 0, 8, stretch) for stretch in (1.0, 2.0))
    assert math.isclose(math.log(alike / 2346), math.log(alone / 2346) / 2)


def test_noise_is_seldom_called_a_step():
    chance = np.random.default_rng(1)
    found = [find_shift(chance.standard_t(3, 60)).p_value for _ in range(400)]
    assert sum(p_value <= 0.01 for p_value in found) <= 8
