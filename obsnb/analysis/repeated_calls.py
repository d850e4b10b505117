"""Calls that a span makes many more of than its like did: each as fast as ever, and slow together."""

from __future__ import annotations

import polars as pl

__all__ = ["as_repeated"]

_KNOWN = 5  # spans of the baseline that made such calls, from which on it is known how many are usual
_TIMES = 3  # a retry makes two or three of one


def as_repeated(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of spans, with the calls that are surplus put down to who makes them.

    A statement in a loop (N + 1) takes no longer than it did, so that nothing is seen where each call is
    compared with its like. A span that makes more than three times as many calls of a path as any of the
    baseline did has that many too many. Their time is the caller's, in a place of their own that the
    baseline does not have. Calls that failed are left alone: they are made again for that.

    Parameters
    ----------
    rows
        With ``row``, ``parent``, ``path``, ``start``, ``length``, ``during``, ``failed``, ``place``,
        ``node``, ``caller``, ``remote``, ``time``.
    """
    made = rows.filter(pl.col("caller").is_not_null() & (pl.col("parent") >= 0) & ~pl.col("failed"))
    many = made.group_by("parent", "path", "during").len("many")
    usual = many.filter(~pl.col("during")).group_by("path").agg(pl.col("many").max().alias("most"), pl.len())
    grown = (
        many.filter("during")
        .join(usual.filter(pl.col("len") >= _KNOWN), on="path")
        .filter(pl.col("many") > _TIMES * pl.col("most"))
        .select("parent", "path", "most")
    )
    if grown.is_empty():
        return rows
    surplus = (
        made.filter("during")
        .join(grown, on=["parent", "path"])
        .filter(pl.col("start").rank("ordinal").over("parent", "path") > pl.col("most"))["row"]
    )
    mine = pl.col("row").is_in(surplus.implode())
    said = pl.format("{}'s calls of {}, of which it makes more", "caller", "node")
    return rows.with_columns(
        pl.when(mine).then(said).otherwise("place").alias("place"),
        pl.when(mine).then("caller").otherwise("node").alias("node"),
        pl.when(mine).then(None).otherwise("caller").alias("caller"),
        pl.when(mine).then(False).otherwise("remote").alias("remote"),
        pl.when(mine).then("length").otherwise("time").alias("time"),
    )
