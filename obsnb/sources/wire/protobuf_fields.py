"""The fields of many messages in protobuf's wire form, found side by side.

Message classes give one field at a time to Python, which for a span costs more than all else that is done
with it. Here the n-th field of every message is read in one step (protobuf.dev/programming-guides/encoding),
as numbers: which message, which field, where its bytes are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["BYTES", "FIXED64", "VARINT", "Fields", "Wire", "fields_of"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
#: Bytes of a payload, by wire type; those of varints and of bytes are told by what stands there.
_LENGTHS = np.array([0, 8, 0, -1, -1, 4, -1, -1])
_FEW = 24  # messages for which a loop over their fields is faster than a step for all of them
_AFTER = 16  # bytes after the last that a step may look at

_Numbers = npt.NDArray[np.int64]


class Wire(NamedTuple):
    """Bytes, and the same as an array that goes on a little with zeros."""

    raw: bytes
    data: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, raw: bytes) -> Wire:
        """The bytes in both forms."""
        return cls(raw, np.frombuffer(raw + bytes(_AFTER), dtype=np.uint8))


class Fields(NamedTuple):
    """A row a field.

    Attributes
    ----------
    owner
        Which message it belongs to.
    start, end
        Where its bytes are; of a varint, `start` is its value as a signed number of 64 bits.
    """

    owner: _Numbers
    start: _Numbers
    end: _Numbers


def fields_of(wire: Wire, starts: _Numbers, ends: _Numbers) -> dict[tuple[int, int], Fields]:
    """The fields of the messages that lie between these places.

    Returns
    -------
    dict
        By their number and their wire type: message by message, those of one message in their order.

    Raises
    ------
    ValueError
        A message is none, or has a group in it, which no message of OTLP has.
    """
    steps: list[tuple[_Numbers, ...]] = []
    owners, at = np.arange(len(starts)), starts
    while len(owners) > _FEW:
        within = at < ends
        owners, at, ends = owners[within], at[within], ends[within]
        numbers, kinds, begin, after = _step(wire.data, at)
        if ((after > ends) | (after <= at)).any():
            raise ValueError("a message ends inside a field")
        steps.append((owners, numbers, kinds, begin, after))
        at = after
    rest = zip(owners.tolist(), at.tolist(), ends.tolist(), strict=True)
    steps += [_walked(wire.raw, *message) for message in rest]
    if not steps:
        return {}
    owner, number, kind, start, end = (np.concatenate(column) for column in zip(*steps, strict=True))
    order = np.argsort(owner, kind="stable")  # few runs, each in order
    which = (number * 8 + kind)[order]
    if which.max() < 1 << 15:
        which = which.astype(np.int16)  # which are sorted by their digits
    by_name = np.argsort(which, kind="stable")
    order, which = order[by_name], which[by_name]
    names, begins = np.unique(which, return_index=True)
    rows = Fields(owner[order], start[order], end[order])
    edges = [*begins.tolist(), len(order)]
    return {
        divmod(name, 8): Fields(*(column[begin:after] for column in rows))
        for name, begin, after in zip(names.tolist(), edges, edges[1:], strict=False)
    }


def _step(data: npt.NDArray[np.uint8], at: _Numbers) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers]:
    """Of a field each: number, wire type, where its bytes begin (a varint: its value), and where it ends."""
    tags, begin = _varints(data, at)
    kinds = tags & 7
    lengths = _LENGTHS[kinds]
    if (lengths < 0).any():
        raise ValueError("a field has a wire type that OTLP does not use")
    after = begin + lengths
    short = np.flatnonzero(kinds == VARINT)
    values, after[short] = _varints(data, begin[short])
    long = np.flatnonzero(kinds == BYTES)
    sizes, begin[long] = _varints(data, begin[long])
    after[long] = begin[long] + sizes
    begin[short] = values
    return tags >> 3, kinds, begin, after


def _varints(data: npt.NDArray[np.uint8], at: _Numbers) -> tuple[_Numbers, _Numbers]:
    """The numbers that are written at these places, and the places after them."""
    byte = data[at].astype(np.int64)
    values, at = byte & 0x7F, at + 1
    more, shift = np.flatnonzero(byte >= 0x80), 7
    while len(more):
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")
        byte = data[at[more]].astype(np.int64)
        values[more] |= (byte & 0x7F) << shift
        at[more] += 1
        more, shift = more[byte >= 0x80], shift + 7
    return values, at


def _walked(raw: bytes, owner: int, at: int, end: int) -> tuple[_Numbers, ...]:
    """The fields of one message, one after another."""
    rows: list[int] = []
    while at < end:
        tag, begin = _varint(raw, at)
        kind = tag & 7
        if kind == VARINT:
            begin, at = _varint(raw, begin)
        elif kind == BYTES:
            size, begin = _varint(raw, begin)
            at = begin + size
        elif kind in {FIXED64, FIXED32}:
            at = begin + (8 if kind == FIXED64 else 4)
        else:
            raise ValueError("a field has a wire type that OTLP does not use")
        if at > end:
            raise ValueError("a message ends inside a field")
        rows += (owner, tag >> 3, kind, begin, at)
    return tuple(np.array(rows, dtype=np.int64).reshape(-1, 5).T)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A number, signed as 64 bits are, and the place after it."""
    value = shift = 0
    while at < len(raw) and shift <= 63:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            value &= (1 << 64) - 1
            return (value - (1 << 64) if value >> 63 else value), at
    raise ValueError("a message ends inside a number")
