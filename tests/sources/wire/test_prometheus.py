"""Decoding Prometheus' answers: recorded ones against a plain reading of their JSON, then any."""

from __future__ import annotations

import gc
import gzip
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import QueryError
from obsnb.schema import EXEMPLARS, SERIES, dtype
from obsnb.sources.wire.prometheus import decode_exemplars, decode_matrix, read, read_names, series_id

RECORDINGS = Path(__file__).parents[2] / "recordings"
SLOW = RECORDINGS / "slow-query" / "prometheus"
MATRICES = sorted(
    note
    for folder in ("slow-query", "datasource")
    for note in (RECORDINGS / folder / "prometheus").glob("*.json")
    if (asked := json.loads(note.read_text()))["status"] == 200
    and asked["path"].endswith(("query_range", "query"))
    and note.stem != "instant-string"
)


def body_of(note: Path) -> bytes:
    path = note.with_name(json.loads(note.read_text())["body"])
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def decode(*bodies: bytes, query: str = "asked", **how: bool) -> pl.DataFrame:
    return decode_matrix(*bodies, query=query, conventions=DEFAULT, **how)


def plainly(body: bytes) -> set[tuple[Any, ...]]:
    """(labels, milliseconds, value's text, histogram's text) of each point, by the json module."""
    data = json.loads(body)["data"]
    if data["resultType"] == "scalar":
        time, value = data["result"]
        return {("{}", round(time * 1000), repr(float(value)), None)}
    rows = set()
    for series in data["result"]:
        labels = json.dumps(series["metric"], sort_keys=True)
        floats = series.get("values", [series["value"]] if "value" in series else [])
        histograms = series.get("histograms", [series["histogram"]] if "histogram" in series else [])
        rows |= {(labels, round(time * 1000), repr(float(value)), None) for time, value in floats}
        rows |= {(labels, round(time * 1000), None, _plain(one)) for time, one in histograms}
    return rows


def _plain(wire: dict[str, Any]) -> str:
    buckets = [[rule, *map(float, numbers)] for rule, *numbers in wire.get("buckets", [])]
    return repr((float(wire["count"]), float(wire["sum"]), buckets))


