from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import obsnb
from obsnb.views.widgets.checklist import PHASES, Checklist

ITEMS = [item for _, items in PHASES for item in items]


def test_the_checklist_has_the_guide_s_four_phases_of_four() -> None:
    frame = Checklist().frame
    assert frame["phase"].unique(maintain_order=True).to_list() == [phase for phase, _ in PHASES]
    assert frame.height == 16
    assert not frame["done"].any()


def test_a_tick_knows_who_and_when_and_is_there_again_when_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "checklist.json"
    checklist = Checklist(path=path)
    checklist.answer("tick", {"item": ITEMS[5], "done": True, "who": "Ada"})
    checklist.answer("note", {"item": ITEMS[5], "note": "CPU was at 20 %"})
    again = Checklist(path=path)
    assert again.frame.equals(checklist.frame)
    (row,) = again.selection.to_dicts()
    assert (row["item"], row["who"], row["note"]) == (ITEMS[5], "Ada", "CPU was at 20 %")
    assert row["when"] is not None
    again.answer("tick", {"item": ITEMS[5], "done": False})
    assert again.selection.is_empty()


def test_a_frame_ticks_its_items() -> None:
    checklist = Checklist(who="Ada")
    checklist.selection = pl.DataFrame({"item": [ITEMS[0], "no such item"]})
    assert checklist.selection["item"].to_list() == [ITEMS[0]]


def test_an_item_that_is_not_on_the_list_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(obsnb.UsageError, match=r"^There is no such item\.$"):
        Checklist().answer("tick", {"item": "format the disk", "done": True})
    path = tmp_path / "checklist.json"
    path.write_text("[1]")
    with pytest.raises(obsnb.UsageError, match=r"^checklist\.json is no checklist that can be read"):
        Checklist(path=path)
