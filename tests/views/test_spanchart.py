from __future__ import annotations

from xml.etree import ElementTree as ET

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.schema import SPANS
from obsnb.views.spanchart import Waterfall, draw_waterfall, waterfall_of
from obsnb.views.timechart import NARROW
from tests.report.made_up import CHILD, ROOT, SECOND, TRACE, at, lengths, spans


def trace(*rows: tuple[str, str | None, float, float], failed: tuple[str, ...] = ()) -> pl.DataFrame:
    """Spans by id, parent, start and end in seconds."""
    return pl.DataFrame(
        {
            "trace_id": ["t"] * len(rows),
            "span_id": [row[0] for row in rows],
            "parent_span_id": [row[1] for row in rows],
            "service": ["shop"] * len(rows),
            "name": [row[0] for row in rows],
            "status": ["error" if row[0] in failed else "unset" for row in rows],
            "start": at(*(row[2] for row in rows)),
            "duration": lengths(*((row[3] - row[2]) * 1e3 for row in rows)),
        }
    )


def found(frame: pl.DataFrame, **options: int) -> Waterfall:
    waterfall = waterfall_of(frame, **options)
    assert waterfall is not None
    return waterfall


def test_spans_stand_in_the_order_of_their_tree_with_times_since_the_trace_began() -> None:
    frame = trace(
        ("late", "root", 2, 3), ("root", None, 0, 4), ("deep", "early", 1, 1.5), ("early", "root", 1, 2)
    )
    bars = found(frame).bars
    assert [(bar.name, bar.depth, bar.offset // SECOND) for bar in bars] == [
        ("root", 0, 0),
        ("early", 1, 1),
        ("deep", 2, 1),
        ("late", 1, 2),
    ]
    assert found(frame).length == 4 * SECOND


def test_the_critical_path_is_found_where_the_frame_does_not_bring_it() -> None:
    bars = {bar.span_id: bar for bar in found(spans("shop")).bars}
    assert bars[CHILD].waits == ((50_000_000, 1_900_000_000),)
    assert bars[ROOT].waits == ((0, 50_000_000), (1_950_000_000, 50_000_000))
    assert bars[ROOT].self_time == 100_000_000
    assert bars[CHILD].critical
    assert bars[CHILD].failed


def test_what_the_frame_says_is_critical_is_taken() -> None:
    bars = found(spans("shop").with_columns(critical=pl.Series([True, False]))).bars
    assert [bar.critical for bar in bars] == [True, False]


def test_orphans_and_circles_are_drawn_too() -> None:
    frame = trace(("a", "b", 0, 1), ("b", "a", 0, 1), ("orphan", "gone", 0.5, 1))
    assert {bar.name for bar in found(frame).bars} == {"a", "b", "orphan"}


def test_of_two_traces_the_first_is_drawn() -> None:
    other = spans("other").with_columns(trace_id=pl.lit("ffff"))
    assert found(pl.concat([spans("shop"), other])).trace_id == TRACE


def test_no_span_is_no_waterfall() -> None:
    assert waterfall_of(SPANS.empty()) is None
    assert waterfall_of(spans("shop").with_columns(start=pl.lit(None))) is None


def test_of_too_many_spans_the_critical_and_failed_ones_stay_with_their_ancestors() -> None:
    rows = [("root", None, 0.0, 10.0), ("slow", "root", 0.0, 9.98)]
    rows += [(f"s{n}", "slow", n * 0.001, 9 + n * 0.001) for n in range(40)]
    rows += [("parent", "s3", 0.3, 0.31), ("broken", "parent", 0.3, 0.305), ("last", "root", 9.99, 10.0)]
    waterfall = found(trace(*rows, failed=("broken",)), most=8)
    names = [bar.name for bar in waterfall.bars]
    assert len(names) <= 8
    assert names[:2] == ["root", "slow"]
    assert "last" in names
    assert names[names.index("broken") - 2 :][:3] == ["s3", "parent", "broken"]
    assert waterfall.left_out == len(rows) - len(names)


@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.integers(-1, 11), st.floats(0, 5), st.floats(0, 5)),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=40)
def test_any_spans_can_be_drawn_whatever_their_parents(rows: list[tuple[int, int, float, float]]) -> None:
    frame = trace(
        *(
            (f"{own}", f"{parent}" if parent >= 0 else None, start, start + length)
            for own, parent, start, length in rows
        )
    )
    waterfall = found(frame, most=8)
    assert 1 <= len(waterfall.bars) <= 8
    assert waterfall.left_out + len(waterfall.bars) == frame["span_id"].n_unique()
    assert all(bar.offset >= 0 and bar.offset + bar.duration <= waterfall.length for bar in waterfall.bars)
    ET.fromstring(draw_waterfall(waterfall))


@pytest.mark.parametrize("width", [980, NARROW])
def test_critical_and_failed_spans_are_marked_by_more_than_colour(width: int) -> None:
    drawn = ET.fromstring(draw_waterfall(found(spans("shop")), width))
    words = [text for one in drawn.iter("text") for text in one.itertext()]
    assert words.count("◆") == 2
    assert "1.9 s ✕ error" in words
    assert len([one for one in drawn.iter() if one.get("class") == "wait"]) == 3


@pytest.mark.parametrize("width", [980, NARROW])
def test_nothing_is_drawn_outside_the_picture(width: int) -> None:
    drawn = ET.fromstring(draw_waterfall(found(spans("a-service-with-quite-a-long-name")), width))
    height = float(drawn.get("height", 0))
    for box in drawn.iter("rect"):
        if box.get("class") != "hit":
            assert float(box.get("x", 0)) + float(box.get("width", 0)) <= width
            assert float(box.get("y", 0)) + float(box.get("height", 0)) <= height
