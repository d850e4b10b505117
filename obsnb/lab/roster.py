"""The logical services of a lab: what each is, what it is called, in which process it runs, whom it calls."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from obsnb.errors import UsageError
from obsnb.lab.settings import LabSettings

__all__ = ["LogicalService", "Part", "Roster", "roster_of"]

#: What a service does. ``plain`` ones do a little work and ask others.
Part = Literal["backend", "identity", "source", "worker", "plain"]
Process = Literal["backend", "identity", "fleet", "worker"]

_FIRST: tuple[tuple[Part, str, Process], ...] = (
    ("backend", "backend", "backend"),
    ("identity", "identity", "identity"),
    ("source", "metrics-store", "fleet"),
    ("worker", "worker", "worker"),
    ("source", "logs-store", "fleet"),
    ("source", "traces-store", "fleet"),
)
_PLAIN = (
    "annotations",
    "quotas",
    "reports",
    "retention",
    "routing",
    "labels",
    "silences",
    "snapshots",
    "folders",
    "teams",
    "plugins",
    "billing",
    "audit",
    "exports",
    "mailer",
    "templates",
    "thumbnails",
    "geo",
    "translations",
    "calendars",
    "rotations",
    "escalations",
    "licences",
    "usage-store",
    "sharing",
    "tagging",
    "comments",
    "bookmarks",
    "previews",
    "queues",
    "limits",
    "receivers",
    "schedules",
    "webhooks",
)
_PAGE = "frontend"
_BEGINS = (
    "al",
    "bor",
    "cas",
    "dem",
    "el",
    "far",
    "gor",
    "hul",
    "ib",
    "jat",
    "kel",
    "lum",
    "mor",
    "nar",
    "ol",
    "pir",
    "quo",
    "ras",
    "sul",
    "tor",
    "vex",
    "yar",
)
_ENDS = ("a", "bo", "dex", "ta", "lin", "mar", "no", "pex", "ri", "so", "vi")


@dataclass(frozen=True)
class LogicalService:
    """A service as its telemetry shows it.

    Attributes
    ----------
    name, part, process
        What it is called, what it does, which process it runs in.
    calls
        Names of the services that it asks.
    version
        Which release runs when nothing is wrong.
    """

    name: str
    part: Part
    process: Process
    calls: tuple[str, ...] = ()
    version: str = "1.7.3"

    @property
    def path(self) -> str:
        """Where it stands in its process."""
        return f"/{self.name}" if self.process == "fleet" else ""


@dataclass(frozen=True)
class Roster:
    """All logical services, the backend first, and what the browser's part is called."""

    services: tuple[LogicalService, ...]
    frontend: str

    def __repr__(self) -> str:
        return f"Roster({', '.join(each.name for each in self.services)})"

    def __getitem__(self, name: str) -> LogicalService:
        return next(each for each in self.services if each.name == name)

    def of(self, part: Part) -> tuple[LogicalService, ...]:
        """Those that do this."""
        return tuple(each for each in self.services if each.part == part)

    def within(self, process: str) -> tuple[LogicalService, ...]:
        """Those of a process."""
        return tuple(each for each in self.services if each.process == process)

    @property
    def processes(self) -> tuple[str, ...]:
        """The processes that serve them, without the load."""
        return tuple(dict.fromkeys(each.process for each in self.services))


def roster_of(settings: LabSettings) -> Roster:
    """The services that settings ask for.

    Raises
    ------
    UsageError
        A given name is the roster's own for another service.

    Notes
    -----
    The plain services form a tree: the backend asks the first, the k-th asks those at 2k + 1 and 2k + 2,
    of which each request takes one, so that it passes six of 34.
    """
    kinds = [*_FIRST, *(("plain", name, "fleet") for name in _PLAIN)][: settings.services]
    names = [*settings.names, *(kind[1] for kind in kinds[len(settings.names) :])]
    frontend = _PAGE
    if settings.name_seed is not None:
        *names, frontend = _drawn(settings.name_seed, len(kinds) + 1)
    for name in settings.names:
        if [*names, frontend].count(name) > 1:
            raise UsageError(
                f"Another service of this lab is called {name!r} already.",
                hint="Name that one too, or choose another name.",
            )
    plain = [name for name, kind in zip(names, kinds, strict=True) if kind[0] == "plain"]
    sources = [name for name, kind in zip(names, kinds, strict=True) if kind[0] == "source"]
    services = []
    for name, (part, _, process) in zip(names, kinds, strict=True):
        calls: tuple[str, ...] = ()
        if part == "backend":
            calls = (names[1], *sources, *plain[:1])
        elif part == "plain":
            place = plain.index(name)
            calls = tuple(plain[2 * place + 1 : 2 * place + 3])
        services.append(LogicalService(name, part, process, calls))
    return Roster(tuple(services), frontend)


def _drawn(seed: int, many: int) -> list[str]:
    """Names that mean nothing, no two alike."""
    draw = random.Random(seed)  # noqa: S311 - names, not secrets
    names: dict[str, None] = {}
    while len(names) < many:
        names[draw.choice(_BEGINS) + draw.choice(_BEGINS) + draw.choice(_ENDS)] = None
    return list(names)
