"""``obsnb notes``: the text file in which people write what only they know."""

from __future__ import annotations

import argparse

from obsnb.cli.words import Commands

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    notes = commands.add_parser("notes", help="begin the text file in which people write what only they know")
    notes.add_argument("archive", help="a frozen incident: a path")
    notes.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    import obsnb
    from obsnb.report.notes import Notes

    obs = obsnb.open_archive(asked.archive)
    path = obs.notes_path
    if path is None or path.exists():
        print(f"{path} is there already and was left as it is.")
        return 0
    path.write_text(Notes.template(title=obs.name), "utf-8")
    print(f"{path}\nWrite in it, then: obsnb render {asked.archive} --out postmortem.html")
    return 0
