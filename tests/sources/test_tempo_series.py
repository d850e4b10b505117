"""Series that Tempo makes of spans; what it is and has."""

import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.errors import AnswerError, QueryError
from obsnb.schema import SERIES
from obsnb.sources.tempo import Tempo
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import (
    BROKEN,
    HOUR,
    RECORDINGS,
    SECOND,
    Cut,
    Flaky,
    asking,
    window_of,
)
from tests.standin.tempo import TempoStandIn, recorded_body


@pytest.fixture(scope="module")
def slow_query():
    return TempoStandIn.from_recordings(RECORDINGS / "slow-query" / "tempo")


RATE = '{ resource.service.namespace="shop-prod" } | rate() by (resource.service.name)'
MINUTE = 60 * SECOND


def test_a_recorded_rate_comes_at_the_multiples_of_the_step_in_the_window(slow_query):
    window = window_of("slow-query")
    answer = asking(slow_query).series(RATE, window, step_ns=MINUTE)
    folder = RECORDINGS / "slow-query" / "tempo"
    recorded = json.loads(recorded_body(folder / "metrics-rate.json"))["series"]
    wanted = {
        (
            one["labels"][0]["value"]["stringValue"],
            int(sample["timestampMs"]) * 10**6,
            sample.get("value", 0.0),
        )
        for one in recorded
        for sample in one["samples"]
        if int(sample["timestampMs"]) * 10**6 in window.grid(MINUTE)
    }
    told = answer.frame.select(pl.col("service").cast(pl.String), pl.col("timestamp").to_physical(), "value")
    assert set(told.rows()) == wanted
    assert answer.frame.height == len(wanted)
    assert answer.frame.columns[: len(SERIES.names)] == list(SERIES.names)
    assert answer.record.complete == "yes"
    assert dict(answer.record.params) == {"step_ns": MINUTE}


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_a_series_is_the_same_however_it_is_split(steps, slow_query):
    window = window_of("slow-query")
    whole = asking(slow_query).series(RATE, window, step_ns=MINUTE).frame
    pieces = [
        asking(slow_query).series(RATE, one, step_ns=MINUTE).frame for one in window.split(steps * MINUTE)
    ]
    order = ["service", "timestamp"]
    together = pl.concat(pieces, how="diagonal").sort(*order)
    assert_frame_equal(together, whole.sort(*order), categorical_as_str=True)


def test_a_range_of_one_step_is_not_asked_for_as_it_would_be_an_instant(slow_query):
    source = asking(slow_query)
    source.series(RATE, TimeRange(HOUR.start_ns, HOUR.start_ns + MINUTE), step_ns=MINUTE)
    asked = dict(source.transport.requests[0].params)
    assert int(asked["end"]) - int(asked["start"]) == 120


def test_a_range_that_is_too_long_for_metrics_is_split(slow_query):
    window = window_of("slow-query")
    strict = TempoStandIn(slow_query.traces, slow_query.metrics, max_metrics_s=900)
    answer = asking(strict).series(RATE, window, step_ns=MINUTE)
    assert_frame_equal(answer.frame, asking(slow_query).series(RATE, window, step_ns=MINUTE).frame)
    assert answer.record.pages > 1


def test_a_piece_that_tempo_fails_on_does_not_take_the_others_with_it(slow_query):
    window = window_of("slow-query")
    strict = TempoStandIn(slow_query.traces, slow_query.metrics, max_metrics_s=900)
    source = asking(strict)
    whole = source.series(RATE, window, step_ns=MINUTE)
    lost = source.transport.requests[-1]
    flaky = Flaky(strict, lambda _, path, params: dict(lost.params).get("start") == params["start"][0])
    answer = asking(flaky).series(RATE, window, step_ns=MINUTE)
    assert 0 < answer.frame.height < whole.frame.height
    kept = whole.frame.filter(pl.col("timestamp") <= answer.frame["timestamp"].max())
    assert_frame_equal(answer.frame, kept, categorical_as_str=True)
    assert (answer.record.complete, answer.record.pages) == ("no", whole.record.pages - 1)
    assert answer.record.reason.endswith(" was not answered: tempo answered 500: it failed")


def test_a_part_of_the_series_is_said_to_be_a_part(slow_query):
    step, recorded = slow_query.metrics[RATE]
    said = "Response exceeds maximum series limit of 3, a partial response is returned."
    partial = {RATE: (step, {**recorded, "status": "PARTIAL", "message": said})}
    record = asking(TempoStandIn({}, partial)).series(RATE, window_of("slow-query"), step_ns=MINUTE).record
    assert (record.complete, record.reason) == ("no", f"only a part of the series came: {said}")


