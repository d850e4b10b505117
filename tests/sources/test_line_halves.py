"""Halving lines by their text: each line passes just one of two opposite filters."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.sources.line_halves import line_halves


def pattern(told):
    """The regular expression of a line filter, as Python writes it."""
    text = told.split(" ", 1)[1][1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return re.compile(re.sub(r"\\x\{([0-9a-f]+)\}", lambda m: re.escape(chr(int(m[1], 16))), text))


def test_the_second_filter_is_the_opposite_of_the_first():
    assert line_halves(["tie 1", "tie 2"]) == ('|~ "(?s)[\\\\x{31}].{0}$"', '!~ "(?s)[\\\\x{31}].{0}$"')


@given(st.lists(st.text("ab 01]^-\\", max_size=5), min_size=2, max_size=40, unique=True))
def test_lines_that_differ_are_parted(lines):
    told = line_halves(lines)
    assert told is not None
    passing = [line for line in lines if pattern(told[0]).search(line)]
    assert 0 < len(passing) < len(lines)


def test_many_lines_are_parted_about_evenly():
    lines = [f"request {n} done" for n in range(1_000)]
    passing = [line for line in lines if pattern(line_halves(lines)[0]).search(line)]
    assert 300 < len(passing) < 700


@pytest.mark.parametrize("lines", [[], ["one"], ["same"] * 5, ["\ufffd", "\ufffd"]])
def test_lines_that_are_all_alike_are_not(lines):
    assert line_halves(lines) is None
