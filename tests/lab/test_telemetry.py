"""What a service tells of itself, right and as the guide's code would."""

import asyncio
import hashlib
import io
import json
import logging
import re

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry, Counter

from obsnb.lab.as_written import refuse_reserved, written_formatter
from obsnb.lab.telemetry.current import enter, leave, read_correlation
from obsnb.lab.telemetry.logs import StructuredFormatter
from obsnb.lab.telemetry.metering import metered
from obsnb.lab.telemetry.metrics import Metrics
from obsnb.lab.telemetry.scrape import otlp_metrics
from obsnb.lab.telemetry.stacks import stack_of
from obsnb.lab.telemetry.tracing import HostClock, Tracing, trace_function
from tests.coroutines import finish


@pytest.fixture
def request_of():
    of, token = enter("0123456789abcdef")
    of.tenant_id, of.user_id = "acme", "user-1"
    yield of
    leave(token)


@pytest.fixture
def traced():
    exporter = InMemorySpanExporter()

    class Service:
        clock = HostClock()
        tracing = Tracing(
            Resource.create({"service.name": "api"}), [SimpleSpanProcessor(exporter)], clock=clock
        )

    return Service(), exporter


def _line(formatter, message, error=None, **extra):
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    logger = logging.Logger("lab.api")
    logger.addHandler(handler)
    logger.warning(message, extra=extra, exc_info=error)
    return json.loads(out.getvalue())


def test_a_slow_query_line_keeps_its_duration_and_statement_and_every_id(request_of, traced):
    service, _ = traced
    with service.tracing.span("x") as span:
        told = _line(
            StructuredFormatter("api", service.clock), "Slow query", duration_s=1.5, statement="SELECT 1"
        )
        ids = span.get_span_context()
    assert told["duration_s"] == 1.5
    assert told["statement"] == "SELECT 1"
    assert told["trace_id"] == f"{ids.trace_id:032x}"
    assert told["span_id"] == f"{ids.span_id:016x}"
    assert (told["correlation_id"], told["tenant_id"], told["user_id"]) == (
        "0123456789abcdef",
        "acme",
        "user-1",
    )
    assert told["timestamp"].endswith("Z")


def test_as_written_the_same_line_loses_its_duration_its_statement_and_its_trace(request_of, traced):
    service, _ = traced
    with service.tracing.span("x"):
        told = _line(written_formatter(), "Slow query", duration_s=1.5, statement="SELECT 1")
    assert told["message"] == "[0123456789abcdef] Slow query"
    assert not {"duration_s", "statement", "trace_id", "correlation_id"} & set(told)
    assert not told["timestamp"].endswith("Z")


def test_as_written_a_field_named_message_raises_instead_of_the_error():
    with pytest.raises(KeyError, match="Attempt to overwrite 'message' in LogRecord"):
        refuse_reserved({"message": "the index is gone"})


def test_an_exception_is_told_with_its_type_and_its_stack():
    try:
        raise ValueError("no such tenant")
    except ValueError as error:
        told = _line(StructuredFormatter("api", HostClock()), "Failed", error)
    assert (told["exception.type"], told["exception.message"]) == ("ValueError", "no such tenant")
    assert 'File "tests/lab/test_telemetry.py", line ' in told["exception.stacktrace"]


def test_stacks_name_no_folder_of_the_machine_they_are_from():
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads("{")
    told = stack_of(raised.value)
    files = re.findall(r'File "([^"]+)"', told)
    assert len(files) >= 3
    assert not [file for file in files if file.startswith("/")]
    assert any(file.startswith("python3.") and file.endswith("json/decoder.py") for file in files)


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "x\nlevel=error", "<script>aaaa", None])
def test_a_correlation_id_that_could_do_harm_is_not_taken_over(given):
    assert read_correlation(given) is None


def test_functions_and_coroutines_are_traced_alike_and_failures_make_the_status(traced, request_of):
    service, exporter = traced

    @trace_function(service, "sync")
    def plain(number):
        return 1 // number

    @trace_function(service)
    async def awaited(number):
        return plain(number)

    assert plain(1) == 1
    assert finish(awaited(1)) == 1
    with pytest.raises(ZeroDivisionError):
        finish(awaited(0))
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans][:2] == ["sync", "sync"]
    failed = spans[-1]
    assert failed.status.status_code.name == "ERROR"
    assert failed.status.description.startswith("ZeroDivisionError: ")
    assert failed.events[0].attributes["exception.type"] == "ZeroDivisionError"
    assert failed.resource.attributes["service.name"] == "api"
    assert failed.attributes["correlation_id"] == request_of.correlation_id
    assert failed.attributes["tenant.id"] == "acme"


def test_a_host_whose_clock_is_ahead_tells_later_times(traced):
    service, exporter = traced
    with service.tracing.span("before"):
        pass
    service.clock.skew_ns = 45 * 10**9
    with service.tracing.span("ahead"):
        pass
    before, ahead = exporter.get_finished_spans()
    assert ahead.start_time - before.start_time >= 45 * 10**9
    assert ahead.end_time >= ahead.start_time


