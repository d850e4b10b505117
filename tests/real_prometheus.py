"""A real Prometheus on loopback, filled with made-up series."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from tests.requirements import require

_OPENER = build_opener(ProxyHandler({}))  # loopback only, whatever proxy the machine has
_READY_S = 60.0
_ATTEMPTS = 3


@dataclass(frozen=True)
class RealPrometheus:
    """A running server; as a backend it answers what a stand-in answers."""

    url: str

    def answer(
        self, method: str, path: str, params: Mapping[str, Sequence[str]], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """The status, the headers (lower case) and the body of an answer."""
        form = urlencode(params, doseq=True)
        url = f"{self.url}{path}" if method == "POST" else f"{self.url}{path}?{form}"
        data = form.encode() if method == "POST" else None
        try:
            with _OPENER.open(Request(url, data, dict(headers), method=method), timeout=30) as response:
                return response.status, _lower(response.headers), response.read()
        except HTTPError as error:
            return error.code, _lower(error.headers), error.read()


@contextmanager
def running_prometheus(folder: Path, openmetrics: str) -> Iterator[RealPrometheus]:
    """A server that holds the samples of an OpenMetrics text, and nothing else.

    Parameters
    ----------
    folder
        An empty folder for its data.
    openmetrics
        Metric families with a time on every sample.
    """
    server, tool = require("prometheus"), require("promtool")
    source, data, config = folder / "made-up.om", folder / "data", folder / "prometheus.yml"
    source.write_text(openmetrics, "utf-8")
    config.write_text("global: {}\n", "utf-8")
    made = subprocess.run(
        [tool, "tsdb", "create-blocks-from", "openmetrics", source, data], capture_output=True, check=False
    )
    assert made.returncode == 0, made.stderr.decode()
    for attempt in range(1, _ATTEMPTS + 1):
        url = f"127.0.0.1:{_free_port()}"
        command = [
            server,
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address={url}",
            "--log.level=error",
        ]
        log = folder / f"prometheus-{attempt}.log"
        with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
            real = RealPrometheus(f"http://{url}")
            try:
                if _becomes_ready(process, real):
                    yield real
                    return
            finally:
                process.terminate()
    raise AssertionError(f"Prometheus did not start: {log.read_text('utf-8', 'replace')}")


def _becomes_ready(process: subprocess.Popen[bytes], real: RealPrometheus) -> bool:
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
    raise AssertionError(f"Prometheus was not ready in {_READY_S:.0f} s")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
