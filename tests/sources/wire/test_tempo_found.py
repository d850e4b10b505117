"""What Tempo's searches find, and the series it makes, become frames."""

import json
import zipfile
from pathlib import Path

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from obsnb.conventions import DEFAULT
from obsnb.schema import SERIES
from obsnb.sources.wire.otlp_spans import add_traces, read_attribute, read_reply
from obsnb.sources.wire.promoted import selection
from obsnb.sources.wire.span_table import SpanTable
from obsnb.sources.wire.tempo_found import found_spans
from obsnb.sources.wire.tempo_json import read_names, read_search
from obsnb.sources.wire.tempo_series import decode_series, read_metrics
from tests.standin.tempo import recorded_body

RECORDINGS = Path(__file__).parents[2] / "recordings"
INCIDENTS = ("slow-query", "datasource")


def recorded(incident, name):
    return recorded_body(RECORDINGS / incident / "tempo" / f"{name}.json")


def from_protobuf(*bodies):
    table = SpanTable(read_attribute)
    for body in bodies:
        add_traces(table, read_reply(body).trace, whole=True)
    return table.frame(DEFAULT)


def found(incident, name):
    """A recorded search as SPANS."""
    query = json.loads((RECORDINGS / incident / "tempo" / f"{name}.json").read_text())["params"]["q"]
    traces = read_search(recorded(incident, name))
    return found_spans(
        {one.trace_id: [span for part in one.sets for span in part.spans] for one in traces},
        query=query,
        conventions=DEFAULT,
    )


@pytest.mark.parametrize("incident", INCIDENTS)
def test_a_recorded_search_for_errors_says_the_same_of_its_spans_as_the_whole_traces(incident):
    frame = found(incident, "search-errors")
    with zipfile.ZipFile(RECORDINGS / incident / "tempo" / "traces-v2-protobuf.zip") as members:
        whole = from_protobuf(*(members.read(f"{name}.pb") for name in frame["trace_id"].unique()))
    told = ["service", "name", "kind", "status", "start", "duration", "http.route", "error.type"]
    told += ["service.namespace", "trace_id", "span_id"]
    errors = whole.filter(pl.col("status") == "error")
    assert_frame_equal(
        frame.select(told).cast({"service": pl.String}),
        errors.select(told).cast({"service": pl.String}),
        check_row_order=False,
        categorical_as_str=True,
    )
    assert frame["events"].null_count() == frame["links"].null_count() == frame.height
    assert not frame["whole_trace"].any()


def test_a_searchs_ids_have_their_zeros_back():
    traces = read_search(recorded("slow-query", "search-default"))
    assert traces[0].trace_id == "0034e570227b235fdb744ecd6fd43069"
    assert all(len(one.trace_id) == 32 for one in traces)
    assert (traces[0].matched, [len(part.spans) for part in traces[0].sets]) == (7, [3])


def test_nil_in_a_search_is_null():
    frame = found("slow-query", "search-errors")
    assert frame["http.route"].null_count() == 1_305
    entries = frame["attributes"].explode(empty_as_null=True).struct.unnest()
    assert "nil" not in entries["value"].to_list()


def test_the_query_tells_the_resources_attributes_from_the_spans():
    frame = found("slow-query", "search-slow-db")
    row = frame.row(0, named=True)
    assert row["parent_span_id"] == "e80733b652c7f644"
    assert [one["key"] for one in row["resource"]] == ["service.name", "service.namespace"]
    assert row["attributes"] == [{"key": "db.system", "type": "string", "value": "postgresql"}]


def search_row(query, *attributes):
    told = [{"key": key, "value": {"stringValue": value}} for key, value in attributes]
    spans = [{"spanID": "1", "startTimeUnixNano": "5", "attributes": told}]
    body = json.dumps({"traces": [{"traceID": "a", "spanSet": {"spans": spans, "matched": 1}}]})
    traces = read_search(body.encode())
    return found_spans(
        {one.trace_id: one.sets[0].spans for one in traces}, query=query, conventions=DEFAULT
    ).row(0, named=True)


def test_a_set_that_stands_alone_is_read_as_old_servers_write_it():
    row = search_row("{ }")
    assert (row["trace_id"], row["span_id"]) == ("a".zfill(32), "1".zfill(16))


