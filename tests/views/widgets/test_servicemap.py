from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.views.widgets.servicemap import ServiceMap, layers
from tests.report.made_up import script_line

GRAPH = pl.DataFrame(
    {
        "caller": ["web", "shop", "shop"],
        "callee": ["shop", "db", "cache"],
        "peer": [False, True, True],
        "count": [100, 90, 5],
        "errors": [0, 9, 0],
        "p95": pl.Series([10**9, 10**7, 10**6], dtype=pl.Int64).cast(pl.Duration("ns")),
    }
)


def test_calls_go_from_left_to_right() -> None:
    assert layers([("web", "shop"), ("shop", "db"), ("shop", "cache"), ("web", "db")]) == [
        ["web"],
        ["shop"],
        ["cache", "db"],
    ]


@pytest.mark.parametrize(("callees", "middle"), [(3, 84), (40, 210)])
def test_the_first_service_stands_beside_the_middle_of_what_is_seen_of_its_callees(
    callees: int, middle: int
) -> None:
    names = [f"part-{place:02d}" for place in range(callees)]
    drawn = ServiceMap(pl.DataFrame({"caller": "web", "callee": names, "count": 1}))
    places = {node["name"]: (node["x"], node["y"]) for node in drawn.start["nodes"]}
    assert places["web"] == (0, middle)
    assert [places[name][1] for name in names] == [84 * place for place in range(callees)]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), min_size=1, max_size=12))
@settings(max_examples=60)
def test_every_service_has_one_place_whatever_cycles_there_are(pairs: list[tuple[str, str]]) -> None:
    rows = layers(pairs)
    placed = [name for names in rows for name in names]
    assert sorted(placed) == sorted({name for pair in pairs for name in pair})
    assert all(rows)


def test_a_service_and_a_call_are_chosen_and_are_rows_of_the_graph() -> None:
    drawn = ServiceMap(GRAPH)
    names = [node["name"] for node in drawn.start["nodes"]]
    told: list[str] = []
    drawn.on_follow(told.append)
    drawn.answer("node", {"at": names.index("db")})
    assert drawn.selection.rows() == GRAPH[[1]].rows()
    assert told == ["db"]
    drawn.answer("edge", {"at": 0})
    assert drawn.selection.height == 2
    drawn.answer("none", {})
    assert drawn.selection.is_empty()
    drawn.selection = GRAPH[[2]]
    assert [edge["on"] for edge in drawn.start["edges"]] == [False, False, True]


def test_failures_and_ranks_are_said_in_words() -> None:
    suspects = pl.DataFrame({"service": ["db", "web"], "rank": [1, 2], "score": [0.9, 0.1]})
    nodes = {node["name"]: node for node in ServiceMap(GRAPH, suspects=suspects).start["nodes"]}
    assert nodes["db"]["says"] == "90 calls in, ✖ 9 failed, p95 10 ms"
    assert (nodes["db"]["rank"], nodes["web"]["rank"]) == (1, None)
    assert ServiceMap(GRAPH).start["edges"][1]["says"] == "90 calls, ✖ 9 failed, p95 10 ms"


def test_what_cannot_be_shown_is_a_sentence_and_hostile_names_are_escaped() -> None:
    empty = ServiceMap(GRAPH.clear())
    assert empty.start == {"trouble": "There is no call between services to show.", "version": empty.version}
    assert (
        ServiceMap(pl.DataFrame({"caller": ["a"]}))
        .start["trouble"]
        .startswith("ServiceMap needs the columns callee, count; the frame has caller.")
    )
    assert script_line() not in ServiceMap(GRAPH.with_columns(caller=pl.lit(script_line()))).to_html()


@pytest.mark.parametrize("at", [-1, 99, None, "0"])
def test_a_place_that_is_not_there_is_refused(at: object) -> None:
    with pytest.raises(ValueError, match="There is no such"):
        ServiceMap(GRAPH).answer("node", {"at": at})


def test_a_name_that_has_room_stands_whole_and_longer_ones_are_told_apart() -> None:
    fits = "observastack-frontend"
    assert [node["label"] for node in ServiceMap(graph_of(fits, "b")).start["nodes"]] == [fits, "b"]
    long = [f"shop-{'of-the-western-region-' * 3}{one}-{'canary-' * 5}" for one in "ab"]
    labels = [node["label"] for node in ServiceMap(graph_of(*long)).start["nodes"]]
    assert len({*labels}) == 2
    assert all("…" in label for label in labels)


def graph_of(caller: str, callee: str) -> pl.DataFrame:
    return pl.DataFrame({"caller": [caller], "callee": [callee], "count": [1]})
