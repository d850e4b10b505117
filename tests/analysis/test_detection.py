"""Detection and error budget, from made-up counters whose truth is known."""

import polars as pl
import pytest

import obsnb
from obsnb.analysis.rules import SLOWNESS, candidate_rules
from obsnb.errors import UsageError
from obsnb.timerange import TimeRange
from tests.analysis.lines import samples_of

_S = 10**9
_BEFORE, _DURING, _WINDOW = TimeRange(0, 600 * _S), TimeRange(600 * _S, 1_200 * _S), TimeRange(0, 1_800 * _S)


def _requests(*, failing=0.2, metric="http_requests_total", service="kiosk", usual=0.0):
    """Ten requests a second for half an hour; some fail, more of them in the second ten minutes."""
    good, bad, well, ill = 0.0, 0.0, [0.0], [0.0]
    for n in range(120):
        share = failing if 40 <= n < 80 else usual
        good, bad = good + 150 * (1 - share), bad + 150 * share
        well.append(good)
        ill.append(bad)
    return pl.concat(
        [
            samples_of(metric, well, every_s=15, service=service, code="200"),
            samples_of(metric, ill, every_s=15, service=service, code="500"),
        ]
    )


def _alerts(*at, title="TooManyErrors"):
    return pl.DataFrame(
        {
            "timestamp": [second * _S for second in at],
            "kind": ["alert"] * len(at),
            "title": [title] * len(at),
            "service": ["kiosk"] * len(at),
        },
        schema_overrides={"timestamp": pl.Int64},
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))


def _detection(series=None, events=None, *, baseline=_BEFORE, **more):
    return obsnb.detection(series, events, during=_DURING, baseline=baseline, window=_WINDOW, **more)


def test_the_first_alert_of_the_incident_and_the_recovery_are_dated_from_the_onset():
    told = _detection(_requests(), _alerts(900, 700, 1_500))
    assert told.to_detect_ns == 100 * _S
    assert told.to_recover_ns == 600 * _S
    assert told.lines[0] == (
        "Detected",
        "1 min 40 s after the onset by the alert TooManyErrors (kiosk) at 00:11:40 UTC.",
    )
    assert told.lines[1] == ("Recovered", "10 min after the onset, at 00:20:00 UTC.")


def test_a_rule_on_the_failed_ratio_is_named_with_what_it_would_have_gained():
    told = _detection(_requests(), _alerts(900))
    assert told.best == ('service:requests:failed_ratio{service="kiosk"} > 0.0144', None, 660 * _S)
    assert told.lines[2][1] == (
        'service:requests:failed_ratio{service="kiosk"} > 0.0144 would have fired 1 min after the onset, '
        "4 min before the alert, and never in the baseline."
    )
    first = told.rules.to_dicts()[0]
    assert (first["before"], first["sooner"], first["lead"].total_seconds()) == (0, True, 240)
    assert first["why"] == "14.4 times the budget of 0.999"
    assert told.lines[3] == ("Recorded as", first["recorded_as"])
    assert first["recorded_as"] == (
        'sum by (service) (rate(http_requests_total{code=~"5..|5xx|STATUS_CODE_ERROR"}[60s])) / '
        "sum by (service) (rate(http_requests_total[60s]))"
    )


def test_an_alert_that_was_sooner_than_any_rule_is_not_bettered():
    told = _detection(_requests(), _alerts(605))
    assert told.best is None
    assert told.lines[2][1] == (
        "No rule on the failed ratio or the latency would have fired sooner and been silent before."
    )


def test_a_bound_is_above_what_the_baseline_saw_so_that_the_rule_is_silent_there():
    told = _detection(_requests(usual=0.05), _alerts(900))
    assert told.rules["why"].unique().to_list() == ["twice the worst of the baseline"]
    assert told.rules["before"].unique().to_list() == [0]
    assert told.best[2] == 660 * _S


def test_an_alert_just_before_the_onset_counts_unless_it_fires_in_the_baseline_as_well():
    assert _detection(_requests(), _alerts(550)).to_detect_ns == -50 * _S
    assert _detection(_requests(), _alerts(550)).lines[0][1].startswith("50 s before the onset as dated by")
    assert _detection(_requests(), _alerts(100, 550, 800)).to_detect_ns == 200 * _S


