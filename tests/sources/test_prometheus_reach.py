"""Windows that begin before what a server of metrics answers for are not called whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from obsnb.conventions import DEFAULT
from obsnb.instants import format_ns, now_ns
from obsnb.sources.prometheus import Prometheus
from obsnb.timerange import TimeRange
from tests.standin.direct import DirectTransport
from tests.standin.prometheus import Params, PrometheusStandIn, Recorded, Reply

MS, SECOND = 10**6, 10**9
MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
MARGIN = 10 * SECOND


@dataclass
class Mimir:
    """A server with a sample every minute, whose front end answers for the last 24 hours alone."""

    now_ns: int = field(default_factory=now_ns)
    limit_ns: int | None = 24 * HOUR
    says: Reply | None = None
    keeps: str | None = None
    flags: str | None = None
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        last = self.now_ns // MINUTE
        values = {at * MINUTE // MS: str(at) for at in range(last - 60 * 60, last)}
        self.held = [Recorded({"__name__": "m"}, 0, MINUTE // MS, values)]
        self.derived = {"rate(m[6h])": self.held, "gone": [], "rate(gone[6h])": []}

    def answer(self, method: str, path: str, params: Params, headers: Mapping[str, str]) -> Reply:
        if path == "/api/v1/status/runtimeinfo":
            self.asked.append("runtimeinfo")
            told = {"status": "success", "data": {"startTime": "", "storageRetention": self.keeps}}
            body = json.dumps(told, separators=(",", ":")).encode()
            return (404, {}, b"") if self.keeps is None else (200, {}, body)
        if path == "/flags":
            return (404, {}, b"") if self.flags is None else (200, {}, self.flags.encode())
        query = params["query"][0]
        self.asked.append(query)
        if query == "vector(1)" and self.says is not None:
            return self.says
        edge = None if self.limit_ns is None else (self.now_ns - self.limit_ns) // MS
        backend = PrometheusStandIn(self.held, derived=self.derived, answers_from_ms=edge)
        return backend.answer(method, path, params, headers)

    def window(self, start_h: float, end_h: float = 1) -> TimeRange:
        """From so many hours ago to so many."""
        return TimeRange(self.now_ns - round(start_h * HOUR), self.now_ns - round(end_h * HOUR))


def source_of(server: Mimir, **settings: Any) -> Prometheus:
    return Prometheus(DirectTransport(server), conventions=DEFAULT, **settings)


def test_what_a_front_end_moved_off_the_grid_is_asked_for_again_and_what_it_left_out_is_said() -> None:
    server = Mimir()
    source, window = source_of(server), server.window(30)
    answer = source.series("m", window, step_ns=MINUTE)
    edge = server.now_ns - 24 * HOUR
    times = answer.frame["timestamp"].to_physical().to_list()
    assert times == [at for at in window.grid(MINUTE) if at in range(times[0], window.end_ns)]
    assert edge <= times[0] <= edge + MARGIN + 2 * MINUTE
    assert answer.record.complete == "no"
    assert answer.record.reason.startswith(
        "the window begins earlier, and the server answers for nothing before about "
    )
    assert answer.record.reason.endswith(", by how far back its tenant may look")
    assert (server.asked, answer.record.requests) == (["m", "vector(1)", "m"], 3)


def test_what_was_learned_once_is_not_asked_again() -> None:
    server = Mimir()
    source = source_of(server)
    first = source.series("m", server.window(30), step_ns=MINUTE)
    del server.asked[:]
    again = source.series("m", server.window(40), step_ns=MINUTE)
    assert again.frame.equals(first.frame)
    assert (again.record.complete, again.record.requests) == ("no", 1)
    older = source.series("m", server.window(40, 30), step_ns=MINUTE)
    assert (older.frame.height, older.record.complete, older.record.requests) == (0, "no", 0)
    inside = source.series("m", server.window(20), step_ns=MINUTE)
    assert (inside.record.complete, inside.record.requests) == ("yes", 1)
    assert server.asked == ["m", "m"]


def test_what_is_missing_is_said_also_where_the_newest_rows_may_be() -> None:
    server = Mimir()
    record = source_of(server).series("m", server.window(30, 0), step_ns=MINUTE).record
    assert record.complete == "no"
    assert record.reason.startswith("the window begins earlier, and the server answers for nothing before ")
    assert record.reason.endswith(
        "tenant may look; the window ends less than 30 s before it was asked, when samples may be under way"
    )


def test_ranges_that_reach_to_before_what_is_answered_for_are_said() -> None:
    server = Mimir()
    source = source_of(server)
    record = source.series("rate(m[6h])", server.window(20), step_ns=MINUTE).record
    assert record.complete == "no"
    assert record.reason.startswith(
        "ranges of the query begin earlier, and the server answers for nothing before about "
    )
    assert source.series("rate(m[6h])", server.window(17), step_ns=MINUTE).record.complete == "yes"


def test_raw_samples_and_instants_of_before_are_not_called_whole() -> None:
    server = Mimir()
    samples = source_of(server).samples("m", server.window(30))
    assert (samples.frame.height, samples.record.complete) == (23 * 60, "no")
    source = source_of(server)
    for ago_h, complete in ((30, "no"), (20, "yes")):
        at = (server.now_ns - ago_h * HOUR) // MINUTE * MINUTE
        assert source.instant("m", at_ns=at).record.complete == complete


@pytest.mark.parametrize("query", ["gone", "rate(gone[6h])", "m"])
def test_a_server_without_such_a_limit_is_asked_once_for_what_is_so_old(query: str) -> None:
    server = Mimir(limit_ns=None)
    source = source_of(server)
    for start_h in (30, 25, 40):
        record = source.series(query, server.window(start_h), step_ns=MINUTE).record
        assert record.complete == "yes"
    assert server.asked.count("vector(1)") == (0 if query == "m" else 2)


@pytest.mark.parametrize(
    "says",
    [
        (404, {}, b"404 page not found"),
        (422, {}, b'{"status":"error","errorType":"execution","error":"no"}'),
        (200, {}, b'{"status":"success","data":{"resultType":"matrix","result":[]}}'),
        (200, {}, b'{"status":"success","data":{"resultType":"string","result":[0,"x"]}}'),
        (200, {}, b"<html>"),
        (
            200,
            {},
            b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[5,"1"]}]}}',
        ),
    ],
)
def test_a_server_that_does_not_say_changes_nothing(says: Reply) -> None:
    server = Mimir(says=says)
    source = source_of(server)
    for _ in range(2):
        assert source.series("gone", server.window(30), step_ns=MINUTE).record.complete == "yes"
    assert server.asked.count("vector(1)") == 1


@pytest.mark.parametrize("keeps", ["1d", "1d or 512MiB"])
def test_a_window_that_begins_before_a_prometheus_keeps_data_is_not_called_whole(keeps: str) -> None:
    server = Mimir(limit_ns=None, keeps=keeps)
    source = source_of(server)
    record = source.series("gone", server.window(30), step_ns=MINUTE).record
    edge = format_ns(record.asked_at_ns - 24 * HOUR)
    assert (record.complete, record.reason) == (
        "unknown",
        f"the window begins earlier, and the server keeps nothing from before {edge} (its retention)",
    )
    assert server.asked == ["gone", "vector(1)", "runtimeinfo"]
    assert source.series("gone", server.window(30), step_ns=MINUTE).record.requests == 1
    assert source.series("gone", server.window(20), step_ns=MINUTE).record.complete == "yes"
    assert source.series("m", server.window(30), step_ns=MINUTE).record.complete == "yes"  # there still are


@pytest.mark.parametrize(
    ("kept", "complete"), [("1d", "unknown"), ("1", "yes"), ("1y", "yes"), ("soon", "yes")]
)
def test_a_victoria_metrics_tells_it_among_its_flags(kept: str, complete: str) -> None:
    server = Mimir(limit_ns=None, flags=f'-a="b"\n-retentionPeriod="{kept}"\n-z="0"\n')
    assert source_of(server).series("gone", server.window(30), step_ns=MINUTE).record.complete == complete


@pytest.mark.parametrize("keeps", ["", "512MiB", "100y", None])
def test_a_retention_that_is_no_time_or_is_not_told_changes_nothing(keeps: str | None) -> None:
    server = Mimir(limit_ns=None, keeps=keeps)
    assert source_of(server).series("gone", server.window(30), step_ns=MINUTE).record.complete == "yes"
