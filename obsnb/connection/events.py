"""Everything that happened in a window, asked of whatever is connected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.all_events import all_events
from obsnb.analysis.border import to_polars
from obsnb.connection.roles import ANNOTATIONS
from obsnb.schema import EVENTS
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    from obsnb.connection.verbs import Connection

__all__ = ["gather"]


def gather(obs: Connection, window: TimeRange, scope: Mapping[str, str], *, also: Any = None) -> pl.DataFrame:
    """EVENTS of a scope, as `obsnb.analysis.all_events` has them. Logs and spans need a scope.

    What of `also` touches the window is among them; what is no EVENTS is a `FrameError`.
    """
    told = (
        None
        if also is None
        else _touching(to_polars(also, EVENTS, needs=("timestamp", "title"), what="events"), window)
    )

    def role(name: str) -> pl.DataFrame | None:
        return obs.role(name, window, scope=scope)

    fired = role("alerts")
    noted = [frame for frame in (role(ANNOTATIONS), told) if frame is not None]
    restarted = role("restarts")
    if restarted is None:  # in an archive that is older than this role
        restarted = role("resources")
    series = [frame for frame in (restarted, role("builds")) if frame is not None]
    lines = spans = None
    if scope or not obs.needs_scope:
        lines, spans = role("deployments.logs"), role("sample.spans")
        if lines is None:  # where every line is, those that tell of deployments were not asked for
            lines = role("scope.logs")
    return all_events(
        fired=fired,
        logs=lines,
        series=pl.concat(series, how="diagonal_relaxed") if series else None,
        spans=spans,
        noted=pl.concat(noted, how="diagonal_relaxed") if noted else None,
        window=window,
        conventions=obs.conventions,
    )


def _touching(events: pl.DataFrame, window: TimeRange) -> pl.DataFrame:
    """Those that begin or last in a window."""
    rows = EVENTS.conform(events)
    begun, ended = pl.col("timestamp").to_physical(), pl.col("end").to_physical()
    return rows.filter((begun < window.end_ns) & (pl.coalesce(ended, begun) >= window.start_ns))
