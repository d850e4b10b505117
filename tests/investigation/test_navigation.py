"""From any result of an investigation to what belongs to it, and back to where one came from."""

import polars as pl
import pytest

import obsnb


@pytest.fixture(scope="module")
def inv():
    return obsnb.investigate(obsnb.open_archive("lab-slow-query"))


@pytest.fixture(scope="module")
def failing():
    return obsnb.investigate(obsnb.open_archive("lab-authentication"))


_WAYS = ("traces_of", "logs_of", "errors_of", "statements_of", "series_of")


def test_an_error_group_leads_to_its_traces_lines_statements_and_series_and_each_leads_back(failing):
    group = failing.error_groups()["group_id"][0]
    traces = failing.traces_of(group)
    assert set(failing.error_groups()["trace_ids"][0]) <= set(traces["trace_id"])
    assert group in failing.errors_of(traces["trace_id"][0])["group_id"]
    lines = failing.logs_of(group)
    assert set(traces["trace_id"]) & set(lines["trace_id"])
    cited = lines.filter("cited")
    assert cited.height > 0
    assert group in failing.errors_of(cited)["group_id"]
    series = failing.series_of(group)
    assert failing.error_groups()["service"][0] in series["service"].cast(pl.String).to_list()
    statements = failing.statements_of(group)
    assert statements.height > 0
    assert group in failing.errors_of(statements)["group_id"]


def test_a_statement_leads_to_every_trace_that_made_it_and_to_their_lines(inv):
    statement = inv.slow_queries().row(0, named=True)
    traces = inv.traces_of(statement)
    assert set(statement["trace_ids"]) <= set(traces["trace_id"])
    assert traces["trace_id"].n_unique() > len(statement["trace_ids"])
    told = inv.statements_of(traces["trace_id"][0])
    assert statement["fingerprint"] in told["fingerprint"]
    assert told.filter(pl.col("fingerprint") == statement["fingerprint"])["shared"].to_list() == [1]
    lines = inv.logs_of(statement).filter(~pl.col("cited"))  # a cited line's trace need not have been fetched
    fetched = lines.join(inv.traces(inv.window).select("trace_id").unique(), on="trace_id", how="semi")
    assert fetched.height > 0
    assert set(fetched["trace_id"]) <= set(traces["trace_id"])


def test_a_trace_leads_to_its_lines_in_the_order_of_time_and_they_lead_back(inv):
    trace = inv.telling_trace()["trace_id"][0]
    lines = inv.logs_of(trace)
    assert set(lines["trace_id"]) == {trace}
    assert lines["timestamp"].is_sorted()
    assert set(lines["sure"]) == {"certain"}
    assert set(inv.traces_of(lines)["trace_id"]) == {trace}
    assert set(inv.traces_of(f"span:{trace}/0000000000000001")["trace_id"]) == {trace}


def test_a_series_at_a_time_leads_to_traces_by_its_exemplars_and_they_lead_back(inv):
    seen = inv._links.exemplars.filter(pl.col("by").is_not_null()).explode("series_ids").row(0, named=True)
    moment = seen["timestamp"].timestamp()
    at = f"series:{seen['series_ids']}@{int(moment * 1e9)}"
    traces = inv.traces_of(at)
    assert set(traces["by"]) == {"exemplar"}
    assert seen["trace_id"] in set(traces["trace_id"])
    back = inv.series_of(seen["trace_id"])
    assert seen["series_ids"] in set(back.filter(pl.col("by") == "exemplar")["series_id"])


def test_a_series_without_exemplars_leads_to_whoever_of_its_service_was_at_work_then(inv):
    exemplified = inv._links.exemplars["series_ids"].explode().unique()
    series = inv.series_of(inv.telling_trace())
    middle = pl.col("timestamp") >= inv.during.start
    other = series.filter(~pl.col("series_id").is_in(exemplified.implode()) & middle).row(0, named=True)
    traces = inv.traces_of(other)
    assert set(traces["by"]) == {"service_time"}
    near = (
        traces.filter(pl.col("service").cast(pl.String) == other["service"])["start"] - other["timestamp"]
    ).abs()
    assert near.min().total_seconds() <= 300


def test_all_that_results_cite_leads_somewhere(inv):
    for rows in (inv.suspects(), inv.timeline(), inv.error_groups(), inv.slow_queries().head(3)):
        for way in _WAYS:
            assert getattr(inv, way)(rows).height >= 0
    assert inv.traces_of(inv.suspects()).height > 0


def test_what_was_reached_comes_as_the_connection_gives_frames():
    inv = obsnb.investigate(obsnb.open_archive("lab-slow-query", frames="pandas"))
    trace = inv.telling_trace()["trace_id"].iloc[0]
    for way in _WAYS:
        assert type(getattr(inv, way)(trace)).__module__.startswith("pandas")
    assert set(inv.traces_of(inv.logs_of(trace))["trace_id"]) == {trace}


@pytest.mark.parametrize("way", _WAYS)
def test_no_rows_lead_nowhere(inv, way):
    assert getattr(inv, way)(inv.error_groups().head(0)).is_empty()


@pytest.mark.parametrize(
    "id", ["nobody", "log:nobody", "series:nobody@5", "query:1", "span:x/y", "", "series:a@b"]
)
def test_an_id_that_names_nothing_says_which_do(inv, id):
    with pytest.raises(obsnb.UsageError) as caught:
        inv.traces_of(id)
    assert str(caught.value) == (
        f"There is nothing called {id!r} in this investigation.\n"
        "Hint: Give an id as results carry it: a group_id of inv.error_groups(), a fingerprint of "
        "inv.slow_queries(), a trace_id, a series_id, log:ROW, span:TRACE/SPAN or series:ID@ns; or rows that "
        "have one."
    )


def test_rows_without_an_id_say_what_they_have(inv):
    with pytest.raises(obsnb.UsageError) as caught:
        inv.logs_of({"name": "x"})
    assert str(caught.value).startswith("These rows have no id: their columns are name.\nHint: Give an id")
