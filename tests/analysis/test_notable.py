"""The few traces worth reading: each for a reason of its own, whatever the order of the rows."""

import polars as pl
import pytest

from obsnb.analysis.notable import notable_traces
from obsnb.errors import FrameError
from obsnb.schema import SPANS
from tests.analysis.made_up import spans


def _request(number, *, root="order", query=10, failed=False, extra=()):
    trace = f"t{number:03}"
    status = "error" if failed else "ok"
    return [
        {"is": f"{trace} r - shop {root}", "at": (0, 20 + query), "status": status},
        {"is": f"{trace} q r shop load", "at": (5, query), "status": status},
        *({"is": f"{trace} {name} r shop {name}", "at": (1, 1), "status": "ok"} for name in extra),
    ]


def _spans(*requests):
    return spans(*(span for request in requests for span in request))


_BEFORE = _spans(*(_request(n, query=10 + n % 5) for n in range(500, 560)))
_NOW = _spans(
    *(_request(n, query=100 + n) for n in range(60)),
    *(_request(n, query=3, failed=True) for n in range(60, 75)),
    _request(90, root="export", query=4000),
    _request(91, query=2, extra=("audit",)),
    *(_request(n, root="ping", query=1) for n in range(100, 110)),
)


def _kinds(found):
    return dict(found.group_by("kind").agg(pl.col("trace_id")).iter_rows())


def test_each_kind_shows_what_it_says():
    found = notable_traces(_NOW, _BEFORE)
    assert found["rank"].to_list() == list(range(1, found.height + 1))
    kinds = _kinds(found)
    assert "t090" in kinds["slowest"]
    assert "t060" in kinds["failed"]
    assert "t091" in kinds["rare"]
    first = found.row(0, named=True)
    assert (first["kind"], first["evidence"]) == ("changed", f"span:{first['trace_id']}/q")
    assert first["why"].startswith("shop: load takes 1")
    assert first["why"].endswith("ms of its own here, as it usually does now; 12 ms in the baseline.")


def test_no_two_show_the_same():
    found = notable_traces(_NOW, _BEFORE, most=50)
    assert found["trace_id"].is_unique().all()
    assert found.height < 10
    assert found.filter(pl.col("kind") == "usual").height <= 1


def test_the_choice_does_not_depend_on_the_order_of_the_rows_nor_on_rows_that_are_there_twice():
    found = notable_traces(_NOW, _BEFORE)
    assert notable_traces(_NOW.sample(fraction=1, shuffle=True, seed=3), _BEFORE).equals(found)
    assert notable_traces(pl.concat([_NOW, _NOW]), _BEFORE)["trace_id"].equals(found["trace_id"])


def test_a_trace_is_shown_for_each_error_group_and_none_for_what_was_passed_on():
    events = pl.DataFrame(
        {
            "trace_id": ["t060", "t061", "t062", "t063"],
            "group_id": ["a", "a", "b", "c"],
            "message": ["no disk", "no disk", "no <*>", "HTTP 500"],
            "passed_on": [False, False, False, True],
        }
    )
    failed = notable_traces(_NOW, errors=events).filter(pl.col("kind") == "failed")
    assert failed["why"].to_list() == [
        "One of 2 traces with “no disk”, of usual length.",
        "One of 1 trace with “no <*>”, of usual length.",
    ]


def test_the_suspects_own_change_comes_first():
    def both(n, pay):
        return [
            {"is": f"t{n} r - shop order", "at": (0, 500)},
            {"is": f"t{n} q r shop load", "at": (5, 10 * pay)},
            {"is": f"t{n} p r bank pay", "at": (200, 10 * pay)},
        ]

    now, before = (spans(*(s for n in range(30) for s in both(n, pay))) for pay in (9, 1))
    assert notable_traces(now, before, service="bank")["why"][0].startswith("bank: pay takes")
    assert notable_traces(now, before, service="shop")["why"][0].startswith("shop: load takes")


def test_without_anything_wrong_there_is_a_usual_one():
    found = notable_traces(_BEFORE, _BEFORE)
    assert "changed" not in set(found["kind"])
    assert "failed" not in set(found["kind"])


@pytest.mark.parametrize("most", [0, 1, 3])
def test_no_more_than_asked_for(most):
    assert notable_traces(_NOW, _BEFORE, most=most).height == most


def test_one_trace_is_shown_once_and_none_not_at_all():
    found = notable_traces(_spans(_request(1)))
    assert found.height == 1
    assert notable_traces(SPANS.empty(), _BEFORE).schema == found.schema
    assert notable_traces(SPANS.empty()).is_empty()
    assert notable_traces(_NOW, SPANS.empty()).height > 0


def test_times_that_are_missing_or_negative_leave_what_can_be_said():
    untimed = _NOW.with_columns(start=pl.lit(None, SPANS.dtypes()["start"]))
    assert set(notable_traces(untimed, _BEFORE)["duration"].drop_nulls()) == set()
    backwards = _NOW.with_columns(duration=-pl.col("duration"))
    assert notable_traces(backwards)["duration"].to_physical().min() >= 0


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_pandas_and_arrow_give_the_same(kind):
    found = notable_traces(*(getattr(side, f"to_{kind}")() for side in (_NOW, _BEFORE)))
    assert pl.DataFrame(found)["trace_id"].to_list() == notable_traces(_NOW, _BEFORE)["trace_id"].to_list()


def test_a_missing_column_is_named():
    with pytest.raises(FrameError) as caught:
        notable_traces(_NOW.drop("service"))
    assert str(caught.value).startswith(
        "notable_traces needs the column service of SPANS; the frame has trace_id,"
    )
