from __future__ import annotations

from typing import Any

import polars as pl

import obsnb
from obsnb.views.widgets.contrasting import ContrastPanel
from obsnb.views.widgets.times import TimePicker
from tests.report.made_up import SECOND, START, script_line
from tests.views.widgets.made_up import lines
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
    assert panel.says() == "2 findings"


def test_what_is_no_contrast_is_a_sentence() -> None:
    said = ContrastPanel(pl.DataFrame({"kind": ["value"]})).start["trouble"]
    assert said == "ContrastPanel needs the columns column, effect; the frame has kind."
