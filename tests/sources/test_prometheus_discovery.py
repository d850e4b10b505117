"""What Prometheus tells beside its values: columns, records, hostile and wrong answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from obsnb.conventions import DEFAULT
from obsnb.errors import AnswerError, QueryError
from obsnb.sources.prometheus import Prometheus
from obsnb.timerange import TimeRange
from tests.real_prometheus import RealPrometheus, running_prometheus
from tests.standin.direct import DirectTransport
from tests.standin.prometheus import PrometheusStandIn, Recorded

T0 = 1_795_457_600
WINDOW = TimeRange(T0 * 10**9, (T0 + 60) * 10**9)
ALERT = {
    "labels": {"alertname": "Slow", "state": "CA", "severity": "page"},
    "annotations": {"summary": "<b>it is slow</b>"},
    "state": "firing",
    "activeAt": "2026-11-23T18:00:00.5Z",
    "value": "+Inf",
}
RULE = {
    "name": "Slow",
    "query": "up == 0",
    "type": "alerting",
    "duration": 300,
    "state": "firing",
    "health": "ok",
    "alerts": [ALERT],
    "labels": {"severity": "page"},
    "annotations": {},
    "evaluationTime": 0.25,
    "lastEvaluation": "0001-01-01T00:00:00Z",
}
RECORDING = {"name": "job:up", "query": "sum by (job) (up)", "type": "recording", "health": "unknown"}
TARGET = {
    "labels": {"job": "api", "instance": "a:1", "health": "odd"},
    "scrapePool": "api",
    "scrapeUrl": "http://someone:hidden@a:1/metrics?module=hidden",
    "health": "down",
    "lastError": 'Get "http://someone:hidden@a:1/metrics?module=hidden": refused, api_key=hidden4hidden2',
    "lastScrape": "2026-11-23T18:00:00+01:00",
    "lastScrapeDuration": 0.5,
}
COUNTER = {"type": "counter", "help": "Requests.", "unit": ""}
INDEX: dict[str, Any] = {
    "metadata": {
        "b_total": [COUNTER, COUNTER, COUNTER | {"help": "Other."}],
        "a": [COUNTER | {"type": "gauge"}],
    },
    "rules": {"groups": [{"name": "g", "file": "r.yml", "rules": [RULE, RECORDING]}]},
    "alerts": {"alerts": [ALERT]},
    "targets": {"activeTargets": [TARGET], "droppedTargets": []},
}


def made(**more: Any) -> Prometheus:
    values = {T0 * 1_000: "1"}
    held = [
        Recorded({"__name__": "up", "job": "api", "value": "x"}, T0 * 1_000, 15_000, values),
        Recorded({"__name__": "up", "job": "db"}, T0 * 1_000, 15_000, values),
    ]
    return Prometheus(
        DirectTransport(PrometheusStandIn(held, **{"index": INDEX} | more)), conventions=DEFAULT
    )


def test_metadata_has_a_row_for_each_thing_that_targets_say_of_a_metric() -> None:
    answer = made().look("metadata")
    assert answer.frame.rows() == [
        ("a", "gauge", "", "Requests."),
        ("b_total", "counter", "", "Requests."),
        ("b_total", "counter", "", "Other."),
    ]
    record = answer.record
    assert (record.kind, record.asked, record.params, record.rows) == (
        "index",
        "metadata",
        {"of": "metadata"},
        3,
    )
    assert (record.complete, record.reason) == ("yes", "as the server had it when asked")


def test_rules_come_with_what_they_are_and_how_they_are() -> None:
    frame = made().look("rules").frame
    assert frame.select("group", "name", "type", "state", "alerts", "for_s", "evaluated").rows() == [
        ("g", "Slow", "alerting", "firing", 1, 300.0, None),
        ("g", "job:up", "recording", None, None, None, None),
    ]
    assert frame["severity"].cast(pl.String).to_list() == ["page", None]


def test_alerts_of_now_keep_their_labels_beside_the_columns() -> None:
    row = made().look("alerts").frame.row(0, named=True)
    assert row == {
        "name": "Slow",
        "state": "firing",
        "since": datetime(2026, 11, 23, 18, 0, 0, 500_000, UTC),
        "value": float("inf"),
        "alertname": "Slow",
        "annotation.summary": "<b>it is slow</b>",
        "label.state": "CA",
        "severity": "page",
    }


def test_a_target_shows_no_password_and_no_parameters() -> None:
    answer = made().look("targets")
    row = answer.frame.row(0, named=True)
    assert (row["url"], row["health"], row["label.health"]) == ("http://a:1/metrics", "down", "odd")
    assert row["last_error"] == 'Get "http://a:1/metrics": refused, api_key=[redacted:secret]'
    assert row["scraped"] == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert answer.record.selection == "active targets: those that relabelling drops are left out"


def test_series_and_labels_are_of_a_window() -> None:
    answer = made().look("series", window=WINDOW, text="up")
    assert answer.frame.columns == ["metric", "job", "label.value"]
    assert answer.frame.select(pl.all().cast(pl.String)).rows() == [("up", "api", "x"), ("up", "db", None)]
    assert (answer.record.window, answer.record.asked) == (WINDOW, "up")
    assert made().look("labels", window=WINDOW).frame["name"].to_list() == ["__name__", "job", "value"]
    assert made().look("labels", window=WINDOW, text="job").frame["name"].to_list() == ["api", "db"]
    with pytest.raises(QueryError):
        made().look("series", window=WINDOW, text="")


@pytest.mark.parametrize("of", ["metadata", "rules", "alerts", "targets"])
def test_where_there_is_nothing_the_frame_has_its_columns(of: Any) -> None:
    nothing = {
        "metadata": {},
        "rules": {"groups": []},
        "alerts": {"alerts": []},
        "targets": {"activeTargets": []},
    }
    empty, full = made(index=nothing).look(of).frame, made().look(of).frame
    assert empty.height == 0
    assert full.columns[: empty.width] == empty.columns
    assert full.dtypes[: empty.width] == empty.dtypes


@pytest.mark.parametrize("of", ["metadata", "rules", "alerts", "targets"])
@pytest.mark.parametrize("data", [None, [], 3, {"groups": 1, "alerts": 1, "activeTargets": 1, "a": 1}, "x"])
def test_an_answer_of_another_form_is_an_error_and_not_an_empty_frame(of: Any, data: Any) -> None:
    with pytest.raises(AnswerError):
        made(index={of: data}).look(of)


def test_a_warning_is_in_the_record() -> None:
    record = made(beside={"warnings": ["rules of a ruler are missing"]}).look("rules").record
    assert (record.complete, record.reason) == ("unknown", "the server warned: rules of a ruler are missing")


CONFIG = """
rule_files: [rules.yml]
scrape_configs:
  - job_name: self
    scrape_interval: 1h
    static_configs: [{targets: ["127.0.0.1:1"]}]
