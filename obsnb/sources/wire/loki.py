"""Loki's JSON answers to log queries, as LOGS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter, methodcaller
from typing import Any, NamedTuple

import msgspec
import polars as pl
import xxhash

from obsnb.collector import paused_collector
from obsnb.conventions import Conventions
from obsnb.schema import LOGS, dtype, label_column

__all__ = ["LogDecoder", "Page"]

_METADATA, _PARSED = "metadata.", "parsed."
#: A decoder made for a query's own keys takes half of the time that one for any keys takes, but to make it
#: takes as long as to read so many bytes; with very many keys it is slower, and msgspec makes none for keys
#: that JSON escapes.
_WORTH_BYTES = 65_536
_WORTH_KEYS = 64
_ESCAPED = re.compile(r'["\\\x00-\x1f]')

_Labels = tuple[tuple[str, str], ...]
_Get = Callable[[Any], Any]


class _Extra(msgspec.Struct, gc=False, rename="camel"):
    """What comes by ``categorize-labels``, whatever its keys."""

    structured_metadata: dict[str, str] = {}
    parsed: dict[str, str] = {}


class _Entry(msgspec.Struct, array_like=True, gc=False):
    ns: int
    line: str
    extra: _Extra = msgspec.field(default_factory=_Extra)


class _Type(msgspec.Struct, rename="camel"):
    result_type: str


class _TypeReply(msgspec.Struct):
    data: _Type


class _Keys(NamedTuple):
    """The keys that entries have, sorted."""

    metadata: tuple[str, ...] = ()
    parsed: tuple[str, ...] = ()

    def plain(self) -> bool:
        """Whether a decoder can be made for them that is worth it."""
        keys = self.metadata + self.parsed
        return len(keys) <= _WORTH_KEYS and not any(map(_ESCAPED.search, keys))


class _Form(NamedTuple):
    """A decoder of answers, and what gets a field out of its metadata or parsed labels."""

    decoder: msgspec.json.Decoder[Any]
    metadata: Callable[[str], _Get]
    parsed: Callable[[str], _Get]


_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_NS, _LINE = attrgetter("ns"), attrgetter("line")
_METADATA_OF, _PARSED_OF = attrgetter("extra.structured_metadata"), attrgetter("extra.parsed")


@dataclass(frozen=True)
class Page:
    """The entries of one answer.

    Attributes
    ----------
    entries
        A row an entry, in the answer's order: stream (its number in the decoder), ns, line, row_id,
        then ``metadata.x`` and ``parsed.x``.
    rows
        How many they are.
    first_ns, last_ns
        The earliest and the latest timestamp; 0 where there is no entry.
    warnings
        What the server warned of.
    """

    entries: pl.DataFrame
    rows: int
    first_ns: int
    last_ns: int
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Page({self.rows} entries)"

    def within(self, start_ns: int, end_ns: int) -> Page:
        """The entries from `start_ns` on and before `end_ns`."""
        if start_ns <= self.first_ns and self.last_ns < end_ns:
            return self
        inside = pl.col("ns").is_between(start_ns, end_ns, closed="left")
        return _page(self.entries.filter(inside), self.warnings)

    def turned(self) -> Page:
        """The same entries in the opposite order, so that one that was asked backward reads forward."""
        return _page(self.entries.reverse(), self.warnings)


class LogDecoder:
    """Reads the answers to one query, and makes one frame of them.

    Parameters
    ----------
    conventions
        Which label, metadata or parsed field names the service, the level and the ids.
    """

    def __init__(self, conventions: Conventions) -> None:
        self._conventions = conventions
        self._streams: dict[_Labels, int] = {}
        self._seeds: list[int] = []
        self._keys = _Keys()

    def read(self, body: bytes) -> Page:
        """The entries of an answer.

        Bytes that are no UTF-8, which Loki lets through in labels and metadata, become U+FFFD.

        Raises
        ------
        msgspec.DecodeError
            The body is not JSON, not of this form, or holds numbers instead of lines.
        """
        with paused_collector():
            try:
                return self._read(body)
            except UnicodeDecodeError:
                return self._read(body.decode("utf-8", "replace").encode())

    def frame(self, pages: Iterable[Page]) -> pl.DataFrame:
        """The entries of pages that do not overlap.

        Returns
        -------
        polars.DataFrame
            LOGS, sorted by time; entries of one nanosecond by the labels of their streams, those of one
            stream in the order of their page. Then a Categorical column a stream label, a String column
            ``metadata.x`` a key of structured metadata and ``parsed.x`` a parsed label, each by name;
            null where an entry has none.
        """
        entries = [page.entries for page in pages if page.rows]
        if not entries:
            return LOGS.empty()
        frame = pl.concat(entries, how="diagonal")
        streams, numbers = list(self._streams), frame["stream"].unique().to_list()
        used = sorted(numbers, key=lambda number: streams[number])
        places = pl.DataFrame({"stream": used}, schema={"stream": pl.UInt32}).with_row_index("place")
        frame = frame.join(places, on="stream", how="left", maintain_order="left")
        frame = frame.sort("ns", "place", maintain_order=True)
        owners, labels = frame["place"], [dict(streams[number]) for number in used]
        own = _own_columns(labels, self._conventions)[owners]
        timed = frame.with_columns(timestamp=pl.col("ns").cast(dtype("time")))
        core = _derived(pl.concat([timed, own], how="horizontal"), self._conventions)
        # A key of which only entries that are left out had a value is no column of these.
        fields = sorted(
            name
            for name in frame.columns
            if name.startswith((_METADATA, _PARSED)) and frame[name].null_count() < frame.height
        )
        parts = [LOGS.conform(core.select(LOGS.names)), _label_columns(labels)[owners], frame.select(fields)]
        return pl.concat(parts, how="horizontal")

    def _read(self, body: bytes) -> Page:
        reply, form = self._decoded(body)
        numbers: list[int] = []
        seeds: list[int] = []
        for stream in reply.data.result:
            number = self._number(stream.stream)
            numbers += [number] * len(stream.values)
            seeds += [self._seeds[number]] * len(stream.values)
        entries = [entry for stream in reply.data.result for entry in stream.values]
        ns, metadata = list(map(_NS, entries)), list(map(_METADATA_OF, entries))
        lines = list(map(_LINE, entries))
        # The tuple by which Loki itself tells entries apart: MessagePack of nanosecond, line and metadata
        # (keys sorted), hashed with the hash of the stream's labels as its seed.
        packed = map(_PACK, zip(ns, lines, metadata, strict=True))
        try:
            times = pl.Series("ns", ns, dtype=pl.Int64)
            ids = list(map(xxhash.xxh3_64_hexdigest, packed, seeds))
        except (OverflowError, TypeError):
            raise msgspec.ValidationError("the time of an entry is out of range") from None
        texts = {"line": lines, "row_id": ids}
        texts |= {_METADATA + key: list(map(form.metadata(key), metadata)) for key in self._keys.metadata}
        if self._keys.parsed:
            parsed = list(map(_PARSED_OF, entries))
            texts |= {_PARSED + key: list(map(form.parsed(key), parsed)) for key in self._keys.parsed}
        columns = [pl.Series(name, values, dtype=pl.String) for name, values in texts.items()]
        table = pl.DataFrame([pl.Series("stream", numbers, dtype=pl.UInt32), times, *columns])
        return _page(table, tuple(reply.warnings or ()))

    def _number(self, stream: dict[str, str]) -> int:
        labels = tuple(sorted(stream.items()))
        number = self._streams.setdefault(labels, len(self._streams))
        if number == len(self._seeds):
            self._seeds.append(xxhash.xxh3_64_intdigest(_PACK(labels)))
        return number

    def _decoded(self, body: bytes) -> tuple[Any, _Form]:
        """An answer, read by the keys that came before; with any other key in it, read by what it has."""
        if len(body) >= _WORTH_BYTES and self._keys.plain():
            form = _form(self._keys)
            try:
                return _of_streams(form.decoder.decode(body)), form
            except msgspec.ValidationError:
                pass  # a key that is new, or an answer that is none: the other decoder tells which
        try:
            reply = _of_streams(_ANY.decoder.decode(body))
        except msgspec.ValidationError:
            _of_streams(msgspec.json.decode(body, type=_TypeReply))
            raise
        extras = [entry.extra for stream in reply.data.result for entry in stream.values]
        metadata = set(self._keys.metadata).union(*(extra.structured_metadata for extra in extras))
        parsed = set(self._keys.parsed).union(*(extra.parsed for extra in extras))
        self._keys = _Keys(tuple(sorted(metadata)), tuple(sorted(parsed)))
        return reply, _ANY


def _of_streams(reply: Any) -> Any:
    told = reply.data.result_type
    if told != "streams":
        raise msgspec.ValidationError(f"its result is of the type {told!r}, not streams of lines")
    return reply


def _decoder(entry: type) -> msgspec.json.Decoder[Any]:
    """A decoder of answers with such entries."""
    stream = msgspec.defstruct("_Stream", [("stream", dict[str, str]), ("values", list[entry])], gc=False)  # type: ignore[valid-type]  # made at run time
    data = msgspec.defstruct("_Data", [("result_type", str), ("result", list[stream], [])], rename="camel")  # type: ignore[valid-type]  # made at run time
    reply = msgspec.defstruct("_Reply", [("data", data), ("warnings", list[str] | None, None)])
    return msgspec.json.Decoder(reply, strict=False)


def _any(key: str) -> _Get:
    return methodcaller("get", key)


_ANY = _Form(_decoder(_Entry), _any, _any)


@lru_cache(maxsize=128)
def _form(keys: _Keys) -> _Form:
    """What reads answers whose entries have just these keys."""
    names = [{key: f"f{number}" for number, key in enumerate(place)} for place in keys]
    fields = []
    for name, place in zip(("structured_metadata", "parsed"), names, strict=True):
        if place or name == "structured_metadata":
            kind = msgspec.defstruct(
                "_Fields",
                [(field, str | None, None) for field in place.values()],
                rename={field: key for key, field in place.items()},
                forbid_unknown_fields=True,
                omit_defaults=True,
                gc=False,
            )
            fields.append((name, kind, msgspec.field(default_factory=kind)))
    extra = msgspec.defstruct("_Extra", fields, rename="camel", forbid_unknown_fields=True, gc=False)
    given = msgspec.field(default_factory=extra)
    entry = msgspec.defstruct(
        "_Entry", [("ns", int), ("line", str), ("extra", extra, given)], array_like=True, gc=False
    )
    metadata, parsed = names
    return _Form(_decoder(entry), lambda key: attrgetter(metadata[key]), lambda key: attrgetter(parsed[key]))


def _page(entries: pl.DataFrame, warnings: tuple[str, ...]) -> Page:
    first, last = entries["ns"].min() or 0, entries["ns"].max() or 0
    return Page(entries, entries.height, int(str(first)), int(str(last)), warnings)


def _label_columns(labels: list[dict[str, str]]) -> pl.DataFrame:
    """A row a stream: its labels."""
    names = {_column(name): name for name in set().union(*labels)}
    return pl.DataFrame(
        [
            pl.Series(column, [each.get(names[column]) for each in labels], dtype=dtype("label"))
            for column in sorted(names)
        ]
    )


def _column(label: str) -> str:
    taken = label.startswith((_METADATA, _PARSED))
    return f"label.{label}" if taken else label_column(LOGS, label)


def _own_columns(labels: list[dict[str, str]], conventions: Conventions) -> pl.DataFrame:
    """A row a stream: what its labels say of service, level and ids, as columns ``own.x``."""
    told: dict[str, list[str | None]] = {
        "service": [conventions.service_of(each) for each in labels],
        "level": [conventions.level_of(each) for each in labels],
        "trace_id": [conventions.first(conventions.trace_id_fields, each) for each in labels],
        "span_id": [conventions.first(conventions.span_id_fields, each) for each in labels],
        "correlation_id": [conventions.first(conventions.correlation_fields, each) for each in labels],
    }
    return pl.DataFrame([pl.Series(f"own.{name}", values, dtype=pl.String) for name, values in told.items()])


def _derived(frame: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """The core columns that labels, metadata and parsed labels speak of, in this order of trust."""

    def told(core: str, names: tuple[str, ...], empty: tuple[str, ...] = ("",)) -> pl.Expr:
        own = pl.col(f"own.{core}")
        if not frame[f"own.{core}"].has_nulls():
            return own
        columns = [prefix + name for prefix in (_METADATA, _PARSED) for name in names]
        have = [pl.col(column) for column in columns if column in frame.columns]
        if core == "level":
            have = [column.str.to_lowercase() for column in have]
        return pl.coalesce(own, *(pl.when(~column.is_in(empty)).then(column) for column in have))

    service = told("service", conventions.service_labels)
    aliases = dict(conventions.service_aliases)
    core = frame.with_columns(
        service=service.replace(aliases) if aliases else service,
        level=told("level", (*conventions.level_labels, *conventions.level_fields), ("", "unknown")),
        trace_id=told("trace_id", conventions.trace_id_fields),
        span_id=told("span_id", conventions.span_id_fields),
        correlation_id=told("correlation_id", conventions.correlation_fields),
    )
    return core.with_columns(_padded(core["trace_id"], 32), _padded(core["span_id"], 16))


def _padded(ids: pl.Series, digits: int) -> pl.Series:
    """Lower case and filled up where it is at most so many hex digits; otherwise as it is."""
    whole = ids.str.contains(rf"^[0-9a-f]{{{digits}}}$")
    if whole.all():
        return ids
    lower = ids.str.to_lowercase()
    return lower.str.zfill(digits).zip_with(
        lower.str.contains(rf"^[0-9a-f]{{1,{digits}}}$").fill_null(True), ids
    )
