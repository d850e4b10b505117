"""Loki's JSON into LOGS, against a plain reading of the same bytes."""

from __future__ import annotations

import gc
import gzip
import json
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.schema import LOGS
from obsnb.sources.wire import loki as wire
from obsnb.sources.wire.loki import LogDecoder

RECORDINGS = Path(__file__).parents[2] / "recordings"
T0 = 1_795_460_599_000_000_000


def body(*streams, warnings=None, kind="streams"):
    """An answer of streams: (labels, entries), an entry being (ns, line[, metadata[, parsed]])."""
    result = []
    for labels, entries in streams:
        values = []
        for ns, line, *more in entries:
            keys = ("structuredMetadata", "parsed")
            extra = {key: pairs for key, pairs in zip(keys, more, strict=False) if pairs}
            values.append([str(ns), line, *([extra] if more else [])])
        result.append({"stream": labels, "values": values})
    reply = {"status": "success", "data": {"resultType": kind, "result": result, "stats": {}}}
    return json.dumps({**reply, **({"warnings": warnings} if warnings else {})}).encode()


def frame_of(*bodies, conventions=DEFAULT):
    decoder = LogDecoder(conventions)
    return decoder.frame([decoder.read(each) for each in bodies])


def row(*entry, labels=None, conventions=DEFAULT):
    return frame_of(body((labels or {"app": "a"}, [entry])), conventions=conventions).row(0, named=True)


def recorded(*paths):
    for path in paths:
        full = RECORDINGS / path
        yield full.read_bytes() if full.exists() else gzip.decompress(Path(f"{full}.gz").read_bytes())


def plainly(raw):
    """Every entry of an answer as (ns, labels, line, metadata, parsed)."""
    for stream in json.loads(raw)["data"]["result"]:
        for ns, line, *extra in stream["values"]:
            told = extra[0] if extra else {}
            yield int(ns), stream["stream"], line, told.get("structuredMetadata", {}), told.get("parsed", {})


def expected(raw):
    out = []
    for ns, labels, line, metadata, parsed in plainly(raw):
        columns = {f"label.{key}" if key in LOGS.names else key: value for key, value in labels.items()}
        columns |= {f"metadata.{key}": value for key, value in metadata.items()}
        columns |= {f"parsed.{key}": value for key, value in parsed.items()}
        out.append((ns, line, tuple(sorted(columns.items()))))
    return sorted(out)


def told(frame):
    derived = set(LOGS.names) - {"timestamp", "line"}
    plain = frame.with_columns(pl.col("timestamp").to_physical(), pl.col(pl.Categorical).cast(pl.String))
    out = []
    for each in plain.to_dicts():
        ns, line = each.pop("timestamp"), each.pop("line")
        rest = {key: value for key, value in each.items() if key not in derived and value is not None}
        out.append((ns, line, tuple(sorted(rest.items()))))
    return sorted(out)


