"""How long something takes, against what, and a table of that."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Row", "fastest", "parser", "table"]

_SECONDS = 3.0


@dataclass(frozen=True)
class Row:
    """A figure, what it is held against, and whether that is reached.

    Attributes
    ----------
    what
        What was measured.
    took
        What it took.
    against
        What it is held against, and what that took.
    ratio
        The one by the other, as text.
    target
        What was to be reached, as text; empty where there is no target.
    reached
        Whether it was; None where there is no target.
    """

    what: str
    took: str
    against: str
    ratio: str
    target: str = ""
    reached: bool | None = None


def fastest(*functions: Callable[[], object], times: int = 5) -> list[float]:
    """Seconds of the fastest run of each, in turn at least so many times, and for some seconds.

    In turn, because what else the machine does then slows down all of them alike; the fastest, because
    nothing makes a run faster than it is.
    """
    best = [float("inf")] * len(functions)
    over = time.perf_counter() + _SECONDS
    rounds = 0
    while rounds < times or time.perf_counter() < over:
        for number, function in enumerate(functions):
            gc.collect()
            began = time.perf_counter()
            kept = function()
            best[number] = min(best[number], time.perf_counter() - began)
            del kept
        rounds += 1
    return best


def parser() -> tuple[str, Callable[[bytes], object]]:
    """What parses JSON and does nothing with it: the floor under every decoder, and its name."""
    try:
        import simdjson
    except ImportError:
        import msgspec

        return "msgspec, untyped (pysimdjson is not installed)", msgspec.json.Decoder().decode
    one = simdjson.Parser()
    return f"simdjson ({one.implementation[0]})", one.parse


def table(rows: Sequence[Row]) -> str:
    """The rows as lines of text in columns."""
    head = ("what", "took", "against", "ratio", "target", "")
    marks = {True: "reached", False: "MISSED", None: ""}
    cells = [head] + [(r.what, r.took, r.against, r.ratio, r.target, marks[r.reached]) for r in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