"""
RULES = """
groups:
  - name: g
    rules:
      - {alert: Always, expr: vector(1), for: 5m, labels: {severity: page}, annotations: {summary: on}}
      - {record: "job:up", expr: sum by (job) (up)}
"""
SAMPLES = "# TYPE up gauge\n" + "".join(f'up{{job="api"}} 1 {T0 + n}\n' for n in range(0, 60, 15)) + "# EOF\n"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealPrometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "rules.yml").write_text(RULES)
    with running_prometheus(folder, SAMPLES, config_text=CONFIG) as server:
        yield server


def test_a_real_prometheus_is_read(real: RealPrometheus) -> None:
    source = Prometheus(DirectTransport(real), conventions=DEFAULT)
    rules = source.look("rules").frame
    assert rules.select("group", "name", "type", "query", "for_s").rows() == [
        ("g", "Always", "alerting", "vector(1)", 300.0),
        ("g", "job:up", "recording", "sum by (job) (up)", None),
    ]
    targets = source.look("targets").frame
    # It finds its targets some seconds after it is ready.
    assert set(targets.select("pool", "url").rows()) <= {("self", "http://127.0.0.1:1/metrics")}
    assert source.look("alerts").frame.columns[:4] == ["name", "state", "since", "value"]
    assert source.look("metadata").frame.columns == ["metric", "type", "unit", "help"]
    series = source.look("series", window=WINDOW, text="up").frame
    assert series.select(pl.all().cast(pl.String)).rows() == [("up", "api")]
    assert source.look("labels", window=WINDOW).frame["name"].to_list() == ["__name__", "job"]
