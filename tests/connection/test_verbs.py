"""The verbs: what they ask, what they give, what they refuse before anything is sent."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import obsnb
from obsnb.connection import Connection
from obsnb.connection.roles import LiveRoles, default_step
from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError, PartialResultWarning, QueryError, SettingsError, UsageError
from obsnb.instants import format_ns
from obsnb.query.roles import role_queries
from obsnb.schema import EVENTS
from obsnb.sources.base import Health
from obsnb.timerange import TimeRange
from tests.archive.conftest import START, WINDOW, S
from tests.connection.conftest import SCOPE, Source, connected


def test_each_verb_asks_its_source_and_enters_the_ledger(obs: Connection, source: Source) -> None:
    assert obs.logs('{a="b"}', WINDOW, limit=3, direction="backward").height == 3
    assert obs.metrics("up", WINDOW, step="30s").height == 2
    assert obs.exemplars("up", WINDOW).height == 1
    assert obs.spans("{ }", WINDOW, whole=True).height == 2
    assert obs.trace("1").height == 1
    assert source.asked == [
        ("logs", '{a="b"}', {"limit": 3, "direction": "backward"}),
        ("series", "up", {"step_ns": 30 * S}),
        ("exemplars", "up", {}),
        ("spans", "{ }", {"whole": True}),
        ("spans", "1", {"trace": True}),
    ]
    assert [entry.number for entry in obs.ledger] == [1, 2, 3, 4, 5]
    assert obs.last is obs.ledger[-1]


@pytest.mark.parametrize(("which", "query"), [("loki", 'rate({a="b"}[1m])'), ("tempo", "{ } | rate()")])
def test_every_source_gives_numbers_in_its_own_language(
    obs: Connection, source: Source, which: Any, query: str
) -> None:
    obs.metrics(query, WINDOW, source=which)
    assert source.asked == [("series", query, {"step_ns": 15 * S})]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda obs: obs.logs("{ status = error }", WINDOW),
            "This looks like TraceQL, and was given to Loki.\n"
            "  query:  { status = error }\n"
            "Hint: obs.spans(...) asks Tempo.",
        ),
        (
            lambda obs: obs.metrics('{a="b"} |= "x"', WINDOW),
            "This looks like LogQL, and was given to Prometheus.\n"
            '  query:  {a="b"} |= "x"\n'
            'Hint: obs.logs(...) asks Loki for lines, obs.metrics(..., source="loki") for numbers.',
        ),
        (
            lambda obs: obs.spans('{a="b"} |= "x"', WINDOW),
            "This looks like LogQL, and was given to Tempo.\n"
            '  query:  {a="b"} |= "x"\n'
            "Hint: obs.logs(...) asks Loki.",
        ),
        (
            lambda obs: obs.metrics("up", WINDOW, source="graphite"),
            "There is no source 'graphite'.\nHint: It is prometheus, loki or tempo.",
        ),
        (
            lambda obs: obs.logs('{a="b"}'),
            'Live sources need a window.\nHint: Pass obsnb.window(last="2h"), or obsnb.window(start, end).',
        ),
    ],
)
def test_what_cannot_be_right_is_refused_before_it_is_sent(
    obs: Connection, source: Source, ask: Any, said: str
) -> None:
    with pytest.raises((UsageError, QueryError)) as caught:
        ask(obs)
    assert str(caught.value) == said
    assert source.asked == []


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda obs: obs.logs('{a="b"}', WINDOW), "Loki"),
        (lambda obs: obs.metrics("up", WINDOW), "Prometheus"),
        (lambda obs: obs.spans("{ }", WINDOW), "Tempo"),
    ],
)
def test_a_source_that_is_not_connected_is_named(ask: Any, name: str) -> None:
    nothing = Connection(roles=LiveRoles(None, None, None, conventions=DEFAULT))
    with pytest.raises(SettingsError) as caught:
        ask(nothing)
    assert str(caught.value) == (
        f"No {name} is connected.\n"
        f'Hint: Pass connect({name.lower()}="http://..."), or set OBSNB_{name.upper()}_URL.'
    )


@pytest.mark.parametrize(
    ("length", "step"),
    [(60, 15), (15_000, 15), (15_001, 30), (3_600 * 24, 120), (3_600 * 24 * 30, 3_600), (10**9, 86_400)],
)
def test_the_step_is_fifteen_seconds_or_the_first_round_one_under_a_thousand_points(
    length: int, step: int
) -> None:
    assert default_step(TimeRange(START, START + length * S)) == step * S


def test_pandas_is_given_where_it_is_wanted_backed_by_arrow(source: Source) -> None:
    frame = connected(source, frames="pandas").logs('{a="b"}', WINDOW)
    assert isinstance(frame, pd.DataFrame)
    assert all(isinstance(kind, pd.ArrowDtype) for kind in frame.dtypes)
    back = pl.from_pandas(frame[["timestamp"]])
    assert back["timestamp"].to_physical().to_list()[0] == START


def test_health_is_a_row_a_source(source: Source) -> None:
    others = (Source("b"), Source("c"))
    obs = Connection(
        logs=source,
        metrics=others[0],
        traces=others[1],
        roles=LiveRoles(None, None, None, conventions=DEFAULT),
    )
    rows = obs.health()
    assert rows.columns == [
        "source",
        "kind",
        "status",
        "latency_s",
        "version",
        "clock_skew_s",
        "limits",
        "message",
    ]
    assert rows["source"].to_list() == ["server", "b", "c"]
    assert rows["limits"][0] == '{"max_entries": "5000"}'


def test_events_are_alerts_and_deployments_in_order(obs: Connection) -> None:
    events = obs.events(WINDOW, scope=SCOPE)
    assert events.columns[: len(EVENTS.names)] == list(EVENTS.names)
    assert events.select("kind", "title").rows() == [("alert", "Slow"), ("deploy", "cart 2.1.0 deployed")]
    roles = ["alerts", "restarts", "builds", "deployments.logs", "sample.spans"]
    assert [entry.role for entry in obs.ledger] == roles


RUNS = {"1", "2", "3", "4", "5"}


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_events_of_a_ci_and_a_chat_come_among_them_and_a_deployment_once(
    source: Source, tmp_path: Path, frames: Any
) -> None:
    obs = connected(source, frames=frames)
    first, last = (format_ns(ns) for ns in (WINDOW.start_ns, WINDOW.end_ns - 1))
    told = obs.events(WINDOW, scope=SCOPE)
    at = told["timestamp"].to_list()[1 if frames == "polars" else -1]
    file = tmp_path / "ci.csv"
    file.write_text(
        "time,title,kind,service,run\n"
        f"{at.isoformat()},cart 2.1.0 rolled out,deploy,cart,1\n"
        f"{at.isoformat()},till 7.0.1 rolled out,deploy,till,2\n"
        f"{first},we looked at it,note,,3\n"
        f"{last},still down,note,,4\n"
        f"{format_ns(WINDOW.end_ns)},afterwards,note,,5\n"
    )
    also = obsnb.read_events(file)
    found = obs.events(WINDOW, scope=SCOPE, also=also.to_pandas() if frames == "pandas" else also)
    assert len(found) == len(told) + 3
    own = [(title, run) for title, run in zip(found["title"], found["run"], strict=True) if run in RUNS]
    assert sorted(own, key=lambda one: one[1]) == [
        ("till 7.0.1 rolled out", "2"),
        ("we looked at it", "3"),
        ("still down", "4"),
    ]
    assert list(found["timestamp"]) == sorted(found["timestamp"])
    with pytest.raises(FrameError, match="events needs the column title of EVENTS"):
        obs.events(WINDOW, also=pl.DataFrame({"timestamp": [at]}))


def test_events_without_a_scope_are_alerts_alone(obs: Connection) -> None:
    assert obs.events(WINDOW)["kind"].to_list() == ["alert"]


def test_a_partial_answer_warns_once_and_where_the_user_stands(source: Source) -> None:
    source.changed = {"complete": "no", "reason": "the server gave up"}
    obs = connected(source)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        obs.logs('{a="b"}', WINDOW)
        obs.role("alerts", WINDOW, scope=SCOPE)
    assert [str(one.message) for one in caught] == [
        "query:1 to server is not complete: the server gave up",
        "query:2 to server is not complete: the server gave up",
    ]
    assert {one.category for one in caught} == {PartialResultWarning}
    assert {one.filename for one in caught} == {__file__}


@pytest.mark.parametrize("complete", ["yes", "unknown"])
def test_an_answer_that_may_be_whole_does_not_warn(source: Source, complete: str) -> None:
    source.changed = {"complete": complete}
    connected(source).logs('{a="b"}', WINDOW)  # warnings are errors here


def test_a_window_between_two_steps_has_no_point_and_a_warning_says_why() -> None:
    obs = obsnb.open_archive("slow-query")
    assert obs.window is not None
    start = obs.window.grid(60 * S)[1] + S
    query = next(one.asked for one in obs.recorded if one.params.get("step_ns") == 15 * S)
    with pytest.warns(PartialResultWarning) as warned:
        frame = obs.metrics(query, TimeRange(start, start + 10 * S))
    assert frame.is_empty()
    assert [str(one.message) for one in warned] == [
        "query:1 has no point: no multiple of its step of 15 s lies in the 10 s of the window. "
        "Ask with a smaller step, or a longer window."
    ]
    assert warned[0].filename == __file__


def test_a_window_that_has_not_come_yet_is_empty_and_a_warning_says_so(source: Source) -> None:
    source.changed = {"rows": 0, "complete": "unknown", "asked_at_ns": WINDOW.start_ns - 90_000 * S}
    with pytest.warns(PartialResultWarning) as warned:
        connected(source).logs('{a="b"}', WINDOW)
    assert [str(one.message) for one in warned] == [
        "query:1 to server has no row: its window begins 1 day, 1:00:00 after it was asked. "
        f"Is {format_ns(WINDOW.start_ns)} meant?"
    ]
    assert warned[0].filename == __file__


@pytest.mark.parametrize(
    ("query", "variable"), [('{a="$app"}', "$app"), ('{a=~"${app:regex}"}', "${app:regex}")]
)
def test_a_variable_of_grafanas_in_quotes_that_finds_nothing_is_warned_of(
    source: Source, query: str, variable: str
) -> None:
    obs = connected(source)
    obs.logs(query, WINDOW)  # it finds something, so that it is meant as it stands
    source.changed = {"rows": 0}
    obs.logs('{a="b"}', WINDOW)
    with pytest.warns(PartialResultWarning) as warned:
        obs.logs(query, WINDOW)
    assert [str(one.message) for one in warned] == [
        f"query:3 to server has no row, and asks for {variable}, which looks like a variable of Grafana's: "
        "only Grafana fills it in. Write what it stands for."
    ]


def test_all_sources_are_asked_at_once_how_they_are() -> None:
    together = threading.Barrier(3, timeout=60)

    class Waiting(Source):
        def health(self) -> Health:
            together.wait()  # for the other two
            return super().health()

    assert connected(Waiting()).health()["status"].to_list() == ["ok"]  # one server, three times


def test_a_connection_is_shown_in_a_line(obs: Connection) -> None:
    assert repr(obs) == "Connection(server, server, server)"
    assert (obs.name, obs.window, dict(obs.scope), obs.recorded, obs.notes_path) == (
        "live",
        None,
        {},
        (),
        None,
    )


# Built-in queries.


def test_the_servers_own_labels_choose_the_words_and_are_asked_once(source: Source) -> None:
    source.names = ["k8s_namespace_name", "resource.k8s.namespace.name"]
    obs = connected(source)
    obs.role("scope.logs", WINDOW, scope=SCOPE)
    obs.role("errors.spans", WINDOW, scope=SCOPE)
    assert [asked for asked in source.asked if asked[0] == "labels"] == [("labels", "", {})] * 3
    assert source.asked[3][1] == '{k8s_namespace_name="shop"}'
    assert source.asked[4][1] == '{ resource.k8s.namespace.name = "shop" && status = error }'


def test_lines_that_are_too_many_are_said_and_asked_in_parts(source: Source) -> None:
    source.too_big = '{namespace="shop"}'
    obs = connected(source)
    with pytest.raises(obsnb.LimitError):
        obs.role("errors.logs", WINDOW, scope=SCOPE)
    assert obs.role("scope.logs", WINDOW, scope=SCOPE) is None
    told = obs.ledger[-1]
    assert (told.role, told.query, told.rows, told.complete) == ("scope.logs", '{namespace="shop"}', 0, "no")
    assert told.reason == "asked for in parts instead: Too many lines."


class _OnlyTheWholeIsTooBig(Source):
    def logs(self, query: str, window: TimeRange, **params: Any) -> Any:
        self.too_big = query if query == '{namespace="shop"}' else None
        return super().logs(query, window, **params)


def test_a_capture_asks_every_built_in_query(obs: Connection) -> None:
    obs.capture(WINDOW, scope=SCOPE)
    lines = {"errors.logs", "slow.logs", "deployments.logs"}
    assert {entry.role for entry in obs.ledger} == set(role_queries(SCOPE, DEFAULT)) - lines


def test_a_capture_of_too_many_lines_asks_for_those_that_matter() -> None:
    obs = connected(_OnlyTheWholeIsTooBig())
    obs.capture(WINDOW, scope=SCOPE)
    assert {entry.role for entry in obs.ledger} == set(role_queries(SCOPE, DEFAULT))
    assert [entry.role for entry in obs.ledger if entry.complete == "no"] == ["scope.logs"]


def test_a_role_without_its_source_is_none() -> None:
    nothing = Connection(roles=LiveRoles(None, None, None, conventions=DEFAULT))
    assert {nothing.role(name, WINDOW, scope=SCOPE) for name in role_queries(SCOPE, DEFAULT)} == {None}
    assert len(nothing.ledger) == 0


# Freezing.


def test_what_was_captured_is_frozen_with_its_scope_and_window(obs: Connection, tmp_path: Path) -> None:
    obs.capture(WINDOW, scope=SCOPE)
    frozen = obsnb.open_archive(obs.save(tmp_path / "a"))
    assert (frozen.window, dict(frozen.scope)) == (WINDOW, SCOPE)
    for name in role_queries(SCOPE, DEFAULT):
        live, back = obs.role(name, WINDOW, scope=SCOPE), frozen.role(name, WINDOW, scope=SCOPE)
        if back is None:
            assert name in {"errors.logs", "slow.logs", "deployments.logs"}
        else:
            assert live is not None
            assert back.equals(live)


def test_the_same_verbs_answer_offline(obs: Connection, tmp_path: Path) -> None:
    def ask(one: Connection) -> list[pl.DataFrame]:
        return [
            one.logs('{a="b"}', WINDOW),
            one.metrics("up", WINDOW),
            one.exemplars("up", WINDOW),
            one.spans("{ }", WINDOW, limit=2, whole=True),
            one.trace("1"),
            one.events(WINDOW, scope=SCOPE),
        ]

    live = ask(obs)
    frozen = obsnb.open_archive(obs.save(tmp_path / "a.obsnb", scope=SCOPE))
    for before, after in zip(live, ask(frozen), strict=True):
        assert after.equals(before)


def test_a_question_asked_again_is_frozen_once(obs: Connection, tmp_path: Path) -> None:
    for _ in range(3):
        obs.logs('{a="b"}', WINDOW)
    assert [entry.number for entry in obsnb.open_archive(obs.save(tmp_path / "a")).recorded] == [3]


def test_the_window_is_what_all_questions_span(obs: Connection, tmp_path: Path) -> None:
    later = TimeRange(WINDOW.end_ns + S, WINDOW.end_ns + 2 * S)
    obs.logs('{a="b"}', later)
    obs.logs('{a="b"}', WINDOW)
    assert obsnb.open_archive(obs.save(tmp_path / "a")).window == TimeRange(WINDOW.start_ns, later.end_ns)


def test_roles_of_another_scope_are_frozen_as_plain_queries(obs: Connection, tmp_path: Path) -> None:
    obs.role("alerts", WINDOW, scope={"namespace": "other"})
    obs.role("alerts", WINDOW, scope=SCOPE)
    obs.logs('{a="b"}', WINDOW)
    frozen = obsnb.open_archive(obs.save(tmp_path / "a"))
    assert dict(frozen.scope) == SCOPE
    assert [(entry.role, entry.asked) for entry in frozen.recorded] == [
        (None, 'ALERTS{namespace="other"}'),
        ("alerts", 'ALERTS{namespace="shop"}'),
        (None, '{a="b"}'),
    ]


def test_nothing_asked_is_nothing_to_freeze(obs: Connection, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        obs.save(tmp_path / "a")
    assert str(caught.value) == (
        "Nothing was asked yet, so there is nothing to freeze.\n"
        "Hint: Ask obs.logs(...), obs.metrics(...) or obs.spans(...), or capture a scope first."
    )
    assert list(tmp_path.iterdir()) == []


def test_what_people_wrote_goes_along_when_an_archive_is_frozen_again(
    obs: Connection, tmp_path: Path
) -> None:
    obs.logs('{a="b"}', WINDOW)
    folder = obs.save(tmp_path / "a", scope=SCOPE)
    (folder / "notes.toml").write_text("severity = 'SEV-2'\n")
    frozen = obsnb.open_archive(folder)
    frozen.logs('{a="b"}')
    again = obsnb.open_archive(frozen.save(tmp_path / "b.obsnb"))
    assert again.notes == "severity = 'SEV-2'\n"
    assert (again.window, dict(again.scope)) == (frozen.window, SCOPE)
