"""The Collector's file exporter's files: which they are, and the messages in them.

As the exporter (opentelemetry-collector-contrib, exporter/fileexporter) writes them: JSON without
compression as a line a message; all else with the length of each message in front of it, 4 bytes, the
greatest first. With zstd either each message is compressed by itself, behind its length, or the whole
stream is. What somebody compressed afterwards (gzip, zstd) is read as well. Names tell nothing: the
exporter writes to any path, so that the bytes themselves are looked at.
"""

from __future__ import annotations

import glob
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from obsnb.errors import UsageError

__all__ = ["Damage", "Message", "files_at", "messages"]

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNKS = (1 << 20, 1 << 12, 1 << 6, 1)
_LENGTH = 4


class Message(NamedTuple):
    """A message, where it is (``line 3`` or ``message 3``), and whether it is in JSON or protobuf."""

    place: str
    body: bytes
    is_json: bool


class Damage(NamedTuple):
    """What cannot be read of a file, and why."""

    place: str
    why: str


def files_at(path: str | Path) -> list[Path]:
    """The files of a path, in order of their names.

    Parameters
    ----------
    path
        A file, a folder (every file in it and below, but for hidden ones), or a pattern with ``*``,
        ``?`` or ``[...]``; ``**`` means any folders.

    Raises
    ------
    UsageError
        There is no file.
    """
    given = Path(path)
    if given.is_file():
        return [given]
    if given.is_dir():
        below = sorted(given.rglob("*"))
        found = [one for one in below if not any(p.startswith(".") for p in one.relative_to(given).parts)]
    else:
        found = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207  # absolute patterns too
    files = [one for one in found if one.is_file()]
    if not files:
        raise UsageError(
            f"There is no file at {str(path)!r}.",
            hint="It is a file that the OpenTelemetry Collector's file exporter wrote, a folder of such "
            "files, or a pattern such as 'telemetry*.json'.",
        )
    return files


def messages(path: Path) -> Iterator[Message | Damage]:
    """The messages of a file in their order, and in place of what cannot be read, why.

    Raises
    ------
    OSError
        The file cannot be opened or read.
    """
    body, why = _unpacked(path.read_bytes())
    if why is not None:
        yield Damage("its end", why)
    if _starts_json(body) or not body.strip():
        for number, line in enumerate(body.split(b"\n"), 1):
            if line.strip():
                yield Message(f"line {number:,}", line.removeprefix(b"\xef\xbb\xbf"), True)
    else:
        yield from _framed(body)


def _framed(body: bytes) -> Iterator[Message | Damage]:
    at = number = 0
    while at < len(body):
        number += 1
        place = f"message {number:,}"
        start = at + _LENGTH
        at = start + int.from_bytes(body[at:start], "big")
        if start > len(body) or at > len(body):
            yield Damage(place, "the file ends before the message does, or it is none of the file exporter")
            return
        one, why = _unpacked(body[start:at])
        # A request in protobuf begins with a line feed (the tag of field 1), and its length may be a brace:
        # no white space is skipped here.
        yield Message(place, one, one.startswith(b"{")) if why is None else Damage(place, why)


def _starts_json(body: bytes) -> bool:
    """Whether a file is lines of JSON; white space and a mark of its encoding may come first."""
    return body[:100].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _unpacked(data: bytes) -> tuple[bytes, str | None]:
    """What is compressed in the data, as far as it can be read, and why no further."""
    while True:
        unpack = next((how for magic, how in _PACKED.items() if data.startswith(magic)), None)
        if unpack is None:
            return data, None
        data, why = unpack(data)
        if why is not None:
            return data, why


def _gunzipped(data: bytes) -> tuple[bytes, str | None]:
    """Several members may follow each other, as in files that were joined."""
    parts, rest = [], data
    while rest.startswith(_GZIP):
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(rest))
        except zlib.error as error:
            return b"".join(parts), f"its gzip is damaged: {error}"
        if not member.eof:
            return b"".join(parts), "its gzip ends too early"
        rest = member.unused_data
    # gzip itself passes over zeros behind the last member, with which tapes and disks are filled up.
    return b"".join(parts), "what follows its gzip is none" if rest.strip(b"\0") else None


def _unzstd(data: bytes) -> tuple[bytes, str | None]:
    """Where it breaks off, what comes before is read in smaller and smaller parts, to the last byte."""
    out, why = bytearray(), None
    for size in _CHUNKS:
        try:
            with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
                stream.read(len(out))
                while part := stream.read(size):
                    out += part
            return bytes(out), None
        except OSError as error:
            why = f"its zstd is damaged or ends too early: {error}"
    return bytes(out), why


_PACKED: dict[bytes, Callable[[bytes], tuple[bytes, str | None]]] = {_GZIP: _gunzipped, _ZSTD: _unzstd}
