"""A connection that keeps its answers: what a new kernel is told from disk, and by whom nothing is shared."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import obsnb
from obsnb.errors import SettingsError, UsageError
from obsnb.settings import Endpoint, Secret, TokenCommand, load
from obsnb.settings.identity import fingerprint
from obsnb.timerange import TimeRange
from tests.standin.loki import LokiStandIn, Row
from tests.standin.prometheus import PrometheusStandIn, Recorded
from tests.standin.serving import Backend, serving

S = 10**9
T0 = 1_600_000_000
WINDOW = TimeRange(T0 * S, (T0 + 60) * S)
SHOP = '{namespace="shop"}'
PLANTED = "planted-word-9417"
KEY = b"k" * 32


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this machine's, no obsnb.toml above, and a cache of the test's own."""
    for name in list(os.environ):
        if name.startswith(("OBSNB_", "LOKI_", "PROMETHEUS_", "TEMPO_")) and name != "OBSNB_REQUIRE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


class Asked:
    """A stand-in that counts the questions for rows."""

    def __init__(self, inner: Backend) -> None:
        self.inner, self.count = inner, 0

    def answer(self, method: str, path: str, params: Any, headers: Any) -> Any:
        self.count += path.endswith(("query_range", "query"))
        return self.inner.answer(method, path, params, headers)


def lines(count: int = 30) -> Asked:
    stream = (("namespace", "shop"),)
    return Asked(LokiStandIn([Row((T0 + i) * S, stream, f"line {i}") for i in range(count)]))


def metrics() -> Asked:
    values = {(T0 + i) * 1_000: str(i) for i in range(0, 60, 15)}
    labels = {"__name__": "up", "namespace": "shop"}
    return Asked(PrometheusStandIn([Recorded(labels, T0 * 1_000, 15_000, values)]))


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").rglob("*.answer"))


def test_a_new_kernel_has_the_rows_and_asks_nothing() -> None:
    loki, prometheus = lines(), metrics()
    with serving(loki) as logs, serving(prometheus) as series:
        frames = []
        for _ in range(2):
            with obsnb.connect(loki=logs, prometheus=series, cache=True) as obs:
                frames.append((obs.logs(SHOP, WINDOW), obs.metrics("up", WINDOW), obs.samples("up", WINDOW)))
        asked = loki.count, prometheus.count
        assert asked == (1, 2)
        for one, other in zip(*frames, strict=True):
            assert_frame_equal(one, other)
        told = obs.ledger.to_frame()
        assert told["requests"].to_list() == [0, 0, 0]
        assert told["complete"].to_list() == ["yes"] * 3
        assert told["reason"].str.contains(r"^from cache, asked at 20\d\d-\d\d-\d\dT[\d:.]+Z: \w").all()
        assert "from cache, asked at" in obs.ledger.to_html()


def test_an_investigation_begins_anew_from_disk() -> None:
    loki, prometheus = lines(), metrics()
    with serving(loki) as logs, serving(prometheus) as series:
        counts = []
        for _ in range(2):
            with obsnb.connect(loki=logs, prometheus=series, cache=True) as obs:
                obs.capture(WINDOW, scope={"namespace": "shop"})
            counts.append(loki.count + prometheus.count)
        assert counts[0] == counts[1] > 1
        assert {one.role for one in obs.ledger} >= {"scope.logs", "requests.total"}


def test_without_a_word_nothing_is_kept(tmp_path: Path) -> None:
    loki = lines()
    with serving(loki) as url:
        for _ in range(2):
            with obsnb.connect(loki=url) as obs:
                obs.logs(SHOP, WINDOW)
        assert loki.count == 2
        assert not (tmp_path / "cache").exists()


def test_it_is_said_in_the_file_or_the_environment_and_unsaid_in_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lines()) as url:
        text = '[profiles.p]\ncache = true\ncache_dir = "mine"\ncache_size = "3 MB"\n'
        text += f'[profiles.p.loki]\nurl = "{url}"'
        (tmp_path / "obsnb.toml").write_text(text)
        with obsnb.connect() as obs:
            obs.logs(SHOP, WINDOW)
            assert len(list((tmp_path / "mine").rglob("*.answer"))) == 1
            assert obs.clear_cache() == 1
        with obsnb.connect(cache=False) as obs:
            obs.logs(SHOP, WINDOW)
        monkeypatch.setenv("OBSNB_CACHE", "off")
        with obsnb.connect() as obs:
            obs.logs(SHOP, WINDOW)
        assert list((tmp_path / "mine").rglob("*.answer")) == []
    assert load(environ={}).cache_size == 3_000_000
    with pytest.raises(SettingsError, match=r"OBSNB_CACHE is not true or false\."):
        load(environ={"OBSNB_CACHE": "perhaps"})


def test_clearing_drops_it_all_also_with_the_cache_off(tmp_path: Path) -> None:
    loki = lines()
    with serving(loki) as url:
        with obsnb.connect(loki=url, cache=True) as obs:
            obs.logs(SHOP, WINDOW)
        with obsnb.connect(loki=url) as obs:
            assert obs.clear_cache() == 1
            assert obs.clear_cache() == 0
        assert kept(tmp_path) == []
    with pytest.raises(UsageError) as refused:
        obsnb.open_archive("slow-query").clear_cache()
    assert str(refused.value) == (
        "Nothing is kept of what is on this disk anyway.\n"
        "Hint: obs.clear_cache() is for live sources: obsnb.connect(...)."
    )


