"""A loopback server that wraps a stand-in, and misbehaves by a seeded plan."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.faults.acts import FAULTS, holds_rows
from tests.standin.serving import Backend

_GONE_S = 10.0
_PAUSE_S = 0.0005


@dataclass(frozen=True)
class Asked:
    """A question to the stand-in, and what it says to it."""

    path: str
    params: Mapping[str, list[str]]
    headers: Mapping[str, str]
    status: int
    answered: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Which endpoint it is: the path, without the id of a trace."""
        head, _, last = self.path.rpartition("/")
        return head if len(last) == 32 else self.path


@dataclass
class Plan:
    """Which requests go wrong, and how.

    What becomes of a request depends on the seed, the request and how often it came, not on the order in
    which requests that are under way at once arrive. A seed chooses up to four faults, how many requests
    they befall, and each of those for how many attempts. Where it is to go wrong `surely`, as questions of a
    single request would not often, most requests meet one fault, whose turn it is.
    """

    seed: int
    surely: bool = False
    played: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    _attempts: Counter[str] = field(default_factory=Counter)
    _answers: dict[str, Asked] = field(default_factory=dict)
    _stuck: dict[str, Asked] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self._share = chance.choice([0.05, 0.15, 0.4, 0.8])
        self._faults = chance.sample(sorted(FAULTS), k=chance.randint(1, 4))
        if self.surely:
            self._share, self._faults = 0.8, [sorted(FAULTS)[self.seed % len(FAULTS)]]

    def next(self, asked: Asked) -> Callable[[Talk, Asked], None]:
        """What to do about a request."""
        key = f"{asked.path}?{sorted(asked.params.items())}"
        chance = random.Random(f"{self.seed} {key}")
        bad, name, attempts = chance.random() < self._share, chance.choice(self._faults), _burst(chance)
        with self._lock:
            self.requests += 1
            self._attempts[key] += 1
            if holds_rows(asked.body):
                self._answers.setdefault(asked.kind, asked)
            if not bad or self._attempts[key] > attempts:
                return Talk.say
            self.played[name] += 1
        return FAULTS[name]

    def first(self, asked: Asked) -> Asked:
        """The first answer of the same endpoint that had any rows; where there was none, this one."""
        with self._lock:
            return self._answers.get(asked.kind, asked)

    def stick(self, asked: Asked) -> None:
        """Make its endpoint give the same answer for ever."""
        answer = self.first(asked)
        with self._lock:
            self._stuck[asked.kind] = answer

    def settled(self, asked: Asked) -> Asked:
        """The answer that its endpoint gives for ever, or this one."""
        with self._lock:
            return self._stuck.get(asked.kind, asked)


def _burst(chance: random.Random) -> int:
    """For how many attempts it goes wrong: once, a burst, or always."""
    return chance.choice([1, 1, 2, 3, 1_000])


class Talk(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Misbehaving

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parts.query
        if self.command == "POST":
            query = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        params = parse_qs(query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = self.ask(unquote(parts.path), params, headers)
        act = self.server.plan.next(asked)
        with suppress(BrokenPipeError, ConnectionResetError):
            act(self, self.server.plan.settled(asked))
            return
        self.close_connection = True

    do_POST = do_GET

    def ask(self, path: str, params: Mapping[str, list[str]], headers: Mapping[str, str]) -> Asked:
        """What the stand-in says."""
        status, answered, body = self.server.backend.answer(self.command, path, dict(params), dict(headers))
        return Asked(path, params, headers, status, answered, body)

    def say(self, asked: Asked) -> None:
        """Say what the stand-in says."""
        self.reply(asked.body, status=asked.status, **dict(asked.answered))

    def reply(self, body: bytes, /, *, status: int = 200, **headers: str) -> None:
        """A whole answer; header names may be written with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.begin(status, {"content-length": str(len(body)), **named})
        self.wfile.write(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def reset(self) -> None:
        """Reset the connection instead of closing it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def wait(self) -> None:
        """Say nothing until the client has gone."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.settimeout(_GONE_S)
            self.connection.recv(1)

    def pump(self, drop: bytes) -> None:
        """Say the same again and again, a little slower than anybody reads, until the client has gone."""
        self.close_connection = True
        while not select.select([self.connection], [], [], _PAUSE_S)[0]:
            self.wfile.write(drop)

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Misbehaving(ThreadingHTTPServer):
    """The server; `open` is the number of its connections."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, backend: Backend) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.backend = backend
        self.plan = Plan(0)
        self._open = 0
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def deserted(self) -> bool:
        """Whether every connection ends, now that the clients are gone."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout=_GONE_S)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no errors here."""


@contextmanager
def misbehaving(backend: Backend) -> Iterator[Misbehaving]:
    """A server that wraps a backend; whoever uses it sets its `plan` and may set its `backend`."""
    server = Misbehaving(backend)
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
