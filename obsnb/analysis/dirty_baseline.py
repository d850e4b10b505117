"""A baseline into which the incident already reaches, because it was marked too late."""

from __future__ import annotations

import polars as pl

from obsnb.analysis.incident import find_incident
from obsnb.conventions import Conventions
from obsnb.timerange import TimeRange

__all__ = ["cleaned"]

_LEFT = 0.25  # of the baseline at least must stay: what began before that was there all along


def cleaned(
    during: TimeRange,
    baseline: TimeRange,
    *,
    logs: pl.DataFrame | None,
    spans: pl.DataFrame | None,
    series: pl.DataFrame | None,
    conventions: Conventions,
) -> tuple[TimeRange, TimeRange]:
    """The two windows with their border where the change is, if that is before where it was marked.

    People mark an incident when they notice it, and alerts fire when it has lasted a while. What is
    compared with a baseline that holds the incident's first minute looks as if nothing were new.

    Parameters
    ----------
    during, baseline
        As they were marked. They are left as they are unless one follows the other at once.
    logs, spans, series
        LOGS, SPANS and SERIES that have gone through the border; any of them may be None.

    Returns
    -------
    tuple
        The incident and its baseline. The border moves to the onset that is found
        (`obsnb.analysis.incident.find_incident`) of a change that lasts into the incident, where a
        quarter of the baseline at least is left.
    """
    if baseline.end_ns != during.start_ns:
        return during, baseline
    window = TimeRange(baseline.start_ns, during.end_ns)
    found = find_incident(logs, spans, series, window=window, conventions=conventions)
    if found is None or (found.recovery_ns is not None and found.recovery_ns <= during.start_ns):
        return during, baseline
    earliest = baseline.start_ns + int(_LEFT * baseline.duration_ns)
    if not earliest <= found.onset_ns < during.start_ns:
        return during, baseline
    return TimeRange(found.onset_ns, during.end_ns), TimeRange(baseline.start_ns, found.onset_ns)
