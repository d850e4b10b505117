"""Every field that a few chosen log lines have, whatever spells it and wherever it stands.

`obsnb.parse_logs` reads the columns that every line may have; here whole objects are read, of the lines that
an earlier look has chosen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.log_fields import decode_objects
from obsnb.analysis.logs import PARSED, parse_logs
from obsnb.conventions import Conventions
from obsnb.errors import WindowError
from obsnb.instants import parse_instant
from obsnb.schema import LOGS

__all__ = [
    "Record",
    "answers_of",
    "duration_ns",
    "evidence_of",
    "moment_ns",
    "parsed_lines",
    "records_of",
    "slim",
    "whole",
]

_PAIR = re.compile(r'(?<![\w"])([A-Za-z_][\w.\-]*)=("(?:[^"\\]|\\.)*"|[^\s,;]+)')
_TAIL = re.compile(r"\{\s*\"(?s:.*)\}\s*$")
_DEEPEST = 5
_AMOUNT = re.compile(r"^\s*[<~≈]?\s*(-?\d+(?:[.,]\d+)?(?:e[-+]?\d+)?)\s*([a-zA-Zµμ]*)\s*$")
_CLOCK = re.compile(r"^(\d+):(\d\d):(\d\d(?:\.\d+)?)$")
_UNITS_NS = {
    "ns": 1.0,
    "us": 1e3,
    "µs": 1e3,
    "μs": 1e3,
    "ms": 1e6,
    "msec": 1e6,
    "millis": 1e6,
    "milliseconds": 1e6,
    "s": 1e9,
    "sec": 1e9,
    "seconds": 1e9,
    "m": 60e9,
    "min": 60e9,
}
#: Last words of a field's name that say its unit.
_ENDINGS = {
    "ms": "ms",
    "msec": "ms",
    "millis": "ms",
    "milliseconds": "ms",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "us": "us",
    "micros": "us",
    "ns": "ns",
    "nanos": "ns",
}
_WORD = re.compile(r"[_.\-\s]|(?<=[a-z])(?=[A-Z])")
_COLUMN = re.compile(r"^(?:metadata|parsed|label)\.")


@lru_cache(maxsize=8192)  # the same few names, once a line and a question
def slim(name: str) -> str:
    """A field's name without what spellings differ in: ``component.stack``, ``componentStack``, ..."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True)
class Record:
    """The fields of one line or answer, under slim names; a nested one under its own and its path's."""

    fields: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Record({', '.join(sorted(self.fields))})"

    def get(self, *names: str) -> Any:
        """The first of the fields that is there and not empty."""
        for name in names:
            value = self.fields.get(slim(name))
            if value is not None and value != "":
                return value
        return None

    def text(self, *names: str) -> str | None:
        """The first of the fields that is a text or a number, as text."""
        for name in names:
            value = self.fields.get(slim(name))
            if isinstance(value, str | int | float) and value != "" and not isinstance(value, bool):
                return str(value)
        return None

    def number(self, *names: str) -> float | None:
        """The first of the fields that is a finite number."""
        for name in names:
            value = self.fields.get(slim(name))
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                continue
            try:
                found = float(value)
            except ValueError:
                continue
            if math.isfinite(found):
                return found
        return None

    def lasted_ns(self, *names: str, unit: str = "s") -> int | None:
        """The first of the fields that is a length of time, in nanoseconds.

        A number's unit is what its field's name ends in, else the one given.
        """
        for name in names:
            found = duration_ns(self.fields.get(slim(name)), name, unit=unit)
            if found is not None:
                return found
        return None


def duration_ns(value: Any, name: str = "", *, unit: str = "s") -> int | None:
    """A length of time in nanoseconds, of a number or a text such as ``< 1ms`` or ``00:00:01.5``."""
    if value is None or isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    clock = _CLOCK.match(str(value))
    if clock:
        return whole((int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])) * 1e9)
    amount = _AMOUNT.match(str(value))
    if amount is None:
        return None
    named = _ENDINGS.get(_WORD.split(name)[-1].lower(), unit)
    scale = _UNITS_NS.get(amount[2].lower() or named)
    number = float(amount[1].replace(",", ".")) if scale is not None else math.nan
    return None if scale is None else whole(number * scale)


