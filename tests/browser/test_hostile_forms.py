"""Text that tries something, in every place of every form of a report: it is read, and does nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser

from obsnb.report.comparison import Comparison
from obsnb.report.notebook import render_notebook
from obsnb.report.postmortem import Postmortem
from tests.browser.test_postmortem_page import Watched
from tests.report.made_up import hostile_lines, postmortem, script_line, told_timeline
from tests.report.test_comparison import made

#: The recorded lines in one, but for the longest, and what is tried against templates and Markdown.
_ALL = " ".join(
    [
        *(line for line in hostile_lines() if len(line) < 1_000),
        "\"'><img src=x onerror=alert(2)>",
        "</script><script>alert(3)</script>",
        "--></style></svg><svg onload=alert(4)>",
        "]]> ![x](http://203.0.113.9/x.png) [x](javascript:alert(5)) <http://203.0.113.9/>",
        "{{ 7 * 7 }} {% raw %} $\\href{javascript:alert(6)}{x}$ `` ` ``",
    ]
)
#: What a page must not have if it only shows text; the frame's own scripts are counted apart.
_ACTS = """() => [...document.querySelectorAll("*")].flatMap((one) => [
    ...(["IMG", "IFRAME", "OBJECT", "EMBED", "FORM", "BASE", "LINK", "AUDIO", "VIDEO"].includes(one.tagName)
        && !(one.getAttribute("src") || "").startsWith("data:image/svg+xml;base64,") ? [one.outerHTML] : []),
    ...[...one.attributes].filter((own) => /^on/i.test(own.name) || /^\\s*javascript:/i.test(own.value))
        .map((own) => `${one.tagName} ${own.name}=${own.value}`.slice(0, 120)),
  ])"""


def _report(text: str) -> Postmortem:
    return replace(postmortem(text), timeline=told_timeline(text))


def _page(text: str, folder: Path) -> Path:
    return _report(text).save(folder / "report.html")


def _public(text: str, folder: Path) -> Path:
    return _report(text).for_audience("public").save(folder / "report.html")


def _compared(text: str, folder: Path) -> Path:
    return replace(made(text), a=text, b=text).save(folder / "compared.html")


def _charts(text: str, folder: Path) -> Path:
    _report(text).save(folder / "report.md")
    return folder / "report-charts.svg"


def _exported(text: str, folder: Path) -> Path:
    """The notebook as nbconvert shows it, without what its own template would load."""
    book = nbformat.reads(render_notebook(_report(text)), as_version=4)
    nbformat.validate(book)
    path = folder / "notebook.html"
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    path.write_text(exporter.from_notebook_node(book)[0], "utf-8")
    return path


@pytest.mark.parametrize("text", [script_line(), _ALL], ids=["script", "all"])
@pytest.mark.parametrize("form", [_page, _public, _compared, _charts, _exported])
def test_nothing_runs_and_nothing_is_loaded(
    browser: Browser, tmp_path: Path, form: Callable[[str, Path], Path], text: str
) -> None:
    path, calm = form(text, tmp_path), tmp_path / "calm"
    calm.mkdir()
    context = browser.new_context()
    try:
        acts = []
        for shown in (path, form("checkout", calm)):
            watched = Watched(context.new_page())
            watched.page.goto(shown.as_uri())
            watched.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
            assert [url for url in watched.requests if not url.startswith("data:")] == [shown.as_uri()]
            assert watched.trouble == []
            assert watched.stopped() == []
            scripts = "document.querySelectorAll('script').length"
            acts.append((watched.page.evaluate(_ACTS), watched.page.evaluate(scripts)))
        assert acts[0] == acts[1]
        assert acts[0][0] == []
    finally:
        context.close()


def test_a_comparison_is_named_by_its_incidents(tmp_path: Path) -> None:
    """What the parameters above rely on: the hostile text is in the page, and as text."""
    page = _compared(script_line(), tmp_path).read_text("utf-8")
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    assert isinstance(made(), Comparison)
