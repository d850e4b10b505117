"""Loki's JSON answers to log queries: streams of entries, as LOGS."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl
import xxhash

from obsnb.conventions import Conventions
from obsnb.schema import LOGS, dtype, label_column
from obsnb.sources.wire.collector import paused_collector

__all__ = ["Page", "Reply", "decode_logs", "read"]

_SEPARATOR = "\x00"


class _Extra(msgspec.Struct, gc=False, rename="camel"):
    structured_metadata: dict[str, str] = {}
    parsed: dict[str, str] = {}


class _Apart(msgspec.Struct, gc=False, rename="camel"):
    structured_metadata: msgspec.Raw = msgspec.Raw(b"")


class _Entry(msgspec.Struct, array_like=True, gc=False):
    ns: str
    line: str
    extra: msgspec.Raw = msgspec.Raw(b"{}")  # read a column at a time, later


class _Stream(msgspec.Struct, gc=False):
    stream: dict[str, str]
    values: list[_Entry]


class _Data(msgspec.Struct, gc=False, rename="camel"):
    result_type: str
    result: msgspec.Raw = msgspec.Raw(b"[]")
    encoding_flags: list[str] = []


class Reply(msgspec.Struct):
    """The envelope of an answer; its streams are read later."""

    data: _Data
    warnings: list[str] | None = None


_REPLY = msgspec.json.Decoder(Reply)
_STREAMS = msgspec.json.Decoder(list[_Stream], strict=False)
_EXTRAS = msgspec.json.Decoder(list[_Extra])
_APART = msgspec.json.Decoder(list[_Apart])
_HEAD = b'{"structuredMetadata":'


@dataclass(frozen=True)
class Page:
    """One answer to a log query.

    Attributes
    ----------
    streams
        The streams as they came.
    rows
        How many entries they hold together.
    first_ns, last_ns
        The earliest and the latest timestamp; 0 where there is no entry.
    warnings
        What the server warned of.
    """

    streams: Sequence[_Stream]
    rows: int
    first_ns: int
    last_ns: int
    warnings: tuple[str, ...] = ()

    def within(self, start_ns: int, end_ns: int) -> Page:
        """The entries from `start_ns` on and before `end_ns`."""
        # Digits compare like numbers while they are as many, which 19 are from 2001 to 2286.
        low, high = f"{start_ns:019d}", f"{end_ns:019d}"
        kept = [
            _Stream(stream.stream, values)
            for stream in self.streams
            if (values := [entry for entry in stream.values if low <= entry.ns.zfill(19) < high])
        ]
        return _page(kept, self.warnings)


def read(body: bytes) -> Page:
    """The entries of an answer.

    Raises
    ------
    msgspec.DecodeError
        The body is not JSON, not of this form, or holds numbers instead of lines.
    """
    try:
        with paused_collector():
            reply = _REPLY.decode(body)
            if reply.data.result_type != "streams":
                raise msgspec.ValidationError(f"the answer is a {reply.data.result_type}, not streams")
            streams = _STREAMS.decode(reply.data.result)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(str(error)) from None
    return _page(streams, tuple(reply.warnings or ()))


def _page(streams: list[_Stream], warnings: tuple[str, ...]) -> Page:
    # Entries of a stream are in order of time, forward or backward: its ends are its extremes.
    ends = [
        int(end.ns) for stream in streams if stream.values for end in (stream.values[0], stream.values[-1])
    ]
    rows = sum(len(stream.values) for stream in streams)
    return Page(streams, rows, min(ends, default=0), max(ends, default=0), warnings)


def decode_logs(pages: Sequence[Page], *, conventions: Conventions, backward: bool = False) -> pl.DataFrame:
    """The entries of all pages as LOGS, sorted by time; entries of one nanosecond by stream, in its order.

    Parameters
    ----------
    pages
        Answers to one query that do not overlap.
    conventions
        Which label or metadata names the service, the level and the ids.
    backward
        Whether entries came latest first, so that a stream's own order is to be turned around.

    Returns
    -------
    polars.DataFrame
        LOGS; then a Categorical column a stream label, a String column ``metadata.x`` a structured
        metadata key and ``parsed.x`` a parsed label, each by name; null where an entry has none.
    """
    streams = [stream for page in pages for stream in page.streams if stream.values]
    if not streams:
        return LOGS.empty()
    with paused_collector():
        if backward:
            streams = [_Stream(stream.stream, stream.values[::-1]) for stream in streams]
        keys = [_SEPARATOR.join(f"{k}{_SEPARATOR}{v}" for k, v in sorted(s.stream.items())) for s in streams]
        frame = _entries(streams, keys)
    labels = _labels(streams, keys, conventions)
    at = frame["stream"]
    frame = pl.concat([frame.drop("stream"), labels[at]], how="horizontal")
    frame = _derived(frame, conventions).sort("timestamp", "stream_key", maintain_order=True)
    core = list(LOGS.names)
    rest = sorted(name for name in frame.columns if name not in core and not name.startswith("stream_"))
    plain = [name for name in rest if not name.startswith(("metadata.", "parsed."))]
    ordered = [*plain, *(name for name in rest if name not in plain)]
    return LOGS.conform(frame.select(*core, *ordered))


def _entries(streams: Sequence[_Stream], keys: Sequence[str]) -> pl.DataFrame:
    """A row an entry: its stream's number, time, line, row_id, metadata and parsed labels."""
    entries = [entry for stream in streams for entry in stream.values]
    extras = [bytes(entry.extra) for entry in entries]
    whole = b"[" + b",".join(extras) + b"]"
    sizes = pl.Series([len(stream.values) for stream in streams])
    columns: dict[str, pl.Series] = {
        "stream": pl.select(
            pl.int_range(len(streams), dtype=pl.UInt32).repeat_by(sizes).explode()
        ).to_series(),
        "timestamp": pl.Series([entry.ns for entry in entries]).cast(pl.Int64).cast(dtype("time")),
        "line": pl.Series([entry.line for entry in entries], dtype=pl.String),
        "row_id": pl.Series(_row_ids(streams, keys, _metadata(extras, whole)), dtype=pl.String),
    }
    return pl.DataFrame(columns | _extra_columns(whole, sample=[bytes(s.values[0].extra) for s in streams]))


