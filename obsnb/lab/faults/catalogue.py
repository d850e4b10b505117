"""Every fault that the lab can have, as data: what it is, where it acts, who is to be blamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from obsnb.errors import UsageError
from obsnb.lab.faults import acts
from obsnb.lab.faults.acts import Act
from obsnb.lab.roster import Part, Roster
from obsnb.lab.settings import LabSettings

__all__ = ["FAULTS", "SCENARIOS", "Fault", "fault_named", "root_cause", "scenario_named", "struck_by"]


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong.

    Attributes
    ----------
    name, cause
        What it is called, and what happened, as a post-mortem would put it.
    strikes
        Which part of the system it happens to; of several such services the first unless told.
    acts_in
        Where it is done: in the service itself, in the backend that calls it, or in the load.
    blames
        Who is at the root: the service that is struck, the database, the page, or a tenant.
    act
        Does it.
    change
        The release that brought it, where one did.
    table, error
        What the traces name, where they do.
    """

    name: str
    cause: str
    strikes: Part
    act: Act
    acts_in: Literal["target", "backend", "load"] = "target"
    blames: Literal["target", "database", "frontend", "tenant"] = "target"
    change: str | None = None
    table: str | None = None
    error: str | None = None


_ALL = (
    Fault(
        "dropped-index",
        "A release dropped the index on search_runs.search_id, so that each search reads the whole table.",
        "backend",
        acts.dropped_index,
        blames="database",
        change="1.8.0",
        table="saved_searches",
    ),
    Fault(
        "pool-exhaustion",
        "A release renders exports with a connection in its hand; the pool runs dry.",
        "backend",
        acts.pool_exhaustion,
        change="1.7.4",
        error="DatabaseBusyError",
    ),
    Fault(
        "n-plus-one",
        "A release reads the panels of a dashboard one by one.",
        "backend",
        acts.n_plus_one,
        change="1.7.4",
        table="panels",
    ),
    Fault(
        "lock-contention",
        "A release of the worker keeps the lock of a table while it computes; searches wait for it.",
        "worker",
        acts.lock_contention,
        change="1.7.4",
        table="usage",
        error="DatabaseBusyError",
    ),
    Fault(
        "cache-storm",
        "The cache was emptied and keeps nothing; every question goes to the data sources.",
        "backend",
        acts.cache_storm,
    ),
    Fault("identity-slow", "The identity provider's user store is slow.", "identity", acts.slow),
    Fault(
        "identity-failing",
        "The identity provider's user store is not available; nobody can log in, and keys are not given.",
        "identity",
        acts.failing,
        error="ExternalServiceError",
    ),
    Fault(
        "source-limited",
        "A data source has too many outstanding requests and answers 429.",
        "source",
        acts.limited,
        error="DataSourceError",
    ),
    Fault(
        "source-timeout",
        "A data source does not answer in time.",
        "source",
        acts.hanging,
        error="DataSourceError",
    ),
    Fault(
        "release-raises",
        "A release reads a column that the database does not have yet; listing alerts raises.",
        "backend",
        acts.release_raises,
        change="1.7.4",
        error="KeyError",
    ),
    Fault(
        "release-wrong-status",
        "A release answers listings of alerts with 500, though they are good.",
        "backend",
        acts.release_wrong_status,
        change="1.7.4",
    ),
    Fault(
        "cpu-burn", "Something computes without end in the process of the requests.", "backend", acts.cpu_burn
    ),
    Fault("memory-leak", "Every request leaves half a megabyte behind.", "backend", acts.memory_leak),
    Fault(
        "network-delay",
        "The way from the backend to one service takes 0.6 s longer.",
        "source",
        acts.network_delay,
        acts_in="backend",
    ),
    Fault("clock-skew", "The clock of one service's host is 45 s ahead.", "source", acts.clock_skew),
    Fault(
        "noisy-tenant",
        "One tenant searches many times as often as it did.",
        "backend",
        acts.noisy_tenant,
        acts_in="load",
        blames="tenant",
    ),
    Fault(
        "frontend-release",
        "A release of the page fails on every dashboard.",
        "backend",
        acts.frontend_release,
        blames="frontend",
        change="2.4.0",
        error="TypeError",
    ),
)
FAULTS = {fault.name: fault for fault in _ALL}
#: Scenario → the faults of it, and whether a browser takes part.
SCENARIOS: dict[str, tuple[tuple[str, ...], bool]] = {
    "slow-query": (("dropped-index",), False),
    "authentication": (("identity-failing",), False),
    "data-source": (("source-timeout",), False),
    "frontend": (("frontend-release",), True),
    "quiet": ((), False),
}


def fault_named(name: str) -> Fault:
    """A fault by its name.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    if name not in FAULTS:
        raise UsageError(f"There is no fault {name!r}.", hint=f"The faults are {', '.join(FAULTS)}.")
    return FAULTS[name]


def scenario_named(name: str) -> tuple[tuple[Fault, ...], bool]:
    """The faults of a scenario, or of names joined with ``+``, and whether a browser takes part.

    Raises
    ------
    UsageError
        There is no such scenario and no such fault, or more than two are joined.
    """
    if name in SCENARIOS:
        names, browser = SCENARIOS[name]
        return tuple(map(fault_named, names)), browser
    parts = name.split("+")
    unknown = [part for part in parts if part not in FAULTS]
    if unknown:
        raise UsageError(
            f"There is no scenario and no fault {unknown[0]!r}.",
            hint=f"Scenarios: {', '.join(SCENARIOS)}. Faults: {', '.join(FAULTS)}; two at once with a +.",
        )
    if len(parts) > 2 or len(set(parts)) < len(parts):
        raise UsageError(f"{name!r} is not one fault, or two different ones.")
    faults = tuple(map(fault_named, parts))
    return faults, any(fault.blames == "frontend" for fault in faults)


def struck_by(fault: Fault, roster: Roster, service: str | None = None) -> str:
    """The name of the service that a fault strikes.

    Raises
    ------
    UsageError
        The lab has no such service, or the fault cannot strike it.
    """
    able = [each.name for each in roster.of(fault.strikes)]
    if fault.acts_in == "backend":
        able = list(roster.of("backend")[0].calls)
    if service is None:
        if not able:
            raise UsageError(
                f"{fault.name} strikes a {fault.strikes}, and this lab has none.",
                hint="Ask for more --services.",
            )
        return able[0]
    if service not in able:
        raise UsageError(
            f"{fault.name} cannot strike {service!r}.", hint=f"It can strike {', '.join(able) or 'nothing'}."
        )
    return service


def root_cause(fault: Fault, struck: str, roster: Roster, settings: LabSettings) -> dict[str, Any]:
    """What a truth says of a fault."""
    backend = roster.of("backend")[0].name
    at = {
        "target": struck,
        "database": "sqlite" if settings.database.startswith("sqlite") else "postgresql",
        "frontend": roster.frontend,
        "tenant": backend,
    }[fault.blames]
    told = {"fault": fault.name, "service": at, "cause": fault.cause}
    if at != backend and fault.blames != "frontend":
        told["via"] = backend
    released = roster.frontend if fault.blames == "frontend" else struck
    more = {
        "change": f"{released} {fault.change}" if fault.change else None,
        "table": fault.table,
        "error": fault.error,
        "tenant": "umbrella" if fault.blames == "tenant" else None,
    }
    return told | {key: value for key, value in more.items() if value is not None}
