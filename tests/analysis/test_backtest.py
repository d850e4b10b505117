"""When a rule would have fired: after it held, not before, and never across a gap."""

import polars as pl
import pytest

import obsnb
from obsnb.analysis.backtest import backtest_alert
from obsnb.errors import QueryError
from obsnb.schema import EVENTS, SERIES
from obsnb.timerange import TimeRange

S = 10**9


def _series(values, *, metric="load", step=15, times=None, **labels):
    times = [n * step for n in range(len(values))] if times is None else times
    frame = pl.DataFrame(
        {"timestamp": [at * S for at in times], "value": values},
        schema={"timestamp": pl.Int64, "value": pl.Float64},
    )
    named = {"metric": metric, "series_id": "ab" * 8, "service": "shop"} | labels
    return SERIES.conform(frame.with_columns(pl.lit(value).alias(name) for name, value in named.items()))


def _times(found, name):
    return [None if at is None else at // S for at in found[name].to_physical()]


def test_it_fires_once_it_held_for_as_long_as_the_rule_asks():
    found = backtest_alert("load > 5", _series([1, 9, 9, 1, 9, 9, 9, 9, 1]), for_="30s")
    assert (_times(found, "pending"), _times(found, "fired"), _times(found, "resolved")) == (
        [60],
        [90],
        [120],
    )
    assert found["worst"].to_list() == [9]
    assert found["evidence"].to_list() == [[f"series:{'ab' * 8}@{90 * S}"]]


def test_without_a_time_to_hold_it_fires_at_once_and_is_not_over_before_it_is():
    found = backtest_alert("load >= 9", _series([1, 9, 9]))
    assert (_times(found, "fired"), _times(found, "resolved")) == ([15], [None])


def test_a_gap_of_more_than_five_minutes_begins_anew():
    frame = _series([9, 9, 9], times=[0, 15, 600])
    assert backtest_alert("load > 5", frame, for_="1m").is_empty()
    assert _times(backtest_alert("load > 5", frame), "resolved") == [315, None]


def test_a_rate_adds_what_was_counted_after_a_reset():
    counter = _series([0, 15, 30, 0, 15, 30], metric="requests_total")
    found = backtest_alert("rate(requests_total[1m]) > 0.7", counter)
    assert _times(found, "fired") == [15]
    assert found["worst"].to_list() == [1.0]
    assert backtest_alert("increase(requests_total[1m]) > 61", counter).is_empty()


@pytest.mark.parametrize(
    ("matchers", "fires"),
    [
        ('pod="a"', True),
        ('pod!="a"', False),
        ('pod=~"a|b"', True),
        ('pod!~"a.*", zone=""', False),
        ('zone="z"', False),
    ],
)
def test_matchers_choose_the_series(matchers, fires):
    found = backtest_alert(f"load{{{matchers}}} > 5", _series([9, 9], pod="a"))
    assert found["labels"].to_list() == (['pod="a"'] if fires else [])


def test_the_first_alert_of_the_window_is_what_it_is_compared_with():
    rows = {"timestamp": [5 * S, 75 * S, 90 * S], "kind": ["alert", "alert", "deploy"]}
    events = EVENTS.conform(
        pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
    )
    window = TimeRange(15 * S, 200 * S)
    found = backtest_alert("load > 5", _series([9, 1, 9, 9]), alerts=events, window=window)
    assert _times(found, "fired") == [30]
    assert found["lead"].dt.total_seconds().to_list() == [45]


@pytest.mark.parametrize(
    "frame",
    [SERIES.empty(), _series([]), _series([None, None]), _series([1.0]), _series([float("nan")] * 3)],
    ids=["no frame's rows", "empty", "nulls", "one row", "not numbers"],
)
@pytest.mark.parametrize("rule", ["load > 5", "rate(load[5m]) > 5"])
def test_where_nothing_was_recorded_it_is_silent(frame, rule):
    assert backtest_alert(rule, frame).is_empty()


def test_a_sample_that_is_there_twice_counts_once():
    frame = _series([1, 9, 1])
    assert backtest_alert("load > 5", pl.concat([frame, frame])).height == 1


def test_a_rule_that_cannot_be_tried_is_refused_with_what_can():
    with pytest.raises(QueryError) as caught:
        backtest_alert("sum(load) > 5", SERIES.empty())
    assert str(caught.value) == (
        "The rule 'sum(load) > 5' is no comparison of one metric with a number.\n"
        'Hint: Write metric{label="value"} > 5 or rate(metric[5m]) > 0.1; '
        "record anything else by its query first."
    )
    with pytest.raises(QueryError) as caught:
        backtest_alert("load{pod=a} > 5", SERIES.empty())
    assert "has matchers that cannot be read: pod=a" in str(caught.value)


def test_an_investigation_tries_a_rule_on_what_was_recorded():
    inv = obsnb.investigate(obsnb.open_archive("slow-query"))
    found = inv.backtest_alert("active_connections > 10", for_="1m")
    assert found["service"].unique().to_list() == ["observastack-backend"]
    assert (found["fired"] - found["pending"]).min().total_seconds() >= 60
    assert found["first_alert"].null_count() == 0
