"""``obsnb render``: an archive's post-mortem anew, with what people wrote."""

from __future__ import annotations

import argparse
from pathlib import Path

from obsnb.cli.words import Commands
from obsnb.errors import UsageError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    render = commands.add_parser("render", help="write an archive's post-mortem anew, with what people wrote")
    render.add_argument("archive", help="a frozen incident: a path or a bundled name")
    render.add_argument(
        "--out",
        default="postmortem.html",
        metavar="FILE",
        help=".html, .md, .pdf or .ipynb (postmortem.html)",
    )
    render.add_argument("--notes", metavar="FILE", help="the text file (the archive's own notes.toml)")
    render.add_argument("--title", help="its heading (what broke, by the data)")
    render.add_argument(
        "--audience",
        choices=("internal", "public"),
        default="internal",
        help="public leaves out what is not for everybody (internal)",
    )
    render.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    import obsnb
    from obsnb.report.forms import check_place

    if asked.notes and not Path(asked.notes).is_file():
        raise UsageError(
            f"There is no text file {asked.notes}.", hint="obsnb notes ARCHIVE --out FILE begins one."
        )
    check_place(Path(asked.out))  # before the minute that an investigation may take
    inv = obsnb.investigate(obsnb.open_archive(asked.archive))
    told = inv.postmortem(title=asked.title, notes=asked.notes).for_audience(asked.audience)
    print(told.save(asked.out))
    return 0
