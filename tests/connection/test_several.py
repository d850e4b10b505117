"""Several sources of each kind, over HTTP on loopback: all are asked, each is named, none is needed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import obsnb
from obsnb.errors import (
    LimitError,
    PartialResultWarning,
    QueryError,
    RejectedError,
    SourceError,
    UnreachableError,
    UsageError,
)
from obsnb.schema import LOGS, SERIES, SPANS
from obsnb.settings import Endpoint
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import ERRORS, HOUR, trace
from tests.standin.grafana import GrafanaStandIn
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import serving
from tests.standin.tempo import TempoStandIn

S = 10**9
T0 = 1_795_457_600
WINDOW = TimeRange(T0 * S, (T0 + 60) * S)
SHOP = '{namespace="shop"}'
NOWHERE = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine's, and no obsnb.toml above."""
    for name in list(os.environ):
        if name.startswith(("OBSNB_", "LOKI_", "PROMETHEUS_", "TEMPO_")) and name != "OBSNB_REQUIRE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


def lines(*texts: str, at: int = 0, labels: tuple[tuple[str, str], ...] = ()) -> LokiStandIn:
    """A Loki with a line every two seconds."""
    stream = (("namespace", "shop"), *labels)
    return LokiStandIn([Row((T0 + at + 2 * i) * S, stream, text) for i, text in enumerate(texts)])


def metrics(value: str) -> PrometheusStandIn:
    values = {(T0 + i) * 1_000: value for i in range(0, 60, 15)}
    return PrometheusStandIn([Recorded({"__name__": "up", "job": "api"}, T0 * 1_000, 15_000, values)])


def half(number: int, *places: int) -> TempoStandIn:
    """A Tempo that has some of the spans of a trace of four; the odd ones failed."""
    whole = trace(number, *((place, 1_000, place % 2 == 1) for place in range(4)))
    spans = whole.resource_spans[0].scope_spans[0].spans
    kept = [spans[place] for place in places]
    del spans[:]
    spans.extend(kept)
    return TempoStandIn.of(whole)


def gone() -> Endpoint:
    """A server that is not there, and not asked twice."""
    return Endpoint("gone", "loki", NOWHERE, retries=0)


@contextmanager
def connected(**kinds: dict[str, Any]) -> Iterator[obsnb.Connection]:
    """A connection to stand-ins, served by kind and name; an endpoint is taken as it is."""
    with ExitStack() as stack:
        given: dict[str, Any] = {
            kind: {
                name: one if isinstance(one, Endpoint | str) else stack.enter_context(serving(one))
                for name, one in several.items()
            }
            for kind, several in kinds.items()
        }
        yield stack.enter_context(obsnb.connect(**given))


def told(obs: obsnb.Connection) -> list[tuple[str, int, str]]:
    return [(record.source, record.rows, record.complete) for record in obs.ledger]


# All of them


def test_rows_of_all_come_in_order_of_time_and_say_where_from() -> None:
    with connected(loki={"eu": lines("a", "b"), "us": lines("c", at=1)}) as obs:
        frame = obs.logs(SHOP, WINDOW)
        assert frame.select("line", "source").rows() == [("a", "loki.eu"), ("c", "loki.us"), ("b", "loki.eu")]
        assert frame.columns == [*LOGS.names, "source", "namespace"]
        assert frame["source"].dtype == pl.Categorical
        assert told(obs) == [("loki.eu", 2, "yes"), ("loki.us", 1, "yes")]
        assert repr(obs) == "Connection(loki.eu, loki.us)"


def test_one_of_its_own_name_alone_has_no_column() -> None:
    with connected(loki={"eu": lines("a")}) as obs:
        assert obs.logs(SHOP, WINDOW).columns == [*LOGS.names, "namespace"]
        assert obs.logs(SHOP, WINDOW, source="eu").columns == [*LOGS.names, "namespace"]
        assert told(obs) == [("loki.eu", 1, "yes"), ("loki.eu", 1, "yes")]


