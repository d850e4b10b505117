"""A Parquet dataset on disk: an answer that is bigger than memory, written slice by slice.

A folder with a part file a slice of time and a manifest that says which slices are there. Both are
written whole or not at all, the part before the manifest that names it: whatever interrupts it, what
the manifest names is there, and what is there twice is named once.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from obsnb.errors import DatasetError
from obsnb.ledger import Kind, QueryRecord
from obsnb.schema import BY_KIND, Schema, digest, dtype, type_name
from obsnb.store.manifest import MANIFEST, Manifest, Question, Slice, dump, load
from obsnb.store.verdict import record_of
from obsnb.store.whole import as_the_system_says, beside
from obsnb.timerange import TimeRange

__all__ = ["Dataset", "Missing"]

#: The column of each kind's time, by which the rows are sorted.
_TIME: dict[Kind, str] = {"logs": "timestamp", "series": "timestamp", "spans": "start"}
_PART = "part-{start:020d}-{digest}.parquet"
_PARTS = re.compile(r"part-[-\d]\d{19}-[0-9a-f]{12}\.parquet")
#: Columns that come after the labels, as sources place them.
_FIELDS = ("metadata.", "parsed.")


@dataclass(frozen=True)
class Missing:
    """A part of the time that is still to be asked for; `again`, what is there of it already."""

    window: TimeRange
    again: Slice | None = None


class Dataset:
    """A dataset, opened for one question. Made by `open`; a manifest that is written changes it.

    Attributes
    ----------
    folder
        Where it is.
    damaged
        Slices whose part file is not there or not what was written.
    """

    def __init__(self, folder: Path, manifest: Manifest, written: bytes = b"") -> None:
        self.folder = folder
        self._manifest = manifest
        self._written = written
        self._begun = False
        self.damaged = frozenset(one.window for one in manifest.slices if not self._holds(one))

    @classmethod
    def open(cls, folder: Path, question: Question, *, page_limit: int | None = None) -> Dataset:
        """The dataset in a folder, which need not be there yet; nothing is written.

        Parameters
        ----------
        folder
            New, empty, or begun with the same question.
        question
            What it is to answer.
        page_limit
            For the manifest: how many rows a page is asked to have.

        Raises
        ------
        DatasetError
            The folder holds something else, the answer to another question, or a damaged manifest.
        """
        found = load(folder)
        if found is None:
            return cls(folder, Manifest(question, page_limit))
        manifest, data = found
        _check_same(folder, manifest.question, question)
        return cls(folder, manifest, data)

    def __repr__(self) -> str:
        return f"Dataset({str(self.folder)!r}, {self.rows:,} rows in {len(self.slices):,} slices)"

    @property
    def slices(self) -> tuple[Slice, ...]:
        """What is there, in order of time."""
        return self._manifest.slices

    @property
    def rows(self) -> int:
        """How many rows are there."""
        return sum(one.rows for one in self.slices)

    @property
    def bytes(self) -> int:
        """How many bytes of answers they came in."""
        return sum(one.bytes for one in self.slices)

    def missing(self, *, until_ns: int, late_ns: int | None) -> list[Missing]:
        """What is still to be asked for, in order of time.

        Parameters
        ----------
        until_ns
            What lies later has not happened yet.
        late_ns
            How long after the end of a slice rows may still come in: one that was asked for earlier
            than that is asked for again, and so are those that are damaged or known not to be whole.
            None where nothing comes in any more.
        """
        window, todo = self._manifest.question.window, []
        at, end = window.start_ns, min(window.end_ns, until_ns)
        for one in self.slices:
            if one.window.start_ns > at:
                todo.append(Missing(TimeRange(at, one.window.start_ns)))
            late = late_ns is not None and one.asked_at_ns < one.window.end_ns + late_ns
            if late or one.complete == "no" or one.window in self.damaged:
                todo.append(Missing(one.window, one))
            at = one.window.end_ns
        return [*todo, Missing(TimeRange(at, end))] if at < end else todo

    def add(self, frame: pl.DataFrame, record: QueryRecord, *, again: Slice | None = None) -> None:
        """Write a slice: whole, or not at all.

        Parameters
        ----------
        frame, record
            The rows of the record's window, and how they came.
        again
            The slice that was there. Where it had more rows it stays, because a server forgets.

        Raises
        ------
        DatasetError
            The disk refuses, or somebody else writes into the folder.
        """
        frame, record = self._in_order(frame, record)
        lost = again is not None and frame.height < again.rows
        if again is not None and lost and again.window not in self.damaged:
            self._replace(again.window, _kept(again, frame.height))
            return
        if again is not None and lost:
            reason = (
                f"of {again.rows:,} rows that were damaged on disk, the source has {frame.height:,} by now"
            )
            record = replace(record, complete="no", reason=reason)
        made = _slice(record, *self._written_part(frame, record))
        self._replace(record.window, made, columns=frame)

    def drop(self, window: TimeRange) -> None:
        """Forget the slices in a window, so that they are missing. Raises `DatasetError`."""
        self._replace(window, None)

    def scan(self) -> pl.LazyFrame:
        """The rows, in order of time; a column that came late is null in the parts before."""
        question = self._manifest.question
        paths = [self.folder / one.file for one in self.slices if one.file is not None]
        if not paths:
            return _schema(question.kind).empty().lazy()
        schema = {name: dtype(kind) for name, kind in self._manifest.columns.items()}
        rows = pl.scan_parquet(
            paths, schema=schema, missing_columns="insert", glob=False, hive_partitioning=False
        )
        return rows.set_sorted(_TIME[question.kind])

    def record(self, *, until_ns: int, stopped: str | None = None) -> QueryRecord:
        """The record of the whole: everything that it took, and whether it is complete.

        Parameters
        ----------
        until_ns
            What lies later had not happened yet when it was asked for.
        stopped
            Why it ended before its end; None where it did not.
        """
        return record_of(self._manifest, until_ns=until_ns, stopped=stopped)

    # On disk.

    def _in_order(self, frame: pl.DataFrame, record: QueryRecord) -> tuple[pl.DataFrame, QueryRecord]:
        time = _TIME[self._manifest.question.kind]
        if frame[time].is_sorted():
            return frame, record
        sorted_ = frame.sort(time, maintain_order=True)
        return sorted_, replace(record, digest=digest(sorted_))

    def _written_part(self, frame: pl.DataFrame, record: QueryRecord) -> tuple[str | None, str | None, int]:
        """A part file's name, digest and size."""
        if frame.is_empty():
            return None, None, 0
        name = _PART.format(start=record.window.start_ns, digest=record.digest[:12])
        try:
            self._begin()
            with beside(self.folder / name) as room, as_the_system_says(self.folder / name):
                frame.write_parquet(room / "half")
                sha256, size = _sha256(room / "half"), (room / "half").stat().st_size
                (room / "half").replace(self.folder / name)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise self._refused(error) from None
        return name, sha256, size

    def _replace(self, window: TimeRange, made: Slice | None, *, columns: pl.DataFrame | None = None) -> None:
        """Put a slice in the place of all in a window, and write the manifest."""
        gone = [one for one in self.slices if window.overlap(one.window)]
        slices = [one for one in self.slices if one not in gone] + ([made] if made is not None else [])
        slices.sort(key=lambda one: one.window.start_ns)
        names = self._manifest.columns
        if columns is not None and not columns.is_empty():
            names = _merged(names, columns, _schema(self._manifest.question.kind))
        changed = replace(self._manifest, slices=tuple(slices), columns=names)
        try:
            self._begin()
            self._write(changed)
            self.damaged -= {one.window for one in gone}
            for one in gone:
                if one.file is not None and (made is None or one.file != made.file):
                    (self.folder / one.file).unlink(missing_ok=True)
        except OSError as error:
            raise self._refused(error) from None

    def _write(self, manifest: Manifest) -> None:
        path, data = self.folder / MANIFEST, dump(manifest)
        there = path.read_bytes() if path.exists() else b""
        if there != self._written:
            raise DatasetError(
                f"Something else has written into {self.folder} since this download began.",
                hint="Let one download at a time write into a folder; then call it again to continue.",
            )
        with beside(path) as room:
            with (room / "half").open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            (room / "half").replace(path)
        self._written, self._manifest = data, manifest

    def _begin(self) -> None:
        """Before the first part, the manifest that makes the folder a dataset's; away with halves."""
        if self._begun:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(self._manifest)
        named = {one.file for one in self.slices}
        for path in self.folder.glob("part-*"):
            if _PARTS.fullmatch(path.name) and path.name not in named:
                path.unlink()
        for room in (*self.folder.glob(".part-*.parquet.*"), *self.folder.glob(f".{MANIFEST}.*")):
            shutil.rmtree(room)
        self._begun = True

    def _holds(self, one: Slice) -> bool:
        if one.file is None:
            return True
        try:
            path = self.folder / one.file
            return path.stat().st_size == one.size and _sha256(path) == one.sha256
        except OSError:
            return False

    def _refused(self, error: Exception) -> DatasetError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        return DatasetError(
            f"{self.folder} cannot be written: {why}.",
            hint="Look at the folder's permissions and at the room on its disk. What is whole stays: "
            "call the download again to continue.",
        )