# At one instant.


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_a_recorded_instant_counts_the_spans_of_the_time_before_it(incident):
    backend = TempoStandIn.from_recordings(RECORDINGS / incident / "tempo")
    (((query, start, end), recorded),) = backend.instants.items()
    over, at = (int(end) - int(start)) * SECOND, int(end) * SECOND
    answer = asking(backend).instant(query, at_ns=at + 999_999, over_ns=over)
    told = answer.frame.select(pl.col("span.error.type").cast(pl.String), "value").rows()
    assert [one for _, one in told] == [one["value"] for one in recorded["series"]]
    # The recordings hold every failed span as well: those are what Tempo counted.
    window = TimeRange(at - over, at)
    failed = asking(backend).spans(f"{query.partition('|')[0]} | select(span.error.type)", window).frame
    assert sorted(told, key=str) == sorted(
        failed.group_by(pl.col("error.type").cast(pl.String)).len().rows(), key=str
    )
    assert answer.frame.columns == [*SERIES.names, "span.error.type"]
    assert answer.frame["timestamp"].to_physical().unique().to_list() == [at]
    record = answer.record
    assert (record.window, record.rows) == (TimeRange(at, at + 10**6), len(told))
    assert dict(record.params) == {"instant": True, "over_ns": over}
    how = f"evaluated over the {over // SECOND} s before that instant"
    assert (record.complete, record.reason) == ("yes", how)


COUNT = "{} | count_over_time() by (name)"


def instant_of(**told):
    """What a Tempo that answers so gives for the hour."""
    between = (COUNT, str(HOUR.start_ns // SECOND), str(HOUR.end_ns // SECOND))
    return asking(TempoStandIn({}, instants={between: told})).instant(COUNT, at_ns=HOUR.end_ns)


def named(name, **more):
    return {"labels": [{"key": "name", "value": {"stringValue": name}}], **more}


def test_an_instant_keeps_zeros_and_what_is_no_number_and_says_what_is_missing():
    series = [named("b"), named("a", value="NaN"), named("b", value=3)]
    answer = instant_of(series=series, status="PARTIAL", message="too many")
    rows = answer.frame.select(pl.col("name").cast(pl.String), "value").rows()
    assert repr(rows) == "[('b', 0.0), ('a', nan)]"
    assert answer.record.complete == "no"
    assert answer.record.reason == (
        "only a part of the series came: too many; 1 points came again, of the same series and time"
    )


def test_a_range_is_not_taken_for_an_instant():
    with pytest.raises(AnswerError) as caught:
        instant_of(series=[named("a", samples=[{"timestampMs": "1", "value": 2}])])
    assert "a series has points of a range, and an instant has one value" in str(caught.value)


def test_a_step_below_the_millisecond_is_refused_before_it_is_sent():
    source = asking(TempoStandIn.of())
    with pytest.raises(QueryError) as caught:
        source.series(RATE, HOUR, step_ns=1_500_000)
    assert str(caught.value) == (
        "A step of 1500000 ns is not a whole number of milliseconds.\n"
        f"  query:  {RATE}\n"
        "Hint: Tempo counts time in milliseconds: ask for a step such as 15s or 500ms."
    )
    assert source.transport.requests == []


# What it is and has.


def test_the_attributes_of_a_server_are_named_by_their_scope(slow_query):
    names = asking(slow_query).attribute_names(HOUR)
    assert {"resource.service.namespace", "span.http.route", "span.tenant.id"} <= set(names)
    assert "duration" not in names


def test_a_healthy_server_says_its_version(slow_query):
    health = asking(slow_query).health()
    assert (health.source, health.kind, health.status, health.version) == ("tempo", "traces", "ok", "3.0.3")
    assert health.message == ""


def test_the_recorded_server_had_no_version_to_say():
    body = recorded_body(RECORDINGS / "slow-query" / "tempo" / "buildinfo.json")
    backend = Flaky(TempoStandIn.of(), lambda n, path, p: "build" in path, (200, {}, body))
    assert (asking(backend).health().status, asking(backend).health().version) == ("ok", None)


@pytest.mark.parametrize(
    ("path", "reply", "status"),
    [
        ("/api/status/buildinfo", (401, BROKEN, b"no org id"), "refused"),
        ("/api/status/buildinfo", (200, {"content-type": "text/html"}, b"<html>"), "degraded"),
        ("/ready", (503, BROKEN, b"Live store not ready"), "degraded"),
        ("/ready", (404, BROKEN, b"404 page not found"), "ok"),
    ],
)
def test_what_ails_a_server_is_its_status(path, reply, status):
    health = asking(Flaky(TempoStandIn.of(), lambda n, asked, p: asked == path, reply)).health()
    assert health.status == status
    assert bool(health.message) is (status != "ok")


def test_asking_how_an_unreachable_server_is_doing_does_not_raise():
    transport = Cut(TempoStandIn.of(), name="tempo", breaks_at=frozenset(range(9)))
    health = Tempo(transport, conventions=DEFAULT).health()
    assert (health.status, health.message) == ("unreachable", "tempo did not answer: the connection broke.")
