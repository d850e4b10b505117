"""The command line's entry: words in, an exit code out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from obsnb.cli import (
    archive,
    capture,
    check,
    compare,
    completion,
    demo,
    doctor,
    lab,
    new_runbook,
    notebooks,
    notes,
    render,
    run,
    strip,
)
from obsnb.errors import ObsnbError, UsageError

__all__ = ["main"]

_COMMANDS = (
    *(demo, run, render, notes, compare, check, capture, archive, doctor),
    *(notebooks, new_runbook, strip, completion, lab),
)


_CODES = "Exit codes: 0 well, 1 it failed and said why, 2 the call's words were off."
_GONE = 141  # as a shell says of a process that a closed pipe ended


class _Screen(argparse.HelpFormatter):
    """Each command on a line of its own, beside what it does, so that all of them fit on a screen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=18)

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):
            known = action._get_subactions()
            return "".join(super(_Screen, self)._format_action(one) for one in known)
        return super()._format_action(action)


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; the exit code."""
    parser = _parser()
    asked = parser.parse_args(words)
    if not hasattr(asked, "do"):
        parser.print_help()
        return 2
    try:
        code: int = asked.do(asked)
        sys.stdout.flush()
    except (ObsnbError, OSError, KeyboardInterrupt) as error:
        return _failed(error)
    return code


def _failed(error: BaseException) -> int:
    """Say what failed and what to do next; the exit code."""
    if isinstance(error, BrokenPipeError):
        # Whoever read has gone, as head does: nothing is said, nor when the interpreter ends and flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _GONE
    if isinstance(error, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
        return 130
    if isinstance(error, OSError) and not isinstance(error, ObsnbError):
        said = f"{error.filename}: {error.strerror}." if error.filename else f"{error}."
        print(f"{said}\nHint: Is it the right path, and may you read or write there?", file=sys.stderr)
        return 1
    print(error, file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def _parser() -> argparse.ArgumentParser:
    from obsnb import __version__

    parser = argparse.ArgumentParser(
        prog="obsnb",
        usage="obsnb [-h] [--version] COMMAND ...",
        add_help=False,
        formatter_class=_Screen,
        description="Investigate incidents in Loki, Prometheus and Tempo, live or frozen.",
        epilog="Exit codes: 0 well, 1 something failed or check found something, 2 the call's words were "
        "off, 3 check could not read a file, 130 interrupted, 141 the reader of the output has gone.",
    )
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    version = f"obsnb {__version__}"
    parser.add_argument("--version", action="version", version=version, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog="obsnb")
    for command in _COMMANDS:
        command.add(commands)
    for known in commands.choices.values():
        known.epilog = known.epilog or _CODES
    return parser