def _schema(kind: Kind) -> Schema:
    return BY_KIND[kind]


def _check_same(folder: Path, there: Question, asked: Question) -> None:
    """Refuse a folder that holds the answer to another question, and say what differs."""
    pairs = (
        ("kind", there.kind, asked.kind),
        ("source", there.source, asked.source),
        ("tenant", there.tenant, asked.tenant),
        ("query", there.query, asked.query),
        ("window", there.window, asked.window),
        ("step", _step(there), _step(asked)),
    )
    differing = [f"its {name} is {old}, not {new}" for name, old, new in pairs if old != new]
    if differing or there.params != asked.params:
        raise DatasetError(
            f"{folder} holds the answer to another question: {'; '.join(differing)}.",
            hint="Choose another folder, or delete this one.",
        )


def _step(question: Question) -> str | None:
    step = question.params.get("step_ns")
    return None if step is None else f"{step / 1e9:g} s"


def _kept(old: Slice, now: int) -> Slice:
    reason = f"asked again, the source had {now:,} of its {old.rows:,} rows: those that came first were kept"
    return replace(old, complete="no" if old.complete == "no" else "unknown", reason=reason)


def _slice(record: QueryRecord, file: str | None, sha256: str | None, size: int) -> Slice:
    return Slice(
        record.window,
        file,
        sha256,
        size,
        sent=record.query,
        rows=record.rows,
        digest=record.digest,
        asked_at_ns=record.asked_at_ns,
        pages=record.pages,
        requests=record.requests,
        retries=record.retries,
        bytes=record.bytes,
        seconds=record.seconds,
        warnings=record.warnings,
        complete=record.complete,
        reason=record.reason,
        selection=record.selection,
    )


def _merged(names: dict[str, str], frame: pl.DataFrame, schema: Schema) -> dict[str, str]:
    """The columns of all parts: core ones, labels by name, then metadata and parsed fields by name."""
    every = names | {name: type_name(kind) for name, kind in frame.schema.items()}
    further = [name for name in every if name not in schema.names]
    further.sort(key=lambda name: (name not in schema.further, name.startswith(_FIELDS), name))
    return {name: every[name] for name in (*schema.names, *further)}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
