"""The texts in a file, each with its place: a file is read as what its name says it is."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obsnb.errors import UsageError
from obsnb.redact import Redactor
from obsnb.redact.notebooks import joined_streams

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Piece", "pieces"]


@dataclass(frozen=True)
class Piece:
    """A text and its place.

    Attributes
    ----------
    where
        Its place in the file.
    text
        As it stands there.
    key
        The name of the column or the field that it is the value of.
    html
        Whether it is HTML.
    masked
        What redaction makes of it, where that is known already.
    """

    where: str
    text: str
    key: str = ""
    html: bool = False
    masked: str | None = None


def pieces(path: Path, redactor: Redactor) -> Iterator[Piece]:
    """Every text of a file.

    Raises
    ------
    UsageError
        It is not a text, nor anything else that can be read.
    ArchiveError
        An archive is damaged or unsafe.
    OSError, ValueError
        It cannot be read, or is not what its name says.
    """
    if path.is_dir() or path.suffix == ".obsnb":
        yield from _archive(path, redactor)
    elif path.suffix == ".parquet":
        import polars as pl

        try:
            frame = pl.read_parquet(path)
        except pl.exceptions.PolarsError as error:
            raise UsageError(f"it is not Parquet: {str(error).splitlines()[0]}") from None
        yield from _frame(frame, redactor, "")
    else:
        yield from _BY_SUFFIX.get(path.suffix.lower(), _lines)(_text(path))


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        kind = "a PDF: check the HTML of the same report" if data.startswith(b"%PDF") else "not UTF-8 text"
        raise UsageError(f"it is {kind}.")
    return text


def _lines(text: str, *, html: bool = False) -> Iterator[Piece]:
    for number, line in enumerate(text.splitlines(), 1):
        yield Piece(f"line {number}", line, html=html)


def _html(text: str) -> Iterator[Piece]:
    yield from _lines(text, html=True)


def _csv(text: str, separator: str = ",") -> Iterator[Piece]:
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    header = next(rows, [])
    yield from (Piece("header", name) for name in header)
    for number, row in enumerate(rows, 2):
        names = [*header, *("" for _ in row[len(header) :])]
        for name, value in zip(names, row, strict=False):
            yield Piece(f"row {number}, column {name or '?'}", value, key=name)


def _json(text: str) -> Iterator[Piece]:
    yield from _walk(json.loads(text), "$")


def _json_lines(text: str) -> Iterator[Piece]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            for piece in _walk(json.loads(line), "$"):
                yield Piece(f"line {number}, {piece.where}", piece.text, piece.key)


def _walk(value: Any, where: str, key: str = "") -> Iterator[Piece]:
    """Texts and numbers of JSON by their path; a key is a text too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield Piece(f"{where}, a key", name)
            yield from _walk(inner, f"{where}.{name}", name)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _walk(inner, f"{where}[{place}]", key)
    elif isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield Piece(where, str(value), key)


def _notebook(text: str) -> Iterator[Piece]:
    book = json.loads(text)
    for number, cell in enumerate(book.get("cells", []), 1):
        yield from _placed(f"cell {number}", _lines(_joined(cell.get("source", ""))))
        for place, output in enumerate(joined_streams(cell.get("outputs", [])), 1):
            yield from _placed(f"cell {number}, output {place}", _output(output))
        rest = {name: cell.get(name) for name in ("metadata", "attachments")}
        yield from _placed(f"cell {number}", _walk(rest, "$"))
    yield from _placed("metadata", _walk(book.get("metadata", {}), "$"))


def _output(output: dict[str, Any]) -> Iterator[Piece]:
    yield from _lines(_joined(output.get("text", "")))
    for name in ("ename", "evalue"):
        yield from _lines(str(output.get(name, "")))
    yield from _lines("\n".join(output.get("traceback", [])))
    for kind, data in output.get("data", {}).items():
        if isinstance(data, str | list) and not kind.endswith("json"):
            if not kind.startswith("image/") or kind == "image/svg+xml":
                yield from _placed(kind, _lines(_joined(data), html=kind in {"text/html", "image/svg+xml"}))
        else:
            yield from _placed(kind, _walk(data, "$"))


def _placed(where: str, found: Iterator[Piece]) -> Iterator[Piece]:
    for piece in found:
        yield Piece(f"{where}, {piece.where}", piece.text, piece.key, piece.html, piece.masked)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _archive(path: Path, redactor: Redactor) -> Iterator[Piece]:
    from obsnb.archive import ArchiveReader

    reader = ArchiveReader.open(path)
    yield from _placed("manifest.json", _walk(reader.told, "$"))
    yield from _placed("notes.toml", _lines(reader.notes or ""))
    yield from _placed("story.json", _walk(reader.story.to_plain() if reader.story else {}, "$"))
    for name, frame in reader.tables():
        yield from _frame(frame, redactor, f"{name}, ")


def _frame(frame: pl.DataFrame, redactor: Redactor, where: str) -> Iterator[Piece]:
    """The values that redaction would change; all rows at once, because there may be many."""
    masked, counts = redactor.frame(frame)
    if not counts:
        return
    for name in frame.columns:
        before, after = frame[name], masked[name]
        # A line's id changes with the line.
        if name == "row_id" or before.equals(after, check_dtypes=False):
            continue
        for row, (old, new) in enumerate(zip(before, after, strict=True), 1):
            text, made = _plain(old), _plain(new)
            if text != made:
                yield Piece(f"{where}row {row}, column {name}", text, masked=made)


def _plain(value: Any) -> str:
    if hasattr(value, "to_list"):  # a list's items come as a series
        value = value.to_list()
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


_BY_SUFFIX: dict[str, Callable[[str], Iterator[Piece]]] = {
    ".html": _html,
    ".htm": _html,
    ".svg": _html,
    ".csv": _csv,
    ".tsv": lambda text: _csv(text, "\t"),
    ".json": _json,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".ipynb": _notebook,
}
