"""The words of ``obsnb lab``, for `argparse`. It imports nothing that the extra brings."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_words"]

#: Options that few need, so that the help of the others fits on a screen.
_FINER: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--sample", {"default": "all", "metavar": "HOW"}),
    ("--seed", {"type": int, "default": 1, "metavar": "N"}),
    ("--name-seed", {"type": int, "metavar": "N"}),
    ("--port", {"type": int, "metavar": "N"}),
    ("--scrape", {"type": float, "default": 5.0, "metavar": "S"}),
    ("--day-minutes", {"type": float, "default": 60.0, "metavar": "N"}),
    ("--slow-query", {"type": float, "default": 0.2, "metavar": "S"}),
    ("--patience", {"type": float, "default": 1.5, "metavar": "S"}),
)
_EPILOG = f"docs/lab.md tells of the finer ones: {', '.join(name for name, _ in _FINER)}."


def add_words(commands: Any) -> argparse.ArgumentParser:
    """Add ``lab`` and what comes after it to a parser's commands."""
    lab: argparse.ArgumentParser = commands.add_parser(
        "lab", help="a small system that really runs, and breaks on purpose"
    )
    actions = lab.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    up = actions.add_parser("up", help="start it", usage="obsnb lab up [OPTIONS]", epilog=_EPILOG)
    _system(up)
    _state(up)
    down = actions.add_parser("down", help="end it")
    _state(down)
    down.add_argument("--out", metavar="FOLDER", help="freeze what it told into an archive, with the truth")
    broken = actions.add_parser("break", help="break something")
    broken.add_argument("fault")
    broken.add_argument("--service", metavar="NAME", help="which service, where there are several")
    _state(broken)
    mend = actions.add_parser("mend", help="mend a fault, or all")
    mend.add_argument("fault", nargs="?")
    _state(mend)
    run = actions.add_parser(
        "run",
        help="run a scenario from start to end, and freeze it",
        usage="obsnb lab run [OPTIONS] --out FOLDER [SCENARIO]",
        epilog=_EPILOG,
    )
    _run(run)
    _state(actions.add_parser("list", help="what can be broken, and what is"))
    reveal = actions.add_parser("reveal", help="tell what a secret run was, and score the answer")
    reveal.add_argument("archive", help="the folder that --out named")
    _state(actions.add_parser("scrape-config", help="a prometheus.yml that scrapes the lab that runs"))
    return lab


def _run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "scenario", nargs="?", metavar="SCENARIO", help="obsnb lab list names them; two faults as ONE+OTHER"
    )
    run.add_argument("--secret", action="store_true", help="a fault that you are not told")
    run.add_argument("--minutes", type=float, default=8.0, metavar="N", help="how long (8)")
    run.add_argument("--out", required=True, metavar="FOLDER", help="where the archive goes")
    run.add_argument("--replace", action="store_true", help="an archive that is there gives way")
    run.add_argument("--service", metavar="NAME", help="which service the fault strikes")
    run.add_argument("--keep", metavar="FOLDER", help="keep the OTLP files too, for obsnb.read_otlp")
    _system(run)


def _state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", default=".obsnb-lab", metavar="FOLDER", help="where it runs (.obsnb-lab)")


def _system(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--services", type=int, default=6, metavar="N", help="how many services, 3 to 40 (6)")
    parser.add_argument("--names", metavar="A,B,...", help="their names, the backend's first")
    parser.add_argument("--rate", type=float, default=4.0, metavar="N", help="requests a second (4)")
    parser.add_argument("--database", metavar="URL", help="such as postgresql+psycopg://... (SQLite)")
    parser.add_argument("--redis", metavar="URL", help="(a cache in the process)")
    parser.add_argument("--loki", metavar="URL", help="send logs there too, by OTLP")
    parser.add_argument("--tempo", metavar="URL", help="send traces to this OTLP/HTTP receiver too")
    parser.add_argument("--as-written", action="store_true", help="instrumented as the guide's code would be")
    for name, words in _FINER:
        parser.add_argument(name, help=argparse.SUPPRESS, **words)
