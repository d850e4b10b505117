"""The same faults, met by what is asked beside rows: indexes, exemplars, comparisons, annotations."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest

from obsnb.conventions import DEFAULT
from obsnb.ledger import QueryRecord
from obsnb.settings import SourceKind
from obsnb.sources.base import Answer
from obsnb.sources.grafana import Grafana
from obsnb.sources.loki import Loki
from obsnb.sources.prometheus import Prometheus
from obsnb.sources.prometheus_discovery import Of
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Transport
from tests.faults.acts import FAULTS
from tests.faults.conftest import outcome_of
from tests.faults.misbehaving import Misbehaving, Plan, misbehaving
from tests.sources.asking_tempo import trace
from tests.standin.direct import DirectTransport
from tests.standin.grafana import GrafanaStandIn
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import Backend
from tests.standin.tempo import TempoStandIn

RUNS = 200
#: Shorter than where there are many requests: most of these runs meet a fault.
SILENCE_S = 0.03
SECOND = 10**9
BASE_S = 1_795_460_000
WINDOW = TimeRange(BASE_S * SECOND, (BASE_S + 40) * SECOND)


@dataclass(frozen=True)
class Question:
    """A server, and what it is asked; what a clear answer to it has is what there is."""

    kind: SourceKind
    backend: Backend
    ask: Callable[[Transport], Answer]


# Prometheus.


def _prometheus(chance: random.Random) -> PrometheusStandIn:
    def some(most: int) -> range:
        return range(chance.randint(1, most))

    series = [
        Recorded(
            {"__name__": "m", "a": f"a{number}", **({"pod": "p"} if number % 2 else {})},
            BASE_S * 1_000,
            1_000,
            {BASE_S * 1_000 + chance.randint(0, 39) * 1_000: "1"},
        )
        for number in some(6)
    ]
    exemplars = [
        {
            "seriesLabels": dict(one.labels),
            "exemplars": [
                {
                    "labels": {"trace_id": f"{chance.randint(1, 99):x}"},
                    "value": str(chance.randint(0, 9)),
                    "timestamp": BASE_S + chance.randint(-40, 79) + chance.choice([0, 0.25]),
                }
                for _ in some(5)
            ],
        }
        for one in series
    ]
    for one in exemplars:  # a series keeps one exemplar a moment
        one["exemplars"] = list({each["timestamp"]: each for each in one["exemplars"]}.values())
    active = [
        {
            "labels": {"alertname": f"A{number}", "pod": "p"},
            "annotations": {"summary": "s"},
            "state": chance.choice(["firing", "pending"]),
            "activeAt": f"2026-11-23T18:00:{number:02d}Z",
            "value": "1e+00",
        }
        for number in some(4)
    ]
    rules = [
        {"name": f"R{number}", "query": "up", "type": "recording", "labels": {"a": "b"}} for number in some(4)
    ]
    alerting = {"name": "A0", "query": "up < 1", "type": "alerting", "state": "firing", "alerts": active}
    targets = [
        {
            "scrapeUrl": f"http://t{number}/metrics",
            "scrapePool": "pool",
            "health": "up",
            "labels": {"job": "j", "instance": f"t{number}"},
        }
        for number in some(5)
    ]
    index = {
        "metadata": {f"m{number}": [{"type": "gauge", "help": "h", "unit": ""}] for number in some(5)},
        "rules": {"groups": [{"name": "g", "file": "f", "rules": [*rules, alerting]}]},
        "alerts": {"alerts": active},
        "targets": {"activeTargets": targets, "droppedTargets": []},
    }
    return PrometheusStandIn(series, exemplars=exemplars, index=index)


def exemplars(chance: random.Random) -> Question:
    def ask(transport: Transport) -> Answer:
        return Prometheus(transport, conventions=DEFAULT).exemplars("m", WINDOW)

    return Question("prometheus", _prometheus(chance), ask)


def _look(of: Of, window: TimeRange | None = None, text: str | None = None) -> Callable[..., Question]:
    def make(chance: random.Random) -> Question:
        def ask(transport: Transport) -> Answer:
            return Prometheus(transport, conventions=DEFAULT).look(of, window=window, text=text)

        return Question("prometheus", _prometheus(chance), ask)

    return make


# Loki.


def _loki(chance: random.Random) -> LokiStandIn:
    streams = [(("app", "a"),), (("app", "a"), ("pod", "1")), (("app", "b"), ("pod", "2"))]
    rows = [
        Row(
            WINDOW.start_ns + chance.randint(0, 39) * SECOND,
            chance.choice(streams),
            chance.choice(['{"code": 1}', '{"code": 2, "who": "me"}', "x" * 30]),
            chance.choice([(), (("k", "1"),)]),
        )
        for _ in range(chance.randint(1, 40))
    ]
    patterns = [
        {
            "pattern": f"a <_> {number}",
            "level": "info",
            "samples": [[BASE_S + chance.randrange(-20, 60, 10), 3]],
        }
        for number in range(chance.randint(1, 4))
    ]
    return LokiStandIn(rows, patterns=patterns)


def _loki_asked(ask_loki: Callable[[Loki], Answer]) -> Callable[[random.Random], Question]:
    def make(chance: random.Random) -> Question:
        def ask(transport: Transport) -> Answer:
            return ask_loki(Loki(transport, conventions=DEFAULT))

        return Question("loki", _loki(chance), ask)

    return make


# Tempo.

_RATE = "{} | rate() by (resource.service.name)"
_COMPARE = "{} | compare({ status = error }, 10)"
_STEP_S = 10


def _value(text: str) -> dict[str, str]:
    return {"stringValue": text}


def _told(labels: Mapping[str, str], chance: random.Random) -> dict[str, Any]:
    moments = range((BASE_S - 60) * 1_000, (BASE_S + 90) * 1_000, _STEP_S * 1_000)
    return {
        "labels": [{"key": name, "value": _value(value)} for name, value in labels.items()],
        "samples": [{"timestampMs": str(ms), "value": float(chance.randint(0, 9))} for ms in moments],
        "exemplars": [
            {
                "labels": [{"key": "trace:id", "value": _value(f"{chance.randint(1, 999):x}")}],
                "value": 0.5,
                "timestampMs": str(chance.choice(moments)),
            }
            for _ in range(chance.randint(1, 6))
        ],
    }


def _tempo(chance: random.Random) -> TempoStandIn:
    services = [f"s{number}" for number in range(chance.randint(1, 4))]
    rates = {"series": [_told({"resource.service.name": name}, chance) for name in services]}
    sides = ("selection", "baseline", "selection_total", "baseline_total")
    compared = [
        _told({"__meta_type": side, "span.a": "nil" if side.endswith("total") else name}, chance)
        for side in sides
        for name in (services[:1] if side.endswith("total") else services)
    ]
    made = (trace(number, (number, 1_000, True)) for number in range(1, chance.randint(2, 5)))
    metrics = {_RATE: (_STEP_S * 1_000, rates), _COMPARE: (_STEP_S * 1_000, {"series": compared})}
    return TempoStandIn.of(*made, metrics=metrics)


def _tempo_asked(ask_tempo: Callable[[Tempo], Answer]) -> Callable[[random.Random], Question]:
    def make(chance: random.Random) -> Question:
        def ask(transport: Transport) -> Answer:
            return ask_tempo(Tempo(transport, conventions=DEFAULT))

        return Question("tempo", _tempo(chance), ask)

    return make


# Grafana.


@dataclass(frozen=True)
class Trusting:
    """A Grafana that lets in whoever asks: the transports here have no token."""

    inner: GrafanaStandIn

    def answer(
        self, method: str, path: str, params: dict[str, list[str]], headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        bearer = {"authorization": f"Bearer {self.inner.token}"}
        return self.inner.answer(method, path, params, headers | bearer)


def _grafana(chance: random.Random) -> Trusting:
    notes = [
        {
            "id": number,
            "time": start,
            "timeEnd": start + chance.choice([0, 0, 5_000]),
            "text": chance.choice(["deployed", "rolled back"]),
            "tags": ["service:api"],
        }
        for number in range(chance.randint(1, 30))
        for start in [(BASE_S + chance.randint(-40, 79)) * 1_000]
    ]
    kinds = ("loki", "prometheus", "tempo")
    sources = [
        {"uid": f"u{number}", "name": f"n{number}", "type": chance.choice(kinds), "isDefault": number == 0}
        for number in range(chance.randint(1, 5))
    ]
    return Trusting(GrafanaStandIn("t", sources=sources, annotations=notes))


def annotations(chance: random.Random) -> Question:
    limit = chance.choice([4, 1_000])

    def ask(transport: Transport) -> Answer:
        return Grafana(transport, conventions=DEFAULT, page_limit=limit).annotations(WINDOW)

    return Question("grafana", _grafana(chance), ask)


def data_sources(chance: random.Random) -> Question:
    def ask(transport: Transport) -> Answer:
        found = Grafana(transport, conventions=DEFAULT).data_sources()
        assert found is not None
        rows = [(one.uid, one.name, one.type, one.default) for one in found]
        frame = pl.DataFrame(rows, schema=["uid", "name", "type", "default"], orient="row")
        return Answer(frame, QueryRecord("index", "grafana", "", "", WINDOW, complete="yes"))

    return Question("grafana", _grafana(chance), ask)


QUESTIONS: dict[str, Callable[[random.Random], Question]] = {
    "exemplars": exemplars,
    "metric_metadata": _look("metadata"),
    "rules": _look("rules"),
    "alerts": _look("alerts"),
    "targets": _look("targets"),
    "metric_series": _look("series", WINDOW, "m"),
    "metric_labels": _look("labels", WINDOW),
    "metric_label_values": _look("labels", WINDOW, "a"),
    "labels": _loki_asked(lambda loki: loki.index_names(WINDOW)),
    "label_values": _loki_asked(lambda loki: loki.index_names(WINDOW, label="app")),
    "log_streams": _loki_asked(lambda loki: loki.streams('{app=~".+"}', WINDOW)),
    "log_volume": _loki_asked(lambda loki: loki.volume('{app=~".+"}', WINDOW, by=["app", "pod"])),
    "log_volume over time": _loki_asked(
        lambda loki: loki.volume_over_time('{app=~".+"}', WINDOW, step_ns=10 * SECOND, by=["app"])
    ),
    "server_patterns": _loki_asked(lambda loki: loki.patterns('{app="a"}', WINDOW, step_ns=10 * SECOND)),
    "detected_fields": _loki_asked(lambda loki: loki.detected_fields('{app=~".+"}', WINDOW)),
    "span_attributes": _tempo_asked(lambda tempo: tempo.attributes(WINDOW)),
    "span_attribute_values": _tempo_asked(lambda tempo: tempo.attributes(WINDOW, name="span.http.route")),
    "metrics of spans": _tempo_asked(lambda tempo: tempo.series(_RATE, WINDOW, step_ns=_STEP_S * SECOND)),
    "exemplars of spans": _tempo_asked(
        lambda tempo: tempo.exemplars(_RATE, WINDOW, step_ns=_STEP_S * SECOND)
    ),
    "span_comparison": _tempo_asked(lambda tempo: tempo.comparison(_COMPARE, WINDOW)),
    "annotations": annotations,
    "data sources": data_sources,
}


@pytest.fixture(scope="module")
def server() -> Iterator[Misbehaving]:
    with misbehaving(LokiStandIn([])) as running:
        yield running


def _rows(frame: pl.DataFrame) -> Counter[frozenset[tuple[str, str]]]:
    """The rows, each by what it has: a column that only lost rows had matters to none."""
    return Counter(
        frozenset((name, str(value)) for name, value in row.items() if value is not None)
        for row in frame.to_dicts()
    )


def _judged(server: Misbehaving, question: Question) -> str:
    """What came of it: ``exact``, ``error``, or ``said``; anything else is what must not be."""
    outcome = outcome_of(server, question.kind, question.ask, silence_s=SILENCE_S)
    if outcome.error is not None:
        assert str(outcome.error)
        return "error"
    assert outcome.answer is not None
    there = _rows(question.ask(DirectTransport(question.backend)).frame)
    came, record = _rows(outcome.answer.frame), outcome.answer.record
    assert came <= there, "rows that are not there, or too often"
    if came == there:
        return "exact"
    assert record.complete != "yes"
    assert record.reason
    return "said"


@pytest.mark.parametrize("name", QUESTIONS)
def test_under_any_faults_what_is_found_is_exact_or_something_says_that_it_is_not(
    server: Misbehaving, name: str
) -> None:
    verdicts: Counter[str] = Counter()
    played: Counter[str] = Counter()
    for seed in range(RUNS):
        question = QUESTIONS[name](random.Random(f"{name} {seed}"))
        server.backend, server.plan = question.backend, Plan(seed, surely=True)
        try:
            verdicts[_judged(server, question)] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}, faults {dict(server.plan.played)}")
            raise
        played += server.plan.played
    assert set(played) == set(FAULTS)
    assert verdicts["exact"] > RUNS / 10
    assert verdicts["error"] > RUNS / 10
