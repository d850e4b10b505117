"""The three sources and the annotations through one Grafana, over HTTP on loopback."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import obsnb
from obsnb.errors import AccessError, PartialResultWarning, RejectedError, SettingsError, UsageError
from obsnb.ledger import QueryRecord
from obsnb.timerange import TimeRange
from tests.standin.grafana import GrafanaStandIn
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import serving

PLANTED = "planted-word-8841"
S = 10**9
T0 = 1_795_457_600
WINDOW = TimeRange(T0 * S, (T0 + 60) * S)


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine's, and no obsnb.toml above."""
    for name in list(os.environ):
        if name.startswith(("OBSNB_", "LOKI_", "PROMETHEUS_", "TEMPO_")) and name != "OBSNB_REQUIRE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


def source(uid: str, type_: str, name: str, *, default: bool = False) -> dict[str, Any]:
    return {"id": 1, "uid": uid, "type": type_, "name": name, "isDefault": default, "access": "proxy"}


LISTED = (
    source("logs-1", "loki", "Prod logs"),
    source("metrics-1", "prometheus", "Mimir", default=True),
    source("metrics-2", "prometheus", "Staging"),
    source("other", "postgres", "Shop"),
)


def made(**more: Any) -> GrafanaStandIn:
    rows = [Row((T0 + i) * S, (("namespace", "shop"),), f"line {i}") for i in range(3)]
    values = {(T0 + i) * 1_000: "1" for i in range(0, 60, 15)}
    up = Recorded({"__name__": "up", "job": "api"}, T0 * 1_000, 15_000, values)
    behind = {"logs-1": LokiStandIn(rows), "metrics-1": PrometheusStandIn([up])}
    said: dict[str, Any] = {"sources": LISTED, "behind": behind, **more}
    return GrafanaStandIn(PLANTED, **said)


@contextmanager
def connected(standin: GrafanaStandIn, **given: Any) -> Iterator[obsnb.Connection]:
    with serving(standin) as url:
        said: dict[str, Any] = {"grafana": url, "token": PLANTED, **given}
        with obsnb.connect(**said) as obs:
            yield obs


def test_one_token_is_enough_for_logs_and_metrics() -> None:
    with connected(made()) as obs:
        assert repr(obs) == "Connection(loki, prometheus, grafana)"
        assert obs.logs('{namespace="shop"}', WINDOW)["line"].to_list() == ["line 0", "line 1", "line 2"]
        assert obs.metrics("up", WINDOW, step="15s").height == 4
        assert [record.complete for record in obs.ledger] == ["yes", "yes"]


def test_health_says_how_grafana_is_and_which_data_sources_were_chosen() -> None:
    with connected(made()) as obs:
        rows = obs.health().rows(named=True)
    assert [(row["source"], row["kind"], row["status"]) for row in rows][2] == ("grafana", "events", "ok")
    assert rows[2]["version"] == "12.3.0"
    assert rows[2]["message"] == (
        "loki is Prod logs (uid logs-1), the only one of its type; "
        "prometheus is Mimir (uid metrics-1), the default."
    )


def test_a_long_query_goes_as_the_form_that_grafana_lets_through_and_all_else_is_a_get() -> None:
    standin = made()
    with connected(standin) as obs:
        names = "|".join(f"job{i}" for i in range(1_500))
        obs.metrics(f'up{{job!~"{names}"}}', WINDOW, step="15s")
        obs.logs('{namespace="shop"}', WINDOW)
        obs.exemplars("up", WINDOW)
        obs.health()
    forms = {path.rpartition("/")[2] for method, path, _ in standin.seen if method == "POST"}
    assert forms == {"query_range"}


@pytest.mark.parametrize("named", ["Staging", "metrics-2"])
def test_a_data_source_is_chosen_by_its_name_or_uid(named: str) -> None:
    standin = made()
    with connected(standin, prometheus=named) as obs, pytest.raises(RejectedError) as caught:
        obs.metrics("up", WINDOW)
    assert str(caught.value).startswith("prometheus answered 404: Grafana has no data source with this uid.")
    assert standin.seen[-1][1].startswith("/api/datasources/proxy/uid/metrics-2/api/v1/")


def failing(standin: GrafanaStandIn, **given: Any) -> str:
    with pytest.raises(SettingsError) as caught, connected(standin, **given):
        pass
    return str(caught.value)


def test_a_profile_names_several_data_sources_of_a_kind_which_are_asked_at_once(tmp_path: Path) -> None:
    standin = made()
    standin.behind["metrics-2"] = standin.behind["metrics-1"]
    with serving(standin) as url:
        (tmp_path / "obsnb.toml").write_text(
            f'[profiles.p.grafana]\nurl = "{url}"\ntoken = "{PLANTED}"\n'
            'prometheus = { prod = "Mimir", staging = "metrics-2" }\n'
        )
        with obsnb.connect() as obs:
            assert repr(obs) == "Connection(loki, prometheus.prod, prometheus.staging, grafana)"
            frame = obs.metrics("up", WINDOW, step="15s")
            assert frame["source"].unique(maintain_order=True).to_list() == [
                "prometheus.prod",
                "prometheus.staging",
            ]
            assert frame.height == 8


