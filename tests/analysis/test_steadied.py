"""How large a shift surely is, however finely it was sampled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.shift import Shift, find_shift, steadied


def _step(seed, many, by):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, many) + by * (np.arange(many) >= many // 2)


@pytest.mark.parametrize("many", [64, 256, 1024])
def test_a_step_of_one_spread_is_the_clearer_the_more_samples_tell_of_it(many):
    values = _step(1, many, 1.0)
    shift = find_shift(values)
    assert abs(shift.effect) < 2
    assert steadied(values, shift).effect > 0.3 * np.sqrt(many / 8)


def test_a_walk_stays_less_clear_than_a_step_of_the_same_height_in_noise():
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.normal(0, 1, 256))
    step = _step(2, 256, float(np.ptp(walk)))
    clear = [abs(steadied(each, find_shift(each)).effect) for each in (walk, step)]
    assert clear[0] < 0.3 * clear[1]


@given(st.integers(0, 10**6), st.integers(16, 200), st.floats(0.0, 5.0))
def test_what_is_surely_there_is_never_more_than_what_was_seen(seed, many, by):
    values = _step(seed, many, by)
    shift = find_shift(values)
    steady = steadied(values, shift)
    if steady is shift:
        return
    seen = values[shift.begin : shift.end].mean() - np.r_[values[: shift.begin], values[shift.end :]].mean()
    surely = steady.during - steady.before
    assert abs(surely) <= abs(seen) + 1e-9
    assert surely == 0 or np.sign(surely) == np.sign(seen)


def test_too_few_samples_to_take_means_of_leave_it_as_it_is():
    shift = Shift(4, 8, 4, 4, 0.0, 1.0, 3.0, 0.01)
    assert steadied(np.r_[np.zeros(4), np.ones(4)], shift) is shift
