"""Leaks: what, where, and a look at the place that does not show it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from obsnb.checking.pieces import Piece, pieces
from obsnb.errors import ObsnbError
from obsnb.redact import Redactor

__all__ = ["Checked", "Leak", "check"]

_MASK = re.compile(r"\[redacted:([a-z-]+)\]")
#: How much of the text around a find is shown.
_AROUND = 32


@dataclass(frozen=True)
class Leak:
    """Something in a file that a policy does not keep.

    Attributes
    ----------
    file, where
        The file, and the place in it: ``line 3``, ``row 5, column line``, ``cell 2, output 1``.
    kind
        What it is (`obsnb.redact`).
    count
        How often, at this place.
    excerpt
        The text around it, with masks in place of all that was found.
    """

    file: str
    where: str
    kind: str
    count: int
    excerpt: str


@dataclass(frozen=True)
class Checked:
    """What came of looking into a file.

    Attributes
    ----------
    leaks
        In the order in which they stand in the file.
    unreadable
        Why the file, or a file in a folder, could not be read, by file: nothing is known of it.
    """

    leaks: tuple[Leak, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Checked({len(self.leaks)} leaks, {len(self.unreadable)} unreadable)"


def check(path: str | Path, *, redactor: Redactor) -> Checked:
    """Look for leaks in a file, an archive, or every file of a folder.

    Parameters
    ----------
    path
        HTML, Markdown and other text by lines; CSV by row and column; JSON by path; a notebook by cell and
        output; an archive (a folder or ``.obsnb``) and Parquet by query, row and column.
    redactor
        Whose policy says what is no leak, and which knows the settings' own secrets.
    """
    looking = redactor.checking
    found: list[Leak] = []
    unreadable: list[tuple[str, str]] = []
    for file in _files(Path(path)):
        found += _leaks(Piece("file name", file.stem), str(file), looking)
        try:
            for piece in pieces(file, looking):
                found += _leaks(piece, str(file), looking)
        except ObsnbError as error:
            unreadable.append((str(file), error.what))
        except (OSError, ValueError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            unreadable.append((str(file), reason))
    return Checked(tuple(found), tuple(unreadable))


def _files(path: Path) -> Iterator[Path]:
    """The file itself; of a folder that is no archive, all that lies in it, archives among it."""
    if not path.is_dir() or (path / "manifest.json").exists():
        yield path
        return
    for inner in sorted(path.iterdir()):
        yield from _files(inner)


def _leaks(piece: Piece, file: str, redactor: Redactor) -> Iterator[Leak]:
    made = piece.masked if piece.masked is not None else _masked(piece, redactor)
    if made == piece.text:
        return
    new = Counter(_MASK.findall(made)) - Counter(_MASK.findall(piece.text))
    for kind, count in new.items():
        yield Leak(file, piece.where, kind, count, _excerpt(made, kind))


def _masked(piece: Piece, redactor: Redactor) -> str:
    if piece.html:
        return redactor.html(piece.text)[0]
    made = (
        redactor.value({piece.key: piece.text})[0][piece.key] if piece.key else redactor.text(piece.text)[0]
    )
    return str(made)


def _excerpt(text: str, kind: str) -> str:
    """The masked text around the first mask of a kind, on one line."""
    at = text.index(f"[redacted:{kind}]")
    end = at + len(f"[redacted:{kind}]")
    before, behind = text[max(0, at - _AROUND) : at], text[end : end + _AROUND]
    start = "…" if at > _AROUND else ""
    rest = "…" if len(text) > end + _AROUND else ""
    return " ".join(f"{start}{before}{text[at:end]}{behind}{rest}".split())
