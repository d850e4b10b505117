"""What lies in an archive: its queries' rows, what its manifest says of them, and what people wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from obsnb.archive.container import MANIFEST, NOTES, STORY, Container, Folder, open_container
from obsnb.archive.files import Files
from obsnb.archive.manifest import Manifest, load
from obsnb.ledger import QueryRecord
from obsnb.redact import SECRETS_ONLY, Policy, Redactor
from obsnb.sources.base import Answer
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import polars as pl

    from obsnb.analysis.story import Story

__all__ = ["Contents"]


class Contents:
    """An archive that has been opened.

    Notes
    -----
    Nothing in an archive is run. Every file's bytes are held to the manifest on opening, the rows to
    their query's record before any of them is given.
    """

    def __init__(self, container: Container, manifest: Manifest) -> None:
        self._container = container
        self._manifest = manifest
        self._files = Files(container, manifest)
        self._queries = manifest.queries
        policy = Policy.of_archive(manifest.policy) if manifest.policy else SECRETS_ONLY
        self._redactor = Redactor(policy)

    @staticmethod
    def key_of(path: str | Path) -> bytes:
        """`pseudonym_key` of an archive that is not opened for it.

        Raises
        ------
        ArchiveError
            There is no archive.
        """
        return _pseudonym_key(open_container(Path(path)))

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a folder or a ``.obsnb`` file, and verify it.

        Raises
        ------
        ArchiveError
            There is no archive, or one that a newer obsnb wrote.
        DamagedArchiveError
            Its manifest or a file is not what it was when it was written.
        UnsafeArchiveError
            It names something outside itself, holds a link, or would unpack to too much.
        """
        container = open_container(Path(path))
        manifest = load(container.read(MANIFEST), where=str(path))
        reader = cls(container, manifest)
        reader._files.verify()
        return reader

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {len(self.records)} queries, {self.window})"

    @property
    def name(self) -> str:
        """The folder's or the file's name, without ``.obsnb``."""
        return self._container.path.resolve().name.removesuffix(".obsnb")

    @property
    def window(self) -> TimeRange:
        """What it is about."""
        return self._manifest.window

    @property
    def scope(self) -> Mapping[str, str]:
        """What it was captured for; empty where it was not."""
        return self._manifest.scope

    @property
    def tenant(self) -> str | None:
        """The tenant that was asked as."""
        return self._manifest.tenant

    @property
    def records(self) -> tuple[QueryRecord, ...]:
        """Every query that was recorded, in the order they were asked."""
        return tuple(one.record for one in self._manifest.queries)

    @property
    def redactions(self) -> Mapping[str, int]:
        """Kind of what was found → how much of it was redacted before it was written."""
        return self._manifest.redactions

    @property
    def policy(self) -> Policy:
        """What was done with what was found."""
        return self._redactor.policy

    @property
    def pseudonym_key(self) -> bytes:
        """A key of its own, so that whatever is written from it has the same pseudonyms every time.

        Who has the archive can make it: it hides nothing from them that the archive does not.
        """
        return _pseudonym_key(self._container)

    @property
    def told(self) -> dict[str, Any]:
        """What the manifest says of the incident and its queries."""
        told = self._manifest.to_dict()
        return {name: told[name] for name in ("scope", "tenant", "queries")}

    def answers(self) -> Iterator[Answer]:
        """Every query's rows and record, in the order they were asked."""
        for one in self._manifest.queries:
            yield Answer(self._files.frame(one), one.record)

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Each file's name and rows, once."""
        for one in {one.file: one for one in self._manifest.queries}.values():
            yield one.file, self._files.frame(one)

    @property
    def notes_path(self) -> Path:
        """Where people write: ``notes.toml`` in the folder, ``NAME.notes.toml`` beside a file."""
        path = self._container.path
        return path / NOTES if isinstance(self._container, Folder) else path.with_name(f"{self.name}.{NOTES}")

    @property
    def notes(self) -> str | None:
        """What people wrote: at `notes_path`, else as it was packed; None where there is nothing."""
        if self.notes_path.is_file() and not isinstance(self._container, Folder):
            return self.notes_path.read_text("utf-8")
        return self._container.read(NOTES).decode("utf-8") if self._container.has(NOTES) else None

    @property
    def story(self) -> Story | None:
        """What people made of it: timeline, checklist, hypotheses; None where nobody wrote anything.

        Raises
        ------
        UsageError
            ``story.json`` is not what `write` makes.
        """
        from obsnb.analysis.story import Story

        if not self._container.has(STORY):
            return None
        return Story.parse(self._container.read(STORY), where=f"{STORY} of {self.name}")

    def verify(self) -> None:
        """Hold all rows to their queries' records too, which else happens when they are first asked for.

        Raises
        ------
        DamagedArchiveError
            Some are not what was recorded.
        """
        for one in self._manifest.queries:
            self._files.frame(one)


def _pseudonym_key(container: Container) -> bytes:
    return hashlib.sha256(b"pseudonyms" + container.read(MANIFEST)).digest()
