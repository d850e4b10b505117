"""The manifest of a frozen incident: its queries, its files, and the digests that both are held to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from obsnb.errors import ArchiveError, DamagedArchiveError, WindowError
from obsnb.instants import format_ns, parse_instant
from obsnb.ledger import Complete, Kind, QueryRecord
from obsnb.timerange import TimeRange

__all__ = ["FORMAT", "FileEntry", "Manifest", "Recorded", "dump", "load"]

#: The version of the format that this module writes, and the newest that it reads.
FORMAT = 1

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_COPY = "Fetch or copy it again: what it holds now cannot be trusted."


@dataclass(frozen=True)
class FileEntry:
    """A file of the archive: its path inside, its bytes' SHA-256, its size, its rows."""

    name: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Recorded:
    """A query, and the file that its rows are in; several may share one."""

    record: QueryRecord
    file: str


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself.

    Attributes
    ----------
    obsnb
        The version that wrote it.
    created_ns
        When it was written.
    window, scope, tenant
        What it is about.
    queries
        In the order they were asked.
    files
        Every file but the manifest and what people wrote.
    redactions
        Kind of what was found → how much of it there was before it was written.
    policy
        What was done with each kind, as a ``[redact]`` table; empty in archives from before there were any.
    """

    obsnb: str
    created_ns: int
    window: TimeRange
    scope: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    tenant: str | None = None
    queries: tuple[Recorded, ...] = ()
    files: tuple[FileEntry, ...] = ()
    redactions: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    policy: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def __repr__(self) -> str:
        return f"Manifest({len(self.queries)} queries, {self.window})"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the manifest's JSON has them."""
        return {
            "format": FORMAT,
            "obsnb": self.obsnb,
            "created": format_ns(self.created_ns),
            "window": {"start": format_ns(self.window.start_ns), "end": format_ns(self.window.end_ns)},
            "scope": dict(self.scope),
            "tenant": self.tenant,
            "redactions": dict(sorted(self.redactions.items())),
            "policy": dict(self.policy),
            "queries": [one.record.to_dict() | {"file": one.file} for one in self.queries],
            "files": [vars(entry) for entry in self.files],
        }


class _Window(msgspec.Struct):
    start: str
    end: str

    def range(self) -> TimeRange:
        return TimeRange(parse_instant(self.start), parse_instant(self.end))


class _Query(msgspec.Struct):
    """A `QueryRecord.to_dict`, and its file."""

    number: int
    kind: Kind
    role: str | None
    source: str
    query: str
    asked: str
    start: str
    end: str
    params: dict[str, Any]
    pages: int
    requests: int
    retries: int
    rows: int
    bytes: int
    seconds: float
    warnings: list[str]
    complete: Complete
    reason: str
    selection: str | None
    digest: str
    asked_at: str
    file: str
    explore: dict[str, str] = {}

    def recorded(self) -> Recorded:
        values = msgspec.structs.asdict(self)
        file = values.pop("file")
        window = _Window(values.pop("start"), values.pop("end")).range()
        asked_at_ns = parse_instant(values.pop("asked_at"))
        values |= {"window": window, "asked_at_ns": asked_at_ns}
        values |= {"params": MappingProxyType(self.params), "warnings": tuple(self.warnings)}
        values |= {"explore": MappingProxyType(self.explore)}
        return Recorded(QueryRecord(**values), file)


class _Manifest(msgspec.Struct):
    format: Literal[1]
    obsnb: str
    created: str
    window: _Window
    scope: dict[str, str]
    tenant: str | None
    redactions: dict[str, int]
    queries: list[_Query]
    files: list[FileEntry]
    policy: dict[str, Any] = {}

    def manifest(self) -> Manifest:
        return Manifest(
            obsnb=self.obsnb,
            created_ns=parse_instant(self.created),
            window=self.window.range(),
            scope=MappingProxyType(self.scope),
            tenant=self.tenant,
            queries=tuple(query.recorded() for query in self.queries),
            files=tuple(self.files),
            redactions=MappingProxyType(self.redactions),
            policy=MappingProxyType(self.policy),
        )


def dump(values: Mapping[str, Any]) -> bytes:
    """The bytes of a manifest of these values, which hold a digest of the rest of themselves."""
    return (json.dumps({"digest": _digest(values), **values}, indent=1, ensure_ascii=False) + "\n").encode()


def load(data: bytes, *, where: str) -> Manifest:
    """The manifest in these bytes.

    Parameters
    ----------
    data
        Of manifest.json.
    where
        The archive's path, for messages.

    Raises
    ------
    ArchiveError
        It has a newer format.
    DamagedArchiveError
        It cannot be read, or has changed since it was written.
    """
    try:
        values = json.loads(data)
    except ValueError as error:
        raise DamagedArchiveError(
            f"{where} is damaged: its manifest.json is not JSON ({error}).", hint=_COPY
        ) from None
    version = values.get("format") if isinstance(values, dict) else None
    if not isinstance(version, int):
        raise DamagedArchiveError(
            f"{where} is damaged: its manifest.json does not say its format.", hint=_COPY
        )
    if version > FORMAT:
        raise ArchiveError(
            f"{where} has format {version}, and this obsnb reads formats up to {FORMAT}.",
            hint="Open it with a newer obsnb: pip install --upgrade obsnb.",
        )
    if values.pop("digest", None) != _digest(values):
        raise DamagedArchiveError(
            f"{where} is damaged: its manifest.json has changed since it was written.", hint=_COPY
        )
    try:
        manifest = msgspec.convert(values, _Manifest).manifest()
    except (msgspec.ValidationError, WindowError) as error:
        what = error.what if isinstance(error, WindowError) else f"{error}."
        raise DamagedArchiveError(
            f"{where} is damaged: its manifest.json cannot be understood: {what}", hint=_COPY
        ) from None
    _check_files(manifest, where)
    return manifest


def _check_files(manifest: Manifest, where: str) -> None:
    names = [entry.name for entry in manifest.files]
    if len(set(names)) != len(names):
        raise DamagedArchiveError(f"{where} is damaged: its manifest.json names a file twice.", hint=_COPY)
    for one in manifest.queries:
        if one.file not in names:
            raise DamagedArchiveError(
                f"{where} is damaged: its manifest.json has a query without a file.", hint=_COPY
            )


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
