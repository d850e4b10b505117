"""One trace as rows of a tree that can be folded: order, depth, self time and what was waited for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.critical_path import path_segments
from obsnb.analysis.traces import self_time
from obsnb.analysis.tree import Ints, grow
from obsnb.errors import FrameError
from obsnb.schema import SPANS

__all__ = ["SpanTree", "plant"]

_NEEDS = ("trace_id", "span_id", "service", "name", "start", "duration")


@dataclass(frozen=True)
class SpanTree:
    """A trace's spans, each once, in the order of a walk from the roots down, children by their start.

    Attributes
    ----------
    spans
        SPANS in that order, with ``self_time``.
    parent
        Position of the parent; -1 for a root.
    depth, size
        How deep a span lies, and how many spans its subtree has, itself included.
    offset, duration
        Nanoseconds: from the trace's start, and how long.
    length
        Nanoseconds of the whole trace, never 0.
    waits
        Position → stretches (offset, length) for which the request waited for that very span.
    loose
        Spans that name a parent and stand without one: it is not there, or on a cycle with them.
    """

    spans: pl.DataFrame
    parent: Ints
    depth: Ints
    size: Ints
    offset: Ints
    duration: Ints
    length: int
    waits: dict[int, list[tuple[int, int]]]
    loose: int

    def __repr__(self) -> str:
        return f"SpanTree({self.spans.height} spans)"

    def unfolded(self, folded: set[int]) -> npt.NDArray[np.bool_]:
        """Which spans are in sight while these have their subtrees folded away."""
        change = np.zeros(len(self.size) + 1, dtype=np.int64)
        for place in folded:
            change[place + 1] += 1
            change[place + self.size[place]] -= 1
        in_sight: npt.NDArray[np.bool_] = np.cumsum(change[:-1]) == 0
        return in_sight

    def most_telling(self, most: int, failed: npt.NDArray[np.bool_]) -> Ints:
        """So many spans, in order: the critical path, failures, the longest; each with its ancestors."""
        critical = np.zeros(len(self.parent), dtype=np.bool_)
        critical[list(self.waits)] = True
        kept: set[int] = set()
        for place in np.lexsort((-self.duration, ~failed, ~critical)):
            line, here = [], int(place)
            while here >= 0 and here not in kept:
                line.append(here)
                here = int(self.parent[here])
            if len(kept) + len(line) <= most:
                kept.update(line)
            if len(kept) == most:
                break
        return np.array(sorted(kept), dtype=np.int64)

    def with_ancestors(self, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """These spans and everything above them."""
        kept, level = wanted.copy(), np.flatnonzero(wanted)
        while len(level):
            level = np.unique(self.parent[level])
            level = level[level >= 0]
            level = level[~kept[level]]
            kept[level] = True
        return kept


def plant(spans: pl.DataFrame, trace_id: str | None) -> SpanTree:
    """The tree of one trace of a SPANS frame: of the first one, unless told which.

    Raises
    ------
    FrameError
        A column is missing, or there is no span to show.
    """
    frame = to_polars(spans, SPANS, needs=_NEEDS, what="TraceWaterfall")
    frame = SPANS.conform(frame.drop_nulls(["trace_id", "span_id", "start", "duration"]))
    if frame.is_empty():
        raise FrameError("There is no span to show: the frame is empty.")
    wanted = frame["trace_id"][0] if trace_id is None else trace_id
    frame = frame.filter(pl.col("trace_id") == wanted)
    if frame.is_empty():
        raise FrameError(f"No span of the frame belongs to the trace {wanted}.")
    frame = frame if "self_time" in frame.columns else self_time(frame)
    tree = grow(frame)
    waits: dict[int, list[tuple[int, int]]] = defaultdict(list)
    order, depth, size = _walk(tree.parent, tree.start)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    began = int(tree.start.min())
    for span, at, length, _ in zip(*(part.tolist() for part in path_segments(tree)), strict=True):
        waits[int(place[span])].append((at - began, length))
    above = tree.parent[order]
    named = frame["parent_span_id"][tree.rows[order]].fill_null("").str.strip_chars("0") != ""
    return SpanTree(
        spans=frame[tree.rows[order]],
        parent=np.where(above >= 0, place[above], -1),
        depth=depth,
        size=size,
        offset=tree.start[order] - began,
        duration=tree.duration[order],
        length=max(int(tree.end.max()) - began, 1),
        waits=dict(waits),
        loose=int((named.to_numpy() & (above < 0)).sum()),
    )


def _walk(parent: Ints, start: Ints) -> tuple[Ints, Ints, Ints]:
    """Spans from the roots down, with depth and size of the subtree, all in the order of the walk."""
    below: dict[int, list[int]] = defaultdict(list)
    for span in np.argsort(-start, kind="stable").tolist():
        below[int(parent[span])].append(span)
    order, depth = [], []
    todo = [(span, 0) for span in below[-1]]
    while todo:
        span, deep = todo.pop()
        order.append(span)
        depth.append(deep)
        todo += [(child, deep + 1) for child in below[span]]
    walked = np.array(order, dtype=np.int64)
    place = np.empty_like(walked)
    place[walked] = np.arange(len(walked))
    size = np.ones(len(walked), dtype=np.int64)
    for at in range(len(walked) - 1, -1, -1):
        above = parent[walked[at]]
        if above >= 0:
            size[place[above]] += size[at]
    return walked, np.array(depth, dtype=np.int64), size
