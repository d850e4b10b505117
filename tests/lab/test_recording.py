"""What leaves a process by OTLP, what a sampler keeps, and what a truth says."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import obsnb
from obsnb.instants import now_ns
from obsnb.lab.as_written import request_as_written, statement_as_written
from obsnb.lab.faults.control import Broken
from obsnb.lab.outgoing import client
from obsnb.lab.recording import freeze, kept_traces, truth_of
from obsnb.lab.roster import roster_of
from obsnb.lab.service import Service
from obsnb.lab.settings import HOST, LabSettings, Sampling
from obsnb.lab.telemetry.current import enter, leave
from obsnb.lab.telemetry.emission import Emission


@pytest.fixture
def receiver():
    """A server that keeps what is posted to it."""
    found = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            found.append((self.path, gzip.decompress(body) if packed else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{HOST}:{server.server_port}", found
        server.shutdown()
        thread.join()


def _service(settings):
    roster, emission = roster_of(settings), Emission(settings, "backend")
    one = Service(roster.services[0], settings=settings, roster=roster, emission=emission, own_process=False)
    return one, emission


def test_logs_and_spans_go_to_loki_and_tempo_by_the_sdks_own_exporters(receiver, tmp_path):
    url, found = receiver
    service, emission = _service(LabSettings(str(tmp_path), loki=url, tempo=f"{url}/"))
    of, token = enter("0123456789abcdef")
    with service.tracing.span("work"):
        service.log.warning("Slow query detected", extra={"duration_s": 1.5})
    leave(token)
    emission.close()
    told = dict(found)
    assert set(told) == {"/v1/traces", "/otlp/v1/logs"}
    span = ExportTraceServiceRequest.FromString(told["/v1/traces"]).resource_spans[0].scope_spans[0].spans[0]
    logs = ExportLogsServiceRequest.FromString(told["/otlp/v1/logs"]).resource_logs[0]
    record = logs.scope_logs[0].log_records[0]
    assert record.body.string_value == "Slow query detected"
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    fields = {one.key: one.value for one in record.attributes}
    assert fields["correlation_id"].string_value == of.correlation_id
    assert fields["duration_s"].double_value == 1.5
    names = {one.key: one.value.string_value for one in logs.resource.attributes}
    assert (names["service.name"], names["service.namespace"]) == ("backend", "obsnb-lab")


def _written(settings, requests=40):
    """Telemetry of some requests, the first of which fails."""
    service, emission = _service(settings)
    for number in range(requests):
        _, token = enter()
        try:
            with service.tracing.span("work"):
                service.log.info("Worked")
                service.metrics.request("GET", "/", 200, "acme", 0.01)
                if number == 0:
                    raise ValueError("no")
        except ValueError:
            pass
        leave(token)
    service.scrape()
    emission.close()


def _frozen(tmp_path, **more):
    settings = LabSettings(str(tmp_path / "lab"), **more)
    start = now_ns()
    _written(settings)
    window = obsnb.TimeRange(start, now_ns() + 10**9)
    path, truth = freeze(settings, tmp_path / "out", window=window, history=[], scenario="quiet")
    return obsnb.open_archive(path), truth


def test_without_sampling_every_trace_is_kept_and_nothing_was_wrong_in_a_quiet_run(tmp_path):
    obs, truth = _frozen(tmp_path)
    assert (truth["log_lines"], truth["spans"]) == (40, 40)
    assert (truth["root_cause"], truth["onset"], truth["recovery"], truth["causes"]) == (None, None, None, [])
    assert obs.role("errors.spans", obs.window, scope=dict(obs.scope)).height == 1


def test_a_head_sampler_keeps_none_or_all_and_log_lines_stay(tmp_path):
    _, truth = _frozen(tmp_path, sampling=Sampling("head", 0.0))
    assert (truth["log_lines"], truth["spans"]) == (40, 0)


def test_a_tail_sampler_keeps_what_failed_and_log_lines_stay(tmp_path):
    obs, truth = _frozen(tmp_path, sampling=Sampling("tail", 0.0))
    assert truth["log_lines"] == 40
    failed = obs.role("errors.spans", obs.window, scope=dict(obs.scope))
    assert failed["status"].cast(pl.String).to_list() == ["error"]
    assert truth["spans"] == 1


def test_as_written_spans_belong_to_nobody_and_nothing_joins_them_to_the_lines(tmp_path):
    obs, truth = _frozen(tmp_path, as_written=True)
    assert truth["as_written"]
    spans = obs.role("errors.spans", obs.window, scope={})
    assert spans["service"][0].startswith("unknown_service")
    lines = obs.role("scope.logs", obs.window, scope={})
    assert lines["trace_id"].null_count() == lines.height == 40
    assert obs.role("requests.exemplars", obs.window, scope={}).is_empty()


def test_as_written_nothing_is_told_of_what_is_asked_of_others_and_they_are_told_nothing(receiver, tmp_path):
    url, found = receiver

    def asked(**more):
        folder = str(tmp_path / str(len(more)))
        settings = LabSettings(folder, tempo=url, ports={"identity": int(url[-5:].lstrip(":"))}, **more)
        service, emission = _service(settings)
        with client(service, "identity", timeout_s=5) as identity, service.tracing.span("work"):
            headers = identity.post("/token").request.headers
        emission.close()
        spans = [body for path, body in found if path == "/v1/traces"][-1]
        scope = ExportTraceServiceRequest.FromString(spans).resource_spans[0].scope_spans[0]
        return "traceparent" in headers, [span.name for span in scope.spans]

    assert asked() == (True, ["POST identity", "work"])
    assert asked(as_written=True) == (False, ["work"])


def test_as_written_attributes_have_the_names_that_the_instrumentations_give_by_default():
    assert statement_as_written(
        {"db.system.name": "sqlite", "db.query.text": "SELECT 1", "db.collection.name": "runs"}
    ) == {"db.system": "sqlite", "db.statement": "SELECT 1"}
    assert request_as_written({"http.route": "/a", "http.response.status_code": 200}) == {
        "http.route": "/a",
        "http.status_code": 200,
    }


@given(st.lists(st.tuples(st.integers(1, 50), st.booleans(), st.integers(0, 2 * 10**9))), st.floats(0, 1))
def test_no_failed_and_no_slow_trace_is_lost_and_traces_are_kept_whole(spans, share):
    frame = pl.DataFrame(
        {
            "trace_id": [f"{trace:032x}" for trace, _, _ in spans],
            "status": ["error" if failed else "ok" for _, failed, _ in spans],
            "duration": [duration for _, _, duration in spans],
        },
        schema={"trace_id": pl.String, "status": pl.String, "duration": pl.Int64},
    )
    kept = kept_traces(frame, Sampling("tail", share))
    telling = {f"{trace:032x}" for trace, failed, duration in spans if failed or duration >= 10**9}
    assert telling <= kept <= set(frame["trace_id"])
    assert kept_traces(frame, Sampling("tail", 0.0)) == telling
    assert kept_traces(frame, Sampling("tail", 1.0)) == set(frame["trace_id"])


def test_of_two_faults_the_truth_has_the_earliest_onset_and_the_latest_recovery():
    window = obsnb.TimeRange(0, 100 * 10**9)
    history = [
        Broken("cpu-burn", "backend", 10 * 10**9, 50 * 10**9),
        Broken("clock-skew", "logs-store", 20 * 10**9, 60 * 10**9),
        Broken("n-plus-one", "backend", 200 * 10**9, None),
    ]
    truth = truth_of(LabSettings("lab"), window=window, history=history, scenario="two")
    assert (truth["onset"], truth["recovery"]) == (10.0, 60.0)
    assert [cause["service"] for cause in truth["causes"]] == ["backend", "logs-store"]
    assert truth["root_cause"]["fault"] == "cpu-burn"


def test_a_fault_that_is_on_at_the_end_has_no_recovery():
    history = [Broken("cpu-burn", "backend", 10 * 10**9, None)]
    window = obsnb.TimeRange(0, 100 * 10**9)
    truth = truth_of(LabSettings("lab"), window=window, history=history, scenario="on")
    assert (truth["onset"], truth["recovery"]) == (10.0, None)
