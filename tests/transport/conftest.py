"""A loopback server that says just what a test wants, and a clock that nobody waits for."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from obsnb.settings import Endpoint
from obsnb.transport.http import HttpTransport

#: What a server does with a request: the connection to write to, and the request's number from 0.
Script = Callable[["Talk", int], None]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Talk(BaseHTTPRequestHandler):
    """One connection; what it hears is kept, what it says is scripted."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Loopback

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        asked = Asked(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        with self.server.lock:
            number = len(self.server.asked)
            self.server.asked.append(asked)
        try:
            self.server.script(self, number)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_POST = do_GET

    def reply(self, status: int = 200, body: bytes = b"{}", **headers: str) -> None:
        """A whole answer; header names are written with _ for -."""
        self.send_response(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def cut(self, body: bytes, length: int) -> None:
        """An answer that promises more than it holds."""
        self.reply(200, body, content_length=str(length))
        self.close_connection = True

    def reset(self) -> None:
        """No answer, and a connection that is reset rather than closed."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return  # a reset connection has nothing to flush

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Loopback(ThreadingHTTPServer):
    """A server on loopback with a script."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.script = script
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        self.context = context
        self.thread = threading.Thread(target=self.serve_forever, args=(0.005,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except OSError:  # the client did not like what it saw
                request.close()
                return
        super().finish_request(request, client_address)
        if self.context is not None:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what these tests are about."""

    def stop(self) -> None:
        self.shutdown()
        self.thread.join()
        self.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Loopback]]:
    """Starts servers that end with the test."""
    servers: list[Loopback] = []

    def start(script: Script, context: ssl.SSLContext | None = None) -> Loopback:
        servers.append(Loopback(script, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@dataclass
class Time:
    """A clock that moves when somebody sleeps, or by `tick` when somebody looks."""

    now: float = 1000.0
    tick: float = 0.0
    slept: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clock(self) -> float:
        with self.lock:
            self.now += self.tick
            return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds
            self.slept.append(seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def connect(time: Time) -> Iterator[Callable[..., HttpTransport]]:
    """Makes transports that are closed with the test; keywords are the endpoint's, or `command`."""
    open_ones: list[HttpTransport] = []

    def make(url: str, command: Any = None, **settings: Any) -> HttpTransport:
        endpoint = Endpoint("loki", "loki", url, **settings)
        more = {} if command is None else {"command": command}
        one = HttpTransport(endpoint, clock=time.clock, sleep=time.sleep, random=lambda: 1.0, **more)
        open_ones.append(one)
        return one

    yield make
    for one in open_ones:
        one.close()
