"""``obsnb strip``: notebooks without what their cells put out, for git."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from obsnb.cli.words import Commands
from obsnb.errors import UsageError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    strip = commands.add_parser(
        "strip",
        help="take the outputs out of notebooks, for git",
        description="Takes outputs, counts of execution and the state of widgets out of notebooks, in place.",
        epilog="Exit codes: 0 well; with --check 1 where a notebook has something to take out.",
    )
    strip.add_argument("notebook", nargs="+", help="a notebook's path")
    strip.add_argument("--check", action="store_true", help="change nothing, say which have outputs")
    strip.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    found = False
    for name in asked.notebook:
        path = Path(name)
        book = _read(path)
        if not _strip(book):
            continue
        found = True
        print(f"{path}{' has outputs' if asked.check else ''}")
        if not asked.check:
            half = path.with_name(f".{path.name}.part")
            half.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf-8")
            half.replace(path)
    return 1 if asked.check and found else 0


def _read(path: Path) -> dict[str, Any]:
    try:
        book = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        book = None
    if not isinstance(book, dict) or not isinstance(book.get("cells"), list):
        raise UsageError(f"{path} is not a notebook.", hint="A notebook is a JSON file with cells.")
    return book


def _strip(book: dict[str, Any]) -> bool:
    """Take out what was put out; whether there was any."""
    before = json.dumps(book)
    for cell in book["cells"]:
        if cell.get("cell_type") == "code":
            cell |= {"outputs": [], "execution_count": None}
            for name in ("execution", "ExecuteTime"):
                cell.get("metadata", {}).pop(name, None)
    book.get("metadata", {}).pop("widgets", None)
    return json.dumps(book) != before
