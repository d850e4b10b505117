"""Four short scenarios: a browser clicks, something breaks, it is recorded and investigated.

Each recording holds one request with its log lines, metrics and spans, joined by trace id and correlation
id, from the browser's click to the SQL statement.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Page, sync_playwright

import obsnb
from obsnb.lab.faults.catalogue import fault_named, struck_by
from obsnb.lab.faults.control import Control
from obsnb.lab.recording import EVERY_SERIES, FINE, freeze, write_truth
from obsnb.lab.roster import roster_of
from obsnb.lab.settings import LabSettings, free_ports
from obsnb.lab.supervisor import Lab
from obsnb.timerange import now_ns
from tests.requirements import require

#: Scenario → its fault, and the button that is clicked while it is on.
SCENARIOS = {
    "frontend": ("frontend-release", "dashboard"),
    "data-source": ("source-timeout", "search"),
    "authentication": ("identity-failing", "login"),
    "slow-query": ("dropped-index", "search"),
}


@dataclass(frozen=True)
class Recorded:
    """A scenario that was recorded: its archive, its truth, and the clicks before and while it was broken."""

    path: Path
    truth: dict
    before: tuple[str, str]
    during: tuple[str, str]
    shown: str


class Visitor:
    """Somebody before the page."""

    def __init__(self, page: Page, url: str, key: str) -> None:
        self.page, self.stopped = page, []
        page.on("console", lambda line: self.stopped.append(line.text) if "Security" in line.text else None)
        page.goto(f"{url}/#key={key}")
        page.wait_for_selector("body[data-ready]")

    def click(self, button: str) -> tuple[str, str]:
        """Click, wait until it is done; the trace id and the correlation id."""
        before = int(self.page.evaluate("document.body.dataset.clicks ?? 0"))
        self.page.click(f"#{button}")
        self.page.wait_for_selector(f'body[data-clicks="{before + 1}"]', timeout=60_000)
        told = self.page.inner_text("#foot").rpartition(" ")[2]
        return str(self.page.evaluate("document.body.dataset.trace")), told


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> dict[str, Recorded]:
    """All four, one after the other in one lab, each frozen for itself."""
    folder = tmp_path_factory.mktemp("scenarios")
    settings = LabSettings(str(folder), rate=2.0, scrape_s=0.5, rows=6_000, slow_query_s=0.05)
    settings = dataclasses.replace(settings, ports=free_ports(roster_of(settings).processes, first=None))
    with Lab(settings), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=require("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        visitor = Visitor(browser.new_page(), settings.url("backend"), settings.key)
        visitor.click("login")
        played = {name: _played(settings, visitor, *what) for name, what in SCENARIOS.items()}
        assert visitor.stopped == []
        browser.close()
    return {name: _frozen(settings, folder / "archives" / name, name, *told) for name, told in played.items()}


def _played(settings, visitor, fault, button):
    control, roster = Control(settings.path), roster_of(settings)
    start = now_ns()
    before = visitor.click("search")
    service = "logs-store" if fault == "source-timeout" else None
    control.begin(fault_named(fault), struck_by(fault_named(fault), roster, service))
    visitor.page.wait_for_timeout(300)  # faults are looked for ten times a second
    visitor.page.fill("#text", f"never asked before {fault}")
    during = visitor.click(button)
    shown = visitor.page.inner_text("#view")
    control.end()
    visitor.page.wait_for_timeout(700)  # the page sends what it tells every half second
    return obsnb.TimeRange(start, now_ns()), before, during, shown


def _frozen(settings, out, name, window, before, during, shown):
    history = Control(settings.path).history()
    path, truth = freeze(settings, out, window=window, history=history, scenario=name)
    write_truth(path, truth)
    return Recorded(path, truth, before, during, shown)


@pytest.fixture(params=SCENARIOS)
def one(request, recorded):
    return recorded[request.param]


def test_one_request_is_joined_from_the_browsers_click_to_the_sql_statement(one):
    obs = obsnb.open_archive(one.path)
    trace, correlation = one.before
    scope = dict(obs.scope)
    lines = obs.role("scope.logs", obs.window, scope=scope).filter(pl.col("trace_id") == trace)
    assert {"frontend", "backend"} <= set(lines["service"].cast(pl.String))
    assert set(lines["correlation_id"]) == {correlation}
    spans = obs.trace(trace)
    assert set(spans["correlation_id"]) == {correlation}
    by_id = {row["span_id"]: row for row in spans.to_dicts()}
    statement = next(row for row in by_id.values() if row["db.collection.name"] == "saved_searches")
    above = []
    while statement is not None:
        above.append(f"{statement['service']}: {statement['name']}")
        statement = by_id.get(statement["parent_span_id"])
    assert above == [
        "backend: SELECT saved_searches",
        "backend: POST /api/v1/search",
        "frontend: POST /api/v1/search",
        "frontend: click search",
    ]


def test_the_metrics_of_the_recording_count_that_request_and_an_exemplar_names_a_recorded_trace(one):
    obs = obsnb.open_archive(one.path)
    scope, series = dict(obs.scope), obs.metrics(EVERY_SERIES, step=FINE)
    searches = series.filter(
        (pl.col("metric") == "http_requests_total") & (pl.col("endpoint") == "/api/v1/search")
    )
    assert {"200"} <= set(searches["status_code"].cast(pl.String))
    assert {"database_query_duration_seconds_bucket", "active_connections"} <= set(series["metric"])
    exemplars = obs.role("requests.exemplars", obs.window, scope=scope)
    assert exemplars.height > 0
    lines = obs.role("scope.logs", obs.window, scope=scope)
    assert set(exemplars["trace_id"]) & set(lines["trace_id"])


def test_the_truth_lies_beside_the_recording_and_names_what_was_broken(recorded):
    for name, one in recorded.items():
        told = json.loads((one.path / "truth.json").read_text("utf-8"))
        assert told == one.truth
        assert told["scenario"] == name
        assert [cause["fault"] for cause in told["causes"]] == [SCENARIOS[name][0]]
        assert told["start"] <= told["onset"] < told["recovery"] <= told["end"]


def test_each_recording_can_be_investigated(one):
    inv = obsnb.investigate(obsnb.open_archive(one.path))
    assert {"backend", "identity"} <= set(inv.suspects()["service"].cast(pl.String))
    assert inv.summary().lines


def test_what_fails_on_the_page_stays_within_the_boundary_and_is_told_with_its_stack(recorded):
    one = recorded["frontend"]
    assert one.shown.startswith("Something went wrong\n")
    assert one.during[1] in one.shown
    lines = obsnb.open_archive(one.path).role(
        "scope.logs", obsnb.open_archive(one.path).window, scope={"namespace": "obsnb-lab"}
    )
    failed = lines.filter((pl.col("line") == "Dashboard failed") & (pl.col("trace_id") == one.during[0]))
    assert failed["metadata.exception_type"].to_list() == ["TypeError"]
    assert "dashboard_broken.js" in failed["metadata.exception_stacktrace"][0]


def test_a_slow_statement_is_logged_with_how_long_it_took_and_what_it_was(recorded):
    one = recorded["slow-query"]
    obs = obsnb.open_archive(one.path)
    lines = obs.role("scope.logs", obs.window, scope=dict(obs.scope))
    slow = lines.filter((pl.col("line") == "Slow query detected") & (pl.col("trace_id") == one.during[0]))
    assert slow.height >= 1
    assert float(slow["metadata.duration_s"][0]) > 0.05
    assert slow["metadata.statement"][0].startswith("SELECT saved_searches.title")


def test_a_source_that_does_not_answer_and_a_provider_that_fails_are_shown_in_words(recorded):
    assert "logs-store does not answer in time." in recorded["data-source"].shown
    assert "The identity provider answers 503." in recorded["authentication"].shown


def test_the_key_in_the_pages_address_is_in_nothing_that_was_written(recorded):
    folder = next(iter(recorded.values())).path.parents[1]
    written = [*folder.rglob("*.jsonl"), *folder.glob("processes/*.log")]
    assert len(written) > 10
    for path in written:
        assert "#key=" not in path.read_text("utf-8"), path
