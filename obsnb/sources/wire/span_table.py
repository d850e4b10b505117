"""Spans, column by column, as decoders read them from any encoding, and the SPANS frame of them.

Most attributes of a set of traces are the same few, over and over. A decoder hands over each as the
bytes that it came as; each is read once, and the frame's lists are gathered from those.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from obsnb.conventions import Conventions
from obsnb.schema import SPANS, dtype
from obsnb.sources.wire.promoted import INTEGERS, promoted

__all__ = ["KINDS", "STATUSES", "Attribute", "SpanTable", "attribute"]

#: OTLP's span kinds by number; one that is not specified is null.
KINDS = (None, "internal", "server", "client", "producer", "consumer")
#: OTLP's status codes by number.
STATUSES = ("unset", "ok", "error")

_ENTRY = {"key": pl.String, "type": pl.String, "value": pl.String}
_ABSENT = np.iinfo(np.int64).max

Kind = Literal["string", "int", "double", "bool", "array", "kvlist", "bytes"]


class Attribute(NamedTuple):
    """A key, its value's type (null where it has no value) and the value as text."""

    key: str
    type: str | None
    value: str | None


def attribute(key: str, kind: Kind | None, value: Any) -> Attribute:
    """An attribute of a plain value: arrays and kvlists as JSON text, bytes as base64."""
    if kind is None:
        return Attribute(key, None, None)
    if kind == "string":
        text = value
    elif kind == "bool":
        text = "true" if value else "false"
    elif kind == "double":
        text = _double(value)
    elif kind == "bytes":
        text = base64.b64encode(value).decode()
    elif kind == "int":
        text = str(value)
    else:
        text = msgspec.json.encode(value).decode()
    return Attribute(key, kind, text)


def _double(value: float) -> str:
    text = repr(value)
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(text, text)


class _Book(dict[bytes, int]):
    """Attributes by the bytes that they came as, each read when it is first met."""

    def __init__(self, read: Callable[[bytes], Attribute]) -> None:
        super().__init__()
        self._read = read
        self.entries: list[Attribute] = []

    def __missing__(self, raw: bytes) -> int:
        number = len(self.entries)
        self.entries.append(self._read(raw))
        self[raw] = number
        return number

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame(self.entries, schema=_ENTRY, orient="row")


class _Lists:
    """A list of attributes a row, as numbers in the book."""

    def __init__(self, book: _Book) -> None:
        self._number = book.__getitem__
        self.numbers: list[int] = []
        self.sizes: list[int] = []

    def add(self, raws: Sequence[bytes]) -> None:
        self.numbers.extend(map(self._number, raws))
        self.sizes.append(len(raws))

    def flat(self) -> npt.NDArray[np.int64]:
        return np.array(self.numbers, dtype=np.int64)

    def series(self, name: str, entries: pl.DataFrame) -> pl.Series:
        return _listed(name, entries[self.flat()], self.sizes)


class SpanTable:
    """Collects spans and gives them as one SPANS frame.

    Parameters
    ----------
    read
        An attribute from the bytes that it came as.
    """

    def __init__(self, read: Callable[[bytes], Attribute]) -> None:
        self._book = _Book(read)
        self._ids: dict[str, list[bytes]] = {"trace_id": [], "span_id": [], "parent_span_id": []}
        self._trace, self._span, self._parent = (ids.append for ids in self._ids.values())
        self._names: list[str] = []
        self._kinds: list[str | None] = []
        self._statuses: list[str | None] = []
        self._messages: list[str] = []
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._whole: list[bool] = []
        self._attributes = _Lists(self._book)
        self._resources = _Lists(self._book)
        self._resource: list[int] = []
        self._known: dict[tuple[bytes, ...], int] = {}
        self._events = _Nested(self._book, {"time": pl.Int64, "name": pl.String})
        self._links = _Nested(self._book, {"trace_id": pl.Binary, "span_id": pl.Binary})

    def __repr__(self) -> str:
        return f"SpanTable({len(self)} spans)"

    def __len__(self) -> int:
        return len(self._names)

    def resource(self, attributes: Iterable[bytes]) -> int:
        """Enter a resource; its number comes back."""
        raws = tuple(attributes)
        if raws not in self._known:
            self._known[raws] = len(self._known)
            self._resources.add(raws)
        return self._known[raws]

    def span(
        self,
        trace_id: bytes,
        span_id: bytes,
        parent_span_id: bytes,
        *,
        name: str,
        kind: str | None,
        status: str | None,
        message: str,
        start: int,
        end: int,
        resource: int,
        attributes: Sequence[bytes],
        whole: bool,
    ) -> None:
        """Enter a span; its events and links follow, before the next span."""
        self._trace(trace_id)
        self._span(span_id)
        self._parent(parent_span_id)
        self._names.append(name)
        self._kinds.append(kind)
        self._statuses.append(status)
        self._messages.append(message)
        self._starts.append(start)
        self._ends.append(end)
        self._resource.append(resource)
        self._attributes.add(attributes)
        self._whole.append(whole)

    def event(self, time: int, name: str, attributes: Sequence[bytes]) -> None:
        """Enter an event of the span that was entered last."""
        self._events.add(len(self) - 1, (time, name), attributes)

    def link(self, trace_id: bytes, span_id: bytes, attributes: Sequence[bytes]) -> None:
        """Enter a link of the span that was entered last."""
        self._links.add(len(self) - 1, (trace_id, span_id), attributes)

    def frame(self, conventions: Conventions, *, nested: bool = True) -> pl.DataFrame:
        """SPANS in the order in which they were entered, promoted attributes after the core columns.

        Without `nested`, events and links are null: the answer did not tell of them.
        """
        entries = self._book.frame()
        at = pl.Series(self._resource, dtype=pl.Int64)
        starts = pl.Series("start", self._starts, dtype=pl.Int64)
        ends = pl.Series(self._ends, dtype=pl.Int64)
        sizes = {"trace_id": 32, "span_id": 16, "parent_span_id": 16}
        columns = [
            *(_hex(name, ids, sizes[name]) for name, ids in self._ids.items()),
            _services(self._resources, entries, conventions).gather(at),
            pl.Series("name", self._names, dtype=pl.String),
            pl.Series("kind", self._kinds, dtype=pl.String),
            pl.Series("status", self._statuses, dtype=pl.String),
            pl.Series("status_message", self._messages, dtype=pl.String).replace("", None),
            starts,
            (ends - starts).alias("duration"),
            pl.Series("whole_trace", self._whole, dtype=pl.Boolean),
            self._attributes.series("attributes", entries),
            self._resources.series("resource", entries).gather(at),
            *self._promoted(entries, conventions),
        ]
        if nested:
            columns += [self._events.series("events", len(self), entries)]
            columns += [self._links.series("links", len(self), entries)]
        return SPANS.conform(pl.DataFrame(columns))

    def _promoted(self, entries: pl.DataFrame, conventions: Conventions) -> list[pl.Series]:
        """A column for each promoted attribute that a span or its resource has."""
        order = {key: number for number, key in enumerate(promoted(conventions))}
        column_of = np.array([order.get(key, -1) for key in entries["key"]], dtype=np.int64)
        height, resources = len(self), len(self._resources.sizes)
        at = np.array(self._resource, dtype=np.int64)
        of_spans, of_resources = self._attributes.flat(), self._resources.flat()
        rows = np.repeat(np.arange(height), self._attributes.sizes)
        owners = np.repeat(np.arange(resources), self._resources.sizes)
        columns = []
        for key, number in order.items():
            if not (column_of == number).any():
                continue
            chosen = _first(height, rows, of_spans, column_of, number)
            shared = _first(resources, owners, of_resources, column_of, number)[at]
            chosen = np.where(chosen == _ABSENT, shared, chosen)
            known = chosen != _ABSENT
            values = entries["value"].gather(np.where(known, chosen, 0))
            values = values.set(pl.Series(~known), None).alias(key)
            if values.null_count() < height:
                columns.append(values.cast(pl.Int64, strict=False) if key in INTEGERS else values)
        return columns


