"""A report shows what happened, not when somebody looked, and calls nothing an incident that was none."""

from __future__ import annotations

from datetime import timedelta

import obsnb


def test_the_requests_chart_has_no_gaps_where_counters_are_read_more_rarely_than_a_chart_is_wide() -> None:
    inv = obsnb.investigate(obsnb.open_archive("lab-authentication"))  # read every 15 s, for eight minutes
    charts = {chart.title: chart.series for chart in inv.postmortem().charts}
    requests = charts["Requests"]["value"][2:-2]
    assert requests.min() > 0
    assert charts["Requests"]["timestamp"].diff().drop_nulls().dt.total_seconds().unique().to_list() == [15]


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
