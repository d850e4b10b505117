"""Programs that some tests need: where they are missing, a test is skipped, or fails in CI."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

_COMMANDS = {"chromium": ("chromium", "chromium-browser", "google-chrome", "chrome")}
#: Where Debian puts what is on nobody's path: a folder a release.
_FOLDERS = {"postgres": ("/usr/lib/postgresql", "*/bin/postgres")}


def require(name: str) -> str:
    """The path of a program.

    Where it is missing, the test is skipped; where ``OBSNB_REQUIRE`` (names, separated by commas)
    holds its name, the test fails.
    """
    for command in _COMMANDS.get(name, (name,)):
        path = shutil.which(command)
        if path is not None:
            return path
    folder, pattern = _FOLDERS.get(name, ("/", ""))
    for found in sorted(Path(folder).glob(pattern)) if pattern else ():
        return str(found)
    return _missing(f"{name} is not installed", name)


def require_module(name: str) -> ModuleType:
    """An optional module, imported; where it cannot be, the test is skipped or fails as with `require`.

    The libraries that it needs may be missing too, so any error of loading them counts.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        return _missing(f"{name} cannot be loaded: {error}", name)


def _missing(message: str, name: str) -> NoReturn:
    if name in os.environ.get("OBSNB_REQUIRE", "").replace(",", " ").split():
        pytest.fail(f"{message}, and OBSNB_REQUIRE asks for it")
    pytest.skip(message)
