"""What widgets answer to the questions of an investigation, in a real JupyterLab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT, Lab, about, eventually

_FRAMES = f"""
import obsnb, polars as pl
from tests.report.made_up import slow_queries
from tests.views.widgets.made_up import TRACE, lines, trace
opened = obsnb.open_archive({str(ROOT / "data/incidents/slow-query")!r})
"""


@pytest.fixture(scope="module", autouse=True)
def frames(jupyterlab: Lab) -> None:
    jupyterlab.do(_FRAMES)


def test_a_statement_is_read_with_a_line_a_clause_and_the_calls_made_again_and_again_are_marked(
    lab: Lab,
) -> None:
    lab.do(
        "asked = slow_queries('SELECT a, b FROM c WHERE d = ?')"
        ".with_columns(n_plus_one=pl.Series([13, 0]), system=pl.lit('postgresql'))"
    )
    widget = lab.show("obsnb.widgets.SlowQueryBoard(asked)")
    expect(widget.locator("[role=row]").first).to_contain_text("↻ 13")
    widget.get_by_role("grid").focus()
    lab.page.keyboard.press("Enter")
    expect(widget.locator(".obsnb-pane pre")).to_have_text(
        "SELECT\n  a,\n  b\nFROM c\nWHERE\n  d = ?", use_inner_text=True
    )


def test_the_box_says_what_a_query_would_cost_and_takes_one_of_its_history(lab: Lab) -> None:
    lab.do("opened.metrics('ALERTS{namespace=\"shop-prod\"}', opened.window)")
    widget = lab.show("asking = obsnb.widgets.QueryBox(opened); asking")
    text, told = widget.get_by_role("textbox", name="Query."), widget.get_by_role("region", name="Answer")
    expect(text).to_have_attribute("placeholder", re.compile("^LogQL, such as "))
    widget.get_by_label("History").select_option(index=1)
    expect(text).to_have_value('ALERTS{namespace="shop-prod"}')
    expect(text).to_have_attribute("placeholder", re.compile("^PromQL, such as "))
    widget.get_by_role("button", name="What would it cost?").click()
    expect(told).to_contain_text("Nothing would be sent: what is asked is on this disk.")
    text.fill("never_asked")
    widget.get_by_role("button", name="Ask", exact=True).click()
    expect(told).to_contain_text("✖ no answer")
    expect(told).to_contain_text("metrics: never_asked")
    lab.do(
        "type(asking).plans = opened.plan\n"
        "object.__setattr__(opened, 'plan', lambda verb, text, window: pl.DataFrame("
        "{'source': ['loki'], 'requests': [3], 'bytes': [1_200_000], 'over': ['max_bytes']}))"
    )
    widget.get_by_role("button", name="What would it cost?").click()
    expect(told).to_contain_text("requests 3; bytes 1,200,000; over: max_bytes")


def test_a_sentence_gives_way_to_the_widget_when_there_is_something_to_show_and_comes_back(lab: Lab) -> None:
    lab.do(
        "late = obsnb.widgets.TraceWaterfall(trace([None, 0]), trace_id='0' * 31 + '1')\n"
        "panel = obsnb.widgets.ContrastPanel()\n"
        "picker = obsnb.widgets.TimePicker(lines(['a', 'b', 'c']))\n"
        "panel.watch(picker, lambda selection, rest: pl.DataFrame({'other': [1]}))"
    )
    cell = lab.run("late")
    expect(cell.locator(".obsnb")).to_have_text(
        "No span of the frame belongs to the trace " + "0" * 31 + "1."
    )
    lab.do("late.show(TRACE)")
    expect(cell.locator("[role=row]")).to_have_count(2)
    cell = lab.run("panel")
    expect(cell.locator(".obsnb")).to_contain_text("nothing is compared yet")
    lab.do("picker.selection = lines(['a'])")
    expect(cell.locator(".obsnb")).to_have_text(
        "ContrastPanel needs the columns kind, column, effect; the frame has other."
    )
    expect(cell.locator(".obsnb-still")).to_be_hidden()


def test_of_a_trace_self_times_are_read_failures_kept_and_all_is_folded_and_unfolded(lab: Lab) -> None:
    widget = lab.show("obsnb.widgets.TraceWaterfall(trace([None, 0, 1, 0]))")
    rows = widget.locator("[role=row]")
    expect(rows.nth(1).get_by_role("gridcell").nth(2)).to_have_text("1 ms")  # its child began a ms later
    widget.get_by_role("button", name="Fold all", exact=True).click()
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("(+1)")
    widget.get_by_role("button", name="Unfold all").click()
    expect(rows).to_have_count(4)
    widget.get_by_role("button", name="Failed only").click()
    expect(rows).to_have_count(3)  # it and what is above it
    expect(rows.last).to_contain_text("✖ error")


def test_a_picked_window_is_typed_and_what_was_typed_is_taken_back_by_escape(lab: Lab) -> None:
    widget = lab.show("obsnb.widgets.TimePicker(lines(['a', 'b', 'c']))")
    typed = widget.get_by_role("textbox", name="From (UTC)")
    before = typed.input_value()
    typed.fill("no time")
    typed.press("Escape")
    expect(typed).to_have_value(before)
    expect(widget).to_contain_text("times are UTC")
    expect(widget.locator("g title").first).to_have_text(
        re.compile(r"^18:13:19 UTC, [\d.]+ ms: 1 rows?, 0 failed$")
    )


def test_a_widget_that_is_drawn_before_its_first_view_is_there_waits_for_it(lab: Lab) -> None:
    lab.do("early = obsnb.widgets.TraceTable(trace([None, 0])); view, early.start = early.start, {}")
    cell = lab.run("early")
    expect(cell.locator(".obsnb-still")).to_be_visible()  # nothing covers it yet
    assert cell.locator(".obsnb").count() == 0
    lab.do("early.start = view")
    expect(cell.locator("[role=row]")).to_have_count(1)
    expect(cell.locator(".obsnb-still")).to_be_hidden()


def test_what_somebody_types_into_a_note_stays_when_a_cell_changes_the_checklist(lab: Lab) -> None:
    lab.do(
        "from obsnb.views.widgets.checklist import PHASES\n"
        "first, second = PHASES[0][1][:2]\n"
        "check = obsnb.widgets.Checklist()\n"
        "check.answer('tick', {'item': first, 'done': True, 'who': 'Ada'})"
    )
    widget = lab.show("check")
    note = widget.get_by_role("textbox", name="What came of it")
    note.press_sequentially("every ti")
    lab.do("check.selection = check.frame.head(2)")
    expect(about(widget)).to_contain_text("2 of")
    expect(note.first).to_have_value("every ti")
    lab.page.keyboard.type("me")
    lab.do("check.selection = check.frame.head(1)")
    expect(about(widget)).to_contain_text("1 of")
    assert lab.read("check.ticks[first].note") == ""  # nobody has entered it yet
    lab.page.keyboard.press("Enter")
    eventually(lambda: lab.read("check.ticks[first].note"), "every time")


def test_who_leaves_a_note_by_the_keyboard_has_entered_it_and_is_not_brought_back(lab: Lab) -> None:
    lab.do(
        "from obsnb.views.widgets.checklist import PHASES\n"
        "left, after = PHASES[0][1][:2]\n"
        "check = obsnb.widgets.Checklist()\n"
        "check.answer('tick', {'item': left, 'done': True, 'who': 'Ada'})"
    )
    widget = lab.show("check")
    widget.get_by_role("textbox", name="What came of it").press_sequentially("no")
    lab.page.keyboard.press("Tab")
    eventually(lambda: lab.read("check.ticks[left].note"), "no")
    lab.page.keyboard.press("Space")
    expect(about(widget)).to_contain_text("2 of")
    assert lab.read("after in check.ticks")
    lab.page.keyboard.press("Tab")
    expect(widget.get_by_role("textbox", name="What came of it").last).to_be_focused()


def test_new_words_of_a_row_stay_with_it_when_a_cell_changes_the_timeline(lab: Lab) -> None:
    lab.do(
        "told = pl.DataFrame({'timestamp': [1_000, 2_000], 'kind': ['note', 'note'], 'title': ['a', 'b']})\n"
        "edited = obsnb.widgets.TimelineEditor(told.with_columns("
        "pl.col('timestamp').cast(pl.Datetime('ns', 'UTC'))))"
    )
    widget = lab.show("edited")
    rows = widget.get_by_role("listitem")
    rows.last.get_by_role("button", name="Reword").click()
    field = widget.get_by_role("textbox", name="New words")
    field.fill("b, as we sa")
    lab.do("edited.entries = [*reversed(edited.entries)]")
    expect(rows.first.get_by_role("textbox", name="New words")).to_have_value("b, as we sa")
    lab.page.keyboard.type("y")
    lab.page.keyboard.press("Enter")
    eventually(lambda: lab.read("[one.title for one in edited.entries]"), ["b, as we say", "a"])
    rows.first.get_by_role("button", name="Reword").click()
    field.fill("never kept")
    lab.do("edited.entries = edited.entries[1:]")
    expect(widget).to_contain_text(
        "The row that was being reworded is not there any more. It was to say: never kept"
    )
