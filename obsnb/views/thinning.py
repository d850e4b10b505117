"""Fewer points of a long series, never without its extremes."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from obsnb.views.formats import duration

__all__ = ["Thinned", "thinned"]

#: Points a stretch of the axis keeps: its first, lowest, highest and last.
_KEPT = 4


@dataclass(frozen=True)
class Thinned:
    """What is left of a series.

    Attributes
    ----------
    points
        Rows of the frame that was given, in order of time.
    of
        How many rows it had.
    width_ns
        How long a stretch is that keeps at most four rows; 0 where every row was kept.
    """

    points: pl.DataFrame
    of: int
    width_ns: int

    @property
    def note(self) -> str:
        """What was done, as a figure says it; empty where nothing was."""
        if not self.width_ns:
            return ""
        return (
            f"{self.points.height:,} of {self.of:,} points: "
            f"the first, lowest, highest and last of every {duration(self.width_ns)}"
        )


def thinned(points: pl.DataFrame, *, most: int) -> Thinned:
    """At most so many rows of a frame, those that a drawing of it needs.

    The time that the frame covers is cut into equal stretches. Of each, the first, the lowest, the
    highest and the last row are kept (M4, [1]_), so that no spike and no dip is lost, and a line drawn in
    as many columns of pixels as there are stretches is the same as that of all rows.

    Parameters
    ----------
    points
        ``timestamp`` (Datetime) and ``value`` (Float64, null where the line has a gap), in any order.
    most
        How many rows may be left; at least four.

    Returns
    -------
    Thinned

    References
    ----------
    .. [1] Jugel, Jerzak, Hackenbroich, Markl: M4, a visualization-oriented time series data aggregation.
       VLDB 2014.
    """
    points = points.sort("timestamp", maintain_order=True)
    if points.height <= most:
        return Thinned(points, points.height, 0)
    at = points["timestamp"].cast(pl.Datetime("ns", "UTC")).to_physical()
    first, last = int(at[0]), int(at[-1])
    width = (last - first) // (most // _KEPT) + 1
    value, row = pl.col("value").fill_nan(None), pl.col("row")
    extremes = (
        points.select(((at - first) // width).alias("stretch"), "value")
        .with_row_index("row")
        .group_by("stretch")
        .agg(
            row.first().alias("first"),
            row.get(value.arg_min(), null_on_oob=True).alias("lowest"),
            row.get(value.arg_max(), null_on_oob=True).alias("highest"),
            row.last().alias("last"),
        )
    )
    rows = pl.concat([extremes[name] for name in ("first", "lowest", "highest", "last")])
    return Thinned(points[rows.drop_nulls().unique().sort()], points.height, width)
