"""Patterns of log lines: the constant text as written, and what changed."""

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import obsnb
from obsnb.errors import FrameError
from tests.benchmarks.grouping import grouping_accuracy, parsing_accuracy

_WORDS = st.sampled_from(
    ["took", "user", "failed", "on", "=", "(", ")", "a,b", "  ", "\n", "<*>", "é", "\x00", "id:"]
)
_VALUES = st.one_of(st.integers(-(10**9), 10**9).map(str), st.uuids().map(str), st.ip_addresses().map(str))
_LINES = st.lists(st.one_of(_WORDS, _VALUES, st.text(max_size=8)), max_size=12).map(" ".join)


def _patterns(*lines):
    return obsnb.mine_patterns(list(lines))["pattern"].to_list()


def _matches(pattern, line):
    """Each `<*>` read as any text: the constant parts are there, in order, from end to end."""
    first, *rest = pattern.split("<*>")
    if not rest:
        return line == first
    last, at = rest.pop(), len(first)
    for part in rest:
        at = line.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return line.startswith(first) and line.endswith(last) and len(line) - len(last) >= at


@pytest.mark.parametrize(
    ("lines", "pattern"),
    [
        (["took 12ms", "took 7.5ms"], "took <*>ms"),
        (["received blk_-16 of size 67 from /10.0.0.1"], "received blk_<*> of size <*> from /<*>"),
        (["[id: 4bf92f3577b34da6] done"], "[id: <*>] done"),
        (["order d0eda82f-8f6d-4558-aef8-aa3892276658 gone"], "order <*> gone"),
        (["from fe80::1 to 5c:50:15:4c:18:13 via [::1]:80"], "from <*> to <*> via [::<*>]:<*>"),
        (["GET /api/orders/17?page=2&size=9 200"], "GET /api/orders/<*>?<*> <*>"),
        (["to www.example.com:443 closed"], "to <*> closed"),
        (["at main.rs:12 in handlers.py:7"], "at main.rs:<*> in handlers.py:<*>"),
        (["utf8 and ssh2 stay"], "utf8 and ssh2 stay"),
        (["logged at Sat Jun 11 03:28:22 2005."], "logged at <*>."),
        (["open: user=root ok", "open: user=guest ok"], "open: user=<*> ok"),
        (["closed for user root", "closed for user news"], "closed for user <*>"),
        (["CPU0 is up again", "CPU3 is up again"], "CPU<*> is up again"),
        (["delete blk_1 blk_22 blk_333", "delete blk_4"], "delete blk_<*>"),
        (["connected from a1 () at 3", "connected from b2 (x.y9) at 4"], "connected from <*> (<*>) at <*>"),
        (["7 bytes sent in total", "7 bytes (1.2 KB) sent in total"], "<*> bytes <*>sent in total"),
    ],
)  # fmt: skip
def test_a_pattern_keeps_the_text_and_leaves_out_what_changes(lines, pattern):
    assert _patterns(*lines) == [pattern] * len(lines)


def test_statements_that_differ_by_one_word_stay_apart_until_they_are_many():
    few = [f"state is now {word} for good" for word in ("started", "stopped", "paused")]
    assert _patterns(*few) == few
    names = ["anna", "ben", "carl", "dora", "emil", "fritz"]
    assert set(_patterns(*(f"hello {name} of ours" for name in names))) == {"hello <*> of ours"}


def test_switches_stay_words():
    lines = ["set verbose=true again", "set verbose=false again"]
    assert _patterns(*lines) == lines


def test_null_and_empty_lines_are_rows_too():
    found = obsnb.mine_patterns([None, "", "x 1", None])
    assert found["pattern"].to_list() == [None, "", "x <*>", None]
    assert found["pattern_id"].null_count() == 2


@pytest.mark.parametrize("lines", [[], [None], [None, None]])
def test_nothing_gives_nothing(lines):
    found = obsnb.mine_patterns(lines)
    assert found.schema == {"pattern_id": pl.String, "pattern": pl.String}
    assert found["pattern"].to_list() == lines


