from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.lab import Lab
from tests.requirements import require_module


@pytest.fixture(scope="session")
def jupyterlab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all tests that need one: it takes long to start."""
    require_module("jupyterlab")
    expect.set_options(timeout=90_000)
    lab = Lab(browser, tmp_path_factory.mktemp("lab"))
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture
def lab(jupyterlab: Lab) -> Iterator[Lab]:
    """The JupyterLab; after the test nothing was asked of another machine, and the console has no error."""
    yield jupyterlab
    assert jupyterlab.strangers == []
    assert jupyterlab.errors == []


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Locator, str], Path]:
    """Keeps a picture of a part of the page in the folder that OBSNB_PICTURES names, else in pytest's own."""
    given = os.environ.get("OBSNB_PICTURES")
    folder = Path(given) if given else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)

    def keep(part: Locator, name: str) -> Path:
        path = folder / f"{name}.png"
        part.screenshot(path=path, animations="disabled")
        return path

    return keep
