"""The built-in queries of an investigation, each with a role.

An archive is asked by role, so that a newer obsnb, whose texts may differ, can still open an older
incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from obsnb.conventions import Conventions
from obsnb.query import logql, promql, traceql

__all__ = ["RoleQuery", "role_queries"]

_ERROR_WORDS = "(?i)(error|exception|fatal|critical|panic|traceback|timed? ?out|refused|denied)"
#: What serves somebody who asks, and what works on what a queue holds.
_SERVED = "(kind = server || kind = consumer)"
#: As kube-state-metrics names them.
_RESTARTS = "kube_pod_container_status_(restarts_total|last_terminated_reason)"
_DEPLOY_WORDS = "(?i)(deploy|rolled|rollout|rolling|released|replica set|upgraded)"


@dataclass(frozen=True)
class RoleQuery:
    """A built-in query: its role, the verb that asks it, its text and parameters."""

    role: str
    kind: Literal["logs", "series", "exemplars", "spans"]
    query: str
    params: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


def role_queries(
    scope: Mapping[str, str],
    conventions: Conventions,
    *,
    known: Mapping[str, Iterable[str]] | None = None,
    parts: bool = False,
) -> dict[str, RoleQuery]:
    """The built-in queries for a scope, by role.

    Parameters
    ----------
    scope
        Semantic keys (``namespace``, ``service``, ...) or plain labels, with their values.
    conventions
        The stack's names.
    known
        Signal → labels or attributes that its server has, to choose among candidates.
    parts
        Whether to give those too that ask for a part of another one: ``restarts`` of ``resources``.

    Notes
    -----
    ``scope.logs`` is every line of the scope. Where that is too much, ``errors.logs``,
    ``slow.logs`` and ``deployments.logs`` together stand for it. Metrics are asked as raw series
    under their own names, so that counting and quantiles happen in the open, on this side.
    """
    have = known or {}

    def matchers(signal: str) -> dict[str, str]:
        return {conventions.scope_name(key, signal, have.get(signal)): value for key, value in scope.items()}

    roles: list[RoleQuery] = []
    if scope:
        lines = logql.selector(matchers("logs"))
        roles += [
            RoleQuery("scope.logs", "logs", lines, why="every line of the scope"),
            RoleQuery(
                "errors.logs",
                "logs",
                f"{lines} |~ {logql.quote(_ERROR_WORDS)}",
                why="lines that speak of errors",
            ),
            RoleQuery("slow.logs", "logs", f'{lines} |~ "(?i)slow"', why="lines that speak of slowness"),
            RoleQuery(
                "deployments.logs",
                "logs",
                f"{lines} |~ {logql.quote(_DEPLOY_WORDS)}",
                why="lines that speak of deployments",
            ),
        ]
    labels = matchers("metrics")

    def series(
        role: str, names: list[str], why: str, kind: Literal["series", "exemplars"] = "series"
    ) -> RoleQuery:
        return RoleQuery(role, kind, promql.selector(labels, names=names), why=why)

    histograms = promql.any_of(conventions.request_histograms, "_bucket")
    pages = promql.any_of(conventions.page_histograms, "_bucket")
    roles += [
        series("requests.total", promql.any_of(conventions.request_counters), "requests, counted"),
        series("requests.duration", [*histograms, *pages], "how long requests and what pages do took"),
        series(
            "database.duration",
            promql.any_of(conventions.database_histograms, "_bucket"),
            "how long statements took",
        ),
        series("resources", list(conventions.resource_metrics), "CPU, memory, connections, caches"),
        series("builds", list(conventions.build_metrics), "which versions ran"),
        RoleQuery(
            "alerts",
            "series",
            promql.selector(labels, metric="ALERTS"),
            why="alerts that were pending or firing",
        ),
        series("requests.exemplars", histograms, "traces of single requests", "exemplars"),
    ]
    if parts:
        roles.append(series("restarts", [_RESTARTS], "containers that were restarted or killed"))
    owner = matchers("traces")
    slow = f"duration > {round(conventions.slow_s * 1000)}ms"
    roles += [
        RoleQuery(
            "errors.spans",
            "spans",
            traceql.spanset(owner, "status = error"),
            {"whole": True},
            "traces with an error",
        ),
        RoleQuery(
            "slow.spans",
            "spans",
            traceql.spanset(owner, _SERVED, slow),
            {"whole": True},
            "traces of slow requests and jobs",
        ),
        RoleQuery(
            "sample.spans",
            "spans",
            traceql.spanset(owner, _SERVED),
            {"whole": True, "limit": 600},
            "a sample of all traces, to compare with",
        ),
    ]
    return {role.role: role for role in roles}
