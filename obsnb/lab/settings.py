"""What a lab is to be: everything that its processes need to know, as one value that JSON can hold."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from obsnb.errors import UsageError

__all__ = [
    "COUNTS",
    "HOST",
    "NAMESPACE",
    "LabSettings",
    "Sampling",
    "free_ports",
    "listens",
    "read_sampling",
]

#: The only address that anything of the lab listens on.
HOST = "127.0.0.1"
NAMESPACE = "obsnb-lab"
#: Where the load writes what came of its requests.
COUNTS = "load.json"
_FEWEST, _MOST = 3, 40
_LAST_PORT = 65_535
_LISTENS_S = 2.0
_NAME = re.compile(
    r"[A-Za-z][A-Za-z0-9._-]{0,39}"
)  # it becomes part of paths and of Prometheus' configuration
_HTTP = re.compile(r"https?://[^/\s]+")
_BARE_POSTGRESQL = re.compile(r"^postgres(?:ql)?://")


@dataclass(frozen=True)
class Sampling:
    """Which traces are kept.

    Attributes
    ----------
    at
        ``"none"`` keeps all. ``"head"`` decides by the trace id when a trace begins, as an SDK's ratio
        sampler does. ``"tail"`` keeps traces that failed or took a second or more, and the share of the
        others, when the recording is made, as a collector's tail sampler does.
    share
        From 0 to 1.
    """

    at: str = "none"
    share: float = 1.0


@dataclass(frozen=True)
class LabSettings:
    """What runs, and how.

    Attributes
    ----------
    folder
        The state folder: processes' output, telemetry, the database, what is broken at the moment.
    services
        How many logical services, from 3 to 40, the browser not counted.
    names
        Their names, in the order of the roster; the rest are the roster's own.
    name_seed
        Where given, all names are drawn anew from this number.
    seed
        Of the load and of the data in the database.
    rate
        Requests a second, on the mean of a day.
    day_s
        How long a day of the load lasts.
    rows
        How many runs of searches are in the database at first.
    ports
        Process → port.
    database_url, redis_url
        SQLAlchemy's and Redis' addresses; without, a SQLite file and a cache in the process.
    loki, tempo
        Base addresses that logs and traces go to by OTLP over HTTP, beside the files.
    scrape_s
        How often metrics are written to the files.
    as_written
        Whether the services are instrumented as the debugging guide's code would do it, mistakes included.
    slow_query_s
        From how many seconds on a statement is logged as slow. The guide's second is for larger databases
        than this one: hardly anything would ever be.
    patience_s
        How long the backend waits for another service's answer.
    debug
        Whether the debug endpoints exist.
    key
        What debug endpoints and the practice users' login ask for; made anew for each lab.
    browser
        Whether a headless Chromium uses the page all the time.
    """

    folder: str
    services: int = 6
    names: tuple[str, ...] = ()
    name_seed: int | None = None
    seed: int = 1
    rate: float = 4.0
    day_s: float = 3_600.0
    rows: int = 20_000
    ports: Mapping[str, int] = field(default_factory=dict)
    database_url: str | None = None
    redis_url: str | None = None
    loki: str | None = None
    tempo: str | None = None
    scrape_s: float = 5.0
    sampling: Sampling = Sampling()
    as_written: bool = False
    slow_query_s: float = 0.2
    patience_s: float = 1.5
    debug: bool = True
    key: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    browser: bool = False

    def __post_init__(self) -> None:
        if not _FEWEST <= self.services <= _MOST:
            raise UsageError(f"A lab has {_FEWEST} to {_MOST} logical services, not {self.services}.")
        if len(set(self.names)) < len(self.names):
            raise UsageError("Two services have the same name.", hint="Give each a name of its own.")
        if len(self.names) > self.services:
            raise UsageError(f"There are {len(self.names)} names for {self.services} services.")
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise UsageError(
                    f"{name!r} cannot be a service's name.",
                    hint="Letters, digits, dots, hyphens and underscores, 40 at most, a letter first.",
                )
        for name, value in (
            ("rate", self.rate),
            ("day", self.day_s),
            ("scrape", self.scrape_s),
            ("patience", self.patience_s),
            ("slow query", self.slow_query_s),
        ):
            if not (value > 0 and math.isfinite(value)):
                raise UsageError(f"The {name} is a number above zero, not {value}.")
        for name, url in (("--loki", self.loki), ("--tempo", self.tempo)):
            if url is not None and not _HTTP.match(url):
                raise UsageError(
                    f"{name} is an address that begins with http:// or https://, not {url!r}.",
                    hint="Such as http://127.0.0.1:4318, without a path.",
                )

    def __repr__(self) -> str:
        return f"LabSettings({self.services} services in {self.folder})"  # never the key

    @property
    def path(self) -> Path:
        """The state folder."""
        return Path(self.folder)

    @property
    def telemetry(self) -> Path:
        """Where OTLP files are written."""
        return self.path / "telemetry"

    @property
    def database(self) -> str:
        """SQLAlchemy's address of the database."""
        url = self.database_url or f"sqlite:///{self.path / 'lab.sqlite'}"
        # Of a bare scheme, as most tools write it, SQLAlchemy's releases make different drivers.
        return _BARE_POSTGRESQL.sub("postgresql+psycopg://", url)

    def url(self, process: str) -> str:
        """A process' address."""
        return f"http://{HOST}:{self.ports[process]}"

    def to_json(self) -> str:
        """For `from_json`; it holds the key and the database's address, and is for the owner's eyes alone."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> LabSettings:
        """What `to_json` wrote."""
        told: dict[str, Any] = json.loads(text)
        told["names"] = tuple(told["names"])
        told["sampling"] = Sampling(**told["sampling"])
        return cls(**told)


def read_sampling(text: str) -> Sampling:
    """Sampling from ``all``, ``head:0.1`` or ``tail:0.05``.

    Raises
    ------
    UsageError
        It is none of these, or the share is not from 0 to 1.

    Examples
    --------
    >>> read_sampling("tail:0.05")
    Sampling(at='tail', share=0.05)
    """
    at, _, share = text.partition(":")
    try:
        told = Sampling() if text == "all" else Sampling(at, float(share))
    except ValueError:
        told = Sampling("")
    if told.at not in {"none", "head", "tail"} or not 0 <= told.share <= 1:
        raise UsageError(
            f"{text!r} is not a way to sample.", hint="Say all, head:SHARE or tail:SHARE, SHARE from 0 to 1."
        )
    return told


def listens(url: str) -> bool:
    """Whether something takes a connection at an address' host and port."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
        socket.create_connection((parts.hostname or HOST, port), _LISTENS_S).close()
    except (OSError, ValueError):
        return False
    return True


def free_ports(processes: tuple[str, ...], *, first: int | None) -> dict[str, int]:
    """A port for each process: from `first` on, one after the other, or any that are free.

    Raises
    ------
    UsageError
        A port that was asked for is taken, or there is no such port.
    """
    if first is not None and not 0 < first <= _LAST_PORT - len(processes):
        raise UsageError(f"{first} is not a port that {len(processes)} processes can begin at.")
    held: list[socket.socket] = []
    ports: dict[str, int] = {}
    try:
        for place, process in enumerate(processes):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.append(one)
            port = 0 if first is None else first + place
            try:
                one.bind((HOST, port))
            except OSError:
                raise UsageError(
                    f"Port {port} of {HOST} is busy: the lab's {process} cannot listen there.",
                    hint="Choose another --port, or leave it out and any free ones are taken.",
                ) from None
            ports[process] = one.getsockname()[1]
    finally:
        for one in held:
            one.close()
    return ports