@pytest.mark.parametrize(
    "line", ["x" * 100_000, "a b " * 25_000, "1 " * 50_000, "a=1," * 25_000, "<*> " * 25_000, "(" * 100_000]
)
def test_a_huge_line_has_a_short_pattern_that_matches_it(line):
    (pattern,) = _patterns(line)
    assert len(pattern) < 3_100
    assert _matches(pattern, line)


@given(st.lists(_LINES, max_size=12))
def test_a_pattern_matches_its_lines(lines):
    for line, pattern in zip(lines, _patterns(*lines), strict=True):
        assert _matches(pattern, line)


@given(st.lists(_LINES, max_size=12), st.randoms(use_true_random=False))
def test_another_order_of_lines_is_another_order_of_rows(lines, chance):
    order = list(range(len(lines)))
    chance.shuffle(order)
    there = obsnb.mine_patterns(lines).rows()
    assert obsnb.mine_patterns([lines[row] for row in order]).rows() == [there[row] for row in order]


@given(st.lists(_LINES, max_size=6))
def test_equal_lines_have_equal_ids_and_repeating_lines_changes_none(lines):
    once = obsnb.mine_patterns(lines)["pattern_id"].to_list()
    assert obsnb.mine_patterns(lines + lines)["pattern_id"].to_list() == once + once


def test_an_id_is_that_of_the_text_in_every_run():
    assert (
        obsnb.mine_patterns(["took 5 ms"]).rows() == obsnb.mine_patterns(["took 17 ms", "other"]).rows()[:1]
    )
    assert obsnb.mine_patterns(["took 5 ms"])["pattern_id"].to_list() == ["2ca1cb43c287"]


def test_a_column_comes_back_as_its_kind():
    lines = ["took 5 ms", None]
    expected = obsnb.mine_patterns(lines)["pattern"].to_list()
    assert obsnb.mine_patterns(pl.Series(lines, dtype=pl.Categorical))["pattern"].to_list() == expected
    assert obsnb.mine_patterns(pa.chunked_array([lines]))["pattern"].to_pylist() == expected
    frame = obsnb.mine_patterns(pd.Series(lines))
    assert isinstance(frame, pd.DataFrame)
    assert frame["pattern"][0] == expected[0]
    assert pd.isna(frame["pattern"][1])


def test_what_is_no_text_is_an_error():
    with pytest.raises(FrameError) as caught:
        obsnb.mine_patterns([1, 2])
    assert str(caught.value) == (
        'mine_patterns takes texts, not list of Int64.\nHint: Pass logs["line"], or a list of lines.'
    )
    with pytest.raises(FrameError) as caught:
        obsnb.mine_patterns("took 5 ms")
    assert (
        str(caught.value)
        == 'mine_patterns takes texts, not str.\nHint: Pass logs["line"], or a list of lines.'
    )


_BASELINE = obsnb.window("2026-11-23T18:00Z", "2026-11-23T18:10Z")
_DURING = obsnb.window("2026-11-23T18:10Z", "2026-11-23T18:20Z")


def _logs():
    """Ten minutes before and ten within: a pattern a kind of change."""
    rows = []
    for minute in range(20):
        within = minute >= 10
        said = ["steady 1 of many"] * 3 + ["surging work 7"] * (6 if within else 1)
        said += ["novel trouble 9"] if within else ["vanished thing 4"]
        rows += [(_BASELINE.start_ns + minute * 60 * 10**9, line) for line in said]
    frame = pl.DataFrame(rows, schema={"ns": pl.Int64, "line": pl.String}, orient="row")
    return frame.select(
        pl.col("ns").cast(pl.Datetime("ns", "UTC")).alias("timestamp"),
        "line",
        pl.lit("api").alias("service"),
        pl.lit("info").alias("level"),
        pl.int_range(pl.len()).cast(pl.String).alias("row_id"),
    )


