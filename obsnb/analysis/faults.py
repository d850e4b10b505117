"""Sightings of one fault put together, however much each of them knows."""

from __future__ import annotations

import hashlib

import polars as pl

from obsnb.analysis.messages import normalised, short_type
from obsnb.analysis.sightings import RAISED, STATUS

__all__ = ["grouped"]

# What a bundler puts into a file's name: it changes with each build, the fault does not.
_BUILD = r"[.\-](?:[0-9a-f]{4,}|[A-Za-z0-9_]*[0-9][A-Za-z0-9_]{5,})((?:\.chunk|\.min)?\.m?js)"
_SAME_WORDS = 12  # characters that a message must have for a longer one to say the same


def grouped(sightings: pl.DataFrame) -> pl.DataFrame:
    """Sightings with the group that each belongs to.

    What makes a group is the type of the exception (its last part), the culprit, and the normalised
    message; the service stands in for a culprit that is not known. A sighting that knows less joins
    a group that knows more:

    1. an exception without a stack trace joins one of the same type that the same service raised in
       the same request; where there is none, the only one of the service whose message says the same
       or begins so
    2. a status (of a span, an access line) joins an exception that the same service raised in the
       same request: one of the same type, else the nearest in time. Not so a call whose failure was
       followed by work that went well: that was dealt with

    Parameters
    ----------
    sightings
        `obsnb.analysis.sightings.SIGHTINGS` and ``request``.

    Returns
    -------
    polars.DataFrame
        The same rows in order, with ``normal`` (the normalised message) and ``group_id`` (12 hex
        digits, the same in every run).
    """
    rows = _with_identity(sightings).with_row_index("id")
    full = rows.filter((pl.col("rank") == RAISED) & pl.col("culprit").is_not_null())
    bare = rows.filter(pl.col("short").is_not_null() & pl.col("culprit").is_null())
    joined = pl.concat([_in_request(bare.filter(pl.col("rank") == RAISED), full)])
    left = bare.join(joined, on="id", how="anti")
    joined = pl.concat([joined, _by_words(left, full)])
    rows = _moved(rows, joined)
    raised = rows.filter(pl.col("rank") == RAISED)
    statuses = rows.filter(pl.col("rank") == STATUS).join(joined, on="id", how="anti")
    return _moved(rows, _statuses(statuses, raised)).drop("id", "short")


def _with_identity(sightings: pl.DataFrame) -> pl.DataFrame:
    messages = sightings.select("message").unique()
    messages = messages.with_columns(normalised(pl.col("message")).fill_null("").alias("normal"))
    rows = sightings.join(messages, on="message", how="left", nulls_equal=True, maintain_order="left")
    place = pl.coalesce(pl.col("culprit").str.replace(_BUILD, "${1}"), pl.col("service"), pl.lit(""))
    rows = rows.with_columns(short_type(pl.col("type")).alias("short"), place.alias("place"))
    keys = ["short", "place", "normal"]
    distinct = rows.select(keys).unique()
    named = pl.Series("group_id", [_hash(*row) for row in distinct.iter_rows()], dtype=pl.String)
    joined = rows.join(distinct.hstack([named]), on=keys, how="left", nulls_equal=True, maintain_order="left")
    return joined.drop("place")


def _hash(short: str | None, place: str, normal: str) -> str:
    return hashlib.sha256("\0".join((short or "", place, normal)).encode()).hexdigest()[:12]


def _moved(rows: pl.DataFrame, joined: pl.DataFrame) -> pl.DataFrame:
    """The rows, those of ``id`` in the groups they joined."""
    into = rows.join(joined, on="id", how="left", maintain_order="left")
    return into.with_columns(pl.coalesce("into", "group_id").alias("group_id")).drop("into")


def _same(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """How well two normalised messages agree: 2 equal, 1 one begins the other, 0 neither."""
    long = (one.str.len_chars() >= _SAME_WORDS) & (other.str.len_chars() >= _SAME_WORDS)
    begins = one.str.starts_with(other) | other.str.starts_with(one)
    return pl.when(one == other).then(2).when(long & begins).then(1).otherwise(0)


def _in_request(bare: pl.DataFrame, full: pl.DataFrame) -> pl.DataFrame:
    keys = ["request", "service", "short"]
    known = full.group_by(*keys, "group_id", maintain_order=True).agg(
        pl.col("normal").first(), pl.col("time").min()
    )
    pairs = bare.select("id", *keys, "normal").join(known, on=keys, suffix="_full")
    best = pairs.sort(
        "id",
        _same(pl.col("normal"), pl.col("normal_full")),
        "time",
        "group_id",
        descending=[False, True, False, False],
    )
    return best.unique("id", keep="first", maintain_order=True).select("id", pl.col("group_id").alias("into"))


def _by_words(bare: pl.DataFrame, full: pl.DataFrame) -> pl.DataFrame:
    keys = ["service", "short"]
    known = full.select(*keys, "group_id", pl.col("normal").alias("normal_full")).unique()
    pairs = bare.select("id", *keys, "normal").join(known, on=keys)
    pairs = pairs.filter(_same(pl.col("normal"), pl.col("normal_full")) > 0)
    only = pairs.group_by("id").agg(pl.col("group_id").unique())
    return only.filter(pl.col("group_id").list.len() == 1).select(
        "id", pl.col("group_id").list.first().alias("into")
    )


def _statuses(statuses: pl.DataFrame, raised: pl.DataFrame) -> pl.DataFrame:
    keys = ["request", "service"]
    known = raised.group_by(*keys, "short", "group_id").agg(pl.col("time").min())
    pairs = statuses.select("id", *keys, "short", "time", "calls", "handled").join(
        known, on=keys, suffix="_raised"
    )
    alike = (pl.col("short") == pl.col("short_raised")).fill_null(False)
    pairs = pairs.filter(alike | ~(pl.col("calls") & pl.col("handled")))
    apart = (pl.col("time") - pl.col("time_raised")).abs()
    best = pairs.sort("id", alike, apart, "group_id", descending=[False, True, False, False])
    return best.unique("id", keep="first", maintain_order=True).select("id", pl.col("group_id").alias("into"))
