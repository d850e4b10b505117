"""The verbs of an investigation for the rest of the debugging guide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from obsnb.analysis.debugging import debug_sessions
from obsnb.analysis.detection import Detection, detection
from obsnb.analysis.frontend import frontend_timings
from obsnb.analysis.health import health_snapshots
from obsnb.analysis.memory import memory_differences, memory_snapshots
from obsnb.analysis.waits import database_waits

if TYPE_CHECKING:
    from obsnb.connection import Connection
    from obsnb.investigation.found import Found

__all__ = ["Guide"]


class Guide(ABC):
    """The part of an investigation that reads what the guide's endpoints and page tell."""

    _obs: Connection

    @property
    @abstractmethod
    def _found(self) -> Found:
        """The results of every verb."""

    def frontend_events(self) -> Any:
        """`obsnb.frontend_events` of the window: what browsers logged, and of what kind it is."""
        return self._obs.out(self._found.guide.frontend)

    def frontend_timings(self, *, every: str = "1m") -> Any:
        """`obsnb.frontend_timings` of the window: loading times and web vitals over time."""
        return self._obs.out(frontend_timings(self._found.guide.frontend, every=every))

    def health_snapshots(self, answers: Any = None, *, service: str | None = None) -> Any:
        """`obsnb.health_snapshots` of the window's log lines, and of endpoints' answers that you have."""
        if answers is None:
            return self._obs.out(self._found.guide.health)
        rows = self._found.rows.logs
        return self._obs.out(
            health_snapshots(rows, answers, service=service, conventions=self._obs.conventions)
        )

    def debug_sessions(self, answers: Any = None) -> Any:
        """`obsnb.debug_sessions` of the window's log lines, and of what ended sessions answered."""
        if answers is None:
            return self._obs.out(self._found.guide.sessions)
        rows = self._found.rows.logs
        return self._obs.out(debug_sessions(rows, answers, conventions=self._obs.conventions))

    def memory_snapshots(self, answers: Any = None, *, service: str | None = None) -> Any:
        """`obsnb.memory_snapshots` of the window's log lines, and of endpoints' answers that you have."""
        rows = self._found.rows.logs
        return self._obs.out(
            memory_snapshots(rows, answers, service=service, conventions=self._obs.conventions)
        )

    def memory_differences(self, answers: Any = None, *, service: str | None = None) -> Any:
        """`obsnb.memory_differences` of these snapshots: what grew, and how steadily."""
        rows = self._found.rows.logs
        found = memory_snapshots(rows, answers, service=service, conventions=self._obs.conventions)
        return self._obs.out(memory_differences(found))

    def cache_hit_rates(self, *, every: str = "1m") -> Any:
        """`obsnb.cache_hit_rates` over time, by cache, during against baseline."""
        return self._obs.out(self._found.guide.caches(every))

    def database_waits(self) -> Any:
        """`obsnb.database_waits` of the window: who waited for a connection or a lock, and how long."""
        rows = self._found.rows
        return self._obs.out(database_waits(rows.logs, rows.spans, conventions=self._obs.conventions))

    def detection(self, *, objective: float = 0.999) -> Detection:
        """`obsnb.detection`: how long until the first alert and until recovery, and which rule was sooner."""
        found = self._found
        told = detection(
            found.rows.series,
            found.events,
            during=found.compared.during,
            baseline=found.compared.baseline,
            window=found.window,
            objective=objective,
            conventions=self._obs.conventions,
        )
        return replace(told, rules=self._obs.out(told.rules), found=found.compared.found)
