"""Two cohorts by operation path: what changed is said with how surely, and what did not is not."""

import polars as pl
import pytest

from obsnb.analysis.cohorts import compare_cohorts
from obsnb.errors import FrameError
from obsnb.schema import SPANS
from tests.analysis.made_up import spans


def _requests(many, *, query=10, calls=1, failing=0, tag="t", name="load"):
    made = []
    for number in range(many):
        trace, took = f"{tag}{number}", query + number % 5
        made.append({"is": f"{trace} r - shop order", "at": (0, 20 + calls * took)})
        for call in range(calls):
            status = "error" if number < failing else "ok"
            made.append(
                {"is": f"{trace} q{call} r shop {name}", "at": (5 + call * took, took), "status": status}
            )
    return spans(*made)


def _row(table, operation):
    return table.filter(pl.col("operation") == operation).row(0, named=True)


def test_what_takes_longer_itself_comes_before_what_only_waits_for_it():
    table = compare_cohorts(_requests(30, query=50), _requests(30))
    assert table["operation"].to_list() == ["shop: load", "shop: order"]
    assert table["path"].to_list() == [["shop: order", "shop: load"], ["shop: order"]]
    load, order = (_row(table, f"shop: {name}") for name in ("load", "order"))
    assert load["changed"] == ["duration", "self_time"]
    assert load["self_time_effect"] == 1
    assert load["self_time_low"] > 0.5
    assert load["self_time"].total_seconds() == pytest.approx(0.052)
    assert load["baseline_self_time"].total_seconds() == pytest.approx(0.012)
    assert order["changed"] == ["duration"]
    assert order["self_time_effect"] == 0


def test_two_cohorts_alike_differ_in_nothing():
    table = compare_cohorts(_requests(30), _requests(30, tag="u"))
    assert table["changed"].list.len().sum() == 0
    assert table["traces"].to_list() == [30, 30]


def test_a_loop_of_many_calls_counts_once_a_trace():
    row = _row(compare_cohorts(_requests(20, calls=8), _requests(20)), "shop: load")
    assert (row["traces"], row["count"], row["per_trace"], row["baseline_per_trace"]) == (20, 160, 8, 1)
    assert "per_trace" in row["changed"]
    assert "self_time" not in row["changed"]


def test_failures_are_compared_by_the_traces_that_have_them():
    row = _row(compare_cohorts(_requests(20, failing=15), _requests(20)), "shop: load")
    assert (row["errors"], row["error_rate"], row["baseline_errors"]) == (15, 0.75, 0)
    assert row["error_rate_effect"] == pytest.approx(0.75)
    assert row["changed"] == ["error_rate"]
    assert row["evidence"][0] == "span:t14/q0"


def test_a_path_that_only_one_cohort_has_appeared_or_vanished():
    table = compare_cohorts(_requests(5, name="fetch"), _requests(5))
    assert _row(table, "shop: fetch")["changed"] == ["appeared"]
    gone = _row(table, "shop: load")
    assert (gone["changed"], gone["traces"], gone["self_time"]) == (["vanished"], 0, None)
    assert gone["evidence"][0].startswith("span:t")


def test_a_handful_of_traces_proves_nothing():
    assert _row(compare_cohorts(_requests(2, query=50), _requests(2)), "shop: load")["changed"] == []


def test_ids_in_names_do_not_tell_operations_apart_and_versions_do():
    one = spans(
        {"is": "t a - shop /v1/orders/17", "at": (0, 9)}, {"is": "u a - shop /v1/orders/18", "at": (0, 9)}
    )
    other = spans({"is": "t a - shop /v2/orders/17", "at": (0, 9)})
    table = compare_cohorts(one, other).sort("operation")
    assert table["operation"].to_list() == ["shop: /v1/orders/?", "shop: /v2/orders/?"]
    assert table["traces"].to_list() == [2, 0]


def test_spans_that_are_there_twice_change_nothing_and_negative_durations_count_as_none():
    once = _requests(3)
    assert compare_cohorts(pl.concat([once, once]), once)["count"].to_list() == [3, 3]
    backwards = once.with_columns(duration=-pl.col("duration"))
    assert _row(compare_cohorts(backwards, once), "shop: load")["duration"].total_seconds() == 0
    untimed = once.with_columns(duration=pl.lit(None, SPANS.dtypes()["duration"]))
    assert _row(compare_cohorts(untimed, once), "shop: load")["duration"] is None


@pytest.mark.parametrize("here", [SPANS.empty(), _requests(1)], ids=["none", "one"])
@pytest.mark.parametrize("before", [SPANS.empty(), _requests(1)], ids=["none", "one"])
def test_empty_cohorts_have_the_same_columns_and_nothing_that_changed_against_nothing(here, before):
    table = compare_cohorts(here, before)
    assert table.schema == compare_cohorts(_requests(3), _requests(3)).schema
    if before.is_empty() or here.is_empty():
        assert table["changed"].list.len().sum() == 0


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_pandas_and_arrow_give_the_same(kind):
    here, before = _requests(9, query=50), _requests(9)
    found = pl.DataFrame(compare_cohorts(getattr(here, f"to_{kind}")(), getattr(before, f"to_{kind}")()))
    assert found["self_time_effect"].to_list() == compare_cohorts(here, before)["self_time_effect"].to_list()


def test_a_missing_column_is_named():
    with pytest.raises(FrameError) as caught:
        compare_cohorts(_requests(1), _requests(1).drop("name"))
    assert str(caught.value).startswith(
        "compare_cohorts needs the column name of SPANS; the frame has trace_id,"
    )
