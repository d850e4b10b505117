"""One timeline of what happened: deployments, alerts, onset, new errors, recovery, people's notes."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.schema import EVENTS, dtype
from obsnb.timerange import TimeRange, check_windows

__all__ = ["timeline"]

_EXTRA = {"evidence": pl.List(pl.String)}


def timeline(
    events: Any = None,
    *,
    error_groups: pl.DataFrame | None = None,
    during: TimeRange | None = None,
    window: TimeRange | None = None,
    why: str = "",
) -> Any:
    """Everything with a time, in order, each row with what it is known from.

    Parameters
    ----------
    events
        EVENTS: alerts, deployments, restarts, annotations, notes; a further column ``evidence``
        (list of text) is kept. Those without a time are left out.
    error_groups
        As `obsnb.error_groups` gives them with windows: each new group's first occurrence is a row
        of kind ``error``.
    during
        Its start and end become rows of kind ``onset`` and ``recovery``.
    window
        What lies outside is left out; a recovery at its very end is no recovery and is left out.
    why
        How the onset is known; becomes the rows' source.

    Returns
    -------
    frame
        EVENTS' columns (kind may also be ``error``, ``onset``, ``recovery``) and ``evidence`` (list
        of evidence ids), sorted by time.
    """
    check_windows(during=during, window=window)
    schema = {**{name: _plain(kind) for name, kind in EVENTS.dtypes().items()}, **_EXTRA}
    parts = [pl.DataFrame(schema=schema)]
    if events is not None:
        given = to_polars(events, EVENTS, needs=("timestamp", "kind", "title"), what="timeline")
        parts.append(_shaped(given.drop_nulls("timestamp"), schema))
    if error_groups is not None and error_groups.height:
        parts.append(_shaped(_new_errors(error_groups, during), schema))
    if during is not None:
        parts.append(_shaped(_edges(during, window, why), schema))
    rows = pl.concat(parts).sort("timestamp", "kind")
    if window is not None:
        ns = pl.col("timestamp").to_physical()
        rows = rows.filter(ns.is_between(window.start_ns, window.end_ns, closed="left"))
    return like(rows, events)


def _plain(kind: Any) -> Any:
    return pl.String if kind == pl.Categorical else kind


def _shaped(frame: pl.DataFrame, schema: dict[str, Any]) -> pl.DataFrame:
    return frame.select(
        (pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, dtype=kind)).alias(name)
        for name, kind in schema.items()
    )


def _new_errors(groups: pl.DataFrame, during: TimeRange | None) -> pl.DataFrame:
    """First occurrences of the groups that are new; symptoms passed on from others are left out."""
    groups = groups.filter(pl.col("is_new").fill_null(False) & ~pl.col("passed_on").fill_null(False))
    first = (
        pl.col("first_seen")
        if during is None
        else pl.col("first_seen").clip(lower_bound=_moment(during.start_ns))
    )
    named = [pl.col("type").replace("", None), pl.col("message").replace("", None)]
    what = pl.concat_str(named, separator=": ", ignore_nulls=True)
    return groups.select(
        first.alias("timestamp"),
        pl.lit("error").alias("kind"),
        pl.concat_str([pl.lit("first "), what.str.slice(0, 160)]).alias("title"),
        pl.col("service"),
        pl.lit("error groups").alias("source"),
        pl.col("evidence").list.head(1),
    )


def _moment(ns: int) -> pl.Expr:
    return pl.lit(ns).cast(dtype("time"))


def _edges(during: TimeRange, window: TimeRange | None, why: str) -> pl.DataFrame:
    rows = [(during.start_ns, "onset", "it began")]
    if window is None or during.end_ns < window.end_ns:
        rows.append((during.end_ns, "recovery", "back to the baseline"))
    frame = pl.DataFrame(rows, schema=["timestamp", "kind", "title"], orient="row")
    return frame.with_columns(
        pl.col("timestamp").cast(dtype("time")), source=pl.lit(why or "the window given")
    )
