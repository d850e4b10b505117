"""``obsnb archive``: a frozen incident, looked at, joined with another, or redacted more strictly."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from obsnb.cli.terminal import printable
from obsnb.cli.words import Commands
from obsnb.errors import UsageError

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Make the command known."""
    archive = commands.add_parser(
        "archive",
        help="show, verify, merge or redact frozen incidents",
        description="show lists what was asked; verify holds every row to its digest; merge joins several of "
        "one scope; redact writes one anew by the policy in obsnb.toml ([redact]).",
    )
    archive.add_argument("action", choices=["show", "verify", "merge", "redact"])
    archive.add_argument("archive", nargs="+", help="a path or a bundled name; several for merge")
    archive.add_argument("--out", metavar="PATH", help="where merge and redact write: a folder, or .obsnb")
    archive.add_argument("--replace", action="store_true", help="replace an archive that is there already")
    archive.add_argument("--json", action="store_true", help="for scripts")
    archive.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    if asked.action in {"merge", "redact"}:
        return _write(asked)
    if asked.out or len(asked.archive) > 1:
        raise UsageError(f"archive {asked.action} looks at one archive, and writes nothing.")
    return _show(asked)


def _show(asked: argparse.Namespace) -> int:
    import obsnb
    from obsnb.views.formats import counted

    (path,) = asked.archive
    obs = obsnb.open_archive(path)  # the files' bytes are checked on opening
    if asked.action == "verify":
        obs.verify()
    records = obs.recorded
    if asked.json:
        print(json.dumps([record.to_dict() for record in records], indent=2))
    elif asked.action == "verify":
        print(f"{path}: whole, {counted(len(records), 'query', 'queries')}, every digest holds.")
    else:
        print(f"{path}: {obs.window}, scope {dict(obs.scope)}")
        print(f"redacted: {_counts(obs.redactions)}")
        for record in records:
            name = record.role or record.asked
            rows = f"{record.rows:>9,} rows"
            print(
                printable(f"{record.number:4} {record.kind:9} {rows}  complete: {record.complete:7} {name}")
            )
    return 0


def _write(asked: argparse.Namespace) -> int:
    from obsnb.archive.rewriting import merge, redact
    from obsnb.connection.redaction import default_redactor
    from obsnb.views.formats import counted

    if not asked.out:
        raise UsageError(f"archive {asked.action} needs --out, where it writes.")
    if (asked.action == "redact") != (len(asked.archive) == 1):
        raise UsageError(f"archive {asked.action} takes {'one' if asked.action == 'redact' else 'several'}.")
    if asked.action == "merge":
        made = merge(asked.archive, asked.out, redactor=default_redactor(), replace=asked.replace)
    else:
        made = redact(
            asked.archive[0],
            asked.out,
            redactor_of=lambda key: default_redactor(own_key=key),
            replace=asked.replace,
        )
    if asked.json:
        told = {"path": str(made.path), "queries": made.queries, "redactions": dict(made.redactions)}
        print(json.dumps(told, indent=2))
    else:
        print(
            f"{made.path}: {counted(made.queries, 'query', 'queries')}; redacted: {_counts(made.redactions)}"
        )
    return 0


def _counts(redactions: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in redactions.items()) or "nothing"
