"""``obsnb run``: a runbook, headless."""

from __future__ import annotations

import argparse
import json
from typing import Any

from obsnb.cli.terminal import progress, tell
from obsnb.cli.words import Commands, absolute, add_window, pair, scope_of, window_of
from obsnb.instants import format_ns

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    run = commands.add_parser(
        "run",
        help="run a runbook headless",
        epilog="Exit codes: 0 well, 1 a cell failed (it says which), 2 the call's words were off.",
    )
    run.add_argument("runbook", help="a notebook's path, or a bundled one's name")
    run.add_argument("--archive", help="a frozen incident: a path or a bundled name")
    run.add_argument("--profile", help="ask the live servers of this profile of obsnb.toml")
    add_window(run)
    run.add_argument("--scope", action="append", default=[], metavar="KEY=VALUE", help="namespace=prod")
    run.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter, as Python writes it"
    )
    run.add_argument("--out", default=".", metavar="FOLDER", help="where to write (here)")
    run.add_argument("--json", action="store_true", help="for scripts: what was found and written")
    run.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    import ast

    from obsnb.runbook import run_runbook

    parameters: dict[str, Any] = {}
    if asked.archive:
        parameters["ARCHIVE"] = absolute(asked.archive)
    if asked.profile is not None:
        parameters["PROFILE"] = asked.profile
    window = window_of(asked)
    if window is not None:
        parameters |= {"START": format_ns(window.start_ns), "END": format_ns(window.end_ns)}
    if asked.scope:
        parameters["SCOPE"] = scope_of(asked.scope)
    for text in asked.set:
        name, value = pair(text, "--set", "OBJECTIVE=0.99")
        try:
            parameters[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parameters[name] = value
    with progress() as on_cell:
        result = run_runbook(asked.runbook, out=asked.out, parameters=parameters, on_cell=on_cell)
    if asked.json:
        written = [str(path) for path in result.written]
        told = {"notebook": str(result.notebook), "written": written, "findings": dict(result.findings)}
        print(json.dumps(told, indent=2))
        return 0
    tell(result.findings)
    for path in (result.notebook, *result.written):
        print(path)
    return 0