def told(frame: pl.DataFrame, query: str = "asked") -> set[tuple[Any, ...]]:
    """The same rows out of a frame."""
    rows = set()
    for row in frame.with_columns(pl.col("timestamp").cast(pl.Int64)).iter_rows(named=True):
        labels = {
            name.removeprefix("label."): value
            for name, value in row.items()
            if name not in {*SERIES.names, "histogram"} and value is not None
        }
        if row["metric"] != query:
            labels["__name__"] = row["metric"]
        shown = row.get("histogram")
        if shown is not None:
            buckets = [list(bucket.values()) for bucket in shown["buckets"]]
            shown = repr((shown["count"], shown["sum"], buckets))
        value = None if row["value"] is None else repr(row["value"])
        assert row["timestamp"] % 1_000_000 == 0
        rows.add((json.dumps(labels, sort_keys=True), row["timestamp"] // 1_000_000, value, shown))
    return rows


@pytest.mark.parametrize("note", MATRICES, ids=lambda note: f"{note.parts[-3]}-{note.stem}")
def test_every_recorded_point_is_in_the_frame_once_and_exactly(note: Path) -> None:
    body = body_of(note)
    frame = decode(body)
    expected = plainly(body)
    assert frame.height == len(expected)
    assert told(frame) == expected


@pytest.mark.parametrize("name", ["requests-raw", "nan-inf", "empty", "instant-vector", "scalar"])
def test_a_frame_has_the_core_columns_first_and_of_their_types(name: str) -> None:
    frame = decode(body_of(SLOW / f"{name}.json"))
    assert frame.columns[:5] == list(SERIES.names)
    assert dict(list(frame.schema.items())[:5]) == SERIES.dtypes()
    labels = frame.columns[5:]
    assert labels == sorted(labels)
    assert all(frame.schema[label] == pl.Categorical for label in labels)


def test_the_histogram_column_is_there_only_where_an_answer_has_one() -> None:
    with_one = decode(body_of(SLOW / "native-histogram-raw.json"))
    assert with_one.columns == [*SERIES.names, "histogram", "namespace"]
    assert with_one.schema["histogram"] == dtype("histogram")
    assert with_one["value"].null_count() == with_one.height
    assert "histogram" not in decode(body_of(SLOW / "up.json")).columns


def test_a_series_may_have_floats_and_histograms_in_order_of_time() -> None:
    histogram = {"count": "2", "sum": "NaN", "buckets": [[0, "0.5", "+Inf", "2"]]}
    body = matrix([{"metric": {"a": "b"}, "values": [[1, "1"], [3, "3"]], "histograms": [[2, histogram]]}])
    frame = decode(body)
    assert frame["timestamp"].cast(pl.Int64).to_list() == [10**9, 2 * 10**9, 3 * 10**9]
    assert frame["value"].to_list() == [1.0, None, 3.0]
    found = frame["histogram"][1]
    assert math.isnan(found.pop("sum"))
    assert found == {
        "count": 2.0,
        "buckets": [{"boundaries": 0, "lower": 0.5, "upper": math.inf, "count": 2.0}],
    }
    assert frame["histogram"][0] is None


def test_not_a_number_and_the_infinities_are_kept_apart_from_null() -> None:
    frame = decode(body_of(SLOW / "nan-inf.json"))
    by_kind = {kind: set(map(repr, group["value"])) for (kind,), group in frame.group_by("k")}
    assert by_kind == {"nan": {"nan"}, "inf": {"inf"}, "neginf": {"-inf"}}


def test_labels_with_the_name_of_a_core_column_are_prefixed_and_the_others_are_bare() -> None:
    labels = {
        "service": "a",
        "value": "b",
        "timestamp": "c",
        "histogram": "d",
        "label.x": "e",
        "http.route": "f",
    }
    frame = decode(matrix([{"metric": {"__name__": "m", **labels}, "values": [[1, "2"]]}]))
    assert frame.drop(SERIES.names).row(0, named=True) == {
        "http.route": "f",
        "label.histogram": "d",
        "label.label.x": "e",
        "label.service": "a",
        "label.timestamp": "c",
        "label.value": "b",
    }


def test_the_service_is_the_one_that_the_conventions_find() -> None:
    series = [
        {"metric": {"job": "exporter", "container": "db"}, "values": [[1, "2"]]},
        {"metric": {"zone": "a"}, "values": [[1, "2"]]},
    ]
    assert decode(matrix(series))["service"].to_list() == ["db", None]
    aliased = DEFAULT.override({"service_aliases": {"db": "postgres"}})
    frame = decode_matrix(matrix(series), query="q", conventions=aliased)
    assert frame["service"].to_list() == ["postgres", None]


def test_a_series_without_a_name_bears_the_query_as_its_metric() -> None:
    frame = decode(body_of(SLOW / "instant-vector.json"), query="sum(x)")
    assert frame["metric"].unique().to_list() == ["sum(x)"]


def test_a_vector_keeps_the_servers_order_where_that_is_asked() -> None:
    body = body_of(SLOW / "instant-vector.json")
    assert decode(body, keep_order=True)["status_code"].to_list() == ["200", "500", "401"]
    assert decode(body)["status_code"].to_list() == ["200", "401", "500"]


def test_a_series_id_tells_any_two_lists_of_labels_apart() -> None:
    lists = [{}, {"a": "b"}, {"a": ""}, {"ab": ""}, {"a": "bc"}, {"a": "b", "c": ""}, {"a": "b", "c": "d"}]
    ids = {series_id(metric, labels) for metric in ("m", "ma") for labels in lists}
    assert len(ids) == 14
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in ids)
    assert series_id("m", {"b": "2", "a": "1"}) == series_id("m", {"__name__": "m", "a": "1", "b": "2"})


def test_answers_that_follow_one_another_make_one_frame_series_by_series() -> None:
    first = matrix(
        [{"metric": {"a": "1"}, "values": [[1, "1"], [2, "2"]]}, {"metric": {"a": "2"}, "values": [[2, "9"]]}]
    )
    second = matrix(
        [{"metric": {"b": "1"}, "values": [[3, "4"]]}, {"metric": {"a": "1"}, "values": [[3, "3"]]}]
    )
    frame = decode(first, second)
    assert frame["value"].to_list() == [1.0, 2.0, 3.0, 9.0, 4.0]
    assert frame["a"].to_list() == ["1", "1", "1", "2", None]
    assert frame["b"].to_list() == [None, None, None, None, "1"]


NUMBERS = st.one_of(
    st.floats(width=64).map(repr),
    st.sampled_from(["NaN", "+Inf", "-Inf", "1e+06", "0", "-0", "5e-324", "1.7976931348623157e+308"]),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SERIES_LIST = st.lists(
    st.tuples(
        st.dictionaries(TEXT.filter(bool), TEXT.filter(bool), max_size=3),
        st.dictionaries(st.integers(0, 4_000_000_000_000), NUMBERS, max_size=6),
    ),
    max_size=5,
    unique_by=lambda one: tuple(sorted(one[0].items())),
)


def matrix(result: list[dict[str, Any]], indent: int | None = None) -> bytes:
    separators = (",", ":") if indent is None else None
    reply = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return json.dumps(reply, ensure_ascii=False, separators=separators, indent=indent).encode()


@given(SERIES_LIST, st.sampled_from([None, 0, 1, 4]))
@settings(max_examples=150, deadline=None)
def test_any_matrix_is_read_to_the_bit_however_its_json_is_spaced(
    made_up: list[tuple[dict[str, str], dict[int, str]]], indent: int | None
) -> None:
    result = [
        {"metric": labels, "values": [[ms / 1000, points[ms]] for ms in sorted(points)]}
        for labels, points in made_up
    ]
    frame = decode(matrix(result, indent))
    expected = [
        (ms * 1_000_000, repr(float(points[ms])))
        for labels, points in sorted(made_up, key=lambda one: sorted(one[0].items()))
        for ms in sorted(points)
    ]
    assert list(zip(frame["timestamp"].cast(pl.Int64), map(repr, frame["value"]), strict=True)) == expected
    assert frame["series_id"].n_unique() == sum(bool(points) for _, points in made_up)


@pytest.mark.parametrize(
    "values",
    [
        '[[1, "2"], [3,\t"NaN"],\r\n[4.5,"+Inf"]]',
        '[ [1,"2"],[3,"NaN"],[4.5,"+Inf"] ]',
        '[[1,"2"]\n,[3,"NaN"]\n,[4.5,"+Inf"]]',
        '[[1,"2"],[3,"\\u004eaN"],[4.5,"+Inf"]]',
    ],
)
def test_values_that_are_not_in_compact_json_are_read_all_the_same(values: str) -> None:
    frame = decode(matrix([{"metric": {}, "values": "VALUES"}]).replace(b'"VALUES"', values.encode()))
    assert list(map(repr, frame["value"])) == ["2.0", "nan", "inf"]
    assert frame["timestamp"].dt.timestamp("ms").to_list() == [1000, 3000, 4500]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ('[[1,"2",3]]', "Expected `array` of length 2"),
        ("[[1]]", "Expected `array` of length 2"),
        ('[1,"2"]', "Expected `array`"),
        ('[[1,"abc"]]', "a value is no number"),
        ('[[1,""]]', "a value is no number"),
        ('[["x","2"]]', "Expected `float`"),
        ('[["","2"]]', "Expected `float`"),
        ("[[1,null]]", "Expected `str`"),
        ('{"1":"2"}', "Expected `array`"),
    ],
)
def test_values_of_another_form_are_an_error_and_never_guessed_at(values: str, why: str) -> None:
    body = matrix([{"metric": {}, "values": "VALUES"}]).replace(b'"VALUES"', values.encode())
    with pytest.raises(msgspec.DecodeError, match=why):
        decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"status":"success"',
        b'{"status":"success","data":{"resultType":"matrix","result":[["1"]]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":["1"]}}',
        b'{"status":"error","errorType":"bad_data","error":"no"}',
        b'{"status":"success","data":{"resultType":"streams","result":[]}}',
    ],
)
def test_what_is_no_answer_with_numbers_is_an_error(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body)


