"""What each request was waiting for at every moment: the critical path of its trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.tree import Ints, Tree, clip_to_parents, grow, order_by
from obsnb.schema import SPANS

__all__ = ["critical_path", "path_segments"]

_KEPT = ("trace_id", "span_id", "service", "name")


def critical_path(spans: Any) -> Any:
    """The critical path of every trace, as segments that lie end to end.

    A segment is a stretch of time during which one span, and none of its children, kept the
    request from finishing. The segments of a trace cover its root from start to end without gap
    or overlap, so that their durations add up to the root's.

    Parameters
    ----------
    spans
        SPANS with trace_id, span_id, service, name, start and duration; parent_span_id where known.

    Returns
    -------
    frame
        A row a segment, by trace in the order of their roots in the frame, then by time: ``trace_id``,
        ``span_id``, ``service``, ``name``, ``start`` (ns, UTC), ``duration`` (ns), ``depth`` (0 for
        the root). Segments without length are left out.

    Raises
    ------
    FrameError
        A needed column is missing.

    Notes
    -----
    After the last-finishing-child method of CRISP (Zhang, Ramanathan, Raj, Parwal, Sherwood and
    Chabbi, "CRISP: Critical Path Analysis of Large-Scale Microservice Architectures", USENIX ATC
    2022): walk back from the end of the root; the child that finished last is what it waited
    for; go on in that child, then from its start with the child that finished last before that.

    - A child that outlives its parent, or began before it, is cut to the parent.
    - A trace with several parentless spans (orphans among them) is followed from the longest.
    - Damaged durations, duplicates and cycles are dealt with as in `self_time`.
    """
    frame = to_polars(
        spans,
        SPANS,
        needs=("trace_id", "span_id", "service", "name", "start", "duration"),
        what="critical_path",
    )
    tree = grow(frame)
    span, start, length, depth = path_segments(tree)
    segments = frame.select(_KEPT)[tree.rows[span]].with_columns(
        pl.Series("start", start).cast(pl.Datetime("ns", "UTC")),
        pl.Series("duration", length).cast(pl.Duration("ns")),
        pl.Series("depth", depth, dtype=pl.Int32),
    )
    return like(segments, spans)


def path_segments(tree: Tree) -> tuple[Ints, Ints, Ints, Ints]:
    """Span, start, length (ns) and depth of every segment, by trace and time."""
    start, end = clip_to_parents(tree)
    last, before = _last_finishing(tree.parent, start, end)
    level = _main_roots(tree)
    trace = np.arange(len(level))
    pieces, deep = [np.empty((5, 0), dtype=np.int64)], 0
    while len(level):
        span, of, until, child = level, trace, end[level], last[level]
        below, below_of = [], []
        while len(span):
            more = child >= 0
            begin = np.where(more, end[child], start[span])
            pieces.append(np.stack([span, begin, until - begin, np.full_like(span, deep), of]))
            span, of, child = span[more], of[more], child[more]
            below.append(child)
            below_of.append(of)
            until, child = start[child], before[child]
        level, trace, deep = np.concatenate(below), np.concatenate(below_of), deep + 1
    found = np.concatenate(pieces, axis=1)
    found = found[:, found[2] > 0]
    by = np.lexsort((found[1], found[4]))
    owner, begin, length, depth, _ = found[:, by]
    return owner, begin, length, depth


def _last_finishing(parent: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """For each span its child that finished last; for each child the sibling to go on with.

    That sibling is the last to finish before the child began. Sorting the ends and the starts of
    all children together, by parent and time, counts for every start the ends before it.
    """
    last = np.full(len(parent), -1, dtype=np.int64)
    before = np.full(len(parent), -1, dtype=np.int64)
    child = np.flatnonzero((parent >= 0) & (end > start))
    if not len(child):
        return last, before
    child = child[order_by(parent[child], end[child])]
    above, many = parent[child], len(child)
    moments = order_by(np.tile(above, 2), np.concatenate([end[child], start[child]]))
    is_end = moments < many
    ended = np.cumsum(is_end)[~is_end] - 1
    begins = np.flatnonzero(np.append(True, above[1:] != above[:-1]))
    first = np.repeat(begins, np.diff(np.append(begins, many)))
    asking = moments[~is_end] - many
    found = ended >= first[asking]
    before[child[asking[found]]] = child[ended[found]]
    last[above] = child[np.append(begins[1:], many).repeat(np.diff(np.append(begins, many))) - 1]
    return last, before


def _main_roots(tree: Tree) -> Ints:
    """The longest parentless span of each trace, in the order of the frame."""
    roots = np.flatnonzero(tree.parent < 0)
    longest = roots[np.argsort(-tree.duration[roots], kind="stable")]
    _, first = np.unique(tree.trace[longest], return_index=True)
    return np.sort(longest[first])
