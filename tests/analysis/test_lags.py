"""Series against one series: the lag that was put in is found, and chance is not called a finding."""

import numpy as np
import polars as pl
import pytest

from obsnb.analysis.lags import series_lag
from obsnb.errors import FrameError, UsageError
from obsnb.schema import SERIES

_STEP = 15


def _series(values, *, first=0, metric="load", name="s"):
    """SERIES of a row a series, fifteen seconds a step."""
    wide = np.atleast_2d(np.asarray(values, dtype=float))
    many, steps = wide.shape
    times = (np.arange(steps) + first) * _STEP * 10**9
    frame = pl.DataFrame(
        {
            "timestamp": np.tile(times, many),
            "metric": metric,
            "series_id": np.repeat([f"{name}{number}" for number in range(many)], steps),
            "value": wide.ravel(),
        }
    )
    return SERIES.conform(frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))))


def _noise(many, steps, seed, memory=0.0):
    drawn = np.random.default_rng(seed).standard_normal((many, steps + 50))
    for at in range(1, steps + 50):
        drawn[:, at] += memory * drawn[:, at - 1]
    return drawn[:, 50:]


_GOAL = _noise(1, 240, 1, 0.5)[0]


@pytest.mark.parametrize("lag", [-20, -3, 0, 1, 20])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("of", ["changes", "levels"])
def test_a_series_that_follows_is_found_at_its_lag_and_sign(lag, sign, of):
    moved = sign * np.roll(_GOAL, lag) + 0.2 * _noise(1, 240, 2)[0]
    row = series_lag(_series(moved), _series(_GOAL), of=of).row(0, named=True)
    assert row["lag"].total_seconds() == lag * _STEP
    assert row["correlation"] * sign > 0.6
    assert row["low"] < row["correlation"] < row["high"]
    assert row["q_value"] < 1e-6


def test_among_thousands_the_two_that_move_with_it_come_first_and_hardly_another_is_found():
    wide = _noise(2000, 240, 3, 0.5)
    wide[7] = np.roll(_GOAL, 4) + 0.5 * _noise(1, 240, 4)[0]
    wide[9] = -np.roll(_GOAL, -3) + 0.5 * _noise(1, 240, 5)[0]
    found = series_lag(_series(wide), _series(_GOAL))
    assert set(found["series_id"].head(2)) == {"s7", "s9"}
    assert found.filter(pl.col("q_value") <= 0.05).height <= 4
    assert found["rank"].to_list() == list(range(1, 2001))


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("of", ["changes", "levels"])
def test_independent_series_are_as_seldom_significant_as_the_p_value_says(memory, of):
    found = series_lag(
        _series(_noise(2000, 240, 6, memory)), _series(_noise(1, 240, 7, memory)), of=of, max_lag=5
    )
    for share in (0.05, 0.01):
        assert (found["p_value"] <= share).mean() <= 2 * share
    assert (found["p_shifted"] <= 0.05).mean() <= 0.15


def test_a_trend_that_both_have_is_no_finding_in_their_changes():
    trend = np.linspace(0, 100, 240)
    rows = _series(trend + _noise(40, 240, 8))
    found = series_lag(rows, _series(trend + _noise(1, 240, 9)[0]))
    assert found.filter(pl.col("q_value") <= 0.05).is_empty()


def test_counters_are_compared_by_what_they_counted_resets_included():
    counted = np.abs(_GOAL) + 1
    total = np.cumsum(np.roll(counted, 2))
    total[120:] -= total[119]
    found = series_lag(_series(total, metric="requests_total"), _series(counted), max_lag="2m", of="levels")
    row = found.row(0, named=True)
    assert row["lag"].total_seconds() == 2 * _STEP
    assert row["correlation"] > 0.9


def test_a_gap_stays_a_gap_and_the_order_and_repetition_of_rows_do_not_matter():
    rows = _series(np.roll(_GOAL, 2))
    holey = pl.concat([rows.head(100), rows.tail(110), rows.head(5)]).sample(fraction=1, shuffle=True, seed=1)
    row = series_lag(holey, _series(_GOAL)).row(0, named=True)
    assert (row["lag"].total_seconds(), row["overlap"]) == (2 * _STEP, 206)
    assert row["correlation"] == pytest.approx(1, abs=0.01)


def test_what_cannot_be_compared_is_kept_and_says_why():
    flat, short = np.zeros(240), np.concatenate([_GOAL[:10], np.full(230, np.nan)])
    found = series_lag(_series([flat, short, _GOAL]), _series(_GOAL))
    assert found["series_id"].to_list() == ["s2", "s0", "s1"]
    assert found["note"].to_list() == [
        None,
        "one of the two does not change",
        "fewer than 20 steps in common",
    ]
    assert found["q_value"].is_null().to_list() == [False, True, True]


@pytest.mark.parametrize("frame", [SERIES.empty(), _series([[1.0]]), _series(np.full((2, 50), np.nan))])
def test_nothing_to_compare_gives_no_finding(frame):
    found = series_lag(frame, _series(_GOAL))
    assert found.height == frame["series_id"].n_unique()
    assert found["correlation"].is_null().all()
    assert found.schema == series_lag(_series(_GOAL), _series(_GOAL)).schema


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_pandas_and_arrow_give_the_same(kind):
    pair = _series(np.roll(_GOAL, 2)), _series(_GOAL)
    found = pl.DataFrame(series_lag(*(getattr(one, f"to_{kind}")() for one in pair)))
    assert found["p_value"].to_list() == series_lag(*pair)["p_value"].to_list()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"of": "ranks"}, "series_lag does not know how to compare 'ranks'."),
        ({"max_lag": "soon"}, "series_lag cannot read the lag 'soon'."),
        ({"max_lag": -1}, "series_lag cannot look -1 steps far."),
        ({"step": "0s"}, "series_lag cannot read the step '0s'."),
    ],
)
def test_what_it_cannot_do_it_says(given, message):
    with pytest.raises(UsageError) as caught:
        series_lag(_series(_GOAL), _series(_GOAL), **given)
    assert str(caught.value).split("\n")[0] == message


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        (_series(_noise(2, 30, 1)), "series_lag compares with one series; the target has 2."),
        (SERIES.empty(), "series_lag compares with one series; the target has 0."),
        (_series([[1.0]]), "The target of series_lag has a single sample."),
    ],
)
def test_a_target_that_is_not_one_series_is_refused(goal, message):
    with pytest.raises(UsageError) as caught:
        series_lag(_series(_GOAL), goal)
    assert str(caught.value).split("\n")[0] == message


def test_a_missing_column_is_named():
    with pytest.raises(FrameError) as caught:
        series_lag(_series(_GOAL).drop("metric"), _series(_GOAL))
    assert str(caught.value).startswith(
        "series_lag needs the column metric of SERIES; the frame has timestamp,"
    )
