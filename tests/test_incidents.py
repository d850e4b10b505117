"""What obsnb finds on the bundled incidents, held against what was wrong.

The truth stands in truth.json, which obsnb never reads.
"""

import json
import re
from datetime import UTC, datetime

import polars as pl
import pytest

import obsnb
from obsnb.archive.bundled import incident_path

ONSET_WITHIN_S = 60


def _investigated(name):
    folder = incident_path(name)
    assert folder is not None
    return obsnb.investigate(obsnb.open_archive(name)), json.loads((folder / "truth.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def slow_query():
    return _investigated("slow-query")


@pytest.fixture(scope="module")
def datasource():
    return _investigated("datasource")


@pytest.fixture(scope="module", params=["slow-query", "datasource"])
def any_incident(request):
    return _investigated(request.param)


def test_onset_and_recovery_are_found_within_a_minute(any_incident):
    inv, truth = any_incident
    assert abs(inv.during.start_ns / 1e9 - truth["onset"]) <= ONSET_WITHIN_S
    assert abs(inv.during.end_ns / 1e9 - truth["recovery"]) <= ONSET_WITHIN_S


def test_the_baseline_is_the_part_before_the_onset_and_is_said(any_incident):
    inv, _ = any_incident
    assert inv.baseline == obsnb.TimeRange(inv.window.start_ns, inv.during.start_ns)
    assert inv.why[-1] == "The baseline is the part of the window before the onset."


def test_the_bounds_of_the_onset_hold_the_truth_and_stand_beside_it_in_the_timeline(any_incident):
    inv, truth = any_incident
    low, high = re.fullmatch(r"By these signals it began between (\S+) and (\S+) UTC\.", inv.why[-2]).groups()
    assert low <= f"{datetime.fromtimestamp(truth['onset'], UTC):%H:%M:%S}" <= high
    onset, recovery = (inv.timeline().filter(pl.col("kind") == kind) for kind in ("onset", "recovery"))
    found = f"change found in logs, spans and metrics, between {low} and {high} UTC"
    assert onset["source"].to_list() == [found]
    assert recovery["source"].to_list() == ["change found in logs, spans and metrics"]


def test_why_an_onset_was_found_is_said_in_units(slow_query):
    why = " ".join(slow_query[0].why)
    assert "observastack-backend: 1 every 30 s before, 31 every 30 s from 18:42:49 UTC until " in why
    assert "SELECT observastack: at least 24.9 times as long as before from 18:37:19 UTC" in why


def test_the_first_suspect_is_where_it_was_and_is_named_with_confidence(any_incident):
    inv, truth = any_incident
    suspects = inv.suspects()
    assert suspects["service"][0] == truth["root_cause"]["service"]
    assert inv.summary().confident
    assert suspects["score"][0] > suspects["score"][1]


def test_every_claim_about_a_suspect_has_evidence_that_can_be_shown(any_incident):
    inv, _ = any_incident
    top = inv.suspects().row(0, named=True)
    assert top["reasons"]
    assert top["evidence"]
    for each in top["evidence"]:
        assert inv.evidence(each).height > 0


def test_the_error_that_came_with_it_is_new_and_raised_rather_than_passed_on(any_incident):
    inv, truth = any_incident
    groups = inv.error_groups()
    told = groups.filter(pl.col("type") == truth["root_cause"]["error"])
    assert told.height > 0
    assert told["is_new"].all()
    assert not told["passed_on"].any()
    assert set(told["service"]) == {truth["root_cause"]["via"]}


def test_requests_are_counted_from_metrics_and_agree_with_the_truth(any_incident):
    inv, truth = any_incident
    counts = obsnb.impact(inv._found.rows.series, during=inv.window)
    row = counts.filter(pl.col("measure") == "requests").row(0, named=True)
    # What the counters had counted before their first sample, one scrape, is not known.
    assert truth["requests"] * 0.98 <= row["during"] <= truth["requests"]
    assert row["how"] == "request counters"


def test_slow_query_names_the_statement_the_deployment_and_the_tenants(slow_query):
    inv, truth = slow_query
    cause = truth["root_cause"]
    queries = inv.slow_queries().filter(pl.col("change") > 2)
    assert [table for tables in queries["tables"] for table in tables] == [cause["table"]]
    deploys = inv.events().filter(pl.col("kind") == "deploy")["title"].to_list()
    service, version = cause["change"].split()
    assert any(service in title and version in title for title in deploys)
    top = inv.suspects().row(0, named=True)
    assert cause["table"] in f"{top['cause']} {top['within']} {' '.join(top['reasons'])}"
    assert version in f"{top['cause']} {' '.join(top['reasons'])}"
    affected = inv.impact().filter(pl.col("measure") == "tenants affected")["names"][0]
    assert affected.to_list() == ["acme", "globex"]
    message = inv.error_groups().filter(pl.col("type") == cause["error"])["message"][0]
    assert message.startswith("QueuePool limit")


def test_datasource_does_not_blame_the_database(datasource):
    inv, _ = datasource
    blamed = inv.suspects().filter(pl.col("service") == "postgres")
    assert blamed.is_empty() or blamed["score"][0] < 0.3


def test_the_alert_is_in_the_timeline_between_onset_and_recovery(any_incident):
    inv, _ = any_incident
    kinds = inv.timeline()["kind"].to_list()
    assert kinds.index("onset") < kinds.index("alert") < kinds.index("recovery")


def test_the_quiet_part_of_an_incident_has_no_confident_suspect(any_incident):
    inv, _ = any_incident
    quiet = obsnb.investigate(obsnb.open_archive(inv._obs.name), inv.baseline)
    assert not quiet.summary().confident
    assert quiet.summary().where == "no confident suspect."


def test_findings_are_plain_values_that_json_can_hold(any_incident):
    inv, truth = any_incident
    findings = json.loads(json.dumps(inv.findings()))
    assert findings["suspects"][0]["service"] == truth["root_cause"]["service"]
    assert list(findings["summary"]) == ["What", "Since", "Where", "Why", "How sure"]


def test_pandas_gives_the_same_answers():
    polars = obsnb.investigate(obsnb.open_archive("slow-query"))
    pandas = obsnb.investigate(obsnb.open_archive("slow-query", frames="pandas"))
    assert list(pandas.suspects()["service"]) == polars.suspects()["service"].to_list()
    assert list(pandas.impact()["during"]) == pytest.approx(polars.impact()["during"].to_list())


def test_the_heat_map_has_the_windows_exemplars_to_click(slow_query):
    inv, _ = slow_query
    (points,) = [trace for trace in inv.charts.latency().data if trace.name == "exemplars"]
    recorded = inv.connection.role("requests.exemplars", inv.window, scope=inv.scope)
    assert {*points.customdata} <= {*recorded["trace_id"]}
    assert len(points.customdata) > 100
