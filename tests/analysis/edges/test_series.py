"""Samples as they should not be: twice, without ids, not numbers, none at all."""

import math

import polars as pl
import pytest

import obsnb
from obsnb.errors import FrameError
from obsnb.schema import SERIES
from tests.analysis.edges import samples
from tests.analysis.lines import samples_of


def _requests(**labels):
    """Two counters of one service that differ by a label alone: 10 and 100 requests a minute."""
    each = [
        samples_of("http_requests_total", [n * times for n in range(4)], status=status)
        for status, times in (("200", 100), ("500", 10))
    ]
    return pl.concat(each).with_columns(**labels)


@pytest.mark.parametrize("ids", ["none", "null"])
def test_labels_tell_counters_apart_where_there_are_no_ids(ids):
    series = _requests()
    bare = (
        series.drop("series_id") if ids == "none" else series.with_columns(series_id=pl.lit(None, pl.String))
    )
    out = obsnb.request_counts(bare).group_by("status").agg(pl.col("count").sum()).sort("status")
    assert out.rows() == [("200", 300.0), ("500", 30.0)]


def test_labels_tell_hits_from_misses_where_there_are_no_ids():
    hits = samples_of("cache_lookups_total", [0, 90, 180], result="hit")
    misses = samples_of("cache_lookups_total", [0, 10, 20], result="miss")
    out = obsnb.cache_hit_rates(pl.concat([hits, misses]).drop("series_id"))
    assert out.select(pl.col("hits", "misses").sum()).row(0) == (180.0, 20.0)


def test_series_without_ids_are_told_apart_by_their_labels_in_a_lag_too():
    target = samples_of("load", [n * n % 31 for n in range(60)])
    same = target.with_columns(pod=pl.lit("a"))
    other = same.reverse().with_columns(timestamp=same["timestamp"], pod=pl.lit("b"))
    out = obsnb.series_lag(pl.concat([same, other]).drop("series_id"), target, max_lag=0, of="levels")
    assert dict(out.select("series_id", pl.col("correlation").round(6)).rows())["load shop a"] == 1.0
    assert out.height == 2


@pytest.mark.parametrize("copies", ["after", "beside"])
def test_a_sample_that_is_there_twice_counts_once(copies):
    given = samples.histograms()
    twice = pl.concat([given, given])
    twice = twice if copies == "after" else twice.sort("timestamp", maintain_order=True)
    assert obsnb.heat_map(twice).equals(obsnb.heat_map(given))
    assert obsnb.histogram_count(twice).equals(obsnb.histogram_count(given))
    native = samples.native_histograms()
    assert obsnb.histogram_sum(pl.concat([native, native])).equals(obsnb.histogram_sum(native))
    requests = samples.requests()
    assert obsnb.request_counts(pl.concat([requests, requests])).equals(obsnb.request_counts(requests))


def test_of_two_samples_of_one_series_at_one_time_the_last_counts():
    first = samples_of("http_requests_total", [0, 7, 20], status="200")
    last = samples_of("http_requests_total", [0, 10, 20], status="200")
    out = obsnb.request_counts(pl.concat([first, last]))
    assert out["count"].to_list() == [0.0, 10.0, 10.0]


def test_buckets_with_the_same_labels_are_added_up_where_no_id_tells_their_series_apart():
    once = samples.histograms().drop("series_id")
    both = obsnb.heat_map(pl.concat([once, once]))
    assert both["count"].to_list() == (2 * obsnb.heat_map(once)["count"]).to_list()


@pytest.mark.parametrize(
    "ask",
    [
        obsnb.heat_map,
        obsnb.histogram_average,
        obsnb.histogram_count,
        obsnb.histogram_sum,
        lambda series: obsnb.histogram_fraction(series, 0, 1),
        lambda series: obsnb.histogram_quantile(series, 0.9),
    ],
)
def test_an_empty_answer_has_no_histograms_and_one_with_other_series_is_refused(ask):
    out = ask(SERIES.empty())
    assert out.height == 0
    assert {"timestamp", "metric"} <= set(out.columns)
    with pytest.raises(FrameError, match="needs histograms; the frame has neither a histogram column nor"):
        ask(samples.one_series().drop("le"))


@pytest.mark.parametrize(
    ("sign", "values", "fired", "worst"),
    [
        (">", [1, math.inf, 1], 1, math.inf),
        ("<", [1, -math.inf, 1], 1, -math.inf),
        (">", [9, math.nan, 9], 2, 9.0),  # not a number is not above anything: two firings
        ("<", [1, math.nan, 1], 0, None),
        ("!=", [5, math.nan, 5], 1, math.nan),
    ],
)
def test_a_rule_meets_infinities_and_not_a_number_as_prometheus_compares_them(sign, values, fired, worst):
    bound = 0 if sign == "<" else 5
    out = obsnb.backtest_alert(f"load {sign} {bound}", samples_of("load", values))
    assert out.height == fired
    if fired:
        assert str(out["worst"][0]) == str(worst)


_UNTOLD = [math.nan, math.inf, -math.inf]


def _spoilt(series):
    """A copy with samples in between that are no numbers, of every series, one a kind."""
    first = series["timestamp"].min()
    extra = [
        series.unique("series_id", keep="first", maintain_order=True).with_columns(
            timestamp=pl.lit(first).dt.offset_by(f"{n + 1}s").cast(series.schema["timestamp"]),
            value=pl.lit(value),
        )
        for n, value in enumerate(_UNTOLD)
    ]
    return pl.concat([series, *extra]).sort("timestamp", maintain_order=True)


@pytest.mark.parametrize(
    "ask",
    [
        obsnb.request_counts,
        obsnb.cache_hit_rates,
        obsnb.change_points,
        lambda series: obsnb.series_lag(series, samples.one_series(), max_lag="30s"),
        lambda series: obsnb.backtest_alert("rate(http_requests_total[30s]) > 0.1", series),
        lambda series: obsnb.detection(series, during=samples.SERIES_DURING).rules,
        lambda series: obsnb.impact(series, during=samples.SERIES_DURING, baseline=samples.SERIES_BASELINE),
        lambda series: obsnb.suspects(
            series=series, during=samples.SERIES_DURING, baseline=samples.SERIES_BASELINE
        ),
        lambda series: obsnb.contrast(series, samples.one_series().clear(), alpha=1.0),
    ],
    ids=["requests", "caches", "changes", "lag", "rate", "detection", "impact", "suspects", "contrast"],
)
def test_samples_that_are_no_numbers_change_no_number(ask):
    asked = ask(samples.series())
    assert asked.height
    assert ask(_spoilt(samples.series())).equals(asked)


@pytest.mark.parametrize("ask", [obsnb.heat_map, obsnb.histogram_count])
def test_buckets_that_are_no_numbers_change_no_histogram(ask):
    spoilt = _spoilt(samples.histograms())
    assert ask(spoilt).equals(ask(samples.histograms()))