def _metadata(extras: list[bytes], whole: bytes) -> list[bytes]:
    """The structured metadata of each entry, as it came."""
    if b'"parsed":' in whole:
        return [bytes(apart.structured_metadata) for apart in _APART.decode(whole)]
    return [extra[len(_HEAD) : -1] for extra in extras]


def _row_ids(streams: Sequence[_Stream], keys: Sequence[str], metadata: Sequence[bytes]) -> list[str]:
    """XXH3 of stream, nanosecond, line and metadata: the tuple by which Loki itself tells entries apart."""
    digest, place, ids = xxhash.xxh3_64_hexdigest, iter(metadata), []
    for stream, key in zip(streams, keys, strict=True):
        for entry in stream.values:
            told = f"{key}\x01{entry.ns}\x01{entry.line}\x01".encode("utf-8", "surrogatepass")
            ids.append(digest(told + next(place)))
    return ids


def _extra_columns(whole: bytes, *, sample: Sequence[bytes]) -> dict[str, pl.Series]:
    """``metadata.x`` and ``parsed.x``, in the order in which the keys first came.

    A struct with just the keys that a sample has is several times quicker to read than dictionaries;
    a key that the sample did not have makes it fail, and then dictionaries are read.
    """
    firsts = _EXTRAS.decode(b"[" + b",".join(sample) + b"]")
    groups = ("structured_metadata", "parsed")
    names = {
        group: tuple(dict.fromkeys(n for first in firsts for n in getattr(first, group))) for group in groups
    }
    columns: dict[str, pl.Series] = {}
    try:
        rows = _shaped(names["structured_metadata"], names["parsed"]).decode(whole)
    except msgspec.ValidationError:
        told = _EXTRAS.decode(whole)
        for group, prefix in zip(groups, ("metadata.", "parsed."), strict=True):
            dicts = [getattr(each, group) for each in told]
            for name in dict.fromkeys(name for each in dicts for name in each):
                columns[prefix + name] = pl.Series([each.get(name) for each in dicts], dtype=pl.String)
        return columns
    for group, prefix in zip(groups, ("metadata.", "parsed."), strict=True):
        for number, name in enumerate(names[group]):
            read = operator.attrgetter(f"{group}.f{number}")
            columns[prefix + name] = pl.Series(list(map(read, rows)), dtype=pl.String)
    return columns


