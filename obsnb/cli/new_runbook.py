"""``obsnb new-runbook``: the beginning of a runbook of one's own."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from obsnb.cli.words import Commands
from obsnb.errors import UsageError

__all__ = ["add"]

_CELLS: tuple[tuple[str, str], ...] = (
    (
        "markdown",
        "# {title}\n\nWhich question does this runbook answer, and when is it the right one to ask?",
    ),
    (
        "parameters",
        'ARCHIVE = "slow-query"  # a frozen incident: a path, or the name of a bundled one\n'
        "PROFILE = None  # a profile of obsnb.toml; when set, the live servers are asked instead\n"
        'START = None  # "2026-11-23T18:00Z"; None is the archive\'s own window\n'
        "END = None\n"
        'SCOPE = None  # {{"namespace": "prod"}}; None is the archive\'s own scope\n'
        'OUT = "."  # where the findings and the report go',
    ),
    ("markdown", "## What is looked at, and compared with what"),
    (
        "code",
        "from pathlib import Path\n\nimport obsnb\n\n"
        "obs = obsnb.open_archive(ARCHIVE) if PROFILE is None else obsnb.connect(profile=PROFILE or None)\n"
        "window = obsnb.window(START, END) if START else None\n"
        "inv = obsnb.investigate(obs, window, scope=SCOPE)\n"
        'print("during:  ", inv.during)\nprint("baseline:", inv.baseline)',
    ),
    ("markdown", "## A hypothesis, and its test\n\nA sentence that could be wrong, and what would show it."),
    (
        "code",
        "errors = inv.error_groups()\n"
        'new = [row["message"] for row in errors.to_dicts() if row["is_new"]]\n'
        'inv.hypothesis(\n    "An error came with the incident.",\n'
        '    tested="error groups, during against before",\n'
        '    supports=[f"New: {{message}}" for message in new],\n'
        '    against=["No error is new."] if inv.baseline and not new else [],\n)',
    ),
    ("markdown", "## The finding, what was normal, and what could not be seen"),
    (
        "code",
        'finding = f"New errors: {{len(new)}}." if new else "No error is new."\n'
        'if not inv.baseline:\n    finding = "There is no baseline, so that no error can be called new."\n'
        'normal = ["Every error was there before."] if inv.baseline and not new else []\n'
        'not_seen = ["Whatever writes no error lines and sends no spans."]\n'
        "inv.conclude(finding, normal=normal, not_seen=not_seen)\n"
        'inv.save_findings(Path(OUT, "findings.json"))\n'
        'inv.postmortem().save(Path(OUT, "report.html"))\nprint(finding)',
    ),
)


def add(commands: Commands) -> None:
    """Make the command known."""
    new = commands.add_parser("new-runbook", help="begin a runbook of your own, which runs as it is")
    new.add_argument("path", help="where to, such as mine/70_queues.ipynb")
    new.add_argument("--title", help="its heading (the file's name)")
    new.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    path = Path(asked.path)
    if path.suffix != ".ipynb":
        raise UsageError(
            f"{path.name} is no notebook's name.", hint=f"Call it {path.with_suffix('.ipynb').name}."
        )
    if path.exists():
        raise UsageError(f"{path} is there already.", hint="Choose another name, or edit it.")
    title = asked.title or path.stem.lstrip("0123456789_- ").replace("_", " ").capitalize() or path.stem
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_book(title), indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{path}\nTry it: obsnb run {path} --out found/")
    return 0


def _book(title: str) -> dict[str, Any]:
    cells = []
    for number, (kind, text) in enumerate(_CELLS):
        cell: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}, "source": text.format(title=title)}
        if kind == "markdown":
            cell |= {"cell_type": "markdown"}
        else:
            cell |= {"cell_type": "code", "execution_count": None, "outputs": []}
        if kind == "parameters":
            cell["metadata"] = {"tags": ["parameters"]}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
