"""What holds for every test."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from tests.requirements import require

# A test says whether something is right, not how fast a busy machine was.
settings.register_profile("obsnb", deadline=None)
settings.load_profile("obsnb")

# Tests make and drop many objects that no cycle holds. To look for cycles as often as Python does by itself
# takes a sixth of the time of those that read recorded traces.
gc.set_threshold(10_000, 20, 20)

#: Files of few tests that take long: they start kernels and labs, or make hundreds of runs. Not those of
#: the browser, which would all start at once.
_LONG = (
    "tests/test_runbooks_find.py",
    "tests/lab/test_running.py",
    "tests/faults/",
    "tests/cli/test_commands.py",
    "tests/test_guide.py",
    "tests/evaluation/",
    "tests/connection/test_downloading",
    "tests/report/test_forms.py",
    "tests/views/widgets/test_saved_board.py",
    "tests/analysis/test_guide_hostile.py",
    "notebooks/",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window: one a process, in which Playwright can run but once."""
    path = require("chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield running
        running.close()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for what could be freed: what is collected stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, then those of many tests: no process is left alone with a long one at the end."""
    many = Counter(item.nodeid.split("::")[0] for item in items)

    def place(item: pytest.Item) -> tuple[int, int]:
        late = next((at for at, name in enumerate(_LONG) if item.nodeid.startswith(name)), len(_LONG))
        return late, 0 if late < len(_LONG) else -many[item.nodeid.split("::")[0]]

    items.sort(key=place)
