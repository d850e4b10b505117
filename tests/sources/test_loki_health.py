"""How a Loki is doing, whatever it is."""

from __future__ import annotations

from obsnb.conventions import DEFAULT
from obsnb.settings import Endpoint
from obsnb.sources.loki import Loki
from obsnb.transport.http import HttpTransport
from tests.sources.asking_loki import PLAIN, loki
from tests.standin.loki import LokiStandIn
from tests.standin.serving import serving


def test_health_says_version_limits_and_clock():
    with serving(LokiStandIn(limits={"max_query_length": "30d1h", "other": 1})) as url:
        transport = HttpTransport(Endpoint("loki", "loki", url, tenant="acme"))
        health = Loki(transport, conventions=DEFAULT).health()
        transport.close()
    assert (health.source, health.kind, health.status, health.version) == ("loki", "logs", "ok", "3.8.0")
    assert health.limits == {"max_query_length": "30d1h"}
    assert health.latency_s is not None
    assert abs(health.clock_skew_s) <= 1
    assert health.message == ""


def test_a_loki_that_is_not_ready_is_degraded_and_a_gateway_that_hides_it_is_not():
    def ready(status):
        return LokiStandIn(
            before=lambda path, _: (status, PLAIN, b"Ingester not ready") if path == "/ready" else None
        )

    ill = loki(ready(503)).health()
    assert (ill.status, ill.version) == ("degraded", "3.8.0")
    assert "Ingester not ready" in ill.message
    assert loki(ready(404)).health().status == "ok"


def test_a_tenant_that_is_missing_and_a_page_of_a_login_are_found_by_health():
    refused = loki(LokiStandIn(tenants={"acme": []})).health()
    assert refused.status == "refused"
    assert "no org id" in refused.message
    page = (200, {"content-type": "text/html"}, b"<html><title>Sign in</title></html>")
    login = loki(LokiStandIn(before=lambda path, _: page)).health()
    assert login.status == "degraded"
    assert 'a page titled "Sign in"' in login.message


def test_a_loki_that_is_not_there_is_unreachable_and_health_does_not_raise():
    transport = HttpTransport(Endpoint("loki", "loki", "http://127.0.0.1:9", retries=0))
    health = Loki(transport, conventions=DEFAULT).health()
    assert health.status == "unreachable"
    assert "http://127.0.0.1:9" in health.message
