"""The command line's entry: words in, an exit code out."""

from __future__ import annotations

import argparse
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


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say; the exit code."""
    parser = _parser()
    asked = parser.parse_args(words)
    if not hasattr(asked, "do"):
        parser.print_help()
        return 2
    try:
        code: int = asked.do(asked)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    except ObsnbError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    from obsnb import __version__

    parser = argparse.ArgumentParser(
        prog="obsnb",
        description="Investigate incidents in Loki, Prometheus and Tempo, live or frozen.",
        epilog="Exit codes: 0 well, 1 something failed or check found something, 2 the call's words were "
        "off, 3 check could not read a file, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"obsnb {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in _COMMANDS:
        command.add(commands)
    return parser
