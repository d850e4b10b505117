"""A chart in a real JupyterLab: drawn by the kernel's plotly.js, brushed, clicked, read back in Python."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import ROOT, Lab, about, row

_FRAMES = f"""
import obsnb
from obsnb import charts, widgets as w
from tests.report.made_up import script_line, slow_queries
obs = obsnb.open_archive({str(ROOT / "data/incidents/slow-query")!r})
inv = obsnb.investigate(obs)
logs, spans = inv.logs(inv.window), inv.traces(inv.window)
exemplars = obs.role("requests.exemplars", obs.window, scope=obs.scope)
"""
#: The first exemplar whose trace was fetched, written so, of a chart of this name.
_FETCHED = "next({0} for c, p, _ in {1}._plot.points() if {1}._plot.id_of(c, p) in {{*spans['trace_id']}})"
#: Where a point is drawn, from the corner of the plot.
_WHERE = """(drawing, [curve, place]) => {
    const { xaxis, yaxis } = drawing._fullLayout;
    return [xaxis.d2p(drawing.data[curve].x[place]), yaxis.d2p(drawing._fullData[curve].y[place])];
}"""


@pytest.fixture(scope="module", autouse=True)
def frames(jupyterlab: Lab) -> None:
    jupyterlab.do(_FRAMES)


def drawn(lab: Lab, code: str) -> Locator:
    """The chart that this code shows, once plotly has drawn it."""
    widget = lab.show(code)
    widget.locator("[data-drawn]").wait_for()
    return widget


def drag(lab: Lab, widget: Locator, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a brush over the plot, from one place of it to another (shares of its width and height)."""
    plot = widget.locator(".nsewdrag").first
    plot.hover()  # it is in sight and stays where it is
    box = plot.bounding_box()
    assert box is not None
    ends = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    lab.page.mouse.move(*ends[0])
    lab.page.mouse.down()
    lab.page.mouse.move(*ends[1], steps=4)
    lab.page.mouse.up()


def test_a_brush_over_any_chart_gives_its_rows_and_feeds_the_contrast(lab: Lab) -> None:
    lab.do("panel = w.ContrastPanel()")
    widget = drawn(lab, "volume = w.Chart(inv.charts.log_volume(tz='Asia/Kolkata'), logs); volume")
    lab.do("panel.watch(volume)")
    expect(about(widget)).to_have_text("33,356 rows, none chosen")
    drag(lab, widget, (0.4, 0.5), (0.6, 0.6))
    expect(about(widget)).to_contain_text(re.compile(r"UTC \(12 min( \d+ s)?\): [\d,]+ of 33,356 rows"))
    whole = lab.read("volume._plot.overview.duration_s")
    assert lab.read("volume.window.duration_s") == pytest.approx(whole * 0.2, rel=0.03)
    told = lab.read("[volume.selection.height, volume.rest.height, volume.selection.columns == logs.columns]")
    assert told[0] > 1_000
    assert told == [told[0], 33_356 - told[0], True]
    assert lab.read("volume.selection['timestamp'].min() >= volume.window.start")
    panel = lab.show("panel")
    expect(about(panel)).to_contain_text("chosen rows against")
    expect(row(panel, "level = error")).to_be_visible()


def test_a_box_in_the_heat_map_chooses_by_duration_and_an_exemplar_is_followed(lab: Lab) -> None:
    lab.do("heat = w.Chart(inv.charts.latency(exemplars), spans); followed = []")
    lab.do("heat.on_follow(followed.append)")
    widget = drawn(lab, "heat")
    drag(lab, widget, (0.45, 0.02), (0.7, 0.3))
    expect(about(widget)).to_have_text(re.compile(r"\), 1 s and longer: [\d,]+ of 12,751 rows$"))
    assert lab.read("heat.selection['duration'].min().total_seconds() >= 1")
    widget.get_by_label("Choose a point").focus()
    lab.page.keyboard.press("ArrowDown")
    expect(about(widget)).not_to_contain_text("UTC")
    assert lab.read("followed == [heat._plot.id_of(*heat._plot.points()[0][:2])]")
    curve, place = lab.read(_FETCHED.format("(c, p)", "heat"))
    x, y = widget.locator(".js-plotly-plot").evaluate(_WHERE, [curve, place])
    plot = widget.locator(".nsewdrag").first
    plot.hover(position={"x": x, "y": y})
    expect(widget.locator(".hovertext")).to_be_visible()  # what a click will mean
    plot.click(position={"x": x, "y": y})
    expect(about(widget)).to_have_text(re.compile(r"^[1-9]\d* of 12,751 rows$"))
    assert lab.read("heat.selection['trace_id'].unique().to_list() == followed[-1:]")