def test_equal_lines_of_two_clusters_stay_two_and_keep_their_ids() -> None:
    with connected(loki={"eu": lines("same"), "us": lines("same")}) as obs:
        first, again = obs.logs(SHOP, WINDOW), obs.logs(SHOP, WINDOW, source="us")
        assert first["row_id"].n_unique() == 2
        assert first["row_id"].str.contains("^[0-9a-f]{16}$").all()
        assert first.filter(pl.col("source") == "loki.us")["row_id"].to_list() == again["row_id"].to_list()


def test_series_of_the_same_labels_are_two_series() -> None:
    with connected(prometheus={"eu": metrics("1"), "us": metrics("2")}) as obs:
        frame = obs.metrics("up", WINDOW)
        assert frame.columns == [*SERIES.names, "source", "job"]
        assert frame.group_by("source", "value").len().sort("source").rows() == [
            ("prometheus.eu", 1.0, 4),
            ("prometheus.us", 2.0, 4),
        ]
        assert frame["series_id"].n_unique() == 2
        assert obs.samples("up", WINDOW)["series_id"].unique().sort().to_list() == sorted(
            frame["series_id"].unique()
        )


def test_a_label_called_source_gives_way() -> None:
    labels = (("source", "stdout"),)
    with connected(loki={"eu": lines("a", labels=labels), "us": lines("b", labels=labels)}) as obs:
        frame = obs.logs(SHOP, WINDOW)
        assert frame["source"].to_list() == ["loki.eu", "loki.us"]
        assert frame["label.source"].to_list() == ["stdout", "stdout"]


@pytest.mark.parametrize(("direction", "kept"), [("forward", ["a", "c"]), ("backward", ["d", "b"])])
def test_a_limit_of_lines_is_for_all_together(direction: Any, kept: list[str]) -> None:
    with connected(loki={"eu": lines("a", "b", at=0), "us": lines("c", "d", at=1)}) as obs:
        # a at 0, c at 1, b at 2, d at 3
        frame = obs.logs(SHOP, WINDOW, limit=2, direction=direction)
        assert sorted(frame["line"]) == sorted(kept)


def test_more_lines_together_than_memory_may_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBSNB_MAX_ROWS", "3")
    with connected(loki={"eu": lines("a", "b"), "us": lines("c", "d")}) as obs:
        with pytest.raises(LimitError) as caught:
            obs.logs(SHOP, WINDOW)
        assert str(caught.value) == (
            "loki.eu, loki.us have 4 lines together for this query, and max_rows is 3.\n"
            f"  query:  {SHOP}\n"
            f"  window: {WINDOW}\n"
            "Hint: Narrow the query or the window, ask one of them with source=, pass limit=, raise max_rows "
            'in the profile, or stream them to disk: obs.download("logs", query, window, folder).'
        )
        assert obs.logs(SHOP, WINDOW, source="eu").height == 2


def test_each_server_counts_its_own_lines() -> None:
    with connected(loki={"eu": lines("a", "b"), "us": lines("c")}) as obs:
        obs.logs(SHOP, WINDOW, verify=True)
        assert ["the server counts 2 lines as well" in obs.ledger[0].reason] == [True]
        assert ["the server counts 1 lines as well" in obs.ledger[1].reason] == [True]


def test_health_has_a_row_a_source() -> None:
    with connected(loki={"eu": lines("a"), "gone": gone()}, prometheus={"main": metrics("1")}) as obs:
        assert obs.health().select("source", "kind", "status").rows() == [
            ("loki.eu", "logs", "ok"),
            ("loki.gone", "logs", "unreachable"),
            ("prometheus.main", "metrics", "ok"),
        ]


# Traces


