from __future__ import annotations

import base64
import re
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import obsnb
from obsnb.views.widgets.waterfall import TraceWaterfall
from tests.report.made_up import hostile_lines, script_line
from tests.views.widgets.made_up import TRACE, lines, trace
from tests.views.widgets.test_logs import _LIMIT, state_size

#    0
#    ├── 1 ── 2 ── 3
#    └── 4
PARENTS = [None, 0, 1, 2, 0]


def rows(waterfall: TraceWaterfall) -> list[dict[str, Any]]:
    return list(waterfall.answer("rows", {"start": 0, "stop": 400})["rows"])


def names(waterfall: TraceWaterfall) -> list[str]:
    return [row["name"] for row in rows(waterfall)]


def test_children_stand_below_their_parents_by_their_start() -> None:
    waterfall = TraceWaterfall(trace(PARENTS).sample(fraction=1, shuffle=True, seed=2))
    assert [(row["name"], row["depth"], row["below"]) for row in rows(waterfall)] == [
        ("work 0", 0, 4),
        ("work 1", 1, 2),
        ("work 2", 2, 1),
        ("work 3", 3, 0),
        ("work 4", 1, 0),
    ]


def test_a_folded_span_hides_what_is_below_it_and_nothing_else() -> None:
    waterfall = TraceWaterfall(trace(PARENTS))
    waterfall.answer("fold", {"at": 1, "fold": True})
    assert names(waterfall) == ["work 0", "work 1", "work 4"]
    waterfall.answer("fold", {"at": 0, "fold": True})
    assert names(waterfall) == ["work 0"]
    waterfall.answer("fold", {"at": 0, "fold": False})
    assert names(waterfall) == ["work 0", "work 1", "work 4"]
    waterfall.answer("fold_all", {"fold": False})
    assert len(names(waterfall)) == 5


@st.composite
def forests(draw: st.DrawFn) -> list[int | None]:
    many = draw(st.integers(1, 12))
    return [draw(st.one_of(st.none(), st.integers(0, many - 1))) for _ in range(many)]


@given(forests(), st.sets(st.integers(0, 11)))
@settings(max_examples=40)
def test_every_span_is_there_once_whatever_the_parents_and_folding_never_loses_an_unfolded_one(
    parents: list[int | None], folded: set[int]
) -> None:
    waterfall = TraceWaterfall(trace(parents))
    assert sorted(names(waterfall)) == sorted(f"work {at}" for at in range(len(parents)))
    tree = waterfall._grown
    in_sight = tree.unfolded({place for place in folded if place < len(parents)})
    for place in range(len(parents)):
        above, hidden = int(tree.parent[place]), False
        while above >= 0:
            hidden |= above in folded
            above = int(tree.parent[above])
        assert in_sight[place] == (not hidden)


@given(forests(), st.integers(1, 12))
@settings(max_examples=30)
def test_the_most_telling_spans_come_with_their_ancestors_and_hold_the_critical_path_where_it_fits(
    parents: list[int | None], most: int
) -> None:
    waterfall = TraceWaterfall(trace(parents))
    tree = waterfall._grown
    kept = {*tree.most_telling(most, (waterfall.source["status"] == "error").to_numpy()).tolist()}
    assert len(kept) <= most
    assert {int(tree.parent[place]) for place in kept} <= kept | {-1}
    if most >= len(parents):
        assert len(kept) == len(parents)


def test_spans_on_a_cycle_and_orphans_are_shown_and_said() -> None:
    frame = trace([1, 0, None]).with_columns(
        parent_span_id=pl.when(pl.col("name") == "work 2").then(pl.lit("f" * 16)).otherwise("parent_span_id")
    )
    waterfall = TraceWaterfall(frame)
    assert len(names(waterfall)) == 3
    assert waterfall.says().endswith("3 spans without the parent they name")


def test_a_search_keeps_the_ancestors_and_marks_only_what_was_found() -> None:
    waterfall = TraceWaterfall(trace(PARENTS))
    waterfall.find("WORK 3")
    assert [(row["name"], row["hit"]) for row in rows(waterfall)] == [
        ("work 0", False),
        ("work 1", False),
        ("work 2", False),
        ("work 3", True),
    ]
    waterfall.find(failed=True)
    assert names(waterfall) == ["work 0", "work 1", "work 2"]


