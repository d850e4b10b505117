"""Of many names a few, and the rest together."""

from __future__ import annotations

import polars as pl

__all__ = ["MOST_NAMES", "OTHERS", "folded", "parts"]

MOST_NAMES = 6
OTHERS = "all others"


def folded(frame: pl.DataFrame, by: str, weight: pl.Expr) -> pl.DataFrame:
    """The frame with ``name``: the column's value where it is one of the six with the most weight.

    `weight` is what is counted of a name's rows, an aggregation.
    """
    name = pl.col(by).cast(pl.String).fill_null("unknown")
    named = frame.with_columns(name=name)
    sums = named.group_by("name").agg(weight.alias("weight")).sort("weight", "name", descending=[True, False])
    if sums.height <= MOST_NAMES:
        return named
    keep = sums["name"].head(MOST_NAMES)
    return named.with_columns(
        name=pl.when(pl.col("name").is_in(keep.implode())).then("name").otherwise(pl.lit(OTHERS))
    )


def parts(frame: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Each name with its rows, the largest sum of ``value`` first, what is left over last."""
    sums = frame.group_by("name").agg(pl.col("value").sum()).sort("value", "name", descending=[True, False])
    names = sorted(sums["name"].to_list(), key=lambda name: name == OTHERS)
    return [(str(name), frame.filter(pl.col("name") == name)) for name in names]
