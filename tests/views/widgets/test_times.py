from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import obsnb
from obsnb.views.widgets.times import TimePicker
from tests.report.made_up import SECOND, START
from tests.views.widgets.made_up import lines, trace
from tests.views.widgets.test_logs import _LIMIT, state_size


def picker(many: int = 100) -> TimePicker:
    return TimePicker(lines([f"line {at}" for at in range(many)], levels=["info", "error"]))


def test_the_overview_counts_every_row_once_and_the_failed_ones_apart() -> None:
    start = picker().start
    assert sum(start["rows"]) == 100
    assert sum(start["failed"]) == 50


def test_all_is_picked_at_first() -> None:
    assert picker().selection.height == 100


def test_a_brush_picks_a_window_start_inclusive_end_exclusive() -> None:
    one = picker()
    one.answer("brush", {"from_ms": START // 1_000_000 + 20_000, "to_ms": START // 1_000_000 + 10_000})
    assert one.window == obsnb.TimeRange(START + 10 * SECOND, START + 20 * SECOND)
    assert one.selection["line"].to_list() == [f"line {at}" for at in range(10, 20)]
    assert "10 rows" in one.says()


def test_a_window_from_python_shows_and_whoever_listens_is_told() -> None:
    one = picker()
    told: list[obsnb.TimeRange] = []
    one.on_pick(told.append)
    one.window = obsnb.TimeRange(START + SECOND, START + 3 * SECOND)
    assert told == [one.window]
    assert (one.start["from_ms"], one.start["to_ms"]) == (START // 10**6 + 1_000, START // 10**6 + 3_000)


def test_a_window_beyond_the_overview_is_cut_to_it() -> None:
    one = picker()
    one.window = obsnb.TimeRange(0, START + SECOND)
    assert one.window == obsnb.TimeRange(START, START + SECOND)


def test_times_can_be_typed_and_what_cannot_be_read_is_said() -> None:
    one = picker()
    whole = one.window
    one.answer("type", {"from": "2026-11-23T18:13:29Z", "to": "2026-11-23T18:13:39"})
    assert one.window.duration_s == 10
    with pytest.raises(obsnb.WindowError):
        one.answer("type", {"from": "yesterday", "to": "2026-11-23T18:13:39Z"})
    with pytest.raises(obsnb.WindowError) as caught:
        one.answer("type", {"from": "2026-11-23T18:13:39Z", "to": "2026-11-23T18:13:29Z"})
    assert str(caught.value) == (
        "The window ends before it starts.\nHint: The first time is its start, the second its end."
    )
    assert one.window != whole


def test_spans_are_picked_by_their_start_and_failed_by_their_status() -> None:
    one = TimePicker(trace([None, 0, 0]))
    assert sum(one.start["failed"]) == 1
    assert one.selection.height == 3


def test_the_static_form_is_a_drawing_and_the_state_is_small() -> None:
    one = picker()
    assert '<img alt="2026-11-23 18:13:19 to 18:14:58 UTC' in one.to_html()
    assert state_size(one) < _LIMIT


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (lines([]), "There is no time to pick from: the frame is empty."),
        (pl.DataFrame({"line": ["a"]}), "TimePicker needs a column timestamp or start that holds times."),
    ],
)
def test_what_cannot_be_shown_is_a_sentence_in_the_widget_s_place(frame: Any, said: str) -> None:
    assert TimePicker(frame).trouble == said
