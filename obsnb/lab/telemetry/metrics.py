"""The metrics of a service: the guide's four, what it runs, and what it uses."""

from __future__ import annotations

from opentelemetry.trace import get_current_span
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector

__all__ = ["OPENMETRICS", "Metrics"]

OPENMETRICS = CONTENT_TYPE_LATEST
#: Seconds: finer where requests are, coarse where patience ends.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_KINDS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "COMMIT"})


class Metrics:
    """One service's own registry, so that forty services in a process do not add up.

    Unlike the guide's: the label ``endpoint`` is the route (``/api/v1/dashboards/{dashboard_id}``), not
    the path, of which there are as many as dashboards; requests whose handler raised are counted too;
    observations carry the trace they came from as exemplars.

    Parameters
    ----------
    service, version
        What runs.
    own_process
        Whether the process is this service's alone: then its CPU, memory and files are told. Of a shared
        one nobody could say whose they are; there the CPU of the service's requests is measured by itself
        (`used`), and memory is not told.
    exemplars
        Whether observations carry their trace. The guide's do not.
    """

    def __init__(self, service: str, version: str, *, own_process: bool, exemplars: bool = True) -> None:
        self._exemplars = exemplars
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests",
            "HTTP requests, by their outcome",
            ("method", "endpoint", "status_code", "tenant_id"),
            registry=registry,
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "How long requests took",
            ("method", "endpoint", "tenant_id"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.active = Gauge(
            "active_connections", "Requests that are being served", ("service",), registry=registry
        ).labels(service=service)
        self.statements = Histogram(
            "database_query_duration_seconds",
            "How long statements took",
            ("query_type", "table"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.pool = Gauge(
            "database_pool_connections", "Connections of the pool", ("state",), registry=registry
        )
        self.cache = Counter("cache_lookups", "Look-ups in the cache", ("result",), registry=registry)
        self._build = Gauge("app_build_info", "Which release runs", ("service", "version"), registry=registry)
        self._service = service
        self.deployed(version)
        self._cpu: Counter | None = None
        if own_process:
            ProcessCollector(registry=registry)
        else:
            self._cpu = Counter(
                "python_thread_cpu_seconds",
                "CPU that this service's requests used, by the clock of the thread that it shares",
                registry=registry,
            )

    def deployed(self, version: str) -> None:
        """Another release runs from now on."""
        self._build.clear()
        self._build.labels(service=self._service, version=version).set(1)

    def request(self, method: str, endpoint: str, status: int, tenant: str | None, seconds: float) -> None:
        """A request was answered."""
        of = tenant or "unknown"
        self.requests.labels(method, endpoint, str(status), of).inc()
        self.duration.labels(method, endpoint, of).observe(seconds, self._exemplar())

    def statement(self, kind: str, table: str, seconds: float) -> None:
        """A statement was executed."""
        self.statements.labels(kind if kind in _KINDS else "OTHER", table).observe(seconds, self._exemplar())

    def used(self, seconds: float) -> None:
        """The service computed for so long."""
        if self._cpu is not None:
            self._cpu.inc(seconds)

    def _exemplar(self) -> dict[str, str] | None:
        """The current trace, if it is one that is kept."""
        span = get_current_span().get_span_context()
        if not self._exemplars or not span.is_valid or not span.trace_flags.sampled:
            return None
        return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}

    def text(self) -> bytes:
        """For a scrape, in OpenMetrics: the form that has exemplars."""
        told: str | bytes = generate_latest(self.registry)  # type: ignore[no-untyped-call]  # it has no types
        return told if isinstance(told, bytes) else told.encode()