def test_a_trace_by_its_id_is_found_in_any_and_put_together() -> None:
    with connected(tempo={"eu": half(7, 0, 1), "us": half(7, 1, 2, 3), "ap": half(8, 0)}) as obs:
        frame = obs.trace("7")
        assert frame["name"].to_list() == [f"operation {i}" for i in range(1, 5)]
        assert frame["source"].to_list() == ["tempo.eu", "tempo.eu", "tempo.us", "tempo.us"]
        assert told(obs) == [("tempo.eu", 2, "yes"), ("tempo.us", 3, "yes"), ("tempo.ap", 0, "yes")]
        assert obs.ledger[2].reason == f"tempo.ap has no trace {'7'.zfill(32)}."
        assert obs.trace("8")["source"].to_list() == ["tempo.ap"]


def test_a_trace_that_none_has_is_an_error_that_names_them() -> None:
    with connected(tempo={"eu": half(7, 0), "us": half(8, 0)}) as obs:
        with pytest.raises(RejectedError) as caught:
            obs.trace("9")
        nine = "9".zfill(32)
        assert caught.value.what == (
            f"None of the 2 sources answered: tempo.eu has no trace {nine}. tempo.us has no trace {nine}."
        )


def test_whole_traces_have_the_parts_that_match_nothing_elsewhere() -> None:
    # Spans 2 and 4 failed: the other Tempo has none that did.
    with connected(tempo={"eu": half(7, 1, 3), "us": half(7, 0, 2)}) as obs:
        assert obs.spans(ERRORS, HOUR)["name"].to_list() == ["operation 2", "operation 4"]
        frame = obs.spans(ERRORS, HOUR, whole=True)
        assert frame["name"].to_list() == [f"operation {i}" for i in range(1, 5)]
        assert frame["source"].to_list() == ["tempo.us", "tempo.eu"] * 2
        assert frame.columns[: len(SPANS.names) + 1] == [*SPANS.names, "source"]
        assert told(obs)[2:] == [("tempo.eu", 2, "yes"), ("tempo.us", 2, "yes")]


def test_a_span_that_two_have_comes_once() -> None:
    with connected(tempo={"eu": half(7, 0, 1), "us": half(7, 0, 1)}) as obs:
        assert obs.spans(ERRORS, HOUR, whole=True)["source"].to_list() == ["tempo.eu", "tempo.eu"]


def test_a_limit_of_traces_takes_from_each_in_turn() -> None:
    many = [TempoStandIn.of(*(trace(base + i, (i, 9, True)) for i in range(5))) for base in (10, 20)]
    with connected(tempo={"eu": many[0], "us": many[1]}) as obs:
        frame = obs.spans(ERRORS, HOUR, limit=4)
        assert frame["trace_id"].n_unique() == 4
        assert frame["source"].cast(pl.String).value_counts(sort=False).sort("source").rows() == [
            ("tempo.eu", 2),
            ("tempo.us", 2),
        ]


# One of them


@pytest.mark.parametrize("choice", ["us", "loki.us"])
def test_one_is_chosen_by_its_name(choice: str) -> None:
    with connected(loki={"eu": lines("a"), "us": lines("b")}) as obs:
        assert obs.logs(SHOP, WINDOW, source=choice)["line"].to_list() == ["b"]
        assert obs.labels(WINDOW, source=choice) == ["namespace"]
        assert told(obs) == [("loki.us", 1, "yes"), ("loki.us", 1, "yes")]


