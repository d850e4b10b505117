"""Programs that some tests need: where they are missing, a test is skipped, or fails in CI."""

from __future__ import annotations

import os
import shutil

import pytest

_COMMANDS = {"chromium": ("chromium", "chromium-browser", "google-chrome", "chrome")}


def require(name: str) -> str:
    """The path of a program.

    Where it is missing, the test is skipped; where ``OBSNB_REQUIRE`` (names, separated by commas)
    holds its name, the test fails.
    """
    for command in _COMMANDS.get(name, (name,)):
        path = shutil.which(command)
        if path is not None:
            return path
    message = f"{name} is not installed"
    if name in os.environ.get("OBSNB_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"{message}, and OBSNB_REQUIRE asks for it")
    pytest.skip(message)
