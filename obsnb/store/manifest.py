"""What a dataset on disk says of itself: which question it answers, and what of the answer is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from obsnb.errors import DatasetError, WindowError
from obsnb.ledger import Complete, Kind
from obsnb.schema import dtype
from obsnb.timerange import TimeRange
from obsnb.version import __version__

__all__ = ["MANIFEST", "Manifest", "Question", "Slice", "dump", "load"]

MANIFEST = "manifest.json"
#: The version of the format that this module writes, and the newest that it reads.
FORMAT = 1

_ANOTHER = "Choose another folder, or delete this one."


@dataclass(frozen=True)
class Question:
    """What a dataset is the answer to.

    Attributes
    ----------
    kind
        Which schema its rows follow.
    source, tenant
        Who was asked, and as whom.
    query, window
        What was asked.
    params
        What else shapes the answer, such as ``step_ns``.
    """

    kind: Kind
    source: str
    query: str
    window: TimeRange
    tenant: str | None = None
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Slice:
    """A part of the time, and what came of it.

    Attributes
    ----------
    window
        Start inclusive, end exclusive.
    file, sha256, size
        Its part file, its digest and its bytes on disk; None and 0 where there are no rows.
    sent
        The query as it was sent.
    rows, digest
        How many, and their digest (`obsnb.schema.digest`).
    asked_at_ns
        When it was asked for.
    pages, requests, retries, bytes, seconds, warnings, complete, reason, selection
        As `obsnb.ledger.QueryRecord` has them.
    """

    window: TimeRange
    file: str | None
    sha256: str | None
    size: int
    sent: str
    rows: int
    digest: str
    asked_at_ns: int
    pages: int
    requests: int
    retries: int
    bytes: int
    seconds: float
    warnings: tuple[str, ...]
    complete: Complete
    reason: str
    selection: str | None


@dataclass(frozen=True)
class Manifest:
    """A dataset.

    Attributes
    ----------
    question
        What it answers.
    page_limit
        How many rows a page was asked to have at most, where the source has pages.
    columns
        Every column that some part has → the name of its type (`obsnb.schema.dtype`), core columns first.
    slices
        What is there, in order of time; they do not overlap.
    """

    question: Question
    page_limit: int | None = None
    columns: dict[str, str] = field(default_factory=dict)
    slices: tuple[Slice, ...] = ()

    def __repr__(self) -> str:
        return f"Manifest({self.question.kind}, {self.question.window}, {len(self.slices)} slices)"


def dump(manifest: Manifest) -> bytes:
    """The bytes of a manifest, which hold a digest of the rest of themselves."""
    values = {"format": FORMAT, "obsnb": __version__, **msgspec.to_builtins(manifest)}
    return msgspec.json.format(msgspec.json.encode({"dataset": _digest(values), **values}), indent=1) + b"\n"


def load(folder: Path) -> tuple[Manifest, bytes] | None:
    """The manifest of a dataset, and its bytes; None where there is none yet.

    Raises
    ------
    DatasetError
        The folder holds something else, its manifest is damaged, or a newer obsnb wrote it.
    """
    path = folder / MANIFEST
    try:
        if folder.exists() and not path.exists():
            _check_empty(folder)
            return None
        data = path.read_bytes() if folder.exists() else None
    except OSError as error:
        raise DatasetError(f"{folder} cannot be read: {error.strerror or error}.", hint=_ANOTHER) from None
    return None if data is None else (_read(data, folder), data)


def _check_empty(folder: Path) -> None:
    if not folder.is_dir():
        raise DatasetError(f"{folder} is a file, and a download needs a folder.", hint="Choose another name.")
    if any(not path.name.startswith(".") for path in folder.iterdir()):
        raise DatasetError(
            f"{folder} is not empty, and holds no download.", hint="Choose a folder that is new or empty."
        )


def _read(data: bytes, folder: Path) -> Manifest:
    try:
        values = json.loads(data)
    except ValueError:
        values = None
    if isinstance(values, dict) and values and "dataset" not in values:
        raise DatasetError(f"{folder} holds something else than a download.", hint="Choose another folder.")
    version = values.get("format") if isinstance(values, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise DatasetError(
            f"{folder} has format {version}, and this obsnb reads formats up to {FORMAT}.",
            hint="Continue it with a newer obsnb: pip install --upgrade obsnb.",
        )
    if not isinstance(values, dict) or values.pop("dataset", None) != _digest(values):
        raise _damaged(folder, "it is not what was written")
    try:
        manifest = msgspec.convert(values, _Written).manifest()
    except (msgspec.ValidationError, WindowError) as error:
        raise _damaged(folder, str(error).splitlines()[0].rstrip(".")) from None
    _check(manifest, folder)
    return manifest


class _Written(msgspec.Struct):
    format: Literal[1]
    obsnb: str
    question: Question
    page_limit: int | None
    columns: dict[str, str]
    slices: tuple[Slice, ...]

    def manifest(self) -> Manifest:
        return Manifest(self.question, self.page_limit, self.columns, self.slices)


def _check(manifest: Manifest, folder: Path) -> None:
    """Refuse what would be followed blindly: paths that leave the folder, time that overlaps."""
    at = manifest.question.window.start_ns
    for one in manifest.slices:
        if one.file is not None and (Path(one.file).name != one.file or "\\" in one.file):
            raise _damaged(folder, f"it names the file {one.file!r}")
        if one.window.start_ns < at or one.window.end_ns > manifest.question.window.end_ns:
            raise _damaged(folder, f"its slice {one.window} lies outside, or in another one")
        at = one.window.end_ns
    try:
        {name: dtype(kind) for name, kind in manifest.columns.items()}
    except KeyError as unknown:
        raise _damaged(folder, f"no column has the type {unknown}") from None


def _damaged(folder: Path, why: str) -> DatasetError:
    return DatasetError(f"The {MANIFEST} of {folder} cannot be used: {why}.", hint=_ANOTHER)


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