def test_the_keyboard_alone_moves_and_types_the_window_and_what_cannot_be_read_is_said(lab: Lab) -> None:
    widget = drawn(lab, "keys = w.Chart(inv.charts.errors(), logs); keys")
    start = widget.get_by_role("textbox", name="From (UTC)")
    start.fill("2026-11-23T18:40Z")
    start.press("Enter")
    expect(about(widget)).to_contain_text("18:40:00 to ")
    start.press("ArrowUp")
    expect(about(widget)).not_to_contain_text("18:40:00 to ")
    moved = lab.read("keys.window.start_ns") - 1_795_459_200 * 10**9
    assert moved == pytest.approx(lab.read("keys.start['step_ms']") * 10**6, rel=1e-3)
    start.fill("noon")
    start.press("Enter")
    expect(widget.get_by_role("status")).to_contain_text("'noon'")
    assert start.evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid"


def test_points_are_lassoed_hostile_names_stay_text_and_a_frame_from_python_shows(lab: Lab) -> None:
    lab.do("queries = inv.slow_queries(); points = w.Chart(charts.slow_queries(queries), queries)")
    widget = drawn(lab, "points")
    drag(lab, widget, (0.01, 0.01), (0.99, 0.99))
    expect(about(widget)).to_have_text("10 of 10 rows")
    lab.do("points.selection = queries.head(2)")
    expect(about(widget)).to_have_text("2 of 10 rows")
    widget.get_by_role("button", name="Choose nothing").click()
    expect(about(widget)).to_have_text("10 rows, none chosen")
    before = lab.strange_scripts()
    lab.do("named = slow_queries(script_line())")
    hostile = drawn(lab, "w.Chart(charts.slow_queries(named), named)")
    assert hostile.locator("script, iframe").count() == 0
    assert lab.strange_scripts() == before


def test_the_drawing_is_dark_on_a_dark_page(lab: Lab) -> None:
    widget = drawn(lab, "w.Chart(inv.charts.errors(), logs)")
    ground = "(one) => getComputedStyle(one.querySelector('.main-svg')).background"
    try:
        assert "rgb(255, 255, 255)" in widget.evaluate(ground)
        lab.page.evaluate("document.body.setAttribute('data-jp-theme-light', 'false')")
        lab.page.wait_for_function(
            f"(one) => ({ground})(one).includes('rgb(20, 24, 29)')", arg=widget.element_handle()
        )
    finally:
        lab.page.evaluate("document.body.setAttribute('data-jp-theme-light', 'true')")


def test_on_the_board_the_heat_map_narrows_the_lines_and_opens_a_trace(lab: Lab) -> None:
    cell = lab.run("board = inv.board(); board")
    heat = cell.locator("section[aria-label='How long requests took']")
    heat.locator("[data-drawn]").wait_for()
    drag(lab, heat, (0.5, 0.1), (0.6, 0.9))
    expect(about(heat)).to_contain_text("UTC")
    lines = cell.locator("section[aria-label='Log lines']")
    expect(about(lines)).to_contain_text(" of 33,356 lines")
    expect(about(cell.locator("section[aria-label='What sets the selection apart']"))).to_contain_text(
        "chosen rows"
    )
    assert lab.read("board.times.window == board.latency.window")
    chosen = lab.read(_FETCHED.format("f'{c}.{p}'", "board.latency"))
    heat.get_by_label("Choose a point").select_option(chosen)
    expect(about(heat)).to_have_text(re.compile(r"^[1-9]\d* of 12,751 rows$"))
    trace = lab.read("board.latency.selection['trace_id'][0]")
    expect(about(cell.locator("section[aria-label='Trace']"))).to_contain_text(trace)


def test_the_drawing_keeps_its_height_when_the_page_changes_its_width(lab: Lab) -> None:
    widget = drawn(lab, "w.Chart(inv.charts.latency(tz='UTC'), spans)")
    figure, size = widget.locator(".obsnb-figure"), lab.page.viewport_size
    assert size is not None
    before = figure.locator(".nsewdrag").first.bounding_box()
    lab.page.set_viewport_size({"width": 700, "height": 1000})
    try:
        narrow = "(one) => one._fullLayout.width < 700"
        lab.page.wait_for_function(narrow, arg=figure.element_handle())
        after = figure.locator(".nsewdrag").first.bounding_box()
        assert before is not None
        assert after is not None
        assert after["height"] == before["height"]
    finally:
        lab.page.set_viewport_size(size)
