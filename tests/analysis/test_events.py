"""Alerts out of ``ALERTS``, deployments out of log lines."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.events import alerts, deployments
from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError
from obsnb.schema import EVENTS, LOGS, SERIES
from obsnb.timerange import TimeRange

_S = 10**9
_T0 = 1_795_457_610 * _S
_STEP = 15 * _S


def _series(*runs: tuple[dict[str, Any], list[int]]) -> pl.DataFrame:
    """ALERTS whose samples lie at these numbers of steps."""
    rows = [
        {"timestamp": _T0 + at * _STEP, "metric": "ALERTS", "series_id": f"{i:016x}", "value": 1.0}
        | {"alertstate": "firing", "service": "api"}
        | labels
        for i, (labels, places) in enumerate(runs)
        for at in places
    ]
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return SERIES.conform(frame.with_columns(pl.col("timestamp").cast(SERIES.dtypes()["timestamp"])))


def _logs(*lines: tuple[int, str, str]) -> pl.DataFrame:
    frame = pl.DataFrame(
        {
            "timestamp": [_T0 + at * _S for at, _, _ in lines],
            "service": [service for _, service, _ in lines],
            "line": [line for _, _, line in lines],
            "row_id": [f"{i:016x}" for i in range(len(lines))],
        },
        schema_overrides={"timestamp": pl.Datetime("ns", "UTC"), "service": pl.String},
    )
    return LOGS.conform(frame)


def _rows(events: pl.DataFrame) -> list[tuple[str, int, int | None]]:
    at = events.with_columns((pl.col("timestamp", "end").to_physical() - _T0) // _STEP)
    return list(at.select("title", "timestamp", "end").iter_rows())


@given(
    st.lists(st.booleans(), min_size=2, max_size=60).filter(
        lambda run: sum(run[i] and run[i + 1] for i in range(len(run) - 1)) > 0
    )
)
def test_every_sample_lies_in_one_firing_and_pauses_of_two_samples_split(run: list[bool]) -> None:
    places = [at for at, fires in enumerate(run) if fires]
    found = _rows(alerts(_series(({"alertname": "Slow"}, places)), step_ns=_STEP))
    expected: list[list[int]] = []
    for at in places:
        if expected and at - expected[-1][1] <= 2:
            expected[-1][1] = at
        else:
            expected.append([at, at])
    assert found == [("Slow", start, last + 1) for start, last in expected]


def test_a_missing_sample_is_borne_and_two_missing_ones_are_a_pause() -> None:
    found = alerts(_series(({"alertname": "Slow"}, [0, 1, 3, 4, 7, 8])))
    assert _rows(found) == [("Slow", 0, 5), ("Slow", 7, 9)]


def test_a_firing_that_lasts_to_the_end_of_the_window_has_not_ended() -> None:
    series = _series(({"alertname": "Slow"}, [0, 1, 5, 6]))
    window = TimeRange(_T0, _T0 + 7 * _STEP)
    assert _rows(alerts(series, window=window)) == [("Slow", 0, 2), ("Slow", 5, None)]


def test_pending_alerts_other_metrics_and_zeros_are_left_out() -> None:
    series = _series(
        ({"alertname": "Slow", "alertstate": "pending"}, [0, 1]),
        ({"alertname": "Slow", "metric": "ALERTS_FOR_STATE"}, [0, 1]),
        ({"alertname": "Slow", "value": 0.0}, [0, 1]),
        ({"alertname": None, "metric": "up"}, [0, 1]),
    )
    assert alerts(series).is_empty()


def test_a_title_tells_apart_alerts_of_one_name_and_no_more() -> None:
    series = _series(
        ({"alertname": "Slow", "severity": "page", "route": "/a", "label.service": "api"}, [0, 1]),
        ({"alertname": "Slow", "severity": "page", "route": "/b", "label.service": None}, [2, 3]),
        ({"alertname": "Down", "severity": "info", "route": "/a", "label.service": "api"}, [1, 2]),
    )
    titles = alerts(series)["title"].to_list()
    assert titles == ["Slow (route=/a, service=api)", "Down", "Slow (route=/b)"]


def test_an_alert_is_an_event_with_the_sample_as_evidence() -> None:
    events = alerts(_series(({"alertname": "Slow"}, [4, 5])))
    assert events.columns == [*EVENTS.names, "evidence"]
    assert {name: events.schema[name] for name in EVENTS.names} == EVENTS.dtypes()
    row = events.row(0, named=True)
    assert (row["kind"], row["service"], row["source"]) == ("alert", "api", "ALERTS")
    assert row["evidence"] == [f"series:{0:016x}@{_T0 + 4 * _STEP}"]


def test_no_alerts_are_no_events_with_all_columns() -> None:
    for found in (alerts(SERIES.empty()), deployments(LOGS.empty())):
        assert found.is_empty()
        assert found.columns == [*EVENTS.names, "evidence"]


def test_what_the_shipped_deployer_writes_is_found() -> None:
    events = deployments(
        _logs(
            (0, "deploy", "2026-11-23 - deploy - INFO - deployment shop rolled out version=1.8.0 by=ci"),
            (
                900,
                "deploy",
                "2026-11-23 - deploy - INFO - deployment shop rolled back version=1.7.4 by=oncall",
            ),
        )
    )
    assert events["title"].to_list() == ["shop 1.8.0 rolled out", "shop rolled back to 1.7.4"]
    assert events["service"].to_list() == ["shop", "shop"]
    assert events["source"].to_list() == ["log line of deploy"] * 2
    assert events["evidence"].to_list() == [[f"log:{0:016x}"], [f"log:{1:016x}"]]
    assert events["end"].null_count() == 2


@pytest.mark.parametrize(
    ("line", "titles"),
    [
        ("deployed cart to v2.1.0.", ["cart 2.1.0 deployed"]),
        ("Deployed billing-api", ["billing-api deployed"]),
        ("Scaled up replica set cart-api-5f6d7c8b9 to 3", ["cart-api deployed"]),
        ("upgraded api", ["api upgraded"]),  # it writes lines of its own
        ("released connection to the pool", []),
        ("released the lock", []),
        ("upgraded websocket", []),
        ("nothing was rolled out", []),
    ],
)
def test_a_line_tells_of_a_deployment_only_of_something_that_can_be_deployed(
    line: str, titles: list[str]
) -> None:
    logs = _logs((0, "deploy", line), (1, "api", "GET /"))
    assert deployments(logs)["title"].to_list() == titles


def test_lines_that_repeat_within_five_minutes_are_one_deployment() -> None:
    line = "deployed cart to 2.1.0"
    logs = _logs((0, "a", line), (200, "b", line), (450, "a", line), (900, "a", line))
    at = deployments(logs)["timestamp"].to_physical().to_list()
    assert at == [_T0, _T0 + 900 * _S]


def test_a_pattern_only_python_knows_still_finds_its_line() -> None:
    own = DEFAULT.override({"deploy_lines": [r"ship(?=ped)\w+ (?P<service>\S+) at (?P<version>\S+)"]})
    found = deployments(_logs((0, "a", "shipped cart at 7")), conventions=own)
    assert found["title"].to_list() == ["cart 7 deployed"]


def test_aliases_give_a_service_its_one_name() -> None:
    own = DEFAULT.override({"service_aliases": {"cart-svc": "cart"}})
    assert deployments(_logs((0, "a", "deployed cart-svc to 2")), conventions=own)["service"].to_list() == [
        "cart"
    ]


def test_two_columns_are_enough_and_the_kind_of_frame_stays() -> None:
    bare = _logs((0, "a", "deployed cart to 2.1")).select("timestamp", "line").to_pandas()
    events = deployments(bare)
    assert isinstance(events, pd.DataFrame)
    assert events["title"].to_list() == ["cart 2.1 deployed"]
    assert events["source"].to_list() == ["log line"]


def test_a_frame_without_lines_is_refused_in_words() -> None:
    with pytest.raises(FrameError) as caught:
        deployments(pl.DataFrame({"timestamp": []}))
    assert str(caught.value) == (
        "deployments needs the column line of LOGS; the frame has timestamp.\n"
        "Hint: obsnb.schema.LOGS lists what each column means; rename yours to match."
    )
