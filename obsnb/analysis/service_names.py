"""Which names mean the same service: a table that is detected, can be shown and overridden."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from obsnb.conventions import DEFAULT, Conventions

__all__ = ["POD_LABELS", "Names", "comparable", "is_domain", "service_names", "workload"]

#: Labels that name a pod; where a scraper has a pod of its own, the one that is told of is the exported one.
POD_LABELS = ("exported_pod", "pod", "pod_name", "k8s_pod_name")
# What Kubernetes appends to a workload's name: a replica set's hash and a pod's; an ordinal.
_POD = re.compile(r"-(?=[0-9a-z]*\d)[0-9a-z]{6,10}-[0-9a-z]{5}$")
_ORDINAL = re.compile(r"-\d{1,3}$")
_PORT = re.compile(r":\d+$")
_OWN_HOST = ("localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0")  # noqa: S104 - compared, not bound
_DOMAIN = re.compile(r"(?i)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
#: What anybody's host may be called in a public domain: ``api.stripe.com`` is not the service ``api``.
_ANYBODYS = (
    "accounts",
    "api",
    "apis",
    "app",
    "auth",
    "cdn",
    "gateway",
    "hooks",
    "login",
    "mail",
    "smtp",
    "www",
)
_LONG_ENOUGH = 4


@dataclass(frozen=True)
class Names:
    """The services that some frames know, and how any other name finds its service among them.

    Attributes
    ----------
    known
        Comparable form of a name → the name it goes by.
    given
        Alias → service, as the user or the conventions say; it comes before all else.
    """

    known: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Names({len(self.known)} services, {len(self.given)} aliases given)"

    def service(self, name: str | None) -> str | None:
        """The service that a name in a ``service`` column means."""
        if not name:
            return None
        if name in self.given:
            return self.given[name]
        plain = comparable(name)
        if plain in self.known:
            return self.known[plain]
        return self.known.get(_POD.sub("", plain), name)

    def peer(self, address: str | None, *, is_system: bool = False) -> str | None:
        """The service that a client span names as its peer; None where that is its own host.

        Parameters
        ----------
        address
            A service's name, a host with or without domain and port, or a kind of system.
        is_system
            Whether it is only the kind of system (``db.system``): then the one known service whose
            name begins like it, or with which it begins, is meant.
        """
        if not address:
            return None
        if address in self.given:
            return self.given[address]
        host = _PORT.sub("", address.split("://")[-1].split("/")[0]) or address
        if host in _OWN_HOST:
            return None
        first = host.split(".")[0]
        own = [] if first.lower() in _ANYBODYS and is_domain(host) else [first]
        for form in (address, host, *own, *(each.sub("", one) for one in own for each in (_POD, _ORDINAL))):
            plain = comparable(form)
            if plain in self.known:
                return self.known[plain]
        if is_system:
            near = {known for plain, known in self.known.items() if _begins_alike(plain, comparable(host))}
            if len(near) == 1:
                return near.pop()
        return first if _in_cluster(host) else host

    def services(self, column: pl.Series) -> pl.Series:
        """`service` of every value of a column."""
        return self._mapped(column, {name: self.service(name) for name in column.unique().to_list()})

    def peers(self, column: pl.Series, *, is_system: bool = False) -> pl.Series:
        """`peer` of every value of a column."""
        names = column.unique().to_list()
        return self._mapped(column, {name: self.peer(name, is_system=is_system) for name in names})

    @staticmethod
    def _mapped(column: pl.Series, table: Mapping[Any, str | None]) -> pl.Series:
        kept = {name: service for name, service in table.items() if name is not None}
        if not kept:
            return pl.Series(column.name, [None] * len(column), dtype=pl.String)
        return column.replace_strict(kept, default=None, return_dtype=pl.String)


def service_names(
    *columns: pl.Series | None,
    services: Mapping[str, str] | None = None,
    conventions: Conventions = DEFAULT,
) -> Names:
    """The names that some ``service`` columns hold, spelling variants of one service folded together.

    ``orders_api``, ``Orders-API`` and ``prod/orders-api`` (the job label that OpenTelemetry's
    Prometheus exporter makes of namespace and name) are one service; so are the pods of one
    workload. The earliest column's spelling is the one that the service goes by.

    Parameters
    ----------
    columns
        Columns of service names, the one whose spelling is to be shown first.
    services
        Alias → service, before everything that is detected.
    """
    given = {**conventions.service_aliases, **(services or {})}
    known: dict[str, str] = {}
    for column in columns:
        if column is not None:
            _learn(known, given, column.drop_nulls().unique().sort().to_list())
    return Names(known, given)


def workload(pod: str | None, container: str | None = None) -> str | None:
    """What a pod is one of: its name without what Kubernetes appends, or a container's that it begins with.

    Examples
    --------
    >>> workload("checkout-7d9f8b6c5d-x2x4z"), workload("db-0"), workload("agent-k8d2x", "agent")
    ('checkout', 'db', 'agent')
    """
    if not pod:
        return container
    bare = _POD.sub("", pod)
    bare = bare if bare != pod else _ORDINAL.sub("", pod)
    return container if bare == pod and container and pod.startswith(f"{container}-") else bare


def _learn(known: dict[str, str], given: Mapping[str, str], names: Iterable[str]) -> None:
    for name in names:
        said = given.get(name, name)
        plain = comparable(said)
        plain, said = _POD.sub("", plain), _POD.sub("", said)
        if plain:
            known.setdefault(plain, said)


def comparable(name: str) -> str:
    """The form in which two spellings of a service's name are equal."""
    # Kubernetes takes neither dots nor capitals in the name of a service: Catalog.API runs as catalog-api.
    return name.rsplit("/", 1)[-1].strip().lower().replace("_", "-").replace(".", "-")


def is_domain(name: str) -> bool:
    """Whether a name is that of a host in a public domain, and none of a cluster's own."""
    return bool(_DOMAIN.fullmatch(name)) and not _in_cluster(name)


def _begins_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= _LONG_ENOUGH and long.startswith(short)


def _in_cluster(host: str) -> bool:
    return ".svc" in host or host.endswith((".local", ".internal"))
