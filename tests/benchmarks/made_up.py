"""Made-up answers of Prometheus, the same each time."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

__all__ = ["POINTS", "SERIES", "START_S", "STEP_S", "matrix", "openmetrics"]

SERIES, POINTS = 250, 4_000
START_S, STEP_S = 1_795_392_000, 15


def _values() -> Iterator[tuple[dict[str, str], list[str]]]:
    """Each series' labels and values: 15 to 17 digits, as rates have."""
    chance = random.Random(2026)
    for number in range(SERIES):
        labels = {"job": "api", "namespace": f"team-{number % 7}", "pod": f"api-{number:03d}"}
        yield labels, [repr(chance.random() * 100) for _ in range(POINTS)]


def matrix() -> bytes:
    """A range query's answer of a million points, as Prometheus writes it."""
    result = [
        {
            "metric": {"__name__": "made_up", **labels},
            "values": [[START_S + STEP_S * at, value] for at, value in enumerate(values)],
        }
        for labels, values in _values()
    ]
    reply = {"status": "success", "data": {"resultType": "matrix", "result": result}}
    return json.dumps(reply, separators=(",", ":")).encode()


def openmetrics() -> str:
    """The same points for ``promtool tsdb create-blocks-from openmetrics``."""
    lines = ["# TYPE made_up gauge"]
    for labels, values in _values():
        text = ",".join(f'{name}="{value}"' for name, value in labels.items())
        lines += [f"made_up{{{text}}} {value} {START_S + STEP_S * at}" for at, value in enumerate(values)]
    return "\n".join([*lines, "# EOF\n"])
