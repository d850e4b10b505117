"""Which traces of an investigation to read, and what changed in them."""

import pytest

import obsnb


@pytest.fixture(scope="module")
def inv():
    return obsnb.investigate(obsnb.open_archive("lab-slow-query"))


def test_the_statement_that_became_slow_is_the_first_that_changed_by_itself(inv):
    first = inv.cohorts().row(0, named=True)
    assert first["operation"] == "backend: SELECT saved_searches"
    assert {"duration", "self_time"} <= set(first["changed"])
    assert first["path"][-1] == first["operation"]


def test_the_first_trace_to_read_shows_it_and_its_evidence_can_be_followed(inv):
    found = inv.notable_traces()
    assert found["why"][0].startswith("backend: SELECT saved_searches takes ")
    assert inv.evidence(found["evidence"][0])["name"].to_list() == ["SELECT saved_searches"]
    assert found["trace_id"].is_unique().all()
    inside = found["start"].is_between(inv.during.start, inv.during.end)
    assert inside.all()
    assert inv.notable_traces(most=2).height == 2


def test_groups_of_ones_own_choice_are_compared_and_come_as_they_were_given(inv):
    traces = inv.traces()
    chosen = inv.traces_of(inv.error_groups()["group_id"][0])
    found = inv.cohorts(chosen.to_pandas(), traces)
    assert type(found).__module__.startswith("pandas")
    assert found["count"].sum() == chosen.height


def test_a_chart_draws_what_was_compared(inv):
    figure = obsnb.charts.cohorts(inv.cohorts())
    assert figure.layout.xaxis.title.text == "median self time, milliseconds"
    assert [bar.name for bar in figure.data] == ["selected", "baseline"]
    assert figure.layout.yaxis.ticktext[0] == "backend: P…earch › SELECT saved_searches"
    assert obsnb.charts.cohorts(inv.cohorts(), by="count").layout.xaxis.title.text == "count"


def test_without_a_baseline_it_says_what_to_give():
    obs = obsnb.open_archive("lab-slow-query")
    first = obsnb.TimeRange(obs.window.start_ns, obs.window.start_ns + 30 * 10**9)
    short = obsnb.investigate(obs, first)
    assert short.baseline is None
    with pytest.raises(obsnb.UsageError) as caught:
        short.cohorts()
    assert str(caught.value) == (
        "There is no baseline to compare the incident's traces with.\n"
        "Hint: Pass one: obsnb.investigate(obs, window, baseline=...), or inv.cohorts(selected, others)."
    )