def test_metrics_are_of_prometheus_unless_the_choice_says_another_kind() -> None:
    rate = 'count_over_time({namespace="shop"}[1m])'
    with connected(
        loki={"eu": lines("a"), "us": lines("b")}, prometheus={"eu": metrics("1"), "us": metrics("2")}
    ) as obs:
        assert obs.metrics("up", WINDOW, source="us")["value"].unique().to_list() == [2.0]
        assert obs.metrics(rate, WINDOW, source="loki.eu")["source"].unique().to_list() == ["loki.eu"]
        assert sorted(obs.metrics(rate, WINDOW, source="loki")["source"].unique()) == ["loki.eu", "loki.us"]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda obs: obs.logs(SHOP, WINDOW, source="asia"),
            "There is no source 'asia'.\nHint: There are loki.eu, loki.us.",
        ),
        (
            lambda obs: obs.metrics(f"rate({SHOP}[1m])", WINDOW, source="loki.asia"),
            "There is no source 'loki.asia'.\nHint: There are loki.eu, loki.us.",
        ),
        (
            lambda obs: obs.logs(SHOP, WINDOW, source="prometheus.eu"),
            "There is no source 'prometheus.eu'.\nHint: There are loki.eu, loki.us.",
        ),
    ],
)
def test_a_name_that_is_not_there_is_answered_with_those_that_are(ask: Any, said: str) -> None:
    with (
        connected(loki={"eu": NOWHERE, "us": NOWHERE}, prometheus={"eu": NOWHERE, "us": NOWHERE}) as obs,
        pytest.raises(UsageError) as caught,
    ):
        ask(obs)
    assert str(caught.value) == said


def test_where_there_is_one_it_has_no_name_to_choose() -> None:
    with obsnb.connect(loki=NOWHERE) as obs, pytest.raises(UsageError) as caught:
        obs.logs(SHOP, WINDOW, source="eu")
    assert str(caught.value) == "There is no source 'eu'.\nHint: There is one loki: leave it out."


# One that fails


def test_one_that_fails_does_not_take_the_others_with_it_and_is_said_once() -> None:
    with connected(loki={"eu": lines("a"), "gone": gone()}) as obs:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            frame = obs.logs(SHOP, WINDOW)
        assert frame["line"].to_list() == ["a"]
        assert told(obs) == [("loki.eu", 1, "yes"), ("loki.gone", 0, "no")]
        lost = obs.ledger[1]
        assert lost.reason.startswith(f"loki.gone at {NOWHERE} ")
        assert (lost.query, lost.window, lost.requests) == (SHOP, WINDOW, 0)
        assert [(one.category, str(one.message)) for one in caught] == [
            (PartialResultWarning, f"query:2 to loki.gone is not complete: {lost.reason}")
        ]
        assert caught[0].filename == __file__


def test_all_that_fail_are_one_error() -> None:
    with connected(loki={"a": gone(), "b": gone()}) as obs:
        with pytest.raises(UnreachableError) as caught:
            obs.logs(SHOP, WINDOW)
        assert caught.value.what.startswith(f"None of the 2 sources answered: loki.a at {NOWHERE} ")
        assert f" loki.b at {NOWHERE} " in caught.value.what
        assert (caught.value.query, caught.value.window) == (SHOP, str(WINDOW))
        assert len(obs.ledger) == 0


def test_a_query_that_cannot_be_is_the_callers_error() -> None:
    with connected(loki={"eu": lines("a"), "us": lines("b")}) as obs, pytest.raises(QueryError):
        obs.logs('rate({namespace="shop"}[1m])', WINDOW)


def test_names_are_of_those_that_answer_and_the_other_is_warned_of() -> None:
    with (
        connected(loki={"eu": lines("a"), "gone": gone()}) as obs,
        pytest.warns(PartialResultWarning, match=r"^labels of loki\.gone are not among them: loki\.gone at "),
    ):
        assert obs.labels(WINDOW) == ["namespace"]
    assert [(name, complete) for name, _, complete in told(obs)] == [("loki.eu", "yes"), ("loki.gone", "no")]


