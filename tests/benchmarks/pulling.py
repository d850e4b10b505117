"""Whole pulls, over HTTP on loopback.

    python -m tests.benchmarks pull       from a real Prometheus, against downloading the same bytes
    python -m tests.benchmarks download   ten million lines from a made-up Loki to Parquet

The pull is the best of as many runs as fit into some seconds, at least five, in turn with the download of
the same bytes: the same requests with the same headers on a connection that is kept, their bodies read to
the end and thrown away, compressed as they are. The stream of lines is measured once.
"""

from __future__ import annotations

import http.client
import tempfile
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from obsnb.conventions import DEFAULT
from obsnb.settings import Endpoint
from obsnb.sources.prometheus import Prometheus
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response
from obsnb.transport.http import HttpTransport
from tests.benchmarks import streaming
from tests.benchmarks.made_up import POINTS, SERIES, START_S, STEP_S, openmetrics
from tests.benchmarks.measuring import Row, fastest
from tests.real_prometheus import running_prometheus

__all__ = ["download", "pull"]

_SECOND = 10**9
_MORE, _LINES, _MOST_MB = 0.15, 10_000_000, 600
_WINDOW = TimeRange(START_S * _SECOND, (START_S + POINTS * STEP_S) * _SECOND)


class _Noted(HttpTransport):
    """A transport that remembers what it was asked."""

    asked: tuple[Request, ...] = ()

    def map(self, requests: Iterable[Request]) -> Generator[Response, None, None]:
        self.asked = tuple(requests)
        yield from super().map(self.asked)


def pull() -> list[Row]:
    """A million points from a real Prometheus, from the question to the frame with its record."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_prometheus(Path(folder), openmetrics()) as real,
    ):
        transport = _Noted(Endpoint("prometheus", "prometheus", real.url))
        source = Prometheus(transport, conventions=DEFAULT)

        def ours() -> object:
            return source.series("made_up", _WINDOW, step_ns=STEP_S * _SECOND)

        points = source.series("made_up", _WINDOW, step_ns=STEP_S * _SECOND).frame.height
        assert points == SERIES * POINTS
        raw, size = _raw(real.url, transport.asked)
        took, bare = fastest(ours, raw)
        transport.close()
    what = f"a pull from a real Prometheus ({points:,} points, {size() / 1e6:.1f} MB gzipped)"
    against = f"{bare * 1e3:,.0f} ms to download the same bytes"
    more = took / bare - 1
    return [Row(what, f"{took * 1e3:,.0f} ms", against, f"{more:+.0%}", f"{_MORE:+.0%}", more <= _MORE)]


def _raw(url: str, requests: Iterable[Request]) -> tuple[Callable[[], None], Callable[[], int]]:
    """What downloads the answers to these requests, and how many bytes they were the last time."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    sizes: list[int] = []

    def get() -> None:
        sizes.clear()
        for request in requests:
            target = f"{request.path}?{urlencode(request.params)}"
            connection.request("GET", target, headers={"Accept-Encoding": "gzip"})
            sizes.append(len(connection.getresponse().read()))

    return get, lambda: sum(sizes)


def download() -> list[Row]:
    """Lines that are made up as they are asked for, streamed to Parquet."""
    with tempfile.TemporaryDirectory() as folder:
        told = streaming.measure(_LINES, folder=Path(folder) / "dataset")
    seconds, peak = float(str(told["seconds"])), float(str(told["peak_mb"]))
    what = f"{_LINES:,} lines streamed to Parquet"
    speed = f"{_LINES / seconds:,.0f} lines/s"
    goal = f"under {_MOST_MB} MB"
    return [Row(what, f"{peak:,.0f} MB at its peak", "", speed, goal, peak < _MOST_MB)]
