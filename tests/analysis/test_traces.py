"""Self time and critical paths, against the definition, on real traces and on damaged ones."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.critical_path import critical_path
from obsnb.analysis.traces import self_time
from obsnb.analysis.tree import grow
from obsnb.errors import FrameError
from tests.analysis.incidents import incident
from tests.analysis.made_up import MS, spans

_NEEDS = ("trace_id", "span_id", "parent_span_id", "service", "name", "start", "duration")


def _self_ms(*rows):
    found = self_time(spans(*rows))["self_time"].cast(pl.Int64)
    return [None if ns is None else ns / MS for ns in found]


def _span(number, parent, start, length, *, trace="t", service="a", **further):
    above = "-" if parent is None else f"s{parent}"
    return {"is": f"{trace} s{number} {above} {service} n{number}", "at": (start, length)} | further


def _path(frame):
    out = critical_path(frame)
    begin = out["start"].to_physical()
    return list(
        zip(
            out["span_id"],
            (begin / MS).to_list(),
            (out["duration"].cast(pl.Int64) / MS).to_list(),
            strict=True,
        )
    )


@st.composite
def _trees(draw):
    """A trace whose children may lie anywhere, with the parents before their children."""
    many = draw(st.integers(1, 9))
    rows = []
    for number in range(many):
        parent = (
            draw(st.integers(0, number - 1)) if number and draw(st.booleans()) else (0 if number else None)
        )
        rows.append((number, parent, draw(st.integers(0, 30)), draw(st.integers(-3, 30))))
    return rows


def _union(intervals):
    covered, reached = 0, None
    for start, end in sorted(intervals):
        reached = start if reached is None else reached
        covered += max(0, end - max(start, reached))
        reached = max(reached, end)
    return covered


@given(_trees())
def test_self_time_is_the_duration_less_the_union_of_the_childrens_intervals(rows):
    expected = []
    for number, _, start, length in rows:
        end = start + max(length, 0)
        inside = [
            (min(max(s, start), end), min(max(s + max(n, 0), start), end))
            for _, parent, s, n in rows
            if parent == number
        ]
        expected.append(end - start - _union(inside))
    assert _self_ms(*(_span(*row) for row in rows)) == expected


@given(_trees())
def test_the_critical_path_covers_the_root_from_start_to_end_without_gap_or_overlap(rows):
    path = _path(spans(*(_span(*row) for row in rows)))
    _, _, start, length = rows[0]
    at = start
    for _, begin, took in path:
        assert begin == at
        assert took > 0
        at += took
    assert at == start + max(length, 0)


def _walk(number, rows, start, end):
    """The definition of CRISP: back from the end, child after child that finished last."""
    children = []
    for child, parent, s, n in rows:
        if parent == number:
            first, last = min(max(s, start), end), min(max(s + max(n, 0), start), end)
            if last > first:
                children.append((last, first, child))
    path, cursor = [], end
    while True:
        before = [child for child in children if child[0] <= cursor]
        if not before:
            break
        latest = max(child[0] for child in before)
        last, first, child = next(each for each in before if each[0] == latest)
        if cursor > last:
            path.append((f"s{number}", last, cursor - last))
        path += _walk(child, rows, first, last)
        cursor = first
    if cursor > start:
        path.append((f"s{number}", start, cursor - start))
    return path


@given(_trees())
def test_the_critical_path_follows_the_child_that_finished_last(rows):
    ends = [(parent, min(s + max(n, 0), 60)) for _, parent, s, n in rows]
    if len(set(ends)) < len(ends):  # of two that finish together either may be followed
        return
    _, _, start, length = rows[0]
    expected = sorted(_walk(0, rows, start, start + max(length, 0)), key=lambda each: each[1])
    found = _path(spans(*(_span(*row) for row in rows)))
    assert sum(took for *_, took in found) == sum(took for *_, took in expected)
    clipped_together = len({(parent, s + max(n, 0)) for _, parent, s, n in rows}) == len(rows)
    if clipped_together and all(s + max(n, 0) <= start + max(length, 0) for _, _, s, n in rows):
        assert found == expected


def test_a_parent_waits_for_overlapping_children_once():
    assert _self_ms(_span(0, None, 0, 100), _span(1, 0, 10, 40), _span(2, 0, 30, 40)) == [40, 40, 40]


def test_asynchronous_work_counts_only_while_the_parent_ran():
    assert _self_ms(_span(0, None, 0, 10), _span(1, 0, 5, 50), _span(2, 0, 20, 5)) == [5, 50, 5]


def test_a_negative_duration_counts_as_none():
    assert _self_ms(_span(0, None, 0, 10), _span(1, 0, 5, -3)) == [10, 0]


def test_a_span_that_came_twice_counts_once_and_both_rows_say_the_same():
    rows = [_span(0, None, 0, 10), _span(1, 0, 2, 4), _span(1, 0, 2, 4), _span(0, None, 0, 10)]
    assert _self_ms(*rows) == [6, 4, 4, 6]


def test_a_child_whose_parent_is_missing_is_nobodys():
    assert _self_ms(_span(0, None, 0, 10), _span(1, 7, 2, 4)) == [10, 4]


def test_spans_that_are_each_others_ancestors_are_cut_loose_and_their_children_are_not():
    rows = [_span(0, 1, 0, 10), _span(1, 0, 2, 4), _span(2, 1, 2, 1), _span(3, 3, 0, 5)]
    assert _self_ms(*rows) == [10, 3, 1, 5]


def test_a_parent_of_another_trace_with_the_same_id_is_no_parent():
    assert _self_ms(_span(0, None, 0, 10), _span(1, 0, 2, 4, trace="u")) == [10, 4]


def test_an_id_that_client_and_server_share_makes_the_server_the_clients_child():
    client = _span(1, 0, 1, 8, service="a", kind="client")
    server = {"is": "t s1 s0 b n1", "at": (2, 6), "kind": "server"}
    rows = [
        _span(0, None, 0, 10, kind="server"),
        client,
        server,
        _span(2, 1, 3, 2, service="b", kind="internal"),
    ]
    assert _self_ms(*rows) == [2, 2, 4, 2]


def test_a_duration_that_is_null_has_no_self_time_and_takes_none_from_the_parent():
    frame = spans(_span(0, None, 0, 10), _span(1, 0, 2, 4))
    frame = frame.with_columns(pl.when(pl.col("span_id") == "s0").then("duration").alias("duration"))
    assert self_time(frame)["self_time"].cast(pl.Int64).to_list() == [10 * MS, None]


def test_a_duration_of_centuries_does_not_overflow():
    year = 365 * 86_400 * 1_000
    assert _self_ms(_span(0, None, 0, 290 * year), _span(1, 0, 1, 2))[1] == 2


def test_rows_keep_their_order_and_columns_whatever_the_order_in_time():
    it = incident("slow-query").spans.head(2_000)
    shuffled = it.sample(fraction=1.0, shuffle=True, seed=5)
    out = self_time(shuffled)
    assert out.columns == [*shuffled.columns, "self_time"]
    assert out["span_id"].to_list() == shuffled["span_id"].to_list()
    straight = self_time(it).select("trace_id", "span_id", "self_time")
    assert out.select("trace_id", "span_id", "self_time").sort("span_id").equals(straight.sort("span_id"))


def test_nobody_worked_longer_than_the_span_took_in_a_real_incident():
    out = self_time(incident("slow-query").spans)
    assert out.filter(pl.col("self_time") > pl.col("duration")).is_empty()
    assert out.filter(pl.col("self_time").cast(pl.Int64) < 0).is_empty()
    waited = out.filter(pl.col("db.sql.table") == "saved_searches")
    assert (waited["self_time"] == waited["duration"]).all()


def test_the_critical_paths_of_real_traces_add_up_to_their_roots():
    frame = incident("datasource").spans
    paths = critical_path(frame)
    tree = grow(frame)
    longest = (
        pl.DataFrame(
            {"trace_id": frame["trace_id"][tree.rows], "parent": tree.parent, "length": tree.duration}
        )
        .filter(pl.col("parent") < 0)
        .group_by("trace_id")
        .agg(pl.col("length").max())
    )
    total = paths.group_by("trace_id").agg(pl.col("duration").cast(pl.Int64).sum())
    both = total.join(longest, on="trace_id")
    assert both.height == frame["trace_id"].n_unique()
    assert (both["duration"] == both["length"]).all()
    slow = paths.group_by("service").agg(pl.col("duration").sum()).sort("duration", descending=True)
    assert slow["service"][0] == "loki"


def test_an_orphan_does_not_lead_the_path_away_from_the_longest_root():
    frame = spans(_span(0, None, 0, 100), _span(1, 0, 10, 20), _span(2, 9, 90, 50))
    assert [(span, took) for span, _, took in _path(frame)] == [("s0", 10), ("s1", 20), ("s0", 70)]


def test_the_path_names_depth_service_and_operation():
    out = critical_path(spans(_span(0, None, 0, 10), _span(1, 0, 2, 4, service="b")))
    assert out.columns == ["trace_id", "span_id", "service", "name", "start", "duration", "depth"]
    assert out["service"].to_list() == ["a", "b", "a"]
    assert out["name"].to_list() == ["n0", "n1", "n0"]
    assert out["depth"].to_list() == [0, 1, 0]


@pytest.mark.parametrize("verb", [self_time, critical_path])
def test_pandas_and_arrow_in_give_the_same_numbers_out(verb):
    pytest.importorskip("pandas")
    frame = (
        incident("slow-query").spans.head(500).select(_NEEDS).with_columns(pl.col("service").cast(pl.String))
    )
    expected = verb(frame)
    assert verb(frame.lazy()).equals(expected)
    arrow = verb(frame.to_arrow())
    assert type(arrow).__module__.startswith("pyarrow")
    assert pl.from_arrow(arrow).equals(expected)
    pandas = verb(frame.to_pandas())
    assert type(pandas).__module__.startswith("pandas")
    back = pl.from_pandas(pandas)
    for column in ("duration", expected.columns[-1]):
        assert back[column].cast(pl.Int64).equals(expected[column].cast(pl.Int64))


@pytest.mark.parametrize("verb", [self_time, critical_path])
def test_an_empty_frame_gives_an_empty_one(verb):
    out = verb(incident("slow-query").spans.head(0).select(_NEEDS))
    assert out.is_empty()
    assert out.schema["duration"] == pl.Duration("ns")


def test_one_span_is_its_own_path_and_all_its_own_time():
    frame = incident("slow-query").spans.head(1)
    assert self_time(frame)["self_time"].to_list() == frame["duration"].to_list()
    assert critical_path(frame)["duration"].to_list() == frame["duration"].to_list()


def test_a_frame_without_parents_is_a_frame_of_roots():
    frame = spans(_span(0, None, 0, 10), _span(1, 0, 2, 4)).drop("parent_span_id")
    assert self_time(frame)["self_time"].cast(pl.Int64).to_list() == [10 * MS, 4 * MS]


def test_what_is_missing_is_said():
    with pytest.raises(FrameError) as error:
        self_time(pl.DataFrame({"trace_id": ["t"], "span_id": ["s"]}))
    assert str(error.value) == (
        "self_time needs the columns start, duration of SPANS; the frame has trace_id, span_id.\n"
        "Hint: obsnb.schema.SPANS lists what each column means; rename yours to match."
    )
