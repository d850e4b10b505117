"""What a browser hears out of order: JupyterLab runs the questions of widgets beside the cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.lab import Lab, about, eventually
from tests.views.widgets.every_widget import EVERY

#: From now on answers are kept in the kernel until they are let go; what it says by itself is not.
_KEEP = """
kept, say = [], it.send
it.send = lambda *told: kept.append(told) if told[0]["kind"] == "answer" else say(*told)
"""
_LET_GO = "it.send = say\nfor one in kept: say(*one)\nkept.clear()"


@dataclass(frozen=True)
class Late:
    """How the browser is made to ask something that changes the view, and what it shows then."""

    ask: Callable[[Locator], None]
    shown: Callable[[Locator], object] = lambda it: it.locator(".obsnb-body").inner_text()


def _search(widget: Locator) -> None:
    widget.get_by_role("searchbox").fill("no such text")


#: What is drawn in place of letters.
_EDGES = "(one) => [...one.querySelectorAll('.obsnb-handle')].map((each) => each.style.left)"
_BOXES = "(one) => [...one.querySelectorAll('[aria-label]')].map((each) => each.getAttribute('aria-label'))"
_ASKED = {
    "Chart": Late(
        lambda it: (
            it.get_by_label("Choose a point").select_option(index=1)
            if it.get_by_label("Choose a point").is_visible()
            else it.get_by_role("button", name="Choose nothing").click()
        )
    ),
    "Checklist": Late(lambda it: it.get_by_role("checkbox").last.check()),
    "QueryBox": Late(lambda it: it.get_by_role("textbox", name="Query.").press("Control+Enter")),
    "ServiceMap": Late(
        lambda it: it.get_by_role("button", name="Select none").click(), lambda it: it.evaluate(_BOXES)
    ),
    "TimePicker": Late(
        lambda it: it.get_by_role("button", name="All").click(), lambda it: it.evaluate(_EDGES)
    ),
    "TimelineEditor": Late(lambda it: it.get_by_role("button", name="Star: b").click()),
}


@pytest.fixture(scope="module", autouse=True)
def table(jupyterlab: Lab) -> None:
    jupyterlab.do("from tests.views.widgets.every_widget import EVERY")


@pytest.mark.parametrize("name", EVERY)
def test_an_answer_that_is_heard_after_a_newer_view_does_not_take_its_place(lab: Lab, name: str) -> None:
    late = _ASKED.get(name, Late(_search))
    lab.do(f"kind = EVERY[{name!r}]; it = kind.make(kind.frame('a text')); part = kind.part(it)")
    widget = lab.show("it")
    if name == "Chart":
        widget.locator("[data-drawn]").wait_for()
        lab.do("it.selection = it.source.tail(1)")
        expect(about(widget)).to_have_text(lab.read("it.says()"))
    if name == "QueryBox":
        widget.get_by_role("textbox", name="Query.").fill("never asked")
    lab.do(_KEEP)
    before = lab.read("it.version")
    late.ask(widget)
    eventually(lambda: lab.read("len(kept)"), 1)
    lab.do("older = dict(it.start); it.selection = part")
    expect(about(widget)).to_have_text(lab.read("it.says()"))
    lab.run("'all that was said is heard'")
    shown = late.shown(widget)
    lab.do(_LET_GO)
    lab.do("it.tell('changed', **older)")
    lab.run("'all that was said is heard'")
    assert about(widget).inner_text() == lab.read("it.says()")
    assert late.shown(widget) == shown
    assert lab.read("older['version']") > before
