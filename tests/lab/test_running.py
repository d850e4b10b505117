"""A lab that really runs: started, asked, broken, recorded, investigated, ended, by the commands.

Each recording holds one request with its log lines, metrics and spans, joined by trace id and correlation
id, from the browser's click to the SQL statement.
"""

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import polars as pl
import pytest

import obsnb
from obsnb.cli import main
from obsnb.instants import now_ns
from obsnb.lab.faults.catalogue import FAULTS
from obsnb.lab.recording import EVERY_SERIES, fine_step
from obsnb.lab.roster import roster_of
from obsnb.lab.scraping import prometheus_config
from obsnb.lab.settings import HOST, LabSettings, free_ports
from obsnb.lab.supervisor import Lab
from tests.lab.conftest import SCENARIOS, WHOLE, of_session, until
from tests.requirements import require

TRACE, CORRELATION = "4bf92f3577b34da6a3ce929d0e0e4736", "a-request-of-the-test"


def test_a_second_lab_in_the_same_folder_is_refused(lab, capsys):
    assert main(["lab", "up", "--state", str(lab.folder)]) == 2
    assert capsys.readouterr().err == (
        f"A lab runs in {lab.folder} already.\n"
        "Hint: obsnb lab down ends it; --state names another folder for a second one.\n"
    )