def test_the_four_metrics_are_there_with_routes_and_exemplars_of_kept_traces(traced):
    service, _ = traced
    metrics = Metrics("api", "1.0.0", own_process=False)
    with service.tracing.span("x") as span:
        metrics.request("GET", "/items/{id}", 200, "acme", 0.02)
        metrics.statement("SELECT", "items", 0.003)
        trace_id = f"{span.get_span_context().trace_id:032x}"
    text = metrics.text().decode()
    assert (
        'http_requests_total{endpoint="/items/{id}",method="GET",status_code="200",tenant_id="acme"} 1.0'
        in text
    )
    assert 'active_connections{service="api"} 0.0' in text
    for name in ("http_request_duration_seconds_bucket", "database_query_duration_seconds_bucket"):
        assert any(line.startswith(name) and trace_id in line for line in text.splitlines())


def test_of_services_that_share_a_thread_each_is_charged_what_it_computed_itself():
    spent = {"busy": 0.0, "idle": 0.0, "failing": 0.0}

    def charge(name):
        def more(seconds):
            spent[name] += seconds

        return more

    async def busy():
        for _ in range(20):
            hashlib.pbkdf2_hmac("sha256", b"lab", b"lab", 20_000)
            await asyncio.sleep(0)
        return "done"

    async def idle():
        for _ in range(20):
            await asyncio.sleep(0)

    async def failing():
        await asyncio.sleep(0)
        raise ValueError("no")

    async def together():
        work = {"busy": busy(), "idle": idle(), "failing": failing()}
        tasks = [asyncio.ensure_future(metered(each, charge(name))) for name, each in work.items()]
        return await asyncio.gather(*tasks, return_exceptions=True)

    done, nothing, failed = finish(together())
    assert (done, nothing, str(failed)) == ("done", None, "no")
    assert spent["busy"] > 10 * (spent["idle"] + spent["failing"]) > 0


def test_metered_work_that_is_cancelled_is_told_and_may_clean_up():
    cleaned = []

    async def waiting():
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append("up")

    async def cancelled():
        task = asyncio.ensure_future(metered(waiting(), lambda _: None))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert finish(cancelled())
    assert cleaned == ["up"]


def test_a_process_tells_of_itself_only_where_it_is_one_service_alone():
    alone, shared = (Metrics("api", "1.0.0", own_process=own).text().decode() for own in (True, False))
    assert "process_cpu_seconds_total" in alone
    assert "python_thread_cpu_seconds_total" not in alone
    assert "process_" not in shared
    metrics = Metrics("api", "1.0.0", own_process=False)
    metrics.used(1.5)
    assert "python_thread_cpu_seconds_total 1.5" in metrics.text().decode()


def test_a_deployment_leaves_one_release_in_the_metrics():
    metrics = Metrics("api", "1.0.0", own_process=False)
    metrics.deployed("1.1.0")
    told = [line for line in metrics.text().decode().splitlines() if line.startswith("app_build_info")]
    assert told == ['app_build_info{service="api",version="1.1.0"} 1.0']


def test_a_counter_is_a_monotonic_sum_and_a_histogram_keeps_its_buckets_and_exemplars(traced):
    service, _ = traced
    metrics = Metrics("api", "1.0.0", own_process=False)
    with service.tracing.span("x") as span:
        metrics.request("GET", "/a", 200, None, 0.02)
        metrics.request("GET", "/a", 200, None, 7.0)
        trace_id = f"{span.get_span_context().trace_id:032x}"
    message = otlp_metrics(metrics.registry, {"service.name": "api"}, 10**18)
    found = {one["name"]: one for one in message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]}
    total = found["http_requests"]["sum"]
    assert total["isMonotonic"]
    assert total["dataPoints"][0]["asDouble"] == 2.0
    point = found["http_request_duration_seconds"]["histogram"]["dataPoints"][0]
    assert sum(map(int, point["bucketCounts"])) == int(point["count"]) == 2
    assert len(point["bucketCounts"]) == len(point["explicitBounds"]) + 1
    assert {one["traceId"] for one in point["exemplars"]} == {trace_id}


def test_a_registry_that_nobody_used_is_a_message_all_the_same():
    registry = CollectorRegistry()
    Counter("unused", "Nothing", ("a",), registry=registry)
    message = otlp_metrics(registry, {}, 0)
    assert message["resourceMetrics"][0]["scopeMetrics"][0]["metrics"] == []


def test_as_written_observations_carry_no_trace(traced):
    service, _ = traced
    metrics = Metrics("api", "1.0.0", own_process=False, exemplars=False)
    with service.tracing.span("x"):
        metrics.request("GET", "/a", 200, None, 0.02)
    assert "trace_id" not in metrics.text().decode()
