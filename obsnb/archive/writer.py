"""Writing a frozen incident: masked first, and whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from obsnb.analysis.story import Story
from obsnb.archive.container import MANIFEST, NOTES, STORY, open_container
from obsnb.archive.files import write_parquet
from obsnb.archive.manifest import FileEntry, Manifest, Recorded, dump
from obsnb.errors import ArchiveError
from obsnb.instants import now_ns
from obsnb.ledger import QueryRecord
from obsnb.redact import Redactor
from obsnb.schema import BY_KIND, digest
from obsnb.sources.base import Answer
from obsnb.store.whole import beside
from obsnb.timerange import TimeRange
from obsnb.version import __version__

__all__ = ["write"]

_SUFFIX = ".obsnb"
_QUERIES = "queries"
#: The time of every member of a zip, so that the same content gives the same bytes.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(
    path: str | Path,
    answers: Sequence[Answer],
    *,
    window: TimeRange,
    scope: Mapping[str, str] | None = None,
    tenant: str | None = None,
    notes: str | None = None,
    story: Story | None = None,
    replace: bool = False,
    redactor: Redactor | None = None,
    redactions: Mapping[str, int] | None = None,
    created_ns: int | None = None,
) -> Path:
    """Freeze answers into a folder, or into a zip where the path ends in ``.obsnb``.

    Secrets and personal data in rows and in query texts are redacted first (`obsnb.redact`). Equal rows
    are stored once. All is written beside the target and then renamed, so that a failure leaves nothing
    behind.

    Parameters
    ----------
    path
        Where to.
    answers
        Rows and records, in the order they were asked.
    window, scope, tenant
        What the incident is about.
    notes
        What people wrote, as notes.toml has it; of it, only secrets are masked.
    story
        The timeline, the checklist and the hypotheses as people wrote them, redacted as the rows are.
    redactor
        What is done with what is found, and by which key; the default policy and a random key unless told.
    redactions
        What was redacted in the answers already: kind → how much.
    replace
        Whether an archive that is there already gives way. What else lies in its folder, notes.toml
        and story.json among it, stays.
    created_ns
        When; now unless told.

    Returns
    -------
    Path
        The archive's path.

    Raises
    ------
    ArchiveError
        Something is there already, or the disk refuses.
    """
    target = Path(path)
    redactor = redactor or Redactor()
    try:
        _check_target(target, replace=replace)
        target.parent.mkdir(parents=True, exist_ok=True)
        with beside(target) as room:
            fresh = room / "fresh"
            fresh.mkdir()
            written, found = _write_queries(fresh, answers, redactor)
            created = (now_ns() if created_ns is None else created_ns) // 10**9 * 10**9
            files = tuple({entry.name: entry for _, entry in written}.values())
            queries = tuple(Recorded(record, entry.name) for record, entry in written)
            manifest = Manifest(
                __version__,
                created,
                window,
                dict(scope or {}),
                tenant,
                queries,
                files,
                policy=redactor.policy.to_table(),
            )
            if story is not None:
                found += _write_story(fresh, story, redactor)
            _write_manifest(fresh, manifest, found + Counter(redactions or {}), redactor)
            if notes is not None:
                (fresh / NOTES).write_text(redactor.of_people.text(notes)[0], "utf-8")
            _put(fresh, target, room)
    except OSError as error:
        raise ArchiveError(
            f"{target} cannot be written: {error.strerror or error}. Nothing was left behind.",
            hint="Look at the folder's permissions and at the room on its disk, or choose another path.",
        ) from None
    return target


def _check_target(target: Path, *, replace: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not replace:
        raise ArchiveError(
            f"{target} is there already.",
            hint="Choose another path, or pass replace=True (--replace) to replace it.",
        )
    if target.is_dir() and not target.is_symlink() and not any(target.iterdir()):
        return
    try:
        open_container(target)
    except ArchiveError as error:
        raise ArchiveError(
            f"{target} is there already, and is not replaced: {error.what}",
            hint="replace=True replaces frozen incidents only. Choose another path.",
        ) from None


def _write_queries(
    folder: Path, answers: Sequence[Answer], redactor: Redactor
) -> tuple[list[tuple[QueryRecord, FileEntry]], Counter[str]]:
    """A file for each different answer; every record, as it is for the rows that were written."""
    files: dict[Any, FileEntry] = {}
    redactions: Counter[str] = Counter()
    written = []
    for answer in answers:
        kind = answer.record.kind
        frame, found = redactor.frame(BY_KIND[kind].conform(answer.frame))
        rows = digest(frame)
        key = (kind, rows, *frame.dtypes)
        if key not in files:
            files[key] = write_parquet(frame, folder, f"{_QUERIES}/{len(files) + 1:03d}-{kind}.parquet")
            redactions += Counter(found)
        record = dataclasses.replace(answer.record, rows=frame.height, digest=rows)
        written.append((record, files[key]))
    return written, redactions


def _write_story(fresh: Path, story: Story, redactor: Redactor) -> Counter[str]:
    """What people made of the rows, citing them as they are written; what was redacted in it."""
    lines = _line_ids(fresh)

    def other(id: str) -> str | None:
        kind, _, rest = id.partition(":")
        if kind == "query":
            return None  # its number counts what was asked in one session
        new = redactor.other_id(rest)
        return f"log:{new}" if kind == "log" and rest not in lines and new in lines else id

    told, found = redactor.value(story.citing(other).to_plain())
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    # Half of a surrogate pair, which a text of Python or of a browser may hold, cannot stand in a file.
    (fresh / STORY).write_bytes(text.encode("utf-8", "replace"))
    return Counter(found)


def _line_ids(fresh: Path) -> set[str]:
    files = sorted((fresh / _QUERIES).glob("*-logs.parquet"))
    return {one for file in files for one in pl.read_parquet(file, columns=["row_id"])["row_id"]}


def _write_manifest(folder: Path, manifest: Manifest, redactions: Counter[str], redactor: Redactor) -> None:
    values = manifest.to_dict()
    told = {key: values.pop(key) for key in ("queries", "scope", "tenant")}  # what servers and people said
    masked, found = redactor.value(told)
    counts = Counter(redactions) + Counter(found)
    values |= {**masked, "redactions": dict(sorted(counts.items()))}
    (folder / MANIFEST).write_bytes(dump(values))


def _put(fresh: Path, target: Path, room: Path) -> None:
    """The finished archive in the target's place."""
    if target.suffix == _SUFFIX:
        _keep_notes(target, fresh)
        _pack(fresh, room / "packed")
        (room / "packed").replace(target)
        return
    if not target.exists():
        fresh.rename(target)
        return
    for entry in target.iterdir():
        if entry.name not in {MANIFEST, _QUERIES} and not (fresh / entry.name).exists():
            copy = shutil.copytree if entry.is_dir() else shutil.copy2
            copy(entry, fresh / entry.name)
    target.rename(room / "old")
    try:
        fresh.rename(target)
    except OSError:
        (room / "old").rename(target)
        raise


def _keep_notes(target: Path, fresh: Path) -> None:
    """What people wrote into the archive that is replaced, unless something else takes its place."""
    lacking = [name for name in (NOTES, STORY) if not (fresh / name).exists()]
    if target.exists() and lacking:
        old = open_container(target)
        for name in lacking:
            if old.has(name):
                (fresh / name).write_bytes(old.read(name))


def _pack(folder: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as packed:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            info.external_attr = 0o644 << 16
            # Parquet is compressed already.
            info.compress_type = zipfile.ZIP_STORED if path.suffix == ".parquet" else zipfile.ZIP_DEFLATED
            packed.writestr(info, path.read_bytes())