def test_a_request_is_answered_with_its_correlation_id(lab):
    headers = {"x-correlation-id": CORRELATION, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    answer = lab.ask("POST", "/api/v1/search", json={"free_text": "errors"}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["x-correlation-id"] == CORRELATION
    assert answer.json()["saved"]
    assert lab.ask("GET", "/api/v1/dashboards/1").json()["panels"]
    assert lab.ask("GET", "/api/v1/alerts").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/api/v1/search", {"free_text": " "}, 422, "ValidationError"),
        ("POST", "/api/v1/search", {"free": 1}, 422, "ValidationError"),
        ("GET", "/api/v1/dashboards/99", None, 404, "NotFoundError"),
    ],
)
def test_each_error_is_answered_with_a_status_of_its_own(lab, method, path, body, status, code):
    answer = lab.ask(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["request_id"] == answer.headers["x-correlation-id"]


def test_whoever_has_no_token_or_a_wrong_one_is_not_known(lab):
    for header in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic x"}):
        answer = lab.client.get("/api/v1/alerts", headers=header)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "AuthenticationError"


def test_an_error_that_nobody_expected_is_counted_and_tells_nothing(lab):
    answer = lab.debug("POST", "/simulate-error")
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "Something unexpected happened."
    counted = [
        line
        for line in lab.client.get("/metrics").text.splitlines()
        if line.startswith("http_requests_total{") and 'endpoint="/debug/simulate-error"' in line
    ]
    assert len(counted) == 1
    assert 'status_code="500"' in counted[0]


def test_debug_endpoints_ask_for_the_key_and_mask_secrets(lab):
    assert lab.ask("GET", "/debug/info").status_code == 401
    assert lab.ask("GET", "/debug/info", headers={"x-debug-key": "wrong"}).status_code == 401
    told = lab.debug("GET", "/info")
    assert told.status_code == 200
    assert lab.settings.key not in told.text
    health = lab.debug("GET", "/health/detailed").json()
    assert set(health["checks"]) == {"database", *roster_of(lab.settings).services[0].calls}
    assert health["checks"]["database"]["status"] == "healthy"


def test_a_debug_session_holds_the_events_of_its_requests_and_then_ends(lab):
    session = "session-of-a-test"
    assert lab.debug("POST", f"/sessions/{session}").status_code == 200
    body = {"free_text": "password=not-a-real-one in errors"}
    lab.ask("POST", "/api/v1/search", json=body, headers={"x-debug-session": session})
    lab.ask("POST", "/api/v1/search", json=body, headers={"x-debug-session": "nobody-began-it"})
    told = lab.debug("DELETE", f"/sessions/{session}").json()
    assert [event["event"] for event in told["events"]] == [
        "query_validation_start",
        "query_validation_end",
        "search_end",
    ]
    assert "not-a-real-one" not in str(told)
    assert lab.debug("DELETE", f"/sessions/{session}").status_code == 404
    assert lab.debug("POST", "/sessions/x").status_code == 422


def test_memory_is_recorded_between_two_moments_and_only_once_at_a_time(lab):
    assert lab.debug("POST", "/memory").status_code == 200
    assert lab.debug("POST", "/memory").status_code == 409
    told = lab.debug("DELETE", "/memory").json()
    assert told["peak_rss_bytes"] > 10_000_000
    assert told["top"]
    assert lab.debug("DELETE", "/memory").status_code == 409


def test_nothing_of_the_lab_listens_beyond_loopback(lab):
    ports = set(lab.settings.ports.values())
    listening = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        address, port = fields[1].split(":")
        if fields[3] == "0A" and int(port, 16) in ports:
            listening[int(port, 16)] = address
    assert set(listening) == ports
    assert set(listening.values()) == {"0100007F"}  # 127.0.0.1, as the kernel writes it


def test_a_fault_breaks_what_it_says_and_is_mended(lab, capsys):
    state = ["--state", str(lab.folder)]
    assert main(["lab", "break", "release-raises", *state]) == 0
    assert "release-raises at backend since" in capsys.readouterr().out
    until(lambda: lab.ask("GET", "/api/v1/alerts").status_code == 500)
    assert main(["lab", "mend", *state]) == 0
    until(lambda: lab.ask("GET", "/api/v1/alerts").status_code == 200)
    assert main(["lab", "break", "no-such-fault", *state]) == 2
    assert capsys.readouterr().err.startswith("There is no fault 'no-such-fault'.\nHint: The faults are ")


def test_a_real_prometheus_scrapes_every_service_and_its_exemplars_are_traces_of_the_lab(lab, tmp_path):
    lab.ask("GET", "/api/v1/alerts")
    with (
        _prometheus(lab.settings, tmp_path) as url,
        obsnb.connect(prometheus=url, frames="polars") as obs,
    ):
        names = {each.name for each in roster_of(lab.settings).services}

        def seen():
            now = now_ns()
            where = obsnb.TimeRange(now - 60 * 10**9, now + 10**9)
            up = obs.metrics("up == 1", where, step="1s")
            return set(up["service_name"].cast(pl.String)) if up.height else set(), where

        until(lambda: seen()[0] == names)
        until(lambda: obs.exemplars("http_request_duration_seconds_bucket", seen()[1]).height > 0)
        found = obs.exemplars("http_request_duration_seconds_bucket", seen()[1])
    traces = set(found["trace_id"])
    kept = obsnb.read_otlp(lab.settings.telemetry).spans("{}")
    assert traces <= set(kept["trace_id"])
    assert traces


@contextmanager
def _prometheus(settings, folder):
    """Debian's, with the configuration that the lab gives."""
    ports = free_ports(("prometheus",), first=None)
    config = folder / "prometheus.yml"
    config.write_text(prometheus_config(settings), "utf-8")
    words = [
        require("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{ports['prometheus']}",
        "--enable-feature=exemplar-storage",
        "--log.level=error",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as out, subprocess.Popen(words, stdout=out, stderr=out) as process:
        url = f"http://{HOST}:{ports['prometheus']}"
        try:
            with httpx.Client(trust_env=False) as client:
                until(lambda: _answers(client, f"{url}/-/ready"))
            yield url
        finally:
            process.terminate()


def _answers(client, url):
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False


def test_when_it_is_ended_no_process_is_left(recorded, lab, capsys):
    assert of_session(lab.session) == []
    for port in lab.settings.ports.values():
        with socket.socket() as one:
            assert one.connect_ex((HOST, port)) != 0
    assert main(["lab", "down", "--state", str(lab.folder)]) == 2
    assert capsys.readouterr().err == (f"No lab runs in {lab.folder}.\nHint: obsnb lab up starts one.\n")


def test_its_files_hold_a_request_with_the_ids_that_it_came_with(recorded, lab):
    obs = obsnb.read_otlp(lab.settings.telemetry)
    spans = obs.trace(TRACE)
    assert {"backend", "logs-store"} <= set(spans["service"])
    statements = spans.filter(pl.col("db.query.text").is_not_null())
    assert set(statements["db.collection.name"]) == {"saved_searches", "usage"}
    assert set(spans["correlation_id"]) == {CORRELATION}
    joined = obs.logs('{service_namespace="obsnb-lab"}').filter(pl.col("trace_id") == TRACE)
    assert {"backend", "logs-store"} <= set(joined["service"].cast(pl.String))
    assert set(joined["correlation_id"]) == {CORRELATION}
    assert obs.ledger.last.complete == "yes"


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


def test_the_metrics_of_the_recording_count_that_request_and_an_exemplar_names_a_recorded_trace(one, lab):
    obs = obsnb.open_archive(one.path)
    scope, series = dict(obs.scope), obs.metrics(EVERY_SERIES, step=fine_step(lab.settings))
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


def test_ended_by_hand_a_lab_leaves_an_archive_of_its_whole_life_with_every_fault(recorded, lab):
    path = recorded["frontend"].path.parent / WHOLE
    told = json.loads((path / "truth.json").read_text("utf-8"))
    faults = [cause["fault"] for cause in told["causes"]]
    assert faults == ["release-raises", *(fault for fault, *_ in SCENARIOS.values())]
    obs = obsnb.open_archive(path)
    assert obs.role("scope.logs", obs.window, scope=dict(obs.scope)).height == told["log_lines"] > 0


def test_each_recording_can_be_investigated(one):
    inv = obsnb.investigate(obsnb.open_archive(one.path))
    assert {"frontend", "backend"} <= set(inv.suspects()["service"].cast(pl.String))
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


def test_the_key_in_the_pages_address_is_in_nothing_that_was_written(recorded, lab):
    folder = lab.settings.path
    written = [*folder.rglob("*.jsonl"), *folder.glob("processes/*.log")]
    assert len(written) > 10
    for path in written:
        assert "#key=" not in path.read_text("utf-8"), path


def test_a_database_that_refuses_is_said_and_nothing_is_left(tmp_path, capsys):
    words = ["--database", f"sqlite:///{tmp_path}/missing/lab.sqlite", "--state", str(tmp_path / "state")]
    assert main(["lab", "up", *words]) == 2
    assert capsys.readouterr().err == (
        "The lab's database refuses: unable to open database file\n"
        "Hint: Look at the address that --database gives; without it, the lab makes a file of its own.\n"
    )


def test_a_cache_that_refuses_is_said(tmp_path, capsys):
    state = str(tmp_path / "state")
    assert main(["lab", "up", "--services", "3", "--redis", "nonsense", "--state", state]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Redis refuses: Redis URL must specify one of the following schemes ")
    assert told.endswith("Hint: Leave --redis out, and the cache is in the process.\n")
    assert main(["lab", "down", "--state", state]) == 2
    assert capsys.readouterr().err.startswith(f"No lab runs in {state}. The last one said: Redis refuses: ")


def test_a_full_disk_ends_the_lab_and_is_said(tmp_path):
    settings = LabSettings(str(tmp_path), services=3, scrape_s=0.5)
    settings.telemetry.mkdir()
    (settings.telemetry / "identity-metrics.jsonl").symlink_to("/dev/full")
    settings = replace(settings, ports=free_ports(roster_of(settings).processes, first=None))
    with Lab(settings, load=False) as lab:
        ended = lab.ended(120)
    assert str(ended) == (
        f"The lab's identity cannot write what it tells into {settings.telemetry}: No space left on device.\n"
        "Hint: Look at the room on the disk."
    )


@pytest.fixture
def interruptible():
    """What a shell starts beside itself is deaf to an interrupt, and so is all that it starts in turn."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("ending", "code", "said"), [(signal.SIGINT, 130, b"Interrupted.\n"), (signal.SIGKILL, -9, b"")]
)
def test_a_run_that_is_ended_in_the_middle_leaves_no_process(ending, code, said, tmp_path):
    words = [sys.executable, "-m", "obsnb.cli", "lab", "run", "cpu-burn", "--out", str(tmp_path / "out")]
    with subprocess.Popen(
        [*words, "--services", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        start_new_session=True,
    ) as run:
        assert run.stdout.readline() == b"Running cpu-burn for 8 minutes, on 127.0.0.1 only.\n"
        until(lambda: len(of_session(run.pid)) >= 4)
        run.send_signal(ending)
        _, told = run.communicate(timeout=120)
    assert (run.returncode, told) == (code, said)
    until(lambda: of_session(run.pid) == [])
    assert not (tmp_path / "out").exists()
    if ending == signal.SIGINT:  # who is killed cannot put anything away
        assert list(tmp_path.glob("obsnb-lab-*")) == []


def test_a_secret_run_tells_nothing_until_it_is_revealed(tmp_path, capsys):
    out = tmp_path / "game"
    words = ["--secret", "--minutes", "0.05", "--services", "4", "--rate", "2", "--out", str(out)]
    assert main(["lab", "run", *words]) == 0
    told = capsys.readouterr().out
    assert not any(name in told for name in FAULTS)
    assert not (out / "truth.json").exists()
    assert main(["lab", "reveal", str(out)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^0 of \d+ points\. The truth is in ", told, re.MULTILINE)
    assert main(["archive", "verify", str(out)]) == 0
    assert main(["lab", "run", *words]) == 2
    assert capsys.readouterr().err == (
        f"{out} is there already.\nHint: Choose another --out, or pass --replace.\n"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "--out", "x"], "Say which scenario, or --secret for one that you are not told."),
        (["run", "quiet", "--secret", "--out", "x"], "Say which scenario, or --secret for one"),
        (["run", "no-such", "--out", "x"], "There is no scenario and no fault 'no-such'."),
        (["run", "quiet", "--minutes", "0", "--out", "x"], "A run lasts some minutes, not 0.0."),
        (["run", "quiet", "--minutes", "inf", "--out", "x"], "A run lasts some minutes, not inf."),
        (["run", "quiet", "--service", "worker", "--out", "x"], "quiet breaks nothing, so that there is no"),
        (["run", "--secret", "--service", "worker", "--out", "x"], "--secret strikes where it will, so that"),
        (["run", "quiet", "--out", "/dev/null/x"], "/dev/null/x cannot be made: nothing can be written into"),
        (["up", "--rate", "nan"], "The rate is a number above zero, not nan."),
        (["mend", "no-such"], "No lab runs in .obsnb-lab."),
        (["run", "quiet", "--services", "2", "--out", "x"], "A lab has 3 to 40 logical services, not 2."),
        (["run", "quiet", "--sample", "most", "--out", "x"], "'most' is not a way to sample."),
        (["break", "cpu-burn"], "No lab runs in .obsnb-lab."),
    ],
)
def test_words_that_cannot_be_meant_are_refused_before_anything_starts(
    words, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", *words]) == 2
    assert capsys.readouterr().err.startswith(told)
    assert list(tmp_path.iterdir()) == []


def test_where_the_extra_is_missing_the_command_says_what_to_install(monkeypatch, capsys):
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fastapi" else there(name))
    assert main(["lab", "list"]) == 1
    assert capsys.readouterr().err == (
        'The lab needs fastapi, which is not installed.\nHint: pip install "obsnb[lab]"\n'
    )
