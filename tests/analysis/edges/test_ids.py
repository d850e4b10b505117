"""Spans whose ids are missing, and frames that lie in memory in pieces."""

import polars as pl
import pytest

import obsnb
from tests.analysis.made_up import MS, spans


def _without_ids():
    """Two spans without a span id, two without a trace id, and one that has both."""
    made = spans(
        {"is": "t 1 - web GET", "at": (0, 50)},
        {"is": "t 2 1 api find", "at": (10, 20)},
        {"is": "t 3 1 api find", "at": (40, 5)},
        {"is": "u 4 - api load", "at": (0, 7)},
        {"is": "v 5 - api load", "at": (0, 9)},
    )
    return made.with_columns(
        span_id=pl.Series(["1", None, None, "4", "4"]),
        trace_id=pl.Series(["t", "t", "t", None, None]),
    )


def test_spans_without_ids_are_not_one_span_and_each_has_its_own_self_time():
    own = obsnb.self_time(_without_ids())["self_time"].to_physical().to_list()
    assert own == [25 * MS, 20 * MS, 5 * MS, 7 * MS, 9 * MS]


def test_each_span_without_ids_is_counted_by_its_path():
    out = obsnb.compare_cohorts(_without_ids(), _without_ids().clear())
    found = {tuple(path): count for path, count in out.select("path", "count").iter_rows()}
    assert found == {("web: GET",): 1, ("web: GET", "api: find"): 2, ("api: load",): 2}


def test_missing_ids_are_a_flaw_of_their_own_and_no_duplicates():
    out = obsnb.trace_quality(_without_ids())
    told = out.filter(pl.col("kind").is_in(["no id", "duplicate", "several roots"]))
    assert told.select("kind", "count", "of", "examples").rows() == [("no id", 4, 5, [])]


@pytest.mark.parametrize("empty", ["first", "between", "last"])
def test_a_frame_in_pieces_of_which_one_is_empty_is_read_like_any_other(empty):
    one = spans({"is": "t 1 - web GET", "at": (0, 50)}, {"is": "t 2 1 api find", "at": (10, -20)})
    pieces = {"first": [False, True, True], "between": [True, False, True], "last": [True, True, False]}
    keep = [wanted for wanted in pieces[empty] for _ in range(one.height)]
    broken = pl.concat([one] * 3, rechunk=False).filter(pl.Series(keep))
    assert broken.n_chunks() == 3
    out = obsnb.trace_quality(broken).filter(pl.col("kind") == "duplicate")
    assert out.select("count", "examples").rows() == [(2, ["span:t/1", "span:t/2"])]
