"""Waits for connections and locks: the texts that databases, drivers and pools have, and spans."""

import polars as pl
import pytest

import obsnb
from obsnb.analysis.causes import cause_of
from obsnb.analysis.fusion import Suspect
from obsnb.analysis.scores import Finding
from obsnb.analysis.wait_texts import SPEAKS, read_wait
from tests.analysis.lines import lines_of

_TEXTS = [
    ("QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
     "pool", "timeout", 30),
    ("couldn't get a connection after 30.00 sec", "pool", "timeout", 30),
    ("could not obtain a connection from the pool within 5.000 seconds (waited 5.001 seconds); all in use",
     "pool", "timeout", 5.001),
    ("HikariPool-1 - Connection is not available, request timed out after 30000ms (total=10, active=10)",
     "pool", "timeout", 30),
    ("Timeout: Pool empty. Unable to fetch a connection in 30 seconds, none available[size:100; busy:100]",
     "pool", "timeout", 30),
    ("Cannot get a connection, pool error Timeout waiting for idle object", "pool", "timeout", None),
    ("Timeout expired. The timeout period elapsed prior to obtaining a connection from the pool.",
     "pool", "timeout", None),
    ("Knex: Timeout acquiring a connection. The pool is probably full.", "pool", "timeout", None),
    ("Timed out fetching a new connection from the connection pool.", "pool", "timeout", None),
    ("Timed out while checking out a connection from connection pool", "pool", "timeout", None),
    ("redis: connection pool timeout", "pool", "timeout", None),
    ("server login failed: FATAL query_wait_timeout", "pool", "timeout", None),
    ("FATAL: no more connections allowed (max_client_conn)", "pool", "refused", None),
    ("FATAL:  sorry, too many clients already", "pool", "refused", None),
    ("ERROR 1040 (HY000): Too many connections", "pool", "refused", None),
    ("ORA-12519: TNS:no appropriate service handler found", "pool", "refused", None),
    ("process 123 still waiting for ShareLock on transaction 456 after 1000.123 ms",
     "lock", "waiting", 1.000123),
    ("process 123 acquired ShareLock on transaction 456 after 2000.5 ms", "lock", "acquired", 2.0005),
    ("canceling statement due to lock timeout", "lock", "timeout", None),
    ("Lock wait timeout exceeded; try restarting transaction", "lock", "timeout", None),
    ("# Query_time: 3.5  Lock_time: 2.25 Rows_sent: 1", "lock", "acquired", 2.25),
    ("ORA-00054: resource busy and acquire with NOWAIT specified", "lock", "timeout", None),
    ("Lock request time out period exceeded.", "lock", "timeout", None),
    ("(sqlite3.OperationalError) database is locked", "lock", "timeout", None),
    ("ERROR:  deadlock detected", "deadlock", "deadlock", None),
    ("Deadlock found when trying to get lock; try restarting transaction", "deadlock", "deadlock", None),
    ("ORA-00060: deadlock detected while waiting for resource", "deadlock", "deadlock", None),
    ("Transaction (Process ID 52) was deadlocked on lock resources with another process and has been chosen "
     "as the deadlock victim.", "deadlock", "deadlock", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "outcome", "seconds"), _TEXTS)
def test_a_text_says_what_was_waited_for_how_long_and_what_came_of_it(text, kind, outcome, seconds):
    (row,) = obsnb.database_waits(lines_of([text], service=["kiosk"])).to_dicts()
    assert (row["kind"], row["outcome"], row["service"]) == (kind, outcome, "kiosk")
    assert (row["duration"] and row["duration"].total_seconds()) == pytest.approx(seconds, abs=1e-6)
    assert row["evidence"] == ["log:r0"]


@pytest.mark.parametrize(("text", "kind"), [each[:2] for each in _TEXTS])
def test_the_first_look_passes_every_text_that_the_second_reads(text, kind):
    assert pl.Series([text]).str.contains(SPEAKS).all()


