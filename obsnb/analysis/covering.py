"""Which spans ran at a moment, and which of them was the innermost: an interval join on arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.tree import Ints, Tree, levels

__all__ = ["MOST", "innermost", "nesting", "running"]

#: More spans than this at one moment are counted, not named.
MOST = 64


def running(spans: pl.DataFrame, moments: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """The spans that ran during each moment.

    Parameters
    ----------
    spans
        ``key`` (any integer that spans and moments share), ``start`` and ``end`` (Int64, end not before
        start), without nulls.
    moments
        ``key``, ``low`` and ``high`` (Int64, inclusive), without nulls.

    Returns
    -------
    (pairs, counts)
        ``moment`` and ``span`` (rows of the two frames) of every moment with at most `MOST` spans; and for
        every moment how many there were.

    Notes
    -----
    How many ran is how many had begun less how many had ended, two binary searches. To name them, spans are
    sorted into classes of doubling length: those of one class that run at a moment began no longer before
    it than the class's longest, so that no more than about twice as many are looked at as are found, also
    where one span lasts for an hour among milliseconds.
    """
    nothing = pl.DataFrame(schema={"moment": pl.Int64, "span": pl.Int64})
    if spans.is_empty() or moments.is_empty():
        return nothing, pl.Series("count", np.zeros(moments.height, dtype=np.int64))
    key, start, end = (spans[name].to_numpy().astype(np.int64) for name in ("key", "start", "end"))
    wanted, low, high = (moments[name].to_numpy().astype(np.int64) for name in ("key", "low", "high"))
    count = _Sorted(key, start).up_to(wanted, high) - _Sorted(key, end).up_to(wanted, low - 1)
    few = np.flatnonzero((count > 0) & (count <= MOST))
    size = np.ceil(np.log2(np.maximum(end - start, 1))).astype(np.int64)
    found = []
    for one in np.unique(size) if len(few) else ():
        members = np.flatnonzero(size == one)
        begun = _Sorted(key[members], start[members])
        last = begun.up_to(wanted[few], high[few])
        first = np.minimum(begun.up_to(wanted[few], low[few] - (1 << int(one)) - 1), last)
        many = last - first
        places = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
        moment, span = np.repeat(few, many), members[begun.order[places]]
        true = (end[span] >= low[moment]) & (key[span] == wanted[moment])
        found.append((moment[true], span[true]))
    if not found:
        return nothing, pl.Series("count", count)
    pairs = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    return pl.DataFrame({"moment": pairs[0], "span": pairs[1]}), pl.Series("count", count)


class _Sorted:
    """Times by key and time, to be asked how many there are up to a time of a key."""

    def __init__(self, key: Ints, time: Ints) -> None:
        by = pl.DataFrame({"key": key, "time": time}).select(pl.arg_sort_by("key", "time"))
        self.order = by.to_series().to_numpy().astype(np.int64)
        self._times, place = np.unique(time, return_inverse=True)
        self._keys = np.unique(key)
        self._width = len(self._times) + 1
        rank = np.searchsorted(self._keys, key)
        # A key's rank and a time's rank fit into 64 bits together, which keys and times do not.
        self._both = (rank * self._width + place + 1)[self.order]

    def up_to(self, key: Ints, time: Ints) -> Ints:
        """A position in the order: behind the last one of the key that is not later.

        Before the first of a key this is where the key begins, and of a key that is not there where it
        would be, so that differences of two positions of one key are counts.
        """
        rank = np.searchsorted(self._keys, key)
        there = self._keys[np.minimum(rank, len(self._keys) - 1)] == key
        place = np.where(there, np.searchsorted(self._times, time, side="right"), 0)
        return np.searchsorted(self._both, rank * self._width + place, side="right")


def nesting(tree: Tree) -> tuple[Ints, Ints]:
    """Of each span its number and the last number below it, in an order that has parents before children.

    A span lies below another if its number lies between the other's two.
    """
    size = np.ones(len(tree.parent), dtype=np.int64)
    by_level = list(levels(tree.parent)) if len(size) else []
    for level in reversed(by_level[1:]):
        np.add.at(size, tree.parent[level], size[level])
    first = np.zeros(len(size), dtype=np.int64)
    for level in by_level:
        above = tree.parent[level]
        order = np.argsort(above, kind="stable")
        here, above = level[order], above[order]
        before = np.cumsum(size[here]) - size[here]
        begins = np.append(True, above[1:] != above[:-1]) if above[0] >= 0 else _only_first(len(here))
        offset = before - np.repeat(before[begins], np.diff(np.append(np.flatnonzero(begins), len(here))))
        first[here] = np.where(above >= 0, first[np.maximum(above, 0)] + 1, 0) + offset
    return first, first + size - 1


def _only_first(many: int) -> npt.NDArray[np.bool_]:
    first = np.zeros(many, dtype=bool)
    first[:1] = True
    return first


def innermost(pairs: pl.DataFrame, first: Ints, last: Ints) -> pl.DataFrame:
    """The pairs of a moment and a span (as `running` gives them) whose span holds no other of that moment."""
    span = pairs["span"].to_numpy()
    numbered = pairs.with_columns(pl.Series("first", first[span]), pl.Series("last", last[span]))
    ordered = numbered.sort("moment", "first")
    holds = (pl.col("first").shift(-1) <= pl.col("last")) & (pl.col("moment").shift(-1) == pl.col("moment"))
    return ordered.filter(~holds.fill_null(False)).select(pairs.columns)
