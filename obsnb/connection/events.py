"""Everything that happened in a window, asked of whatever is connected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from obsnb.analysis.all_events import all_events
from obsnb.connection.roles import ANNOTATIONS
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    from obsnb.connection.verbs import Connection

__all__ = ["gather"]


def gather(obs: Connection, window: TimeRange, scope: Mapping[str, str]) -> pl.DataFrame:
    """EVENTS of a scope, as `obsnb.analysis.all_events` has them. Logs and spans need a scope."""

    def role(name: str) -> pl.DataFrame | None:
        return obs.role(name, window, scope=scope)

    fired, noted = role("alerts"), role(ANNOTATIONS)
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
        noted=noted,
        window=window,
        conventions=obs.conventions,
    )
