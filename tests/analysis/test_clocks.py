"""How far clocks are apart: bounded by every call, and only claimed where the network cannot explain it."""

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.analysis.clocks import clock_skew
from obsnb.errors import FrameError
from obsnb.schema import SPANS
from tests.analysis.made_up import MS, spans


def _call(number, skew, *, out=3, back=5, length=20, wait=None):
    wait = out + length + back if wait is None else wait
    return [
        {"is": f"t{number} a - shop call", "at": (100 * number, wait)},
        {"is": f"t{number} b a stock serve", "at": (100 * number + out + skew, length)},
    ]


def _one(*rows):
    return clock_skew(spans(*rows)).row(0, named=True)


def _ms(row, name):
    return row[name] / timedelta(milliseconds=1)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(-5000, 5000),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(0, 90)), min_size=1, max_size=8),
)
def test_the_true_offset_lies_between_the_bounds_whatever_the_network_took(skew, calls):
    made = [_call(n, skew, out=o, back=b, length=w) for n, (o, b, w) in enumerate(calls)]
    row = _one(*(span for call in made for span in call))
    assert _ms(row, "offset_low") <= skew <= _ms(row, "offset_high")
    assert row["steady"]
    assert row["calls"] == len(calls)


def test_a_clock_that_is_ahead_by_more_than_the_network_took_is_skewed():
    row = _one(*_call(0, 500), *_call(1, 500, out=1, back=9))
    assert (row["caller"], row["callee"], row["skewed"]) == ("shop", "stock", True)
    assert (_ms(row, "offset_low"), _ms(row, "offset_high")) == (495, 501)


def test_a_clock_that_the_network_can_explain_is_not_skewed():
    assert not _one(*_call(0, 2))["skewed"]


@pytest.mark.parametrize("skew", [-12, -2, 2, 12])
def test_an_offset_within_a_tick_of_a_busy_host_is_told_but_not_called_a_skew(skew):
    row = _one(*_call(0, skew, out=0, back=0), *_call(1, skew, out=3, back=3))
    assert (_ms(row, "offset_low"), _ms(row, "offset_high")) == (skew, skew)
    assert row["skewed"] is (abs(skew) > 10)


def test_an_offset_that_wanders_is_said_to():
    row = _one(*(span for n in range(40) for span in _call(n, 100 * n)))
    assert not row["steady"]
    assert 0 < _ms(row, "offset_low") < _ms(row, "offset") < _ms(row, "offset_high") < 4000


def test_work_that_nobody_waited_for_says_nothing_of_clocks():
    assert clock_skew(spans(*_call(0, 0, length=50, wait=10))).is_empty()


@pytest.mark.parametrize(
    "frame",
    [
        SPANS.empty(),
        spans(*_call(0, 5)[:1]),
        spans(*_call(0, 5)).with_columns(start=pl.lit(None, SPANS.dtypes()["start"])),
        spans(*_call(0, 5)).with_columns(duration=pl.lit(-MS).cast(pl.Duration("ns"))),
    ],
    ids=["empty", "one span", "nulls", "negative durations"],
)
def test_without_calls_whose_times_are_known_there_is_no_row(frame):
    assert clock_skew(frame).is_empty()


def test_a_span_that_is_there_twice_counts_once():
    assert _one(*_call(0, 500), *_call(0, 500))["calls"] == 1


def test_a_column_that_is_missing_is_named():
    with pytest.raises(FrameError) as caught:
        clock_skew(spans(*_call(0, 0)).drop("service"))
    assert str(caught.value).startswith(
        "clock_skew needs the column service of SPANS; the frame has trace_id,"
    )
