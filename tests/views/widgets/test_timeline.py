from __future__ import annotations

import tomllib

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import obsnb
from obsnb.report.notes import Notes
from obsnb.schema import EVENTS
from obsnb.views.widgets.timeline import TimelineEditor
from tests.report.made_up import START, hostile_lines, script_line


def happened(*titles: str) -> pl.DataFrame:
    times = pl.Series([START + 60 * 10**9 * at for at in range(len(titles))], dtype=pl.Int64)
    frame = pl.DataFrame({"timestamp": times.cast(pl.Datetime("ns", "UTC")), "title": list(titles)})
    return EVENTS.conform(frame.with_columns(kind=pl.lit("alert"))).with_columns(
        evidence=pl.concat_list(pl.format("log:{}", "title"))
    )


def titles(editor: TimelineEditor) -> list[str]:
    return [entry.title for entry in editor.entries]


def test_a_row_is_starred_and_the_stars_are_a_frame() -> None:
    editor = TimelineEditor(happened("a", "b", "c"))
    editor.answer("star", {"at": 1})
    assert editor.selection["title"].to_list() == ["b"]
    editor.selection = happened("a", "b", "c")[[0, 2]]
    assert editor.selection["title"].to_list() == ["a", "c"]


def test_a_reworded_row_keeps_what_it_was_and_its_evidence() -> None:
    editor = TimelineEditor(happened("a", "b"))
    editor.answer("reword", {"at": 0, "title": "clearer"})
    editor.answer("reword", {"at": 0, "title": "clearest"})
    row = editor.frame.row(0, named=True)
    assert (row["title"], row["was"], row["evidence"]) == ("clearest", "a", ["log:a"])
    editor.answer("reword", {"at": 0, "title": "a"})
    assert editor.entries[0].was == ""
    with pytest.raises(obsnb.UsageError, match="A row needs words"):
        editor.answer("reword", {"at": 0, "title": "  "})


def test_an_added_row_stands_at_its_time_and_can_be_removed_while_recorded_ones_stay() -> None:
    editor = TimelineEditor(happened("a", "b"))
    editor.answer("add", {"time": "2026-11-23T18:13:30", "title": "paged", "service": "shop"})
    assert titles(editor) == ["a", "paged", "b"]
    with pytest.raises(obsnb.UsageError) as caught:
        editor.answer("remove", {"at": 0})
    assert str(caught.value) == "What was recorded stays; only what was added can be removed."
    editor.answer("remove", {"at": 1})
    assert titles(editor) == ["a", "b"]


@pytest.mark.parametrize(
    "given", [{"title": "x", "time": "noon"}, {"title": "", "time": "2026-11-23T18:00Z"}]
)
def test_an_entry_that_cannot_be_read_is_refused_and_nothing_changes(given: dict[str, str]) -> None:
    editor = TimelineEditor(happened("a"))
    with pytest.raises(obsnb.ObsnbError):
        editor.answer("add", given)
    assert titles(editor) == ["a"]
    assert editor.changed is False


@given(st.lists(st.tuples(st.integers(-2, 5), st.booleans()), max_size=12))
@settings(max_examples=30)
def test_moving_rows_never_loses_or_doubles_one(moves: list[tuple[int, bool]]) -> None:
    editor = TimelineEditor(happened("a", "b", "c", "d"))
    for at, down in moves:
        editor.answer("move", {"at": at, "down": down})
    assert sorted(titles(editor)) == ["a", "b", "c", "d"]


def test_what_was_added_is_toml_that_the_notes_read() -> None:
    editor = TimelineEditor(happened("a"))
    text = 'quote " and \\ backslash ' + script_line()
    editor.answer("add", {"time": "2026-11-23T18:14:00Z", "title": text, "service": "shop"})
    (note,) = Notes.parse(editor.toml()).timeline
    assert (note.what, note.service) == (text, "shop")
    assert tomllib.loads(editor.toml())["timeline"][0]["what"] == text


def test_hostile_titles_are_escaped_in_the_static_form() -> None:
    still = TimelineEditor(happened(*hostile_lines())).to_html()
    assert "<script" not in still


def test_an_empty_timeline_can_be_filled_and_one_without_titles_is_a_sentence() -> None:
    editor = TimelineEditor(EVENTS.empty())
    editor.answer("add", {"time": "2026-11-23T18:14:00Z", "title": "first"})
    assert titles(editor) == ["first"]
    said = TimelineEditor(pl.DataFrame({"timestamp": []})).start["trouble"]
    assert said.startswith("TimelineEditor needs the columns kind, title of EVENTS;")
