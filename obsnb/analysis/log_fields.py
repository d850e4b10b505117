"""Which field of a structured line means what, and how many lines' fields become columns at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec
import polars as pl

from obsnb.analysis.json_dialects import Meaning, meanings_of
from obsnb.conventions import Conventions

__all__ = [
    "COLUMNS",
    "DEEPEST",
    "Pieces",
    "Place",
    "Wanted",
    "add_texts",
    "columns_of",
    "decode_objects",
    "fields_of_columns",
    "fields_of_lines",
    "no_pieces",
]

#: What is read out of a line's fields. Text, but for ``duration_s``, which is a number.
COLUMNS = (
    "message",
    "level",
    "logger",
    "trace_id",
    "span_id",
    "correlation_id",
    "request_id",
    "tenant",
    "user",
    "service",
    "version",
    "route",
    "http_status",
    "duration_s",
    "statement",
    "stack",
    "exception_type",
    "exception_message",
)
#: Fields that count only beside the line's own others: inside an object they are that object's.
_OUTER = frozenset({"message", "level", "logger", "duration_s"})
#: Ids are ids wherever they stand, if their name says of what (``trace_id``, not ``id``).
_ANYWHERE = frozenset({"trace_id", "span_id", "correlation_id", "request_id", "tenant", "user"})
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)
_LENIENT = json.JSONDecoder(strict=False)
_SQUEEZE = re.compile(r"[^0-9a-z]+")
#: Serilog's compact names (``@l``, ``@m``): without the sign they are others'.
_CLEF = re.compile(r"@[a-z]{1,2}")
_COMPOUND = re.compile(r"[a-z][_.\-]?[A-Z]|[a-zA-Z][_.\-][a-zA-Z]")
_SCALES = (
    (re.compile(r"(?:ms|millis|milliseconds)$"), 1e-3),
    (re.compile(r"(?:us|micros|microseconds)$"), 1e-6),
    # duration_s ends in seconds; ECS counts its event.duration in nanoseconds
    (re.compile(r"(?:(?<!duratio)ns|nanos|nanoseconds|^eventduration)$"), 1e-9),
)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*(ns|us|µs|μs|ms|sec|s|min|m|h)?")
_LONGEST_S = 1e6  # a whole number above, without a unit, is Go's ``time.Duration``, which is in nanoseconds
#: Deeper objects hold what was sent, not what happened.
DEEPEST = 4
_DEEP = 100  # ranks of fields inside an object come after those of the line's own
_ORDER = ("metadata", "parsed", "label", "")
_PREFIXES = ("metadata.", "parsed.", "label.")
_KNOWN_AT_MOST = 20_000  # names remembered; maps with ids as keys have no end of names


@dataclass(frozen=True)
class Place:
    """A column, how much a name is preferred for it (less is more), and its unit in seconds."""

    column: str
    rank: int
    scale: float = 1.0


@dataclass(frozen=True)
class Wanted:
    """The names that a stack uses for what is read out of its lines.

    Names are compared without case and separators: ``traceId``, ``trace_id`` and ``trace.id`` are
    one name.
    """

    places: Mapping[str, Place]
    compound: frozenset[str]
    wrapping: frozenset[str]
    _seen: dict[tuple[str, ...], Place | None] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, conventions: Conventions) -> Wanted:
        """The names of some conventions."""
        requests = {_squeeze(name) for name in conventions.request_fields}
        correlation = [n for n in conventions.correlation_fields if _squeeze(n) not in requests]
        names: dict[str, Iterable[str]] = {
            "message": conventions.message_fields,
            "level": (*conventions.level_fields, *conventions.level_labels),
            "logger": conventions.logger_fields,
            "trace_id": conventions.trace_id_fields,
            "span_id": conventions.span_id_fields,
            "correlation_id": correlation,
            "request_id": conventions.request_fields,
            "tenant": conventions.tenant_fields,
            "user": conventions.user_fields,
            "service": conventions.service_fields,
            "version": conventions.version_fields,
            "route": conventions.route_fields,
            "http_status": conventions.status_fields,
            "duration_s": conventions.duration_fields,
            "statement": conventions.statement_fields,
            "stack": conventions.exception_fields,
            "exception_type": conventions.exception_type_fields,
            "exception_message": conventions.exception_message_fields,
        }
        places: dict[str, Place] = {}
        for column, spellings in names.items():
            for rank, name in enumerate(spellings):
                scale = _scale(name) if column == "duration_s" else 1.0
                places.setdefault(_squeeze(name), Place(column, rank, scale))
        compound = {_squeeze(n) for column in _ANYWHERE for n in names[column] if _COMPOUND.search(n)}
        return cls(places, frozenset(compound), frozenset(map(_squeeze, conventions.wrapping_fields)))

    def place(self, path: tuple[str, ...]) -> Place | None:
        """What a field means whose name lies on that path of objects, or None."""
        if path in self._seen:
            return self._seen[path]
        found = self._find(path)
        if len(self._seen) < _KNOWN_AT_MOST:
            self._seen[path] = found
        return found

    def _find(self, path: tuple[str, ...]) -> Place | None:
        *around, name = (_squeeze(part) for part in path)
        outer = [part for part in around if part not in self.wrapping]
        named = self.places.get("".join([*around, name])) if around else None
        found = named or self.places.get("".join([*outer, name]))
        if found is not None and (found.column not in _OUTER or found is named or not around):
            return Place(found.column, found.rank + _DEEP * len(around), found.scale)
        if around and name in self.compound:
            found = self.places[name]
            return Place(found.column, found.rank + _DEEP * (1 + len(around)), found.scale)
        if "." in path[-1]:  # an object that was flattened: "dd.trace_id"
            return self._find((*path[:-1], *path[-1].split(".")))
        return None


_AS_NAMED = Meaning(None)
#: Texts or numbers, not yet a column where a decoder made them one by one.
Values = pl.Series | list[Any]
#: For each of `COLUMNS`, what was found of it: where it was found, in which rows, and the values.
Pieces = dict[str, list[tuple[Place, pl.Series, Values]]]


def _squeeze(name: str) -> str:
    return name if _CLEF.fullmatch(name) else _SQUEEZE.sub("", name.lower())


def _scale(name: str) -> float:
    squeezed = _squeeze(name)
    return next((scale for unit, scale in _SCALES if unit.search(squeezed)), 1.0)


def no_pieces() -> Pieces:
    """`COLUMNS` of which nothing was found yet."""
    return {name: [] for name in COLUMNS}


def fields_of_lines(lines: Sequence[Mapping[str, Any] | None], wanted: Wanted) -> pl.DataFrame:
    """`COLUMNS` of decoded lines, a row a line; null where a line has no such field.

    Lines with the same names in the same order are handled together, a column at a time: there
    are few such shapes, so that the work for a line is a few steps without a Python loop of its own.
    """
    pieces = no_pieces()
    rows = [row for row, line in enumerate(lines) if line]
    _spread([line for line in lines if line], rows, (), wanted, pieces)
    return columns_of(pieces, len(lines))


def _spread(
    lines: Sequence[Mapping[str, Any]],
    rows: Sequence[int],
    path: tuple[str, ...],
    wanted: Wanted,
    pieces: Pieces,
) -> None:
    shapes: dict[tuple[str, ...], tuple[list[int], list[Mapping[str, Any]]]] = {}
    for row, line in zip(rows, lines, strict=True):
        shape = tuple(line)
        if shape not in shapes:
            shapes[shape] = ([], [])
        mine, like = shapes[shape]
        mine.append(row)
        like.append(line)
    for shape, (mine, like) in shapes.items():
        at = pl.Series(mine, dtype=pl.UInt32)
        meanings = {} if path else meanings_of(shape)
        for name in shape:
            values = list(map(itemgetter(name), like))
            own = meanings.get(name, _AS_NAMED)
            if own.read is not None:
                values = list(map(own.read, values))
            kinds = set(map(type, values))
            place = wanted.place((*path, own.name or name)) if own.name or own is _AS_NAMED else None
            if place is not None:
                add_texts(values if kinds == {str} else _texts(values), at, place, pieces)
            if dict in kinds and len(path) < DEEPEST:
                inside = [(row, value) for row, value in zip(mine, values, strict=True) if value]
                inside = [pair for pair in inside if type(pair[1]) is dict]
                _spread([v for _, v in inside], [r for r, _ in inside], (*path, name), wanted, pieces)


def _texts(values: list[Any]) -> list[str | None]:
    return [_text(value) for value in values]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | dict):
        return None
    if isinstance(value, list):
        lines = [item for item in value if isinstance(item, str)]
        return "\n".join(lines) if lines and len(lines) == len(value) else None
    return str(value)


def add_texts(texts: Values, rows: pl.Series, place: Place, pieces: Pieces) -> None:
    """Add what some rows have in a place, as text; a duration's in seconds."""
    if place.column == "duration_s":
        texts = [_seconds(text, place.scale) for text in texts]
    pieces[place.column].append((place, rows, texts))


