"""Where requests come in: a request that passes several services is one request."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.requests import request_counts
from obsnb.analysis.service_graph import service_graph
from obsnb.conventions import Conventions
from obsnb.schema import SPANS

__all__ = ["entered"]

_NAMED = 3


def entered(series: pl.DataFrame, spans: Any, *, conventions: Conventions) -> tuple[pl.DataFrame, str]:
    """The series without those of services that count what others have counted before them.

    A service counts again where more than half of its server spans were called by another service whose
    requests are counted. What else reaches it is left out with them. Where every service counts again, none
    is left out.

    Parameters
    ----------
    series
        SERIES with request counters.
    spans
        SPANS; a selection of traces will do, for only who calls whom is read from it.

    Returns
    -------
    (series, where)
        And words that say whose they are, to stand behind what they are; empty where nothing was left out.
    """
    counts = request_counts(series, conventions=conventions)
    counting = counts["service"].drop_nulls().unique().sort().to_list()
    if len(counting) < 2:
        return series, ""
    frame = to_polars(spans, SPANS, needs=("trace_id", "span_id", "service", "name", "start"), what="impact")
    if frame.is_empty() or "kind" not in frame.columns:
        return series, ""
    served = frame.filter(pl.col("kind").cast(pl.String) == "server")
    visits = dict(served.group_by(pl.col("service").cast(pl.String)).len().iter_rows())
    called: dict[str, int] = {}
    for caller, callee, count in service_graph(frame).select("caller", "callee", "count").iter_rows():
        if caller in counting and caller != callee:
            called[callee] = called.get(callee, 0) + count
    inner = {name for name in counting if 2 * called.get(name, 0) > visits.get(name, 0) > 0}
    outer = [name for name in counting if name not in inner]
    if not inner or not outer:
        return series, ""
    kept = series.filter(~pl.col("service").cast(pl.String).is_in(list(inner)).fill_null(value=False))
    said = ", ".join(outer) if len(outer) <= _NAMED else f"{len(outer)} services"
    return kept, f" of {said}, where requests come in"