def test_the_critical_path_is_the_analysis_s_own() -> None:
    frame = trace(PARENTS)
    waterfall = TraceWaterfall(frame)
    path = obsnb.critical_path(frame)
    lit = {row["name"] for row in rows(waterfall) if row["waits"]}
    assert lit == {*path["name"]}
    length = waterfall._grown.length
    waits = sum(long for row in rows(waterfall) for _, long in row["waits"])
    assert waits == pytest.approx(path["duration"].to_physical().sum() / length)


def test_chosen_spans_are_a_frame_and_a_frame_chooses_spans() -> None:
    frame = trace(PARENTS)
    waterfall = TraceWaterfall(frame)
    waterfall.answer("select", {"start": 3, "stop": 5, "how": "only"})
    assert waterfall.selection["name"].to_list() == ["work 3", "work 4"]
    waterfall.selection = frame[[1]]
    assert waterfall.selection["span_id"].to_list() == [frame["span_id"][1]]


def test_details_hold_the_span_s_own_log_lines_or_else_its_trace_s() -> None:
    frame = trace(PARENTS)
    said = lines(["of the span", "another trace's", "-", "of the trace"]).with_columns(
        span_id=pl.Series([frame["span_id"][1], None, None, None])
    )
    waterfall = TraceWaterfall(frame, logs=said)
    assert [line for *_, line in waterfall.answer("details", {"at": 1})["lines"]] == ["of the span"]
    assert [line for *_, line in waterfall.answer("details", {"at": 2})["lines"]] == ["of the trace"]
    fields = dict(waterfall.answer("details", {"at": 2})["fields"])
    assert (fields["took"], fields["status"]) == ("10 ms", "error")


def test_another_trace_of_the_frame_can_be_shown() -> None:
    frame = pl.concat([trace(PARENTS), trace([None], name="other", trace_id="a" * 32)])
    waterfall = TraceWaterfall(frame)
    assert waterfall.trace_id == TRACE
    waterfall.show("a" * 32)
    assert names(waterfall) == ["other 0"]
    with pytest.raises(obsnb.FrameError, match=rf"^No span of the frame belongs to the trace {'b' * 32}\.$"):
        waterfall.show("b" * 32)


def test_ten_thousand_spans_leave_the_state_small() -> None:
    waterfall = TraceWaterfall(
        trace([None, *(at // 3 for at in range(9_999))], name=max(hostile_lines(), key=len))
    )
    assert waterfall.says().startswith(f"trace {TRACE}, 10,000 spans")
    assert state_size(waterfall) < _LIMIT


def test_hostile_names_are_escaped_in_the_static_form() -> None:
    still = TraceWaterfall(trace(PARENTS, name=script_line())).to_html()
    assert "<script" not in still
    assert 'src="data:image/svg+xml;base64,' in still
    (code,) = re.findall('base64,([^"]+)', still)
    ET.fromstring(base64.b64decode(code))
    assert not re.search("[\x00-\x08\x0b-\x1f]", still.replace("\n", ""))


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (trace([]), "There is no span to show: the frame is empty."),
        (
            trace([None]).drop("duration", "name"),
            "TraceWaterfall needs the columns name, duration of SPANS; the frame has trace_id,",
        ),
    ],
)
def test_what_cannot_be_shown_is_a_sentence_in_the_widget_s_place(frame: pl.DataFrame, said: str) -> None:
    assert TraceWaterfall(frame).start["trouble"].startswith(said)


def test_one_span_without_length_is_shown() -> None:
    frame = trace([None]).with_columns(duration=pl.lit(0).cast(pl.Duration("ns")))
    (row,) = rows(TraceWaterfall(frame))
    assert (row["took"], row["long"]) == ("0 s", 0)


def test_a_service_is_named_where_it_is_another_than_that_of_the_span_above() -> None:
    spans = trace([None, 0, 1]).with_columns(service=pl.Series(["shop", "shop", "pay"]))
    assert [row["service"] for row in TraceWaterfall(spans).start["rows"]] == ["shop", "", "pay"]
