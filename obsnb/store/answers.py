"""Answers on disk, kept between kernels: whole or not there, held to a digest, the least used dropped first.

A file an answer, in a folder a question, named by its window, so that the windows of a question are known
without reading. Nothing is locked: a file is written beside its place and renamed, whoever reads it sees all
of one version or none, and of two kernels that write the same answer the later one counts.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import polars as pl

from obsnb.errors import SettingsError, WindowError
from obsnb.ledger import QueryRecord
from obsnb.timerange import TimeRange

__all__ = ["AnswerStore", "Damaged", "Stored", "default_folder"]

_ROOM = "answers"
_NAME = re.compile(r"(-?\d{1,20})_(-?\d{1,20})\.answer")
_HALF = ".half-"
_KEY = "key"
_KEY_BYTES = 32
#: Where it is full, so much of it is kept.
_KEEP = 0.8
#: An answer that takes more than this part of the room would drive out all others.
_LARGEST = 0.25
#: What was half written so long ago was left by a kernel that died.
_STALE_NS = 3_600 * 10**9


@dataclass(frozen=True)
class Stored:
    """An answer as it was: its rows and its record."""

    frame: pl.DataFrame
    record: QueryRecord


@dataclass(frozen=True)
class Damaged:
    """There was an answer, and it was not what had been written; it is gone now."""


def default_folder(cache_home: str | None) -> Path:
    """The user's folder for what can be had again: XDG_CACHE_HOME, else ~/.cache."""
    home = Path(cache_home) if cache_home else Path.home() / ".cache"
    return home / "obsnb"


