"""The lab on a real PostgreSQL and a real Redis, and every fault that touches them."""

import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx
import polars as pl
import psycopg
import pytest
import redis

import obsnb
from obsnb.errors import AnswerError
from obsnb.lab.faults.catalogue import fault_named, root_cause, struck_by
from obsnb.lab.faults.control import Control
from obsnb.lab.roster import roster_of
from obsnb.lab.settings import HOST, LabSettings, free_ports
from obsnb.lab.supervisor import Lab
from tests.lab.conftest import until
from tests.requirements import require

_TRACE = "5cf92f3577b34da6a3ce929d0e0e47{:02x}"


@contextmanager
def _served(words, folder, user):
    log = folder / f"{Path(words[0]).name}.log"
    with log.open("wb") as out, subprocess.Popen(words, stdout=out, stderr=out, cwd=folder, **user) as one:
        try:
            yield
        finally:
            one.terminate()


@contextmanager
def _servers():
    """A PostgreSQL and a Redis on loopback, as a user without rights; their addresses."""
    postgres, keeper = require("postgres"), require("redis-server")
    ports = free_ports(("postgres", "redis"), first=None)
    # PostgreSQL does not run as root.
    user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="obsnb-servers-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if user:
            shutil.chown(folder, user["user"], user["group"])
        data = str(folder / "data")
        made = [str(Path(postgres).resolve().with_name("initdb")), "-D", data, "-U", "obsnb", "-A", "trust"]
        subprocess.run(
            [*made, "--no-sync", "-E", "UTF8", "--locale=C"],
            cwd=folder,
            check=True,
            capture_output=True,
            **user,
        )
        asked = [postgres, "-D", data, "-h", HOST, "-p", str(ports["postgres"]), "-k", str(folder), "-F"]
        stack.enter_context(_served(asked, folder, user))
        asked = [keeper, "--bind", HOST, "--port", str(ports["redis"]), "--save", "", "--dir", str(folder)]
        stack.enter_context(_served(asked, folder, user))
        database = f"postgresql://obsnb@{HOST}:{ports['postgres']}/postgres"
        cache = f"redis://{HOST}:{ports['redis']}/0"
        until(lambda: _answers(lambda: psycopg.connect(database).close()))
        until(lambda: _answers(lambda: redis.Redis.from_url(cache).ping()))
        yield database, cache


def _answers(ask):
    try:
        ask()
    except (psycopg.OperationalError, redis.RedisError):
        return False
    return True


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A lab on both, without users, and connections of the test's own to look at them."""
    with _servers() as (database, cache):
        settings = LabSettings(
            str(tmp_path_factory.mktemp("real")),
            ports=free_ports(("backend", "identity", "fleet", "worker"), first=None),
            database_url=database,
            redis_url=cache,
            patience_s=20,
        )
        with (
            Lab(settings, load=False),
            psycopg.connect(database, autocommit=True) as connection,
            httpx.Client(base_url=settings.url("backend"), timeout=60, trust_env=False) as client,
        ):
            asked = {"user": "user-acme-0", "tenant": "acme", "secret": settings.key}
            token = client.post("/api/v1/login", json=asked).raise_for_status().json()["access_token"]
            client.headers["authorization"] = f"Bearer {token}"
            yield SimpleNamespace(
                settings=settings, client=client, database=connection, cache=redis.Redis.from_url(cache)
            )


@contextmanager
def _broken(real, name):
    control, fault = Control(real.settings.path), fault_named(name)
    control.begin(fault, struck_by(fault, roster_of(real.settings)))
    yield
    control.end(name)


def _search(real, text="errors", trace=0):
    head = {"traceparent": f"00-{_TRACE.format(trace)}-00f067aa0ba902b7-01"} if trace else {}
    return real.client.post("/api/v1/search", json={"free_text": text}, headers=head)


def _traced(real, trace):
    """The spans of a request, once the backend's own, which ends last, is written."""

    def written():
        every = obsnb.read_otlp(real.settings.telemetry).spans("{}")
        return every.filter(pl.col("trace_id") == _TRACE.format(trace))

    def is_written():
        try:
            return "00f067aa0ba902b7" in written()["parent_span_id"]
        except AnswerError:  # nothing is yet
            return False

    until(is_written)
    return written()


def _indexes(real):
    rows = real.database.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'search_runs'")
    return {name for (name,) in rows}


def test_statements_name_the_server_that_they_ask(real):
    assert _search(real, trace=1).json()["saved"]
    asked = _traced(real, 1).filter(pl.col("db.query.text").is_not_null())
    assert set(asked["db.collection.name"]) == {"saved_searches", "usage"}
    assert set(asked["db.system.name"]) == {"postgresql"}
    assert set(asked["server.address"]) == {HOST}


def test_what_was_asked_is_kept_in_redis_until_the_cache_is_emptied(real):
    def kept():
        return {key.decode() for key in real.cache.scan_iter("obsnb-lab:*")}

    _search(real, "kept in redis")
    assert any(key.endswith(":acme:kept in redis") for key in kept())
    assert real.cache.ttl(next(real.cache.scan_iter("obsnb-lab:*kept in redis"))) > 0
    with _broken(real, "cache-storm"):
        until(lambda: not kept())


def test_the_index_is_gone_while_it_is_dropped_and_is_back_afterwards(real):
    assert "ix_search_runs_search_id" in _indexes(real)
    with _broken(real, "dropped-index"):
        until(lambda: "ix_search_runs_search_id" not in _indexes(real))
        assert _search(real).status_code == 200
    until(lambda: "ix_search_runs_search_id" in _indexes(real))


def test_searches_wait_for_the_lock_that_a_release_of_the_worker_keeps(real):
    waits = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE usage%'"
    )

    def waiting():
        return real.database.execute(waits).fetchone()[0] > 0

    with ThreadPoolExecutor(1) as thread, _broken(real, "lock-contention"):

        def asked_until_it_waits():
            asked = thread.submit(_search, real)
            while not asked.done():
                if waiting():
                    return True
                time.sleep(0.01)
            return False

        until(asked_until_it_waits)


def test_a_dashboard_asks_for_its_panels_one_by_one(real):
    head = {"traceparent": f"00-{_TRACE.format(2)}-00f067aa0ba902b7-01"}
    with _broken(real, "n-plus-one"):
        until(lambda: "1.7.4" in real.client.get("/metrics").text)
        assert real.client.get("/api/v1/dashboards/1", headers=head).status_code == 200
    asked = _traced(real, 2).filter(pl.col("db.collection.name") == "panels")
    assert asked.height > 20


def test_a_pool_that_runs_dry_is_answered_with_an_error_that_says_so(real):
    with _broken(real, "pool-exhaustion"), ThreadPoolExecutor(20) as threads:
        until(lambda: "1.7.4" in real.client.get("/metrics").text)
        answers = list(threads.map(lambda _: real.client.get("/api/v1/dashboards/1"), range(20)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert {answer.json()["error"]["message"] for answer in refused} == {
        "The database has no free connection."
    }


def test_the_truth_names_the_database_that_there_is(real):
    fault, roster = fault_named("dropped-index"), roster_of(real.settings)
    told = root_cause(fault, struck_by(fault, roster), roster, real.settings)
    assert (told["service"], told["via"]) == ("postgresql", "backend")
