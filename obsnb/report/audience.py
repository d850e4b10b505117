"""What a report shows to people outside the house: what people wrote, the impact, and chosen moments."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from obsnb.views.formats import moment

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["for_public"]


def for_public(postmortem: Postmortem) -> Postmortem:
    """The report without what only the house should see.

    What is left out is taken away here, before any rendering, so that no rendering can show it: services,
    statements, log lines, traces, queries, evidence, hypotheses, names of tenants, owners of actions, and
    what was used of an error budget, which is the house's own measure.
    """
    return replace(
        postmortem,
        audience="public",
        title=_title(postmortem),
        baseline_why="",
        summary=(),
        confidence="",
        impact=tuple(
            replace(row, names=(), how="") for row in postmortem.impact if "error budget" not in row.measure
        ),
        detection=(),
        timeline=None if postmortem.timeline is None else _moments(postmortem.timeline),
        suspects=None,
        error_groups=None,
        slow_queries=None,
        waterfall=None,
        waterfall_why="",
        service_graph=None,
        charts=(),
        queries=(),
        sampling="",
        hypotheses=(),
        conclusions=(),
        remarks=(),
        notes=replace(
            postmortem.notes,
            action_items=tuple(replace(item, owner="", link="") for item in postmortem.notes.action_items),
            timeline=tuple(replace(note, service="") for note in postmortem.notes.timeline),
        ),
        evidence=MappingProxyType({}),
        archive="",
    )


def _title(postmortem: Postmortem) -> str:
    """The title, unless it names a suspect, as one that was made from the data does."""
    suspects = [] if postmortem.suspects is None else postmortem.suspects["service"].drop_nulls().to_list()
    if not any(name and name in postmortem.title for name in suspects):
        return postmortem.title
    since = postmortem.during or postmortem.window
    return f"Incident of {moment(since.start_ns)}"


def _moments(timeline: pl.DataFrame) -> pl.DataFrame:
    """Onset, recovery and what was starred, without who and whence."""
    starred = pl.col("starred") if "starred" in timeline.columns else pl.lit(value=False)
    kind = pl.col("kind").cast(pl.String)
    chosen = timeline.filter(starred | kind.is_in(["onset", "recovery"]))
    said = kind.replace_strict(
        {"onset": "the incident began", "recovery": "back to what was usual before"}, default=None
    )
    return chosen.select("timestamp", "end", "kind", pl.coalesce(said, "title").alias("title"))
