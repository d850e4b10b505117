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
from obsnb.sources.wire.span_columns import Raws, SpanColumns

__all__ = ["KINDS", "STATUSES", "Attribute", "SpanTable", "attribute"]

#: OTLP's span kinds by number; one that is not specified is null.
KINDS = (None, "internal", "server", "client", "producer", "consumer")
#: OTLP's status codes by number.
STATUSES = ("unset", "ok", "error")

_ENTRY = {"key": pl.String, "type": pl.String, "value": pl.String}
#: Of a span, all but its attributes, events and links.
_CORE: dict[str, Any] = {
    "trace_id": pl.Binary,
    "span_id": pl.Binary,
    "parent_span_id": pl.Binary,
    "name": pl.String,
    "kind": pl.String,
    "status": pl.String,
    "message": pl.String,
    "start": pl.Int64,
    "end": pl.Int64,
    "resource": pl.Int64,
    "whole_trace": pl.Boolean,
}
_ABSENT = np.iinfo(np.int64).max

_Numbers = npt.NDArray[np.int64]
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

    def numbers(self, raws: Iterable[bytes]) -> _Numbers:
        """Those of several."""
        return np.array(list(map(self.__getitem__, raws)), dtype=np.int64)

    def frame(self) -> pl.DataFrame:
        return pl.DataFrame(self.entries, schema=_ENTRY, orient="row")


class _Lists:
    """A list of attributes a row, as numbers in the book."""

    def __init__(self, book: _Book) -> None:
        self._book = book
        self._numbers: list[int] = []
        self._sizes: list[int] = []
        self._done: list[tuple[_Numbers, _Numbers]] = []

    def add(self, raws: Sequence[bytes]) -> None:
        self._numbers.extend(map(self._book.__getitem__, raws))
        self._sizes.append(len(raws))

    def extend(self, raws: Raws) -> None:
        """Several lists at once."""
        self._close()
        self._done.append((self._book.numbers(raws.known)[raws.numbers], raws.sizes))

    def flat(self) -> tuple[_Numbers, _Numbers]:
        """The numbers of all lists, one after another, and how many each has."""
        self._close()
        columns = zip(*self._done, strict=True)
        numbers, sizes = (np.concatenate(column) for column in columns)
        self._done = [(numbers, sizes)]
        return numbers, sizes

    def series(self, name: str, entries: pl.DataFrame) -> pl.Series:
        numbers, sizes = self.flat()
        return _listed(name, entries[numbers], sizes)

    def _close(self) -> None:
        """Turn what came row by row into arrays, which hold a number in eight bytes."""
        if self._sizes or not self._done:
            self._done.append(
                (np.array(self._numbers, dtype=np.int64), np.array(self._sizes, dtype=np.int64))
            )
            self._numbers.clear()
            self._sizes.clear()


