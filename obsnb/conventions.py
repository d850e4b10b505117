"""How a stack names things: its service label, request counter, trace id, tenant and so on.

A stack's names are data, not code. The defaults cover OpenTelemetry's semantic conventions (old
and new), Prometheus exporters, Tempo's span metrics and ObservaStack. `Conventions.override`
changes any of them, from the ``[conventions]`` table of obsnb.toml.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from obsnb.errors import SettingsError

__all__ = ["DEFAULT", "SEVERITY", "Conventions"]

#: How grave a level's name is, after OpenTelemetry's severity numbers (log data model):
#: 1 trace, 5 debug, 9 info, 13 warning, 17 error, 21 fatal.
SEVERITY: Mapping[str, int] = MappingProxyType(
    {
        "trace": 1,
        "finest": 1,
        "verbose": 1,
        "debug": 5,
        "fine": 5,
        "info": 9,
        "information": 9,
        "informational": 9,
        "notice": 10,
        "log": 9,
        "warn": 13,
        "warning": 13,
        "err": 17,
        "error": 17,
        "severe": 17,
        "crit": 21,
        "critical": 21,
        "alert": 21,
        "fatal": 21,
        "emerg": 21,
        "emergency": 21,
        "panic": 21,
    }
)

_SCOPE: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "namespace": MappingProxyType(
            {
                "logs": ("namespace", "k8s_namespace_name", "service_namespace"),
                "metrics": ("namespace", "k8s_namespace_name", "service_namespace"),
                "traces": ("resource.service.namespace", "resource.k8s.namespace.name"),
            }
        ),
        "service": MappingProxyType(
            {
                "logs": ("service_name", "service", "app", "container"),
                "metrics": ("service_name", "service", "job", "app", "container"),
                "traces": ("resource.service.name",),
            }
        ),
        "tenant": MappingProxyType(
            {
                "logs": ("tenant_id", "tenant"),
                "metrics": ("tenant_id", "tenant"),
                "traces": ("span.tenant.id", "resource.tenant.id"),
            }
        ),
        "cluster": MappingProxyType(
            {
                "logs": ("cluster", "k8s_cluster_name"),
                "metrics": ("cluster", "k8s_cluster_name"),
                "traces": ("resource.k8s.cluster.name",),
            }
        ),
        "environment": MappingProxyType(
            {
                "logs": ("environment", "env", "deployment_environment", "deployment_environment_name"),
                "metrics": ("environment", "env", "deployment_environment"),
                "traces": (
                    "resource.deployment.environment.name",
                    "resource.deployment.environment",
                ),
            }
        ),
    }
)


@dataclass(frozen=True)
class Conventions:
    """The names that a stack uses, each field in order of precedence.

    Attributes
    ----------
    scope
        Scope key → signal (``logs``, ``metrics``, ``traces``) → the labels or attributes that may
        carry it.
    service_labels
        Labels that name the service a stream or series is about. ``container`` comes before
        ``job``, because an exporter's job is not the service that it reports on.
    service_aliases
        Names that mean the same service: alias → service.
    level_labels, level_fields
        Where a line's severity stands: stream label or metadata, field of a parsed line.
    trace_id_fields, span_id_fields, correlation_fields, tenant_fields, user_fields
        Fields of a parsed line, structured metadata or span attributes that carry the id.
    request_fields
        Those of the correlation fields that one service gives to one request of its own. They are
        an id to join by only where nothing else is.
    message_fields, exception_fields, version_fields
        Fields with the message, the stack trace, the service's version or release.
    exception_type_fields, exception_message_fields
        Fields with the type of an exception and what it says.
    logger_fields, route_fields, status_fields
        Fields with the logger's name, the route or path of a request, its HTTP status.
    wrapping_fields
        Names of JSON objects that only hold what would else stand beside them.
    statement_fields, duration_fields
        Fields of a log line with a database statement, and how long it took (seconds, unless the
        field's name ends in ``_ms``, ``_us`` or ``_ns``).
    statement_attributes, table_attributes, db_system_attributes
        Span attributes with the statement, the table and the database's kind.
    peer_attributes
        Span attributes that name whom a client span calls.
    route_labels, status_labels, tenant_labels
        Labels of the request metrics.
    request_counters, request_histograms, database_histograms
        Metric names; a histogram without its ``_bucket``. Where a service has several counters,
        the first is counted.
    resource_metrics
        Regular expressions of the names of resource metrics (CPU, memory, connections, pools).
    build_metrics
        Regular expressions of the names of metrics whose labels carry a version.
    deploy_lines
        Regular expressions that find a deployment in a log line, with the groups ``service`` and,
        where the line says it, ``action`` and ``version``.
    foreign_code
        Parts of a path that mark a stack frame as not the application's own.
    slow_s
        From how many seconds on an operation is fetched as slow (the debugging guide's second).
    """

    scope: Mapping[str, Mapping[str, tuple[str, ...]]] = dataclasses.field(default_factory=lambda: _SCOPE)
    service_labels: tuple[str, ...] = (
        "service_name",
        "service.name",
        "container",
        "app",
        "app_kubernetes_io_name",
        "job",
        "service",
    )
    service_aliases: Mapping[str, str] = dataclasses.field(default_factory=lambda: MappingProxyType({}))
    level_labels: tuple[str, ...] = (
        "level",
        "severity",
        "severity_text",
        "detected_level",
    )
    level_fields: tuple[str, ...] = ("level", "severity", "levelname", "lvl", "log.level")
    trace_id_fields: tuple[str, ...] = (
        "trace_id",
        "traceId",
        "traceID",
        "traceid",
        "trace.id",
        "otelTraceID",
    )
    span_id_fields: tuple[str, ...] = ("span_id", "spanId", "spanID", "spanid", "span.id", "otelSpanID")
    correlation_fields: tuple[str, ...] = (
        "correlation_id",
        "correlationId",
        "x_correlation_id",
        "request_id",
        "requestId",
        "x_request_id",
    )
    request_fields: tuple[str, ...] = (
        "request_id",
        "requestId",
        "x_request_id",
        "request.id",
        "req_id",
        "reqId",
        "http.request_id",
    )
    tenant_fields: tuple[str, ...] = (
        "tenant_id",
        "tenantId",
        "tenant.id",
        "tenant",
        "org_id",
        "organization",
    )
    user_fields: tuple[str, ...] = ("user_id", "userId", "enduser.id", "user.id", "user")
    message_fields: tuple[str, ...] = ("message", "msg", "body", "event", "log")
    exception_fields: tuple[str, ...] = (
        "exception",
        "exc_info",
        "stack",
        "stack_trace",
        "stacktrace",
        "exception.stacktrace",
        "exception_stacktrace",
        "error.stack",
        "error.stack_trace",
        "err.stack",
        "error.stacktrace",
        "stackTrace",
        "thrown.extendedStackTrace",
        "traceback",
        "backtrace",
    )
    exception_type_fields: tuple[str, ...] = (
        "exception.type",
        "exception_type",
        "exc_type",
        "error.type",
        "error.kind",
        "error.class",
        "error.name",
        "err.type",
        "err.name",
        "exception.class",
        "exception.name",
        "thrown.name",
        "errorName",
    )
    exception_message_fields: tuple[str, ...] = (
        "exception.message",
        "exception_message",
        "exception.value",
        "error.message",
        "error_message",
        "error.msg",
        "err.message",
        "err.msg",
        "thrown.message",
        "errmsg",
        "error",
        "err",
        "cause",
    )
    logger_fields: tuple[str, ...] = (
        "logger",
        "logger_name",
        "loggerName",
        "log.logger",
        "otel.scope.name",
        "scope_name",
        "name",
        "caller",
        "component",
        "category",
        "SourceContext",
    )
    route_fields: tuple[str, ...] = (
        "http.route",
        "route",
        "endpoint",
        "request_path",
        "request.path",
        "http.target",
        "url.path",
        "path",
        "uri",
        "request_uri",
        "req.url",
        "request.url",
        "url",
    )
    status_fields: tuple[str, ...] = (
        "http.response.status_code",
        "http.status_code",
        "http_status",
        "http.status",
        "status_code",
        "response.status",
        "response.status_code",
        "res.statusCode",
        "response_code",
        "status",
    )
    wrapping_fields: tuple[str, ...] = (
        "context",
        "ctx",
        "contextMap",
        "mdc",
        "extra",
        "extras",
        "fields",
        "data",
        "details",
        "labels",
        "tags",
        "meta",
        "metadata",
        "attributes",
        "properties",
        "resource",
        "record",
        "payload",
        "jsonPayload",
        "dd",
        "otel",
    )
    version_fields: tuple[str, ...] = ("service.version", "service_version", "version", "release")
    statement_fields: tuple[str, ...] = (
        "statement",
        "sql",
        "query",
        "db.statement",
        "db.query.text",
    )
    duration_fields: tuple[str, ...] = (
        "duration",
        "duration_s",
        "duration_ms",
        "duration_us",
        "duration_seconds",
        "duration_ns",
        "durationMs",
        "elapsed",
        "elapsed_s",
        "elapsed_ms",
        "elapsedMs",
        "took_ms",
        "latency",
        "latency_ms",
        "request_time",
        "response_time_ms",
        "query_time",
    )
    statement_attributes: tuple[str, ...] = ("db.query.text", "db.statement")
    table_attributes: tuple[str, ...] = ("db.collection.name", "db.sql.table")
    db_system_attributes: tuple[str, ...] = ("db.system.name", "db.system")
    peer_attributes: tuple[str, ...] = (
        "peer.service",
        "service.peer.name",
        "server.address",
        "net.peer.name",
        "db.system.name",
        "db.system",
        "messaging.destination.name",
        "messaging.system",
    )
    route_labels: tuple[str, ...] = (
        "endpoint",
        "http_route",
        "route",
        "handler",
        "uri",
        "path",
        "span_name",
    )
    status_labels: tuple[str, ...] = (
        "status_code",
        "http_response_status_code",
        "http_status_code",
        "code",
        "status",
    )
    tenant_labels: tuple[str, ...] = ("tenant_id", "tenant", "org_id")
    request_counters: tuple[str, ...] = (
        "http_requests_total",
        "http_server_requests_total",
        "http_server_request_duration_seconds_count",
        "http_server_duration_milliseconds_count",
        "http_server_requests_seconds_count",
        "traces_spanmetrics_calls_total",
        "traces_span_metrics_calls_total",
    )
    request_histograms: tuple[str, ...] = (
        "http_request_duration_seconds",
        "http_server_request_duration_seconds",
        "http_server_duration_milliseconds",
        "http_server_requests_seconds",
        "traces_spanmetrics_latency",
        "traces_span_metrics_duration_seconds",
    )
    database_histograms: tuple[str, ...] = (
        "database_query_duration_seconds",
        "db_client_operation_duration_seconds",
    )
    resource_metrics: tuple[str, ...] = (
        "container_.+",
        "process_.+",
        "node_(cpu|memory|load|disk|filesystem|network).*",
        "kube_pod_container_status_(restarts_total|last_terminated_reason)",
        "(pg|mysql|redis|mongodb|elasticsearch|kafka|rabbitmq|memcached)_.+",
        "(jvm|go|python|nodejs|dotnet)_.+",
        ".*(connections|pool|queue|threads|cache|inflight|in_flight|saturation).*",
        "up",
    )
    build_metrics: tuple[str, ...] = (".*build_info", "kube_pod_container_info")
    deploy_lines: tuple[str, ...] = (
        r"(?i)\bdeployment (?:of )?(?P<service>[\w./-]+) (?:was )?(?P<action>rolled (?:out|back)|"
        r"completed|finished|succeeded|started)\b(?:.*?\bversion[=: ]+v?(?P<version>\d[\w.+-]*))?",
        r"(?i)\b(?P<action>deployed|deploying|released|rolled out|rolling out|rolled back|"
        r"rolling back|upgraded)\s+(?P<service>[a-z][\w./-]*)"
        r"(?:\s+(?:to\s+)?(?:version[=: ]*)?v?(?P<version>\d[\w.+-]*))?",
        r"\bScaled up replica set (?P<service>[\w-]+?)-[0-9a-f]{8,10} (?:from \d+ )?to \d+",
    )
    foreign_code: tuple[str, ...] = (
        "site-packages",
        "dist-packages",
        "node_modules",
        "/usr/lib/",
        "/usr/local/lib/",
        "/vendor/",
        "sqlalchemy/",
        "starlette/",
        "fastapi/",
        "uvicorn/",
        "django/",
        "flask/",
        "asyncio/",
        "concurrent/",
        "httpx/",
        "httpcore/",
        "requests/",
        "urllib3/",
        "java.",
        "javax.",
        "jdk.",
        "org.springframework.",
        "org.apache.",
        "io.netty.",
        "node:internal",
        "/runtime/",
        "net/http",
        "/usr/local/go/",
        "/go/pkg/mod/",
        "<frozen ",
        "sun.",
        "com.sun.",
        "kotlin.",
        "kotlinx.",
        "scala.",
        "reactor.",
        "io.undertow.",
        "org.hibernate.",
        "org.postgresql.",
        "org.eclipse.jetty.",
        "com.zaxxer.hikari.",
        "com.mysql.",
        "System.",
        "Microsoft.",
    )
    slow_s: float = 1.0

    def __repr__(self) -> str:
        changed = [
            field.name
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(DEFAULT, field.name)
        ]
        return f"Conventions({'default' if not changed else 'changed: ' + ', '.join(changed)})"

    def override(self, table: Mapping[str, Any]) -> Conventions:
        """These conventions with some fields replaced.

        Parameters
        ----------
        table
            Field → new value: a list of names, for `service_aliases` and `scope` a table, for
            `slow_s` a number.

        Raises
        ------
        SettingsError
            A field does not exist, or its value has the wrong form.
        """
        changes: dict[str, Any] = {}
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name, value in table.items():
            if name not in known:
                raise SettingsError(
                    f"[conventions] has no field {name!r}.",
                    hint=f"The fields are {', '.join(known)}.",
                )
            changes[name] = self._read(name, known[name], value)
        return dataclasses.replace(self, **changes)

    def _read(self, name: str, old: Any, value: Any) -> Any:
        if isinstance(old, tuple) and isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        if isinstance(old, float) and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if name == "service_aliases" and isinstance(value, dict):
            return MappingProxyType({str(k): str(v) for k, v in value.items()})
        if name == "scope" and isinstance(value, dict):
            merged = {key: dict(signals) for key, signals in self.scope.items()}
            for key, signals in value.items():
                merged.setdefault(key, {}).update({s: tuple(n) for s, n in signals.items()})
            return MappingProxyType({k: MappingProxyType(s) for k, s in merged.items()})
        raise SettingsError(
            f"[conventions] {name} = {value!r} has the wrong form.",
            hint="Names are a list of text, slow_s is a number, service_aliases and scope are tables.",
        )

    def service_of(self, labels: Mapping[str, str]) -> str | None:
        """The service that a stream or a series is about, or None."""
        for label in self.service_labels:
            name = labels.get(label)
            if name:
                return self.canonical(name)
        return None

    def canonical(self, service: str) -> str:
        """The one name of a service that has aliases."""
        return self.service_aliases.get(service, service)

    def level_of(self, *places: Mapping[str, str]) -> str | None:
        """The severity, lower case, from the first place that has one that is not ``unknown``."""
        for place in places:
            for label in self.level_labels:
                level = place.get(label, "").lower()
                if level and level != "unknown":
                    return level
        return None

    def first(self, names: Iterable[str], fields: Mapping[str, str]) -> str | None:
        """The first of the named fields that is there and not empty."""
        for name in names:
            if fields.get(name):
                return fields[name]
        return None

    def scope_name(self, key: str, signal: str, known: Iterable[str] | None = None) -> str:
        """The label or attribute that carries a scope key in a signal.

        Parameters
        ----------
        key
            ``namespace``, ``service``, ``tenant``, ``cluster``, ``environment``, or a label's own
            name.
        signal
            ``logs``, ``metrics`` or ``traces``.
        known
            The names that the server has; the first candidate among them is taken. Without, or
            where none is known, the first candidate.
        """
        candidates = self.scope.get(key, {}).get(signal, (key,))
        have = set(known or ())
        return next((name for name in candidates if name in have), candidates[0])

    def deployment_in(self, line: str) -> re.Match[str] | None:
        """The match of the first pattern that finds a deployment in the line."""
        for pattern in self.deploy_lines:
            found = re.search(pattern, line)
            if found:
                return found
        return None


DEFAULT = Conventions()
