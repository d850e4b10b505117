"""``obsnb doctor``: every source: does it answer, which version, clock, limits, names, and what to change."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from obsnb.cli.terminal import printable
from obsnb.cli.words import Commands
from obsnb.errors import ObsnbError

if TYPE_CHECKING:
    from obsnb.connection import Connection
    from obsnb.settings import Settings

__all__ = ["add"]

#: A clock that is further off puts lines, samples and spans of one moment apart.
_SKEW_S = 2.0
_SEES = {"loki": "log lines", "prometheus": "metrics", "tempo": "traces"}


def add(commands: Commands) -> None:
    """Make the command known."""
    doctor = commands.add_parser(
        "doctor",
        help="see whether the sources answer, and what to change",
        description="Of every source: does it answer, which version, is its clock right, what are its "
        "limits; then which of its names obsnb knows, which settings hold, and what to change.",
        epilog="Exit codes: 0 all well, 1 a source is not.",
    )
    doctor.add_argument("--profile", help="a profile of obsnb.toml")
    doctor.add_argument("--json", action="store_true", help="for scripts: the sources alone, a row each")
    doctor.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    import obsnb
    from obsnb.settings import load

    with obsnb.connect(profile=asked.profile, frames="polars") as obs:
        rows = obs.health().to_dicts()
        if asked.json:
            print(json.dumps(rows, indent=2, default=str))
        else:
            _print(rows, obs, load(asked.profile))
    return 0 if all(row["status"] == "ok" for row in rows) else 1


def _print(rows: list[dict[str, Any]], obs: Connection, found: Settings) -> None:
    for row in rows:
        latency = "" if row["latency_s"] is None else f"{row['latency_s'] * 1000:.0f} ms"
        first, *further = (row["message"] or "").splitlines() or [""]
        said = f"{row['source']:12} {row['status']:12} {row['version'] or '':20} {latency:>8}  {first}"
        print(printable(said.rstrip()))
        for line in further:
            print(printable(f"             {line.strip()}"))
        limits = json.loads(row["limits"])
        if limits:
            print(printable("             limits: " + ", ".join(f"{k}={v}" for k, v in limits.items())))
    print(f"settings     {found.file or 'no obsnb.toml'}, profile {found.profile or 'none'}")
    key = "a key of your own" if found.redact_key else "a key an archive"
    print(f"redaction    {obs.redactor.policy!r}, {key}")
    print(printable(f"names        {_names(obs, rows)}"))
    for advice in _advice(rows, found):
        print(printable(f"Hint: {advice}"))


def _names(obs: Connection, rows: list[dict[str, Any]]) -> str:
    """Which of the labels that name a service the lines have."""
    if not any(row["source"].startswith("loki") and row["status"] == "ok" for row in rows):
        return "not looked for: no Loki answers"
    from obsnb.timerange import window

    try:
        labels = obs.labels(window(last="1h"))
    except ObsnbError as error:
        return f"not known: {error.what}"
    known = [name for name in obs.conventions.service_labels if name in labels]
    if known:
        return f"services by {', '.join(known)}"
    return f"no label of {', '.join(labels) or 'none'} names a service: set service_labels in [conventions]"


def _advice(rows: list[dict[str, Any]], found: Settings) -> list[str]:
    """What to change, a sentence each."""
    said = []
    for row in rows:
        skew = row["clock_skew_s"]
        if skew is not None and abs(skew) > _SKEW_S:
            said.append(
                f"The clock of {row['source']} is {skew:+.1f} s off; let both machines ask a time server."
            )
    there = {row["source"].split(".")[0] for row in rows}
    for kind, what in _SEES.items():
        if kind not in there:
            said.append(
                f"Without {kind} no {what} are seen: set OBSNB_{kind.upper()}_URL or its table in obsnb.toml."
            )
    if found.redact_key is None:
        said.append("With OBSNB_REDACT_KEY set, one user has one pseudonym in all archives.")
    return said
