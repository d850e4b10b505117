"""What is wrong with traces: each flaw is counted where it is, and a good trace has none."""

import polars as pl
import pytest

from obsnb.analysis.trace_quality import trace_quality
from obsnb.schema import SPANS
from tests.analysis.made_up import spans

_ROOT = {"is": "t a - shop serve", "at": (0, 100), "status": "unset"}
_CHILD = {"is": "t b a stock look", "at": (10, 20), "status": "ok"}


def _kinds(*rows):
    return {row["kind"]: row for row in trace_quality(spans(*rows)).to_dicts()}


def test_a_good_trace_has_no_flaw():
    assert _kinds(_ROOT, _CHILD) == {}


@pytest.mark.parametrize(
    ("kind", "flawed", "of"),
    [
        ("missing parent", {"is": "t x gone stock look"}, 2),
        ("several roots", {"is": "t x - stock look"}, 2),
        ("duplicate", {"is": "t b a stock look"}, 3),
        ("negative duration", {"at": (10, -5)}, 3),
        ("before its parent", {"at": (-5, 20)}, 2),
        ("outlives its parent", {"at": (90, 20)}, 2),
        ("id in its name", {"is": "t x a stock order/123456"}, 3),
        ("no status", {"status": None}, 3),
    ],
)
def test_a_flaw_is_counted_among_those_that_could_have_it(kind, flawed, of):
    row = {"is": "t x a stock look", "at": (10, 20), "status": "ok"} | flawed
    found = _kinds(_ROOT, _CHILD, row)
    assert list(found) == [kind]
    flaw = found[kind]
    assert flaw["count"] == (2 if kind == "several roots" else 1)
    assert flaw["of"] == of
    assert flaw["share"] == flaw["count"] / of
    assert "stock" in flaw["services"]
    assert flaw["examples"][-1].startswith("span:t/")


def test_what_is_null_is_a_flaw_of_its_own():
    frame = spans(_ROOT, _CHILD).with_columns(
        service=pl.lit(None, pl.Categorical),
        name=pl.lit(None, pl.String),
        duration=pl.lit(None, pl.Duration("ns")),
    )
    found = trace_quality(frame)
    assert found["kind"].to_list() == ["no duration", "no name", "no service"]
    assert found["share"].to_list() == [1.0, 1.0, 1.0]


def test_a_trace_that_was_fetched_in_part_is_not_blamed_for_its_missing_parents():
    part = spans({"is": "t x gone stock look", "at": (10, 20), "status": "ok", "whole_trace": False})
    assert trace_quality(part).is_empty()


def test_columns_that_are_not_there_are_not_judged():
    bare = spans(_ROOT, _CHILD).select("trace_id", "span_id")
    assert trace_quality(bare).is_empty()


def test_an_empty_frame_has_no_flaw():
    assert trace_quality(SPANS.empty()).columns == trace_quality(spans(_ROOT)).columns
    assert trace_quality(SPANS.empty()).is_empty()
