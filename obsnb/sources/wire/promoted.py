"""Which attributes of spans have a column of their own.

The names are OpenTelemetry's semantic conventions, the older ones beside those that replaced them,
and what the stack's own conventions name. A promoted attribute is a column wherever a span of the
answer has it: the value of the span's attribute, else of the resource's. All others lie in the lists
``attributes`` and ``resource`` alone.
"""

from __future__ import annotations

import re

from obsnb.conventions import Conventions
from obsnb.query.logql import quote
from obsnb.schema import SPANS

__all__ = ["INTEGERS", "PROMOTED", "promoted", "selection"]

_OF_SPANS = (
    "http.request.method",
    "http.method",
    "http.route",
    "http.response.status_code",
    "http.status_code",
    "url.path",
    "http.target",
    "url.full",
    "http.url",
    "db.system.name",
    "db.system",
    "db.namespace",
    "db.name",
    "db.operation.name",
    "db.operation",
    "db.collection.name",
    "db.sql.table",
    "db.query.text",
    "db.statement",
    "db.query.summary",
    "db.response.status_code",
    "rpc.system.name",
    "rpc.system",
    "rpc.service",
    "rpc.method",
    "rpc.response.status_code",
    "rpc.grpc.status_code",
    "messaging.system",
    "messaging.destination.name",
    "messaging.operation.name",
    "messaging.operation.type",
    "messaging.operation",
    "peer.service",
    "service.peer.name",
    "server.address",
    "server.port",
    "net.peer.name",
    "net.peer.port",
    "client.address",
    "error.type",
    "tenant.id",
    "enduser.id",
    "user.id",
    "correlation_id",
)
_OF_RESOURCES = (
    "service.version",
    "service.namespace",
    "service.instance.id",
    "deployment.environment.name",
    "deployment.environment",
    "k8s.cluster.name",
    "k8s.namespace.name",
    "k8s.deployment.name",
    "k8s.pod.name",
    "k8s.container.name",
    "k8s.node.name",
    "host.name",
    "cloud.region",
    "cloud.availability_zone",
)

#: OpenTelemetry's names; `promoted` adds those of a stack.
PROMOTED: tuple[str, ...] = _OF_SPANS + _OF_RESOURCES
#: The promoted attributes whose column is Int64; the columns of all others are String.
INTEGERS = frozenset({"http.response.status_code", "http.status_code"})

_INTRINSICS = ("name", "kind", "status", "statusMessage", "span:parentID", "resource.service.name")
_SCOPE = re.compile(r"(?:resource|span)\.")
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")


def promoted(conventions: Conventions) -> tuple[str, ...]:
    """The attributes that get a column of their own, in the order of the columns."""
    scoped = [name for signals in conventions.scope.values() for name in signals.get("traces", ())]
    own = (
        *(_SCOPE.sub("", name, count=1) for name in scoped),
        *conventions.tenant_fields,
        *conventions.user_fields,
        *conventions.correlation_fields,
        *conventions.version_fields,
        *conventions.statement_attributes,
        *conventions.table_attributes,
        *conventions.db_system_attributes,
        *conventions.peer_attributes,
    )
    taken = {*SPANS.names, "service.name"}  # which is the column service already
    return tuple(key for key in dict.fromkeys(PROMOTED + own) if key not in taken)


def selection(conventions: Conventions) -> tuple[str, ...]:
    """What a search selects beside what its query names: SPANS' core columns, promoted attributes.

    An attribute that conventions place in the resource is selected there, others in the span;
    versions and tenants in both.
    """
    both = {*conventions.version_fields, *conventions.tenant_fields}
    resources = {*_OF_RESOURCES}
    for signals in conventions.scope.values():
        for name in signals.get("traces", ()):
            if name.startswith("resource."):
                resources.add(name.removeprefix("resource."))
    fields = list(_INTRINSICS)
    for key in promoted(conventions):
        text = key if _PLAIN.fullmatch(key) else quote(key)
        if key in both or key not in resources:
            fields.append(f"span.{text}")
        if key in both or key in resources:
            fields.append(f"resource.{text}")
    return tuple(fields)
