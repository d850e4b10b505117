from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import obsnb
from obsnb.analysis.border import to_polars
from obsnb.schema import SPANS
from obsnb.views.widgets.base import Widget
from obsnb.views.widgets.boards import ErrorBoard, HealthPanel, LedgerBoard, SlowQueryBoard, TraceTable
from obsnb.views.widgets.table import TableWidget
from tests.report.made_up import SECOND, START, hostile_lines, script_line
from tests.views.widgets.made_up import TRACE, trace
from tests.views.widgets.test_logs import _LIMIT, state_size

GROUPS = pl.DataFrame(
    {
        "group_id": ["a", "b", "c"],
        "count": [3, 100, 20],
        "is_new": [True, False, None],
        "type": ["Timeout", "KeyError", "Refused"],
        "message": ["too slow", "'x'", None],
        "service": ["shop", "cart", "shop"],
        "sample": ["Traceback ...", "KeyError: 'x'", ""],
        "trace_ids": [[TRACE], [], None],
        "first_seen": pl.Series([START, START + SECOND, None], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
    }
)
STATEMENTS = pl.DataFrame(
    {
        "fingerprint": ["1", "2"],
        "statement": ["select a, b from t where c = ? order by a", "select * from ("],
        "operation": ["SELECT", "SELECT"],
        "system": ["postgresql", None],
        "service": ["shop", "shop"],
        "peer": ["db", "db"],
        "count": [10, 20],
        "total": pl.Series([5 * SECOND, SECOND], dtype=pl.Int64).cast(pl.Duration("ns")),
        "change": [4.0, None],
        "trace_ids": [[TRACE], []],
    }
)


def column(widget: TableWidget, title: str) -> list[str]:
    place = [one["title"] for one in widget.start["columns"]].index(title)
    rows = widget.answer("rows", {"start": 0, "stop": 100})["rows"]
    return [row["cells"][place] for row in rows]


def test_a_heading_sorts_by_value_not_by_text_and_nulls_come_last_either_way() -> None:
    board = ErrorBoard(GROUPS)
    board.answer("find", {"sort": 0, "down": True})
    assert column(board, "count") == ["100", "20", "3"]
    seen = [one["title"] for one in board.start["columns"]].index("first seen")
    for down in (True, False):
        board.answer("find", {"sort": seen, "down": down})
        assert column(board, "first seen")[-1] == "–"


def test_a_search_looks_into_every_text_also_those_that_are_not_shown() -> None:
    board = ErrorBoard(GROUPS)
    board.answer("find", {"text": "TRACEBACK"})
    assert column(board, "error") == ["Timeout"]


def test_what_is_new_says_so_in_words() -> None:
    assert column(ErrorBoard(GROUPS), "new") == ["★ new", "", ""]


def test_a_group_leads_to_its_trace_and_one_without_says_so() -> None:
    board = ErrorBoard(GROUPS)
    assert board.start["act"] == ""
    told: list[str] = []
    board.on_follow(told.append)
    assert board.start["act"] == "Open a trace of it"
    board.answer("follow", {"at": 0})
    assert told == [TRACE]
    with pytest.raises(obsnb.UsageError, match=r"^This group names no trace\.$"):
        board.answer("follow", {"at": 1})


def test_the_chosen_groups_are_a_frame_and_stay_chosen_when_the_order_changes() -> None:
    board = ErrorBoard(GROUPS)
    board.answer("select", {"start": 1, "stop": 2, "how": "only"})
    board.answer("find", {"sort": 0, "down": False})
    assert board.selection["group_id"].to_list() == ["b"]
    board.selection = GROUPS[[0, 2]]
    assert board.selection["group_id"].to_list() == ["a", "c"]


def test_a_statement_is_formatted_and_one_that_cannot_be_read_stays_as_it_is() -> None:
    board = SlowQueryBoard(STATEMENTS)
    whole = [board.answer("details", {"at": at})["whole"] for at in (0, 1)]
    assert whole[0].splitlines() == ["SELECT", "  a,", "  b", "FROM t", "WHERE", "  c = ?", "ORDER BY", "  a"]
    assert whole[1] == "select * from ("
    assert column(board, "change") == ["▲ 4×", "–"]


def test_a_trace_is_a_row_and_choosing_it_gives_its_spans() -> None:
    frame = pl.concat([trace([None, 0, 1]), trace([None], name="other", trace_id="a" * 32)])
    table = TraceTable(frame)
    assert column(table, "spans") == ["3", "1"]
    assert column(table, "failed") == ["✖ 1", "0"]
    assert column(table, "root") == ["work 0", "other 0"]
    table.answer("select", {"start": 0, "stop": 1, "how": "only"})
    assert table.selection["name"].to_list() == ["work 0", "work 1", "work 2"]
    table.selection = frame.filter(pl.col("name") == "other 0")
    assert table.selection["trace_id"].to_list() == ["a" * 32]


def test_a_window_leaves_the_traces_that_start_in_it() -> None:
    later = trace([None], trace_id="a" * 32).with_columns(pl.col("start") + pl.duration(nanoseconds=10**10))
    table = TraceTable(pl.concat([trace([None]), later]))
    table.look_at(obsnb.TimeRange(START + SECOND, START + 20 * SECOND))
    assert column(table, "trace") == ["a" * 32]
    table.look_at(None)
    assert len(column(table, "trace")) == 2


def test_health_is_asked_again_at_the_push_of_a_button_and_statuses_carry_a_mark() -> None:
    answers = iter(["ok", "unreachable"])

    def ask() -> pl.DataFrame:
        return pl.DataFrame({"source": ["loki"], "kind": ["logs"], "status": [next(answers)]})

    panel = HealthPanel(ask)
    assert panel.start["again"] is True
    assert column(panel, "status") == ["✓ ok"]
    panel.answer("again", {})
    assert column(panel, "status") == ["✖ unreachable"]
    assert HealthPanel(pl.DataFrame({"source": ["x"], "status": ["degraded"]})).start["again"] is False


def test_the_ledger_s_verdicts_are_words() -> None:
    frame = pl.DataFrame({"number": [1, 2, 3], "query": ["a"] * 3, "complete": ["yes", "no", "unknown"]})
    board = LedgerBoard(frame)
    assert column(board, "complete") == ["✓ yes", "✖ no", "? unknown"]
    assert board.says() == "3 queries, 2 not known to be complete"


@pytest.mark.parametrize(
    ("widget", "said"),
    [
        (ErrorBoard(GROUPS.clear()), "There is no error to show: no line and no span says that it failed."),
        (ErrorBoard(pl.DataFrame({"count": [1]})), "ErrorBoard needs the column type; the frame has count."),
        (
            SlowQueryBoard(pl.DataFrame()),
            "SlowQueryBoard needs the columns fingerprint, count; the frame has none.",
        ),
        (TraceTable(trace([])), "There is no trace to show: the frame is empty."),
        (LedgerBoard(pl.DataFrame({"number": [], "query": []})), "Nothing has been asked yet."),
        (HealthPanel(pl.DataFrame({"source": [], "status": []})), "No source is connected."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_cannot_be_shown_is_a_sentence_in_the_widget_s_place(widget: Widget, said: str) -> None:
    assert widget.start == {"trouble": said, "version": widget.version}


@pytest.mark.parametrize("kind", [ErrorBoard, SlowQueryBoard, TraceTable])
def test_hostile_text_is_escaped_and_the_state_stays_small(kind: Any) -> None:
    texts = hostile_lines() * 50
    frames = {
        ErrorBoard: pl.DataFrame({"type": texts, "message": texts, "count": range(len(texts))}),
        SlowQueryBoard: pl.DataFrame({"fingerprint": texts, "statement": texts, "count": range(len(texts))}),
        TraceTable: SPANS.conform(trace([None] * len(texts)).with_columns(name=pl.Series(texts))),
    }
    widget = kind(frames[kind])
    assert script_line() not in widget.to_html()
    assert state_size(widget) < _LIMIT


def test_every_type_of_column_can_be_read_in_a_row_s_details() -> None:
    spans = to_polars(trace([None]), SPANS, needs=(), what="test")
    frame = spans.with_columns(
        share=pl.lit(0.5), several=pl.lit(["a", "b"]), type=pl.lit("x"), count=pl.lit(1)
    )
    fields = dict(ErrorBoard(frame).answer("details", {"at": 0})["fields"])
    assert fields["share"] == "50 %"
    assert fields["several"] == "a; b"
    assert fields["start"] == "2026-11-23 18:13:19 UTC"
    assert fields["duration"] == "10 ms"
