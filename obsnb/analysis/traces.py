"""How long a span worked itself, rather than waiting for its children."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.tree import covered_by_children, grow
from obsnb.schema import SPANS

__all__ = ["self_time"]


def self_time(spans: Any) -> Any:
    """The same spans, with the time that each spent on its own.

    A span's self time is its duration minus the time during which at least one of its children
    ran: the union of the children's intervals, cut to the span's own.

    Parameters
    ----------
    spans
        SPANS with trace_id, span_id, start and duration; parent_span_id and kind where known.

    Returns
    -------
    frame
        The same rows in the same order, and ``self_time`` (Duration, ns): null where the span's
        own start or duration is null.

    Raises
    ------
    FrameError
        A needed column is missing.

    Notes
    -----
    - Children that overlap count once. A child that outlives its parent (asynchronous work)
      counts only while the parent ran; one that starts after the parent's end not at all.
    - A negative duration, a clock's mistake, counts as none, for the span and for its parent.
    - A span that is there twice counts once for its parent, and both rows get its self time.
    - A child whose parent is missing is nobody's child; spans that are each other's ancestors are
      nobody's children either.
    - Clocks are taken as they are: where the child's host is ahead or behind by more than the
      network took, part of the child lies outside the parent and is cut off.
    """
    frame = to_polars(spans, SPANS, needs=("trace_id", "span_id", "start", "duration"), what="self_time")
    tree = grow(frame)
    own = (tree.duration - covered_by_children(tree))[tree.seat]
    known = pl.col("start").is_not_null() & pl.col("duration").is_not_null()
    column = pl.Series("self_time", own).cast(pl.Duration("ns"))
    return like(frame.with_columns(pl.when(known).then(column).alias("self_time")), spans, same_rows=True)
