"""Five lines that claim no more than the frames say."""

import polars as pl
import pytest

from obsnb.analysis.summary import SURE_FROM, summarise
from obsnb.timerange import window

DURING = window("2026-11-23T18:37:19Z", "2026-11-23T19:01:19Z")
BASELINE = window("2026-11-23T18:13:19Z", "2026-11-23T18:37:19Z")


def _suspects(*scores):
    return pl.DataFrame(
        {
            "rank": range(1, len(scores) + 1),
            "service": [f"s{n}" for n in range(len(scores))],
            "score": scores,
            "cause_kind": ["statement"] * len(scores),
            "cause": ["the statement on t became slower after the deployment of a 2"] * len(scores),
            "within": ["tenant x"] * len(scores),
        },
        schema_overrides={"score": pl.Float64},
    )


def _impact():
    return pl.DataFrame(
        {
            "measure": [
                "requests",
                "failed requests",
                "slow requests",
                "95th percentile",
                "tenants affected",
            ],
            "during": [1_000.0, 120.0, 300.0, 4.9, 1.0],
            "before": [900.0, 9.0, 0.0, 0.3, None],
            "names": [None, None, None, None, ["x"]],
        }
    )


def _groups():
    return pl.DataFrame(
        {
            "type": ["TimeoutError", "HttpError", "KeyError"],
            "message": ["pool of <*>", "500", "a"],
            "count": [620, 680, 50],
            "within": [620, 680, 30],
            "is_new": [True, True, False],
            "passed_on": [False, True, False],
        }
    )


def _summary(**changes):
    values = {
        "during": DURING,
        "baseline": BASELINE,
        "found": True,
        "recovered": True,
        "suspects": _suspects(0.82, 0.2),
        "impact": _impact(),
        "error_groups": _groups(),
        "slow_queries": pl.DataFrame(),
    }
    return summarise(**values | changes)


def test_the_lines_say_what_since_when_where_why_and_how_sure():
    assert str(_summary()) == (
        "What:     120 of 1,000 requests failed, 12.0 % (before: 1.0 %); 300 were slow; "
        "the 95th percentile of the time they took was 4.9 s (before: 300 ms); tenants affected: x.\n"
        "Since:    2026-11-23 18:37:19 until 19:01:19 UTC (24 min), compared with 18:13:19 to 18:37:19.\n"
        "Where:    s0, within tenant x.\n"
        "Why:      the statement on t became slower after the deployment of a 2; "
        "the errors that came with it: 620 times TimeoutError: pool of <*>.\n"
        "How sure: high, 0.82 of 1; the next is s1 with 0.20."
    )


def test_nobody_is_named_as_the_next_whose_score_is_nought():
    assert _summary(suspects=_suspects(0.96, 0.001)).sure == "high, 0.96 of 1; nobody else stands out."


def test_below_the_score_of_quiet_hours_nobody_is_named():
    said = _summary(suspects=_suspects(SURE_FROM - 0.01))
    assert not said.confident
    assert said.where == "no confident suspect."
    assert said.why == "no single cause stands out."
    assert said.sure == "not sure: the highest score is 0.29 (s0), which quiet hours reach too."


def test_an_incident_that_is_not_over_and_one_that_was_not_found_are_said_so():
    assert _summary(recovered=False, baseline=None).since == (
        "2026-11-23 18:37:19 and not over by 19:01:19 UTC, compared with no baseline."
    )
    assert _summary(found=False).since == "no onset was found between 2026-11-23 18:37:19 and 19:01:19 UTC."


def test_without_metrics_the_new_errors_are_counted():
    said = _summary(impact=_impact().clear())
    assert said.what == "1,300 occurrences of errors that were not there before."


def test_nothing_to_rank_is_said():
    assert _summary(suspects=_suspects()).sure == "there is nothing to rank."


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>"])
def test_server_text_is_escaped_in_a_notebook(hostile):
    suspects = _suspects(0.9).with_columns(service=pl.lit(hostile))
    assert hostile not in _summary(suspects=suspects).to_html()


def test_without_an_onset_and_a_baseline_nobody_is_named_however_high_the_score():
    said = _summary(found=False, baseline=None)
    assert not said.confident
    assert said.where == "no confident suspect."
    assert said.sure == "not sure: no onset was found, and there is no baseline to compare with."