def test_several_of_a_type_and_no_default_are_listed_with_names_and_uids() -> None:
    listed = (source("a", "loki", "Prod"), source("b", "loki", "Test"))
    assert failing(made(sources=listed)) == (
        "Grafana has 2 data sources of the type loki, and none of them is the default.\n"
        "Hint: Pass loki= with a name or uid, or set OBSNB_GRAFANA_LOKI. There are 'Prod' (uid a), "
        "'Test' (uid b)."
    )


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    assert failing(made(), loki="Prud logs") == (
        "Grafana has no data source with the name or uid 'Prud logs'.\n"
        "Hint: Of the type loki it has 'Prod logs' (uid logs-1)."
    )


def test_a_data_source_of_another_type_is_not_taken() -> None:
    assert failing(made(), loki="Mimir") == (
        "Grafana's data source 'Mimir' is of the type prometheus, not loki.\n"
        "Hint: Pass prometheus='Mimir' if that is what you mean."
    )


def test_a_grafana_without_any_of_them_says_what_it_has() -> None:
    assert failing(made(sources=LISTED[3:])) == (
        "Grafana has no data source of the types loki, prometheus, tempo.\n"
        "Hint: Pass the name or uid of one that speaks like them. There are 'Shop' (uid other)."
    )


# A viewer


def test_a_viewer_who_may_not_list_names_a_uid_that_is_looked_at() -> None:
    with connected(made(listing=False), loki="logs-1") as obs:
        assert obs.logs('{namespace="shop"}', WINDOW).height == 3
        assert obs.health().row(-1, named=True)["message"] == (
            "loki is Prod logs (uid logs-1), as named; the token may not list others."
        )


def test_a_uid_that_may_not_even_be_looked_at_is_trusted_and_that_is_said() -> None:
    with connected(made(listing=False, looking=False), loki="logs-1") as obs:
        assert obs.logs('{namespace="shop"}', WINDOW).height == 3
        assert obs.health().row(-1, named=True)["message"] == (
            "loki has the uid logs-1, trusted as named: the token may not look at it."
        )


def test_a_viewer_who_names_none_is_told_to() -> None:
    assert failing(made(listing=False)) == (
        "The token may not list Grafana's data sources, so none can be chosen.\n"
        'Hint: Name them by uid, as in connect(grafana="https://...", loki="uid"), or let the service '
        "account read data sources (datasources:read). The address of a data source's page in Grafana "
        "ends with its uid."
    )


@pytest.mark.parametrize("named", ["Prod logs", "logs-9"])
def test_a_viewer_cannot_use_a_name(named: str) -> None:
    assert failing(made(listing=False), loki=named) == (
        f"Grafana has no data source with the uid {named!r}, and the token may not list them, so that one "
        "cannot be found by its name.\n"
        "Hint: The address of a data source's page in Grafana ends with its uid."
    )


# Refusals


def test_a_wrong_token_is_said_to_be_grafanas_and_shown_nowhere() -> None:
    wrong = f"{PLANTED}-wrong"
    with pytest.raises(AccessError) as caught, connected(made(), token=wrong):
        pass
    assert str(caught.value) == (
        "grafana answered 401: Grafana does not accept the token, or wants one.\n"
        "  server: Invalid API key\n"
        "Hint: Check the token of Grafana's service account: OBSNB_GRAFANA_TOKEN, or the grafana table of "
        "obsnb.toml."
    )


def test_a_data_source_that_refuses_grafana_is_told_from_a_wrong_query() -> None:
    with connected(made(refusing=frozenset({"logs-1"}))) as obs, pytest.raises(AccessError) as caught:
        obs.logs('{namespace="shop"}', WINDOW)
    assert str(caught.value) == (
        "loki answered 400: Grafana is let in, but the data source behind it refuses Grafana's credentials.\n"
        '  query:  {namespace="shop"}\n'
        f"  window: {WINDOW}\n"
        "  server: Authentication to data source failed\n"
        "Hint: Whoever keeps this Grafana can mend the data source's credentials."
    )


def test_the_token_is_in_nothing_that_is_shown_or_written(tmp_path: Path) -> None:
    noted = [{"time": (T0 + 5) * 1_000, "text": "deploy", "tags": ["ci"]}]
    with connected(made(annotations=noted)) as obs:
        obs.logs('{namespace="shop"}', WINDOW)
        obs.events(WINDOW)
        shown = [repr(obs), repr(vars(obs)), str(obs.health().rows()), obs.ledger.to_html()]
        folder = obs.save(tmp_path / "a")
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert PLANTED not in "".join(shown)
    assert PLANTED.encode() not in written


# Annotations


