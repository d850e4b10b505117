"""Every widget where no kernel is: an executed notebook as a page, and opened again in JupyterLab."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.lab import ROOT, Lab

_FRAMES = f"""
import obsnb
from obsnb import charts, widgets as w
from tests.views.widgets.made_up import lines, trace
from tests.views.widgets.test_contrasting import FOUND
from tests.views.widgets.test_timeline import happened
from tests.report.made_up import error_groups, service_graph, slow_queries
obs = obsnb.open_archive({str(ROOT / "data/incidents/slow-query")!r})
kept = lines([f"kept line {{at}}" for at in range(90)], levels=["info", "error"])
box = w.QueryBox(obs)
_ = box.answer("run", {{"verb": "metrics", "text": 'ALERTS{{namespace="shop-prod"}}'}})
"""
#: Name of a widget → the code that shows it, and words that must be read in its place.
_SHOWN = {
    "Chart": ("w.Chart(charts.log_volume(kept, tz='UTC'), kept)", "90 rows"),
    "Checklist": ("w.Checklist(who='Ada')", "Examine database performance"),
    "ContrastPanel": ("w.ContrastPanel(FOUND)", "50 % against 5 %"),
    "ErrorBoard": ("w.ErrorBoard(error_groups('kept error'))", "kept error"),
    "HealthPanel": ("w.HealthPanel(obs.health())", "slow-query"),
    "LedgerBoard": ("w.LedgerBoard(obs.ledger.to_frame())", "ALERTS"),
    "LogBrowser": ("w.LogBrowser(kept)", "kept line 7"),
    "QueryBox": ("box", "114 rows"),
    "ServiceMap": ("w.ServiceMap(service_graph('kept service'))", "kind of call"),
    "SlowQueryBoard": ("w.SlowQueryBoard(slow_queries('kept statement'))", "kept statement"),
    "TimePicker": ("w.TimePicker(kept)", "90 rows"),
    "TimelineEditor": ("w.TimelineEditor(happened('kept moment', 'another'))", "kept moment"),
    "TraceTable": ("w.TraceTable(trace([None, 0], name='kept span'))", "kept span"),
    "TraceWaterfall": ("w.TraceWaterfall(trace([None, 0], name='kept span'))", "1 trace|kept span|2 spans"),
}
#: What stands in a form that is seen: rows of a table or list, or drawings that were really drawn.
_CONTENT = """(form) => form.querySelectorAll("tbody tr, [role=row], li, svg [role=button], svg rect").length
    + [...form.querySelectorAll("img")].filter((one) => one.naturalWidth > 300).length"""


@pytest.fixture(scope="module")
def executed(jupyterlab: Lab) -> Any:
    """A notebook with every widget, as nbclient leaves it: with the widgets' states."""
    cells = [_FRAMES, *(code for code, _ in _SHOWN.values())]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    return notebook


@pytest.fixture(scope="module")
def live(jupyterlab: Lab) -> None:
    """The same frames in a JupyterLab's kernel."""
    jupyterlab.do(_FRAMES)


def test_every_widget_is_tried() -> None:
    from obsnb.views import widgets

    assert {*_SHOWN} == {*widgets.__all__} - {"Board", "board_of"}


def _asked(page: Page, address: str) -> list[str]:
    """What a page asks of other machines; none of it is answered."""
    asked: list[str] = []
    page.route(re.compile("^https?://"), lambda route: (asked.append(route.request.url), route.abort()))
    page.goto(address)
    return asked


def test_an_exported_page_shows_each_widget_and_asks_nothing_for_it(
    browser: Browser, executed: Any, tmp_path: Path
) -> None:
    pages = {"all": executed, "none": nbformat.v4.new_notebook()}
    for name, notebook in pages.items():
        (tmp_path / f"{name}.html").write_text(Lab.export(notebook), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    try:
        asked = {name: _asked(context.new_page(), (tmp_path / f"{name}.html").as_uri()) for name in pages}
        page = next(one for one in context.pages if one.url.endswith("all.html"))
        forms = page.locator(".obsnb-still")
        expect(forms).to_have_count(len(_SHOWN))
        for place, (name, (_, words)) in enumerate(_SHOWN.items()):
            _is_seen(forms.nth(place), name, words)
    finally:
        context.close()
    assert asked["none"]  # nbconvert's own page asks for its libraries, so the watch works
    # Where states of widgets are kept, nbconvert adds the manager of all widgets; it is not answered here.
    added = {*asked["all"]} - {*asked["none"]}
    assert [url for url in added if "@jupyter-widgets/html-manager" not in url] == []


def test_a_notebook_opened_again_without_a_kernel_shows_each_widget(lab: Lab, executed: Any) -> None:
    page = lab.open_reader(executed.copy())
    try:
        outputs = page.locator(".jp-CodeCell .jp-OutputArea")
        for place, (name, (_, words)) in enumerate(_SHOWN.items(), start=1):
            form = outputs.nth(place).locator(".obsnb:visible, .obsnb-still:visible")
            expect(form.first).to_be_visible()
            _is_seen(form.last, name, words)
    finally:
        page.context.close()


def _is_seen(form: Locator, name: str, words: str) -> None:
    form.scroll_into_view_if_needed()
    expect(form).to_be_visible()
    text = form.inner_text()
    assert any(one in text for one in words.split("|")), (name, text)
    assert form.evaluate(_CONTENT) > 0, (name, form.inner_html()[:400])
    box = form.bounding_box()
    assert box is not None
    assert box["height"] > 60, name


@pytest.mark.usefixtures("live")
def test_while_a_widget_lives_its_static_form_is_covered_and_it_follows_the_view(lab: Lab) -> None:
    cell = lab.run("seen = w.LogBrowser(lines(['alpha', 'beta'])); seen")
    widget = cell.locator(".obsnb").first
    still = cell.locator(".obsnb-still")
    expect(still).to_be_hidden()
    widget.get_by_role("searchbox").fill("bet")
    expect(still).not_to_contain_text("alpha")
    expect(still).to_contain_text("beta")


@pytest.mark.usefixtures("live")
def test_a_notebook_opened_again_without_its_kernel_shows_the_last_view(lab: Lab) -> None:
    lab.show("w.LogBrowser(lines(['kept in the notebook']))")
    lab.show("w.TraceWaterfall(trace([None, 0], name='kept span'))")
    saved = lab.saved()
    outputs = [output for cell in saved.cells for output in cell.outputs]
    stills = [one["data"]["text/html"] for one in outputs if "text/html" in one.get("data", {})]
    assert "kept in the notebook" in stills[-2]
    page = lab.open_reader(saved)
    expect(page.locator(".obsnb-still", has_text="kept in the notebook")).to_be_visible()
    drawing = page.get_by_role("img", name="kept span 0")
    expect(drawing).to_be_visible()
    assert drawing.evaluate("(one) => one.naturalWidth") > 500
    page.context.close()


@pytest.mark.usefixtures("live")
def test_an_exported_page_shows_the_last_view_and_no_empty_box(lab: Lab) -> None:
    lab.show("w.LogBrowser(lines(['kept in the page']))")
    saved = lab.saved()
    html = lab.export(saved)
    assert "kept in the page" in html
    assert "widget-view+json" not in html
    saved.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": _states(saved)}}
    assert "kept in the page" in lab.export(saved)


def _states(notebook: Any) -> dict[str, Any]:
    """A notebook that an automaton ran (nbclient) holds the widgets' states, and exports the live views."""
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    views = [one["data"].get("application/vnd.jupyter.widget-view+json") for one in outputs if "data" in one]
    return {view["model_id"]: {} for view in views if view}