def whole(number: float | None) -> int | None:
    """Rounded; None for none, for what is not finite, and for what 64 bits do not hold."""
    return round(number) if number is not None and abs(number) < 2.0**63 else None


def moment_ns(value: Any) -> int | None:
    """An answer's time in nanoseconds, UTC where it names no zone; None for what is no time."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = parse_instant(value, tz="UTC")
    except (WindowError, ValueError, OverflowError):
        return None
    return found if abs(found) < 2**63 else None


def parsed_lines(logs: Any, *, what: str, conventions: Conventions) -> pl.DataFrame:
    """LOGS with every core column and those of `obsnb.parse_logs`, labels as text.

    Raises
    ------
    FrameError
        It is no frame, or lacks its time or its line.
    """
    frame = to_polars(logs, LOGS, needs=("timestamp", "line"), what=what)
    read = frame if set(PARSED) <= set(frame.columns) else parse_logs(frame, conventions=conventions)
    return LOGS.conform(read).with_columns(pl.col("service", "level").cast(pl.String))


def records_of(lines: pl.DataFrame) -> list[Record]:
    """A record a line: its columns first, then the JSON object that it is or ends with, then logfmt.

    Parameters
    ----------
    lines
        LOGS, parsed or not; ``line`` suffices.
    """
    columns = [
        name
        for name in lines.columns
        if name != "line"
        and not lines.schema[name].is_nested()
        and not isinstance(lines.schema[name], pl.Datetime)
    ]
    # Metadata before what was parsed, as `obsnb.parse_logs` has it; bare labels last.
    columns.sort(key=lambda name: (not name.startswith("metadata."), not name.startswith("parsed.")))
    texts = (
        [text or "" for text in lines["line"].to_list()] if "line" in lines.columns else [""] * lines.height
    )
    tails = [found[0].strip() if (found := _TAIL.search(text)) else "" for text in texts]
    objects = decode_objects(tails)
    columns = [name for name in columns if lines[name].null_count() < lines.height]
    keys = [slim(_COLUMN.sub("", name)) for name in columns]
    rows = lines.select(columns).iter_rows() if columns else iter([()] * lines.height)
    return [
        Record(_merged(keys, row, told, text)) for row, told, text in zip(rows, objects, texts, strict=True)
    ]


def _merged(
    keys: Sequence[str], row: Sequence[Any], told: Mapping[str, Any] | None, text: str
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in zip(keys, row, strict=True):
        if value is not None and value != "":
            out.setdefault(key, value)
    if told is not None:
        for name, value in _flat(told):
            out.setdefault(name, value)
    elif "=" in text:
        for name, value in _PAIR.findall(text):
            bare = value[1:-1].replace('\\"', '"') if value[:1] == '"' else value
            out.setdefault(slim(name), bare)
    return out


def _flat(told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every field, shallow ones first, each under its own name and under its path's."""
    level: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), told)]
    for _ in range(_DEEPEST):
        below: list[tuple[tuple[str, ...], Mapping[str, Any]]] = []
        for path, fields in level:
            for name, value in fields.items():
                key = slim(str(name))
                yield key, value
                for begin in range(len(path)):
                    yield "".join(path[begin:]) + key, value
                if isinstance(value, dict):
                    below.append(((*path, key), value))
        level = below


def answers_of(answers: Any) -> list[Mapping[str, Any]]:
    """What endpoints answered, as objects: a text of JSON, a mapping, or several of either.

    What is no JSON object is passed over.
    """
    several = [answers] if isinstance(answers, str | bytes | Mapping) else list(answers or ())
    out: list[Mapping[str, Any]] = []
    for one in several:
        if isinstance(one, Mapping):
            out.append(one)
            continue
        text = one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
        out += [told for told in decode_objects([text.strip()]) if told is not None]
    return out


def evidence_of(lines: pl.DataFrame) -> list[list[str]]:
    """The evidence of each line: ``log:ROW``, or none where it has no id."""
    if "row_id" not in lines.columns:
        return [[] for _ in range(lines.height)]
    return [[f"log:{row}"] if row else [] for row in lines["row_id"].to_list()]
