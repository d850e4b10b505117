"""What is new in browsers' entries, as rows of a timeline."""

from __future__ import annotations

import polars as pl

from obsnb.analysis.event_rows import event_rows
from obsnb.timerange import TimeRange

__all__ = ["frontend_changes"]


def frontend_changes(
    entries: pl.DataFrame, *, during: TimeRange, told: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Releases, error boundaries and slow operations that the incident is the first to show.

    Parameters
    ----------
    entries
        As `obsnb.frontend_events` gives them.
    during
        The incident; new is what no entry before it has. Of operations that are slow for the first time
        the first one of each service is told, with how many there are.
    told
        EVENTS that are told already: a release that one of their deployments names is left out.

    Returns
    -------
    DataFrame
        EVENTS of kind ``frontend``, with ``evidence``.
    """
    ns = pl.col("timestamp").to_physical()
    inside = ns.is_between(during.start_ns, during.end_ns, closed="left")
    earlier = entries.filter(ns < during.start_ns)
    if earlier.is_empty():  # nothing is new where nothing is known of before
        return event_rows([])
    deployed = (
        [] if told is None else told.filter(pl.col("kind").cast(pl.String) == "deploy")["title"].to_list()
    )

    def new(kind: str | None, key: str) -> pl.DataFrame:
        of = pl.lit(value=True) if kind is None else pl.col("kind") == kind
        known = earlier.filter(of).select("service", key).unique()
        found = entries.filter(of & inside).drop_nulls(key).sort("timestamp", maintain_order=True)
        found = found.join(known, on=["service", key], how="anti", nulls_equal=True, maintain_order="left")
        return found.unique(["service", key], keep="first", maintain_order=True)

    releases = new(None, "release")
    named = [any(release in (title or "").split() for title in deployed) for release in releases["release"]]
    releases = releases.filter(~pl.Series(named, dtype=pl.Boolean))
    caught = new("boundary", "component")
    slow = new("slow_operation", "name").with_columns(pl.len().over("service").alias("many"))
    slow = slow.unique("service", keep="first", maintain_order=True)
    seconds = (pl.col("duration").dt.total_nanoseconds() / 1e9).round(1)
    others = pl.when(pl.col("many") > 1).then(pl.format(", {} others after it", pl.col("many") - 1))
    titled = (
        (releases, pl.format("release {} is first seen in a browser", "release")),
        (
            caught,
            pl.format(
                "first caught in {}: {}", "component", pl.coalesce("type", "message", pl.lit("an error"))
            ),
        ),
        (
            slow,
            pl.concat_str(pl.format("first slow: {} ({} s)", "name", seconds), others.otherwise(pl.lit(""))),
        ),
    )
    return event_rows(
        [
            rows.select(
                "timestamp",
                pl.lit("frontend").alias("kind"),
                title.str.slice(0, 160).alias("title"),
                "service",
                pl.lit("browser entries").alias("source"),
                "evidence",
            )
            for rows, title in titled
        ]
    )