def test_slowness_is_detected_from_the_latency_histogram():
    fast, slow = [0.0], [0.0]
    for n in range(120):
        late = 40 <= n < 80
        fast.append(fast[-1] + (0 if late else 100))
        slow.append(slow[-1] + 100)
    series = pl.concat(
        [
            samples_of("http_request_duration_seconds_bucket", counts, every_s=15, le=le)
            for counts, le in ((fast, "0.1"), (slow, "2.5"), (slow, "+Inf"))
        ]
    )
    told = _detection(series, _alerts())
    assert told.best[0].startswith('service:requests:latency_p95_seconds{service="shop"} > 0.19')
    assert told.lines[0][1] == "No alert fired; the onset was at 1970-01-01 00:10:00 UTC."


def test_without_a_baseline_no_rule_is_recommended_and_it_says_why():
    told = _detection(_requests(), _alerts(900), baseline=None)
    assert told.best is None
    assert told.rules["before"].unique().to_list() == [None]
    assert told.unknown[-1] == (
        "Without a baseline it is not known how often the rules would have fired for nothing."
    )


@pytest.mark.parametrize("series", [None, _requests().clear(), _requests().head(1), samples_of("up", [1, 1])])
def test_without_anything_to_try_rules_on_it_says_so(series):
    told = _detection(series)
    assert told.rules.height in (0, 2)
    assert told.best is None
    assert "No events were given, so that alerts are not known." in told.unknown


def test_a_recovery_at_the_windows_end_was_not_seen():
    told = obsnb.detection(during=_DURING, window=TimeRange(0, 1_200 * _S))
    assert told.to_recover_ns is None
    assert told.lines[1] == ("Recovered", "The recovery was not seen in the window.")


def test_a_services_name_with_quotes_makes_a_rule_that_still_finds_it():
    told = _detection(_requests(service='a"b\\c'), _alerts(900))
    assert told.best[2] == 660 * _S
    assert "&quot;" in told.to_html() or "&#34;" in told.to_html()


def test_an_objective_that_is_none_is_refused():
    with pytest.raises(UsageError) as caught:
        _detection(_requests(), objective=1.0)
    assert str(caught.value).splitlines()[0] == "An objective of 1 is none."
    with pytest.raises(UsageError) as caught:
        obsnb.impact(_requests(), during=_DURING, objective=99.9)
    assert str(caught.value).splitlines()[0] == "An objective of 99.9 in 30 days is none."


def _budget(series, **more):
    out = obsnb.impact(series, during=_DURING, baseline=_BEFORE, **more)
    return {row["measure"]: row for row in out.to_dicts() if "budget" in row["measure"]}


def test_the_budget_used_is_the_incidents_minutes_times_its_failed_share():
    rows = _budget(_requests(failing=0.25))
    assert rows["error budget used"]["during"] == pytest.approx(2.5)
    assert rows["error budget used"]["before"] == 0
    assert rows["share of the error budget"]["during"] == pytest.approx(2.5 / 43.2)
    assert _budget(_requests(failing=0.25), objective=0.99, objective_days=7)["share of the error budget"][
        "during"
    ] == pytest.approx(2.5 / 100.8)


def test_the_budget_is_not_counted_from_span_metrics_nor_from_nothing_and_says_why():
    rows = _budget(_requests(metric="traces_spanmetrics_calls_total"))
    assert rows["error budget used"]["during"] is None
    assert rows["error budget used"]["how"] == (
        "not known: the only request counters are made of spans, which may have been sampled; "
        "an objective of 99.9 % in 30 days allows 43.2 minutes"
    )
    nothing = _budget(samples_of("up", [1, 1]))
    assert nothing["error budget used"]["how"].startswith("not known: no request counter has samples")
    assert _budget(_requests(), objective=None) == {}


def test_the_bundled_incidents_alert_and_the_sooner_rule_stand_in_the_post_mortem():
    inv = obsnb.investigate(obsnb.open_archive("slow-query"))
    told = inv.detection()
    assert told.alert == "HighRequestLatency"
    assert told.best is not None
    report = inv.postmortem()
    assert report.detection == told.lines
    page, text = report.to_html(), report.to_markdown()
    assert "by the alert HighRequestLatency" in page
    assert "by the alert HighRequestLatency" in text
    assert report.for_audience("public").detection == ()
    assert "HighRequestLatency (" not in report.for_audience("public").to_html()


@pytest.mark.parametrize(("worst", "bound"), [(0.85488, "1.71"), (0.85, "1.7"), (617.25, "1240")])
def test_a_bound_is_written_with_three_digits_and_no_lower_than_what_was_silent(worst, bound):
    series = samples_of(SLOWNESS, [worst] * 5)
    baseline = TimeRange(0, 10**18)
    rules = candidate_rules(series, baseline=baseline, objective=0.999, every_s=60)
    assert {rule.text for rule in rules} == {f'{SLOWNESS}{{service="shop"}} > {bound}'}
