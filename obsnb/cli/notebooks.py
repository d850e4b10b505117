"""``obsnb notebooks``: copies of the bundled runbooks."""

from __future__ import annotations

import argparse
from pathlib import Path

from obsnb.cli.words import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    books = commands.add_parser("notebooks", help="copy the bundled runbooks for editing")
    books.add_argument("folder", help="where to; what is there already is left as it is")
    books.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    import shutil

    from obsnb.archive.bundled import runbooks

    folder = Path(asked.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for source in runbooks().values():
        target = folder / source.name
        if target.exists():
            print(f"{target} is there already and was left as it is.")
            continue
        shutil.copyfile(source, target)
        print(target)
    return 0
