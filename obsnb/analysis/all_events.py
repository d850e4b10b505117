"""Everything that happened, from everything that can tell it, each deployment once."""

from __future__ import annotations

import polars as pl

from obsnb.analysis.event_rows import event_rows, not_told_yet
from obsnb.analysis.events import alerts, deployments
from obsnb.analysis.restarts import restarts
from obsnb.analysis.rollouts import rollouts, span_rollouts
from obsnb.conventions import DEFAULT, Conventions
from obsnb.timerange import TimeRange

__all__ = ["all_events"]


def all_events(
    *,
    fired: pl.DataFrame | None = None,
    logs: pl.DataFrame | None = None,
    series: pl.DataFrame | None = None,
    spans: pl.DataFrame | None = None,
    noted: pl.DataFrame | None = None,
    window: TimeRange | None = None,
    conventions: Conventions = DEFAULT,
) -> pl.DataFrame:
    """EVENTS of all kinds, sorted by time.

    Parameters
    ----------
    fired
        SERIES of ``ALERTS``.
    logs
        LOGS, for deployments.
    series
        SERIES of kube-state-metrics and build information, for restarts and deployments.
    spans
        SPANS, for deployments.
    noted
        EVENTS that people or other programs noted; their further columns stay. A deployment among them
        that the others tell of is left out.
    window
        What was asked for: a firing that lasts to its end has not ended.

    Returns
    -------
    DataFrame
        EVENTS and ``evidence`` (list of evidence ids). A deployment that several tell of stands as the
        first of log lines, build information and spans has it.
    """
    found: list[pl.DataFrame] = []
    if fired is not None:
        found.append(alerts(fired, window=window))
    if series is not None:
        found.append(restarts(series, conventions=conventions))
    told = event_rows([] if logs is None else [deployments(logs, conventions=conventions)])
    for more in (
        None if series is None else rollouts(series, conventions=conventions),
        None if spans is None else span_rollouts(spans, conventions=conventions),
    ):
        if more is not None:
            told = event_rows([told, not_told_yet(more, told, conventions=conventions)])
    rows = event_rows([*found, told])
    if noted is None or noted.is_empty():
        return rows
    ours = pl.col("kind").cast(pl.String) == "deploy"
    new = not_told_yet(noted.filter(ours), told, conventions=conventions)
    together = pl.concat([rows, noted.filter(~ours.fill_null(False)), new], how="diagonal_relaxed")
    return together.sort("timestamp", "title", maintain_order=True)
