"""Grafana's annotations: every one of a window once, whatever a page holds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import AccessError, AnswerError
from obsnb.schema import EVENTS
from obsnb.sources.annotations import Annotation, pull
from obsnb.sources.grafana import Grafana
from obsnb.sources.refusals import refusal
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Response
from tests.standin.direct import DirectTransport
from tests.standin.grafana import GrafanaStandIn

MS = 10**6
T0 = 1_795_457_600_000


class Asked(DirectTransport):
    """Asks with the token, as a real transport would."""

    def send(self, request: Any) -> Any:
        object.__setattr__(request, "headers", {"authorization": "Bearer t"})
        return super().send(request)


def grafana(annotations: list[dict[str, Any]], *, page_limit: int = 1_000, **more: Any) -> Grafana:
    standin = GrafanaStandIn("t", annotations=annotations, **more)
    return Grafana(Asked(standin, name="grafana"), conventions=DEFAULT, page_limit=page_limit)


def window(first_ms: int, last_ms: int) -> TimeRange:
    """From a millisecond to the end of another, counted from the first moment."""
    return TimeRange((T0 + first_ms) * MS, (T0 + last_ms + 1) * MS)


regions = st.lists(
    st.tuples(st.integers(-20, 120), st.integers(0, 140)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=40,
)


@given(regions, st.integers(1, 12))
def test_every_annotation_that_touches_the_window_comes_once_for_any_page_size(
    spans: list[tuple[int, int]], limit: int
) -> None:
    made = [{"time": T0 + start, "timeEnd": T0 + end, "text": f"{i}"} for i, (start, end) in enumerate(spans)]
    answer = grafana(made, page_limit=limit).annotations(window(0, 100))
    expected = sorted(f"{i}" for i, (start, end) in enumerate(spans) if start <= 100 and end >= 0)
    assert sorted(answer.frame["title"]) == expected
    assert answer.record.complete in {"yes", "unknown"}


def test_pages_that_stay_full_in_one_moment_are_said_to_be_cut() -> None:
    pages = pull(lambda first, last, limit: [Annotation(time=5)] * limit, 0, 10, limit=2, most=8)
    assert not pages.whole


def test_who_heeds_no_slice_is_not_asked_down_to_each_millisecond_and_that_is_said() -> None:
    always = [Annotation(id=n, time=T0 + n) for n in range(100)]
    asked: list[tuple[int, int]] = []

    def ask(first: int, last: int, limit: int) -> list[Annotation]:
        asked.append((first, last))
        return always[:limit]

    pages = pull(ask, T0, T0 + 7_200_000, limit=100, most=100)
    assert len(asked) < 50
    assert not pages.whole
    assert pages.strange > 0
    assert {one.id for one in pages.rows} <= set(range(100))
    assert len(pages.rows) == len({one.id for one in pages.rows})


def test_a_grafana_that_gives_a_hundred_by_itself_is_asked_for_all() -> None:
    made = [{"time": T0 + i, "text": f"n{i}"} for i in range(2_500)]
    answer = grafana(made).annotations(window(0, 5_000))
    assert answer.frame.height == answer.record.rows == 2_500
    assert answer.record.pages > 3


def test_a_title_is_the_text_without_its_markup_and_tags_are_kept() -> None:
    made = [
        {
            "time": T0 + 1,
            "text": "<b>Deploy</b> of <a href='x'>api&amp;web</a><br/>done <script>x()</script>",
        },
        {"time": T0 + 2, "text": "p99 < 5 s & rising", "tags": ["service:api", "slo"]},
        {"time": T0 + 3, "text": "", "alertName": "Slow", "prevState": "Normal", "newState": "Alerting"},
        {"time": T0 + 4, "timeEnd": T0 + 9, "text": None, "tags": ["maintenance", "db"]},
        {"time": T0 + 5, "timeEnd": 0},
    ]
    frame = grafana(made).annotations(window(0, 100)).frame
    assert frame.columns == [*EVENTS.names, "tags"]
    assert frame["title"].to_list() == [
        "Deploy of api&web done",
        "p99 < 5 s & rising",
        "Slow: Normal to Alerting",
        "maintenance, db",
        "annotation",
    ]
    assert frame["tags"].to_list()[1:4] == [["service:api", "slo"], [], ["maintenance", "db"]]
    assert frame["service"].to_list() == [None, "api", None, None, None]
    assert frame["end"].to_physical().to_list() == [None, None, None, (T0 + 9) * MS, None]
    assert set(frame["kind"]) == {"annotation"}


def test_nothing_noted_is_an_empty_frame_with_every_column() -> None:
    answer = grafana([]).annotations(window(0, 100))
    assert answer.frame.columns == [*EVENTS.names, "tags"]
    assert answer.frame.height == 0
    assert answer.record.reason == "the last page of every slice had room left" or (
        answer.record.reason == "the window ends after it was asked"
    )


def test_a_refusal_is_told_in_grafanas_words_with_the_window() -> None:
    with pytest.raises(AccessError) as caught:
        grafana([], noting=False).annotations(window(0, 999))
    assert str(caught.value) == (
        "grafana answered 403: Grafana does not allow this to the token's service account.\n"
        "  query:  /api/annotations\n"
        f"  window: {window(0, 999)}\n"
        "  server: You'll need additional permissions to perform this action. Permissions needed: "
        "annotations:read\n"
        "Hint: Whoever keeps this Grafana can give it the role Viewer, or the permission that Grafana names."
    )


def test_an_answer_that_is_no_list_cannot_be_read() -> None:
    class Odd:
        def answer(self, *_: Any) -> Any:
            return 200, {"content-type": "application/json"}, json.dumps({"time": 1}).encode()

    odd = Grafana(DirectTransport(Odd(), name="grafana"), conventions=DEFAULT)
    with pytest.raises(AnswerError, match=r"^grafana answered 200, but the answer cannot be read: Expected"):
        odd.annotations(window(0, 1))


def test_a_form_that_grafana_does_not_let_through_is_told_as_that() -> None:
    said = b'{"message":"non allow-listed POSTs not allowed on proxied Prometheus datasource"}'
    error = refusal(Response(403, {}, said), source="prometheus", kind="prometheus")
    assert str(error) == (
        "prometheus answered 403: Grafana's proxy does not pass such a request on.\n"
        "  server: non allow-listed POSTs not allowed on proxied Prometheus datasource\n"
        "Hint: Write a shorter query, of at most 3,000 characters: a long one is sent as a form."
    )
