"""``obsnb lab``: the small system that breaks on purpose, an extra."""

from __future__ import annotations

import argparse
import importlib.util

from obsnb.cli.words import Commands
from obsnb.errors import MissingExtraError, UsageError
from obsnb.lab.words import add_words

__all__ = ["add"]

_NEEDED = ("fastapi", "sqlalchemy", "opentelemetry.sdk", "prometheus_client", "jwt", "uvicorn")


def add(commands: Commands) -> None:
    """Make the command known."""
    add_words(commands).set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    if importlib.util.find_spec("fcntl") is None:
        raise UsageError("The lab runs on Linux and macOS only: its processes are forked.")
    for name in _NEEDED:  # its processes import them; here it is enough to know that they are there
        if not _is_there(name):
            raise MissingExtraError(
                f"The lab needs {name}, which is not installed.", hint='pip install "obsnb[lab]"'
            )
    from obsnb.lab.commands import run_command

    return run_command(asked)


def _is_there(name: str) -> bool:
    """Whether a package can be imported; a part of one that is missing is missing, too."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
