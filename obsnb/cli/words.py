"""What several commands read from their words."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from obsnb.errors import UsageError

__all__ = ["Commands", "absolute", "add_window", "pair", "scope_of", "window_of"]

if TYPE_CHECKING:
    from obsnb.timerange import TimeRange

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = object


def pair(text: str, option: str, example: str) -> tuple[str, str]:
    """The name and the value in ``NAME=VALUE``; `UsageError` names the option otherwise, with an example."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option}: {text!r} has no name and value.", hint=f"Such as {option} {example}.")
    return name, value


def scope_of(texts: Iterable[str]) -> dict[str, str]:
    """What each ``--scope KEY=VALUE`` says."""
    return dict(pair(text, "--scope", "namespace=prod") for text in texts)


def absolute(archive: str) -> str:
    """A path that holds in the kernel's folder too; a bundled name stays one.

    Raises
    ------
    ArchiveError
        There is no frozen incident; said before a kernel is started.
    """
    from obsnb.archive.bundled import incident_path
    from obsnb.archive.container import open_container

    path = Path(archive)
    if not path.exists() and incident_path(archive) is not None:
        return archive
    open_container(path)
    return str(path.resolve())


def add_window(parser: argparse.ArgumentParser) -> None:
    """The options that say a window."""
    parser.add_argument("--last", metavar="LENGTH", help="the time until now, such as 2h")
    parser.add_argument("--from", dest="start", metavar="TIME", help='such as "2026-11-23T18:00Z"')
    parser.add_argument("--to", dest="end", metavar="TIME", help="without, until now")


def window_of(asked: argparse.Namespace) -> TimeRange | None:
    """The window that the options say; None where they say none."""
    from obsnb.timerange import window

    if asked.last and (asked.start or asked.end):
        raise UsageError("--last goes without --from and --to.")
    if asked.end and not asked.start:
        raise UsageError("--to goes with --from.")
    if asked.last:
        return window(last=asked.last)
    return window(asked.start, asked.end) if asked.start else None