def test_events_hold_the_annotations_and_so_does_the_frozen_incident(tmp_path: Path) -> None:
    noted = [
        {"time": (T0 + 5) * 1_000, "text": "<b>deploy</b> 2.1", "tags": ["ci"]},
        {"time": (T0 - 90) * 1_000, "timeEnd": (T0 + 9) * 1_000, "text": "maintenance"},
    ]
    with connected(made(annotations=noted)) as obs:
        live = obs.events(WINDOW)
        assert live.select("kind", "title").rows() == [
            ("annotation", "maintenance"),
            ("annotation", "deploy 2.1"),
        ]
        assert live["tags"].to_list() == [[], ["ci"]]
        frozen = obsnb.open_archive(obs.save(tmp_path / "a", window=WINDOW))
    assert frozen.events(WINDOW).equals(live)
    part = TimeRange((T0 + 7) * S, (T0 + 20) * S)
    assert frozen.events(part)["title"].to_list() == ["maintenance"]


def test_an_investigation_has_them_in_its_timeline() -> None:
    noted = [{"time": (T0 + 5) * 1_000, "text": "switched the queue over"}]
    with connected(made(annotations=noted)) as obs, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inv = obsnb.investigate(obs, WINDOW, scope={"namespace": "shop"})
        assert inv.timeline()["title"].to_list() == ["switched the queue over"]


def test_annotations_that_are_refused_do_not_take_the_rest_with_them_and_that_is_said() -> None:
    with connected(made(noting=False)) as obs:
        with pytest.warns(PartialResultWarning) as caught:
            assert obs.events(WINDOW).height == 0
        assert [str(one.message) for one in caught] == [
            "query:2 to grafana is not complete: grafana answered 403: Grafana does not allow this to the "
            "token's service account."
        ]


def test_each_record_links_to_the_data_source_that_it_was_asked_through(tmp_path: Path) -> None:
    standin = made()
    standin.behind["metrics-2"] = standin.behind["metrics-1"]
    with serving(standin) as url:
        (tmp_path / "obsnb.toml").write_text(
            f'[profiles.p.grafana]\nurl = "{url}"\ntoken = "{PLANTED}"\n'
            'prometheus = { prod = "Mimir", staging = "metrics-2" }\n'
        )
        with obsnb.connect() as obs:
            obs.metrics("up", WINDOW, step="15s")
            obs.logs('{namespace="shop"}', WINDOW)
            links = [obsnb.from_grafana_url(obs.explore_url(record)) for record in obs.ledger]
            newest = obs.explore_url()
    assert [link.queries[0].datasource for link in links] == ["metrics-1", "metrics-2", "logs-1"]
    assert [link.queries[0].text for link in links] == ["up", "up", '{namespace="shop"}']
    assert {(link.base, link.window, link.relative) for link in links} == {(url, WINDOW, False)}
    assert PLANTED not in newest


def test_records_link_back_from_an_archive_too_and_carry_no_token(tmp_path: Path) -> None:
    with connected(made()) as obs:
        obs.logs('{namespace="shop"}', WINDOW)
        obs.metrics("up", WINDOW, step="15s")
        live = [obs.explore_url(record) for record in obs.ledger]
        assert [obsnb.explore_url(record) for record in obs.ledger] == live
        obs.save(tmp_path / "incident")
    frozen = obsnb.open_archive(tmp_path / "incident")
    assert [obsnb.explore_url(record) for record in frozen.recorded] == live
    assert [frozen.explore_url(record) for record in frozen.recorded] == live
    frozen.logs('{namespace="shop"}', WINDOW)
    assert frozen.explore_url() == live[0]
    assert "datasource" in frozen.recorded[0].explore
    assert PLANTED not in (tmp_path / "incident" / "manifest.json").read_text()


def test_numbers_of_loki_link_to_loki() -> None:
    with connected(made()) as obs:
        record = QueryRecord("series", "loki", "q", 'rate({a=~".+"}[1m])', WINDOW, {"step_ns": 15 * S})
        assert "%22type%22%3A%22loki%22" in obs.explore_url(record)
        assert "%22step%22%3A%2215000ms%22" in obs.explore_url(record)


def test_without_a_grafana_or_a_known_data_source_a_link_is_refused_in_words() -> None:
    with obsnb.connect(loki="http://127.0.0.1:1") as obs:
        with pytest.raises(UsageError) as caught:
            obs.explore_url()
        assert caught.value.what == "Nothing was asked yet, so there is nothing to link to."
        record = QueryRecord("logs", "loki", "{}", "{}", WINDOW)
        with pytest.raises(UsageError) as caught:
            obs.explore_url(record)
        assert caught.value.what == "This connection knows no Grafana."
    with connected(made()) as obs:
        other = QueryRecord("spans", "tempo", "{}", "{}", WINDOW)
        with pytest.raises(UsageError) as caught:
            obs.explore_url(other)
        assert caught.value.what == (
            "Which of Grafana's data sources tempo is, this connection does not know."
        )
        assert obsnb.from_grafana_url(obs.explore_url(other, datasource="T")).queries[0].datasource == "T"
