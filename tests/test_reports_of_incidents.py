"""A report shows what happened, not when somebody looked, and calls nothing an incident that was none."""

from __future__ import annotations

from datetime import timedelta

import obsnb


def test_the_requests_chart_has_no_gaps_where_counters_are_read_more_rarely_than_a_chart_is_wide() -> None:
    inv = obsnb.investigate(obsnb.open_archive("lab-authentication"))  # read every 15 s, for eight minutes
    charts = {chart.title: chart.series for chart in inv.postmortem().charts}
    assert charts["Requests"]["value"].min() > 0
    assert charts["Requests"]["timestamp"].diff().drop_nulls().dt.total_seconds().unique().to_list() == [15]


def test_no_chart_ends_with_an_interval_that_the_window_cuts_short() -> None:
    inv = obsnb.investigate(obsnb.open_archive("lab-quiet"))
    charts = [chart.series for chart in inv.postmortem().charts if chart.title in ("Requests", "Errors")]
    assert len(charts) == 2
    for series in charts:
        begins = series["timestamp"]
        assert begins[-1] + (begins[-1] - begins[-2]) <= inv.window.end


def test_a_query_that_was_asked_again_and_told_the_same_stands_once_unless_it_is_cited() -> None:
    obs = obsnb.open_archive("lab-quiet")
    inv = obsnb.investigate(obs)
    first = inv.postmortem().queries
    obs.role("resources", inv.window, scope=inv.scope)
    assert inv.postmortem().queries == first
    inv.note("Asked twice.", evidence=[f"query:{obs.ledger.records[-1].number}"])
    assert [one.role for one in inv.postmortem().queries] == [*(one.role for one in first), "resources"]


def test_the_report_of_a_quiet_hour_has_no_incident_no_suspect_and_no_duration_of_one() -> None:
    inv = obsnb.investigate(obsnb.open_archive("lab-quiet"))
    told = inv.postmortem()
    looked = f"{inv.window.start:%Y-%m-%d %H:%M} to {inv.window.end:%H:%M} UTC"
    assert told.title == f"{looked}: no incident found in obsnb-lab"
    (duration,) = [row for row in told.impact if row.measure == "duration"]
    assert duration.how == "all that was looked at: no onset was found"
    assert "there is nothing to explain" in told.to_html()


def test_the_duration_of_an_incident_that_is_not_over_says_so() -> None:
    obs = obsnb.open_archive("datasource")
    whole = obsnb.investigate(obs)
    until = obsnb.window(obs.window.start, whole.during.end - timedelta(minutes=5))
    told = obsnb.investigate(obs, until).postmortem()
    (duration,) = [row for row in told.impact if row.measure == "duration"]
    assert duration.how == "onset to the end of the window: it was not over"


def test_without_a_baseline_there_is_no_column_for_it_and_nothing_is_said_to_come_with_an_incident() -> None:
    told = obsnb.investigate(obsnb.open_archive("lab-quiet")).postmortem()
    markdown = told.to_markdown()
    assert "| Measure | In the window | How it was counted |" in markdown
    assert "2 groups, the most frequent first. " in markdown
    assert "| Error | In all | First (UTC) | Last (UTC) |" in markdown
    assert "| Statement | p95 | Calls | Time in all |" in markdown
    assert "## One trace\n\nTrace " in markdown
    assert " of 465 traces in the window that reach backend, one of those that failed, " in markdown
    for words in (
        "in the incident",
        "came with the incident",
        "p95 before",
        "on either side",
        "The trace that shows it",
    ):
        assert words not in markdown
        assert words not in told.to_html()


def test_how_sure_it_is_is_said_once_below_the_head_and_no_reason_says_what_the_cause_says() -> None:
    told = obsnb.investigate(obsnb.open_archive("lab-slow-query")).postmortem()
    markdown = told.to_markdown()
    assert markdown.split("## Summary")[1].lower().count(told.confidence) == 1
    assert markdown.count("backend 1.8.0 deployed at 17:24:22 UTC") == 3  # why, and two suspects


def test_a_public_report_says_what_its_numbers_before_are_of() -> None:
    told = obsnb.investigate(obsnb.open_archive("lab-slow-query")).postmortem().for_audience("public")
    assert "| Compared with | 17:21:46 to 17:24:22 | UTC, 2 min 36 s |" in told.to_markdown()


def test_of_a_quiet_hour_nothing_is_said_to_have_been_detected_or_to_have_lasted_from_an_onset() -> None:
    inv = obsnb.investigate(obsnb.open_archive("lab-quiet"))
    told = inv.detection().lines
    assert told[0] == ("Detected", "No onset was found, and no alert fired.")
    assert "Recovered" not in dict(told)
    assert inv.impact()["how"][0] == "all that was looked at: no onset was found"
