"""The spans of traces in OTLP's protobuf, column by column: what a SPANS frame needs of them.

The numbers of fields are those of ``opentelemetry/proto/trace/v1/trace.proto``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from obsnb.sources.wire.protobuf_fields import BYTES, FIXED64, VARINT, Fields, Wire, fields_of

__all__ = ["Event", "Link", "Raws", "SpanColumns", "span_columns"]

_Numbers = npt.NDArray[np.int64]
#: Bits of a validity bitmap: every second text is there.
_EVERY_SECOND = b"\x55"
_NONE = Fields(*np.zeros((3, 0), dtype=np.int64))


class Event(NamedTuple):
    """An event of the span whose row in its columns is `owner`."""

    owner: int
    time: int
    name: str
    attributes: list[bytes]


class Link(NamedTuple):
    """A link of the span whose row in its columns is `owner`."""

    owner: int
    trace_id: bytes
    span_id: bytes
    attributes: list[bytes]


class Raws(NamedTuple):
    """Lists of attributes as OTLP's ``KeyValue``, each different one once.

    Attributes
    ----------
    known
        The different ones.
    numbers
        Their places among these, list after list.
    sizes
        How many each list has.
    """

    known: list[bytes]
    numbers: _Numbers
    sizes: _Numbers


@dataclass(frozen=True)
class SpanColumns:
    """Spans in their order, an item a span, but for what is said.

    Attributes
    ----------
    trace
        The place of each one's trace among those that were read.
    trace_id, span_id, parent_span_id, name, message
        Binary and String columns, empty where a span has none.
    kind, status, start, end
        Numbers; times in nanoseconds.
    attributes
        Their attributes.
    resource, resources
        The place of each one's resource among the resources; and those, as lists of attributes.
    events, links
        By span.
    """

    trace: _Numbers
    trace_id: pl.Series
    span_id: pl.Series
    parent_span_id: pl.Series
    name: pl.Series
    message: pl.Series
    kind: _Numbers
    status: _Numbers
    start: _Numbers
    end: _Numbers
    attributes: Raws
    resource: _Numbers
    resources: list[tuple[bytes, ...]]
    events: list[Event]
    links: list[Link]

    def __repr__(self) -> str:
        return f"SpanColumns({len(self.name)} spans)"


class _Messages:
    """Messages of one kind in order of their bytes, and their fields."""

    def __init__(self, wire: Wire, starts: _Numbers, ends: _Numbers) -> None:
        self._wire = wire
        self._starts = starts
        self._fields = fields_of(wire, starts, ends)

    def __len__(self) -> int:
        return len(self._starts)

    def inner(self, number: int) -> tuple[_Messages, _Numbers]:
        """The messages in a field, and whose each is."""
        found = self._found(number, BYTES)
        return _Messages(self._wire, found.start, found.end), found.owner

    def raws(self, number: int) -> Raws:
        """What a repeated field holds."""
        found = self._found(number, BYTES)
        coded = self._cut(found.start, found.end).dictionary_encode()
        numbers = coded.indices.fill_null(0).to_numpy()[::2].astype(np.int64)
        return Raws(coded.dictionary.to_pylist(), numbers, np.bincount(found.owner, minlength=len(self)))

    def single(self, number: int) -> pl.Series:
        """A field of bytes of each message; empty where it has none."""
        found = self._found(number, BYTES)
        start, end = self._starts.copy(), self._starts.copy()
        start[found.owner], end[found.owner] = found.start, found.end
        return pl.Series(self._cut(start, end), dtype=pl.Binary).gather_every(2)

    def numbers(self, number: int) -> _Numbers:
        """A number of each message; 0 where it has none."""
        found = self._found(number, VARINT)
        values = np.zeros(len(self), dtype=np.int64)
        values[found.owner] = found.start
        return values

    def times(self, number: int) -> _Numbers:
        """Nanoseconds of each message; 0 where it has none."""
        found = self._found(number, FIXED64)
        values = np.zeros(len(self), dtype=np.int64)
        values[found.owner] = self._wire.data[found.start[:, None] + np.arange(8)].view("<i8")[:, 0]
        if values.min(initial=0) < 0:
            raise ValueError("a time is later than 64 bits with a sign can tell")
        return values

    def _found(self, number: int, kind: int) -> Fields:
        """A field wherever it is; a parser leaves what has its number and another wire type unread."""
        return self._fields.get((number, kind), _NONE)

    def _cut(self, start: _Numbers, end: _Numbers) -> pa.LargeBinaryArray:
        """The bytes in these places, which are in order, each followed by a null for what is between them."""
        edges = np.empty(2 * len(start) + 1, dtype=np.int64)
        edges[:-1:2], edges[1::2] = start, end
        edges[-1] = end[-1] if len(end) else 0
        known = pa.py_buffer(_EVERY_SECOND * (len(start) // 4 + 1))
        raw = pa.py_buffer(self._wire.raw)
        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), 2 * len(start), [known, pa.py_buffer(edges), raw]
        )


def span_columns(traces: Sequence[bytes]) -> SpanColumns:
    """The spans of these ``TracesData``, each as a parser has written it.

    What a parser writes is valid; this does not find out whether it is, nor merge messages that come in
    parts.

    Raises
    ------
    ValueError
        There are groups in them, which OTLP does not have, or times that no frame can hold.
    """
    wire = Wire.of(b"".join(traces))
    whole = _Messages(wire, *_places(traces))
    batches, trace_of_batch = whole.inner(1)
    scopes, batch_of_scope = batches.inner(2)
    spans, scope_of_span = scopes.inner(2)
    statuses, with_status = spans.inner(15)
    status = np.zeros(len(spans), dtype=np.int64)
    status[with_status] = statuses.numbers(3)
    messages = pl.repeat("", len(spans), dtype=pl.String, eager=True)
    batch = batch_of_scope[scope_of_span]
    return SpanColumns(
        trace=trace_of_batch[batch],
        trace_id=spans.single(1),
        span_id=spans.single(2),
        parent_span_id=spans.single(4),
        name=spans.single(5).cast(pl.String),
        message=messages.scatter(with_status, statuses.single(2).cast(pl.String)),
        kind=spans.numbers(6),
        status=status,
        start=spans.times(7),
        end=spans.times(8),
        attributes=spans.raws(9),
        resource=batch,
        resources=_resources(batches.single(1).to_list()),
        events=_events(spans),
        links=_links(spans),
    )


def _places(raws: Sequence[bytes]) -> tuple[_Numbers, _Numbers]:
    """Where each begins and ends when they are put together."""
    sizes = np.array([len(raw) for raw in raws], dtype=np.int64)
    ends = np.cumsum(sizes)
    return ends - sizes, ends


def _resources(raws: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """The attributes of each resource; most resources are the same few."""
    known = list(dict.fromkeys(raws))
    lists = _divided(_Messages(Wire.of(b"".join(known)), *_places(known)).raws(1))
    of = {raw: tuple(attributes) for raw, attributes in zip(known, lists, strict=True)}
    return [of[raw] for raw in raws]


def _events(spans: _Messages) -> list[Event]:
    events, owners = spans.inner(11)
    names, lists = events.single(2).cast(pl.String).to_list(), _divided(events.raws(3))
    return list(map(Event, owners.tolist(), events.times(1).tolist(), names, lists))


def _links(spans: _Messages) -> list[Link]:
    links, owners = spans.inner(13)
    traces, others = links.single(1).to_list(), links.single(2).to_list()
    return list(map(Link, owners.tolist(), traces, others, _divided(links.raws(4))))


def _divided(raws: Raws) -> list[list[bytes]]:
    items = [raws.known[number] for number in raws.numbers.tolist()]
    ends = np.cumsum(raws.sizes)
    return [items[at:end] for at, end in zip((ends - raws.sizes).tolist(), ends.tolist(), strict=True)]
