from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.views.formats import (
    clock,
    counted,
    day,
    duration,
    evidence_label,
    moment,
    number,
    offset,
    one_line,
    period,
    quantity,
    shorten,
    visible,
)

SECOND = 1_000_000_000
ONSET = 1_795_459_039 * SECOND + 123_456_789


@given(st.text())
def test_no_character_of_a_visible_text_acts_or_hides(text: str) -> None:
    shown = visible(text)
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown
    )
    shown.encode()


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_control_and_direction_characters_become_pictures() -> None:
    assert visible("\x1b[31mERROR\x00\x7f\ttab\r\nnew\rline") == "␛[31mERROR␀␡\ttab\nnew␍line"
    assert visible("user\u202egpj.exe\u2066") == "user⟨U+202E⟩gpj.exe⟨U+2066⟩"
    assert visible("lone \ud800 surrogate") == "lone ⟨U+D800⟩ surrogate"


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_is_never_longer_than_asked(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text or short.endswith("…")


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0 s"),
        (850, "850 ns"),
        (12_340, "12.3 µs"),
        (380_000_000, "380 ms"),
        (999_600_000, "1 s"),
        (2_500_000_000, "2.5 s"),
        (59_970_000_000, "1 min"),
        (90 * SECOND, "1 min 30 s"),
        (24 * 60 * SECOND, "24 min"),
        (3_599_600_000_000, "1 h"),
        (7_500 * SECOND, "2 h 5 min"),
        (122_400 * SECOND, "1 d 10 h"),
        (-90 * SECOND, "−1 min 30 s"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_duration_has_two_units_or_three_digits(ns: float | None, words: str) -> None:
    assert duration(ns) == words


@given(st.integers(1, 10**17))
def test_a_duration_reads_back_within_a_hundredth_or_its_smaller_unit(ns: int) -> None:
    sizes = {
        "ns": 1,
        "µs": 10**3,
        "ms": 10**6,
        "s": SECOND,
        "min": 60 * SECOND,
        "h": 3_600 * SECOND,
        "d": 86_400 * SECOND,
    }
    parts = re.findall(r"([\d,.]+) (\S+)", duration(ns))
    total = sum(float(value.replace(",", "")) * sizes[unit] for value, unit in parts)
    smaller = {"min": SECOND, "h": 60 * SECOND, "d": 3_600 * SECOND}.get(parts[0][1], 0)
    assert abs(total - ns) <= max(ns * 0.0051, smaller / 2 + 1)


def test_numbers_have_thousands_separators_and_three_digits() -> None:
    assert [number(n) for n in (14_495, 0.21431, 1234.6, -3, None, float("nan"), float("inf"), -0.5)] == [
        "14,495",
        "0.214",
        "1,235",
        "−3",
        "–",
        "–",
        "∞",
        "−0.5",
    ]


def test_a_count_agrees_with_its_noun() -> None:
    assert counted(1, "row") == "1 row"
    assert counted(0, "row") == "0 rows"
    assert counted(1_200, "query", "queries") == "1,200 queries"


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (24, "minutes", "24 min"),
        (4.98, "s", "4.98 s"),
        (0.79, "s", "790 ms"),
        (35, "ms", "35 ms"),
        (0.034, "share", "3.4 %"),
        (21.4, "%", "21.4 %"),
        (731, "requests", "731 requests"),
        (1, "tenants", "1 tenant"),
        (4.5, "1/s", "4.5 1/s"),
        (None, "s", "–"),
        ("all", "tenants", "all tenants"),
    ],
)
def test_a_quantity_is_said_with_its_unit(value: float | str | None, unit: str, words: str) -> None:
    assert quantity(value, unit) == words


def test_times_are_utc_and_say_so() -> None:
    assert clock(ONSET) == "18:37:19"
    assert clock(ONSET, digits=3) == "18:37:19.123"
    assert clock(ONSET, dated=True) == "11-23 18:37:19"
    assert clock(None) == "–"
    assert day(ONSET) == "23 November 2026"
    assert moment(ONSET) == "2026-11-23 18:37:19 UTC"
    assert moment(None) == "–"


def test_a_period_names_its_second_day_only_where_it_is_another() -> None:
    assert period(ONSET, ONSET + 24 * 60 * SECOND) == "2026-11-23 18:37:19 to 19:01:19 UTC"
    assert period(ONSET, ONSET + 86_400 * SECOND) == "2026-11-23 18:37:19 to 2026-11-24 18:37:19 UTC"


def test_an_offset_has_its_sign() -> None:
    assert [offset(s * SECOND, 0) for s in (120, -40, 0)] == ["+2 min", "−40 s", "±0 s"]


@given(st.integers(0, 59 * SECOND), st.integers(0, 59 * SECOND))
def test_an_offset_is_what_lies_between_the_clocks_that_stand_beside_it(ns: int, origin: int) -> None:
    shown = int(clock(ns)[-2:]) - int(clock(origin)[-2:])
    assert offset(ns, origin) == (f"{shown:+} s".replace("-", "−") if shown else "±0 s")


@pytest.mark.parametrize(
    ("evidence", "label"),
    [
        ("log:3f9a2c1b77aa0011", "log 3f9a2c1b"),
        ("span:4bf92f3577b34da6a3ce929d0e0e4736/00f067aa0ba902b7", "span 4bf92f35/00f067aa"),
        ("series:8a1c00ff12345678@1795459129000000000", "series 8a1c00 at 18:38:49"),
        ("series:8a1c00ff@99999999999999999999999", "series 8a1c00 at 9999999…"),
        ("query:3", "query 3"),
        ("something else entirely", "something…"),
        ("", ""),
    ],
)
def test_evidence_has_a_short_name(evidence: str, label: str) -> None:
    assert evidence_label(evidence) == label


@given(st.text())
def test_the_short_name_of_any_evidence_is_short(evidence: str) -> None:
    assert len(evidence_label(evidence)) <= 32
