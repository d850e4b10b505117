"""Whatever goes wrong on the way: the rows are exact, or an error says why, or the record does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from obsnb.conventions import DEFAULT
from obsnb.settings import SourceKind
from obsnb.sources.base import Answer
from obsnb.sources.loki import Loki
from obsnb.sources.prometheus import Prometheus
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport
from tests.faults.acts import FAULTS
from tests.faults.conftest import outcome_of
from tests.faults.misbehaving import Misbehaving, Plan, misbehaving
from tests.standin.direct import DirectTransport
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import Backend
from tests.standin.tempo import TempoStandIn

RUNS = 200
SECOND = 10**9
BASE = 1_795_460_000 * SECOND


@dataclass(frozen=True)
class Case:
    """Some made-up data behind a server, a question for it, and the rows that are there."""

    kind: SourceKind
    backend: Backend
    ask: Callable[[Transport], Answer]
    there: Counter[Any]
    came: Callable[[pl.DataFrame], Counter[Any]]


def lines(chance: random.Random) -> Case:
    streams = [(("app", "a"),), (("app", "a"), ("pod", "1")), (("app", "b"), ("pod", "2"))]
    rows = [
        Row(
            BASE + chance.randint(-30, 70) * SECOND,
            chance.choice(streams),
            chance.choice(["x", "y", "é", "", "z" * 50]),
            chance.choice([(), (("k", "1"),), (("k", "2"), ("level", "warn"))]),
        )
        for _ in range(chance.randint(0, 80))
    ]
    backend = LokiStandIn(rows, most=chance.choice([4, 12, 5_000]))
    window = TimeRange(BASE, BASE + 40 * SECOND)
    limit = chance.choice([3, 7, 20])

    def ask(transport: Transport) -> Answer:
        return Loki(transport, conventions=DEFAULT, page_limit=limit).logs('{app=~".+"}', window)

    def came(frame: pl.DataFrame) -> Counter[Any]:
        rows = frame.with_columns(pl.col("timestamp").to_physical()).to_dicts()
        return Counter(
            (row["timestamp"], row["line"], row.get("app"), row.get("pod"), row.get("metadata.k"))
            for row in rows
        )

    there = Counter(
        (row.ns, row.line, dict(row.stream)["app"], dict(row.stream).get("pod"), dict(row.metadata).get("k"))
        for row in backend.rows
        if row.ns in window
    )
    return Case("loki", backend, ask, there, came)


def series(chance: random.Random) -> Case:
    start = BASE // 10**6
    held = [
        Recorded(
            {"__name__": "m", "a": name},
            start - 60_000,
            1_000,
            {
                start + second * 1_000: str(chance.randint(0, 9))
                for second in range(-60, 100)
                if chance.random() < 0.8
            },
        )
        for name in "abc"[: chance.randint(0, 3)]
    ]
    window = TimeRange(BASE, BASE + 50 * SECOND)
    points = chance.choice([7, 20, 100])

    def ask(transport: Transport) -> Answer:
        source = Prometheus(transport, conventions=DEFAULT, max_points=points)
        return source.series("m", window, step_ns=SECOND)

    def came(frame: pl.DataFrame) -> Counter[Any]:
        if frame.is_empty():
            return Counter()
        ms = pl.col("timestamp").to_physical() // 10**6
        return Counter(frame.select(ms, pl.col("a").cast(pl.String), "value").rows())

    there = Counter(
        (ms, one.labels["a"], float(value))
        for one in held
        for ms, value in one.values.items()
        if ms * 10**6 in window
    )
    return Case("prometheus", PrometheusStandIn(held), ask, there, came)


def samples(chance: random.Random) -> Case:
    """As `series`, but raw, and of a range that the server refuses at once, so that it comes in pieces."""
    case = series(chance)
    held = case.backend
    assert isinstance(held, PrometheusStandIn)
    few = replace(held, max_samples=chance.choice([15, 40, 10_000]), left_open=chance.random() < 0.5)
    window = TimeRange(BASE, BASE + 50 * SECOND)

    def ask(transport: Transport) -> Answer:
        return Prometheus(transport, conventions=DEFAULT).samples("m", window)

    return replace(case, backend=few, ask=ask)


def instants(chance: random.Random) -> Case:
    """A value a series at some moment, none where the series has none there: five minutes are looked back."""
    case = series(chance)
    at_ms = BASE // 10**6 + chance.randint(0, 49) * 1_000

    def ask(transport: Transport) -> Answer:
        return Prometheus(transport, conventions=DEFAULT).instant("m", at_ns=at_ms * 10**6)

    clear = Prometheus(DirectTransport(case.backend), conventions=DEFAULT)
    there = case.came(clear.instant("m", at_ns=at_ms * 10**6).frame)
    return replace(case, ask=ask, there=there)


def spans(chance: random.Random) -> Case:
    return _traced(chance, whole=False)


def whole_traces(chance: random.Random) -> Case:
    return _traced(chance, whole=True)


def _traced(chance: random.Random, *, whole: bool) -> Case:
    traces = [_trace(chance, number) for number in range(1, chance.randint(1, 15))]
    settings = {"versions": frozenset({1})} if chance.random() < 0.3 else {}
    backend = TempoStandIn.of(*traces, **settings)
    window = TimeRange(BASE, BASE + 12 * SECOND)

    def ask(transport: Transport) -> Answer:
        source = Tempo(transport, conventions=DEFAULT, search_limit=4, spss=2)
        return source.spans("{ status = error }", window, whole=whole)

    there: Counter[Any] = Counter()
    for trace in traces:
        held = [batch.scope_spans[0].spans[0] for batch in trace.resource_spans]
        matching = [one for one in held if one.status.code == 2 and one.start_time_unix_nano in window]
        there.update(_span_key(one) for one in (held if whole and matching else matching))
    return Case("tempo", backend, ask, there, _spans_that_came)


def _trace(chance: random.Random, number: int) -> TracesData:
    """A trace of a fraction of a second, each span with a resource of its own."""
    start = BASE + chance.randint(-5 * SECOND, 17 * SECOND)
    return TracesData(
        resource_spans=[
            ResourceSpans(
                scope_spans=[
                    ScopeSpans(
                        spans=[
                            Span(
                                trace_id=number.to_bytes(16, "big"),
                                span_id=index.to_bytes(8, "big"),
                                name=f"operation {index}",
                                start_time_unix_nano=start + index * 10_000_000,
                                end_time_unix_nano=start + index * 10_000_000 + chance.randint(0, 5) * 1_000,
                                status=Status(code=chance.choice([0, 2, 2])),
                            )
                        ]
                    )
                ]
            )
            for index in range(1, chance.randint(2, 7))
        ]
    )


def _span_key(span: Span) -> tuple[str, str, int, int]:
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    return span.trace_id.hex(), span.span_id.hex(), start, end - start


def _spans_that_came(frame: pl.DataFrame) -> Counter[Any]:
    times = (pl.col("start").to_physical(), pl.col("duration").to_physical())
    return Counter(frame.select("trace_id", "span_id", *times).rows())


CASES = (lines, series, samples, instants, spans, whole_traces)


@pytest.fixture
def server() -> Iterator[Misbehaving]:
    with misbehaving(LokiStandIn([])) as running:
        yield running


def judged(server: Misbehaving, case: Case) -> str:
    """What came of it: ``exact``, ``error``, or ``said``; anything else is what must not be."""
    outcome = outcome_of(server, case.kind, case.ask)
    assert server.plan.requests < 3_000
    if outcome.error is not None:
        assert str(outcome.error)
        return "error"
    assert outcome.answer is not None
    came, record = case.came(outcome.answer.frame), outcome.answer.record
    assert set(came) <= set(case.there), "rows that are not there"
    if came == case.there:
        return "exact"
    assert record.complete != "yes"
    assert record.reason
    return "said"


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_under_any_faults_the_rows_are_exact_or_something_says_that_they_are_not(
    server: Misbehaving, make: Callable[[random.Random], Case]
) -> None:
    verdicts: Counter[str] = Counter()
    played: Counter[str] = Counter()
    runs = RUNS * (2 if make is instants else 1)  # one request each: more runs to meet every fault
    for seed in range(runs):
        case = make(random.Random(f"{make.__name__} {seed}"))
        server.backend, server.plan = case.backend, Plan(seed)
        try:
            verdicts[judged(server, case)] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}, faults {dict(server.plan.played)}")
            raise
        played += server.plan.played
    assert set(played) == set(FAULTS)
    assert verdicts["exact"] > runs / 10
    assert verdicts["error"] > runs / 10
