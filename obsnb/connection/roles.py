"""Who answers the built-in queries: the servers, in their own words, or an archive, by role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from obsnb.conventions import Conventions
from obsnb.errors import NotRecordedError, SourceError
from obsnb.query.roles import RoleQuery, role_queries
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    from obsnb.archive.reader import ArchiveReader
    from obsnb.sources.base import Answer, EventSource, LogSource, MetricSource, TraceSource
    from obsnb.sources.otlp import OtlpFiles

__all__ = ["ANNOTATIONS", "ArchivedRoles", "FileRoles", "LiveRoles", "Roles", "default_step"]

#: The role of what people noted in Grafana; it has no scope, and no query of its own.
ANNOTATIONS = "annotations"
#: Steps that people read easily, in seconds; a default step is the first that gives 1,000 points or fewer.
_STEPS_S = (15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
_POINTS = 1_000


def default_step(window: TimeRange) -> int:
    """Nanoseconds between points where nobody says: 15 s, or more for a longer window."""
    step = next((s for s in _STEPS_S if window.duration_s / s <= _POINTS), _STEPS_S[-1])
    return step * 10**9


def _annotations(source: EventSource, window: TimeRange) -> Answer:
    """A Grafana that does not give its annotations does not take the rest with it: the ledger says so."""
    from obsnb.ledger import QueryRecord
    from obsnb.schema import EVENTS, digest
    from obsnb.sources.base import Answer

    try:
        return source.annotations(window, role=ANNOTATIONS)
    except SourceError as error:
        nothing, text = EVENTS.empty(), error.query or ANNOTATIONS
        record = QueryRecord(
            "events",
            source.name,
            text,
            text,
            window,
            role=ANNOTATIONS,
            complete="no",
            reason=error.what,
            digest=digest(nothing),
        )
        return Answer(nothing, record)


class Roles(Protocol):
    """Answers built-in queries by role."""

    def answer(self, name: str, window: TimeRange, scope: Mapping[str, str]) -> Answer | None:
        """The answer, or None where nothing can give it."""


class ArchivedRoles:
    """An archive's answers."""

    def __init__(self, archive: ArchiveReader) -> None:
        self._archive = archive

    def answer(self, name: str, window: TimeRange, scope: Mapping[str, str]) -> Answer | None:
        """What was recorded for the role; None where it never was.

        Raises
        ------
        NotRecordedError
            It was recorded for another window or scope.
        """
        recorded = dict(self._archive.scope)
        if dict(scope) != recorded:
            raise NotRecordedError(
                f"The archive holds the scope {recorded}, not {dict(scope)}.",
                hint="Leave the scope out, or ask live sources.",
            )
        return self._archive.answer_for_role(name, window)


class LiveRoles:
    """The servers' answers to the built-in queries, in the names that they know."""

    def __init__(
        self,
        logs: LogSource | None,
        metrics: MetricSource | None,
        traces: TraceSource | None,
        *,
        events: EventSource | None = None,
        conventions: Conventions,
    ) -> None:
        self._logs, self._metrics, self._traces, self._events = logs, metrics, traces, events
        self._conventions = conventions
        self._known: dict[str, list[str]] | None = None

    def answer(self, name: str, window: TimeRange, scope: Mapping[str, str]) -> Answer | None:
        """The answer, or None where no source can give it.

        Raises
        ------
        SourceError
            The server refuses, fails or cannot be reached; `LimitError` where the lines are too many.
        """
        asked = self._asked(window, scope).get(name)
        if asked is None:
            return _annotations(self._events, window) if name == ANNOTATIONS and self._events else None
        given: dict[str, Any] = {**asked.params, "role": asked.role}
        if asked.kind == "logs":
            return self._logs.logs(asked.query, window, **given) if self._logs else None
        if asked.kind == "spans":
            return self._traces.spans(asked.query, window, **given) if self._traces else None
        if self._metrics is None:
            return None
        if asked.kind == "exemplars":
            return self._metrics.exemplars(asked.query, window, **given)
        return self._metrics.series(asked.query, window, step_ns=default_step(window), **given)

    def queries(self, window: TimeRange, scope: Mapping[str, str]) -> list[RoleQuery]:
        """What an investigation of a scope asks: those that ask for a part of another one are left out."""
        known = self._names(window)
        asked = role_queries(scope, self._conventions, known=known).values()
        return [one for one in asked if one.kind != "logs" or one.role == "scope.logs"]

    def _asked(self, window: TimeRange, scope: Mapping[str, str]) -> dict[str, RoleQuery]:
        return role_queries(scope, self._conventions, known=self._names(window), parts=True)

    def _names(self, window: TimeRange) -> dict[str, list[str]]:
        """The labels and attributes that the servers know, asked once; none where one does not say."""
        if self._known is None:
            self._known = {}
            for signal, source, verb in (
                ("logs", self._logs, "labels"),
                ("metrics", self._metrics, "label_names"),
                ("traces", self._traces, "attribute_names"),
            ):
                names = getattr(source, verb, None)
                try:
                    self._known[signal] = list(names(window)) if names is not None else []
                except SourceError:
                    self._known[signal] = []
        return self._known


class FileRoles:
    """What files hold, by role. Without a scope it is all that they hold."""

    def __init__(self, files: OtlpFiles, *, conventions: Conventions) -> None:
        self._files = files
        self._asked = LiveRoles(files, files, files, conventions=conventions)

    def answer(self, name: str, window: TimeRange, scope: Mapping[str, str]) -> Answer | None:
        """The answer; None where there is no such role, or it is a part of ``scope.logs``."""
        if name == "scope.logs" and not scope:
            return self._files.logs("{}", window, role=name)
        return self._asked.answer(name, window, scope)