def test_another_token_tenant_or_user_is_told_nothing_of_it(tmp_path: Path) -> None:
    loki = lines()
    with serving(loki) as url:
        askers: list[dict[str, Any]] = [
            {"token": PLANTED},
            {"token": f"{PLANTED}-2"},
            {"token": PLANTED, "tenant": "acme"},
            {},
        ]
        for asker in [*askers, *askers]:
            with obsnb.connect(loki=url, cache=True, **asker) as obs:
                obs.logs(SHOP, WINDOW)
        assert loki.count == 4, "each asks once"
        address = url.replace("http://", f"http://me:{PLANTED}@")
        with obsnb.connect(loki=address, cache=True) as obs:
            obs.logs(SHOP, WINDOW)
        assert loki.count == 5
    for path in (tmp_path / "cache").rglob("*"):
        assert PLANTED not in str(path)
        assert not path.is_file() or PLANTED.encode() not in path.read_bytes()


def test_what_is_kept_is_held_against_no_limit_because_nothing_is_sent() -> None:
    loki = lines()
    with serving(loki) as url:
        with obsnb.connect(loki=url, cache=True) as obs:
            obs.logs(SHOP, WINDOW)
        with obsnb.connect(loki=url, cache=True, limits={"max_bytes": 1}) as obs:
            assert obs.logs(SHOP, WINDOW).height == 30
            assert obs.logs(f'{SHOP} |= "5"', WINDOW, anyway=True).height == 3
            assert obs.logs(f'{SHOP} |= "5"', WINDOW).height == 3
        assert loki.count == 2


def test_a_plan_tells_what_would_be_sent_beside_what_is_kept() -> None:
    with serving(lines()) as url, obsnb.connect(loki=url, cache=True) as obs:
        obs.logs(SHOP, TimeRange(T0 * S, (T0 + 20) * S))
        plan = obs.plan("logs", SHOP, WINDOW)
        rest = TimeRange((T0 + 20) * S, (T0 + 60) * S)
        assert plan.select("lines", "requests", "note").row(0) == (
            10,
            2,
            f"of {rest}: the rest is in the cache",
        )
        assert plan["start"].cast(pl.Int64).to_list() == [WINDOW.start_ns]
        obs.logs(SHOP, WINDOW)
        before = len(obs.ledger)
        plan = obs.plan("logs", SHOP, WINDOW)
        assert plan.select("lines", "requests", "note").row(0) == (0, 0, "all of it is in the cache")
        assert len(obs.ledger) == before
        assert obs.plan("logs", SHOP, WINDOW, limit=5)["requests"].to_list() == [1]
        obs.logs(SHOP, WINDOW, limit=5)
        assert obs.plan("logs", SHOP, WINDOW, limit=5)["requests"].to_list() == [0]


def test_several_keep_their_own_and_their_rows_say_where_from() -> None:
    eu, us = lines(3), lines(5)
    with serving(eu) as one, serving(us) as two:
        frames = []
        for _ in range(2):
            with obsnb.connect(loki={"eu": one, "us": two}, cache=True) as obs:
                frames.append(obs.logs(SHOP, WINDOW))
        assert_frame_equal(*frames)
        assert frames[0].group_by("source").len().sort("source").rows() == [("loki.eu", 3), ("loki.us", 5)]
        assert (eu.count, us.count) == (1, 1)
        assert [record.requests for record in obs.ledger] == [0, 0]


def test_a_download_asks_the_server_and_keeps_nothing(tmp_path: Path) -> None:
    loki = lines()
    with serving(loki) as url, obsnb.connect(loki=url, cache=True) as obs:
        obs.logs(SHOP, WINDOW)
        before = loki.count
        assert obs.download("logs", SHOP, WINDOW, tmp_path / "lines").collect().height == 30
        assert loki.count > before
        assert len(kept(tmp_path)) == 1


def test_what_was_read_from_disk_is_frozen_like_what_was_asked(tmp_path: Path) -> None:
    with serving(lines()) as url:
        for name in ("asked", "read"):
            with obsnb.connect(loki=url, cache=True) as obs:
                obs.logs(SHOP, WINDOW)
                obs.save(tmp_path / f"{name}.obsnb")
    frames = [obsnb.open_archive(tmp_path / f"{name}.obsnb").logs(SHOP) for name in ("asked", "read")]
    assert_frame_equal(*frames)
    assert isinstance(frames[0]["namespace"].dtype, pl.Categorical)


# Who asks whom


def test_a_fingerprint_tells_apart_whose_rows_are_whose_and_says_nothing() -> None:
    one = Endpoint("loki", "loki", "http://host", tenant="acme")
    others = [
        Endpoint("loki", "prometheus", "http://host", tenant="acme"),
        Endpoint("loki", "loki", "http://host/else", tenant="acme"),
        Endpoint("loki", "loki", "http://host", tenant="else"),
        Endpoint("loki", "loki", "http://me:word@host", tenant="acme"),
        Endpoint("loki", "loki", "http://you:word@host", tenant="acme"),
        Endpoint("loki", "loki", "http://host", tenant="acme", headers={"X-Team": Secret("a")}),
        Endpoint("loki", "loki", "http://host", tenant="acme", auth=TokenCommand(("get", "token"))),
    ]
    digits = {fingerprint(each, key=KEY) for each in (one, *others)}
    assert len(digits) == 8
    assert all(len(each) == 64 for each in digits)
    assert fingerprint(one, key=KEY) != fingerprint(one, key=b"another")
    named = Endpoint("loki.eu", "loki", "http://host", tenant="acme", parallel=2)
    assert fingerprint(named, key=KEY) == fingerprint(one, key=KEY), "a name and patience are no identity"