def test_what_the_indexes_tell_says_where_from_the_greatest_first() -> None:
    many = lines("a line that is longer than the other one")
    with connected(loki={"eu": lines("a"), "us": many}) as obs:
        frame = obs.log_volume(SHOP, WINDOW).with_columns(pl.col("source").cast(pl.String))
        assert frame["source"].to_list() == ["loki.us", "loki.eu"]
        assert frame.columns == ["source", "bytes", "namespace"]
        steps = obs.log_volume(SHOP, WINDOW, step="20s").with_columns(pl.col("source").cast(pl.String))
        assert steps.columns == ["source", "timestamp", "bytes", "namespace"]
        assert steps["source"].to_list() == ["loki.us", "loki.eu"]
        one = obs.log_streams(SHOP, WINDOW, source="eu")
        assert one["source"].cast(pl.String).to_list() == ["loki.eu"]


def test_lines_of_several_that_were_verified_are_frozen_like_others(tmp_path: Path) -> None:
    with connected(loki={"eu": lines("a"), "us": lines("b")}) as obs:
        obs.logs(SHOP, WINDOW, verify=True)
        obs.save(tmp_path / "x.obsnb")
    assert obsnb.open_archive(tmp_path / "x.obsnb").logs(SHOP, WINDOW).height == 2


def test_a_trace_is_not_said_to_be_nowhere_where_one_could_not_be_asked() -> None:
    with connected(tempo={"eu": half(7, 0), "gone": Endpoint("x", "tempo", NOWHERE, retries=0)}) as obs:
        with pytest.raises(SourceError) as caught:
            obs.trace("9")
        assert caught.value.what.startswith(f"tempo.gone at {NOWHERE} ")


# What is kept


def test_an_archive_answers_for_all_and_for_one(tmp_path: Path) -> None:
    with connected(
        loki={"eu": lines("a", "same"), "us": lines("b", "same", at=1)},
        prometheus={"eu": metrics("1"), "us": metrics("2")},
        tempo={"eu": half(7, 1), "us": half(7, 0, 2)},
    ) as obs:
        asked = [
            obs.logs(SHOP, WINDOW),
            obs.logs(SHOP, WINDOW, limit=3, direction="backward"),
            obs.metrics("up", WINDOW),
            obs.spans(ERRORS, HOUR, whole=True),
        ]
        part = obs.logs(SHOP, WINDOW, source="us")
        obs.save(tmp_path / "kept.obsnb")
    kept = obsnb.open_archive(tmp_path / "kept.obsnb")
    again = [
        kept.logs(SHOP, WINDOW),
        kept.logs(SHOP, WINDOW, limit=3, direction="backward"),
        kept.metrics("up", WINDOW),
        kept.spans(ERRORS, HOUR, whole=True),
    ]
    for old, new in zip(asked, again, strict=True):
        assert_frame_equal(old, new, categorical_as_str=True)
    assert [record.source for record in kept.ledger][:2] == ["loki.eu", "loki.us"]
    assert_frame_equal(kept.logs(SHOP, WINDOW, source="us"), part, categorical_as_str=True)
    assert kept.trace("7")["name"].to_list() == [f"operation {i}" for i in range(1, 4)]
    first_half = kept.logs(SHOP, TimeRange(T0 * S, (T0 + 2) * S))
    assert first_half.select("line", "source").rows() == [("a", "loki.eu"), ("b", "loki.us")]


def test_an_archive_keeps_that_one_failed(tmp_path: Path) -> None:
    with connected(loki={"eu": lines("a"), "gone": gone()}) as obs:
        with pytest.warns(PartialResultWarning):
            obs.logs(SHOP, WINDOW)
        obs.save(tmp_path / "kept")
    kept = obsnb.open_archive(tmp_path / "kept")
    with pytest.warns(PartialResultWarning, match=r"^query:2 to loki\.gone is not complete: loki\.gone at "):
        assert kept.logs(SHOP, WINDOW)["line"].to_list() == ["a"]


