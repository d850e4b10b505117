"""Events that other programs exported: CSV or JSON lines of a CI, a chat, a calendar."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obsnb.errors import FrameError, ObsnbError, WindowError
from obsnb.instants import parse_instant
from obsnb.schema import EVENTS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["read_events"]

_TIMES = ("timestamp", "time", "at")
_TITLES = ("title", "text", "message")
_KINDS = ("alert", "deploy", "restart", "annotation", "note")
_SHOWN = 5


def read_events(path: str | Path, *, tz: str | None = None) -> pl.DataFrame:
    """EVENTS out of a file of CSV (with a head) or JSON lines, all of its rows or an error.

    Parameters
    ----------
    path
        In UTF-8, the fields of CSV parted by comma, semicolon or tab. Its columns, or the keys of its
        objects: ``timestamp``, ``time`` or ``at``, and ``title``, ``text`` or ``message``; they may also
        have ``end``, ``kind`` (alert, deploy, restart, annotation or note; without, note), ``service`` and
        ``source`` (without, the file's name).
    tz
        The zone of times that name none, such as ``"Europe/Berlin"``.

    Returns
    -------
    polars.DataFrame
        EVENTS, sorted by time, then the further columns as text: what is no text as JSON.

    Raises
    ------
    FrameError
        Rows cannot be read; it names their lines.
    ObsnbError
        The file cannot be read.
    """
    import polars as pl

    file = Path(path)
    text = _text(file)
    objects = _json_lines(text) if text.lstrip().startswith("{") else _csv(text)
    rows: list[dict[str, Any]] = []
    wrong: list[str] = []
    for line, found in objects:
        try:
            if isinstance(found, str):
                raise FrameError(found)
            rows.append(_event(found, tz=tz, source=file.name))
        except ObsnbError as error:
            wrong.append(f"  line {line}: {error.what}")
    if wrong:
        raise _unreadable(file, wrong)
    further = dict.fromkeys(name for row in rows for name in row if name not in EVENTS.names)
    texts = dict.fromkeys(("kind", "title", "service", "source", *further), pl.String)
    schema = {"timestamp": pl.Int64, "end": pl.Int64, **texts}
    return EVENTS.conform(pl.DataFrame(rows, schema=schema)).sort("timestamp", maintain_order=True)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        why = error.strerror or str(error)
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    raise ObsnbError(f"{file} cannot be read: {why}.", hint="It is CSV or JSON lines, in UTF-8.")


def _unreadable(file: Path, wrong: list[str]) -> FrameError:
    count = "1 row" if len(wrong) == 1 else f"{len(wrong):,} rows"
    more = [f"  and {len(wrong) - _SHOWN:,} more"] if len(wrong) > _SHOWN else []
    return FrameError(
        "\n".join([f"{count} of {file} cannot be read:", *wrong[:_SHOWN], *more]),
        hint="A row has a time (timestamp, time or at) with a zone, or pass tz=, and words (title, text or "
        "message).",
    )


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The number of each line that is not empty, and its object, or what is wrong with it."""
    for number, line in enumerate(io.StringIO(text), 1):
        if line.strip():
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            yield number, found if isinstance(found, dict) else "It is not a JSON object."


def _csv(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The number of the line at which each row begins, and its fields by column, or what is wrong with it."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if first.lstrip().startswith("["):
        yield 1, "It is a JSON array, and JSON lines hold an object a line."
        return
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    head: list[str] = []
    begins = 1
    try:
        for fields in reader:
            if not head:
                head = [name.strip().lower() for name in fields]
                twice = [name for name in dict.fromkeys(head) if name and head.count(name) > 1]
                if twice:
                    yield begins, f"Several of its columns are named {', '.join(twice)}."
                    return
            elif fields and len(fields) != len(head):
                yield begins, f"It has {len(fields)} fields, and the head has {len(head)}."
            elif fields:
                yield begins, dict(zip(head, fields, strict=True))
            begins = reader.line_num + 1
    except csv.Error as error:
        yield begins, f"It is not CSV: {error}."


def _event(found: dict[str, Any], *, tz: str | None, source: str) -> dict[str, Any]:
    said = {name: value for name, value in found.items() if value is not None and str(value).strip()}
    time = next((name for name in _TIMES if name in said), None)
    title = next((name for name in _TITLES if name in said), None)
    if time is None or title is None:
        what, names = ("time", _TIMES) if time is None else ("words", _TITLES)
        fields = "" if any(name in found for name in names) else f" among {', '.join(list(found)[:_SHOWN])}"
        raise FrameError(f"It has no {what}{fields}.")
    kind = _plain(said.get("kind", "note")).strip().lower()
    if kind not in _KINDS:
        raise FrameError(f"Its kind is {kind!r}, which is none of {', '.join(_KINDS)}.")
    begun = parse_instant(said[time], tz=tz)
    end = parse_instant(said["end"], tz=tz) if "end" in said else None
    if end is not None and end < begun:
        raise WindowError("It ends before it begins.")
    taken = {time, title, "end", "kind", "service", "source"}
    core = {
        "timestamp": begun,
        "end": end,
        "kind": kind,
        "title": " ".join(_plain(said[title]).split()),
        "service": _plain(said["service"]) if "service" in said else None,
        "source": _plain(said.get("source", source)),
    }
    further = {name: _plain(value) for name, value in said.items() if name not in taken}
    return core | {name: value for name, value in further.items() if name not in EVENTS.names}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
