"""A workload whose pods are of another replica set was deployed; the pods that it replaced are not gone."""

from __future__ import annotations

import polars as pl

from obsnb.analysis.replica_sets import new_replica_sets, pods_seen
from obsnb.analysis.resources import resource_findings
from obsnb.analysis.service_names import service_names
from obsnb.analysis.suspects import suspects
from obsnb.timerange import TimeRange

S = 10**9
_BEFORE, _DURING = TimeRange(0, 300 * S), TimeRange(300 * S, 600 * S)
_OLD, _NEW = "cart-7d9f8b6c5d-x2x4z", "cart-5c77b6d9f4-k8d2x"


def _at(rows: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))


def _lines(*pods: str, at_s: tuple[int, int] = (290, 600)) -> list[dict[str, object]]:
    """A line every two seconds from each pod in that time."""
    error = "[ERROR] cannot read property 'total' of undefined"
    return [
        {"timestamp": n * S, "service": "cart", "pod": pod, "line": "ok" if n < 300 else error}
        for pod in pods
        for n in range(*at_s, 2)
    ]


def _deployed(*frames: list[dict[str, object]]) -> list[tuple[str, int]]:
    found = new_replica_sets([pods_seen(_at(rows)) for rows in frames], service_names())
    return [(service, ns // S) for service, ns, *_ in found]


def test_pods_of_another_replica_set_are_a_deployment_at_their_first_sign() -> None:
    assert _deployed(_lines(_OLD, at_s=(0, 290)) + _lines(_NEW)) == [("cart", 290)]


def test_a_pod_that_another_of_its_replica_set_replaces_is_none() -> None:
    assert _deployed(_lines(_OLD, at_s=(0, 290)) + _lines("cart-7d9f8b6c5d-k8d2x")) == []


def test_runs_of_a_cron_job_are_no_deployments() -> None:
    assert _deployed(_lines("sync-28391234-x2x4z", at_s=(0, 200)) + _lines("sync-28391235-k8d2x")) == []


def test_a_pod_that_hardly_says_anything_may_have_been_there_before() -> None:
    assert _deployed(_lines(_OLD, at_s=(0, 600)) + _lines(_NEW, at_s=(100, 101))) == []


def test_a_replica_set_that_another_signal_shows_all_along_is_not_new() -> None:
    lines = _lines(_OLD, at_s=(0, 290)) + _lines(_NEW)
    assert _deployed(lines, _lines(_OLD, _NEW, at_s=(0, 600))) == []


def test_errors_that_begin_with_another_replica_set_are_put_down_to_the_deployment() -> None:
    lines = _at(_lines(_OLD, at_s=(0, 290)) + _lines(_NEW))
    row = suspects(lines, during=_DURING, baseline=_BEFORE).row(0, named=True)
    assert (row["service"], row["cause_kind"]) == ("cart", "deployment")
    assert row["cause"].startswith("deployment (replica set 5c77b6d9f4 of cart first seen at 00:04:50 UTC)")


def _memory(pods: dict[str, tuple[int, int]]) -> pl.DataFrame:
    others = {f"s{n}-7d9f8b6c5d-x2x4z": (0, 600) for n in range(8)}
    rows = [
        {
            "timestamp": n * S,
            "metric": "container_memory_working_set_bytes",
            "series_id": pod,
            "service": pod.split("-")[0],
            "pod": pod,
            "value": 9e7 + n % 4,
        }
        for pod, seen in (others | pods).items()
        for n in range(*seen, 15)
    ]
    return _at(rows)


def _gone(pods: dict[str, tuple[int, int]]) -> list[str]:
    found = resource_findings(_memory(pods), service_names(), during=_DURING, baseline=_BEFORE)
    return [each.service for each in found if "stops" in each.reason]


def test_a_series_that_another_of_its_service_follows_does_not_count_as_gone() -> None:
    assert _gone({_OLD: (0, 310), _NEW: (285, 600)}) == []
    assert _gone({_OLD: (0, 310)}) == ["cart"]


def test_what_begins_with_the_window_follows_nobody() -> None:
    assert _gone({_OLD: (0, 310), _NEW: (0, 600)}) == ["cart"]
