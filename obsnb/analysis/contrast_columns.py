"""What two samples' rows say, value by value: the counts and the numbers that a contrast tests."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from obsnb.analysis.changes import as_levels, series_key
from obsnb.analysis.patterns import mine_patterns

__all__ = ["Columns", "read_columns", "read_series"]

#: Whole numbers with at most this many different ones are names (a status code), not amounts.
_CODES = 20
_WHOLE = 2.0**53  # a float holds every whole number up to here
_LISTS = ("attributes", "resource")
_NUMBERS = ("int", "double", "float", "intValue", "doubleValue")
_COUNTS = {
    "column": pl.String,
    "value": pl.String,
    "hits": pl.Int64,
    "hits_before": pl.Int64,
    "rows": pl.UInt64,
}
_SAMPLES = {"key": pl.String, "value": pl.Float64, "selected": pl.Boolean, "row": pl.UInt64}


@dataclass(frozen=True)
class Columns:
    """The columns of two samples, told apart by what can be asked of them.

    Attributes
    ----------
    of, of_before
        Rows of the selection and of the baseline.
    counts
        ``column``, ``value``, ``hits`` and ``hits_before`` (rows of either that have it) and ``rows``,
        a number that is the same only for the same rows.
    samples
        ``key`` (the column), ``value``, ``selected`` and ``row`` (a number a row).
    aside
        Columns that are not compared, each with why.
    order
        Every column, those that come first being the ones that stand for others.
    """

    of: int
    of_before: int
    counts: pl.DataFrame
    samples: pl.DataFrame
    aside: dict[str, str]
    order: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Columns({len(self.order)} columns of {self.of} and {self.of_before} rows)"


def read_columns(selection: pl.DataFrame, baseline: pl.DataFrame, *, max_values: int) -> Columns:
    """The columns of two samples of log lines, spans or other rows."""
    both, aside = _together(selection, baseline)
    texts, numbers = [], []
    order = []
    for name, kind in both.schema.items():
        if name.startswith("\0") or (kind.is_temporal() and kind != pl.Duration):
            continue
        if isinstance(kind, pl.Duration):
            numbers.append(_amounts(both, name, pl.col(name).dt.total_nanoseconds() / 1e9))
        elif kind.is_numeric() and not _are_codes(both[name]):
            numbers.append(_amounts(both, name, pl.col(name).cast(pl.Float64)))
        elif kind in (pl.String, pl.Boolean) or kind.is_numeric():
            whole = pl.col(name).fill_nan(None).cast(pl.Int64) if kind.is_float() else pl.col(name)
            said = whole.cast(pl.String)
            values = both.select("\0row", "\0selected", said.alias("value"))
            texts.append(_counted(values.drop_nulls("value"), name, aside, max_values))
        else:
            continue
        order.append(name)
    for name in _LISTS:
        taken = set(order) | set(aside)
        for key, amounts, values in _from_list(both, name, taken):
            if amounts:
                numbers.append(_amounts(values, key, pl.col("value").cast(pl.Float64, strict=False)))
            else:
                texts.append(_counted(values, key, aside, max_values))
            order.append(key)
    return Columns(
        of=selection.height,
        of_before=baseline.height,
        counts=pl.concat([pl.DataFrame(schema=_COUNTS), *texts]),
        samples=pl.concat([pl.DataFrame(schema=_SAMPLES), *numbers]),
        aside=aside,
        order=tuple(order),
    )


def _together(selection: pl.DataFrame, baseline: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    both = pl.concat(
        [
            selection.with_columns(pl.lit(True).alias("\0selected")),
            baseline.with_columns(pl.lit(False).alias("\0selected")),
        ],
        how="diagonal_relaxed",
    ).with_columns(pl.int_range(pl.len()).hash(7).alias("\0row"))
    aside = {}
    if selection.height and baseline.height:
        for name in both.columns:
            if name.startswith("\0") or (name in selection.columns and name in baseline.columns):
                continue
            aside[name] = f"only the {'selection' if name in selection.columns else 'baseline'} has it"
    both = both.drop(aside)
    if "line" in both.columns and "pattern" not in both.columns:
        both = both.with_columns(mine_patterns(both["line"])["pattern"].alias("pattern")).drop("line")
        aside["line"] = "compared by its pattern"
    return both, aside


def _are_codes(values: pl.Series) -> bool:
    if values.dtype.is_float():
        whole = values.fill_nan(None).drop_nulls()
        if not ((whole == whole.floor()) & (whole.abs() <= _WHOLE)).all():
            return False
    elif not values.dtype.is_integer():
        return False
    return values.n_unique() <= _CODES


def _amounts(rows: pl.DataFrame, name: str, value: pl.Expr) -> pl.DataFrame:
    return rows.select(
        pl.lit(name).alias("key"),
        value.alias("value"),
        pl.col("\0selected").alias("selected"),
        pl.col("\0row").alias("row"),
    ).filter(pl.col("value").is_finite())


def _counted(values: pl.DataFrame, name: str, aside: dict[str, str], max_values: int) -> pl.DataFrame:
    """The counts of a column's values; none, and a reason, where they are ids."""
    many = values["value"].n_unique()
    if many > max_values or (many > _CODES and 2 * many > values.height):
        aside[name] = f"{many:,} different values in {values.height:,} rows: an id, or free text"
        return pl.DataFrame(schema=_COUNTS)
    return (
        values.group_by("value")
        .agg(
            pl.col("\0selected").sum().cast(pl.Int64).alias("hits"),
            (~pl.col("\0selected")).sum().cast(pl.Int64).alias("hits_before"),
            pl.col("\0row").sum().alias("rows"),  # wraps around, as a hash may
        )
        .select(pl.lit(name).alias("column"), *list(_COUNTS)[1:])
    )


