"""A game day: a fault that nobody is told, what the investigator writes down, and how near it is.

The truth lies in the archive's folder, sealed so that it is not read by accident; it is no secret from
who wants to open it.
"""

from __future__ import annotations

import base64
import json
import random
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from obsnb.errors import UsageError, WindowError
from obsnb.instants import format_ns, parse_instant
from obsnb.lab.faults.catalogue import FAULTS, Fault
from obsnb.lab.recording import write_truth
from obsnb.lab.roster import Roster

__all__ = ["ANSWER", "SEALED", "Score", "draw_fault", "reveal", "score", "seal"]

SEALED, ANSWER = "truth.sealed", "answer.toml"
_WITHIN_S = 60.0
_TEMPLATE = """\
# What went wrong here? Fill in what you found, then: obsnb lab reveal THIS_FOLDER
service = ""    # where it began: a service, the database (sqlite), or the page (frontend)
fault = ""      # which of: {faults}
onset = ""      # such as 2026-11-26T12:03:20Z
recovery = ""
"""


@dataclass(frozen=True)
class Score:
    """How near an answer is.

    Attributes
    ----------
    points, most
        Reached, and to be had.
    told
        A sentence for each question.
    """

    points: int
    most: int
    told: tuple[str, ...]


def draw_fault(roster: Roster, *, seed: int | None = None) -> Fault:
    """Any fault that the lab's services can have and that shows without a browser."""
    draw = random.Random(seed) if seed is not None else random.SystemRandom()  # noqa: S311 - a game
    able = [f for f in FAULTS.values() if roster.of(f.strikes) and f.blames != "frontend"]
    return draw.choice(able)


def seal(folder: Path, truth: dict[str, Any]) -> Path:
    """Put the truth away, and begin the file that the answer goes into."""
    packed = base64.b64encode(zlib.compress(json.dumps(truth).encode())).decode()
    (folder / SEALED).write_text(packed + "\n", "utf-8")
    answer = folder / ANSWER
    if not answer.exists():
        answer.write_text(_TEMPLATE.format(faults=", ".join(FAULTS)), "utf-8")
    return answer


def reveal(folder: Path) -> tuple[dict[str, Any], Score]:
    """The truth of an archive, which is written out, and what the answer is worth.

    Raises
    ------
    UsageError
        The archive has no sealed truth, or the answer cannot be read.
    """
    path = folder / SEALED
    if not path.is_file():
        raise UsageError(
            f"{folder} holds no sealed truth.", hint="obsnb lab run --secret --out FOLDER makes one."
        )
    truth: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(path.read_text("utf-8"))))
    try:
        answer = tomllib.loads((folder / ANSWER).read_text("utf-8"))
    except FileNotFoundError:
        answer = {}
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{folder / ANSWER} cannot be read: {error}.") from None
    write_truth(folder, truth)
    return truth, score(truth, answer)


def score(truth: dict[str, Any], answer: dict[str, Any]) -> Score:
    """What an answer is worth: 40 for the service, 30 for the fault, 20 for the onset, 10 for the recovery.

    The service that the trouble shows in gives half of what the one at the root does.

    Examples
    --------
    >>> truth = {"root_cause": {"service": "sqlite", "via": "backend", "fault": "dropped-index"},
    ...          "onset": 1795694000.0, "recovery": None}
    >>> score(truth, {"service": "backend", "fault": "dropped-index", "onset": "2026-11-26T11:53:40Z"})
    Score(points=70, most=90, told=('service: backend shows it; it began at sqlite.', ...))
    """
    cause = truth["root_cause"] or {}
    service, fault = str(answer.get("service", "")), str(answer.get("fault", ""))
    at, via = str(cause.get("service", "none")), cause.get("via")
    points, told = 0, []
    if service == at:
        points += 40
        told.append(f"service: {at}, right.")
    elif service and service == via:
        points += 20
        told.append(f"service: {service} shows it; it began at {at}.")
    else:
        told.append(f"service: {service or 'nothing'}; it was {at}.")
    right = fault == cause.get("fault")
    points += 30 if right else 0
    told.append(
        f"fault: {fault or 'nothing'}{', right' if right else '; it was ' + str(cause.get('fault'))}."
    )
    most = 70
    for name, worth in (("onset", 20), ("recovery", 10)):
        if truth.get(name) is not None:
            most += worth
            off = _seconds_off(answer.get(name), truth[name])
            points += worth if off is not None and off <= _WITHIN_S else 0
            was = format_ns(int(truth[name] * 1e9))
            told.append(f"{name}: {'nothing' if off is None else f'{off:.0f} s off'}; it was {was}.")
    return Score(points, most, tuple(told))


def _seconds_off(said: Any, truth: float) -> float | None:
    try:
        return abs(parse_instant(said) / 1e9 - truth) if said else None
    except (WindowError, UsageError):
        return None
