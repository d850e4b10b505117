from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from obsnb.report.postmortem import Postmortem
from tests.report.made_up import WINDOW, hostile_lines, postmortem, script_line

#: Told by the page before its own script runs: whatever its policy stops.
_LISTEN = """
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) => window.stopped.push(event.violatedDirective));
"""
_TOO_WIDE = """() => [...document.querySelectorAll("main *")]
    .filter((one) => !one.closest("svg") && one.getBoundingClientRect().right > innerWidth + 1)
    .map((one) => one.outerHTML.slice(0, 120))"""

#: What is kept whole, stands on several lines, and would have had room on one.
_BROKEN = """() => [...document.querySelectorAll("main .whole")].filter((one) => {
    const all = document.createRange();
    all.selectNodeContents(one);
    const lines = new Set([...all.getClientRects()].map((box) => Math.round(box.top))).size;
    if (lines < 2) return false;
    let around = one.parentElement;
    while (getComputedStyle(around).display.startsWith("inline")) around = around.parentElement;
    const look = getComputedStyle(around);
    const room = around.clientWidth - parseFloat(look.paddingLeft) - parseFloat(look.paddingRight);
    one.style.cssText = "white-space: nowrap; max-width: none";
    const wide = one.getBoundingClientRect().width;
    one.style.cssText = "";
    return wide <= room;
  }).map((one) => `${one.textContent} in ${one.parentElement.outerHTML.slice(0, 80)}`)"""