def _from_list(both: pl.DataFrame, name: str, taken: set[str]) -> list[tuple[str, bool, pl.DataFrame]]:
    """Each key of a list that has no column of its own, whether it is an amount, and its values."""
    kind = both.schema.get(name)
    if not isinstance(kind, pl.List) or not isinstance(kind.inner, pl.Struct):
        return []
    fields = {field.name for field in kind.inner.fields}
    if not {"key", "value"} <= fields:
        return []
    entry = pl.col(name).struct
    typed = entry.field("type") if "type" in fields else pl.lit(None, pl.String)
    entries = (
        both.select("\0row", "\0selected", name)
        .filter(pl.col(name).list.len() > 0)
        .explode(name)
        .select(
            "\0row",
            "\0selected",
            entry.field("key").cast(pl.Categorical).alias("key"),
            typed.cast(pl.Categorical).alias("type"),
            entry.field("value").alias("value"),
        )
        .filter(pl.col("value").is_not_null() & ~pl.col("key").cast(pl.String).is_in(list(taken)))
    )
    found = []
    parts = entries.partition_by("key", as_dict=True, include_key=False)
    for (key,), part in sorted(parts.items(), key=lambda item: str(item[0][0])):
        values = part.unique("\0row", keep="first", maintain_order=True) if _twice(part) else part
        amounts = values["type"].cast(pl.String).is_in(_NUMBERS).all() and not _few_whole(values["value"])
        found.append((str(key), bool(amounts), values.drop("type")))
    return found


def _twice(part: pl.DataFrame) -> bool:
    return part["\0row"].n_unique() < part.height


def _few_whole(values: pl.Series) -> bool:
    return values.n_unique() <= _CODES and bool(values.str.contains(r"^-?\d+$").all())


def read_series(selection: pl.DataFrame, baseline: pl.DataFrame, *, max_values: int) -> Columns:
    """The columns of two samples of series: labels counted once a series, values within each.

    Counters are compared as rates a second.
    """
    key = series_key(pl.concat([selection, baseline], how="diagonal_relaxed"))
    parts = []
    for frame, selected in ((selection, True), (baseline, False)):
        lacking = [pl.lit(None, pl.String).alias(one) for one in key if one not in frame.columns]
        levels = as_levels(frame.with_columns(lacking), key)
        parts.append(levels.with_columns(pl.lit(selected).alias("selected")))
    levels = pl.concat(parts, how="diagonal_relaxed")
    once = [_once(frame, key) for frame in (selection, baseline)]
    said = _said(pl.concat(once, how="diagonal_relaxed"), key)
    samples = levels.join(said, on=key, how="left", nulls_equal=True).select(
        pl.col("said").alias("key"),
        pl.col("level").alias("value"),
        "selected",
        pl.struct("ns", "selected").hash(7).alias("row"),
    )
    labels = read_columns(*once, max_values=max_values)
    each = tuple(samples["key"].unique().sort())
    return Columns(
        of=labels.of,
        of_before=labels.of_before,
        counts=labels.counts,
        samples=samples,
        aside=labels.aside,
        order=(*labels.order, *each),
    )


def _said(once: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Each series as PromQL writes it; with its id where two are written alike."""
    labels = [name for name in once.columns if name not in ("metric", "service", "series_id")]
    pairs = [pl.format('{}="{}"', pl.lit(name), name) for name in labels]
    inside = pl.concat_str(pairs, separator=", ", ignore_nulls=True) if pairs else pl.lit("")
    series = once.with_columns(pl.col(key).fill_null("")).unique(key, keep="first", maintain_order=True)
    said = series.select(
        *key, pl.concat_str("metric", pl.lit("{"), inside, pl.lit("}"), ignore_nulls=True).alias("said")
    )
    twice = pl.len().over("said") > 1
    full = pl.concat_str("said", *key, separator=" ")
    return said.with_columns(pl.when(twice).then(full).otherwise("said").alias("said"))


def _once(frame: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    there = [name for name in key if name in frame.columns]
    return frame.unique(there, keep="first", maintain_order=True).select(cs.string())