def test_what_changed_against_the_baseline_is_said_with_rates():
    found = obsnb.patterns(_logs(), during=_DURING, baseline=_BASELINE)
    rows = {row["pattern"]: row for row in found.to_dicts()}
    told = {
        pattern: (
            row["before"],
            row["within"],
            row["before_per_minute"],
            row["within_per_minute"],
            row["change"],
        )
        for pattern, row in rows.items()
    }
    assert told == {
        "surging work <*>": (10, 60, 1.0, 6.0, "surging"),
        "steady <*> of many": (30, 30, 3.0, 3.0, None),
        "novel trouble <*>": (0, 10, 0.0, 1.0, "new"),
        "vanished thing <*>": (10, 0, 1.0, 0.0, "vanished"),
    }
    assert list(rows) == ["surging work <*>", "steady <*> of many", "novel trouble <*>", "vanished thing <*>"]
    first = rows["surging work <*>"]
    assert (first["count"], first["share"]) == (70, 70 / 150)
    assert (first["services"], first["levels"]) == (["api"], ["info"])
    assert (first["example"], first["row_id"]) == ("surging work 7", "3")
    assert first["first_seen"] == _logs()["timestamp"].min()
    assert first["last_seen"] == _logs()["timestamp"].max()


def test_without_windows_nothing_is_compared():
    found = obsnb.patterns(_logs())
    assert (
        found.select("before", "within", "before_per_minute", "within_per_minute", "change")
        .null_count()
        .row(0)
        == (4,) * 5
    )
    assert found["count"].sum() == 150


def test_the_order_of_rows_and_the_kind_of_frame_change_no_pattern():
    logs = _logs()
    there = obsnb.patterns(logs, during=_DURING, baseline=_BASELINE)
    shuffled = logs.sample(fraction=1.0, shuffle=True, seed=3)
    for other in (shuffled, shuffled.lazy()):
        assert obsnb.patterns(other, during=_DURING, baseline=_BASELINE).equals(there)
    assert obsnb.patterns(logs.to_arrow())["pattern"].to_pylist() == there["pattern"].to_list()
    assert obsnb.patterns(logs.to_pandas())["pattern"].to_list() == there["pattern"].to_list()


def test_patterns_are_made_of_what_structured_lines_say():
    lines = [f'{{"level":"error","msg":"order {n} failed","trace_id":"{n:032x}"}}' for n in range(1, 4)]
    logs = (
        _logs()
        .head(4)
        .with_columns(line=pl.Series([*lines, None], dtype=pl.String), level=pl.lit(None, pl.String))
    )
    (row,) = obsnb.patterns(logs).to_dicts()
    assert (row["pattern"], row["count"], row["share"], row["levels"]) == (
        "order <*> failed",
        3,
        1.0,
        ["error"],
    )
    assert row["example"] == lines[0]


def test_only_timestamp_and_line_are_needed_and_no_lines_are_no_patterns():
    logs = _logs().select("timestamp", "line")
    assert obsnb.patterns(logs)["count"].to_list() == [70, 60, 10, 10]
    empty = obsnb.patterns(logs.clear(), during=_DURING, baseline=_BASELINE)
    assert empty.is_empty()
    assert empty.schema == obsnb.patterns(logs).schema
    with pytest.raises(FrameError):
        obsnb.patterns(logs.drop("line"))


def test_an_investigation_has_them_compared():
    inv = obsnb.investigate(obsnb.open_archive("data/incidents/slow-query"))
    found = inv.patterns()
    assert found.filter(pl.col("change") == "new")["pattern"].to_list()[:2] == [
        "Slow operation detected",
        "Slow query detected",
    ]


def test_accuracies_are_counted_by_lines_whose_whole_group_is_right():
    truth, found = pl.Series(["a", "a", "b", "c"]), pl.Series(["1", "1", "2", "2"])
    assert grouping_accuracy(truth, found) == 0.5
    assert parsing_accuracy(pl.Series(["x <*>:<*>", "y  z"]), pl.Series(["x <*>", "y <*>"])) == 0.5