class SpanTable:
    """Collects spans and gives them as one SPANS frame.

    Parameters
    ----------
    read
        An attribute from the bytes that it came as.
    """

    def __init__(self, read: Callable[[bytes], Attribute]) -> None:
        self._book = _Book(read)
        self._core: dict[str, list[Any]] = {name: [] for name in _CORE}
        self._add = [column.append for column in self._core.values()]
        self._done: list[pl.DataFrame] = []
        self._height = 0
        self._attributes = _Lists(self._book)
        self._resources = _Lists(self._book)
        self._known: dict[tuple[bytes, ...], int] = {}
        self._events = _Nested(self._book, {"time": pl.Int64, "name": pl.String})
        self._links = _Nested(self._book, {"trace_id": pl.Binary, "span_id": pl.Binary})

    def __repr__(self) -> str:
        return f"SpanTable({len(self)} spans)"

    def __len__(self) -> int:
        return self._height

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
        values = (trace_id, span_id, parent_span_id, name, kind, status, message, start, end, resource, whole)
        for add, value in zip(self._add, values, strict=True):
            add(value)
        self._attributes.add(attributes)
        self._height += 1

    def extend(
        self,
        columns: SpanColumns,
        *,
        kinds: pl.Series,
        statuses: pl.Series,
        whole: npt.NDArray[np.bool_],
    ) -> None:
        """Enter many spans with their events and links; none of them where an attribute cannot be read."""
        nested = [event.attributes for event in columns.events] + [link.attributes for link in columns.links]
        self._book.numbers(raw for raws in (columns.attributes.known, *nested) for raw in raws)
        resources = np.array(list(map(self.resource, columns.resources)), dtype=np.int64)
        self._close()
        core = [
            columns.trace_id,
            columns.span_id,
            columns.parent_span_id,
            columns.name,
            kinds,
            statuses,
            columns.message,
            columns.start,
            columns.end,
            resources[columns.resource],
            whole,
        ]
        self._done.append(pl.DataFrame(dict(zip(_CORE, core, strict=True)), schema=_CORE))
        self._attributes.extend(columns.attributes)
        for event in columns.events:
            self._events.add(self._height + event.owner, (event.time, event.name), event.attributes)
        for link in columns.links:
            self._links.add(self._height + link.owner, (link.trace_id, link.span_id), link.attributes)
        self._height += len(columns.name)

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
        self._close()
        core = pl.concat(self._done)
        at = core["resource"]
        sizes = {"trace_id": 32, "span_id": 16, "parent_span_id": 16}
        columns = [
            *(_hex(name, core[name], size) for name, size in sizes.items()),
            _services(self._resources, entries, conventions).gather(at),
            *core.select("name", "kind", "status").get_columns(),
            core["message"].alias("status_message").replace("", None),
            core["start"],
            (core["end"] - core["start"]).alias("duration"),
            core["whole_trace"],
            self._attributes.series("attributes", entries),
            self._resources.series("resource", entries).gather(at),
            *self._promoted(at.to_numpy(), entries, conventions),
        ]
        if nested:
            columns += [self._events.series("events", len(self), entries)]
            columns += [self._links.series("links", len(self), entries)]
        return SPANS.conform(pl.DataFrame(columns))

    def _close(self) -> None:
        """Turn what came span by span into columns."""
        if self._core["name"] or not self._done:
            self._done.append(pl.DataFrame(self._core, schema=_CORE))
            for column in self._core.values():
                column.clear()

    def _promoted(
        self, resource: _Numbers, entries: pl.DataFrame, conventions: Conventions
    ) -> list[pl.Series]:
        """A column for each promoted attribute that a span or its resource has."""
        order = {key: number for number, key in enumerate(promoted(conventions))}
        column_of = np.array([order.get(key, -1) for key in entries["key"]], dtype=np.int64)
        of_spans, of_resources = self._attributes.flat(), self._resources.flat()
        columns = []
        for key, number in order.items():
            if not (column_of == number).any():
                continue
            chosen = _first(*of_spans, column_of == number)
            shared = _first(*of_resources, column_of == number)[resource]
            chosen = np.where(chosen == _ABSENT, shared, chosen)
            known = chosen != _ABSENT
            values = entries["value"].gather(np.where(known, chosen, 0))
            values = values.set(pl.Series(~known), None).alias(key)
            if values.null_count() < len(self):
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
            _hex(column, frame[column], sizes[column])
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


def _hex(name: str, ids: pl.Series, digits: int) -> pl.Series:
    """Ids as lower-case hex digits; null where there is none."""
    text = ids.alias(name).bin.encode("hex").str.zfill(digits)
    return text.set(text == "0" * digits, None)


def _services(resources: _Lists, entries: pl.DataFrame, conventions: Conventions) -> pl.Series:
    """The service of each resource, by its one name."""
    found = _first(*resources.flat(), (entries["key"] == "service.name").to_numpy())
    values = entries["value"].to_list()
    services = [values[number] if number != _ABSENT else None for number in found]
    return pl.Series("service", [s and conventions.canonical(s) for s in services], dtype=pl.String)


def _first(numbers: _Numbers, sizes: _Numbers, wanted: npt.NDArray[np.bool_]) -> _Numbers:
    """For each list the first of its entries that is wanted."""
    out = np.full(len(sizes), _ABSENT, dtype=np.int64)
    here = np.flatnonzero(wanted[numbers])[::-1]
    rows = np.searchsorted(np.cumsum(sizes), here, side="right")
    out[rows] = numbers[here]  # the last write to a row wins: its first entry
    return out
