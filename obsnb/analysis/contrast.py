"""What sets a selection of rows apart from the rest: over-represented values, shifted numbers."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.contrast_columns import Columns, read_columns, read_series
from obsnb.analysis.log_levels import spelt
from obsnb.analysis.two_samples import compare_ranks, compare_shares, discovery_rates
from obsnb.errors import FrameError
from obsnb.schema import LOGS, SERIES, SPANS, Schema

__all__ = ["contrast"]

_ANY = Schema("rows", ())
_IDS = (["row_id"], ["trace_id", "span_id"], ["series_id", "timestamp"])
_COLUMNS: dict[str, Any] = {
    "rank": pl.Int64,
    "kind": pl.String,
    "column": pl.String,
    "value": pl.String,
    "direction": pl.String,
    "count": pl.Int64,
    "of": pl.Int64,
    "share": pl.Float64,
    "baseline_count": pl.Int64,
    "baseline_of": pl.Int64,
    "baseline_share": pl.Float64,
    "lift": pl.Float64,
    "median": pl.Float64,
    "baseline_median": pl.Float64,
    "effect": pl.Float64,
    "effect_low": pl.Float64,
    "effect_high": pl.Float64,
    "test": pl.String,
    "p_value": pl.Float64,
    "q_value": pl.Float64,
    "same_as": pl.List(pl.String),
    "note": pl.String,
}


def contrast(selection: Any, baseline: Any, *, alpha: float = 0.05, max_values: int = 1000) -> Any:
    """Which values of which columns are over-represented in a selection, and which numbers shifted.

    Parameters
    ----------
    selection, baseline
        LOGS, SPANS, SERIES, or any two frames with columns in common. What the frames mean is up to
        who chooses them: failed spans against the others, the incident against the time before it. A
        row that is there twice (by ``row_id``, by trace and span, or by series and time) counts once,
        and as selected where both have it.
    alpha
        How large a part of the findings may be there by chance (Benjamini and Hochberg's false
        discovery rate, over all tests of the call). 1 gives every test that was made.
    max_values
        A column with more different values is set aside as an id.

    Returns
    -------
    frame
        A row a finding, the largest sure effect first, then a row for each column that was set aside.

        - ``rank``: from 1; null for what was set aside
        - ``kind``: ``value`` (a value is over-represented), ``number`` (a number shifted),
          ``set aside`` (not compared; `note` says why)
        - ``column``: label, attribute, ``pattern`` (of the lines), ...; for numbers of SERIES the
          metric with its labels
        - ``value``: of a `value`, else null
        - ``direction``: ``over`` for a value (what became rarer is found with the arguments swapped);
          ``up`` or ``down`` for a number
        - ``count``, ``of``, ``share``: rows of the selection that have it, all its rows, and the ratio;
          of SERIES, series instead of samples. For a number: its samples, twice, and null
        - ``baseline_count``, ``baseline_of``, ``baseline_share``: the same of the baseline
        - ``lift``: ``share / baseline_share``; infinite where the baseline has none; null for a number
        - ``median``, ``baseline_median``: of a number (durations in seconds, counters of SERIES as rates
          a second); null for a value
        - ``effect``: -1 to 1. Of a value the difference of the shares, of a number Cliff's delta (how
          much likelier a selected one is above one of the baseline than below it), which is the
          same measure: the delta of a column of zeros and ones is the difference of its shares
        - ``effect_low``, ``effect_high``: its 95 % interval (Newcombe 1998; Feng and Cliff 2004)
        - ``test``: ``Fisher`` (exact, where a count below 10 is expected), ``z test``, ``Mann-Whitney``
        - ``p_value``: two-sided; ``q_value``: adjusted by Benjamini and Hochberg's procedure
        - ``same_as`` (list of text): ``column=value`` (of numbers ``column``) of what selects the very
          same rows, or orders them the same way; folded into this row
        - ``note``: for what was set aside, why; else null

    Raises
    ------
    FrameError
        One of the two is no frame, or they hold columns of one name and types that do not go together.

    Notes
    -----
    - Lists ``attributes`` and ``resource`` of spans are expanded; a key with a column of its own is
      compared once. Lines are compared by their patterns (`obsnb.mine_patterns`), times not at all.
    - Whole numbers of at most twenty different values (status codes) are compared as values; so are
      floats that are whole, for pandas has no other type for whole numbers of which some are missing.
    - A null is no value, and counts in ``of``. A column that only one frame has is set aside.
    - The tests take rows as independent. Lines of one request and samples of one series are not, so
      p-values are optimistic there; effects and their order are not concerned.
    - An over-represented value is a lead. It says what the selected rows have in common, not why.

    Examples
    --------
    >>> import obsnb, polars as pl
    >>> failed = pl.DataFrame({"pod": ["a"] * 9 + ["b"], "version": ["2"] * 9 + ["1"]})
    >>> others = pl.DataFrame({"pod": ["a"] + ["b"] * 9, "version": ["2"] + ["1"] * 9})
    >>> obsnb.contrast(failed, others).select("column", "value", "lift", "same_as").rows()
    [('pod', 'a', 9.0, ['version=2'])]
    """
    chosen, rest = (_frame(one, name) for one, name in ((selection, "selection"), (baseline, "baseline")))
    chosen, rest = _once(chosen), _once(_without(rest, chosen))
    series = all({"timestamp", "metric", "value"} <= set(one.columns) for one in (chosen, rest))
    read = read_series if series else read_columns
    try:
        columns = read(chosen, rest, max_values=max_values)
    except (pl.exceptions.SchemaError, pl.exceptions.InvalidOperationError) as error:
        raise FrameError(
            f"contrast cannot put the two frames together: {str(error).splitlines()[0]}",
            hint="Cast the column to one type in both, or leave it out.",
        ) from None
    return like(_table(columns, alpha), selection)


def _frame(data: Any, name: str) -> pl.DataFrame:
    what = f"contrast (its {name})"
    have = set(to_polars(data, _ANY, needs=(), what=what).columns)
    schema = _ANY
    if {"metric", "value", "timestamp"} <= have:
        schema = SERIES
    elif {"trace_id", "span_id", "start"} <= have:
        schema = SPANS
    elif {"timestamp", "line"} <= have:
        schema = LOGS
    frame = to_polars(data, schema, needs=(), what=what)
    return frame.with_columns(spelt(frame["level"])) if schema is LOGS and "level" in have else frame


def _without(rest: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    for ids in _IDS:
        if all(one in rest.columns and one in chosen.columns for one in ids):
            return rest.join(chosen.select(ids).unique(), on=ids, how="anti", maintain_order="left")
    return rest


def _once(frame: pl.DataFrame) -> pl.DataFrame:
    """Each row once, by its ids; rows without them are as many as there are."""
    for ids in _IDS:
        if all(one in frame.columns for one in ids):
            unknown = pl.any_horizontal(pl.col(ids).is_null())
            return frame.filter(unknown | pl.struct(ids).is_first_distinct())
    return frame


def _table(columns: Columns, alpha: float) -> pl.DataFrame:
    tested = pl.concat([_values(columns), _numbers(columns)], how="diagonal_relaxed")
    place = pl.DataFrame(
        {"column": columns.order, "place": range(len(columns.order))},
        schema_overrides={"column": pl.String, "place": pl.Int64},
    )
    tested = tested.join(place, on="column", how="left").sort("place", "value", nulls_last=True)
    tested = _folded(tested)
    tested = tested.with_columns(pl.Series("q_value", discovery_rates(tested["p_value"].to_numpy())))
    kept = tested.filter((pl.col("q_value") <= alpha) & (pl.col("direction").is_not_null() | (alpha >= 1)))
    sure = pl.max_horizontal("effect_low", -pl.col("effect_high"), 0.0)
    kept = kept.sort([sure, pl.col("effect").abs(), -pl.col("place")], descending=True, maintain_order=True)
    kept = kept.with_columns(pl.int_range(1, pl.len() + 1).alias("rank"))
    aside = pl.DataFrame(
        {"kind": "set aside", "column": name, "note": why} for name, why in sorted(columns.aside.items())
    )
    shaped = [_shaped(kept), *([_shaped(aside)] if aside.height else [])]
    return pl.concat(shaped)


def _shaped(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in _COLUMNS.items()
    )


def _values(columns: Columns) -> pl.DataFrame:
    counts, of, of_before = columns.counts, columns.of, columns.of_before
    compared = compare_shares(
        counts["hits"].to_numpy(), of, counts["hits_before"].to_numpy(), of_before
    ).rename({"low": "effect_low", "high": "effect_high"})
    share = pl.col("count") / of if of else pl.lit(None, pl.Float64)
    share_before = pl.col("baseline_count") / of_before if of_before else pl.lit(None, pl.Float64)
    return (
        pl.concat([counts, compared], how="horizontal")
        .rename({"hits": "count", "hits_before": "baseline_count", "rows": "same"})
        .with_columns(
            pl.lit("value").alias("kind"),
            pl.lit(of, pl.Int64).alias("of"),
            pl.lit(of_before, pl.Int64).alias("baseline_of"),
            share.alias("share"),
            share_before.alias("baseline_share"),
            pl.when(pl.col("effect") > 0).then(pl.lit("over")).alias("direction"),
        )
        .with_columns((pl.col("share") / pl.col("baseline_share")).fill_nan(None).alias("lift"))
    )


def _numbers(columns: Columns) -> pl.DataFrame:
    samples = columns.samples
    compared = compare_ranks(samples).rename({"low": "effect_low", "high": "effect_high", "key": "column"})
    same = samples.group_by(pl.col("key").cast(pl.Categorical)).agg(
        (pl.col("row") * pl.col("value").rank("dense").cast(pl.UInt64)).sum().alias("same")
    )
    same = same.with_columns(pl.col("key").cast(pl.String))
    effect = pl.col("effect")
    return compared.join(same, left_on="column", right_on="key", how="left").with_columns(
        pl.lit("number").alias("kind"),
        pl.lit(None, pl.String).alias("value"),
        pl.col("count").alias("of"),
        pl.col("baseline_count").alias("baseline_of"),
        pl.when(effect > 0).then(pl.lit("up")).when(effect < 0).then(pl.lit("down")).alias("direction"),
    )


def _folded(tested: pl.DataFrame) -> pl.DataFrame:
    """Of the rows that select the same rows, the first, which names the others."""
    called = pl.concat_str("column", "value", separator="=", ignore_nulls=True)
    keys = ["kind", "same", "count", "baseline_count"]
    folded = tested.with_columns(called.alias("called")).group_by(keys, maintain_order=True)
    first = [pl.col(name).first() for name in tested.columns if name not in keys]
    return folded.agg(*first, pl.col("called").slice(1).alias("same_as"))