class Watched:
    """A page, with everything that went wrong in it or left it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.trouble: list[str] = []
        page.add_init_script(_LISTEN)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.trouble.append(message.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        page.on("dialog", lambda dialog: (self.trouble.append(dialog.message), dialog.dismiss()))

    def stopped(self) -> list[str]:
        return list(self.page.evaluate("window.stopped"))


@contextmanager
def opened(
    browser: Browser, tmp_path: Path, of: Postmortem, *, width: int = 1280, scheme: str = "light"
) -> Iterator[Watched]:
    path = of.save(tmp_path / "postmortem.html")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]  # light or dark
    watched = Watched(context.new_page())
    watched.page.goto(path.as_uri())
    try:
        yield watched
        assert watched.requests == [path.as_uri()]
        assert watched.trouble == []
        assert watched.stopped() == []
    finally:
        context.close()


def test_a_script_in_every_text_is_read_and_not_run_and_nothing_is_fetched(
    browser: Browser, tmp_path: Path
) -> None:
    line = script_line()
    with opened(browser, tmp_path, postmortem(line)) as watched:
        page = watched.page
        assert page.evaluate("document.scripts.length") == 2
        assert page.evaluate("document.images.length") == 0
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        text = page.evaluate("document.body.innerText")
        assert text.count(line) >= 40
        assert page.title() == f"{line} · post-mortem"


def test_the_pointer_finds_the_same_text_as_text(browser: Browser, tmp_path: Path) -> None:
    line = script_line()
    with opened(browser, tmp_path, postmortem(line)) as watched:
        page = watched.page
        page.locator("svg.panel.wide").first.hover()
        tip = page.locator("#tip")
        assert tip.is_visible()
        assert line[:40] in tip.inner_text()
        assert " UTC" in tip.inner_text()
        page.locator(".trace svg.wide .span").last.hover()
        assert line in tip.inner_text()
        assert page.evaluate("document.scripts.length") == 2


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (420, "dark")])
@pytest.mark.parametrize(
    "text", [max(hostile_lines(), key=len), script_line(), "checkout"], ids=["long", "script", "plain"]
)
def test_nothing_is_wider_than_the_page(
    browser: Browser, tmp_path: Path, text: str, width: int, scheme: str
) -> None:
    with opened(browser, tmp_path, postmortem(text), width=width, scheme=scheme) as watched:
        watched.page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        assert watched.page.evaluate("document.documentElement.scrollWidth") == width
        assert watched.page.evaluate(_TOO_WIDE) == []


@pytest.mark.parametrize("width", [1280, 480, 360])
def test_no_line_ends_inside_a_time_a_duration_an_id_or_a_name(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    id_ = "c084e0b3-e416-455a-aee6-04e2f47fa260"
    text = f"observastack-backend took 28 min 30 s (10.9 %) at 2026-11-23T18:39:00Z, said [{id_}]"
    with opened(browser, tmp_path, postmortem(text), width=width) as watched:
        page = watched.page
        page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
        assert page.locator("#suspects .whole", has_text="2026-11-23T18:39:00Z").count() >= 4
        assert page.evaluate(_BROKEN) == []
        assert page.evaluate(_TOO_WIDE) == []


def test_the_page_is_dark_where_the_reader_s_system_is_and_white_on_paper(
    browser: Browser, tmp_path: Path
) -> None:
    def colour(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with opened(browser, tmp_path, postmortem(), scheme="light") as watched:
        assert colour(watched.page) == "rgb(255, 255, 255)"
    with opened(browser, tmp_path, postmortem(), scheme="dark") as watched:
        assert colour(watched.page) == "rgb(20, 24, 29)"
        watched.page.emulate_media(media="print")
        assert colour(watched.page) == "rgb(255, 255, 255)"


def test_what_is_folded_can_be_read_on_paper(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, postmortem()) as watched:
        sample = watched.page.locator("#errors details pre").first
        assert not sample.is_visible()
        watched.page.emulate_media(media="print")
        watched.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert sample.is_visible()
        assert not watched.page.locator(".toc").is_visible()
        assert watched.page.locator("details.rest[open]").count() == 0
        watched.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert watched.page.locator("#errors details[open]").count() == 0


def test_the_arrow_keys_walk_along_the_chart(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, postmortem()) as watched:
        page = watched.page
        page.locator(".charts").focus()
        page.keyboard.press("ArrowRight")
        first = page.locator("#tip").inner_text()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert page.locator("#tip").inner_text() != first
        page.keyboard.press("Escape")
        assert not page.locator("#tip").is_visible()


def test_a_link_to_evidence_leads_to_its_row(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, postmortem()) as watched:
        page = watched.page
        page.locator("#timeline .evidence a").first.click()
        target = page.locator(":target")
        assert "log:0123456789abcdef" in target.inner_text()
        page.locator("#suspects .evidence a", has_text="span").first.click()
        assert page.locator(":target").get_attribute("id") == "span-2"
        assert page.locator(":target").is_visible()


def test_without_its_script_the_page_says_the_same(browser: Browser, tmp_path: Path) -> None:
    path = postmortem().save(tmp_path / "postmortem.html")
    texts = []
    for runs in (True, False):
        context = browser.new_context(java_script_enabled=runs)
        page = context.new_page()
        page.goto(path.as_uri())
        texts.append(page.locator("main").inner_text())
        assert page.locator("svg.panel.wide").count() == 2
        context.close()
    assert texts[0] == texts[1]


def test_a_post_mortem_of_nothing_opens_quietly(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, Postmortem("Quiet", WINDOW)) as watched:
        assert "Nothing has been summarised." in watched.page.locator("main").inner_text()
        assert watched.page.locator(".glance").count() == 0


def test_in_a_notebook_the_page_stands_in_a_frame_of_its_own(browser: Browser, tmp_path: Path) -> None:
    html = postmortem(script_line())._repr_html_()
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><title>notebook</title><body>{html}</body>", encoding="utf-8")
    context = browser.new_context()
    watched = Watched(context.new_page())
    watched.page.goto(path.as_uri())
    frame = watched.page.frame_locator("iframe")
    assert script_line() in frame.locator("h1").inner_text()
    assert watched.page.evaluate("document.scripts.length") == 0
    assert watched.trouble == []
    assert [url for url in watched.requests if url.startswith(("http", "ws"))] == []
    context.close()