def test_an_archive_says_which_source_was_never_asked(tmp_path: Path) -> None:
    with connected(loki={"eu": lines("a"), "us": lines("b")}) as obs:
        obs.logs(SHOP, TimeRange(T0 * S, (T0 + 1) * S))
        obs.logs(SHOP, WINDOW, source="eu")
        obs.save(tmp_path / "kept")
    kept = obsnb.open_archive(tmp_path / "kept")
    with pytest.warns(PartialResultWarning) as caught:
        assert kept.logs(SHOP, WINDOW)["line"].to_list() == ["a"]
    assert [str(one.message) for one in caught] == [
        "query:2 to loki.us is not complete: the archive was never asked this of loki.us"
    ]
    assert kept.logs(SHOP, WINDOW, source="eu")["line"].to_list() == ["a"]


def test_roles_are_found_in_an_archive_of_several(tmp_path: Path) -> None:
    scope = {"namespace": "shop"}
    with connected(loki={"eu": lines("a"), "us": lines("an error")}) as obs:
        live = obs.role("scope.logs", WINDOW, scope=scope)
        obs.save(tmp_path / "kept")
    kept = obsnb.open_archive(tmp_path / "kept")
    found = kept.role("scope.logs", WINDOW, scope=scope)
    assert live is not None
    assert found is not None
    assert_frame_equal(found, live, categorical_as_str=True)
    assert sorted(found["source"]) == ["loki.eu", "loki.us"]
    assert [(record.source, record.role) for record in kept.ledger] == [
        ("loki.eu", "scope.logs"),
        ("loki.us", "scope.logs"),
    ]


def test_a_download_has_a_folder_a_source_and_goes_on_where_one_failed(tmp_path: Path) -> None:
    down = {"now": True}

    def refusing(path: str, _: Any) -> Any:
        return (
            (404, {"content-type": "text/plain"}, b"gone") if down["now"] and "query_range" in path else None
        )

    us = lines("c", at=1)
    us.before = refusing
    with connected(loki={"eu": lines("a", "b"), "us": us}) as obs:
        with pytest.warns(PartialResultWarning, match=r"^query:2 to loki\.us is not complete: "):
            frame = obs.download("logs", SHOP, WINDOW, tmp_path / "lines").collect()
        assert frame["line"].to_list() == ["a", "b"]
        down["now"] = False
        frame = obs.download("logs", SHOP, WINDOW, tmp_path / "lines").collect()
        assert frame.select("line", "source").rows() == [("a", "loki.eu"), ("c", "loki.us"), ("b", "loki.eu")]
        assert_frame_equal(frame, obs.logs(SHOP, WINDOW), categorical_as_str=True)
        assert sorted(path.name for path in (tmp_path / "lines").iterdir()) == ["loki.eu", "loki.us"]
        assert told(obs)[:4] == [
            ("loki.eu", 2, "yes"),
            ("loki.us", 0, "no"),
            ("loki.eu", 2, "yes"),
            ("loki.us", 1, "yes"),
        ]


def test_events_are_of_all_of_them() -> None:
    with connected(
        loki={"eu": lines("deployed cart to 2.1.0"), "us": lines("deployed till to 3.0", at=9)}
    ) as obs:
        assert len(obs.events(WINDOW, scope={"namespace": "shop"})["title"]) == 2


# Behind a Grafana


def test_several_data_sources_of_one_grafana() -> None:
    listed = [
        {"id": i, "uid": uid, "type": "loki", "name": uid, "isDefault": False, "access": "proxy"}
        for i, uid in enumerate(("logs-eu", "logs-us"))
    ]
    behind = {"logs-eu": lines("a"), "logs-us": lines("b", at=1)}
    grafana = GrafanaStandIn("planted-word", sources=listed, behind=behind)
    named = {"eu": "logs-eu", "us": "logs-us"}
    with serving(grafana) as url, obsnb.connect(grafana=url, token="planted-word", loki=named) as obs:
        assert obs.logs(SHOP, WINDOW).select("line", "source").rows() == [("a", "loki.eu"), ("b", "loki.us")]
        assert "loki.eu is logs-eu (uid logs-eu), as named" in " ".join(obs.health()["message"])
