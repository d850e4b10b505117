"""Which spans ran at a moment: the same as asking each span, and the innermost holds no other."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.analysis.covering import MOST, innermost, nesting, running
from obsnb.analysis.tree import grow
from tests.analysis.made_up import spans

_SPANS = st.lists(st.tuples(st.integers(0, 2), st.integers(-50, 50), st.integers(0, 60)), max_size=20)
_MOMENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(-60, 120), st.integers(0, 5)), max_size=20)


def _frames(ran, moments):
    kinds = {"key": pl.Int64, "start": pl.Int64, "end": pl.Int64}
    over = pl.DataFrame([(key, start, start + length) for key, start, length in ran], kinds, orient="row")
    asked = [(key, low, low + more) for key, low, more in moments]
    return over, pl.DataFrame(asked, {"key": pl.Int64, "low": pl.Int64, "high": pl.Int64}, orient="row")


@settings(deadline=None)
@given(_SPANS, _MOMENTS)
def test_a_span_is_found_for_exactly_the_moments_in_which_it_ran(ran, moments):
    over, asked = _frames(ran, moments)
    pairs, count = running(over, asked)
    true = {
        (m, s)
        for m, (k, low, high) in enumerate(asked.rows())
        for s, (key, start, end) in enumerate(over.rows())
        if key == k and start <= high and end >= low
    }
    assert set(pairs.rows()) == true
    assert len(pairs) == len(true)
    assert count.to_list() == [sum(m == at for m, _ in true) for at in range(asked.height)]


def test_where_very_many_ran_they_are_counted_and_not_named():
    over, asked = _frames([(0, 0, 10)] * (MOST + 1) + [(1, 0, 10)], [(0, 5, 0), (1, 5, 0)])
    pairs, count = running(over, asked)
    assert pairs.rows() == [(1, MOST + 1)]
    assert count.to_list() == [MOST + 1, 1]


@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=30))
def test_a_span_lies_below_another_if_its_number_lies_between_the_others(picks):
    made = [{"is": "t s0 - a x", "at": (0, 9)}]
    above = [-1]
    for at, pick in enumerate(picks, start=1):
        parent = pick % (at + 1)
        above.append(parent if parent < at else -1)
        called = f"s{parent}" if parent < at else "-"
        made.append({"is": f"t s{at} {called} a x", "at": (0, 9)})
    first, last = nesting(grow(spans(*made)))

    def below(one):
        return one >= 0 and {one} | {at for at in range(len(above)) if one in _ancestors(above, at)}

    for one in range(len(above)):
        inside = set(np.flatnonzero((first >= first[one]) & (first <= last[one])).tolist())
        assert inside == below(one)
    assert sorted(first.tolist()) == list(range(len(above)))


def _ancestors(above, at):
    found = []
    while above[at] >= 0:
        at = above[at]
        found.append(at)
    return found


def test_of_spans_within_each_other_the_innermost_is_kept_and_of_siblings_both():
    tree = grow(
        spans(
            {"is": "t a - s x", "at": (0, 9)},
            {"is": "t b a s x", "at": (0, 9)},
            {"is": "t c b s x", "at": (0, 9)},
            {"is": "t d a s x", "at": (0, 9)},
        )
    )
    pairs = pl.DataFrame({"moment": [0, 0, 0, 0, 1, 1], "span": [0, 1, 2, 3, 0, 2]})
    kept = innermost(pairs, *nesting(tree))
    assert set(kept.rows()) == {(0, 2), (0, 3), (1, 2)}