def test_an_attribute_called_status_is_not_the_spans_status():
    row = search_row(
        "{ span.status != nil }", ("status", "paid"), ("status", "error"), ("kind", "unspecified")
    )
    assert (row["status"], row["kind"]) == ("error", None)
    assert row["attributes"] == [{"key": "status", "type": "string", "value": "paid"}]


def test_an_events_attribute_is_not_the_spans():
    row = search_row('{ event.exception.type = "E" }', ("exception.type", "E"))
    assert row["attributes"] == [{"key": "event.exception.type", "type": "string", "value": "E"}]


def test_a_root_has_no_parent_though_the_server_says_zeros():
    row = search_row("{ }", ("span:parentID", "0" * 16), ("statusMessage", "nil"))
    assert (row["parent_span_id"], row["status_message"]) == (None, None)


def test_the_selection_names_each_promoted_attribute_in_a_scope():
    fields = selection(DEFAULT)
    assert {"kind", "status", "statusMessage", "name", "span:parentID", "resource.service.name"} <= set(
        fields
    )
    assert "resource.k8s.pod.name" in fields
    assert "span.k8s.pod.name" not in fields
    assert {"span.service.version", "resource.service.version"} <= set(fields)
    assert 'span."a b"' in selection(DEFAULT.override({"user_fields": ["a b"]}))


def test_attributes_are_named_by_their_scope_and_intrinsics_are_left_out():
    names = read_names(recorded("slow-query", "tags-v2"))
    assert {"resource.service.namespace", "span.tenant.id", "event.exception.type"} <= set(names)
    assert not [name for name in names if "duration" in name]


def metrics(incident, name, step_s):
    note = json.loads((RECORDINGS / incident / "tempo" / f"{name}.json").read_text())
    grid = range(
        -(-note["params"]["start"] // step_s) * step_s * 1_000, note["params"]["end"] * 1_000, step_s * 1_000
    )
    return decode_series(
        [read_metrics(recorded(incident, name))], [grid], query=note["params"]["q"], conventions=DEFAULT
    ), grid


def test_recorded_rates_lie_on_the_grid_and_a_value_that_is_left_out_is_zero():
    frame, grid = metrics("slow-query", "metrics-rate", 60)
    assert frame.columns[: len(SERIES.names)] == list(SERIES.names)
    assert sorted(frame["timestamp"].dt.timestamp("ms").unique()) == list(grid)
    assert frame.height == frame["series_id"].n_unique() * len(grid)
    assert frame["value"].null_count() == 0
    assert (
        frame["service"].cast(pl.String).to_list() == frame["resource.service.name"].cast(pl.String).to_list()
    )
    keycloak = frame.filter(pl.col("service") == "keycloak")
    assert keycloak["value"][0] == 0.6
    assert set(frame["metric"].cast(pl.String)) == {
        '{ resource.service.namespace="shop-prod" } | rate() by (resource.service.name)'
    }


def test_typed_labels_are_text_and_spans_without_the_attribute_are_null():
    frame, _ = metrics("slow-query", "metrics-quantile", 60)
    assert sorted(frame["p"].cast(pl.String).unique()) == ["0.5", "0.95", "0.99"]
    assert frame["span.http.route"].null_count() > 0
    assert "nil" not in frame["span.http.route"].cast(pl.String).to_list()


def test_every_series_of_a_comparison_keeps_its_own_id():
    frame, grid = metrics("slow-query", "metrics-compare", 300)
    body = json.loads(recorded("slow-query", "metrics-compare"))
    assert frame["series_id"].n_unique() == len(body["series"])
    assert frame.height == len(body["series"]) * len(grid)


def test_a_value_that_is_no_number_is_nan_and_nonsense_is_refused():
    body = b'{"series":[{"labels":[],"samples":[{"timestampMs":"1000","value":"NaN"}]}]}'
    frame = decode_series([read_metrics(body)], [range(1000, 1001)], query="q", conventions=DEFAULT)
    assert frame["value"].is_nan().to_list() == [True]
    bad = read_metrics(body.replace(b"NaN", b"much"))
    with pytest.raises(msgspec.ValidationError, match="'much' is no number"):
        decode_series([bad], [range(1000, 1001)], query="q", conventions=DEFAULT)
