"""What was edited on a board is saved with the archive, and is there when it is opened again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import obsnb
from obsnb.analysis.story import Story
from obsnb.views.widgets.checklist import PHASES

ITEM = PHASES[0][1][0]


@pytest.fixture(scope="module")
def opened() -> Any:
    return obsnb.open_archive("datasource")


@pytest.fixture
def inv(opened: Any) -> Any:
    opened.keep_story(Story())
    return obsnb.investigate(opened)


def test_stars_rewording_order_and_ticks_come_back_when_the_archive_is_opened_again(
    inv: Any, tmp_path: Path
) -> None:
    board = inv.board()
    editor = board.timeline
    editor.answer("reword", {"at": 1, "title": "it began, as we say; ask ada@example.com"})
    editor.answer("star", {"at": 1})
    editor.answer("move", {"at": 0, "down": True})
    editor.answer(
        "add", {"time": editor.frame["timestamp"][0].isoformat(), "title": "Bearer abcdefghijklmnop123456"}
    )
    board.checklist.answer("tick", {"item": ITEM, "done": True, "who": "Ada"})
    board.checklist.answer("note", {"item": ITEM, "note": "every time"})
    path = inv.connection.save(tmp_path / "saved.obsnb")
    again = obsnb.investigate(obsnb.open_archive(path))
    told = again.board().timeline.entries
    assert [one.at_ns for one in told] == [one.at_ns for one in editor.entries]
    assert [one.star for one in told] == [one.star for one in editor.entries]
    words = [one.title for one in told]
    assert any(word.startswith("it began, as we say; ask ") for word in words)
    assert "ada@example.com" not in str(words)
    assert "abcdefghijklmnop123456" not in str(words)
    assert again.board().checklist.frame.equals(board.checklist.frame)
    assert [title for title in again.postmortem().timeline["title"] if "as we say" in title]


def test_stars_of_the_investigation_and_of_its_board_are_the_same(inv: Any) -> None:
    title = inv.timeline().filter(inv.timeline()["kind"] == "alert")["title"][0]
    inv.star(title)
    board = inv.board()
    assert title in board.timeline.selection["title"].to_list()
    starred = board.timeline.selection.height
    board.timeline.selection = board.timeline.frame.head(1)
    marked = inv.star(title)
    assert marked.height == starred + (board.timeline.entries[0].title != title)
    assert board.timeline.selection["title"].to_list() == marked["title"].to_list()
    assert inv.postmortem().timeline.filter("starred")["title"].to_list() == marked["title"].to_list()


def test_an_alert_keeps_its_end_when_another_row_is_edited(inv: Any) -> None:
    before = inv.postmortem().timeline
    inv.board().timeline.answer("star", {"at": 0})
    after = inv.postmortem().timeline
    assert after["end"].to_list() == before["end"].to_list()
    assert before["end"].null_count() < before.height


def test_of_a_narrower_window_only_its_rows_are_told_and_the_others_are_not_lost(
    inv: Any, tmp_path: Path
) -> None:
    inv.board().timeline.answer("reword", {"at": 0, "title": "said before"})
    whole = inv.window
    middle = (whole.start_ns + whole.end_ns) // 2
    late = obsnb.investigate(inv.connection, obsnb.TimeRange(middle, whole.end_ns))
    assert "said before" not in late.board().timeline.frame["title"].to_list()
    late.board().checklist.answer("tick", {"item": ITEM, "done": True, "who": "Ada"})
    path = inv.connection.save(tmp_path / "saved", window=whole)
    again = obsnb.investigate(obsnb.open_archive(path))
    assert "said before" in again.board().timeline.frame["title"].to_list()
