"""``obsnb compare``: two incidents, or a good day and an incident, side by side."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from obsnb.cli.terminal import plain_text, printable
from obsnb.cli.words import Commands

if TYPE_CHECKING:
    from obsnb.report.comparison import Comparison

__all__ = ["add"]

_LONGEST = 120
_STYLES = {"new": "bold red", "gone": "green", "same": ""}


def add(commands: Commands) -> None:
    """Make the command known."""
    compare = commands.add_parser(
        "compare",
        help="put two incidents, or a good day and an incident, side by side",
        description="Which errors, statements, patterns of log lines and suspects are new in B, gone since "
        "A, or in both.",
    )
    compare.add_argument("a", help="a frozen incident or good day: a path or a bundled name")
    compare.add_argument("b", help="the one that is compared with it")
    compare.add_argument("--out", metavar="FILE", help="write it, as .html or .md")
    compare.add_argument("--json", action="store_true", help="for scripts")
    compare.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    from pathlib import Path

    import obsnb
    from obsnb.report.comparison import check_comparison_place

    if asked.out:
        check_comparison_place(Path(asked.out))
    made = obsnb.compare(asked.a, asked.b)
    if asked.json:
        print(json.dumps(made.to_dict(), indent=2))
    elif not asked.out:
        _print(made)
    if asked.out:
        written = made.save(asked.out)
        if not asked.json:
            print(written)
    return 0


def _print(made: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    from obsnb.report.comparison import parts
    from obsnb.views.formats import shorten

    console = Console()
    for letter, name, when in made.periods:
        print(printable(f"{letter}: {name}, {when}"))
    for part in parts(made):
        print(f"\n{part.heading}: {part.counts}")
        if not part.rows:
            continue
        table = Table(box=None, pad_edge=False, header_style="dim")
        for heading in ("", "what", "service"):
            table.add_column(heading, overflow="fold", no_wrap=not heading)
        for heading in ("A", "B", "B/A"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in part.rows:
            figures = (row.a.replace(", ", "\n"), row.b.replace(", ", "\n"), row.times)
            name = plain_text(shorten(row.name, _LONGEST))
            words = (plain_text(row.change), name, plain_text(row.service))
            table.add_row(*words, *figures, style=_STYLES[row.change])
        console.print(table)
        if part.left_out:
            print(part.rest)
