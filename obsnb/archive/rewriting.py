"""Frozen incidents written anew: several as one, or one under a stricter policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from obsnb.analysis.story import together
from obsnb.archive.bundled import incident_path
from obsnb.archive.reader import ArchiveReader
from obsnb.archive.writer import write
from obsnb.errors import ArchiveError
from obsnb.redact import Redactor
from obsnb.sources.base import Answer
from obsnb.timerange import TimeRange

__all__ = ["Rewritten", "merge", "redact"]


@dataclass(frozen=True)
class Rewritten:
    """What was written: where, how many queries, and how much has been redacted in all."""

    path: Path
    queries: int
    redactions: Mapping[str, int]


def redact(
    path: str | Path, out: str | Path, *, redactor_of: Callable[[bytes], Redactor], replace: bool = False
) -> Rewritten:
    """An archive written anew under another policy; what an older one kept can go, not come back.

    Parameters
    ----------
    redactor_of
        Makes the redactor of the archive's own key (`ArchiveReader.pseudonym_key`).
    replace
        Whether an archive that is there already may be replaced.

    Raises
    ------
    ArchiveError
        It cannot be read, or something is there already.
    """
    reader = _open(path)
    return _write([reader], out, redactor_of(reader.pseudonym_key), replace=replace)


def merge(
    paths: Sequence[str | Path], out: str | Path, *, redactor: Redactor, replace: bool = False
) -> Rewritten:
    """Several archives of one scope as one; of a question that several hold, the newest answer.

    Parameters
    ----------
    replace
        Whether an archive that is there already may be replaced.

    Raises
    ------
    ArchiveError
        One cannot be read, they are of different scopes or tenants, or something is there already.
    """
    readers = [_open(path) for path in paths]
    first = readers[0]
    for other in readers[1:]:
        if (dict(other.scope), other.tenant) != (dict(first.scope), first.tenant):
            raise ArchiveError(
                f"{first.name} is of {dict(first.scope)}, tenant {first.tenant}, and {other.name} of "
                f"{dict(other.scope)}, tenant {other.tenant}.",
                hint="Only archives of one scope and tenant are merged: their answers would mix.",
            )
    return _write(readers, out, redactor, replace=replace)


def _open(path: str | Path) -> ArchiveReader:
    given = Path(path)
    return ArchiveReader.open(given if given.exists() else incident_path(str(path)) or given)


def _write(
    readers: Sequence[ArchiveReader], out: str | Path, redactor: Redactor, *, replace: bool
) -> Rewritten:
    newest: dict[object, Answer] = {}
    for answer in sorted(
        (one for each in readers for one in each.answers()), key=lambda a: a.record.asked_at_ns
    ):
        record = answer.record
        params = repr(sorted(record.params.items()))
        newest.pop(
            question := (record.kind, record.source, record.asked, record.window, record.role, params), None
        )
        newest[question] = answer
    before: dict[str, int] = {}
    for reader in readers:
        before |= {kind: before.get(kind, 0) + count for kind, count in reader.redactions.items()}
    window = TimeRange(min(r.window.start_ns for r in readers), max(r.window.end_ns for r in readers))
    notes = next((reader.notes for reader in readers if reader.notes), None)
    stories = [told for reader in readers if (told := reader.story)]
    path = write(
        out,
        list(newest.values()),
        window=window,
        scope=readers[0].scope,
        tenant=readers[0].tenant,
        notes=notes,
        story=together(stories) if stories else None,
        redactor=redactor,
        redactions=before,
        replace=replace,
    )
    return Rewritten(path, len(newest), ArchiveReader.open(path).redactions)
