"""Lists in a real JupyterLab: lines, spans and tables searched, scrolled, folded and chosen from."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.lab import ROOT, Lab, about, row
from tests.report.made_up import script_line

_FRAMES = f"""
import obsnb, polars as pl
from tests.views.widgets.made_up import lines, trace
from tests.report.made_up import hostile_lines
obs = obsnb.open_archive({str(ROOT / "data/incidents/slow-query")!r})
logs = obs.role("scope.logs", obs.window, scope=obs.scope)
spans = obs.role("slow.spans", obs.window, scope=obs.scope)
many = lines([f"line {{at}}" for at in range(400_000)], levels=["info", "error", None])
"""


@pytest.fixture(scope="module", autouse=True)
def frames(jupyterlab: Lab) -> None:
    """What the widgets show."""
    jupyterlab.run(_FRAMES)


def test_lines_are_searched_filtered_and_chosen_and_the_choice_is_a_frame(lab: Lab) -> None:
    widget = lab.show("browser = obsnb.widgets.LogBrowser(logs); browser")
    expect(about(widget)).to_have_text("33,356 lines")
    widget.get_by_role("searchbox").fill("slow query")
    expect(about(widget)).to_have_text(re.compile(r"^[\d,]+ of 33,356 lines$"))
    widget.locator("fieldset label", has_text="warn").locator("input").check()
    first = widget.locator("[role=row]").first
    expect(first).to_contain_text("warn")
    first.click()
    widget.locator("[role=row]").nth(2).click(modifiers=["Shift"])
    expect(about(widget)).to_contain_text("3 selected")
    chosen = lab.read("browser.selection.select('level', 'line').rows()")
    assert len(chosen) == 3
    assert {level for level, _ in chosen} == {"warning"}
    assert all("slow query" in line.lower() for _, line in chosen)


def test_the_keyboard_alone_searches_moves_chooses_and_opens(lab: Lab) -> None:
    widget = lab.show("keys = obsnb.widgets.LogBrowser(many); keys")
    rows = widget.get_by_role("grid")
    rows.focus()
    lab.page.keyboard.press("End")
    expect(row(widget, "line 399999")).to_be_visible()
    lab.page.keyboard.press("ArrowUp")
    lab.page.keyboard.press("Space")
    expect(about(widget)).to_contain_text("1 selected")
    lab.page.keyboard.press("Shift+ArrowUp")
    expect(about(widget)).to_contain_text("2 selected")
    assert lab.read("keys.selection['line'].to_list()") == ["line 399997", "line 399998"]
    lab.page.keyboard.press("Enter")
    fields = widget.get_by_role("region", name="Fields of the line")
    expect(fields).to_be_focused()
    expect(fields).to_contain_text("line 399997")
    lab.page.keyboard.press("Escape")
    expect(rows).to_be_focused()
    lab.page.keyboard.press("/")
    expect(widget.get_by_role("searchbox")).to_be_focused()
    lab.page.keyboard.type("line 7")
    expect(row(widget, "line 7")).to_be_visible()
    lab.page.keyboard.press("ArrowDown")
    expect(rows).to_be_focused()
    assert rows.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid"


def test_a_list_taller_than_a_browser_can_draw_is_scrolled_to_its_middle_and_stepped_by_the_wheel(
    lab: Lab,
) -> None:
    widget = lab.show("tall = obsnb.widgets.LogBrowser(many); tall")
    rows = widget.get_by_role("grid")
    rows.evaluate("(one) => { one.scrollTop = (one.scrollHeight - one.clientHeight) / 2; }")
    first = widget.locator("[role=row]:not([aria-busy])").first
    expect(first).to_contain_text(re.compile(r"line (199|200)\d\d\d"))
    place = int(first.get_attribute("data-at") or -1)
    rows.hover()
    lab.page.mouse.wheel(0, 22 * 10)
    expect(widget.locator("[role=row]").first).to_have_attribute("data-at", str(place + 10))
    expect(widget.locator("[role=row]:not([aria-busy])").first).to_contain_text(f"line {place + 10}")


def test_lines_fold_into_patterns_and_a_pattern_opens(lab: Lab) -> None:
    widget = lab.show("folding = obsnb.widgets.LogBrowser(logs); folding")
    widget.get_by_role("button", name="Fold into patterns").click()
    expect(about(widget)).to_contain_text("patterns of 33,356 lines")
    count = row(widget, "request started POST").locator(".obsnb-number").inner_text()
    row(widget, "request started POST").dblclick()
    expect(about(widget)).to_have_text(f"{count} of 33,356 lines")
    widget.get_by_role("button", name="All patterns").click()
    expect(about(widget)).to_contain_text("patterns")


def test_a_frame_set_from_python_shows_and_is_brought_into_sight(lab: Lab) -> None:
    widget = lab.show("given = obsnb.widgets.LogBrowser(many); given")
    lab.do("given.selection = many[[300_000, 300_002]]")
    expect(row(widget, "line 300000")).to_have_attribute("aria-selected", "true")
    expect(row(widget, "line 300001")).to_have_attribute("aria-selected", "false")
    expect(about(widget)).to_contain_text("2 selected")
    widget.get_by_role("button", name="Selected only").click()
    expect(about(widget)).to_have_text("2 of 400,000 lines, 2 selected")


def test_hostile_text_stays_text_in_every_list(lab: Lab) -> None:
    lab.run("hostile = [line[:300] for line in hostile_lines()]")
    widget = lab.show("obsnb.widgets.LogBrowser(lines(hostile))")
    before = lab.strange_scripts()
    assert script_line()[:40] in widget.inner_text()
    row(widget, "<script>").dblclick()
    expect(widget.get_by_role("region", name="Fields of the line")).to_contain_text(script_line())
    name = script_line()
    spans = lab.show(f"obsnb.widgets.TraceWaterfall(trace([None, 0], name={name!r}))")
    row(spans, name).dblclick()
    expect(spans.get_by_role("region", name="Details of the span")).to_contain_text(name)
    for drawn in (widget, spans):
        assert drawn.locator("script, img, iframe").count() == 0
    assert lab.strange_scripts() == before


def test_a_click_is_not_lost_where_the_rows_are_drawn_anew_while_the_button_is_down(lab: Lab) -> None:
    widget = lab.show("pressed = obsnb.widgets.LogBrowser(lines(['one', 'two'])); pressed")
    row(widget, "two").hover()
    lab.page.mouse.down()
    lab.do("pressed.selection = lines(['one', 'two']).head(1)")
    expect(about(widget)).to_contain_text("1 selected")
    lab.page.mouse.up()
    expect(row(widget, "two")).to_have_attribute("aria-selected", "true", timeout=8_000)
    assert lab.read("pressed.selection['line'].to_list()") == ["two"]


def test_the_rows_stay_where_the_second_press_of_a_double_click_comes_before_what_the_first_has_left_to_do(
    lab: Lab,
) -> None:
    pressed_twice = """(row) => {
        for (const kind of ["pointerdown", "pointerup", "pointerdown"])
            row.dispatchEvent(new PointerEvent(kind, { bubbles: true, button: 0 }));
        return new Promise((done) => setTimeout(() => done(row.isConnected)));
    }"""
    widget = lab.show("obsnb.widgets.LogBrowser(lines(['one', 'two']))")
    pressed = row(widget, "two").element_handle()
    assert pressed.evaluate(pressed_twice)
    released = """(row) => {
        row.dispatchEvent(new PointerEvent("pointerup", { bubbles: true, button: 0 }));
        return new Promise((done) => setTimeout(() => done(row.isConnected)));
    }"""
    assert not pressed.evaluate(released)  # drawn anew as soon as no button is down


def test_a_trace_is_folded_searched_opened_and_its_spans_chosen(lab: Lab) -> None:
    widget = lab.show("fall = obsnb.widgets.TraceWaterfall(spans, logs=logs); fall")
    many = widget.locator("[role=row]").count()
    rows = widget.get_by_role("grid")
    rows.focus()
    lab.page.keyboard.press("ArrowDown")
    lab.page.keyboard.press("ArrowLeft")
    expect(widget.locator("[role=row]")).to_have_count(2)
    lab.page.keyboard.press("ArrowRight")
    expect(widget.locator("[role=row]")).to_have_count(many)
    widget.get_by_role("searchbox").fill("select")
    expect(widget.locator(".obsnb-hit").first).to_contain_text("SELECT")
    statement = row(widget, "SELECT")
    statement.click()
    expect(about(widget)).to_contain_text("1 selected")
    assert lab.read("fall.selection['name'].to_list()")[0].startswith("SELECT")
    lab.page.keyboard.press("Enter")
    details = widget.get_by_role("region", name="Details of the span")
    expect(details).to_contain_text("db.statement")
    expect(details).to_contain_text("Log lines (UTC)")
    widget.get_by_role("searchbox").fill("")
    widget.get_by_role("button", name="Critical path only").click()
    expect(widget.locator("[role=row] .obsnb-mark", has_text="◆").first).to_be_visible()


def test_a_table_is_sorted_searched_chosen_and_followed(lab: Lab) -> None:
    lab.run("followed = []; table = obsnb.widgets.TraceTable(spans); table.on_follow(followed.append)")
    widget = lab.show("table")
    took = widget.get_by_role("button", name="took")
    took.click()
    expect(widget.get_by_role("button", name="took, sorted downwards")).to_be_visible()
    longest = lab.read("obsnb.self_time(spans)['duration'].max().total_seconds()")
    first = widget.locator("[role=row]").first
    expect(first.get_by_role("gridcell").nth(1)).to_have_text(re.compile(rf"^{int(longest)}(\.\d+)? s$"))
    first.click()
    expect(about(widget)).to_contain_text("1 selected")
    assert lab.read("table.selection['trace_id'].n_unique()") == 1
    lab.page.keyboard.press("t")
    widget.get_by_role("searchbox").fill("no such thing")
    expect(about(widget)).to_contain_text("0 of")
    assert lab.read("followed == table.selection['trace_id'].unique().to_list()")


def test_the_colours_follow_the_page(lab: Lab) -> None:
    widget = lab.show("obsnb.widgets.LogBrowser(logs)")
    colour = "(one) => getComputedStyle(one).backgroundColor"
    assert widget.evaluate(colour) == "rgb(255, 255, 255)"
    lab.page.evaluate("document.body.setAttribute('data-jp-theme-light', 'false')")
    assert widget.evaluate(colour) == "rgb(20, 24, 29)"
    lab.page.evaluate("document.body.setAttribute('data-jp-theme-light', 'true')")