class _Nested:
    """What belongs to single spans: events, links."""

    def __init__(self, book: _Book, columns: Mapping[str, Any]) -> None:
        self._columns = dict(columns)
        self._rows: list[tuple[Any, ...]] = []
        self._owners: list[int] = []
        self._attributes = _Lists(book)

    def add(self, owner: int, values: tuple[Any, ...], attributes: Sequence[bytes]) -> None:
        self._owners.append(owner)
        self._rows.append(values)
        self._attributes.add(attributes)

    def series(self, name: str, height: int, entries: pl.DataFrame) -> pl.Series:
        frame = pl.DataFrame(self._rows, schema=self._columns, orient="row")
        sizes = {"trace_id": 32, "span_id": 16}
        frame = frame.with_columns(
            _hex(column, frame[column].to_list(), sizes[column])
            if column in sizes
            else (pl.col(column).cast(dtype("time")) if column == "time" else pl.col(column))
            for column in frame.columns
        ).with_columns(self._attributes.series("attributes", entries))
        counts = np.bincount(np.array(self._owners, dtype=np.int64), minlength=height)
        return _listed(name, frame, counts)


def _listed(name: str, rows: pl.DataFrame, sizes: Iterable[int]) -> pl.Series:
    """The rows as structs, in consecutive lists of these sizes."""
    ends = pl.Series(sizes, dtype=pl.Int64).cum_sum()
    offsets = pl.concat([pl.Series([0], dtype=pl.Int64), ends]).to_arrow()
    values = rows.to_struct(name).rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    return pl.Series(name, pa.LargeListArray.from_arrays(offsets, values))


def _hex(name: str, ids: Sequence[bytes], digits: int) -> pl.Series:
    """Ids as lower-case hex digits; null where there is none."""
    text = pl.Series(name, ids, dtype=pl.Binary).bin.encode("hex").str.zfill(digits)
    return text.replace("0" * digits, None)


def _services(resources: _Lists, entries: pl.DataFrame, conventions: Conventions) -> pl.Series:
    """The service of each resource, by its one name."""
    names = np.array(entries["key"] == "service.name", dtype=np.int64)
    owners = np.repeat(np.arange(len(resources.sizes)), resources.sizes)
    found = _first(len(resources.sizes), owners, resources.flat(), names, 1)
    values = entries["value"].to_list()
    services = [values[number] if number != _ABSENT else None for number in found]
    return pl.Series("service", [s and conventions.canonical(s) for s in services], dtype=pl.String)


def _first(
    height: int,
    rows: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    column_of: npt.NDArray[np.int64],
    column: int,
) -> npt.NDArray[np.int64]:
    """For each row the entry that is first in its list and belongs to a column."""
    out = np.full(height, _ABSENT, dtype=np.int64)
    here = np.flatnonzero(column_of[numbers] == column)[::-1]
    out[rows[here]] = numbers[here]  # the last write to a row wins: its first entry
    return out