@pytest.fixture(params=["any keys", "known keys"], scope="module")
def form(request):
    """Read small answers too by the decoder that is made for their keys, which is else for big ones."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "known keys":
            patch.setattr(wire, "_WORTH_BYTES", 0)
        yield


words = st.text(max_size=8) | st.sampled_from(["null", "true", "1", ""])
names = st.sampled_from(["app", "pod", "level", "line", "service", "namespace", "timestamp"])
#: Few, because a decoder is made for each set of them.
keys = st.sampled_from(["trace_id", "level", "k.x", "ключ", 'odd"\\\x1f\nkey'])
fields = st.dictionaries(keys, words, max_size=4)
#: Filled labels, as Loki's are: an empty one is none.
labels = st.dictionaries(names, words.filter(bool), min_size=1, max_size=4)
entry = st.tuples(st.integers(T0, T0 + 9), words, fields, fields) | st.tuples(st.integers(T0, T0 + 9), words)
answers = st.lists(st.tuples(labels, st.lists(entry, max_size=6)), max_size=5)


@settings(max_examples=120, deadline=None)
@given(st.lists(answers, min_size=1, max_size=4))
def test_it_reads_what_a_plain_reading_of_the_json_gives(form, pages):
    bodies = [body(*page) for page in pages]
    frame = frame_of(*bodies)
    assert told(frame) == sorted(line for raw in bodies for line in expected(raw))
    assert frame.columns[:8] == list(LOGS.names)
    assert {name: frame.schema[name] for name in LOGS.names} == LOGS.dtypes()
    assert frame["timestamp"].is_sorted()


@settings(max_examples=80, deadline=None)
@given(answers, answers)
def test_a_row_has_its_id_whatever_was_read_before_it_and_in_whatever_order_its_keys_came(form, page, before):
    def turned(pairs):
        return dict(reversed(pairs.items()))

    backward = [
        (turned(stream), [(ns, line, *map(turned, more)) for ns, line, *more in entries])
        for stream, entries in page
    ]
    decoder = LogDecoder(DEFAULT)
    decoder.read(body(*before))
    decoder.read(body(*page))  # from here on, the keys of this page are known
    ids = [
        [frame["row_id"].to_list() for frame in (reader.read(body(*form)).entries,)]
        for reader, form in ((LogDecoder(DEFAULT), page), (decoder, page), (decoder, backward))
    ]
    assert ids[0] == ids[1] == ids[2]


@settings(max_examples=80, deadline=None)
@given(answers)
def test_ids_are_equal_where_stream_time_line_and_metadata_are(form, page):
    seen = {}
    raw = body(*page)
    entries = LogDecoder(DEFAULT).read(raw).entries
    for (ns, stream, line, metadata, _), row_id in zip(plainly(raw), entries["row_id"], strict=True):
        key = (ns, tuple(sorted(stream.items())), line, tuple(sorted(metadata.items())))
        assert seen.setdefault(key, row_id) == row_id
    assert len(set(seen.values())) == len(seen)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(st.text(min_size=1), words, max_size=3), max_size=5))
def test_any_text_can_be_a_key(metadata):
    raw = body(({"app": "a"}, [(T0, "x", fields) for fields in metadata]))
    assert told(frame_of(raw, raw)) == sorted(2 * expected(raw))


@pytest.mark.parametrize("incident", ["slow-query", "datasource"])
def test_recorded_pages_read_as_they_are_written(incident):
    for path in sorted((RECORDINGS / incident / "loki").glob("all-page-*.body.gz"))[:2]:
        raw = gzip.decompress(path.read_bytes())
        assert told(frame_of(raw)) == expected(raw)


@pytest.mark.parametrize(
    "path",
    [
        "slow-query/loki/edge-text.body",
        "slow-query/loki/edge-labels.body",
        "slow-query/loki/edge-metadata.body",
        "slow-query/loki/slow-uncategorised.body",
        "otlp-and-tenants/loki/otlp-logs.body",
        "otlp-and-tenants/loki/otlp-logfmt-parse-error.body",
        "otlp-and-tenants/loki/tenant-two.body",
        "slow-query/loki/empty.body",
    ],
)
def test_recorded_edge_cases_read_as_they_are_written(path):
    (raw,) = recorded(path)
    assert told(frame_of(raw)) == expected(raw)


def test_logs_that_came_by_otlp_have_level_and_ids_from_their_metadata():
    frame = frame_of(*recorded("otlp-and-tenants/loki/otlp-errors.body"))
    assert frame["level"].unique().to_list() == ["error"]
    assert frame["metadata.severity_text"].unique().to_list() == ["ERROR"]
    assert set(frame["service"].cast(pl.String)) == {"orders", "payments"}
    assert frame["trace_id"].equals(frame["metadata.trace_id"].alias("trace_id"))
    assert frame["span_id"].str.contains("^[0-9a-f]{16}$").all()


def test_what_a_parser_could_not_read_is_a_parsed_field_and_the_line_is_there():
    frame = frame_of(*recorded("otlp-and-tenants/loki/otlp-logfmt-parse-error.body"))
    assert frame["parsed.__error__"].unique().to_list() == ["JSONParserErr"]
    assert frame["line"].str.contains("order").all()


def test_lines_of_several_tenants_bear_the_tenant():
    frame = frame_of(*recorded("otlp-and-tenants/loki/tenant-two.body"))
    assert frame["__tenant_id__"].value_counts().sort("__tenant_id__").rows() == [
        ("acme", 10),
        ("globex", 10),
    ]


@pytest.mark.parametrize(
    ("labels", "metadata", "parsed", "level"),
    [
        ({"level": "WARN"}, {"detected_level": "error"}, {"level": "info"}, "warn"),
        ({"app": "a"}, {"detected_level": "Error"}, {"level": "info"}, "error"),
        ({"app": "a", "level": "unknown"}, {"detected_level": "unknown"}, {"level": "INFO"}, "info"),
        ({"app": "a"}, {"severity_text": ""}, {"levelname": "DEBUG"}, "debug"),
        ({"app": "a"}, {"detected_level": "unknown"}, {}, None),
    ],
)
def test_the_level_is_the_first_that_is_known_of_label_metadata_and_parsed_field(
    labels, metadata, parsed, level
):
    assert row(T0, "x", metadata, parsed, labels=labels)["level"] == level


@pytest.mark.parametrize(
    ("given", "trace_id"),
    [
        ("4BF92F3577B34DA6A3CE929D0E0E4736", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736"),
        ("Root=1-5759e988-BD86", "Root=1-5759e988-BD86"),
        ("", None),
        ("4bf92f3577b34da6a3ce929d0e0e473600", "4bf92f3577b34da6a3ce929d0e0e473600"),
    ],
)
def test_a_trace_id_is_lower_case_and_full_length_where_it_is_hex_and_else_as_it_came(given, trace_id):
    found = row(T0, "x", {"traceID": given})
    assert (found["trace_id"], found["metadata.traceID"]) == (trace_id, given)


def test_metadata_says_more_than_a_parsed_field_and_the_stream_more_than_both():
    ids = {"trace_id": "1" * 32, "span_id": "2" * 16, "request_id": "r-m"}
    found = row(T0, "x", ids, {"trace_id": "3" * 32, "correlation_id": "c-p"}, labels={"span_id": "4" * 16})
    assert (found["trace_id"], found["span_id"]) == ("1" * 32, "4" * 16)
    assert found["correlation_id"] == "r-m"


def test_a_service_is_named_by_the_conventions_and_goes_by_its_one_name():
    aliased = DEFAULT.override({"service_aliases": {"shop-api": "shop"}})
    assert row(T0, "x", labels={"container": "shop-api"}, conventions=aliased)["service"] == "shop"
    assert row(T0, "x", {"app": "shop-api"}, labels={"host": "h"}, conventions=aliased)["service"] == "shop"
    assert row(T0, "x", labels={"host": "h"})["service"] is None


def test_a_label_that_is_called_as_a_core_column_stands_beside_it():
    found = row(
        T0, "x", {"line": "m"}, labels={"line": "l", "timestamp": "t", "row_id": "r", "own.level": "o"}
    )
    assert (found["line"], found["label.line"], found["metadata.line"]) == ("x", "l", "m")
    assert (found["label.timestamp"], found["label.row_id"], found["own.level"]) == ("t", "r", "o")


def test_entries_of_one_nanosecond_are_by_stream_and_keep_the_order_of_their_page():
    page = body(
        ({"app": "b"}, [(T0, "b1"), (T0, "b0"), (T0 + 1, "b2")]),
        ({"app": "a"}, [(T0, "a1"), (T0, "a0")]),
    )
    assert frame_of(page)["line"].to_list() == ["a1", "a0", "b1", "b0", "b2"]
    decoder = LogDecoder(DEFAULT)
    assert decoder.frame([decoder.read(page).turned()])["line"].to_list() == ["a0", "a1", "b0", "b1", "b2"]


def test_a_part_of_a_page_holds_the_entries_of_its_time_and_no_column_of_others():
    decoder = LogDecoder(DEFAULT)
    page = decoder.read(body(({"app": "a"}, [(T0, "x"), (T0 + 5, "y", {"k": "v"}), (T0 + 9, "z")])))
    assert (page.rows, page.first_ns, page.last_ns) == (3, T0, T0 + 9)
    part = page.within(T0, T0 + 5)
    assert (part.rows, part.first_ns, part.last_ns) == (1, T0, T0)
    assert decoder.frame([part]).columns == [*LOGS.names, "app"]
    assert page.within(T0 + 20, T0 + 30).rows == 0


def test_an_empty_answer_is_an_empty_frame_with_every_core_column():
    assert frame_of(body()).equals(LOGS.empty())
    assert frame_of(body(({"app": "a"}, []))).equals(LOGS.empty())


def test_warnings_are_handed_on():
    decoder = LogDecoder(DEFAULT)
    assert decoder.read(body(warnings=["one", "two"])).warnings == ("one", "two")


def test_bytes_that_are_no_utf_8_become_replacement_characters():
    raw = body(({"app": "caf\u00e9"}, [(T0, "x", {"k": "caf\u00e9"})])).replace(rb"caf\u00e9", b"caf\xe9")
    found = frame_of(raw).row(0, named=True)
    assert (found["app"], found["metadata.k"]) == ("caf\ufffd", "caf\ufffd")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "Input data was truncated"),
        (b'{"status":"success"}', "Object missing required field `data`"),
        (b"<html>", "JSON is malformed: invalid character (byte 0)"),
        (body(kind="matrix"), "its result is of the type 'matrix', not streams of lines"),
        (
            b'{"data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}',
            "its result is of the type 'vector', not streams of lines",
        ),
        (body(({"a": "b"}, [(2**70, "x")])), "the time of an entry is out of range"),
        (
            b'{"data":{"resultType":"streams","result":[{"stream":{},"values":[["soon","x"]]}]}}',
            "Expected `int`, got `str` - at `$.data.result[0].values[0][0]`",
        ),
    ],
)
def test_what_is_no_answer_of_lines_is_said(raw, why):
    with pytest.raises(msgspec.DecodeError) as caught:
        LogDecoder(DEFAULT).read(raw)
    assert str(caught.value) == why


def test_keys_that_come_late_and_very_many_keys_are_read_as_well():
    many = [(T0 + n, "x", {f"k{n}": str(n)}) for n in range(100)]
    bodies = [
        body(({"app": "a"}, [(T0, "x", {"k0": "0"})])),
        body(({"app": "a"}, many)),
        body(({"app": "a"}, many)),
    ]
    decoder = LogDecoder(DEFAULT)
    pages = [decoder.read(raw) for raw in bodies]
    assert decoder.frame(pages[1:2]).equals(decoder.frame(pages[2:]))
    assert told(decoder.frame(pages[1:2])) == expected(bodies[1])


def test_the_collector_is_left_as_it_was():
    assert gc.isenabled()
    frame_of(body(({"app": "a"}, [(T0, "x")])))
    assert gc.isenabled()
