"""How each widget looks: a picture of it in both themes, wide and narrow, kept to be looked at.

What a picture cannot say by itself is held here: nothing of a widget is cut off at its right edge, whatever
the text, and a frame that has little or odd rows is drawn like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.browser.lab import ROOT, Lab

_FRAMES = f"""
import obsnb, polars as pl
from obsnb import widgets as w
from tests.views.widgets.made_up import lines, trace
from tests.views.widgets.test_contrasting import FOUND
from tests.views.widgets.test_timeline import happened
from tests.report.made_up import hostile_lines, service_graph, slow_queries, suspects
obs = obsnb.open_archive({str(ROOT / "data/incidents/slow-query")!r})
inv = obsnb.investigate(obs)
logs, spans = inv.logs(inv.window), inv.traces(inv.window)
long = max(hostile_lines(), key=len)[:4000]
text = "<script>alert(1)</script> <b>a name</b> as long as names of services in clusters of regions become"
picked = w.TimePicker(logs, window=inv.window, picked=inv.during)
apart = w.ContrastPanel(); apart.watch(picked)
known = w.TimelineEditor(inv.timeline()); known.answer("star", {{"at": 1}})
checks = w.Checklist(who="Ada"); checks.selection = checks.frame.head(2)
box = w.QueryBox(obs); box.answer("run", {{"verb": "metrics", "text": 'ALERTS{{namespace="shop-prod"}}'}})
"""
#: Name of a picture → the code that shows the widget.
_SHOWN = {
    "logs": "w.LogBrowser(logs)",
    "logs-hostile": "w.LogBrowser(lines([line[:2000] for line in hostile_lines()]))",
    "logs-one": "w.LogBrowser(lines(['the only line']))",
    "logs-empty": "w.LogBrowser(lines([]))",
    "times": "picked",
    "times-one": "w.TimePicker(lines(['one']))",
    "chart": "w.Chart(inv.charts.latency(tz='UTC'), spans)",
    "waterfall": "w.TraceWaterfall(inv.telling_trace(), logs=logs)",
    "waterfall-cycle": "w.TraceWaterfall(trace([1, 0]))",
    "waterfall-hostile": "w.TraceWaterfall(trace([None, 0, 1, 1, 2], name=text))",
    "errors": "w.ErrorBoard(inv.error_groups())",
    "queries": "w.SlowQueryBoard(inv.slow_queries())",
    "queries-hostile": "w.SlowQueryBoard(slow_queries(long))",
    "traces": "w.TraceTable(spans)",
    "services": "w.ServiceMap(inv.service_graph(), suspects=inv.suspects())",
    "services-hostile": "w.ServiceMap(service_graph(text), suspects=suspects(text))",
    "contrast": "apart",
    "contrast-hostile": "w.ContrastPanel(FOUND)",
    "timeline": "known",
    "timeline-hostile": "w.TimelineEditor(happened('short', text, long))",
    "checklist": "checks",
    "health": "w.HealthPanel(obs.health())",
    "ledger": "w.LedgerBoard(obs.ledger.to_frame())",
    "querybox": "box",
}
#: Width of the page, theme: each theme is put on once, which takes JupyterLab longer than all else here.
_DRESSES = [(width, theme) for theme in ("dark", "light") for width in (700, 1280)]
_CUT = """(one) => {
    const right = one.getBoundingClientRect().right;
    const inside = (part) => {
        for (let above = part.parentElement; above !== one; above = above.parentElement)
            if (getComputedStyle(above).overflowX !== "visible") return true;
        return false;
    };
    return [...one.querySelectorAll("*")]
        .filter((part) => part.getBoundingClientRect().right > right + 1 && !inside(part))
        .map((part) => part.outerHTML.slice(0, 120));
}"""

_REACHED = """[...one.querySelectorAll("button, input, select, textarea, a[href], [tabindex='0']")]
    .filter((part) => !part.disabled && part.tabIndex >= 0 && part.checkVisibility())"""
#: What can be reached by Tab and has no name that a screen reader could say.
_NAMELESS = f"""(one) => {_REACHED}
    .filter((part) => {{
        const said = [part.getAttribute("aria-label"), part.labels?.[0]?.textContent, part.textContent];
        return !said.some((words) => words?.trim());
    }})
    .map((part) => part.outerHTML.slice(0, 120))"""
_COUNT = f"(one) => {_REACHED}.length"
_FIRST = f"(one) => {_REACHED}[0].focus()"
_FOCUSED = """(one) => {
    const now = document.activeElement;
    if (!one.contains(now)) return "outside";
    if (now instanceof SVGElement) return "seen"; // its shape's stroke shows it
    const seen = now.matches(":focus-visible") && getComputedStyle(now).outlineStyle !== "none";
    return seen ? "seen" : now.outerHTML.slice(0, 120);
}"""


@pytest.fixture(scope="module")
def drawn(jupyterlab: Lab) -> dict[str, Locator]:
    """Each widget, all of them shown in one notebook: they are looked at and walked over, not changed."""
    jupyterlab.do(_FRAMES)
    return {name: jupyterlab.show(code) for name, code in _SHOWN.items()}


@pytest.fixture(scope="module")
def page_as_it_was(jupyterlab: Lab) -> Iterator[None]:
    """The notebook's page, light and as wide as it was when the module is done with it."""
    size = jupyterlab.page.viewport_size
    assert size is not None
    yield
    jupyterlab.page.set_viewport_size(size)
    jupyterlab.dress("light")


@pytest.mark.usefixtures("page_as_it_was")
@pytest.mark.parametrize(("width", "theme"), _DRESSES)
def test_nothing_is_cut_off_in_either_theme_wide_or_narrow(
    lab: Lab, drawn: dict[str, Locator], picture: Callable[[Locator, str], Path], width: int, theme: str
) -> None:
    lab.page.set_viewport_size({"width": width, "height": 1000})
    lab.dress(theme)
    for name, widget in drawn.items():
        assert (name, widget.evaluate(_CUT)) == (name, [])
        assert picture(widget, f"{name}-{width}-{theme}").stat().st_size > 1_000


def _walk(lab: Lab, widget: Locator, steps: int) -> list[str]:
    """Where the focus is at each step by Tab, from the first part that can be reached."""
    widget.evaluate(_FIRST)
    lab.page.keyboard.press("Shift+Tab")
    lab.page.keyboard.press("Tab")
    found = []
    for _ in range(steps):
        found.append(widget.evaluate(_FOCUSED))
        lab.page.keyboard.press("Tab")
    return found


@pytest.mark.parametrize(
    "name", [name for name in _SHOWN if not name.endswith(("-hostile", "-empty", "-one"))]
)
def test_what_can_be_used_is_reached_by_tab_has_a_name_and_shows_its_focus(
    lab: Lab, drawn: dict[str, Locator], name: str
) -> None:
    widget = drawn[name]
    assert widget.evaluate(_NAMELESS) == []
    many = widget.evaluate(_COUNT)
    wanted = ["seen"] * many + ["outside"] if many <= 40 else ["seen"] * 40
    # JupyterLab may take the focus for itself once, when it is done with the cell.
    walks: list[list[str]] = []
    while wanted not in walks and len(walks) < 3:
        walks.append(_walk(lab, widget, len(wanted)))
    assert wanted in walks
