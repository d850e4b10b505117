"""What an archive lies in, a folder or a zip, read with suspicion: both may come from strangers."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from obsnb.archive.bundled import incidents
from obsnb.errors import ArchiveError, DamagedArchiveError, UnsafeArchiveError

__all__ = ["MANIFEST", "NOTES", "STORY", "Container", "Folder", "Zip", "check_name", "open_container"]

MANIFEST = "manifest.json"
NOTES = "notes.toml"
STORY = "story.json"

_MB = 1_000_000
#: A file that declares more is not read.
_LARGEST = {MANIFEST: 64 * _MB, NOTES: 4 * _MB, STORY: 16 * _MB}
_LARGEST_QUERY = 4_000 * _MB
#: All members of a zip together.
_LARGEST_SUM = 16_000 * _MB
#: How often its packed size a larger member may be: Parquet hardly packs, JSON about twenty times.
_DENSEST = 100

_NAME = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._ -]*")
_REFUSE = "Do not open it; ask whoever made it for one that obs.save(...) wrote."
_COPY = "Fetch or copy it again: what it holds now cannot be trusted."
_WRITE = "obs.save(...) writes one, as a folder or as a file that ends in .obsnb."


class Container(Protocol):
    """Members by name."""

    @property
    def path(self) -> Path:
        """Where it is."""

    def has(self, name: str) -> bool:
        """Whether it has such a member."""

    def read(self, name: str) -> bytes:
        """A member's bytes."""


def check_name(name: str, *, where: object) -> None:
    """Raise `UnsafeArchiveError` unless a name stays inside: relative, plain, below."""
    path = PurePosixPath(name)
    plain = all(_NAME.fullmatch(part) for part in path.parts)
    if path.is_absolute() or ".." in path.parts or not plain or str(path) != name:
        raise UnsafeArchiveError(
            f"{where} names a path outside itself, or an odd one: {name!r}.", hint=_REFUSE
        )


def open_container(path: Path) -> Container:
    """The folder or zip at a path.

    Raises
    ------
    ArchiveError
        Nothing is there, or it is neither.
    UnsafeArchiveError
        A member's name leaves it, a member is a link, or it would unpack to too much.
    """
    try:
        found: Container
        if path.is_dir():
            found = Folder(path)
        elif path.exists():
            found = Zip.of(path)
        else:
            known = ", ".join(incidents())
            raise ArchiveError(
                f"There is no frozen incident at {path}.", hint=f"{_WRITE} Bundled are {known}."
            )
    except OSError as error:
        raise _unreadable(path, error) from None
    if not found.has(MANIFEST):
        hides = f" It hides the bundled incident {path}: work in another folder, or rename it."
        raise ArchiveError(
            f"{path} is no frozen incident: it has no {MANIFEST}.",
            hint=_WRITE + (hides if str(path) in incidents() else ""),
        )
    return found


@dataclass(frozen=True)
class Folder:
    """A folder."""

    path: Path

    def has(self, name: str) -> bool:
        """Whether it has such a file, or a link of that name."""
        target = self.path / name
        return target.is_file() or target.is_symlink()

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises
        ------
        ArchiveError
            It is a link, leads outside, is too large, or is not there.
        """
        check_name(name, where=self.path)
        target = self.path
        try:
            for part in PurePosixPath(name).parts:
                target = target / part
                if target.is_symlink():
                    raise UnsafeArchiveError(f"{self.path} has a link instead of {name}.", hint=_REFUSE)
            status = target.stat()
            if not stat.S_ISREG(status.st_mode):
                raise DamagedArchiveError(f"{self.path} is damaged: {name} is not a file.", hint=_COPY)
            _check_size(self.path, name, status.st_size)
            return target.read_bytes()
        except FileNotFoundError:
            raise DamagedArchiveError(f"{self.path} is damaged: {name} is missing.", hint=_COPY) from None
        except OSError as error:
            raise _unreadable(self.path, error) from None


@dataclass(frozen=True)
class Zip:
    """A zip, opened anew for each member."""

    path: Path
    members: dict[str, zipfile.ZipInfo]

    @classmethod
    def of(cls, path: Path) -> Zip:
        """The zip at a path, its table of contents checked."""
        try:
            with zipfile.ZipFile(path) as archive:
                infos = archive.infolist()
        except zipfile.BadZipFile:
            raise ArchiveError(
                f"{path} is no frozen incident: it is not a zip, or only the beginning of one.", hint=_WRITE
            ) from None
        if sum(info.file_size for info in infos) > _LARGEST_SUM:
            raise _too_large(path, "it", sum(info.file_size for info in infos), _LARGEST_SUM)
        members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            _check_member(path, info)
            if info.filename in members:
                raise UnsafeArchiveError(f"{path} has {info.filename} twice.", hint=_REFUSE)
            members[info.filename] = info
        return cls(path, members)

    def has(self, name: str) -> bool:
        """Whether it has such a member."""
        return name in self.members

    def read(self, name: str) -> bytes:
        """A member's bytes; no more than it declares are unpacked.

        Raises
        ------
        ArchiveError
            It is not there, too large, or cannot be unpacked.
        """
        check_name(name, where=self.path)
        if name not in self.members:
            raise DamagedArchiveError(f"{self.path} is damaged: {name} is missing.", hint=_COPY)
        info = self.members[name]
        _check_size(self.path, name, info.file_size)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(info) as member:
                return member.read(info.file_size)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise DamagedArchiveError(
                f"{self.path} is damaged: {name} cannot be unpacked ({error}).", hint=_COPY
            ) from None
        except OSError as error:
            raise _unreadable(self.path, error) from None


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    check_name(info.filename.rstrip("/") if info.is_dir() else info.filename, where=path)
    if stat.S_ISLNK(info.external_attr >> 16):
        raise UnsafeArchiveError(f"{path} has a link instead of {info.filename}.", hint=_REFUSE)
    if info.file_size > _MB and info.file_size > _DENSEST * info.compress_size:
        times = info.file_size / max(info.compress_size, 1)
        raise UnsafeArchiveError(
            f"{path} would unpack {info.filename} to {times:,.0f} times its size, more than the {_DENSEST} "
            "times that are allowed.",
            hint=_REFUSE,
        )


def _check_size(path: Path, name: str, size: int) -> None:
    largest = _LARGEST.get(name, _LARGEST_QUERY)
    if size > largest:
        raise _too_large(path, name, size, largest)


def _too_large(path: Path, what: str, size: int, largest: int) -> UnsafeArchiveError:
    return UnsafeArchiveError(
        f"{path} cannot be read: {what} has {size / _MB:,.0f} MB, more than the {largest / _MB:,.0f} MB "
        "that are allowed.",
        hint=_REFUSE,
    )


def _unreadable(path: Path, error: OSError) -> ArchiveError:
    return ArchiveError(
        f"{path} cannot be read: {error.strerror or error}.", hint="Look at its permissions and its disk."
    )
