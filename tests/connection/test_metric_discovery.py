"""Instant queries, rules, alerts, targets, metadata, series: of several, of an archive, under limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

import obsnb
from obsnb.errors import (
    LimitError,
    NotRecordedError,
    PartialResultWarning,
    QueryError,
    UsageError,
    WindowError,
)
from obsnb.settings import Endpoint
from tests.connection.test_several import NOWHERE, T0, WINDOW, S, connected, lines, metrics, told
from tests.sources.test_prometheus_discovery import INDEX
from tests.standin.grafana import GrafanaStandIn
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import serving
from tests.standin.tempo import TempoStandIn

AT = datetime.fromtimestamp(T0 + 30, UTC)
SPANS_COUNTED = "{} | count_over_time()"
GONE = Endpoint("gone", "prometheus", NOWHERE, retries=0)


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No obsnb.toml above, and no variable that names one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OBSNB_CONFIG", raising=False)


def indexed() -> PrometheusStandIn:
    return PrometheusStandIn(metrics("1").series, index=INDEX)


def told_of(obs: obsnb.Connection) -> list[tuple[str, int, str, object]]:
    return [(one.source, one.rows, one.complete, one.params.get("instant")) for one in obs.ledger]


def test_an_instant_is_a_row_a_series_and_each_source_has_a_record() -> None:
    with connected(prometheus={"eu": metrics("1"), "us": metrics("2")}) as obs:
        frame = obs.instant("up", AT)
        alone = obs.instant("up", AT.isoformat(), source="us")
    found = frame.select(pl.col("source").cast(pl.String), "value").rows()
    assert found == [("prometheus.eu", 1.0), ("prometheus.us", 2.0)]
    assert frame["timestamp"].unique().to_list() == [AT]
    assert alone["value"].to_list() == [2.0]
    assert [(one.source, one.params, one.window.start_ns) for one in obs.ledger] == [
        (f"prometheus.{name}", {"instant": True}, (T0 + 30) * S) for name in ("eu", "us", "us")
    ]


def test_one_that_is_gone_is_said_of_an_instant() -> None:
    with (
        connected(prometheus={"eu": metrics("1"), "gone": GONE}) as obs,
        pytest.warns(PartialResultWarning),
    ):
        assert obs.instant("up", AT)["value"].to_list() == [1.0]
    assert told(obs) == [("prometheus.eu", 1, "yes"), ("prometheus.gone", 0, "no")]


def test_an_instant_that_names_no_zone_or_no_numbers_is_refused() -> None:
    with connected(prometheus={"eu": metrics("1")}) as obs:
        with pytest.raises(WindowError):
            obs.instant("up", "2026-11-23T18:00")
        with pytest.raises(QueryError):
            obs.instant("{ status = error }", AT)
    assert len(obs.ledger) == 0


def test_a_limit_of_the_profile_stops_an_instant_unless_it_is_asked_anyway() -> None:
    (up,) = metrics("1").series
    two = PrometheusStandIn([up, Recorded({**up.labels, "job": "db"}, up.start_ms, up.step_ms, up.values)])
    with serving(two) as url, obsnb.connect(prometheus=url, limits={"max_series": 1}) as obs:
        with pytest.raises(LimitError):
            obs.instant("up", AT)
        assert obs.instant("up", AT, anyway=True).height == 2


@pytest.mark.parametrize(
    ("source", "query", "values"),
    [
        ("prometheus", "up", [1.0, 2.0]),
        ("loki", 'count_over_time({namespace="shop"}[1m])', [2.0, 1.0]),
        ("tempo", SPANS_COUNTED, [7.0, 7.0]),
    ],
)
def test_an_archive_answers_the_instant_that_was_asked_and_no_other(
    tmp_path: Path, source: str, query: str, values: list[float]
) -> None:
    told = {"series": [{"labels": [], "value": 7}]}
    spans = TempoStandIn({}, instants={(SPANS_COUNTED, str(T0 + 30 - 3_600), str(T0 + 30)): told})
    with connected(
        prometheus={"eu": metrics("1"), "us": metrics("2")},
        loki={"eu": lines("a", "b"), "us": lines("c")},
        tempo={"eu": spans, "us": spans},
    ) as obs:
        live = obs.instant(query, AT, source=source)
        assert live["value"].to_list() == values
        assert live["timestamp"].unique().to_list() == [AT]
        assert told_of(obs) == [(f"{source}.{name}", 1, "yes", True) for name in ("eu", "us")]
        obs.metrics("up", WINDOW, step="15s")
        obs.save(tmp_path / "incident")
    frozen = obsnb.open_archive(tmp_path / "incident")
    assert frozen.instant(query, AT, source=source).equals(live)
    assert frozen.instant(query, AT, source=f"{source}.us")["value"].to_list() == values[1:]
    with pytest.raises(NotRecordedError):
        frozen.instant(query, AT + timedelta(seconds=1), source=source)
    if source == "tempo":
        with pytest.raises(NotRecordedError):
            frozen.instant(query, AT, source=source, over="5m")
    else:
        with pytest.raises(UsageError) as caught:
            frozen.instant(query, AT, source=source, over="5m")
        assert str(caught.value) == (
            "Only TraceQL is asked over=...: PromQL and LogQL say in the query how far it looks back.\n"
            "Hint: Write the range into it, such as rate(http_requests_total[1h])."
        )


def test_each_source_is_looked_at_and_named() -> None:
    with connected(prometheus={"eu": indexed(), "us": indexed()}) as obs:
        for ask in (obs.metric_metadata, obs.rules, obs.alerts, obs.targets):
            frame = ask()
            assert frame["source"].cast(pl.String).unique().sort().to_list() == [
                "prometheus.eu",
                "prometheus.us",
            ]
            assert ask(source="eu").height * 2 == frame.height
        assert obs.metric_series("up", WINDOW).height == 2
        assert obs.metric_labels(WINDOW, label="job", source="us")["name"].to_list() == ["api"]
    assert {(one.kind, one.complete) for one in obs.ledger} == {("index", "yes")}


def test_one_that_is_gone_is_said_of_rules() -> None:
    with (
        connected(prometheus={"eu": indexed(), "gone": GONE}) as obs,
        pytest.warns(PartialResultWarning, match=r"^rules of prometheus\.gone are not among them: "),
    ):
        assert obs.rules().height == 2
    assert [one.complete for one in obs.ledger] == ["yes", "no"]


def test_they_are_asked_through_grafana() -> None:
    sources = [{"uid": "m", "name": "M", "type": "prometheus", "isDefault": True}]
    with (
        serving(GrafanaStandIn("t", sources, {"m": indexed()})) as url,
        obsnb.connect(grafana=url, token="t") as obs,
    ):
        assert obs.rules()["name"].to_list() == ["Slow", "job:up"]
        assert obs.alerts().height == obs.targets().height == 1
        assert obs.metric_metadata().height == 3
        assert obs.instant("up", AT)["value"].to_list() == [1.0]


@pytest.mark.parametrize("verb", ["metric_metadata", "rules", "alerts", "targets", "metric_labels"])
def test_an_archive_says_that_it_has_no_server(verb: str) -> None:
    with pytest.raises(UsageError) as caught:
        getattr(obsnb.open_archive("slow-query"), verb)()
    assert str(caught.value) == (
        f"{verb} asks a server, and an archive and files have none.\n"
        "Hint: obs.metrics(...) and obs.events() answer from what was recorded; obs.ledger names it."
    )