@functools.lru_cache(maxsize=64)
def _shaped(metadata: tuple[str, ...], parsed: tuple[str, ...]) -> msgspec.json.Decoder[list[Any]]:
    """A decoder of extras that have these keys and no others."""

    def fields(names: tuple[str, ...]) -> type[msgspec.Struct]:
        own = [(f"f{number}", str | None, None) for number in range(len(names))]
        return msgspec.defstruct(
            "Keys",
            own,
            gc=False,
            forbid_unknown_fields=True,
            rename=dict(zip((f[0] for f in own), names, strict=True)),
        )

    kinds = {"structured_metadata": fields(metadata), "parsed": fields(parsed)}
    own = [(name, kind, msgspec.field(default_factory=kind)) for name, kind in kinds.items()]
    return msgspec.json.Decoder(list[msgspec.defstruct("Extra", own, gc=False, rename="camel")])  # type: ignore[misc]  # made at run time


def _labels(streams: Sequence[_Stream], keys: Sequence[str], conventions: Conventions) -> pl.DataFrame:
    """A row a stream: its labels, and what they say of service, level and ids."""
    names = sorted({name for stream in streams for name in stream.stream})
    labels = [stream.stream for stream in streams]

    def first(fields: tuple[str, ...]) -> list[str | None]:
        return [conventions.first(fields, each) for each in labels]

    columns: dict[str, pl.Series] = {
        label_column(LOGS, name): pl.Series([each.get(name) for each in labels], dtype=pl.Categorical)
        for name in names
    }
    columns |= {
        "stream_key": pl.Series(keys, dtype=pl.String),
        "stream_service": pl.Series([conventions.service_of(each) for each in labels], dtype=pl.String),
        "stream_level": pl.Series([conventions.level_of(each) for each in labels], dtype=pl.String),
        "stream_trace": pl.Series(first(conventions.trace_id_fields), dtype=pl.String),
        "stream_span": pl.Series(first(conventions.span_id_fields), dtype=pl.String),
        "stream_correlation": pl.Series(first(conventions.correlation_fields), dtype=pl.String),
    }
    return pl.DataFrame(columns)


def _derived(frame: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """The core columns that labels, metadata and parsed labels speak of, in this order of trust."""

    def told(own: str, fields: tuple[str, ...]) -> pl.Expr:
        names = [f"{place}.{field}" for place in ("metadata", "parsed") for field in fields]
        have = [pl.col(name).replace("", None) for name in names if name in frame.columns]
        return pl.coalesce(pl.col(own), *have)

    levels = [
        pl.col(name).str.to_lowercase().replace(["", "unknown"], [None, None])
        for place in ("metadata", "parsed")
        for field in (*conventions.level_labels, *conventions.level_fields)
        if (name := f"{place}.{field}") in frame.columns
    ]
    service = told("stream_service", conventions.service_labels)
    aliases = dict(conventions.service_aliases)
    return frame.with_columns(
        service=(service.replace(aliases) if aliases else service).cast(pl.Categorical),
        level=pl.coalesce(pl.col("stream_level"), *levels).cast(pl.Categorical),
        trace_id=_hex(told("stream_trace", conventions.trace_id_fields), 32),
        span_id=_hex(told("stream_span", conventions.span_id_fields), 16),
        correlation_id=told("stream_correlation", conventions.correlation_fields),
    )


def _hex(column: pl.Expr, digits: int) -> pl.Expr:
    """Lower case and filled up where it is an id of that many hex digits; otherwise as it is."""
    lower = column.str.to_lowercase()
    is_id = lower.str.contains(rf"^[0-9a-f]{{1,{digits}}}$")
    return pl.when(is_id).then(lower.str.zfill(digits)).otherwise(column)
