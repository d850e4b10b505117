"""Restarts, kills and deployments that series and spans tell of, each once."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from obsnb.analysis.all_events import all_events
from obsnb.analysis.restarts import restarts
from obsnb.analysis.rollouts import rollouts, span_rollouts
from obsnb.schema import EVENTS, LOGS, SERIES, SPANS

S = 10**9
T0 = 1_795_457_610 * S
STEP = 15 * S
POD = {"namespace": "shop", "pod": "api-7d9f8b6c5d-x2x4z", "container": "api"}
COUNT = "kube_pod_container_status_restarts_total"
REASON = "kube_pod_container_status_last_terminated_reason"


def series(*runs: tuple[str, dict[str, Any], dict[int, float]]) -> pl.DataFrame:
    """Series of a metric and labels, with values at numbers of steps."""
    rows = [
        {"timestamp": T0 + at * STEP, "metric": metric, "series_id": f"{i:016x}", "value": value} | labels
        for i, (metric, labels, values) in enumerate(runs)
        for at, value in values.items()
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return SERIES.conform(frame.with_columns(pl.col("timestamp").cast(SERIES.dtypes()["timestamp"])))


def told(events: pl.DataFrame) -> list[tuple[str, int]]:
    at = (pl.col("timestamp").to_physical() - T0) // STEP
    return events.select("title", at).rows()


def always(value: float, start: int = 0, end: int = 80) -> dict[int, float]:
    return dict.fromkeys(range(start, end), value)


def test_a_count_that_grows_is_a_restart_with_the_reason_it_ended_for() -> None:
    frame = series(
        (COUNT, POD, always(0, end=10) | always(1, 10, 40) | always(4, 40)),
        (REASON, {**POD, "reason": "OOMKilled"}, always(1, 10, 40)),
        (REASON, {**POD, "reason": "Error"}, always(0, end=40) | always(1, 40)),
    )
    found = restarts(frame)
    assert told(found) == [
        ("api in api-7d9f8b6c5d-x2x4z restarted (OOMKilled)", 10),
        ("api in api-7d9f8b6c5d-x2x4z restarted 3 times (Error)", 40),
    ]
    assert found.select("kind", "service", "source").row(0) == ("restart", "api", COUNT)
    assert found["evidence"][0].to_list() == [f"series:{0:016x}@{T0 + 10 * STEP}"]


@pytest.mark.parametrize(
    "values",
    [always(3), always(3, end=20) | always(0, 20), always(5, 30)],
    ids=["what was counted before", "another pod of the same name", "a series that begins"],
)
def test_what_does_not_grow_is_no_restart(values: dict[int, float]) -> None:
    assert restarts(series((COUNT, POD, values))).equals(restarts(series(("up", {}, always(1)))))


def test_two_scrapers_of_one_container_tell_of_one_restart() -> None:
    one, other = {**POD, "replica": "a"}, {**POD, "replica": "b"}
    frame = series(
        (COUNT, one, always(0, end=10) | always(1, 10)), (COUNT, other, always(0, end=11) | always(1, 11))
    )
    assert [at for _, at in told(restarts(frame))] == [10]


def test_a_kill_is_told_where_no_count_tells_it_and_an_old_one_is_not() -> None:
    renamed = {
        "exported_pod": "db-0",
        "exported_container": "db",
        "pod": "kube-state-metrics-abc",
        "container": "k",
    }
    frame = series(
        (REASON, {**renamed, "reason": "OOMKilled"}, always(1, 20)),
        (REASON, {**POD, "reason": "OOMKilled"}, always(1)),
    )
    found = restarts(frame)
    assert told(found) == [("db in db-0 was killed (OOMKilled)", 20)]
    assert found["service"].to_list() == ["db"]


def build(version: str, *, service: str = "api", **labels: str) -> dict[str, str]:
    return {"service": service, "version": version, **labels}


def test_a_version_in_the_place_of_another_is_a_deployment_and_back_is_a_rollback() -> None:
    frame = series(
        ("api_build_info", build("1.0", instance="a"), always(1, end=22)),
        ("api_build_info", build("1.1", instance="a"), always(1, 20, 60)),
        ("api_build_info", build("1.0", instance="b"), always(1, 60)),
    )
    found = rollouts(frame)
    assert told(found) == [("api 1.1 deployed", 20), ("api rolled back to 1.0", 60)]
    assert found.select("kind", "service", "source").row(0) == ("deploy", "api", "api_build_info")


def test_a_pause_two_versions_side_by_side_and_another_metric_are_no_deployments() -> None:
    frame = series(
        ("api_build_info", build("1.0"), always(1, end=10) | always(1, 50)),
        ("canary_build_info", build("2.0"), always(1)),
        ("canary_build_info", build("2.1"), always(1)),
        ("sidecar_build_info", build("9.9"), always(1, 30)),
        ("web_build_info", build("", service="web"), always(1)),
    )
    assert rollouts(frame).height == 0


def test_an_image_tag_is_a_version_and_a_build_beside_it_tells_of_the_same_deployment() -> None:
    def image(tag: str, pod: str) -> dict[str, str]:
        return {
            "namespace": "shop",
            "pod": pod,
            "container": "api",
            "image": f"reg.example:5000/shop/api{tag}",
        }

    frame = series(
        ("kube_pod_container_info", image(":1.0", "api-7d9f8b6c5d-x2x4z"), always(1, end=22)),
        ("kube_pod_container_info", image(":1.1", "api-6b5c4d3f2a-q8w7r"), always(1, 20)),
        ("api_build_info", build("1.0"), always(1, end=23)),
        ("api_build_info", build("1.1"), always(1, 23)),
    )
    found = rollouts(frame)
    assert told(found) == [("api 1.1 deployed", 20)]
    assert found["source"].to_list() == ["kube_pod_container_info"]


def test_an_image_without_a_tag_goes_by_the_start_of_its_digest() -> None:
    def image(digest: str) -> dict[str, str]:
        return {**POD, "image": f"api@sha256:{digest}"}

    frame = series(
        ("kube_pod_container_info", image("a" * 64), always(1, end=20)),
        ("kube_pod_container_info", image("b1" * 32), always(1, 20)),
    )
    assert told(rollouts(frame)) == [("api b1b1b1b1b1b1 deployed", 20)]


def lines(*said: tuple[int, str]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"timestamp": [T0 + at * STEP for at, _ in said], "line": [line for _, line in said]},
        schema_overrides={"timestamp": pl.Datetime("ns", "UTC")},
    )
    return LOGS.conform(frame)


def spans(*said: tuple[int, str]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "service": ["api"] * len(said),
            "start": [T0 + at * STEP for at, _ in said],
            "service.version": [version for _, version in said],
        },
        schema_overrides={"start": pl.Datetime("ns", "UTC")},
    )
    return SPANS.conform(frame)


SPANS_OF_TWO = spans(*[(at, "1.0") for at in range(20)], *[(at, "1.1") for at in range(20, 40)])


def test_a_version_that_spans_carry_for_the_first_time_is_a_deployment() -> None:
    found = span_rollouts(SPANS_OF_TWO)
    assert told(found) == [("version 1.1 of api first seen", 20)]
    assert found.columns == [*EVENTS.names, "evidence"]


def test_a_deployment_that_log_lines_series_and_spans_tell_stands_once_as_the_line_has_it() -> None:
    frame = series(
        ("api_build_info", build("1.0"), always(1, end=21)), ("api_build_info", build("1.1"), always(1, 21))
    )
    logged = lines((19, "deployed api to 1.1"))
    assert told(all_events(logs=logged, series=frame, spans=SPANS_OF_TWO)) == [("api 1.1 deployed", 19)]
    assert told(all_events(series=frame, spans=SPANS_OF_TWO)) == [("api 1.1 deployed", 21)]


@pytest.mark.parametrize(
    "line", [(19, "deployed api to 1.05"), (19, "deployed shop-web to 1.1"), (70, "deployed api to 1.1")]
)
def test_another_version_service_or_time_is_another_deployment(line: tuple[int, str]) -> None:
    frame = series(
        ("api_build_info", build("1.0"), always(1, end=21)), ("api_build_info", build("1.1"), always(1, 21))
    )
    assert len(told(all_events(logs=lines(line), series=frame))) == 2


def test_nothing_told_is_an_empty_frame_with_every_column() -> None:
    assert all_events().columns == [*EVENTS.names, "evidence"]
    assert rollouts(SERIES.empty()).height == restarts(SERIES.empty()).height == 0
