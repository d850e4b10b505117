"""Health checks: the answers of several kinds of endpoint, lines that tell of them, and changes."""

import json

import pytest

import obsnb
from obsnb.analysis.health import health_changes
from tests.analysis.lines import lines_of


def _answer(redis="healthy", at="2026-01-01T00:00:00", **more):
    """As the debugging guide's endpoint answers: a time without a zone, which is UTC there."""
    checks = {"database": {"status": "healthy", "latency": "< 1ms"}, "redis": {"status": redis, **more}}
    well = "healthy" if redis == "healthy" else "unhealthy"
    return {"overall_status": well, "checks": checks, "timestamp": at}


def _told(frame):
    return frame.select("component", "status", "healthy").rows()


def test_the_guides_answer_has_the_whole_and_each_component_with_what_failed():
    out = obsnb.health_snapshots(answers=json.dumps(_answer("unhealthy", error="refused")), service="api")
    assert _told(out) == [
        (None, "unhealthy", False),
        ("database", "healthy", True),
        ("redis", "unhealthy", False),
    ]
    rows = out.to_dicts()
    assert rows[1]["latency"].total_seconds() == 0.001
    assert rows[2]["error"] == "refused"
    assert {str(row["timestamp"]) for row in rows} == {"2026-01-01 00:00:00+00:00"}
    assert {row["service"] for row in rows} == {"api"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            {"status": "UP", "components": {"db": {"status": "UP"}, "queue": {"status": "OUT_OF_SERVICE"}}},
            [(None, "up", True), ("db", "up", True), ("queue", "out of service", False)],
        ),
        (
            {
                "status": "DOWN",
                "components": {"a": {"status": "DOWN", "components": {"b": {"status": "DOWN"}}}},
            },
            [(None, "down", False), ("a", "down", False), ("a/b", "down", False)],
        ),
        (
            {
                "status": "pass",
                "checks": {"db:time": [{"status": "warn", "observedValue": 2, "observedUnit": "s"}]},
            },
            [(None, "pass", True), ("db:time", "warn", False)],
        ),
        (
            {"status": "Degraded", "entries": {"sql": {"status": "Healthy", "duration": "00:00:00.5"}}},
            [(None, "degraded", False), ("sql", "healthy", True)],
        ),
        ({"checks": [{"name": "disk", "healthy": False}]}, [("disk", "unhealthy", False)]),
        ({"ok": True, "services": {"mail": "ok"}}, [("mail", "ok", True)]),
        ({"weather": "fine"}, []),
        ({"status": "shipped", "details": {"parcel": "late"}}, []),
    ],
    ids=["spring", "nested", "draft", "asp.net", "list", "words", "none", "an order"],
)
def test_the_answers_of_other_kinds_of_endpoint_are_read_alike(answer, told):
    assert _told(obsnb.health_snapshots(answers=answer)) == told


def test_a_change_is_told_once_and_the_first_sight_of_what_is_unhealthy_too():
    answers = [_answer("unhealthy" if 2 <= n < 4 else "healthy", f"2026-01-01T00:0{n}:00") for n in range(5)]
    out = obsnb.health_snapshots(answers=answers, service="api")
    redis = out.filter(out["component"] == "redis")
    assert redis["changed"].to_list() == [False, False, True, False, True]
    assert redis["before"].to_list() == [None, "healthy", "healthy", "unhealthy", "unhealthy"]
    events = health_changes(out)
    assert events["title"].to_list() == [
        "health: unhealthy (it was healthy)",
        "redis: unhealthy (it was healthy)",
        "health: healthy (it was unhealthy)",
        "redis: healthy (it was unhealthy)",
    ]
    first = obsnb.health_snapshots(answers=_answer("unhealthy", error="refused"))
    assert "redis: unhealthy: refused" in health_changes(first)["title"].to_list()


def test_of_answers_without_a_time_none_is_said_to_come_after_another():
    answers = [{"status": "up"}, {"status": "down"}]
    out = obsnb.health_snapshots(answers=answers)
    assert out["changed"].to_list() == [False, False]
    assert out["before"].to_list() == [None, None]


def test_lines_tell_of_health_as_json_as_fields_in_words_and_by_an_access_line():
    out = obsnb.health_snapshots(
        lines_of(
            [
                json.dumps(_answer()),
                'level=info msg="health check" component=kafka status=up latency=12ms',
                'level=error msg="health check" component=kafka status=down error="no broker"',
                "Health check for mongo failed",
                '10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /healthz HTTP/1.1" 503 12',
                "our health is what matters",
                None,
            ]
        )
    )
    kafka = out.filter(out["component"] == "kafka").to_dicts()
    assert [row["healthy"] for row in kafka] == [True, False]
    assert kafka[0]["latency"].total_seconds() == 0.012
    assert (kafka[1]["error"], kafka[1]["changed"], kafka[1]["evidence"]) == ("no broker", True, ["log:r2"])
    assert sorted(set(out["component"].drop_nulls())) == ["/healthz", "database", "kafka", "mongo", "redis"]
    assert out.filter(out["component"] == "/healthz")["source"].to_list() == ["access line"]


@pytest.mark.parametrize("given", [None, [], ["nonsense", "[1]", ""], {}, b"{}"])
def test_no_answer_gives_an_empty_frame_with_every_column(given):
    out = obsnb.health_snapshots(lines_of([]), given)
    assert out.shape == (0, 11)
    assert health_changes(out).height == 0


def test_an_investigation_reads_answers_beside_its_lines():
    inv = obsnb.investigate(obsnb.open_archive("lab-quiet"))
    assert inv.health_snapshots().height == 0
    assert inv.health_snapshots(_answer(), service="backend").height == 3


def test_times_and_latencies_that_no_clock_has_are_left_out():
    answer = {"checks": {"db": {"status": "up", "latency_s": 1e300}}, "timestamp": 10**40}
    (row,) = obsnb.health_snapshots(answers=answer).to_dicts()
    assert (row["timestamp"], row["latency"], row["status"]) == (None, None, "up")
