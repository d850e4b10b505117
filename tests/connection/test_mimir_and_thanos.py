"""What speaks like Prometheus: Mimir behind its prefix and its tenants, Thanos with parts missing."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pytest

import obsnb
from obsnb.errors import AccessError, LimitError
from tests.standin.prometheus import Params, PrometheusStandIn, Recorded, Reply
from tests.standin.serving import serving

START = 1_795_458_000
WINDOW = obsnb.window("2026-11-23T20:20:00Z", "2026-11-23T20:30:00Z")


@dataclass
class Mimir:
    """A stand-in that serves a tenant's series under ``/prometheus`` and knows no request without one."""

    behind: PrometheusStandIn

    def answer(self, method: str, path: str, params: Params, headers: dict[str, str]) -> Reply:
        if headers.get("x-scope-orgid") != "acme":
            return 401, {"content-type": "text/plain"}, b"no org id\n"
        if not path.startswith("/prometheus/"):
            return 404, {"content-type": "text/plain"}, b"404 page not found\n"
        return self.behind.answer(method, path.removeprefix("/prometheus"), params, headers)


def held(**labels: str) -> Recorded:
    times = range(WINDOW.start_ns // 10**6, WINDOW.end_ns // 10**6, 15_000)
    return Recorded({"__name__": "m", **labels}, times[0], 15_000, dict.fromkeys(times, "1"))


def test_mimir_is_asked_under_its_prefix_for_one_tenant() -> None:
    with (
        serving(Mimir(PrometheusStandIn([held()]))) as url,
        obsnb.connect(prometheus=f"{url}/prometheus", tenant="acme") as obs,
    ):
        assert obs.metrics("m", WINDOW, step="15s").height == 40
        assert [record.complete for record in obs.ledger] == ["yes"]


def test_without_a_tenant_mimirs_refusal_names_the_way_to_give_one() -> None:
    with (
        serving(Mimir(PrometheusStandIn([held()]))) as url,
        obsnb.connect(prometheus=f"{url}/prometheus") as obs,
        pytest.raises(AccessError) as raised,
    ):
        obs.metrics("m", WINDOW, step="15s")
    assert raised.value.what == "prometheus answered 401: it serves several tenants, and none was named."
    assert (
        raised.value.hint == 'Pass tenant="...", set OBSNB_TENANT, or write tenant = "..." into obsnb.toml.'
    )


def test_a_limit_of_mimir_is_said_with_its_own_words() -> None:
    words = (
        "the query exceeded the maximum number of series (limit: 10 series) (err-mimir-max-series-per-query)"
    )
    behind = PrometheusStandIn([held()], refusals={"m": (422, "execution", words)})
    with (
        serving(Mimir(behind)) as url,
        obsnb.connect(prometheus=f"{url}/prometheus", tenant="acme") as obs,
        pytest.raises(LimitError) as raised,
    ):
        obs.metrics("m", WINDOW, step="15s")
    assert raised.value.what == "prometheus answered 422: the query makes more series than it allows."
    assert raised.value.server == f"execution: {words}"


def test_a_store_that_thanos_misses_makes_the_answer_incomplete_and_is_warned_of_once() -> None:
    said = "rpc error: code = Unavailable desc = fetch series for store-2: connection refused"
    with (
        serving(PrometheusStandIn([held()], beside={"warnings": [said]})) as url,
        obsnb.connect(prometheus=url) as obs,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        obs.metrics("m", WINDOW, step="15s")
        obs.metrics("m", WINDOW, step="15s")
        last = obs.last
    assert last is not None
    assert (last.complete, last.reason) == ("no", f"the server warned: {said}")
    assert len(caught) >= 1
    assert said in str(caught[0].message)


@pytest.mark.parametrize("replica_labels", [None, []])
def test_a_thanos_that_does_not_deduplicate_is_folded_here_unless_switched_off(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, replica_labels: list[str] | None
) -> None:
    if replica_labels is not None:
        monkeypatch.setenv("OBSNB_PROMETHEUS_REPLICA_LABELS", "none")
    pair = [held(prometheus_replica=name) for name in "ab"]
    with serving(PrometheusStandIn(pair)) as url, obsnb.connect(prometheus=url) as obs:
        rows = obs.metrics("m", WINDOW, step="15s").height
    assert rows == (80 if replica_labels == [] else 40)
