"""The widgets in a real JupyterLab: drawn, clicked, brushed, typed into, the effect read back in Python.

One server, kernel and page serve all of them.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT, Lab, about, row
from tests.report.made_up import script_line

_FRAMES = f"""
import obsnb, polars as pl
from tests.views.widgets.made_up import lines, trace
obs = obsnb.open_archive({str(ROOT / "data/incidents/slow-query")!r})
logs = obs.role("scope.logs", obs.window, scope=obs.scope)
spans = obs.role("slow.spans", obs.window, scope=obs.scope)
"""


@pytest.fixture(scope="module", autouse=True)
def frames(jupyterlab: Lab) -> None:
    """What the widgets show."""
    jupyterlab.run(_FRAMES)


def test_a_window_is_brushed_typed_moved_by_keys_and_set_from_python(lab: Lab) -> None:
    widget = lab.show("times = obsnb.widgets.TimePicker(logs); times")
    whole = lab.read("times.window.duration_s")
    widget.locator(".obsnb-plot").hover()
    box = widget.locator(".obsnb-plot").bounding_box()
    assert box is not None
    lab.page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 30)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30, steps=4)
    lab.page.mouse.up()
    expect(about(widget)).to_contain_text("15 min")
    assert lab.read("times.window.duration_s") == pytest.approx(whole / 4, rel=0.02)
    assert lab.read("times.selection.height") < 33_356
    end = widget.get_by_role("slider", name="End of the window")
    end.focus()
    lab.page.keyboard.press("End")
    expect(about(widget)).to_contain_text("45 min")
    typed = widget.get_by_role("textbox", name="From (UTC)")
    typed.fill("2026-11-23T19:00Z")
    typed.press("Enter")
    expect(about(widget)).to_contain_text("19:00:00 to 19:13:18")
    typed.fill("noon")
    typed.press("Enter")
    expect(widget.get_by_role("status")).to_contain_text("'noon'")
    lab.do("times.window = obsnb.window('2026-11-23T18:30Z', '2026-11-23T18:40Z')")
    expect(typed).to_have_value("2026-11-23T18:30:00Z")


def test_a_brush_says_what_sets_the_picked_lines_apart(lab: Lab) -> None:
    lab.run("from tests.views.widgets.test_contrasting import FOUND")
    lab.run("picked = obsnb.widgets.TimePicker(logs); apart = obsnb.widgets.ContrastPanel(FOUND.clear())")
    lab.run("apart.watch(picked, lambda selection, baseline: FOUND)")
    widget = lab.show("apart")
    expect(about(widget)).to_have_text("nothing sets the selection apart")
    lab.do("picked.window = obsnb.window('2026-11-23T18:40Z', '2026-11-23T18:50Z')")
    expect(about(widget)).to_have_text(re.compile("^2 findings; [0-9,]+ chosen rows against [0-9,]+$"))
    expect(row(widget, "pod = <script>")).to_contain_text("50 % against 5 %")
    assert widget.locator("script").count() == 0


def test_a_brush_drawn_by_the_pointer_feeds_the_contrast_of_the_real_lines(lab: Lab) -> None:
    lab.run("brushed = obsnb.widgets.TimePicker(logs); sets_apart = obsnb.widgets.ContrastPanel()")
    lab.run("sets_apart.watch(brushed)")
    panel = lab.show("sets_apart")
    expect(about(panel)).to_have_text("nothing is compared yet")
    plot = lab.show("brushed").locator(".obsnb-plot")
    plot.hover()  # it is in sight and stays where it is
    box = plot.bounding_box()
    assert box is not None
    lab.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 40)
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 40, steps=4)
    lab.page.mouse.up()
    expect(about(panel)).to_contain_text("chosen rows against")
    expect(row(panel, "level = error")).to_be_visible()
    assert lab.read("sets_apart.source.height") > 3
    assert lab.read("brushed.selection.height + brushed.rest.height") == 33_356


def test_health_and_the_ledger_are_read_and_health_is_asked_again(lab: Lab) -> None:
    widget = lab.show("health = obsnb.widgets.HealthPanel(obs.health); health")
    widget.get_by_role("button", name="Ask again").click()
    expect(row(widget, "slow-query")).to_contain_text("✓ archive")
    ledger = lab.show("obsnb.widgets.LedgerBoard(obs.ledger.to_frame())")
    row(ledger, "namespace").dblclick()
    expect(ledger.get_by_role("region", name="Queries: one row")).to_contain_text("every page ended")


def test_the_service_map_is_reached_by_tab_and_a_service_chosen_by_enter(lab: Lab) -> None:
    widget = lab.show("drawn = obsnb.widgets.ServiceMap(obsnb.service_graph(spans)); drawn")
    node = widget.get_by_role("button", name=re.compile("^postgres: "))
    node.focus()
    lab.page.keyboard.press("Enter")
    expect(about(widget)).to_contain_text("selected")
    expect(node).to_be_focused()
    assert lab.read("drawn.selection['callee'].to_list()") == ["postgres"]
    lab.do("drawn.selection = obsnb.service_graph(spans).head(1)")
    expect(about(widget)).to_contain_text("1 selected")


def test_the_timeline_is_starred_reworded_moved_and_added_to_by_the_keyboard(lab: Lab) -> None:
    lab.run("from tests.views.widgets.test_timeline import happened")
    widget = lab.show(
        f"told = obsnb.widgets.TimelineEditor(happened('alpha', {script_line()!r}, 'gamma')); told"
    )
    rows = widget.get_by_role("listitem")
    rows.first.focus()
    lab.page.keyboard.press("s")
    expect(about(widget)).to_contain_text("1 starred")
    lab.page.keyboard.press("Alt+ArrowDown")
    expect(rows.nth(1)).to_contain_text("alpha")
    expect(rows.nth(1)).to_be_focused()
    lab.page.keyboard.press("Enter")
    field = widget.get_by_role("textbox", name="New words")
    field.fill("alpha, in clearer words")
    field.press("Enter")
    expect(rows.nth(1)).to_contain_text("clearer words (reworded)")
    widget.get_by_role("textbox", name="When").fill("2026-11-23T18:13:30Z")
    widget.get_by_role("textbox", name="What happened").fill("paged the shop")
    widget.get_by_role("button", name="Add", exact=True).click()
    expect(rows).to_have_count(4)
    assert lab.read("told.selection['title'].to_list()") == ["alpha, in clearer words"]
    assert lab.read("told.frame.filter('added')['title'].to_list()") == ["paged the shop"]


def test_the_checklist_is_ticked_with_who_and_noted(lab: Lab) -> None:
    widget = lab.show("checks = obsnb.widgets.Checklist(); checks")
    widget.get_by_role("textbox", name="Who ticks").fill("Ada")
    box = widget.get_by_role("checkbox", name="Examine database performance")
    box.focus()
    lab.page.keyboard.press("Space")
    expect(about(widget)).to_have_text("1 of 16 done")
    note = widget.get_by_role("textbox", name="What came of it: Examine database performance")
    note.fill("the pool was empty")
    note.press("Tab")
    expect(widget.get_by_role("listitem").filter(has_text="✓ Ada")).to_have_count(1)
    expect(note).to_have_value("the pool was empty")
    assert lab.read("checks.selection.select('item', 'who').rows()") == [
        ["Examine database performance", "Ada"]
    ]


def test_a_query_is_typed_asked_and_judged_and_stands_in_the_history(lab: Lab) -> None:
    widget = lab.show("box = obsnb.widgets.QueryBox(obs); box")
    widget.get_by_label("What to ask for").select_option("metrics")
    text = widget.get_by_role("textbox", name="Query.")
    text.fill('ALERTS{namespace="shop-prod"}')
    text.press("Control+Enter")
    expect(widget.get_by_role("region", name="Answer")).to_contain_text("114 rows, ✓ complete")
    assert lab.read("box.result.height") == 114
    expect(widget.get_by_label("History").locator("option", has_text="ALERTS")).to_have_count(1)


def test_on_the_board_a_brush_narrows_and_a_line_leads_to_its_trace(lab: Lab) -> None:
    cell = lab.run("inv = obsnb.investigate(obs); board = inv.board(); board")
    line = cell.locator("section[aria-label='Log lines']")
    line.wait_for()
    assert cell.locator(".obsnb").count() == 11
    lab.do("board.times.window = obsnb.window('2026-11-23T18:40Z', '2026-11-23T18:41Z')")
    expect(about(line)).to_contain_text(re.compile(r"^\d{3} of 33,356 lines"))
    line.locator("fieldset label", has_text="error").locator("input").check()
    line.locator("[role=row]", has_text="trace").first.locator("[data-act=t]").click()
    shown = cell.locator("section[aria-label='Trace'] .obsnb-about")
    expect(shown).not_to_contain_text(lab.read("inv.telling_trace()['trace_id'][0]"))
    trace_id = lab.read("board.logs.trace_id")
    expect(shown).to_contain_text(trace_id)
    assert lab.read("board.trace.selection.columns == board.trace.source.columns")
    errors = cell.locator("section[aria-label='Errors']")
    errors.locator("[role=row]").first.click()
    expect(about(line)).to_contain_text("selected")
    assert lab.read("board.errors.selection.height") == 1
    timeline = cell.locator("section[aria-label='Timeline']")
    timeline.get_by_role("listitem").first.focus()
    lab.page.keyboard.press("Enter")
    timeline.get_by_role("textbox", name="New words").fill("told in our words")
    lab.page.keyboard.press("Enter")
    expect(timeline.get_by_role("listitem").first).to_contain_text("(reworded)")
    assert lab.read("inv.board() is board")
    assert lab.read("inv.postmortem().timeline['title'][0]") == "told in our words"


def test_what_cannot_be_shown_is_a_sentence(lab: Lab) -> None:
    widget = lab.show("obsnb.widgets.LogBrowser(lines([]))")
    expect(widget).to_have_text("There is no line to show: the frame is empty.")
    widget = lab.show("obsnb.widgets.TraceWaterfall(trace([1, 0]))")
    expect(about(widget)).to_contain_text("2 spans without the parent they name")
    assert widget.locator("[role=row]").count() == 2
