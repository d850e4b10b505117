"""The Parquet files of an archive: the same bytes for the same rows, and read only when they hold."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import polars as pl

from obsnb.archive.container import Container, check_name
from obsnb.archive.manifest import FileEntry, Manifest, Recorded
from obsnb.errors import DamagedArchiveError, UnsafeArchiveError
from obsnb.schema import BY_KIND, digest
from obsnb.store.whole import as_the_system_says

__all__ = ["Files", "write_parquet"]

#: What a file may unpack to in memory, in bytes and in values: this much, and so many times its size.
_UNPACKED, _VALUES, _TIMES = 256_000_000, 100_000_000, 1_000

_COPY = "Fetch or copy it again: what it holds now cannot be trusted."


def write_parquet(frame: pl.DataFrame, folder: Path, name: str) -> FileEntry:
    """Write a frame below a folder; the same rows give the same bytes.

    Raises
    ------
    OSError
        The system refuses, as where the disk is full.
    """
    target = folder / name
    target.parent.mkdir(exist_ok=True)
    with as_the_system_says(target):
        frame.write_parquet(target, compression="zstd", compression_level=9)
    data = target.read_bytes()
    return FileEntry(name, hashlib.sha256(data).hexdigest(), len(data), frame.height)


class Files:
    """The files that a manifest names, in a folder or a zip.

    Bytes are held to the manifest whenever they are read, rows to their query's record when they are
    first asked for.
    """

    def __init__(self, container: Container, manifest: Manifest) -> None:
        self._container = container
        self._entries = {entry.name: entry for entry in manifest.files}
        self._frames: dict[str, tuple[pl.DataFrame, str]] = {}
        for name in self._entries:
            check_name(name, where=container.path)

    def verify(self) -> None:
        """Hold every file's bytes to the manifest, and its rows and size to what it declares.

        Raises
        ------
        DamagedArchiveError
            One is missing, or does not hold.
        UnsafeArchiveError
            One would unpack to too much.
        """
        for entry in self._entries.values():
            self._bytes(entry)

    def frame(self, recorded: Recorded) -> pl.DataFrame:
        """The rows of a query.

        Raises
        ------
        DamagedArchiveError
            The file does not hold, or not what its query's record says.
        """
        if recorded.file not in self._frames:
            frame = self._read(self._entries[recorded.file], recorded.record.kind)
            self._frames[recorded.file] = (frame, digest(frame))
        frame, rows_digest = self._frames[recorded.file]
        record = recorded.record
        if (frame.height, rows_digest) != (record.rows, record.digest):
            raise self._damaged(f"the rows of {recorded.file} are not those of its query")
        return frame

    def _read(self, entry: FileEntry, kind: str) -> pl.DataFrame:
        try:
            frame = pl.read_parquet(io.BytesIO(self._bytes(entry)))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._damaged(f"{entry.name} cannot be read ({str(error).splitlines()[0]})") from None
        for name, type_ in BY_KIND[kind].dtypes().items():
            if frame.schema.get(name) != type_:
                raise self._damaged(f"{entry.name} has no column {name} of the type {type_}")
        return frame

    def _bytes(self, entry: FileEntry) -> bytes:
        data = self._container.read(entry.name)
        if len(data) != entry.bytes or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise self._damaged(f"{entry.name} does not have the bytes that its manifest tells")
        self._check_declared(data, entry)
        return data

    def _check_declared(self, data: bytes, entry: FileEntry) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            footer: Any = pq.read_metadata(io.BytesIO(data))
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(f"{entry.name} is not Parquet ({str(error).splitlines()[0]})") from None
        if footer.num_rows != entry.rows:
            raise self._damaged(f"{entry.name} has {footer.num_rows:,} rows, not {entry.rows:,}")
        chunks = [
            footer.row_group(group).column(column)
            for group in range(footer.num_row_groups)
            for column in range(footer.num_columns)
        ]
        unpacked = sum(chunk.total_uncompressed_size for chunk in chunks)
        values = sum(chunk.num_values for chunk in chunks)
        if unpacked > _UNPACKED + _TIMES * len(data) or values > _VALUES + _TIMES * len(data):
            raise UnsafeArchiveError(
                f"{self._container.path} cannot be read: {entry.name} has {len(data):,} bytes and would "
                f"unpack to {unpacked:,} bytes and {values:,} values.",
                hint="Do not open it; ask whoever made it for one that obs.save(...) wrote.",
            )

    def _damaged(self, what: str) -> DamagedArchiveError:
        return DamagedArchiveError(f"{self._container.path} is damaged: {what}.", hint=_COPY)
