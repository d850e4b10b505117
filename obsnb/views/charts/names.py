"""Of many names a few, and the rest together."""

from __future__ import annotations

import polars as pl

from obsnb.views.theme import DASHES

__all__ = ["MOST_NAMES", "OTHERS", "enveloped", "folded", "parts"]

MOST_NAMES = 6
OTHERS = "all others"
_MOST_TIMES = 1_000  # of an envelope


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


def enveloped(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Timestamp, name and value with no more names than there are looks of a line, and what to say of it.

    Of more, those with the highest values keep their names; of the others only the highest and the lowest
    value at each time is left, so that no extreme is lost. Many times are put into intervals.
    """
    peaks = (
        frame.group_by("name")
        .agg(_finite().max().alias("peak"))
        .sort("peak", "name", descending=[True, False], nulls_last=True)
    )
    if peaks.height <= len(DASHES):
        return frame, []
    named = peaks["name"].head(len(DASHES) - 2)
    known = pl.col("name").is_in(named.implode())
    rest = frame.filter(~known)
    at = pl.col("timestamp")
    if rest["timestamp"].n_unique() > _MOST_TIMES:
        ns = rest["timestamp"].to_physical()
        length = -(-(int(ns.max()) - int(ns.min())) // _MOST_TIMES)  # type: ignore[arg-type]  # integers, not empty
        at = (at.to_physical() // length * length).cast(frame.schema["timestamp"])
    count = f"{peaks.height - named.len():,} others"
    ends = [
        rest.group_by(at.alias("timestamp"))
        .agg(value.alias("value"))
        .with_columns(name=pl.lit(f"{word} of {count}"))
        for word, value in (("highest", _finite().max()), ("lowest", _finite().min()))
    ]
    kept = frame.filter(known).with_columns(pl.col("value").cast(pl.Float64))
    columns = ["timestamp", "name", "value"]
    drawn = pl.concat([one.select(columns) for one in (kept, *ends)])
    return drawn.sort("timestamp"), [
        f"of {peaks.height:,} series, the {named.len()} with the highest values by name"
    ]


def _finite() -> pl.Expr:
    value = pl.col("value").cast(pl.Float64)
    return pl.when(value.is_finite()).then(value)


def parts(frame: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Each name with its rows, the largest sum of ``value`` first, what is left over last."""
    sums = frame.group_by("name").agg(pl.col("value").sum()).sort("value", "name", descending=[True, False])
    names = sorted(sums["name"].to_list(), key=lambda name: name == OTHERS)
    return [(str(name), frame.filter(pl.col("name") == name)) for name in names]
