"""Windows that begin before what a Loki answers for are not called whole."""

from __future__ import annotations

import json

import pytest

from obsnb.instants import format_ns, now_ns
from obsnb.sources.loki import Loki
from obsnb.sources.loki_reach import LIMITS_PATH
from obsnb.timerange import TimeRange
from tests.sources.asking_loki import PLAIN, SECOND, loki
from tests.standin.loki import LokiStandIn, Row

HOUR = 3_600 * SECOND
STREAM = (("app", "a"),)
LINES = '{app="a"}'


def asking(limits: object, *, first: int, status: int = 200) -> tuple[Loki, TimeRange]:
    """A Loki that reveals its limits, with a line so long after the window's start, and the window."""
    window = TimeRange(now_ns() - 30 * HOUR, now_ns() - HOUR)
    told = status, PLAIN, json.dumps({"limits": limits}).encode()
    backend = LokiStandIn(
        [Row(window.start_ns + first, STREAM, "x"), Row(window.end_ns - 1, STREAM, "y")],
        before=lambda path, _: told if path == LIMITS_PATH else None,
    )
    return loki(backend), window


@pytest.mark.parametrize(
    ("limits", "complete", "why"),
    [
        ({"max_query_lookback": "1d", "retention_period": "1h"}, "no", "looks no further back than"),
        ({"max_query_lookback": "0s", "retention_period": "24h"}, "unknown", "keeps nothing from before"),
    ],
)
def test_a_window_of_whose_beginning_nothing_came_is_held_to_the_servers_limits(
    limits: dict[str, str], complete: str, why: str
) -> None:
    source, window = asking(limits, first=7 * HOUR)
    record = source.logs(LINES, window).record
    name = "max_query_lookback" if complete == "no" else "retention_period"
    edge = format_ns(record.asked_at_ns - 24 * HOUR)
    assert record.complete == complete
    assert record.reason == f"the window begins earlier, and the server {why} {edge} ({name})"
    again = source.logs(LINES, window).record
    assert (again.complete, again.requests) == (complete, record.requests - 1)  # it is asked for them once
    counted = source.series("count_over_time({app=`a`}[1m])", window, step_ns=60 * SECOND).record
    assert (counted.complete, counted.reason[:60]) == (complete, record.reason[:60])


@pytest.mark.parametrize(
    ("limits", "first", "status"),
    [
        ({"max_query_lookback": "24h"}, 0, 200),  # a line of the beginning came
        ({"max_query_lookback": "40h", "retention_period": "744h"}, 7 * HOUR, 200),
        ({"max_query_lookback": "0s"}, 7 * HOUR, 200),
        ({"max_query_lookback": "soon"}, 7 * HOUR, 200),
        ({}, 7 * HOUR, 200),
        ("none", 7 * HOUR, 200),
        ({"max_query_lookback": "24h"}, 7 * HOUR, 401),
    ],
)
def test_what_no_limit_speaks_against_is_whole(limits: object, first: int, status: int) -> None:
    source, window = asking(limits, first=first, status=status)
    assert source.logs(LINES, window).record.complete == "yes"


def test_the_last_lines_of_a_window_say_nothing_of_its_beginning() -> None:
    source, window = asking({"max_query_lookback": "24h"}, first=7 * HOUR)
    assert source.logs(LINES, window, limit=1, direction="backward").record.complete == "yes"
    assert source.logs(LINES, window, limit=1).record.complete == "no"
