"""What metrics of requests and resources, and their labels, are called."""

from __future__ import annotations

__all__ = [
    "BUILD_METRICS",
    "DATABASE_HISTOGRAMS",
    "PAGE_HISTOGRAMS",
    "REQUEST_COUNTERS",
    "REQUEST_HISTOGRAMS",
    "RESOURCE_METRICS",
    "ROUTE_LABELS",
    "RPC_STATUS_LABELS",
    "STATUS_LABELS",
    "TENANT_LABELS",
]

ROUTE_LABELS = (
    "endpoint",
    "http_route",
    "route",
    "handler",
    "uri",
    "path",
    "rpc_method",
    "grpc_method",
    "span_name",
)
STATUS_LABELS = (
    "status_code",
    "http_response_status_code",
    "http_status_code",
    "response_code",
    "code",
    "status",
)
RPC_STATUS_LABELS = (
    "rpc_grpc_status_code",
    "rpc_response_status_code",
    "grpc_response_status",
    "grpc_code",
)
TENANT_LABELS = ("tenant_id", "tenant", "org_id")
REQUEST_COUNTERS = (
    "http_requests_total",
    "http_server_requests_total",
    "http_server_request_duration_seconds_count",
    "http_server_duration_milliseconds_count",
    "http_server_requests_seconds_count",
    "http_server_duration_seconds_count",
    "rpc_server_duration_milliseconds_count",
    "rpc_server_duration_seconds_count",
    "rpc_server_call_duration_seconds_count",
    "grpc_server_handled_total",
    "http_requests_received_total",
    "flask_http_request_total",
    "starlette_requests_total",
    "http_request_duration_seconds_count",
    "istio_requests_total",
    "nginx_ingress_controller_requests",
    "traefik_service_requests_total",
    "traces_spanmetrics_calls_total",
    "traces_span_metrics_calls_total",
)
REQUEST_HISTOGRAMS = (
    "http_request_duration_seconds",
    "http_server_request_duration_seconds",
    "http_server_duration_milliseconds",
    "http_server_requests_seconds",
    "http_server_duration_seconds",
    "rpc_server_duration_milliseconds",
    "rpc_server_duration_seconds",
    "rpc_server_call_duration_seconds",
    "grpc_server_handling_seconds",
    "istio_request_duration_milliseconds",
    "nginx_ingress_controller_request_duration_seconds",
    "traefik_service_request_duration_seconds",
    "traces_spanmetrics_latency",
    "traces_span_metrics_duration_seconds",
    "traces_span_metrics_duration_milliseconds",
)
PAGE_HISTOGRAMS = ("frontend_operation_duration_seconds",)
DATABASE_HISTOGRAMS = (
    "database_query_duration_seconds",
    "db_client_operation_duration_seconds",
)
RESOURCE_METRICS = (
    "container_.+",
    "process_.+",
    "node_(cpu|memory|load|disk|filesystem|network).*",
    "kube_pod_container_status_(restarts_total|last_terminated_reason)",
    "(pg|mysql|redis|mongodb|elasticsearch|kafka|rabbitmq|memcached)_.+",
    "(jvm|go|python|nodejs|dotnet)_.+",
    "db[._]client[._]connections?[._].+",
    ".*(connections|pool|queue|threads|cache|inflight|in_flight|saturation).*",
    "up",
)
BUILD_METRICS = (".*build_info", "kube_pod_container_info")
