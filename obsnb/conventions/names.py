"""The names that a stack uses: data, with defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from obsnb.conventions import lines, metrics
from obsnb.conventions.tables import SCOPE

__all__ = ["Names"]


@dataclass(frozen=True)
class Names:
    """The names that a stack uses, each field in order of precedence.

    Attributes
    ----------
    scope
        Scope key → signal (``logs``, ``metrics``, ``traces``) → the labels or attributes that may
        carry it.
    service_labels
        Labels that name the service a stream or series is about. ``container`` comes before
        ``job``, because an exporter's job is not the service that it reports on; nor is that of Istio's
        proxies (``destination_workload``) or of Kafka's lag (``consumergroup``). ``application`` is
        the common tag of Spring Boot's documentation.
    service_aliases
        Names that mean the same service: alias → service.
    level_labels, level_fields
        Where a line's severity stands: stream label or metadata, field of a parsed line.
    trace_id_fields, span_id_fields, correlation_fields, tenant_fields, user_fields
        Fields of a parsed line, structured metadata or span attributes that carry the id.
    request_fields
        Those of the correlation fields that one service gives to one request of its own. They are
        an id to join by only where nothing else is.
    message_fields, exception_fields, service_fields, version_fields
        Fields with the message, the stack trace, the service that wrote a line, its version or release.
    exception_type_fields, exception_message_fields
        Fields with the type of an exception and what it says.
    logger_fields, route_fields, status_fields
        Fields with the logger's name, the route or path of a request, its HTTP status.
    wrapping_fields
        Names of JSON objects that only hold what would else stand beside them.
    statement_fields, duration_fields
        Fields of a log line with a database statement, and how long it took (seconds, unless the
        field's name ends in ``_ms``, ``_us`` or ``_ns``; a whole number above a million is one of Go's
        nanoseconds).
    statement_attributes, table_attributes, db_system_attributes
        Span attributes with the statement, the table and the database's kind.
    peer_attributes
        Span attributes that name whom a client span calls.
    route_labels, status_labels, rpc_status_labels, tenant_labels
        Labels of the request metrics; ``rpc_status_labels`` have gRPC's codes.
    request_counters, request_histograms, page_histograms, database_histograms
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

    scope: Mapping[str, Mapping[str, tuple[str, ...]]] = dataclasses.field(default_factory=lambda: SCOPE)
    service_labels: tuple[str, ...] = (
        "service_name",
        "service.name",
        "destination_workload",
        "container",
        "app",
        "app_kubernetes_io_name",
        "application",
        "consumergroup",
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
    level_fields: tuple[str, ...] = (
        "level",
        "severity",
        "levelname",
        "lvl",
        "log.level",
        "error_severity",
        "@l",
    )
    trace_id_fields: tuple[str, ...] = (
        "trace_id",
        "traceId",
        "traceID",
        "traceid",
        "trace.id",
        "otelTraceID",
        "operation_Id",
        "X-B3-TraceId",
        "@tr",
    )
    span_id_fields: tuple[str, ...] = (
        "span_id",
        "spanId",
        "spanID",
        "spanid",
        "span.id",
        "otelSpanID",
        "X-B3-SpanId",
        "@sp",
    )
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
    message_fields: tuple[str, ...] = (
        "message",
        "msg",
        "body",
        "event",
        "log",
        "rendered_message",
        "text_payload",
        "fields.message",
        "jsonPayload.message",
        "body.stringValue",
        "@m",
        "@mt",
        "MessageTemplate",
    )
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
        "throwable",
        "exc_text",
        "traceback",
        "backtrace",
        "exception.stack_trace",
        "exception.backtrace",
        "error.backtrace",
        "@x",
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
        "exception.exceptionType",
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
        "Properties.SourceContext",
        "@module",
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
        "httpRequest.requestUrl",
        "ClientRequestURI",
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
        "DownstreamStatus",
        "EdgeResponseStatus",
        "httpRequest.status",
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
    service_fields: tuple[str, ...] = ("service.name", "service", "app", "app_name", "application")
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
        "elapsed_time_ms",
        "processing_time_ms",
        "execution_time_ms",
        "took_ms",
        "latency",
        "latency_ms",
        "request_time",
        "response_time_ms",
        "query_time",
        "httpRequest.latency",
        "event.duration",
        "attr.durationMillis",
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
    route_labels: tuple[str, ...] = metrics.ROUTE_LABELS
    status_labels: tuple[str, ...] = metrics.STATUS_LABELS
    rpc_status_labels: tuple[str, ...] = metrics.RPC_STATUS_LABELS
    tenant_labels: tuple[str, ...] = metrics.TENANT_LABELS
    request_counters: tuple[str, ...] = metrics.REQUEST_COUNTERS
    request_histograms: tuple[str, ...] = metrics.REQUEST_HISTOGRAMS
    page_histograms: tuple[str, ...] = metrics.PAGE_HISTOGRAMS
    database_histograms: tuple[str, ...] = metrics.DATABASE_HISTOGRAMS
    resource_metrics: tuple[str, ...] = metrics.RESOURCE_METRICS
    build_metrics: tuple[str, ...] = metrics.BUILD_METRICS
    deploy_lines: tuple[str, ...] = lines.DEPLOY_LINES
    foreign_code: tuple[str, ...] = lines.FOREIGN_CODE
    slow_s: float = 1.0
