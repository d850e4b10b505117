from __future__ import annotations

from typing import Any

import polars as pl

import obsnb
from obsnb.views.widgets.boards import TraceTable
from obsnb.views.widgets.contrasting import ContrastPanel
from obsnb.views.widgets.logs import LogBrowser
from obsnb.views.widgets.times import TimePicker
from tests.report.made_up import SECOND, START, script_line
from tests.views.widgets.made_up import lines, trace
from tests.views.widgets.test_boards import column

FOUND = pl.DataFrame(
    {
        "rank": [1, 2, None],
        "kind": ["value", "number", "set aside"],
        "column": ["pod", "duration", "user"],
        "value": [script_line(), None, None],
        "direction": ["over", "up", None],
        "share": [0.5, None, None],
        "baseline_share": [0.05, None, None],
        "lift": [10.0, None, None],
        "median": [None, 2.0, None],
        "baseline_median": [None, 0.5, None],
        "effect": [0.45, 0.3, None],
        "q_value": [0.001, 0.01, None],
    }
)


def test_findings_are_said_in_words_with_both_sides_and_what_was_set_aside_is_left_out() -> None:
    panel = ContrastPanel(FOUND)
    assert column(panel, "what") == [f"pod = {script_line()}", "duration: up"]
    assert column(panel, "selected (solid), baseline (striped)") == [
        "50 % against 5 %",
        "median 2 against 0.5",
    ]
    assert script_line() not in panel.to_html()


def test_a_brush_feeds_it_what_is_picked_against_the_rest() -> None:
    times = TimePicker(lines([f"line {at}" for at in range(10)]))
    panel = ContrastPanel(FOUND.clear())
    assert panel.says() == "nothing sets the selection apart"
    given: list[tuple[int, int]] = []

    def compare(selection: Any, baseline: Any) -> pl.DataFrame:
        given.append((selection.height, baseline.height))
        return FOUND

    panel.watch(times, compare)
    times.window = obsnb.TimeRange(START, START + 3 * SECOND)
    assert given == [(3, 7)]
    assert panel.says() == "2 findings; 3 chosen rows against 7"


def test_lines_chosen_by_hand_and_traces_feed_it_as_a_brush_does() -> None:
    logs = LogBrowser(lines([f"line {at}" for at in range(40)], levels=["error", "info"]))
    panel = ContrastPanel()
    assert panel.says() == "nothing is compared yet"
    panel.watch(logs)
    logs.selection = logs.source.filter(pl.col("level") == "error")
    assert panel.says().endswith("; 20 chosen rows against 20")
    assert "level=error" in panel.source["same_as"][0]
    traces = TraceTable(pl.concat([trace([None, 0]), trace([None], trace_id="b" * 32)]))
    panel.watch(traces)
    traces.answer("select", {"start": 0, "stop": 1, "how": "only"})
    assert panel.says() in {
        "nothing sets the selection apart; 2 chosen rows against 1",
        "2 chosen rows against 1",
    }


def test_what_is_picked_already_is_compared_at_once_and_a_choice_of_none_or_all_is_said() -> None:
    everything = lines([f"line {at}" for at in range(10)])
    times = TimePicker(everything, picked=obsnb.TimeRange(START, START + 3 * SECOND))
    panel = ContrastPanel()
    panel.watch(times, lambda selection, baseline: FOUND)
    assert panel.says() == "2 findings; 3 chosen rows against 7"
    times.window = times.overview
    assert panel.says() == "nothing to compare: all rows are chosen"
    assert column(panel, "what") == []
    logs = LogBrowser(everything)
    panel.watch(logs, lambda selection, baseline: FOUND)
    logs.answer("select", {"how": "none"})
    assert panel.says() == "nothing to compare: no row is chosen"


def test_of_many_rows_some_are_compared_and_the_panel_says_how_many() -> None:
    times = TimePicker(lines([f"line {at}" for at in range(100)]))
    panel = ContrastPanel()
    given: list[int] = []
    panel.watch(times, lambda selection, baseline: given.append(selection.height) or FOUND, most=30)
    times.window = obsnb.TimeRange(START, START + 40 * SECOND)
    assert given == [10]
    assert panel.says() == "2 findings; 40 chosen rows against 60, one in 4 of them compared"


def test_rows_that_cannot_be_compared_leave_a_sentence_and_the_brush_works_on() -> None:
    def refuse(selection: Any, baseline: Any) -> Any:
        raise obsnb.FrameError("These do not go together.")

    times = TimePicker(lines(["a", "b"]))
    panel = ContrastPanel(FOUND)
    panel.watch(times, refuse)
    times.answer("brush", {"from_ms": START // 10**6, "to_ms": START // 10**6 + 1})
    assert panel.says() == "These do not go together."


def test_what_is_no_contrast_is_a_sentence() -> None:
    said = ContrastPanel(pl.DataFrame({"kind": ["value"]})).start["trouble"]
    assert said == "ContrastPanel needs the columns column, effect; the frame has kind."