class AnswerStore:
    """Answers in a folder that only its user can read.

    Parameters
    ----------
    folder
        Need not be there yet; nothing is written before the first answer.
    most_bytes
        How much room there is. What was used longest ago is dropped first.
    """

    def __init__(self, folder: Path, *, most_bytes: int) -> None:
        self._folder = folder
        self._room = folder / _ROOM
        self._most = most_bytes

    def __repr__(self) -> str:
        return f"AnswerStore({self._folder})"

    def secret(self) -> bytes:
        """A random number of this folder's own, so that what is hashed with it can be told nowhere else.

        Raises
        ------
        SettingsError
            The folder cannot be used.
        """
        path = self._folder / _KEY
        try:
            self._make(self._folder)
            with suppress(FileNotFoundError):
                return self._read_key(path)
            half = self._written(self._folder, secrets.token_bytes(_KEY_BYTES))
            try:
                os.link(half, path)
            except FileExistsError:
                pass  # another kernel was quicker: its key counts
            except OSError:  # a disk without links: of two kernels that begin at once, one asks all anew
                half.replace(path)
            finally:
                half.unlink(missing_ok=True)
            return self._read_key(path)
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from None

    def windows(self, question: str) -> list[TimeRange]:
        """The windows of a question of which there are answers, by their start."""
        found = []
        with suppress(OSError):
            for path in self._of(question).iterdir():
                named = _NAME.fullmatch(path.name)
                if named is not None:
                    with suppress(WindowError):  # not a name that was given here
                        found.append(TimeRange(int(named[1]), int(named[2])))
        return sorted(found)

    def get(self, question: str, window: TimeRange) -> Stored | Damaged | None:
        """The answer to a question for just this window; None where there is none."""
        path = self._path(question, window)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        try:
            stored = _unpacked(data)
        except (ValueError, msgspec.DecodeError, pl.exceptions.PolarsError):
            with suppress(OSError):
                path.unlink()
            return Damaged()
        with suppress(OSError):
            os.utime(path)
        return stored

    def put(self, question: str, answer: Stored) -> str:
        """Keep an answer, by the window of its record; why it could not be kept, or nothing."""
        data = _packed(answer)
        if len(data) > self._most * _LARGEST:
            return ""
        path = self._path(question, answer.record.window)
        try:
            for folder in (self._folder, self._room, path.parent):
                self._make(folder)
            half = self._written(self._room, data)
            try:
                half.replace(path)
            except OSError:
                half.unlink(missing_ok=True)
                raise
            self._make_room()
        except OSError as error:
            return f"it could not be kept in the cache: {error.strerror or error}"
        except SettingsError as error:
            return f"it could not be kept in the cache: {error.what}"
        return ""

    def clear(self) -> int:
        """Drop every answer; how many there were."""
        count = 0
        for path in self._files():
            with suppress(OSError):
                path.unlink()
                count += path.suffix == ".answer"
        for folder in self._questions():
            with suppress(OSError):
                folder.rmdir()
        return count

    def _make_room(self) -> None:
        """Drop what was used longest ago, where there is too much, and halves that nobody will finish."""
        sizes: list[tuple[int, int, Path]] = []
        for path in self._files():
            with suppress(OSError):  # another kernel drops as well
                told = path.stat()
                sizes.append((told.st_mtime_ns, told.st_size, path))
        newest = max((used for used, _, _ in sizes), default=0)
        total = sum(size for _, size, _ in sizes)
        full = total > self._most
        for used, size, path in sorted(sizes):
            stale = path.suffix != ".answer" and used < newest - _STALE_NS
            if stale or (full and path.suffix == ".answer" and total > self._most * _KEEP):
                with suppress(OSError):
                    path.unlink()
                total -= size

    def _files(self) -> Iterator[Path]:
        """Every answer and every half; nothing else that lies there."""
        with suppress(OSError):
            yield from self._room.glob(f"{_HALF}*")
        for folder in self._questions():
            with suppress(OSError):
                yield from (path for path in folder.iterdir() if _NAME.fullmatch(path.name))

    def _questions(self) -> list[Path]:
        with suppress(OSError):
            return [path for path in self._room.iterdir() if re.fullmatch(r"[0-9a-f]{64}", path.name)]
        return []

    def _of(self, question: str) -> Path:
        return self._room / hashlib.sha256(question.encode()).hexdigest()

    def _path(self, question: str, window: TimeRange) -> Path:
        return self._of(question) / f"{window.start_ns}_{window.end_ns}.answer"

    def _make(self, folder: Path) -> None:
        """A folder that nobody else may look into. Raises `OSError` and `SettingsError`."""
        folder.mkdir(mode=0o700, parents=folder == self._folder, exist_ok=True)
        if os.name != "posix":
            return
        told = folder.stat()
        if told.st_uid != os.getuid():
            raise self._unusable("it belongs to another user")
        if told.st_mode & 0o077 and folder != self._folder:
            folder.chmod(0o700)
        if told.st_mode & 0o022 and folder == self._folder:
            raise self._unusable("other users may write into it")

    def _written(self, folder: Path, data: bytes) -> Path:
        """A file of a name of its own, which only its user can read."""
        number, name = tempfile.mkstemp(prefix=_HALF, dir=folder)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(data)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return Path(name)

    def _read_key(self, path: Path) -> bytes:
        key = path.read_bytes()
        if len(key) != _KEY_BYTES:
            raise self._unusable(f"its file {_KEY!r} is damaged; delete it")
        return key

    def _unusable(self, why: str) -> SettingsError:
        return SettingsError(
            f"The cache's folder {self._folder} cannot be used: {why}.",
            hint="Name another as cache_dir in obsnb.toml (OBSNB_CACHE_DIR), or leave the cache off.",
        )


def _packed(answer: Stored) -> bytes:
    """A digest of the rest, the record as JSON, the rows as Parquet: a line, a line, and the end."""
    rows = io.BytesIO()
    answer.frame.write_parquet(rows, compression="zstd", compression_level=1)
    told = answer.record
    record = replace(told, params=dict(told.params), explore=dict(told.explore), number=0)
    rest = msgspec.json.encode(record) + b"\n" + rows.getvalue()
    return hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _unpacked(data: bytes) -> Stored:
    """Raises `ValueError` and others where it is not what was written."""
    digest, _, rest = data.partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise ValueError("its digest does not hold")
    record, _, rows = rest.partition(b"\n")
    return Stored(pl.read_parquet(io.BytesIO(rows)), msgspec.json.decode(record, type=QueryRecord))