def test_a_query_that_gives_a_text_says_so() -> None:
    with pytest.raises(QueryError) as raised:
        decode(body_of(SLOW / "instant-string.json"), query='"hello"')
    assert str(raised.value) == (
        "The query gives a text, not numbers.\n"
        '  query:  "hello"\n'
        "Hint: A metric query gives numbers, such as up or rate(x[1m])."
    )


def test_bytes_that_are_no_text_in_a_label_become_replacement_characters() -> None:
    body = matrix([{"metric": {"a": "b?"}, "values": [[1, "2"]]}]).replace(b"b?", b"b\xff")
    assert decode(body)["a"].to_list() == ["b\ufffd"]


def test_what_stands_beside_the_data_is_read() -> None:
    body = matrix([])[:-1] + b',"isPartial":true,"warnings":["w"],"infos":["i"],"stats":{}}'
    reply = read(body)
    assert (reply.is_partial, reply.warnings, reply.infos) == (True, ["w"], ["i"])


def test_the_garbage_collector_is_as_before_also_after_an_error() -> None:
    assert gc.isenabled()
    with pytest.raises(msgspec.DecodeError):
        decode(b"{")
    assert gc.isenabled()
    gc.disable()
    try:
        decode(body_of(SLOW / "up.json"))
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("folder", ["slow-query", "datasource"])
def test_every_recorded_exemplar_is_in_the_frame_once(folder: str) -> None:
    body = body_of(RECORDINGS / folder / "prometheus" / "exemplars.json")
    frame, said = decode_exemplars(body, conventions=DEFAULT)
    expected = sorted(
        (
            round(one["timestamp"] * 1000),
            one["labels"]["trace_id"],
            float(one["value"]),
            series["seriesLabels"]["le"],
        )
        for series in json.loads(body)["data"]
        for one in series["exemplars"]
    )
    rows = zip(
        frame["timestamp"].dt.timestamp("ms"), frame["trace_id"], frame["value"], frame["le"], strict=True
    )
    assert sorted(rows) == expected
    assert said == []
    assert frame.columns[:5] == list(EXEMPLARS.names)
    assert frame["timestamp"].is_sorted()
    assert frame["metric"].unique().to_list() == ["http_request_duration_seconds_bucket"]
    assert frame.schema["tenant_id"] == pl.Categorical


