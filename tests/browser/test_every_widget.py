"""Every widget with hostile text, by the keyboard alone, and both ways between the browser and Python."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab, eventually
from tests.views.widgets.every_widget import EVERY, FRAMED

_GRID = "[role=grid]"
_CHOSEN = "[role=row][aria-selected=true]"


@dataclass(frozen=True)
class Way:
    """How a widget is used by keys.

    Attributes
    ----------
    part
        What Tab is pressed for.
    keys
        What is pressed there to choose something; a text of several letters that names no key is typed.
    many
        How many rows the selection has then.
    shown
        What shows what is chosen, there and when it was set from Python.
    enter
        What has the focus after Enter, and gives it back on Escape; empty where Enter chooses.
    """

    part: str = _GRID
    keys: Sequence[str] = ("Space",)
    many: int = 1
    shown: str = _CHOSEN
    enter: str = ".obsnb-pane"


_WAYS = {
    "LogBrowser": Way(keys=("ArrowDown", "Space")),
    "TimePicker": Way("[aria-label='Start of the window']", ("End",), 1, ".obsnb-about", ""),
    "TraceTable": Way(many=2),  # the spans of a trace
    "ServiceMap": Way("g[tabindex='0']", ("ArrowRight", "Enter"), 1, "g[aria-label$=', selected']", ""),
    "TimelineEditor": Way("li[tabindex='0']", ("s",), 1, ".obsnb-starred", "li input"),
    "Checklist": Way("li input[type=checkbox]", ("Space",), 1, "li input:checked", ""),
    "QueryBox": Way(
        "[aria-label='What to ask for']",
        ("ArrowDown", "Tab", 'ALERTS{namespace="shop-prod"}', "Control+Enter"),
        114,
        "td",
        "",
    ),
}

_FOCUS = """(one) => {
    const now = document.activeElement;
    return one.contains(now) ? [now.outerHTML.slice(0, 200), getComputedStyle(now).outlineStyle] : null;
}"""
_FIRST = "(one) => one.querySelector('button, input, select, textarea, [tabindex=\"0\"]').focus()"
_TEXT = """(one) => one.innerHTML.includes("&lt;script")
    || [...one.querySelectorAll("input")].some((each) => each.value.includes("<script"))"""
_MARKS = re.compile(r"[✖▲▼★‼●?↻✓]")
#: A part that is used, in Chromium's tree of what assistive technology is told, without a name.
_NAMELESS = re.compile(
    r"^\s*- (button|textbox|checkbox|combobox|slider|grid|searchbox)(?: \[[^\]]*\])*:?$", re.M
)


@pytest.fixture(scope="module", autouse=True)
def table(jupyterlab: Lab) -> None:
    jupyterlab.do(
        "from tests.views.widgets.every_widget import EVERY, FRAMED\n"
        "from tests.report.made_up import script_line\n"
        "def framed(name):\n"
        "    frame = EVERY[name].frame(script_line())\n"
        "    return frame.to_pandas(use_pyarrow_extension_array=True) if name in FRAMED else frame\n"
    )


def _tab_to(lab: Lab, widget: Locator, part: Locator) -> None:
    """Press Tab from before the widget until this has the focus; it is seen at every stop."""
    widget.evaluate(_FIRST)
    lab.page.keyboard.press("Shift+Tab")
    for _ in range(60):
        lab.page.keyboard.press("Tab")
        now = widget.evaluate(_FOCUS)
        assert now is None or now[1] != "none", now
        if part.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError("Tab does not reach it")


#: A chart has two ends to type and a list instead of rows; test_chart_widget.py walks through them.
_BY_KEYS = [name for name in EVERY if name != "Chart"]


@pytest.mark.parametrize("name", _BY_KEYS)
def test_it_is_used_by_keys_alone_its_text_stays_text_and_a_choice_goes_both_ways(
    lab: Lab, name: str
) -> None:
    way = _WAYS.get(name, Way())
    lab.do(f"it = EVERY[{name!r}].make(framed({name!r}))")
    before = lab.strange_scripts()
    widget = lab.show("it")

    # What a server wrote is text, and nothing is said by colour alone or without a name.
    assert name == "TimePicker" or widget.evaluate(_TEXT)  # a picker shows no text of its frame
    assert widget.locator("script, iframe, img").count() == 0
    assert lab.strange_scripts() == before
    assert _NAMELESS.findall(widget.aria_snapshot()) == []
    coloured = widget.locator(".obsnb-bad:not(path), .obsnb-warn").all_inner_texts()
    assert [text for text in coloured if not _MARKS.search(text)] == []

    # Chosen by keys, read in Python as the kind of frame that was given.
    part = widget.locator(way.part).first
    _tab_to(lab, widget, part)
    for key in way.keys:
        if len(key) > 14:
            lab.page.keyboard.type(key)
        else:
            lab.page.keyboard.press(key)
    eventually(lambda: lab.read("len(it.selection)"), way.many)
    assert lab.read("type(it.selection).__module__.split('.')[0]") == (
        "pandas" if name in FRAMED else "polars"
    )
    expect(widget.locator(way.shown)).not_to_have_count(0)

    # Escape goes back to where one was; in a list it lets go of what was chosen.
    if way.enter:
        lab.page.keyboard.press("Enter")
        expect(widget.locator(way.enter)).to_be_focused()
        lab.page.keyboard.press("Escape")
        expect(widget.locator(way.part).first).to_be_focused()
    if way.shown == _CHOSEN or name == "ServiceMap":
        lab.page.keyboard.press("Escape")
        eventually(lambda: lab.read("len(it.selection)"), 0)

    # Chosen in Python, seen in the browser.
    # The part is another widget's: in some, what there is to choose from is what is chosen now.
    lab.do(f"part = EVERY[{name!r}].part(EVERY[{name!r}].make(framed({name!r})))")
    lab.do("it.selection = it.selection.head(0)\nit.selection = part")
    expect(widget.locator(way.shown)).not_to_have_count(0)
    if name in {"TimePicker", "QueryBox"}:
        wanted = "2 rows" if name == "TimePicker" else "given from Python"
        expect(widget).to_contain_text(wanted)
    assert widget.locator("script, iframe, img").count() == 0
