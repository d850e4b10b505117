"""One lab that runs, for all tests of a file that ask it, break it and record it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

import obsnb
from obsnb.cli import main
from obsnb.instants import now_ns, parse_duration
from obsnb.lab.faults.catalogue import fault_named, struck_by
from obsnb.lab.faults.control import Control
from obsnb.lab.recording import fine_step, freeze, write_truth
from obsnb.lab.roster import roster_of
from obsnb.lab.running import running_settings
from obsnb.lab.settings import LabSettings

#: Scenario → its fault, the service that it strikes, and the button that is clicked while it is on.
SCENARIOS = {
    "frontend": ("frontend-release", None, "dashboard"),
    "data-source": ("source-timeout", "logs-store", "search"),
    "authentication": ("identity-failing", None, "login"),
    "slow-query": ("dropped-index", None, "search"),
}

#: The archive of the lab's whole life, beside those of the scenarios.
WHOLE = "whole"


class Running:
    """What the tests ask a lab."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: LabSettings = running_settings(folder)
        self.client = httpx.Client(base_url=self.settings.url("backend"), timeout=60, trust_env=False)
        self.session = int((folder / "pid").read_text())
        asked = {"user": "user-acme-0", "tenant": "acme", "secret": self.settings.key}
        answer = self.client.post("/api/v1/login", json=asked).raise_for_status()
        self.token = answer.json()["access_token"]

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """As a user who is logged in."""
        headers = {"authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return self.client.request(method, path, headers=headers, **more)

    def debug(self, method: str, path: str) -> httpx.Response:
        """As whoever has the lab's key."""
        return self.ask(method, f"/debug{path}", headers={"x-debug-key": self.settings.key})


@dataclass(frozen=True)
class Recorded:
    """A scenario that was recorded.

    The clicks before and while it was broken are a trace id and a correlation id each.
    """

    path: Path
    truth: dict[str, Any]
    before: tuple[str, str]
    during: tuple[str, str]
    shown: str


def of_session(session: int) -> list[int]:
    """The processes that a lab's first one started, and it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def until(true: Callable[[], bool]) -> None:
    """Look again and again; what never comes fails, however busy the machine is."""
    deadline = time.monotonic() + 240
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A lab, started and ended by the commands; ended earlier where `recorded` was asked for."""
    folder = tmp_path_factory.mktemp("lab") / "state"
    # Patient enough for a busy machine: what is too late by a second fails in the lab too.
    words = ["--state", str(folder), "--rate", "1", "--scrape", "2", "--services", "8"]
    words += ["--slow-query", "0.05", "--patience", "6"]
    assert main(["lab", "up", *words]) == 0
    running = Running(folder)
    yield running
    running.client.close()
    if of_session(running.session):
        main(["lab", "down", "--state", str(folder)])


class _Visitor:
    """Somebody before the page."""

    def __init__(self, page: Page, url: str, key: str) -> None:
        self.page, self.stopped = page, list[str]()
        page.set_default_timeout(120_000)  # a busy machine is no failure
        page.on("console", lambda line: self.stopped.append(line.text) if "Security" in line.text else None)
        page.goto(f"{url}/#key={key}")
        page.wait_for_selector("body[data-ready]")

    def click(self, button: str) -> tuple[str, str]:
        """Click, wait until it is done; the trace id and the correlation id."""
        before = int(self.page.evaluate("document.body.dataset.clicks ?? 0"))
        self.page.click(f"#{button}")
        self.page.wait_for_selector(f'body[data-clicks="{before + 1}"]')
        told = self.page.inner_text("#foot").rpartition(" ")[2]
        return str(self.page.evaluate("document.body.dataset.trace")), told


@pytest.fixture(scope="module")
def recorded(lab: Running, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    """Four scenarios, one after the other, each frozen for itself when the lab has ended."""
    with browser.new_page() as page:
        visitor = _Visitor(page, lab.settings.url("backend"), lab.settings.key)
        visitor.click("login")
        played = {name: _played(lab.settings, visitor, *what) for name, what in SCENARIOS.items()}
        assert visitor.stopped == []
    out = tmp_path_factory.mktemp("archives")
    assert main(["lab", "down", "--state", str(lab.folder), "--out", str(out / WHOLE)]) == 0
    return {name: _frozen(lab.settings, out / name, name, *told) for name, told in played.items()}


_Played = tuple[obsnb.TimeRange, tuple[str, str], tuple[str, str], str]


def _played(settings: LabSettings, visitor: _Visitor, name: str, service: str | None, button: str) -> _Played:
    control, fault = Control(settings.path), fault_named(name)
    start = now_ns()
    before, clicked = visitor.click("search"), now_ns()
    control.begin(fault, struck_by(fault, roster_of(settings), service))
    visitor.page.wait_for_timeout(300)  # faults are looked for ten times a second
    visitor.page.fill("#text", f"never asked before {name}")
    during = visitor.click(button)
    shown = visitor.page.inner_text("#view")
    control.end()
    visitor.page.wait_for_timeout(700)  # the page sends what it tells every half second
    # Long enough for a scrape after the first click and a step of the recorded metrics after that: on a
    # fast machine both clicks are done before either, and the window would hold no sample of them.
    told_ns = clicked + round(settings.scrape_s * 10**9)
    step_ns = parse_duration(fine_step(settings))
    whole_ns = (told_ns // step_ns + 2) * step_ns
    until(lambda: now_ns() > whole_ns)
    return obsnb.TimeRange(start, now_ns()), before, during, shown


def _frozen(settings: LabSettings, out: Path, name: str, *told: Any) -> Recorded:
    window, before, during, shown = told
    history = Control(settings.path).history()
    path, truth = freeze(settings, out, window=window, history=history, scenario=name)
    write_truth(path, truth)
    return Recorded(path, truth, before, during, shown)