def columns_of(pieces: Pieces, many: int) -> pl.DataFrame:
    """The pieces of each column put together, so many rows."""
    return pl.DataFrame([_column(name, found, many) for name, found in pieces.items()])


def _column(name: str, pieces: list[tuple[Place, pl.Series, Values]], many: int) -> pl.Series:
    """The pieces of a column put together, the preferred name's values over the others'."""
    kind = pl.Float64 if name == "duration_s" else pl.String
    column = pl.Series(name, [None], dtype=kind).new_from_index(0, many)
    for _, rows, found in sorted(pieces, key=lambda piece: -piece[0].rank):
        values = pl.Series(found, dtype=kind)
        known = values.is_not_null() if name == "duration_s" else (values != "")
        if not known.all(ignore_nulls=False):
            rows, values = rows.filter(known), values.filter(known)  # noqa: PLW2901 - the same, without gaps
        column = column.scatter(rows, values)
    return column


def _seconds(text: str | None, scale: float) -> float | None:
    """Seconds of a number in that unit, or of ``1.5ms``, ``1m2s``; None where it is neither."""
    if text is None:
        return None
    try:
        seconds = float(text) * scale
        return seconds * 1e-9 if scale == 1.0 and seconds > _LONGEST_S and text.isdecimal() else seconds
    except ValueError:
        pass
    parts = _AMOUNT.findall(text)
    if not parts or "".join(n + u for n, u in parts) != text.replace(" ", ""):
        return None
    if len(parts) > 1 and not all(unit for _, unit in parts):
        return None
    units = {**_UNITS, "sec": 1.0, "min": 60.0, "": scale}
    return sum(float(number) * units[unit] for number, unit in parts)


