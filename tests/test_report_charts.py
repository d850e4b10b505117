"""The charts of a report show what happened, not when somebody looked."""

from __future__ import annotations

import obsnb


def test_the_requests_chart_has_no_gaps_where_counters_are_read_more_rarely_than_a_chart_is_wide() -> None:
    inv = obsnb.investigate(obsnb.open_archive("lab-authentication"))  # read every 15 s, for eight minutes
    charts = {chart.title: chart.series for chart in inv.postmortem().charts}
    requests = charts["Requests"]["value"][2:-2]
    assert requests.min() > 0
    assert charts["Requests"]["timestamp"].diff().drop_nulls().dt.total_seconds().unique().to_list() == [15]
