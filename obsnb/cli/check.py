"""``obsnb check``: what would leak if a file were sent."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from obsnb.cli.terminal import printable
from obsnb.cli.words import Commands

if TYPE_CHECKING:
    from obsnb.checking import Leak

__all__ = ["add"]

#: So many places of a kind in a file are printed; all of them are counted, and --json has all.
_SHOWN = 5
_FOUND, _UNREADABLE = 1, 3


def add(commands: Commands) -> None:
    """Make the command known."""
    check = commands.add_parser(
        "check",
        help="say what would leak if a file were sent",
        description="Looks for secrets and personal data in reports, archives, notebooks, tables and text, "
        "by the policy in obsnb.toml ([redact]).",
        epilog="Exit codes: 0 nothing found, 1 something found, 3 a file could not be read.",
    )
    check.add_argument(
        "file", nargs="+", help="HTML, Markdown, .ipynb, CSV, JSON, text, an archive, a folder"
    )
    check.add_argument("--profile", help="the profile of obsnb.toml whose policy holds")
    check.add_argument("--json", action="store_true", help="for scripts")
    check.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    from obsnb.checking import check
    from obsnb.connection.redaction import default_redactor

    redactor = default_redactor(profile=asked.profile)
    found = [check(path, redactor=redactor) for path in asked.file]
    leaks = [leak for one in found for leak in one.leaks]
    unreadable = [pair for one in found for pair in one.unreadable]
    if asked.json:
        failed = [{"file": file, "reason": reason} for file, reason in unreadable]
        print(json.dumps({"leaks": [asdict(leak) for leak in leaks], "unreadable": failed}, indent=2))
    else:
        _print(leaks)
        for file, reason in unreadable:
            print(printable(f"{file}: cannot be read: {reason}"), file=sys.stderr)
        read = [file for file, one in zip(asked.file, found, strict=True) if not one.unreadable]
        if leaks or read:
            print(_total(sum(leak.count for leak in leaks), len(leaks), read))
    return _FOUND if leaks else _UNREADABLE if unreadable else 0


def _print(leaks: list[Leak]) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for leak in leaks:
        seen[leak.file, leak.kind] += 1
        if seen[leak.file, leak.kind] <= _SHOWN:
            print(printable(f"{leak.file}: {leak.where}: {leak.kind}: {leak.excerpt}"))
    for (file, kind), places in seen.items():
        if places > _SHOWN:
            print(printable(f"{file}: {kind} in {places - _SHOWN:,} further places (--json lists them)"))


def _total(count: int, places: int, files: list[str]) -> str:
    from obsnb.views.formats import counted

    if not count:
        return f"Nothing found in {', '.join(files)}."
    return (
        f"{count:,} found in {counted(places, 'place')}.\n"
        "Hint: Save the report anew, or run obsnb archive redact; [redact] in obsnb.toml says what stays."
    )
