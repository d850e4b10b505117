"""Exemplars, comparisons and lists of attributes that Tempo makes of its spans."""

from __future__ import annotations

import json

import polars as pl
import pytest

import obsnb
from obsnb.errors import QueryError, UsageError
from obsnb.schema import EXEMPLARS
from obsnb.timerange import TimeRange
from tests.sources.asking_tempo import RECORDINGS, SECOND, asking, window_of
from tests.standin.serving import serving
from tests.standin.tempo import TempoStandIn, recorded_body

FOLDER = RECORDINGS / "slow-query" / "tempo"
RATE = '{ resource.service.namespace="shop-prod" } | rate() by (resource.service.name)'
COMPARE = json.loads((FOLDER / "metrics-compare.json").read_text())["params"]["q"]
MINUTE = 60 * SECOND
#: Both ends are multiples of the recording's step.
WINDOW = TimeRange(1_795_458_000 * SECOND, 1_795_461_000 * SECOND)


@pytest.fixture(scope="module")
def slow_query() -> TempoStandIn:
    return TempoStandIn.from_recordings(FOLDER)


def recorded(name: str) -> list[dict]:
    told: list[dict] = json.loads(recorded_body(FOLDER / f"{name}.json"))["series"]
    return told


def test_recorded_exemplars_come_with_their_traces_and_their_series_labels(slow_query: TempoStandIn) -> None:
    window = window_of("slow-query")
    answer = asking(slow_query).exemplars(RATE, window, step_ns=MINUTE)
    wanted = sorted(
        (int(one["timestampMs"]) * 10**6, one["value"], labels["trace:id"].zfill(32))
        for series in recorded("metrics-rate")
        for one in series.get("exemplars", [])
        for labels in [{pair["key"]: pair["value"]["stringValue"] for pair in one["labels"]}]
        if int(one["timestampMs"]) * 10**6 in window
    )
    told = answer.frame.select(pl.col("timestamp").to_physical(), "value", "trace_id").rows()
    assert sorted(told) == wanted
    assert wanted
    assert answer.frame.columns[:5] == list(EXEMPLARS.names)
    assert "resource.service.name" in answer.frame.columns
    assert answer.record.selection == "up to 100 single spans a request"


@pytest.mark.parametrize("cut_s", [600, 617, 1_999])
def test_exemplars_of_two_windows_side_by_side_are_those_of_both(
    slow_query: TempoStandIn, cut_s: int
) -> None:
    cut_ns = WINDOW.start_ns + cut_s * SECOND
    parts = (TimeRange(WINDOW.start_ns, cut_ns), TimeRange(cut_ns, WINDOW.end_ns))
    source, ids = asking(slow_query), ("timestamp", "trace_id", "value")
    both = [
        row for part in parts for row in source.exemplars(RATE, part, step_ns=MINUTE).frame.select(ids).rows()
    ]
    whole = source.exemplars(RATE, WINDOW, step_ns=MINUTE).frame.select(ids).rows()
    assert whole
    assert sorted(both) == sorted(whole)


def test_a_recorded_comparison_has_a_row_a_value_with_both_counts_and_totals(
    slow_query: TempoStandIn,
) -> None:
    answer = asking(slow_query).comparison(COMPARE, WINDOW)
    counts: dict[tuple[str, str | None, str], int] = {}
    for series in recorded("metrics-compare"):
        labels = {pair["key"]: next(iter(pair["value"].values())) for pair in series["labels"]}
        side = labels.pop("__meta_type")
        ((name, value),) = labels.items()
        text = json.dumps(value) if isinstance(value, bool) else str(value)
        key = (name, None if value == "nil" else text, side)
        counts[key] = sum(
            one.get("value", 0)
            for one in series["samples"]
            if WINDOW.start_ns < int(one["timestampMs"]) * 10**6 <= WINDOW.end_ns
        )
    for row in answer.frame.iter_rows(named=True):
        name, value = row["attribute"], row["value"]
        assert row["selection"] == counts.get((name, value, "selection"), 0)
        assert row["baseline"] == counts.get((name, value, "baseline"), 0)
        assert row["baseline_total"] == counts.get((name, None, "baseline_total"), 0)
        assert row["selection_total"] == counts.get((name, None, "selection_total"), 0)
    assert answer.frame.height == len(
        {(n, v) for (n, v, side), c in counts.items() if c and "total" not in side}
    )
    assert answer.frame.columns == [
        "attribute",
        "value",
        "selection",
        "baseline",
        "selection_total",
        "baseline_total",
    ]
    assert answer.record.complete == "yes"
    assert answer.record.selection is not None


def test_what_compares_nothing_is_refused_before_it_is_sent(slow_query: TempoStandIn) -> None:
    with pytest.raises(QueryError) as raised:
        asking(slow_query).comparison("{ status = error } | rate()", WINDOW)
    assert raised.value.what == "The query compares nothing."
    with pytest.raises(QueryError) as raised:
        asking(slow_query).comparison(COMPARE, TimeRange(WINDOW.start_ns + 1, WINDOW.end_ns))
    assert raised.value.hint == "Ask for a window of whole seconds."


def test_the_connections_verbs_look_around_in_tempo_and_enter_it_into_the_ledger(
    slow_query: TempoStandIn,
) -> None:
    with serving(slow_query) as url, obsnb.connect(tempo=url) as obs:
        names = obs.span_attributes(WINDOW)
        assert "resource.service.name" in names
        assert names == sorted(set(names))
        services = obs.span_attribute_values("resource.service.name", WINDOW)
        assert "observastack-backend" in services
        assert obs.span_comparison(COMPARE, WINDOW).height > 0
        assert obs.exemplars(RATE, WINDOW, source="tempo").height >= 0
        kinds = [record.kind for record in obs.ledger]
        assert kinds == ["index", "index", "index", "exemplars"]
        assert obs.ledger[0].complete == "unknown"


def test_an_archive_has_no_index_of_spans() -> None:
    obs = obsnb.open_archive("slow-query")
    with pytest.raises(UsageError) as raised:
        obs.span_attributes()
    assert raised.value.what == "span_attributes asks a server's index, and an archive has none."
    with pytest.raises(UsageError):
        obs.span_comparison(COMPARE)
