"""What an investigation's rows hold of the debugging guide's other signals, each thing once."""

from __future__ import annotations

from functools import cached_property

import polars as pl

from obsnb.analysis.caches import cache_drops, cache_hit_rates
from obsnb.analysis.debugging import debug_events, debug_sessions
from obsnb.analysis.event_rows import event_rows
from obsnb.analysis.frontend import frontend_events
from obsnb.analysis.frontend_changes import frontend_changes
from obsnb.analysis.health import health_changes, health_snapshots
from obsnb.conventions import Conventions
from obsnb.investigation.asking import Compared, Rows

__all__ = ["Guided"]


class Guided:
    """Frontend entries, health, debug sessions, memory and caches, made when they are first wanted."""

    def __init__(self, rows: Rows, compared: Compared, conventions: Conventions) -> None:
        self._rows, self._compared, self._names = rows, compared, conventions

    @cached_property
    def frontend(self) -> pl.DataFrame:
        """`obsnb.frontend_events`."""
        frame: pl.DataFrame = frontend_events(self._rows.logs, conventions=self._names)
        return frame

    @cached_property
    def health(self) -> pl.DataFrame:
        """`obsnb.health_snapshots` of the log lines."""
        frame: pl.DataFrame = health_snapshots(self._rows.logs, conventions=self._names)
        return frame

    @cached_property
    def sessions(self) -> pl.DataFrame:
        """`obsnb.debug_sessions` of the log lines."""
        frame: pl.DataFrame = debug_sessions(self._rows.logs, conventions=self._names)
        return frame

    def caches(self, every: str = "1m") -> pl.DataFrame:
        """`obsnb.cache_hit_rates`, by counters; by log lines only where no counter tells of a cache.

        Lines often tell only of misses, so that both together would be a rate of neither.
        """
        rows, compared = self._rows, self._compared
        found = pl.DataFrame()
        for series, logs in ((rows.series, None), (None, rows.logs)):
            found = cache_hit_rates(
                series,
                logs,
                during=compared.during,
                baseline=compared.baseline,
                every=every,
                conventions=self._names,
            )
            if found.height:
                break
        return found

    def events(self, told: pl.DataFrame) -> pl.DataFrame:
        """What of this belongs into a timeline that tells those events already."""
        during = self._compared.during
        found = [health_changes(self.health), debug_events(self.sessions)]
        if self._compared.found:
            found += [
                cache_drops(self.caches(), during=during),
                frontend_changes(self.frontend, during=during, told=told),
            ]
        return event_rows(found)
