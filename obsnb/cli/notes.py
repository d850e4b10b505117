"""``obsnb notes``: the text file in which people write what only they know."""

from __future__ import annotations

import argparse
from pathlib import Path

from obsnb.cli.words import Commands
from obsnb.errors import UsageError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    notes = commands.add_parser("notes", help="begin the text file in which people write what only they know")
    notes.add_argument("archive", help="a frozen incident: a path or a bundled name")
    notes.add_argument("--out", metavar="FILE", help="where to (the archive's own notes.toml)")
    notes.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    import obsnb
    from obsnb.report.notes import Notes

    obs = obsnb.open_archive(asked.archive)
    if asked.out is None and not Path(asked.archive).exists():
        raise UsageError(
            f"{asked.archive} is bundled with obsnb, and nothing is written into it.",
            hint="Say where to: --out notes.toml.",
        )
    path = Path(asked.out) if asked.out else obs.notes_path
    if path is None or path.exists():
        print(f"{path} is there already and was left as it is.")
        return 0
    path.write_text(Notes.template(title=obs.name), "utf-8")
    named = f" --notes {path}" if asked.out else ""
    print(f"{path}\nWrite in it, then: obsnb render {asked.archive}{named} --out postmortem.html")
    return 0
