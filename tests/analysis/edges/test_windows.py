"""Windows in which the data has nothing: what is not known is null, and nothing is claimed."""

import polars as pl
import pytest

import obsnb
from obsnb.timerange import TimeRange
from tests.analysis.edges import samples

_S = 10**9
_BEFORE, _AFTER = TimeRange(0, 60 * _S), TimeRange(60 * _S, 120 * _S)  # decades before the recording
_OUTSIDE = {"baseline": _BEFORE, "during": _AFTER}


def test_an_impact_of_which_there_are_no_samples_is_not_known_rather_than_nought():
    out = obsnb.impact(samples.series(), samples.parsed_logs(), **_OUTSIDE)
    assert out.select("measure", "during", "before").rows() == [
        ("duration", 1.0, None),
        ("requests", None, None),
        ("failed requests", None, None),
        ("error budget used", None, None),
    ]
    assert out["how"][-1] == (
        "not known: no request counter has samples in the incident; "
        "an objective of 99.9 % in 30 days allows 43.2 minutes"
    )


def test_an_impact_whose_baseline_alone_is_outside_has_its_own_numbers_and_nothing_before():
    inside = {"during": samples.SERIES_DURING}
    out = obsnb.impact(samples.series(), baseline=_BEFORE, **inside)
    whole = obsnb.impact(samples.series(), baseline=samples.SERIES_BASELINE, **inside)
    told = out.filter(pl.col("measure") == "requests")
    assert told["during"][0] == whole.filter(pl.col("measure") == "requests")["during"][0] > 0
    assert told["before"][0] is None
    assert "tenants affected" not in out["measure"]


def test_users_are_counted_where_there_are_lines_and_not_known_elsewhere():
    lines = samples.parsed_logs().with_columns(pl.lit("error").alias("level"))
    seen = obsnb.impact(None, lines, during=samples.DURING, baseline=_BEFORE)
    (row,) = seen.filter(pl.col("measure") == "users who met an error").rows(named=True)
    assert row["during"] > 0
    assert row["before"] is None


def test_a_cache_that_was_not_looked_up_in_a_window_has_no_rate_there_and_did_not_fall():
    out = obsnb.cache_hit_rates(samples.series(), **_OUTSIDE)
    assert out.height
    assert out.select("before", "within", "fell").unique().rows() == [(None, None, None)]
    half = obsnb.cache_hit_rates(samples.series(), baseline=_BEFORE, during=samples.SERIES_DURING)
    assert half["within"].null_count() == 0
    assert half.select("before", "fell").unique().rows() == [(None, None)]


def test_nothing_is_new_and_nothing_changed_where_neither_window_holds_a_row():
    groups = obsnb.error_groups(samples.waiting_logs(), **_OUTSIDE)
    assert groups.height
    assert groups.select("before", "within", "is_new").unique().rows() == [(0, 0, False)]
    patterns = obsnb.patterns(samples.logs(), **_OUTSIDE)
    assert patterns.select("before", "within", "change").unique().rows() == [(0, 0, None)]
    queries = obsnb.slow_queries(samples.spans(), **_OUTSIDE)
    assert queries.select("before_count", "within_count", "within_p95", "change").unique().rows() == [
        (0, 0, None, None)
    ]


def test_no_service_is_suspect_in_a_window_without_data_and_all_are_named():
    given = (samples.logs(), samples.spans(), samples.requests(), samples.events())
    out = obsnb.suspects(*given, **_OUTSIDE)
    assert out.select("score", "cause").unique().rows() == [(0.0, "")]
    inside = obsnb.suspects(*given, during=samples.DURING, baseline=samples.BASELINE)
    assert set(out["service"]) == set(inside["service"])


def test_no_rule_fires_and_no_alert_is_seen_outside_the_data():
    out = obsnb.detection(samples.requests(), samples.events(), **_OUTSIDE)
    assert out.lines[0] == ("Detected", "No alert fired; the onset was at 1970-01-01 00:01:00 UTC.")
    assert out.rules["fired"].null_count() == out.rules.height
    rule = "http_requests_total > 0"
    assert obsnb.backtest_alert(rule, samples.requests()).height
    assert obsnb.backtest_alert(rule, samples.requests(), window=_AFTER).height == 0


@pytest.mark.parametrize("during", [None, _AFTER])
def test_a_timeline_of_a_window_outside_has_only_what_lies_in_it(during):
    out = obsnb.timeline(samples.events(), during=during, window=TimeRange(60 * _S, 600 * _S))
    assert out["kind"].to_list() == ([] if during is None else ["onset", "recovery"])