def fields_of_columns(frame: pl.DataFrame, wanted: Wanted, *, skip: Iterable[str]) -> dict[str, pl.Series]:
    """Those of `COLUMNS` that the frame's own columns hold: metadata, parsed fields, labels.

    Metadata comes before what a parser of the server found, and that before stream labels.
    """
    left_out = set(skip)
    found: list[tuple[str, int, pl.Expr]] = []
    for name in frame.columns:
        prefix, _, rest = name.partition(".") if name.startswith(_PREFIXES) else ("", "", name)
        if name in left_out or frame.schema[name].is_nested() or rest.startswith("__"):
            continue  # "__error__" is the server's own
        place = wanted.place((rest,))
        if place is None:
            continue
        text: pl.Expr = pl.col(name).cast(pl.String)
        seconds = text.cast(pl.Float64, strict=False) * place.scale
        value = seconds if place.column == "duration_s" else text.replace("", None)
        found.append((place.column, _ORDER.index(prefix) * _DEEP + place.rank, value))
    found.sort(key=lambda one: (one[0], one[1]))
    columns = [
        pl.coalesce([value for _, _, value in some]).alias(column)
        for column, some in groupby(found, itemgetter(0))
    ]
    return {column.name: column for column in frame.select(columns)}


def decode_objects(texts: Sequence[str]) -> list[dict[str, Any] | None]:
    """The JSON object that each text is; None where it is none. A bad one spoils no other.

    Python's own decoder has a second look at what msgspec refuses: it takes ``NaN`` and raw control
    characters, which real loggers write.
    """
    decode = msgspec.json.Decoder().decode
    try:
        values = list(map(decode, texts))  # as a rule all are JSON; a loop that tries each costs a quarter
    except _UNREADABLE:
        return [_object(text, decode) for text in texts]
    return [value if type(value) is dict else None for value in values]


def _object(text: str, decode: Callable[[str], Any]) -> dict[str, Any] | None:
    if text[:1] != "{" or text[-1:] != "}":
        return None
    try:
        value = decode(text)
    except _UNREADABLE:
        try:
            value = _LENIENT.decode(text)
            if "\\u" in text:
                value = _LENIENT.decode(_whole(json.dumps(value, ensure_ascii=False)))
        except _UNREADABLE:
            return None
    return value if type(value) is dict else None


def _whole(text: str) -> str:
    """The text with U+FFFD for what is half a character: programs cut texts in the middle of one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
