"""A Loki of made-up rows behind a connection, and what can go wrong between the two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from obsnb.connection import Connection
from obsnb.connection.roles import LiveRoles
from obsnb.conventions import DEFAULT
from obsnb.sources.loki import Loki
from obsnb.sources.prometheus import Prometheus
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response
from tests.standin.direct import DirectTransport
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.tempo import TempoStandIn, key_value

MS = 1_000_000
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
WINDOW = TimeRange(START, START + 100 * SECOND)
QUERY = '{namespace="shop"}'


@dataclass
class Failing(DirectTransport):
    """Raises an error instead of answering the request of a number; -1 answers them all."""

    at: int = -1
    error: Callable[[], BaseException] = KeyboardInterrupt

    def send(self, request: Request) -> Response:
        if len(self.requests) == self.at:
            self.at = -1
            raise self.error()
        return super().send(request)


def row(ns: int, line: str = "x", *, service: str = "cart", metadata: dict[str, str] | None = None) -> Row:
    """An entry of the namespace that is asked for."""
    stream = (("namespace", "shop"), ("service_name", service))
    return Row(ns, stream, line, tuple(sorted((metadata or {}).items())))


def rows(count: int) -> list[Row]:
    """So many entries, spread over the window; every third has metadata, those of the second half more."""
    step = WINDOW.duration_ns // count
    return [
        row(
            START + number * step,
            f"line {number}",
            service=("cart", "till")[number % 2],
            metadata=({"user": f"u{number % 5}"} if number % 3 == 0 else {})
            | ({"late": "yes"} if number > count // 2 else {}),
        )
        for number in range(count)
    ]


def asking(
    entries: Iterable[Row], *, page_limit: int = 5, failing: Failing | None = None, **more: Any
) -> tuple[Connection, Failing]:
    """A live connection to a Loki that holds these entries, and what lies between."""
    transport = failing or Failing(LokiStandIn(list(entries)))
    loki = Loki(transport, conventions=DEFAULT, page_limit=page_limit)
    roles = LiveRoles(loki, None, None, conventions=DEFAULT)
    return Connection(logs=loki, roles=roles, **more), transport


def asking_all(
    *, count: int = 60, at: int = -1, error: Callable[[], BaseException] = KeyboardInterrupt
) -> Connection:
    """A live connection to a Prometheus and a Tempo that hold made-up data of the window."""
    grid = range(START // MS, WINDOW.end_ns // MS, 1_000)
    series = [
        Recorded({"__name__": "up", "pod": pod}, START // MS, 1_000, {ms: f"{ms % 7}" for ms in grid[first:]})
        for pod, first in (("a", 0), ("b", len(grid) // 2))
    ]
    series[1] = replace(series[1], labels={**series[1].labels, "zone": "late"})
    traces = [_trace(number + 1, WINDOW.duration_ns // count * number) for number in range(count)]
    # An error at the number of a request, of either.
    prometheus = Prometheus(Failing(PrometheusStandIn(series), at=at, error=error), conventions=DEFAULT)
    tempo = Tempo(Failing(TempoStandIn.of(*traces), at=at, error=error), conventions=DEFAULT)
    roles = LiveRoles(None, prometheus, tempo, conventions=DEFAULT)
    return Connection(metrics=prometheus, traces=tempo, roles=roles)


def _trace(number: int, after_ns: int) -> TracesData:
    """A failed call and what it called, which starts two seconds later."""
    spans = [
        Span(
            trace_id=number.to_bytes(16, "big"),
            span_id=place.to_bytes(8, "big"),
            name=f"operation {place}",
            start_time_unix_nano=START + after_ns + 2 * SECOND * (place - 1),
            end_time_unix_nano=START + after_ns + 2 * SECOND * place,
            status=Status(code=2),
            attributes=[key_value("http.route", f"/{number}")] if number > 30 else [],
        )
        for place in (1, 2)
    ]
    resource = Resource(attributes=[key_value("service.name", "shop")])
    return TracesData(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[ScopeSpans(spans=spans)])]
    )


def files(folder: Path) -> set[str]:
    """The names of all that lies in a folder."""
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def collected(rows: pl.LazyFrame) -> pl.DataFrame:
    """The rows of a dataset."""
    return rows.collect()
