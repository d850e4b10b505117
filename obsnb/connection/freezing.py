"""What a connection holds of an archive, and how what was asked becomes one; a part of `Connection`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from obsnb.connection.roles import ANNOTATIONS, Roles
from obsnb.conventions import Conventions
from obsnb.errors import LimitError, UsageError
from obsnb.ledger import QueryRecord
from obsnb.query.roles import role_queries
from obsnb.redact import Redactor
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import polars as pl

    from obsnb.analysis.story import Story
    from obsnb.archive.reader import ArchiveReader
    from obsnb.connection.kept import Kept
    from obsnb.sources.base import LogSource
    from obsnb.sources.otlp import OtlpFiles
    from obsnb.store.answers import AnswerStore

__all__ = ["Freezing"]


class Freezing:
    """An archive's own window, scope and notes, what an investigation asks, and what is kept of it."""

    _logs: LogSource | None
    _archive: ArchiveReader | None
    _files: OtlpFiles | None
    _kept: Kept
    _roles: Roles
    _store: AnswerStore | None
    _tenant: str | None
    _make_redactor: Callable[[], Redactor]
    _story: Story | None
    conventions: Conventions

    @property
    def name(self) -> str:
        """An archive's name; ``live`` for servers, ``otlp`` for files."""
        held = self._archive or self._files
        return "live" if held is None else held.name

    @property
    def window(self) -> TimeRange | None:
        """An archive's or the files' window, the default of `investigate`; None for live sources."""
        held = self._archive or self._files
        return None if held is None else held.window

    @property
    def needs_scope(self) -> bool:
        """Whether an investigation must say what of all that there is it is about.

        Files, and an archive of all that files held, are about what is in them.
        """
        if self._archive is not None:
            return not any(record.role for record in self._archive.records)
        return self._files is None

    @property
    def scope(self) -> Mapping[str, str]:
        """An archive's scope; empty for live sources."""
        return MappingProxyType({}) if self._archive is None else self._archive.scope

    @property
    def recorded(self) -> tuple[QueryRecord, ...]:
        """What an archive holds; empty for live sources."""
        return () if self._archive is None else self._archive.records

    @property
    def notes_path(self) -> Path | None:
        """Where people write about an archive: in its folder, or beside its file; None for live sources."""
        return None if self._archive is None else self._archive.notes_path

    @property
    def notes(self) -> str | None:
        """What people wrote there, or what was packed into the archive; None where there is nothing."""
        return None if self._archive is None else self._archive.notes

    @property
    def story(self) -> Story | None:
        """What people made of it (timeline, checklist, hypotheses): here, or before it was archived."""
        return self._story or (None if self._archive is None else self._archive.story)

    def keep_story(self, story: Story) -> None:
        """Let `save` write this story; an investigation calls it whenever something is edited."""
        self._story = story

    @property
    def redactions(self) -> Mapping[str, int]:
        """Kind of what was found → how much of it was redacted before an archive was written."""
        return MappingProxyType({}) if self._archive is None else self._archive.redactions

    @cached_property
    def redactor(self) -> Redactor:
        """What redacts all that is written from here: by the settings' policy, under one key.

        Raises
        ------
        SettingsError
            The settings cannot be used.
        """
        return self._make_redactor()

    # What an investigation asks.

    def role(self, name: str, window: TimeRange, *, scope: Mapping[str, str]) -> pl.DataFrame | None:
        """The answer to a built-in query, as a polars frame.

        Parameters
        ----------
        name
            Its role, such as ``"errors.spans"`` (`obsnb.query.roles`).
        window, scope
            What it is asked for.

        Returns
        -------
        DataFrame or None
            None where nothing can answer it: no such source, an archive that was never asked, or for
            ``scope.logs`` more lines than the profile allows; the ledger says so then.

        Raises
        ------
        NotRecordedError
            An archive was asked this for another window or scope.
        LimitError
            There are more lines than the profile allows, though the role asks for a part of them.
        """
        try:
            answer = self._roles.answer(name, window, scope)
        except LimitError as error:
            if name != "scope.logs":
                raise
            source = self._logs.name if self._logs is not None else ""
            self._kept.refuse(name, window, error, source=source)
            return None
        return None if answer is None else self._kept.add(answer, scope=scope).frame

    def clear_cache(self) -> int:
        """Drop every answer that is kept on disk for later kernels, of all sources and profiles.

        Returns
        -------
        int
            How many there were.

        Raises
        ------
        UsageError
            This is an archive or a folder of files, of which nothing is kept.
        """
        if self._store is None:
            raise UsageError(
                "Nothing is kept of what is on this disk anyway.",
                hint="obs.clear_cache() is for live sources: obsnb.connect(...).",
            )
        return self._store.clear()

    def capture(self, window: TimeRange, *, scope: Mapping[str, str]) -> None:
        """Ask every built-in query of a scope, so that `save` freezes what an investigation needs."""
        whole = self.role("scope.logs", window, scope=scope) is not None
        for name in (*role_queries(scope, self.conventions), ANNOTATIONS):
            if name != "scope.logs" and not (whole and name.endswith(".logs")):
                self.role(name, window, scope=scope)

    def verify(self) -> None:
        """Hold all rows of an archive to its digests now, rather than when they are first asked for.

        Raises
        ------
        DamagedArchiveError
            Some are not what was recorded.
        """
        if self._archive is not None:
            self._archive.verify()

    def save(
        self,
        path: str | Path,
        *,
        window: TimeRange | None = None,
        scope: Mapping[str, str] | None = None,
        replace: bool = False,
    ) -> Path:
        """Freeze everything asked so far into a folder, or a file that ends in ``.obsnb``.

        Secrets and personal data are redacted first (``[redact]`` in obsnb.toml); what is written is whole
        or not there. What people made of it goes with it: timeline, checklist, hypotheses, conclusions and
        remarks of the investigation that was written in last.

        Parameters
        ----------
        window, scope
            The archive's. Without, an archive's own or what all queries span, and the scope that was
            investigated or captured last.
        replace
            Whether what is there already may be replaced.
        """
        from obsnb.archive.writer import write

        if not self._kept:
            raise UsageError(
                "Nothing was asked yet, so there is nothing to freeze.",
                hint="Ask obs.logs(...), obs.metrics(...) or obs.spans(...), or capture a scope first.",
            )
        within = scope if scope is not None else self.scope or self._kept.scope
        return write(
            path,
            self._kept.for_scope(within),
            window=window or self.window or self._kept.span,
            scope=within,
            tenant=self._tenant,
            notes=self.notes,
            story=self.story,
            replace=replace,
            redactor=self.redactor,
            redactions=self.redactions,
        )
