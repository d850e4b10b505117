"""What the runbooks find on the bundled incidents, held against what was wrong."""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from obsnb.archive.bundled import incident_path
from obsnb.runbook import run_runbook
from tests.pages import words_of
from tests.warm_kernels import use_warm_kernels

RUNS = [
    (book, incident)
    for book in ("10_triage", "20_errors", "30_slow_queries", "40_traces")
    for incident in ("slow-query", "datasource")
]
RUNS += [
    ("00_start_here", "slow-query"),
    ("00_start_here", "lab-quiet"),
    ("20_errors", "lab-quiet"),
    ("50_performance", "slow-query"),
    ("70_data_sources", "datasource"),
    ("95_frames", "slow-query"),
    ("60_authentication", "lab-authentication"),
    ("60_authentication", "slow-query"),
    ("80_frontend", "lab-frontend"),
    ("80_frontend", "slow-query"),
    ("80_frontend", "lab-quiet"),
    ("70_data_sources", "lab-data-source"),
    ("50_performance", "lab-data-source"),
    ("10_triage", "lab-quiet"),
]
#: Those that compare, in a window in which there is nothing to compare with.
QUIET = ("00_start_here", "10_triage", "20_errors", "30_slow_queries", "40_traces", "50_performance")
RUNS += [(book, "lab-quiet") for book in QUIET if (book, "lab-quiet") not in RUNS]
RUNS += [
    (book, "lab-slow-query")
    for book in ("10_triage", "20_errors", "30_slow_queries", "40_traces", "50_performance")
]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Findings of each runbook on each incident, and the root cause of the incident; two at once."""
    folders = [tmp_path_factory.mktemp(f"{book}-{incident}") for book, incident in RUNS]
    # In processes of their own: a runbook leaves an event loop in its thread.
    begin = use_warm_kernels if hasattr(os, "fork") else None
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), initializer=begin) as pool:
        waiting = [
            pool.submit(run_runbook, book, out=folder, parameters={"ARCHIVE": incident})
            for (book, incident), folder in zip(RUNS, folders, strict=True)
        ]
        results = [each.result() for each in waiting]
    return {key: (result, _root_cause(key[1])) for key, result in zip(RUNS, results, strict=True)}


def _root_cause(incident):
    return json.loads((incident_path(incident) / "truth.json").read_text("utf-8"))["root_cause"]


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
    verdicts = _verdicts(result)
    assert verdicts["A statement became slower."] == "supported"
    assert verdicts["Requests wait for a connection or a lock."] == "supported"
    assert f" Besides, {cause['via']} waited for a connection " in result.findings["finding"]


def test_the_slow_queries_runbook_clears_the_database_where_another_call_is_slow(found):
    result, cause = found["30_slow_queries", "datasource"]
    assert result.findings["finding"].startswith("No statement became slower")
    assert f"(on {cause['service']})" in result.findings["finding"]
    verdicts = _verdicts(result)
    assert verdicts["A statement became slower."] == "refuted"
    assert verdicts["Requests wait for a connection or a lock."] == "refuted"


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_the_traces_runbook_finds_the_one_operation_that_holds_the_time(found, incident):
    result, cause = found["40_traces", incident]
    verdicts = _verdicts(result)
    assert verdicts["The time that was added is added in one place."] == "supported"
    assert verdicts["Operations fail that did not fail before."] == "supported"
    assert verdicts["The traces themselves are wrong."] == "refuted"
    waits = "supported" if cause["service"] == "postgres" else "refuted"  # for a connection of its pool
    assert verdicts["Operations take time that were not there before."] == waits
    where = {"postgres": "observastack-backend, SELECT", "loki": "loki, "}[cause["service"]]
    assert result.findings["finding"].startswith(where)


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_triage_begins_where_it_started_and_goes_through_the_checklist(found, incident):
    result, cause = found["10_triage", incident]
    assert result.findings["finding"].startswith(f"Begin at {cause['service']}: ")
    verdicts = _verdicts(result)
    assert verdicts["A server that is called became slower."] == "supported"
    assert verdicts["A change set it off."] == ("supported" if "change" in cause else "refuted")
    assert verdicts["A process was down."] == "refuted"
    assert verdicts["Another alert rule would have told sooner."] == "supported"


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


def test_the_performance_runbook_tells_of_the_cache_into_which_a_failing_source_puts_nothing(found):
    result, _ = found["50_performance", "lab-data-source"]
    assert _verdicts(result)["A cache stopped helping."] == "supported"
    assert " A cache stopped helping: cache_lookups of backend: " in result.findings["finding"]


def test_the_data_sources_runbook_names_the_one_that_is_ill_and_how_and_clears_the_others(found):
    result, cause = found["70_data_sources", "datasource"]
    assert result.findings["finding"].startswith(f"{cause['service']} stands out. ")
    assert {name for name, verdict in _verdicts(result).items() if verdict == "supported"} == {
        "A data source does not answer in time.",
        "A data source limits how much it is asked.",
        "Calls to a data source fail.",
        "A data source is slow.",
    }
    told = [text for one in result.findings["hypotheses"] for text in one["supports"]]
    assert all(text.startswith(f"{cause['service']}: ") for text in told)


@pytest.mark.parametrize("incident", ["datasource", "lab-data-source"])
def test_the_data_sources_runbook_takes_no_caller_for_a_data_source(found, incident):
    result, cause = found["70_data_sources", incident]
    told = [text for one in result.findings["hypotheses"] for text in (*one["supports"], *one["against"])]
    assert not any(text.startswith(f"{cause['via']}: ") for text in [*told, *result.findings["normal"]])


def test_the_data_sources_runbook_tells_one_that_hangs_from_one_that_refuses(found):
    result, cause = found["70_data_sources", "lab-data-source"]
    assert result.findings["finding"].startswith(f"{cause['service']} stands out. ")
    verdicts = _verdicts(result)
    assert verdicts["A data source is slow."] == "supported"
    assert verdicts["A data source does not answer in time."] == "supported"
    assert verdicts["A data source cannot be reached."] == "refuted"
    assert verdicts["A data source refuses what it is asked."] == "refuted"
    assert verdicts["A data source limits how much it is asked."] == "refuted"


def test_triage_of_a_release_that_dropped_an_index_names_the_database_and_the_release(found):
    result, cause = found["10_triage", "lab-slow-query"]
    assert result.findings["finding"].startswith(f"Begin at {cause['service']}: ")
    assert f"({cause['change']} deployed at " in result.findings["finding"]
    assert _verdicts(result)["A change set it off."] == "supported"


def test_triage_of_a_quiet_hour_finds_nothing(found):
    result, cause = found["10_triage", "lab-quiet"]
    assert cause is None
    assert result.findings["finding"].startswith("Nothing is wrong in this window")
    assert "supported" not in _verdicts(result).values()


def test_a_quiet_hour_ends_in_a_finding_that_claims_nothing(found):
    first, _ = found["00_start_here", "lab-quiet"]
    assert first.findings["finding"].startswith("Nothing is wrong in this window")
    errors, _ = found["20_errors", "lab-quiet"]
    assert set(_verdicts(errors).values()) == {"open"}
    assert errors.findings["finding"].startswith("There is no baseline to compare with; ")


@pytest.mark.parametrize("book", QUIET)
def test_without_an_onset_and_a_baseline_nothing_is_said_to_have_changed_with_one_or_since_the_other(
    found, book
):
    result, _ = found[book, "lab-quiet"]
    told = [text for one in result.findings["hypotheses"] for text in (*one["supports"], *one["against"])]
    told += [*result.findings["normal"], result.findings["finding"]]
    claims = ("the onset", "the incident", "than before", "was there before", "not there before")
    assert [text for text in told if any(claim in text for claim in claims)] == []


@pytest.mark.parametrize("book", ["30_slow_queries", "50_performance"])
def test_the_statement_that_a_dropped_index_slowed_is_named_with_its_database(found, book):
    result, cause = found[book, "lab-slow-query"]
    assert result.findings["finding"].startswith(f"SELECT {cause['table']}.title, ")
    assert f"(on {cause['service']})" in result.findings["finding"]


def test_the_errors_runbook_finds_none_where_requests_only_became_slow(found):
    result, cause = found["20_errors", "lab-slow-query"]
    assert "error" not in cause
    assert result.findings["finding"] == "No error is new or more frequent than before."
    assert set(_verdicts(result).values()) == {"refuted"}


def test_the_traces_runbook_finds_the_time_in_the_statement_of_the_dropped_index(found):
    result, cause = found["40_traces", "lab-slow-query"]
    assert result.findings["finding"].startswith(f"{cause['via']}, SELECT {cause['table']}: ")


def test_the_authentication_runbook_finds_the_identity_provider_and_clears_the_rest(found):
    result, cause = found["60_authentication", "lab-authentication"]
    assert result.findings["finding"].startswith(f"The identity provider fails: {cause['service']} ")
    assert _verdicts(result) == {
        "Logging in fails.": "supported",
        "Tokens are refused.": "refuted",
        "Permissions are refused.": "refuted",
        "Checking tokens and permissions fails for a reason that lines name.": "supported",
        "A clock is off, so that tokens are not valid yet, or not any more.": "refuted",
        "The identity provider fails.": "supported",
        "The identity provider is slow.": "refuted",
        "Tenants are not held apart.": "refuted",
    }


def test_the_authentication_runbook_clears_authentication_where_a_database_is_slow(found):
    result, _ = found["60_authentication", "slow-query"]
    assert result.findings["finding"].startswith("Authentication stands out in nothing: ")
    assert set(_verdicts(result).values()) == {"refuted"}


def test_the_frontend_runbook_names_the_error_and_the_release_and_clears_the_servers(found):
    result, cause = found["80_frontend", "lab-frontend"]
    finding = result.findings["finding"]
    assert finding.startswith(f"{cause['service']}: {cause['error']}: ")
    assert f"It came with version {cause['change'].removeprefix('frontend ')}, " in finding
    assert finding.endswith("Its requests do not fail, so it is the page, not a server.")
    verdicts = _verdicts(result)
    assert verdicts["A release of the page came with it."] == "supported"
    assert verdicts["The page loads more, or for longer."] == "open"
    assert verdicts["It is some browsers only."] == "open"
    assert verdicts["The page calls more of what it does slow."] == "refuted"


def test_the_frontend_runbook_sends_on_to_the_server_where_the_page_only_suffers(found):
    result, _ = found["80_frontend", "slow-query"]
    assert result.findings["finding"].endswith(
        "Its requests fail too, so look at who answers them before you look at the page."
    )
    verdicts = _verdicts(result)
    assert verdicts["A release of the page came with it."] == "refuted"
    assert verdicts["The page calls more of what it does slow."] == "supported"


def test_the_frontend_runbook_says_so_where_there_is_no_page(found):
    result, _ = found["80_frontend", "lab-quiet"]
    assert result.findings["finding"] == (
        "No service here is a page in a browser, so nothing can be told of one."
    )
    assert set(_verdicts(result).values()) == {"open"}


def test_polars_pandas_and_sql_count_the_same(found):
    result, cause = found["95_frames", "slow-query"]
    (one,) = result.findings["hypotheses"]
    assert (one["verdict"], len(one["supports"])) == ("supported", 3)
    assert result.findings["finding"].startswith(f"{cause['via']} wrote ")


def test_triage_says_what_an_alert_rule_of_ones_own_would_have_done(tmp_path):
    rule = 'http_requests_total{status_code="500"} > 10'
    result = run_runbook("10_triage", out=tmp_path, parameters={"ARCHIVE": "lab-quiet", "RULE": rule})
    text = result.notebook.read_text("utf-8")
    assert json.dumps(f"{rule} would have been silent.\n") in text


def test_the_post_mortem_runbook_tells_how_long_it_took_and_what_of_the_budget_is_used(tmp_path):
    result = run_runbook("90_postmortem", out=tmp_path)
    shown = result.notebook.read_text("utf-8")
    assert "1 min 41 s after the onset by the alert HighRequestLatency" in shown
    assert "share of the error budget" in shown


def test_no_runbook_takes_a_fall_for_use_or_a_call_that_was_given_up_for_a_way(found):
    told = found["50_performance", "lab-data-source"][0].findings
    (used,) = [one for one in told["hypotheses"] if one["statement"] == "A resource is used up."]
    assert used["supports"] == ["active_connections of metrics-store: 0 before, 44 during"]
    assert [text for text in told["normal"] if ": -" in text or " -" in text or "e+" in text] == []


def test_what_became_rarer_is_not_said_to_be_as_frequent_as_before(found):
    told = found["20_errors", "datasource"][0].findings
    assert (
        "KeyError in observastack-backend: its message differs each time: no more frequent than before"
        in (told["normal"])
    )


def test_a_release_that_was_there_before_is_normal_by_when_it_was_first_seen(found):
    told = found["80_frontend", "slow-query"][0].findings
    assert "3.1.9 was first seen at 18:13:22 UTC: not with the onset" in told["normal"]


@pytest.mark.parametrize(("book", "incident"), RUNS)
def test_each_says_what_it_could_not_see_and_leaves_a_report_with_its_hypotheses(found, book, incident):
    result, _ = found[book, incident]
    assert result.findings["not_seen"]
    (report,) = [path for path in result.written if path.suffix == ".html"]
    page = words_of(report.read_text("utf-8"))
    assert all(one["statement"] in page for one in result.findings["hypotheses"])
