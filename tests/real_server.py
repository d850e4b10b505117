"""Programs that serve HTTP on loopback, started by tests and ended by them."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

_OPENER = build_opener(ProxyHandler({}))  # loopback only, whatever proxy the machine has
_READY_S = 60.0
_ATTEMPTS = 3


@dataclass(frozen=True)
class RealServer:
    """A running server; as a backend it answers what a stand-in answers."""

    url: str

    def answer(
        self, method: str, path: str, params: Mapping[str, Sequence[str]], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers (lower case) and the body of an answer."""
        form = urlencode(params, doseq=True)
        data = form.encode() if method == "POST" else None
        return self.send(method, path if method == "POST" else f"{path}?{form}", data, headers)

    def send(
        self, method: str, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """The same of a request whose body is written already."""
        request = Request(f"{self.url}{path}", data, dict(headers or {}), method=method)
        try:
            with _OPENER.open(request, timeout=30) as response:
                return response.status, _lower(response.headers), response.read()
        except HTTPError as error:
            return error.code, _lower(error.headers), error.read()


@contextmanager
def running(name: str, command: Callable[[str], Sequence[str | Path]], folder: Path) -> Iterator[RealServer]:
    """A server that is ready, as ``/-/ready`` tells it.

    Parameters
    ----------
    name
        What it is called in errors and in the name of its log.
    command
        What starts it, of the address that it is to listen at: ``127.0.0.1:port``.
    folder
        For its log.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        address = f"127.0.0.1:{_free_port()}"
        log = folder / f"{name}-{attempt}.log"
        with log.open("wb") as out, subprocess.Popen(command(address), stdout=out, stderr=out) as process:
            real = RealServer(f"http://{address}")
            try:
                if _becomes_ready(process, real, name):
                    yield real
                    return
            finally:
                process.terminate()
    raise AssertionError(f"{name} did not start: {log.read_text('utf-8', 'replace')}")


def _becomes_ready(process: subprocess.Popen[bytes], real: RealServer, name: str) -> bool:
    """Whether the server is ready in time; False where it ended, as when another took its port."""
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        try:
            if real.answer("GET", "/-/ready", {}, {})[0] == 200:
                return True
        except (URLError, ConnectionError):
            pass
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
        return False
    raise AssertionError(f"{name} was not ready in {_READY_S:.0f} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
