from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

import obsnb
from obsnb.views.widgets import querybox
from obsnb.views.widgets.querybox import QueryBox


@pytest.fixture
def obs() -> Iterator[Any]:
    with obsnb.open_archive("data/incidents/slow-query") as opened:
        yield opened


def test_an_answer_is_the_result_with_the_ledger_s_verdict_and_stands_in_the_history(obs: Any) -> None:
    box = QueryBox(obs)
    text = 'ALERTS{namespace="shop-prod"}'
    answer = box.answer("run", {"verb": "metrics", "text": text})
    assert answer["verdict"] == "114 rows, ✓ complete"
    assert box.result.height == 114
    assert box.selection is box.result
    assert answer["history"][0] == {"verb": "metrics", "text": text, "says": "114 rows, ✓ complete"}
    assert len(answer["rows"]) == 10


def test_what_was_never_asked_is_said_in_the_answer_s_place_and_nothing_is_lost(obs: Any) -> None:
    box = QueryBox(obs)
    answer = box.answer("run", {"verb": "logs", "text": '{app="other"}'})
    assert answer["verdict"] == "✖ no answer"
    assert "Hint: " in answer["why"]
    assert box.result is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"verb": "drop", "text": "x"}, "There is no verb 'drop'; there are logs, metrics, spans."),
        (
            {"verb": "logs", "text": " "},
            "There is no query yet.\nHint: Write one, or choose one of the history.",
        ),
    ],
)
def test_what_is_no_question_is_not_asked(obs: Any, given: dict[str, str], said: str) -> None:
    box, before = QueryBox(obs), len(obs.ledger)
    with pytest.raises(obsnb.UsageError) as caught:
        box.answer("run", given)
    assert str(caught.value) == said
    assert len(obs.ledger) == before


def test_the_plan_s_estimate_is_told_a_source_a_line(obs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def plan(verb: str, query: str, window: obsnb.TimeRange) -> pl.DataFrame:
        asked.append((verb, query))
        row = {
            "source": "loki",
            "requests": 3,
            "bytes": 1_200_000,
            "lines": None,
            "over": "max_bytes",
            "note": None,
        }
        return pl.DataFrame([row])

    monkeypatch.setattr(type(obs), "plan", lambda self, *words: plan(*words))
    told = QueryBox(obs).answer("estimate", {"verb": "logs", "text": "{a=`b`}"})
    assert asked == [("logs", "{a=`b`}")]
    assert told["estimate"] == [["loki", "requests 3; bytes 1,200,000; over: max_bytes"]]


def test_an_archive_estimates_nothing_and_says_so(obs: Any) -> None:
    told = QueryBox(obs).answer("estimate", {"verb": "logs", "text": "{a=`b`}"})
    assert told["estimate"] == []
    assert told["why"].startswith("Nothing would be sent: what is asked is on this disk.")


def test_a_frame_assigned_while_an_answer_comes_is_shown_whole_until_that_answer_is_there(
    obs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, coming, go_on = querybox._preview, threading.Event(), threading.Event()

    def held(frame: pl.DataFrame) -> dict[str, Any]:
        if threading.current_thread() is not threading.main_thread():
            coming.set()
            assert go_on.wait(30)
        return read(frame)

    monkeypatch.setattr(querybox, "_preview", held)
    box, given = QueryBox(obs), pl.DataFrame({"a": [1]})
    asked = {"verb": "metrics", "text": 'ALERTS{namespace="shop-prod"}'}
    answers: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: answers.append(box.answer("run", asked)))
    asking.start()
    assert coming.wait(30)
    assert box.result is None
    box.selection = given
    assert box.result is given
    assert (box.start["verdict"], box.start["version"]) == ("1 row", 2)
    go_on.set()
    asking.join()
    assert (box.result.height, box.start) == (114, answers[0])
    assert (box.start["verdict"], box.start["version"]) == ("114 rows, ✓ complete", 3)
