"""What runs in each of the lab's processes, from its start to its end.

A process talks to its supervisor through a pipe: it says that it is ready, or why it is not, and ends
when the pipe does. So nothing stays behind, however the supervisor ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from multiprocessing.connection import Connection
from typing import Any

import uvicorn

from obsnb.errors import ObsnbError
from obsnb.lab.backend.app import backend_app
from obsnb.lab.backend.frontend import FrontendTelemetry
from obsnb.lab.backend.parts import parts_of
from obsnb.lab.cache import cache_of
from obsnb.lab.database import Database, make_database
from obsnb.lab.entry import PREPARE
from obsnb.lab.every import Every
from obsnb.lab.faults.acts import Here
from obsnb.lab.faults.catalogue import Fault
from obsnb.lab.faults.control import Control, Watcher
from obsnb.lab.fleet import fleet_app
from obsnb.lab.identity import identity_app
from obsnb.lab.load import Load
from obsnb.lab.roster import Roster, roster_of
from obsnb.lab.service import Service, Switches
from obsnb.lab.settings import COUNTS, HOST, LabSettings
from obsnb.lab.telemetry.emission import Emission
from obsnb.lab.worker import Rounds, worker_app

__all__ = ["run_process"]

_LOOK_S = 0.1
_GRACE_S = 4


def run_process(name: str, told: str, pipe: Connection) -> None:
    """Be one of the lab's processes until the pipe ends."""
    settings = LabSettings.from_json(told)
    # Ctrl-C reaches every process of the terminal; the supervisor decides what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _to_file(settings, name)
    try:
        if name == PREPARE:
            make_database(settings)
            _say(pipe, {"ready": name})
            return
        run = _Load(settings, pipe) if name == "load" else _Serving(name, settings, pipe)
        run.run()
    except ObsnbError as error:
        _say(pipe, {"failed": error.what, "hint": error.hint})
    except OSError as error:
        _say(pipe, {"failed": f"The lab's {name} cannot start: {error.strerror or error}.", "hint": ""})


def _to_file(settings: LabSettings, name: str) -> None:
    folder = settings.path / "processes"
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(file, 1)
    os.dup2(file, 2)


def _say(pipe: Connection, what: dict[str, str]) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        pipe.send(what)


def _when_over(pipe: Connection, then: Callable[[], Any]) -> None:
    """Do something once the supervisor says so, or is gone."""

    def wait() -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()
        then()

    threading.Thread(target=wait, name="pipe", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: then())


class _Server(uvicorn.Server):
    """Leaves signals alone, and says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


class _Serving:
    """A process that serves some of the services."""

    def __init__(self, name: str, settings: LabSettings, pipe: Connection) -> None:
        self._name, self._settings, self._pipe = name, settings, pipe
        roster: Roster = roster_of(settings)
        self._emission = Emission(settings, name)
        logical = roster.within(name)
        self.services = {
            each.name: Service(
                each,
                settings=settings,
                roster=roster,
                emission=self._emission,
                own_process=len(logical) == 1,
            )
            for each in logical
        }
        self._first = self.services[logical[0].name]
        self._closing: list[Callable[[], None]] = []
        self._scraped: list[Callable[[], None]] = [each.scrape for each in self.services.values()]
        self._here: dict[str, Any] = {}
        self._app: Any = self._made()

    def run(self) -> None:
        """Serve until the pipe ends."""
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_GRACE_S,
            server_header=False,
        )
        server = _Server(config, lambda: _say(self._pipe, {"ready": self._name}))
        _when_over(self._pipe, lambda: setattr(server, "should_exit", True))
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, self._settings.ports[self._name]))
        watcher = Watcher(Control(self._settings.path), self._reach, self._act_failed)
        every = [
            Every(
                self._settings.scrape_s,
                self._scrape,
                name="scrape",
                failed=lambda error: self._scrape_failed(server, error),
            ),
            Every(_LOOK_S, watcher.look, name="faults", failed=lambda error: _print_failed("faults", error)),
        ]
        try:
            server.run(sockets=[listening])
        finally:
            for each in every:
                each.stop()
            for close in self._closing:
                close()
            self._emission.close()

    def _made(self) -> Any:
        if self._name == "fleet":
            return fleet_app(list(self.services.values()))
        if self._name == "identity":
            return identity_app(self._first)
        database = Database(self._first)
        if self._name == "worker":
            rounds = Rounds(self._first, database)
            self._closing += [rounds.stop, database.dispose]
            return worker_app(self._first)
        cache = cache_of(self._first)
        parts = parts_of(self._first, database=database, cache=cache)
        parts.pages["release"] = "2.3.1"
        frontend = FrontendTelemetry(parts, self._emission)
        self._here = {"cache": cache, "pages": parts.pages}
        self._closing.append(parts.close)
        self._scraped[:0] = [database.measure]
        self._scraped.append(frontend.scrape)
        return backend_app(parts, frontend)

    def _scrape(self) -> None:
        for scrape in self._scraped:
            scrape()

    def _scrape_failed(self, server: _Server, error: Exception) -> None:
        """A full disk ends the lab, with its name: what went on would tell nothing, or half of it."""
        _print_failed("scrape", error)
        if isinstance(error, OSError) and not server.should_exit:
            why = error.strerror or error
            what = (
                f"The lab's {self._name} cannot write what it tells into {self._settings.telemetry}: {why}."
            )
            _say(self._pipe, {"failed": what, "hint": "Look at the room on the disk."})
            server.should_exit = True

    def _reach(self, fault: Fault, target: str) -> Here | None:
        if fault.acts_in == "load":
            return None
        acting = self._first.roster.of("backend")[0].name if fault.acts_in == "backend" else target
        service = self.services.get(acting)
        return None if service is None else Here(service.switches, target, service, **self._here)

    def _act_failed(self, name: str, error: Exception) -> None:
        self._first.log.error("The lab could not switch %s", name, exc_info=error)


class _Load:
    """The process of the users."""

    def __init__(self, settings: LabSettings, pipe: Connection) -> None:
        self._settings, self._pipe = settings, pipe
        self._load = Load(settings, Switches())

    def run(self) -> None:
        """Ask until the pipe ends, and write down what came of it."""
        watcher = Watcher(Control(self._settings.path), self._reach, _print_failed)
        looking = Every(
            _LOOK_S, watcher.look, name="faults", failed=lambda error: _print_failed("faults", error)
        )
        asyncio.run(self._asking())
        looking.stop()
        counts = dict(sorted(self._load.counts.items()))
        (self._settings.path / COUNTS).write_text(json.dumps(counts, indent=1), "utf-8")

    async def _asking(self) -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        _when_over(self._pipe, lambda: loop.call_soon_threadsafe(stop.set))
        _say(self._pipe, {"ready": "load"})
        await self._load.run(stop)

    def _reach(self, fault: Fault, target: str) -> Here | None:
        return Here(self._load.switches, target) if fault.acts_in == "load" else None


def _print_failed(name: str, error: Exception) -> None:
    with contextlib.suppress(OSError):  # on a full disk
        sys.stderr.write(f"The lab's {name} failed: {error!r}\n")