@pytest.mark.parametrize(
    "text",
    [
        "connection established",
        "the swimming pool is open",
        "Lock_time: 0.000000 Rows_sent: 1",
        "account locked after 3 attempts",
        "pool size 5",
        "connection refused",
        "",
        None,
    ],
)
def test_other_talk_of_pools_and_locks_is_no_wait(text):
    assert read_wait(text) is None
    assert obsnb.database_waits(lines_of([text])).height == 0


def _spans(rows):
    """SPANS of rows of a trace, a service, a name, seconds, attributes."""
    return pl.DataFrame(
        [
            {
                "trace_id": trace,
                "span_id": f"s{n}",
                "service": service,
                "name": name,
                "start": n * 10**9,
                "duration": int(seconds * 1e9),
                "status_message": said,
                "attributes": [{"key": k, "type": "string", "value": str(v)} for k, v in attributes.items()],
            }
            for n, (trace, service, name, seconds, said, attributes) in enumerate(rows)
        ]
    ).with_columns(pl.col("start").cast(pl.Datetime("ns", "UTC")), pl.col("duration").cast(pl.Duration("ns")))


def test_spans_tell_of_waits_by_an_attribute_by_being_one_and_by_their_status():
    spans = _spans(
        [
            (
                "t0",
                "kiosk",
                "SELECT",
                2,
                None,
                {"db.client.connection.wait_time": 1.5, "db.query.text": "SELECT 1"},
            ),
            ("t1", "kiosk", "pg-pool.connect", 0.75, None, {"db.system": "postgresql"}),
            ("t2", "depot", "UPDATE", 9, "ERROR: deadlock detected", {}),
            ("t3", "depot", "UPDATE", 1, None, {"db.lock.wait_ms": 250}),
            ("t4", "depot", "pool", 1, None, {"pool.wait_ms": "nan"}),
        ]
    )
    rows = obsnb.database_waits(spans=spans).to_dicts()
    assert [(row["kind"], row["source"], row["outcome"]) for row in rows] == [
        ("pool", "span attribute", "acquired"),
        ("pool", "span", "acquired"),
        ("deadlock", "span event", "deadlock"),
        ("lock", "span attribute", "acquired"),
    ]
    assert [row["duration"] and row["duration"].total_seconds() for row in rows] == [1.5, 0.75, None, 0.25]
    assert rows[0]["statement"] == "SELECT 1"
    assert rows[1]["evidence"] == ["span:t1/s1"]


def test_a_line_and_the_status_of_its_requests_span_are_one_wait():
    spans = _spans([("t0", "kiosk", "pay", 2, "Lock wait timeout exceeded", {})])
    lines = lines_of(["Lock wait timeout exceeded"], service=["kiosk"], trace_id=["t0"])
    assert obsnb.database_waits(lines, spans)["source"].to_list() == ["log line"]
    assert obsnb.database_waits(spans=spans)["source"].to_list() == ["span event"]


def test_nothing_given_and_nothing_in_it_give_an_empty_frame_with_every_column():
    for out in (
        obsnb.database_waits(),
        obsnb.database_waits(lines_of([])),
        obsnb.database_waits(spans=_spans([("t", "a", "b", 0, None, {})])),
    ):
        assert out.shape == (0, 13)


def test_the_bundled_incidents_requests_waited_thirty_seconds_for_their_pool():
    out = obsnb.investigate(obsnb.open_archive("slow-query")).database_waits()
    assert out["kind"].unique().to_list() == ["pool"]
    assert out["duration"].unique().dt.total_seconds().to_list() == [30]


@pytest.mark.parametrize(
    ("about", "kind"),
    [
        ("HikariPool-1 - Connection is not available, request timed out after 30000ms", "pool"),
        ("canceling statement due to lock timeout", "statement"),
        ("ORA-00060: deadlock detected", "statement"),
        ("the basket is empty", "unknown"),
    ],
)
def test_an_error_that_tells_of_a_wait_names_the_kind_of_cause(about, kind):
    told = Finding(
        service="kiosk", signal="errors", strength=0.9, share=1.0, since_ns=0, reason=about, about=about
    )
    suspect = Suspect(service="kiosk", score=0.9, findings=(told,))
    assert cause_of(suspect, load={}, onset_ns=0)[0] == kind
