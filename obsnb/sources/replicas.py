"""Highly available pairs of Prometheus servers: what both of them scraped, counted once.

Thanos, Mimir and VictoriaMetrics deduplicate themselves where they are set up to. Where they are not, every
series is there once a replica, told apart by a label that each replica adds to all that it sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from obsnb.query import replicas
from obsnb.schema import SERIES, label_column
from obsnb.sources.wire.prometheus import series_id

__all__ = ["Replicas", "census_query", "folded", "folded_exemplars", "read_census"]

#: Labels that mean nothing else. ``replica`` often does (of a database, say): it is folded only where every
#: target of the server bears it.
_PLAIN = frozenset({"prometheus_replica", "__replica__", "receive_replica"})
_BESIDE = frozenset({"timestamp", "value", "histogram", "series_id", "service", "metric"})


@dataclass(frozen=True)
class Replicas:
    """A label that every target of a server bears, and how many targets each of its values has."""

    label: str
    targets: Mapping[str, int]

    @property
    def fullest(self) -> str:
        """The one with the most targets; of several the first by name."""
        return min(self.targets, key=lambda name: (-self.targets[name], name))

    def one(self, query: str) -> tuple[str, str]:
        """A text that asks for one of them alone, and what there is to say of it."""
        one, others = self.fullest, ", ".join(sorted(set(self.targets) - {self.fullest}))
        said = f"every series is there once a replica ({self.label}): asked of {one} alone, not of {others}"
        return replicas.of_one(query, self.label, one), said


def census_query(labels: Sequence[str]) -> str:
    """A query for the replicas of all targets."""
    return f"count by ({', '.join(labels)}) (up)"


def read_census(frame: pl.DataFrame, labels: Sequence[str]) -> Replicas | None:
    """The label of replicas that an answer to `census_query` shows; None where there is none."""
    for label in labels:
        column = label_column(SERIES, label)
        if column not in frame.columns:
            continue
        counts = frame.group_by(pl.col(column).cast(pl.String)).agg(pl.col("value").sum())
        targets = {name: int(count) for name, count in counts.iter_rows() if name is not None}
        if len(targets) > 1 and len(targets) == counts.height:
            return Replicas(label, targets)
    return None


def folded(
    frame: pl.DataFrame, labels: Sequence[str], known: Replicas | None, *, raw: bool = False
) -> tuple[pl.DataFrame, list[str]]:
    """The series of several replicas as one: the fullest, and what it lacks from the others.

    Parameters
    ----------
    frame
        SERIES, a series after another, each in order of time.
    labels
        Which labels may tell replicas apart.
    known
        The label that all targets of the server bear, or None where that is not known.
    raw
        Whether the samples have times of their own: another replica fills then what is longer than twice the
        usual distance of the fullest one's samples.

    Returns
    -------
    polars.DataFrame
        The same rows, where no label tells replicas apart; else without that label.
    list of str
        What was folded, in words.
    """
    for label, column in _telling(frame, labels, known):
        frame, said = _fold(frame, label, column, raw=raw)
        if said:
            return frame, said
    return frame, []


def folded_exemplars(
    frame: pl.DataFrame, labels: Sequence[str], known: Replicas | None
) -> tuple[pl.DataFrame, list[str]]:
    """EXEMPLARS that several replicas scraped as one, the earliest: one observation has one trace and value.

    Returns
    -------
    polars.DataFrame
        The same rows, where no label tells replicas apart or none has what another has; else without it.
    list of str
        What was left out, in words.
    """
    for label, column in _telling(frame, labels, known):
        alike = [name for name in frame.columns if name not in {"timestamp", column}]
        again = pl.col("trace_id").is_not_null() & ~pl.struct(alike).is_first_distinct()
        once = frame.filter(~again)
        if once.height < frame.height:
            said = f"{frame.height - once.height:,} exemplars of further replicas ({label}) are left out"
            return once.drop(column), [said]
    return frame, []


def _telling(frame: pl.DataFrame, labels: Sequence[str], known: Replicas | None) -> Iterator[tuple[str, str]]:
    """The labels that tell replicas apart in a frame, and their columns."""
    for label in labels:
        column = label_column(SERIES, label)
        if column in frame.columns and (label in _PLAIN or (known is not None and known.label == label)):
            yield label, column


def _fold(frame: pl.DataFrame, label: str, column: str, *, raw: bool) -> tuple[pl.DataFrame, list[str]]:
    rest = [name for name in frame.columns if name not in _BESIDE - {"metric"} and name != column]
    rank = frame.group_by("series_id", maintain_order=True).agg(
        pl.len().alias("points"), pl.col(*rest, column).first()
    )
    rank = rank.with_columns(pl.col(*rest, column).cast(pl.String))
    group = pl.struct(rest)
    twice = rank.filter(pl.col(column).is_not_null() & (pl.col(column).n_unique().over(group) > 1))
    if twice.is_empty():
        return frame, []
    twice = twice.sort(pl.col("points"), column, descending=[True, False]).with_columns(
        group.rank("dense").alias("group"), pl.int_range(pl.len()).over(group).alias("rank")
    )
    first = twice.filter(pl.col("rank") == 0)
    new_ids = {
        row["series_id"]: _id_without(row, rest)
        for row in first.select("series_id", *rest).iter_rows(named=True)
    }
    names = dict(zip(first["group"], map(new_ids.__getitem__, first["series_id"]), strict=True))
    marks = twice.select("series_id", "rank", pl.col("group").replace_strict(names, return_dtype=pl.String))
    rows = frame.join(marks, on="series_id", how="left", maintain_order="left")
    rows = rows.with_columns(
        pl.coalesce("group", "series_id").alias("series_id"),
        pl.when(pl.col("group").is_null()).then(pl.col(column)).alias(column),
        pl.col("rank").fill_null(0),
    )
    place = rows.group_by("series_id", maintain_order=True).agg().with_row_index("place")
    rows = rows.join(place, on="series_id", how="left", maintain_order="left").sort(
        "place", "timestamp", "rank", maintain_order=True
    )
    kept = (
        _filled(rows) if raw else rows.unique(["series_id", "timestamp"], keep="first", maintain_order=True)
    )
    kept = kept.select(frame.columns)
    if kept[column].null_count() == kept.height:
        kept = kept.drop(column)
    values = ", ".join(twice[column].unique().sort())
    count = twice.height - first.height
    return kept, [
        f"{count:,} series of further replicas ({label}: {values}) were folded into {first.height:,}"
    ]


def _id_without(row: Mapping[str, str | None], rest: Sequence[str]) -> str:
    names = {name.removeprefix("label.") if name.startswith("label.") else name: row[name] for name in rest}
    metric = names.pop("metric") or ""
    return series_id(metric, {name: value for name, value in names.items() if value is not None})


def _filled(rows: pl.DataFrame) -> pl.DataFrame:
    """The fullest one's samples, and others' where it has none for more than twice their usual distance."""
    at = pl.col("timestamp").cast(pl.Int64)
    own = pl.when(pl.col("rank") == 0).then(at)
    usual = own.drop_nulls().diff().median().over("series_id")
    before = own.forward_fill().over("series_id")
    after = own.backward_fill().over("series_id")
    alone = (at - before > usual) & (after - at > usual)
    outside = ((at - before > usual) & after.is_null()) | ((after - at > usual) & before.is_null())
    filling = (pl.col("rank") > 0) & (alone.fill_null(False) | outside.fill_null(False))
    rows = rows.with_columns(before.alias("gap")).filter((pl.col("rank") == 0) | filling)
    # Of several that could fill a gap, the fullest of them does.
    others = pl.when(pl.col("rank") > 0).then(pl.col("rank"))
    rows = rows.filter((pl.col("rank") == 0) | (others == others.min().over("series_id", "gap")))
    return rows.unique(["series_id", "timestamp"], keep="first", maintain_order=True)
