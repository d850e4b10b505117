"""What is said to have changed at a suspect that is asked more often than before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl
import pytest

from obsnb.analysis.causes import cause_of
from obsnb.analysis.fusion import Deployment, Suspect
from obsnb.analysis.scores import Finding
from obsnb.analysis.suspects import suspects
from obsnb.timerange import TimeRange

_FAILS = Finding("identity", "errors", 0.9, 1.0, 0, "422 of 479 traces failed in identity with 503.")


def _uses(times: float | None) -> Finding:
    return Finding("identity", "resource", 0.6, 0.0, 0, "cpu of identity went up.", times=times)


@pytest.mark.parametrize(
    ("load", "times", "found"),
    [
        pytest.param(
            {"identity": 7.6, "backend": 1.1},
            2.4,
            ("unknown", _FAILS.reason.rstrip(".")),
            id="its callers are asked no more, so they ask again; the processor follows",
        ),
        pytest.param(
            {"identity": 7.6, "backend": 1.1},
            20.0,
            ("resource", "cpu of identity went up"),
            id="more is used than the requests that are asked again explain",
        ),
        pytest.param(
            {"identity": 7.6, "backend": 7.0},
            2.4,
            ("load", "7.6 times the requests; cpu of identity went up"),
            id="its callers are asked more too",
        ),
        pytest.param(
            {"identity": 7.6},
            2.4,
            ("load", "7.6 times the requests; cpu of identity went up"),
            id="nothing is known of its callers",
        ),
        pytest.param(
            {"identity": 1.1, "backend": 1.1},
            2.4,
            ("resource", "cpu of identity went up"),
            id="it is asked no more than before",
        ),
    ],
)
def test_requests_that_only_its_callers_add_are_no_load(
    load: Mapping[str, float], times: float, found: tuple[str, str]
) -> None:
    suspect = Suspect("identity", 0.97, (_FAILS, _uses(times)))
    assert cause_of(suspect, load=load, onset_ns=0, callers={"backend"}) == found


@pytest.mark.parametrize(
    ("name", "detail", "kind"),
    [
        ("GET /orders/1", None, "unknown"),
        ("HTTP GET", None, "unknown"),
        ("/shop.Cart/AddItem", None, "unknown"),
        ("shop.Cart/AddItem", None, "unknown"),
        ("send orders", None, "unknown"),
        ("orders publish", None, "unknown"),
        ("SELECT shop", "SELECT * FROM orders", "statement"),
        ("GET", "GET session:1", "statement"),
    ],
)
def test_a_call_that_got_slower_is_a_statement_where_it_asks_a_database(
    name: str, detail: str | None, kind: str
) -> None:
    rows = []
    for n in range(120):
        trace, slow = f"{n:032x}", n >= 60
        rows.append((trace, f"{2 * n + 1:016x}", None, "api", "GET /shop", "server", n, 400 if slow else 40))
        rows.append(
            (trace, f"{2 * n + 2:016x}", f"{2 * n + 1:016x}", "api", name, "client", n, 380 if slow else 20)
        )
    columns = ["trace_id", "span_id", "parent_span_id", "service", "name", "kind", "start", "duration"]
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        (pl.col("start") * 10**10).cast(pl.Datetime("ns", "UTC")),
        (pl.col("duration") * 10**6).cast(pl.Duration("ns")),
        pl.when(pl.col("kind") == "client").then(pl.lit("shop-db")).alias("peer.service"),
        pl.when(pl.col("kind") == "client").then(pl.lit(detail, pl.String)).alias("db.query.text"),
    )
    found = suspects(
        spans=frame, during=TimeRange(600 * 10**9, 1200 * 10**9), baseline=TimeRange(0, 600 * 10**9)
    ).row(0, named=True)
    assert (found["service"], found["cause_kind"]) == ("shop-db", kind)


_ROLLED_OUT = "deployment (other 2 at 00:00:00 UTC), 40 s before the onset"
_SLOW = Finding("identity", "latency", 0.9, 1.0, 0, "Requests spend 90 ms more in identity.")
_ASKS = replace(_SLOW, statement="SELECT (users) takes 9 times as long")


@pytest.mark.parametrize(
    ("findings", "waits_for", "found"),
    [
        pytest.param(
            (_SLOW,),
            None,
            ("unknown", f"{_SLOW.reason[:-1]}; maybe a coincidence: {_ROLLED_OUT}; other calls it"),
            id="what became slow by itself was not deployed",
        ),
        pytest.param(
            (_ASKS,),
            None,
            ("statement", f"{_ASKS.statement}; after the {_ROLLED_OUT}"),
            id="a new version of a caller asks another statement",
        ),
        pytest.param(
            (_FAILS,),
            "other",
            ("dependency", f"it waits for other; {_ROLLED_OUT}, which it depends on"),
            id="what it waits for was deployed",
        ),
    ],
)
def test_a_deployment_of_another_service_is_no_cause_by_itself(
    findings: tuple[Finding, ...], waits_for: str | None, found: tuple[str, str]
) -> None:
    near = Deployment("other", 0, "deploy", "other 2", 1.0)
    suspect = Suspect("identity", 0.9, findings, near, waits_for)
    assert cause_of(suspect, load={}, onset_ns=40 * 10**9) == found


def test_a_symptom_stands_after_a_deployment_in_the_same_sentence() -> None:
    own = Deployment("identity", 0, "deploy", "identity 2", 1.0)
    found = cause_of(Suspect("identity", 0.9, (_SLOW,), own, None), load={}, onset_ns=40 * 10**9)
    said = "deployment (identity 2 at 00:00:00 UTC), 40 s before the onset"
    assert found == ("deployment", f"{said}; requests spend 90 ms more in identity")


def _pool(metric: str, times: float | None) -> Finding:
    said = f"{metric} of identity went up."
    return Finding("identity", "resource", 0.6, 0.0, 0, said, waiting=True, about=metric, times=times)


@pytest.mark.parametrize(
    "metric",
    [
        "db_client_connection_wait_time_seconds_sum",
        "db.client.connection.pending_requests",
        "hikaricp_connections_timeout_total",
        "go_sql_wait_count_total",
    ],
)
def test_more_waiting_for_connections_is_a_pools_matter_unless_it_stops_or_a_callee_is_slow(
    metric: str,
) -> None:
    def found(times: float | None, waits_for: str | None = None) -> str:
        suspect = Suspect("identity", 0.9, (_SLOW, _pool(metric, times)), None, waits_for)
        return cause_of(suspect, load={}, onset_ns=0)[0]

    assert [found(9.0), found(None), found(0.2), found(9.0, "db")] == [
        "pool",
        "unknown",
        "unknown",
        "dependency",
    ]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('could not extend file "base/16384/24576": No space left on device', "resource"),
        ("java.lang.OutOfMemoryError: Java heap space", "resource"),
        ("accept: too many open files", "resource"),
        ("429: rate limit exceeded", "load"),
        ("x509: certificate has expired or is not yet valid", "configuration"),
        ("Lock wait timeout exceeded; try restarting transaction", "statement"),
        ("HTTPConnectionPool(host='geo.example.org', port=80): it broke", "unknown"),
        ("it broke", "unknown"),
    ],
)
def test_the_words_of_an_error_tell_the_kind_of_cause(said: str, kind: str) -> None:
    fails = replace(_FAILS, about=said)
    assert cause_of(Suspect("identity", 0.9, (fails,)), load={}, onset_ns=0)[0] == kind


def test_a_shortage_that_errors_name_comes_before_the_statement_that_met_it() -> None:
    slow = Finding("db", "latency", 0.9, 1.0, 0, "Slower.", statement="INSERT, asked by shop, takes 2 times")
    full = Finding("db", "errors", 0.8, 1.0, 0, "It fails.", about="write: no space left on device")
    found = cause_of(Suspect("db", 0.9, (slow, full)), load={}, onset_ns=0)
    assert found == ("resource", "write: no space left on device")


def test_somebody_elses_system_that_fails_is_a_dependency() -> None:
    told = (_FAILS.reason.rstrip("."),)
    suspect = Suspect("api.example.com", 0.9, (_FAILS,))
    assert cause_of(suspect, load={}, onset_ns=0, foreign=True) == ("dependency", *told)
    assert cause_of(suspect, load={}, onset_ns=0) == ("unknown", *told)
