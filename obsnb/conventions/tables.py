"""Tables that every stack shares: how grave a level is, and what may carry a scope."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["METHODS", "SCOPE", "SEVERITY"]

#: HTTP's methods that requests of applications have, as alternatives of a pattern.
METHODS = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS"

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

SCOPE: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
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
