"""JSON lines of one shape, read a column at a time: no object is made of any of them.

A program writes lines of few shapes: the same names in the same order, with values of the same kinds. A
regular expression says which lines are of a shape, so exactly that polars' decoder can be trusted to read
no more than the wanted fields of them. What fits no common shape is left to
`obsnb.analysis.log_fields.fields_of_lines`, which reads anything, and which this agrees with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from obsnb.analysis.json_dialects import meanings_of
from obsnb.analysis.log_fields import (
    DEEPEST,
    Pieces,
    Place,
    Wanted,
    add_texts,
    columns_of,
    decode_objects,
    no_pieces,
)

__all__ = ["Shape", "fields_of_shapes", "shape_of"]

_SAMPLE = 20  # lines looked at to find a shape that many have
_CHUNK = 4_000  # lines decoded at a time: few enough to stay in the processor's cache
_LINE = "line"
_SHARE = 0.25  # of them; to try the shapes of fewer one after the other costs as much as it saves
_FEW = 1_000  # lines that are read one by one sooner than a shape is found for them
_LONGEST = 15_000  # characters of a pattern: that of some sixty names; larger automata are slow

_SPACE = r"[ \t\r\n]*"
_CHARS = r'[^"\\\x00-\x1f]*'
_HEX = "[0-9a-fA-F]"
# Half of a surrogate pair is an error to one decoder and a character to the other.
_ESCAPE = (
    rf'\\(?:["\\/bfnrt]|u(?:[0-9a-ce-fA-CE-F]{_HEX}|[dD][0-7]){_HEX}{{2}}'
    rf"|u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}})"
)
_STRING = rf'"{_CHARS}(?:{_ESCAPE}{_CHARS})*"'
_DIGITS = "(?:0|[1-9][0-9]{0,17})"  # Python refuses whole numbers of some thousand digits
_NUMBER = rf"-?{_DIGITS}(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]{{1,2}})?"  # polars refuses what no float can hold
_SCALAR = rf"(?:{_STRING}|{_NUMBER}|true|false|null)"
_LIST = rf"(?:\[{_SPACE}(?:{_SCALAR}{_SPACE}(?:,{_SPACE}{_SCALAR}{_SPACE})*)?\]|null)"
# Of the wanted fields, what both decoders write in the same letters.
_TEXT = rf"(?:{_STRING}|0|-?[1-9][0-9]{{0,17}}|null)"
_FRACTION = rf"(?:-?{_DIGITS}\.[0-9]+|null)"
_TRUTH = "(?:true|false|null)"


@dataclass(frozen=True)
class Shape:
    """What lines have in common, and which of their fields are read.

    Attributes
    ----------
    pattern
        Matches the lines of this shape, whole.
    kind
        The wanted fields, for polars' decoder.
    places
        The path to each of them, and what it means.
    """

    pattern: str
    kind: pl.Struct
    places: tuple[tuple[tuple[str, ...], Place], ...]


class _NoShapeError(Exception):
    """A line that is better read alone."""


def shape_of(line: Mapping[str, Any], wanted: Wanted) -> Shape | None:
    """The shape of a decoded line; None where it holds what can only be read line by line."""
    if meanings_of(tuple(line)):
        return None
    places: list[tuple[tuple[str, ...], Place]] = []
    try:
        pattern, fields = _object(line, (), wanted, places)
    except _NoShapeError:
        return None
    if len(pattern) > _LONGEST:
        return None
    return Shape(f"^{pattern}$", pl.Struct(fields), tuple(places))


def _object(
    line: Mapping[str, Any],
    path: tuple[str, ...],
    wanted: Wanted,
    places: list[tuple[tuple[str, ...], Place]],
) -> tuple[str, list[pl.Field]]:
    """The pattern of an object, and its wanted fields; their places are added to those known."""
    if len(path) > DEEPEST:
        raise _NoShapeError
    members: list[str] = []
    fields: list[pl.Field] = []
    for name, value in line.items():
        place = wanted.place((*path, name))
        pattern, kind = _value(value, place)
        if type(value) is dict:
            inside, inner = _object(value, (*path, name), wanted, places)
            pattern, kind = f"(?:{inside}|null)", pl.Struct(inner) if inner else None
        elif place is not None and kind is not None:
            places.append(((*path, name), place))
        if kind is not None:
            fields.append(pl.Field(name, kind))
        written = pl.escape_regex(json.dumps(name, ensure_ascii=False))
        members.append(f"{written}{_SPACE}:{_SPACE}{pattern}{_SPACE}")
    return rf"\{{{_SPACE}{f',{_SPACE}'.join(members)}\}}", fields


def _value(value: Any, place: Place | None) -> tuple[str, Any]:
    """The pattern of a value, and as what it is read, if it is: what is no text is none of a text's."""
    if type(value) is list:
        if place is not None:
            raise _NoShapeError
        return _LIST, None
    if place is None:
        return _SCALAR, None
    if type(value) is bool:
        return _TRUTH, None
    if type(value) is float and place.column == "duration_s":
        return _FRACTION, pl.Float64
    return _TEXT, pl.String


def fields_of_shapes(texts: pl.Series, wanted: Wanted, *, few: int = _FEW) -> tuple[pl.DataFrame, pl.Series]:
    """`obsnb.analysis.log_fields.COLUMNS` of the lines that have common shapes, until few are left.

    Returns
    -------
    fields
        A row a text; null where it was not read.
    unread
        The numbers of the rows that were not read.
    """
    pieces = no_pieces()
    rows, unread = pl.int_range(len(texts), dtype=pl.UInt32, eager=True), texts
    while len(unread) >= few and (shape := _common(unread, wanted)) is not None:
        fits = _of_all(unread, pl.col(_LINE).str.contains(shape.pattern).fill_null(False))
        if not fits.any():
            break
        try:
            _read(unread.filter(fits), rows.filter(fits), shape, pieces)
        except pl.exceptions.ComputeError:  # one line that the decoder refuses is to spoil no other
            break
        rows, unread = rows.filter(~fits), unread.filter(~fits)
    return columns_of(pieces, len(texts)), rows


def _common(texts: pl.Series, wanted: Wanted) -> Shape | None:
    """The shape that most of a sample are of; None where these are few."""
    sample = texts.gather_every(max(1, len(texts) // _SAMPLE)).drop_nulls()
    shapes: dict[str, Shape] = {}
    seen: Counter[str] = Counter()
    for line in decode_objects(sample.to_list()):
        shape = None if line is None else shape_of(line, wanted)
        if shape is not None:
            shapes[shape.pattern] = shape
            seen[shape.pattern] += 1
    for pattern, times in seen.most_common(1):
        if times >= len(sample) * _SHARE:
            return shapes[pattern]
    return None


def _read(texts: pl.Series, rows: pl.Series, shape: Shape, pieces: Pieces) -> None:
    """Add the wanted fields of the lines of a shape."""
    if not shape.places:
        return
    found = _of_all(texts, pl.col(_LINE).str.json_decode(shape.kind))
    for path, place in shape.places:
        values = found
        for name in path:
            values = values.struct.field(name)
        if values.dtype == pl.String:
            add_texts(values, rows, place, pieces)
        else:
            pieces[place.column].append((place, rows, values * place.scale))


def _of_all(texts: pl.Series, expression: pl.Expr) -> pl.Series:
    """An expression on the column of lines for all texts, in chunks that polars' threads share."""
    chunks = texts.alias(_LINE).to_frame().iter_slices(_CHUNK)
    return pl.concat(pl.collect_all([chunk.lazy().select(expression) for chunk in chunks])).to_series()
