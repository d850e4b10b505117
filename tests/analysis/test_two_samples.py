"""Shares and ranks of two samples, held against counting every pair and every table."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.analysis.two_samples import compare_ranks, compare_shares, discovery_rates

_numbers = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


def _shares(hits, of, before, of_before):
    return compare_shares(np.array([hits]), of, np.array([before]), of_before).row(0, named=True)


def _ranks(selected, others):
    rows = [("x", value, True) for value in selected] + [("x", value, False) for value in others]
    schema = {"key": pl.String, "value": pl.Float64, "selected": pl.Boolean}
    return compare_ranks(pl.DataFrame(rows, schema=schema, orient="row"))


@settings(max_examples=60)
@given(st.data(), st.integers(1, 12), st.integers(1, 12))
def test_fishers_p_is_the_sum_over_the_tables_that_are_no_likelier(data, of, of_before):
    hits, before = data.draw(st.integers(0, of)), data.draw(st.integers(0, of_before))
    total = hits + before

    def ways(k):
        return math.comb(of, k) * math.comb(of_before, total - k) if 0 <= k <= of else 0

    expected = sum(ways(k) for k in range(total + 1) if ways(k) <= ways(hits))
    row = _shares(hits, of, before, of_before)
    assert row["test"] == "Fisher"
    assert row["p_value"] == pytest.approx(expected / math.comb(of + of_before, total))


def test_a_table_of_many_rows_is_tested_by_its_normal_approximation_and_agrees_with_the_exact_one():
    row = _shares(60, 1000, 40, 1000)
    assert row["test"] == "z test"
    exact = sum(math.comb(1000, k) * math.comb(1000, 100 - k) for k in (*range(41), *range(60, 101)))
    assert row["p_value"] == pytest.approx(exact / math.comb(2000, 100), rel=0.02)


def test_the_interval_of_a_difference_is_newcombes_published_example():
    # Newcombe 1998, table II, (a) 56/70 - 48/80 by method 10: 0.0524 to 0.3339.
    row = _shares(56, 70, 48, 80)
    assert (row["effect"], row["low"], row["high"]) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_sample_without_rows_says_nothing():
    assert _shares(3, 3, 0, 0) == {"effect": 0.0, "low": -1.0, "high": 1.0, "test": "none", "p_value": 1.0}


@settings(max_examples=60)
@given(_numbers, _numbers)
def test_the_effect_of_numbers_counts_every_pair(selected, others):
    row = _ranks(selected, others).row(0, named=True)
    signs = [np.sign(x - y) for x in selected for y in others]
    assert row["effect"] == pytest.approx(np.mean(signs), abs=1e-12)
    assert row["low"] <= row["effect"] + 1e-9
    assert row["effect"] <= row["high"] + 1e-9
    assert 0 <= row["p_value"] <= 1


@settings(max_examples=40)
@given(_numbers, _numbers)
def test_swapping_the_samples_turns_the_effect_around_and_leaves_the_p_value(selected, others):
    there, back = (_ranks(*pair).row(0, named=True) for pair in ((selected, others), (others, selected)))
    assert there["effect"] == pytest.approx(-back["effect"])
    assert there["low"] == pytest.approx(-back["high"])
    assert there["p_value"] == pytest.approx(back["p_value"])


def test_mann_whitneys_p_is_the_published_one():
    # Siegel and Castellan's style of example, by hand: U = 3, ties none, with continuity correction.
    row = _ranks([19.0, 22.0, 16.0, 29.0, 24.0], [20.0, 11.0, 17.0, 12.0]).row(0, named=True)
    z = (7 - 0.5) / math.sqrt(5 * 4 * 10 / 12)
    assert row["effect"] == pytest.approx(14 / 20)
    assert row["p_value"] == pytest.approx(math.erfc(z / math.sqrt(2)))


def test_numbers_that_only_one_sample_has_are_not_compared():
    assert _ranks([1.0, 2.0], []).is_empty()


def test_the_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(3)
    truth = 2 * 0.6914624612740131 - 1  # P(X > Y) of normals 0.7071 apart is the normal's at 0.5
    samples = pl.DataFrame(
        {
            "key": np.repeat([f"{n:03}" for n in range(400)], 70),
            "value": (rng.normal(size=(400, 70)) + np.where(np.arange(70) < 30, 0.70710678, 0)).ravel(),
            "selected": np.tile(np.arange(70) < 30, 400),
        }
    )
    found = compare_ranks(samples)
    held = ((found["low"] <= truth) & (truth <= found["high"])).mean()
    assert 0.91 < held < 0.98


def test_discovery_rates_are_those_of_the_papers_procedure():
    p = [0.01, 0.04, 0.03, 0.5]
    assert discovery_rates(p) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert len(discovery_rates([])) == 0
