"""What the runbooks find on the bundled incidents, held against what was wrong."""

import html
import json

import pytest

from obsnb.archive.bundled import incident_path
from obsnb.runbook import run_runbook

RUNS = [
    (book, incident)
    for book in ("10_triage", "20_errors", "30_slow_queries", "40_traces")
    for incident in ("slow-query", "datasource")
]
RUNS += [
    ("00_start_here", "slow-query"),
    ("50_performance", "slow-query"),
    ("70_data_sources", "datasource"),
    ("95_frames", "slow-query"),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Findings of each runbook on each incident, and the truth of the incident."""
    out = {}
    for book, incident in RUNS:
        folder = tmp_path_factory.mktemp(f"{book}-{incident}")
        result = run_runbook(book, out=folder, parameters={"ARCHIVE": incident})
        truth = json.loads((incident_path(incident) / "truth.json").read_text("utf-8"))
        out[book, incident] = (result, truth["root_cause"])
    return out


def _verdicts(result):
    return {one["statement"]: one["verdict"] for one in result.findings["hypotheses"]}


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_the_errors_runbook_names_the_new_error_and_who_raised_it(found, incident):
    result, cause = found["20_errors", incident]
    assert result.findings["finding"].startswith(f"{cause['error']} in {cause['via']}: ")
    assert _verdicts(result) == {
        "New kinds of errors came with the incident.": "supported",
        "Errors that were there before became more frequent.": "refuted",
    }
    assert result.findings["normal"]


def test_the_slow_queries_runbook_names_the_statement(found):
    result, cause = found["30_slow_queries", "slow-query"]
    assert f"FROM {cause['table']} " in result.findings["finding"]
    assert f"(on {cause['service']})" in result.findings["finding"]
    assert _verdicts(result)["A statement became slower."] == "supported"


def test_the_slow_queries_runbook_clears_the_database_where_another_call_is_slow(found):
    result, cause = found["30_slow_queries", "datasource"]
    assert result.findings["finding"].startswith("No statement became slower")
    assert f"(on {cause['service']})" in result.findings["finding"]
    assert _verdicts(result)["A statement became slower."] == "refuted"


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_the_traces_runbook_finds_the_one_operation_that_holds_the_time(found, incident):
    result, cause = found["40_traces", incident]
    verdicts = _verdicts(result)
    assert verdicts["The time that was added is added in one place."] == "supported"
    assert verdicts["Operations fail that did not fail before."] == "supported"
    where = {"postgres": "observastack-backend, SELECT", "loki": "loki, "}[cause["service"]]
    assert result.findings["finding"].startswith(where)


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_triage_begins_where_it_started_and_goes_through_the_checklist(found, incident):
    result, cause = found["10_triage", incident]
    assert result.findings["finding"].startswith(f"Begin at {cause['service']}: ")
    verdicts = _verdicts(result)
    assert verdicts["A server that is called became slower."] == "supported"
    assert verdicts["A change set it off."] == ("supported" if "change" in cause else "refuted")


def test_the_first_runbook_ends_in_a_finding_that_names_where_it_started(found):
    result, cause = found["00_start_here", "slow-query"]
    assert result.findings["finding"].startswith(f"It started at {cause['service']} at 18:")
    assert set(_verdicts(result).values()) == {"supported"}


def test_the_performance_runbook_finds_the_statement_and_clears_the_network(found):
    result, cause = found["50_performance", "slow-query"]
    assert f"FROM {cause['table']} " in result.findings["finding"]
    verdicts = _verdicts(result)
    assert verdicts["A statement takes longer."] == "supported"
    assert verdicts["The way between two services is longer."] == "refuted"
    assert verdicts["A cache stopped helping."] == "open"


def test_the_data_sources_runbook_names_the_one_that_is_ill_and_clears_the_database(found):
    result, cause = found["70_data_sources", "datasource"]
    assert result.findings["finding"].startswith(f"{cause['service']} stands out. ")
    assert not any("postgres" in text for one in result.findings["hypotheses"] for text in one["supports"])


def test_polars_pandas_and_sql_count_the_same(found):
    result, cause = found["95_frames", "slow-query"]
    (one,) = result.findings["hypotheses"]
    assert (one["verdict"], len(one["supports"])) == ("supported", 3)
    assert result.findings["finding"].startswith(f"{cause['via']} wrote ")


@pytest.mark.parametrize(("book", "incident"), RUNS)
def test_each_says_what_it_could_not_see_and_leaves_a_report_with_its_hypotheses(found, book, incident):
    result, _ = found[book, incident]
    assert result.findings["not_seen"]
    (report,) = [path for path in result.written if path.suffix == ".html"]
    page = html.unescape(report.read_text("utf-8"))
    assert all(one["statement"] in page for one in result.findings["hypotheses"])
