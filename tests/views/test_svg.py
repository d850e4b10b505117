from __future__ import annotations

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from obsnb.views.svg import LETTER, Scale, fit, markup, node, path, round_ticks, time_ticks

MINUTE = 60 * 1_000_000_000


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_in_a_node_reads_back_as_text(text: str, title: str) -> None:
    drawn = ET.fromstring(markup(node("text", {"data-title": title}, text=text)))
    assert drawn.tag == "text"
    assert list(drawn) == []
    assert (drawn.text or "").split() == (node("text", {}, text=text).text or "").split()


def test_numbers_have_at_most_one_decimal() -> None:
    assert markup(node("rect", {"x": 1.04, "y": 2.0, "rx": 3})) == '<rect x="1" y="2" rx="3" />'


def test_a_path_lifts_the_pen_where_a_value_is_missing() -> None:
    assert path([(0, 0), (1, 2), None, (3, 4)]) == "M0.0 0.0L1.0 2.0M3.0 4.0"


@given(st.floats(1e-9, 1e12), st.integers(2, 8))
def test_ticks_are_round_begin_at_zero_and_reach_the_highest(highest: float, count: int) -> None:
    ticks = round_ticks(highest, count)
    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert 2 <= len(ticks) <= count + 2
    assert f"{ticks[1]:e}"[0] in "1259"


def test_ticks_of_nothing_are_zero_and_one() -> None:
    assert round_ticks(0, 4) == round_ticks(float("nan"), 4) == round_ticks(float("inf"), 4) == [0.0, 1.0]


@given(st.integers(10**18, 2 * 10**18), st.integers(10**6, 10**17), st.integers(2, 12))
def test_time_ticks_lie_in_the_window_on_whole_steps_and_are_not_many(
    start: int, length: int, count: int
) -> None:
    ticks = time_ticks(start, start + length, count)
    assert all(start <= tick < start + length for tick in ticks)
    assert len(ticks) <= count + 1
    if len(ticks) > 1:
        assert all(tick % (ticks[1] - ticks[0]) == 0 for tick in ticks)


def test_an_hour_is_told_in_ten_minutes() -> None:
    start = 1_795_457_599 * 1_000_000_000
    assert [tick % (60 * MINUTE) // MINUTE for tick in time_ticks(start, start + 60 * MINUTE, 10)] == [
        20,
        30,
        40,
        50,
        0,
        10,
    ]


@given(st.text(max_size=200), st.integers(1, 500))
def test_a_text_is_cut_to_its_room(text: str, width: int) -> None:
    assert len(fit(text, width, 10)) <= max(int(width / (10 * LETTER)), 1)


@given(st.floats(-10, 10))
def test_a_scale_never_leaves_its_ends(value: float) -> None:
    assert 100 <= Scale(0, 1, 100, 200)(value) <= 200
    assert Scale(0, 1, 100, 200)(0.25) == 125
