"""What the runbooks find on the bundled incidents, held against what was wrong."""

import html
import json

import pytest

from obsnb.archive.bundled import incident_path
from obsnb.runbook import run_runbook

RUNS = [
    (book, incident)
    for book in ("20_errors", "30_slow_queries", "40_traces")
    for incident in ("slow-query", "datasource")
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


@pytest.mark.parametrize(("book", "incident"), RUNS)
def test_each_says_what_it_could_not_see_and_leaves_a_report_with_its_hypotheses(found, book, incident):
    result, _ = found[book, incident]
    assert result.findings["not_seen"]
    (report,) = [path for path in result.written if path.suffix == ".html"]
    page = html.unescape(report.read_text("utf-8"))
    assert all(one["statement"] in page for one in result.findings["hypotheses"])
