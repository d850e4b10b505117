"""Numbers from Loki, on the grid."""

from __future__ import annotations

import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from obsnb.errors import QueryError, RejectedError
from obsnb.instants import format_ns
from obsnb.schema import SERIES
from obsnb.timerange import TimeRange
from tests.sources.asking_loki import EDGE, INCIDENT, PLAIN, RECORDINGS, SECOND, T0, loki
from tests.standin.loki import LokiStandIn, Row, body_of


def test_numbers_come_as_series_on_the_grid(slow_query):
    query = 'sum by (service_name) (rate({namespace="shop-prod"} |= "ERROR" [1m]))'
    recorded = slow_query.recorded[query]
    answer = loki(LokiStandIn(slow_query.rows)).series(query, INCIDENT, step_ns=30 * SECOND)
    times = answer.frame["timestamp"].to_physical()
    points = {
        (series["metric"]["service_name"], at * SECOND): float(value)
        for series in recorded
        for at, value in series["values"]
        if at * SECOND in INCIDENT
    }
    assert {
        (service, at): value
        for service, at, value in zip(answer.frame["service"], times, answer.frame["value"], strict=True)
    } == points
    assert answer.frame.columns == [*SERIES.names, "service_name"]
    assert answer.record.complete == "yes"
    assert answer.record.reason == "evaluated at each of the 120 multiples of the step in the window"


def test_recorded_quantiles_come_at_the_multiples_of_the_step_in_the_window(slow_query):
    (query,) = (text for text in slow_query.recorded if text.startswith("quantile_over_time"))
    frame = loki(slow_query).series(query, INCIDENT, step_ns=60 * SECOND).frame
    assert frame["timestamp"].to_physical().to_list() == list(INCIDENT.grid(60 * SECOND))
    assert frame["metric"].cast(pl.String).unique().to_list() == [query]


def test_more_points_than_loki_gives_at_once_are_asked_for_in_pieces():
    rows = [Row(T0 + n * 7 * SECOND, (("app", "a"),), str(n)) for n in range(200)]
    window = TimeRange(T0, T0 + 1_200 * SECOND)
    answer = loki(LokiStandIn(rows)).series('count_over_time({app="a"}[1s])', window, step_ns=SECOND // 10)
    assert answer.record.pages == 2
    times = answer.frame["timestamp"].to_physical()
    # A line counts at its own moment, and until a second has passed: ranges are left-open.
    assert times.to_list() == [
        row.ns + n * SECOND // 10 for row in rows for n in range(10) if row.ns + n * SECOND // 10 in window
    ]


def test_a_piece_that_loki_fails_on_does_not_take_the_others_with_it():
    rows = [Row(T0 + n * SECOND, (("app", "a"),), str(n)) for n in range(1_200)]
    window = TimeRange(T0, T0 + 1_200 * SECOND)

    def fails(path, params):
        broken = path.endswith("query_range") and int(params["start"][0]) > T0
        return (500, PLAIN, b"out of memory") if broken else None

    source = loki(LokiStandIn(rows, before=fails))
    answer = source.series('count_over_time({app="a"}[1s])', window, step_ns=SECOND // 10)
    last = T0 + 10_999 * SECOND // 10
    assert answer.frame["timestamp"].to_physical().to_list() == list(range(T0, last + 1, SECOND // 10))
    assert (answer.record.pages, answer.record.complete) == (1, "no")
    assert answer.record.reason == (
        f"{format_ns(last + SECOND // 10)} to {format_ns(window.end_ns - SECOND // 10)} was not answered: "
        "loki answered 500: it failed"
    )


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_a_recorded_instant_is_a_row_a_series_in_lokis_order(incident):
    backend = LokiStandIn.from_recordings(RECORDINGS / incident / "loki")
    (((query, at), data),) = backend.instants.items()
    answer = loki(backend).instant(query, at_ns=at + 999_999, role="top")
    told = answer.frame.select(pl.col("service_name", "level").cast(pl.String), "value").rows()
    assert told == [
        (one["metric"]["service_name"], one["metric"]["level"], float(one["value"][1]))
        for one in data["result"]
    ]
    assert answer.frame["timestamp"].to_physical().unique().to_list() == [at]
    assert answer.frame.columns == [*SERIES.names, "level", "service_name"]
    record = answer.record
    assert (record.window, record.params) == (TimeRange(at, at + 10**6), {"instant": True})
    assert (record.rows, record.pages, record.role) == (5, 1, "top")
    assert (record.complete, record.reason) == ("yes", "evaluated at that instant")


def test_an_instant_is_the_ranges_point_at_that_time(slow_query):
    query = 'sum by (service_name) (count_over_time({namespace="shop-prod"} |= "ERROR" [5m]))'
    window = TimeRange(INCIDENT.end_ns - 600 * SECOND, INCIDENT.end_ns)
    points = loki(slow_query).series(query, window, step_ns=300 * SECOND).frame
    at = points["timestamp"].to_physical().max()
    source = loki(slow_query)
    instant = source.instant(query, at_ns=at)
    there = points.filter(pl.col("timestamp").to_physical() == at)
    assert_frame_equal(instant.frame, there, categorical_as_str=True, check_row_order=False)
    assert dict(source.transport.requests[-1].params) == {"query": query, "time": str(at)}


def test_what_loki_says_beside_an_instant_and_points_of_another_time_are_doubts(slow_query):
    ((query, at),) = slow_query.instants
    for beside, why in (
        ({"warnings": ["partial"]}, "the server warned: partial"),
        ({}, "1 points of other times than were asked for came as well"),
    ):
        data = {"resultType": "vector", "result": [{"metric": {}, "value": [at / 10**9 + (not beside), "1"]}]}
        body = json.dumps({"status": "success", "data": data, **beside}).encode()
        backend = LokiStandIn(before=lambda *_, body=body: (200, PLAIN, body))
        answer = loki(backend).instant(query, at_ns=at)
        assert (answer.record.complete, answer.record.reason) == ("unknown", why)


@pytest.mark.parametrize("verb", ["metrics", "instant"])
def test_lines_are_not_asked_for_as_numbers(verb, slow_query):
    source = loki(slow_query)
    asked = {
        "metrics": lambda: source.series('{namespace="a"}', EDGE, step_ns=SECOND),
        "instant": lambda: source.instant('{namespace="a"}', at_ns=T0),
    }
    with pytest.raises(QueryError) as caught:
        asked[verb]()
    assert str(caught.value) == (
        f"This query asks for lines, and {verb}() gives numbers.\n"
        '  query:  {namespace="a"}\n'
        "Hint: obs.logs(query, window) gives the lines, rate(... [1m]) their number."
    )


def test_a_step_below_the_millisecond_is_refused(slow_query):
    with pytest.raises(QueryError) as caught:
        loki(slow_query).series('rate({a="b"}[1m])', EDGE, step_ns=1_500_000)
    assert str(caught.value) == (
        "A step of 1500000 ns is not a whole number of milliseconds.\n"
        '  query:  rate({a="b"}[1m])\n'
        "Hint: Loki counts time in milliseconds: ask for a step such as 15s or 500ms."
    )


def test_too_many_series_say_what_to_narrow(slow_query):
    folder = RECORDINGS / "slow-query" / "loki"
    words = body_of(folder / "error-series.body")
    backend = LokiStandIn(before=lambda path, _: (400, PLAIN, words))
    with pytest.raises(RejectedError) as caught:
        loki(backend).series("sum by (a) (count_over_time({b=`c`} | json [1m]))", EDGE, step_ns=SECOND)
    assert caught.value.what == "loki answered 400: a stage of the query failed on some of the lines."