def test_an_exemplars_ids_are_lower_case_and_whole_and_its_other_labels_are_kept() -> None:
    exemplar = {"labels": {"traceID": "A1", "spanID": "B2", "user": "u"}, "value": "0.5", "timestamp": 1.001}
    series = {"seriesLabels": {"__name__": "m", "value": "v"}, "exemplars": [exemplar]}
    body = json.dumps({"status": "success", "data": [series], "warnings": ["w"]}).encode()
    frame, said = decode_exemplars(body, conventions=DEFAULT)
    assert frame.with_columns(pl.col("timestamp").cast(pl.Int64)).row(0, named=True) == {
        "timestamp": 1_001_000_000,
        "metric": "m",
        "value": 0.5,
        "trace_id": "a1".zfill(32),
        "span_id": "b2".zfill(16),
        "exemplar.user": "u",
        "label.value": "v",
    }
    assert said == ["w"]


@pytest.mark.parametrize("data", [b"[]", b"null"])
def test_no_exemplars_are_an_empty_frame_with_every_core_column(data: bytes) -> None:
    frame, _ = decode_exemplars(b'{"status":"success","data":%b}' % data, conventions=DEFAULT)
    assert frame.equals(EXEMPLARS.empty())
    assert frame.schema == EXEMPLARS.empty().schema


def test_names_are_read_as_they_came() -> None:
    assert read_names(body_of(SLOW / "label-values.json"))[:2] == ["/api/v1/alerts", "/api/v1/auth/login"]
    assert read_names(b'{"status":"success"}') == []
