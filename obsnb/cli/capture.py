"""``obsnb capture``: what an investigation would ask, asked now and frozen."""

from __future__ import annotations

import argparse

from obsnb.cli.words import Commands, add_window, scope_of, window_of
from obsnb.errors import UsageError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    capture = commands.add_parser(
        "capture",
        help="freeze what an investigation of live servers would ask",
        description="Asks every built-in query of a scope and freezes the answers, redacted, so that the "
        "incident can be investigated when the servers have forgotten it.",
    )
    capture.add_argument("out", help="where to: a folder, or a file that ends in .obsnb")
    capture.add_argument("--profile", help="a profile of obsnb.toml")
    capture.add_argument("--scope", action="append", default=[], metavar="KEY=VALUE", help="namespace=prod")
    capture.add_argument("--replace", action="store_true", help="replace an archive that is there already")
    add_window(capture)
    capture.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    import obsnb
    from obsnb.views.formats import counted

    window = window_of(asked)
    scope = scope_of(asked.scope)
    if window is None or not scope:
        raise UsageError(
            "A capture needs a window and a scope.", hint="Such as --last 2h --scope namespace=prod."
        )
    with obsnb.connect(profile=asked.profile, frames="polars") as obs:
        # What an investigation asks: the window, and where it holds no baseline, the time before it.
        obsnb.investigate(obs, window, scope=scope).summary()
        obs.capture(window, scope=scope)
        path = obs.save(asked.out, window=window, scope=scope, replace=asked.replace)
        rows = sum(record.rows for record in obs.ledger)
        asked_of = counted(len(obs.ledger), "query", "queries")
        print(f"{path}: {asked_of}, {counted(rows, 'row')}, {window}")
        partial = [record for record in obs.ledger if record.complete == "no"]
    if not rows:
        print("Hint: Nothing is there of that scope and window; obsnb doctor says which names are known.")
    for record in partial:
        print(f"not complete: {record.role or record.asked}: {record.reason}")
    return 0
