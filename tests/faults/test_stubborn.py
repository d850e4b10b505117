"""A server that goes on misbehaving is not asked for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from obsnb.conventions import DEFAULT
from obsnb.errors import AnswerError, LimitError
from obsnb.sources.loki import Loki
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import BASE_S, ERRORS, HOUR, many, trace
from tests.standin.direct import DirectTransport
from tests.standin.loki import LokiStandIn, Row
from tests.standin.serving import Backend
from tests.standin.tempo import TempoStandIn

SECOND = 10**9
Answer = tuple[int, dict[str, str], bytes]
SLOW: Answer = (504, {"content-type": "text/plain"}, b"context deadline exceeded")


@dataclass
class Stubborn:
    """A stand-in whose answers are changed: by their number, what is asked, and what it would have said."""

    backend: Backend
    change: Callable[[int, str, dict[str, list[str]], Answer], Answer]
    asked: list[Mapping[str, list[str]]] = field(default_factory=list)

    def answer(self, method: str, path: str, params: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        self.asked.append(params)
        own = self.backend.answer(method, path, params, headers)
        return self.change(len(self.asked), path, params, own)


def loki_asking(backend: Any) -> Loki:
    return Loki(DirectTransport(backend), conventions=DEFAULT, page_limit=100)


def tempo_asking(backend: Any, **changes: int) -> Tempo:
    return Tempo(DirectTransport(backend, name="tempo"), conventions=DEFAULT, **changes)


@pytest.mark.parametrize("answered", [0, 1, 5])
def test_a_loki_that_stops_answering_is_given_up_after_tens_of_requests(answered: int) -> None:
    rows = [Row(HOUR.start_ns + number * SECOND, (("app", "a"),), "x") for number in range(3_000)]
    backend = Stubborn(
        LokiStandIn(rows),
        lambda number, path, params, own: own if "stats" in path or number <= answered + 1 else SLOW,
    )
    with pytest.raises(LimitError) as error:
        loki_asking(backend).logs('{app="a"}', HOUR)
    assert error.value.what == "loki answered 504: the query took longer than it allows."
    assert len(backend.asked) < 60


def test_a_loki_whose_pages_never_advance_is_not_asked_on() -> None:
    rows = [Row(HOUR.start_ns + number * SECOND, (("app", "a"),), "x") for number in range(3_000)]
    pages: list[Answer] = []

    def same(number: int, path: str, params: dict[str, list[str]], own: Answer) -> Answer:
        if not path.endswith("query_range"):
            return own
        pages.append(own)
        return pages[0]

    backend = Stubborn(LokiStandIn(rows), same)
    record = loki_asking(backend).logs('{app="a"}', HOUR).record
    assert record.complete == "no"
    assert "the server answered with lines of another time" in record.reason
    assert len(backend.asked) < 100


def test_a_tempo_that_heeds_no_window_is_not_asked_on() -> None:
    week = TimeRange(BASE_S * SECOND, (BASE_S + 7 * 86_400) * SECOND)
    pages: list[Answer] = []

    def same(number: int, path: str, params: dict[str, list[str]], own: Answer) -> Answer:
        pages.append(own)
        return pages[0]

    backend = Stubborn(TempoStandIn.of(*many(500)), same)
    with pytest.raises(AnswerError) as error:
        tempo_asking(backend, search_limit=20).spans(ERRORS, week)
    assert error.value.what == (
        "tempo answered 200, but the answer cannot be read: it tells of other times or durations than were "
        "asked for."
    )
    assert len(backend.asked) < 100


def test_a_tempo_that_heeds_no_duration_is_not_asked_on_and_what_is_cut_is_said() -> None:
    cut = trace(1, *((number / 1_000, 1_000 + number, True) for number in range(50)))

    def unfiltered(number: int, path: str, params: dict[str, list[str]], own: Answer) -> Answer:
        query = params["q"][0].split(" | { duration")[0]
        return TempoStandIn.of(cut).answer("GET", path, {**params, "q": [query]}, {})

    backend = Stubborn(TempoStandIn.of(cut), unfiltered)
    answer = tempo_asking(backend, spss=5).spans(ERRORS, HOUR)
    assert answer.frame.height == 5
    assert answer.record.complete == "no"
    assert "some of the more than 5 matching spans did not come" in answer.record.reason
    assert len(backend.asked) < 20
