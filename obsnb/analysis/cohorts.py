"""Two cohorts of traces compared by the path of operations: how often, how long, and how often in vain."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.failures import failures
from obsnb.analysis.tree import Ints, covered_by_children, grow, levels
from obsnb.analysis.two_samples import compare_ranks, compare_shares, discovery_rates
from obsnb.schema import SPANS

__all__ = ["compare_cohorts", "span_paths"]

_IDS = r"'[^']*'|\b[0-9a-fA-F-]{8,}\b|\b\d+\b|\d{4,}"  # what tells two spans of one operation apart
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no step of a path is lost in the product
_NS = pl.Duration("ns")
_MEASURES = ("duration", "self_time", "per_trace", "error_rate")
_SIDES: dict[str, Any] = {
    "traces": pl.Int64,
    "count": pl.Int64,
    "per_trace": pl.Float64,
    "duration": _NS,
    "self_time": _NS,
    "errors": pl.Int64,
    "error_rate": pl.Float64,
}
_COLUMNS: dict[str, Any] = {
    "path": pl.List(pl.String),
    "operation": pl.String,
    "service": pl.String,
    "depth": pl.Int64,
    **_SIDES,
    **{f"baseline_{name}": kind for name, kind in _SIDES.items()},
    **{
        f"{measure}_{part}": pl.Float64
        for measure in _MEASURES
        for part in ("effect", "low", "high", "q_value")
    },
    "changed": pl.List(pl.String),
    "evidence": pl.List(pl.String),
}


def span_paths(spans: pl.DataFrame) -> pl.DataFrame:
    """Each span once, with the path of operations that leads to it.

    Returns
    -------
    polars.DataFrame
        A row a span of the tree: ``row`` (of `spans`), ``seat`` (in the tree), ``path`` (UInt64, the same in
        every frame), ``parent`` (the seat above, or -1), ``depth``, ``trace_id``, ``span_id``,
        ``service``, ``name`` (numbers, ids and quoted text in it as ``?``), ``start``, ``ns``
        (duration) and ``own`` (self time; both Int64, null where it is unknown), ``failed``.
    """
    tree = grow(spans)
    own = tree.duration - covered_by_children(tree) if len(tree.parent) else np.zeros(0, dtype=np.int64)
    chosen = spans[tree.rows]
    timed = pl.col("start").is_not_null() & pl.col("duration").is_not_null()
    facts = chosen.select(
        "trace_id",
        "span_id",
        pl.col("service").cast(pl.String).fill_null("unknown"),
        pl.col("name").fill_null("span").str.replace_all(_IDS, "?"),
        pl.col("start").to_physical().alias("start"),
        pl.when(timed).then(pl.Series(tree.duration)).alias("ns"),
        pl.when(timed).then(pl.Series(own)).alias("own"),
        failures(chosen)["failed"],
    )
    path, depth = _paths(
        facts.select(pl.struct("service", "name").hash(3)).to_series().to_numpy(), tree.parent
    )
    return facts.with_columns(
        pl.Series("row", tree.rows),
        pl.int_range(pl.len()).alias("seat"),
        pl.Series("path", path),
        pl.Series("parent", tree.parent),
        pl.Series("depth", depth),
    )


def _paths(operation: Any, parent: Ints) -> tuple[Any, Ints]:
    path, depth = operation.copy(), np.zeros(len(parent), dtype=np.int64)
    with np.errstate(over="ignore"):
        for number, level in enumerate(levels(parent) if len(parent) else ()):
            depth[level] = number
            if number:
                path[level] = path[parent[level]] * _MIX + operation[level]
    return path, depth


def compare_cohorts(spans: Any, baseline_spans: Any) -> Any:
    """What became slower, more frequent or more faulty between two cohorts of traces, by operation path.

    Parameters
    ----------
    spans, baseline_spans
        SPANS with the ids, service, name, start and duration; whole traces, of the incident and of the time
        before, or of any two groups of requests.

    Returns
    -------
    frame
        A row a path that either cohort has, those that changed first, by how surely they changed.

        - ``path`` (list of text: ``service: name`` from the root down), ``operation`` (its last),
          ``service``, ``depth`` (from 0)
        - ``traces`` (that have it), ``count`` (spans), ``per_trace`` (spans a trace of those that have it),
          ``duration``, ``self_time`` (Duration, medians), ``errors`` (failed spans), ``error_rate``; the same
          of the baseline as ``baseline_traces`` ...
        - for each measure of ``duration``, ``self_time``, ``per_trace`` and ``error_rate``: ``..._effect``,
          its 95 % interval ``..._low`` and ``..._high``, and ``..._q_value`` (Benjamini and Hochberg's, over
          all tests of the call). Cliff's delta with Mann and Whitney's test for the first three, -1 to 1; the
          difference of the rates with Fisher's or the z test for the last. Null where a cohort has
          nothing to compare
        - ``changed`` (list of text): the measures whose q-value is at most 0.05, ``appeared`` or
          ``vanished`` where all of it is new or gone
        - ``evidence`` (up to 3 of ``span:TRACE/SPAN``): the slowest, failed ones first

    Raises
    ------
    FrameError
        A column is missing.

    Notes
    -----
    Spans of one trace are not independent: durations and self times are compared by a trace's mean, so that
    a loop of a hundred calls counts once, and an error rate by the traces in which the path failed. A path
    that a cohort lacks is ``vanished`` or ``appeared`` however few its traces are; see the counts. Numbers,
    ids and quoted text in names do not tell operations apart. Negative durations count as none. Rates are
    those of the traces that were given: where only failed or slow ones were fetched, not the system's.
    """
    needs = ("trace_id", "span_id", "service", "name", "start", "duration")
    frames = [
        span_paths(to_polars(side, SPANS, needs=needs, what="compare_cohorts"))
        for side in (spans, baseline_spans)
    ]
    per_trace = [_per_trace(frame) for frame in frames]
    table = _named(frames)
    for prefix, frame, traces in zip(("", "baseline_"), frames, per_trace, strict=True):
        table = table.join(_side(frame, traces, prefix), on="path", how="left", maintain_order="left")
    zeros = [f"{p}{n}" for p in ("", "baseline_") for n in ("traces", "count", "errors")]
    table = table.with_columns(pl.col(zeros).fill_null(0))
    table = _tested(table, *per_trace).join(_evidence(frames), on="path", how="left")
    return like(_shaped(table), spans)


def _per_trace(frame: pl.DataFrame) -> pl.DataFrame:
    # In order, for sums of the same numbers in another order differ in their last digit.
    return frame.group_by("path", "trace_id", maintain_order=True).agg(
        pl.col("ns").mean().alias("duration"),
        pl.col("own").mean().alias("self_time"),
        pl.len().cast(pl.Float64).alias("per_trace"),
        pl.col("failed").any().alias("failed"),
    )


def _side(frame: pl.DataFrame, traces: pl.DataFrame, prefix: str) -> pl.DataFrame:
    spans = frame.group_by("path").agg(
        pl.len().alias("count"),
        pl.col("ns").median().alias("duration"),
        pl.col("own").median().alias("self_time"),
        pl.col("failed").sum().alias("errors"),
        pl.col("failed").mean().alias("error_rate"),
    )
    of_traces = traces.group_by("path").agg(
        pl.len().alias("traces"),
        pl.col("per_trace").mean(),
        pl.col("failed").sum().cast(pl.Int64).alias("failing"),
    )
    both = of_traces.join(spans, on="path")
    return both.rename({name: f"{prefix}{name}" for name in both.columns if name != "path"})


def _named(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Every path once, with the operations on it."""
    parts = []
    for frame in frames:
        above = frame.select(pl.col("seat").alias("parent"), pl.col("path").alias("above"))
        placed = frame.join(above, on="parent", how="left", maintain_order="left")
        parts.append(placed.unique("path", keep="first", maintain_order=True))
    each = pl.concat(parts).unique("path", keep="first", maintain_order=True)
    called = pl.format("{}: {}", "service", "name")
    names: dict[int, list[str]] = {}
    for path, above, operation in (
        each.sort("depth").select("path", "above", called.alias("operation")).iter_rows()
    ):
        names[path] = [*names.get(above, []), operation]
    paths = pl.Series("names", [names[one] for one in each["path"]], dtype=pl.List(pl.String))
    return each.select("path", paths, called.alias("operation"), "service", "depth")


def _tested(table: pl.DataFrame, here: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    tests = []
    sides = pl.concat([here.with_columns(selected=pl.lit(True)), before.with_columns(selected=pl.lit(False))])
    for measure in _MEASURES[:3]:
        samples = sides.select(
            pl.col("path").cast(pl.String).alias("key"),
            pl.col(measure).cast(pl.Float64).alias("value"),
            "selected",
        ).drop_nulls()
        ranks = compare_ranks(samples).with_columns(pl.col("key").cast(pl.UInt64).alias("path"))
        tests.append(ranks.select("path", "effect", "low", "high", "p_value", measure=pl.lit(measure)))
    for path, hits, of, hits_before, of_before in table.select(
        "path", "failing", "traces", "baseline_failing", "baseline_traces"
    ).iter_rows():
        if of and of_before:
            rate = compare_shares(np.array([hits]), of, np.array([hits_before]), of_before)
            tests.append(
                rate.select(
                    pl.lit(path, pl.UInt64).alias("path"),
                    *("effect", "low", "high", "p_value"),
                    measure=pl.lit("error_rate"),
                )
            )
    every = pl.concat(tests)
    every = every.with_columns(pl.Series("q_value", discovery_rates(every["p_value"].to_numpy())))
    for measure in _MEASURES:
        parts = ("effect", "low", "high", "q_value")
        own = every.filter(pl.col("measure") == measure).select(
            "path", *(pl.col(part).alias(f"{measure}_{part}") for part in parts)
        )
        table = table.join(own, on="path", how="left", maintain_order="left")
    return table


def _evidence(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """The slowest spans of each path, failed ones first; of the baseline where only it has the path."""
    first = frames[0]
    rest = frames[1].join(first.select("path").unique(), on="path", how="anti")
    ordered = pl.concat([first, rest]).sort(
        "failed", "ns", "trace_id", descending=[True, True, False], nulls_last=True
    )
    full = pl.format("span:{}/{}", "trace_id", "span_id").alias("evidence")
    return ordered.group_by("path", maintain_order=True).agg(full.head(3))


def _shaped(table: pl.DataFrame) -> pl.DataFrame:
    tests = [pl.col(f"{measure}_q_value") for measure in _MEASURES]
    words = [pl.when(pl.col(f"{measure}_q_value") <= 0.05).then(pl.lit(measure)) for measure in _MEASURES]
    presence = [
        pl.when((pl.col("baseline_traces") == 0) & (pl.col("baseline_traces").sum() > 0)).then(
            pl.lit("appeared")
        ),
        pl.when((pl.col("traces") == 0) & (pl.col("traces").sum() > 0)).then(pl.lit("vanished")),
    ]
    lengths = [f"{p}{n}" for p in ("", "baseline_") for n in ("duration", "self_time")]
    table = table.with_columns(
        pl.concat_list(*words, *presence).list.drop_nulls().alias("changed"),
        pl.col(lengths).round().cast(pl.Int64).cast(_NS),
    )
    # What it takes longer to do itself comes before those that wait for it, at the same certainty.
    sure = pl.max_horizontal(
        *(pl.max_horizontal(f"{m}_low", -pl.col(f"{m}_high"), 0.0).fill_null(0.0) for m in _MEASURES)
    )
    exclusive = pl.max_horizontal("self_time_low", "error_rate_low", 0.0).fill_null(0.0)
    ordered = table.sort(
        pl.col("changed").list.len() > 0,
        exclusive,
        sure,
        pl.min_horizontal(tests).fill_null(1.0),
        pl.col("traces") + pl.col("baseline_traces"),
        pl.col("names").list.join("\0"),
        descending=[True, True, True, False, True, False],
    )
    return ordered.with_columns(pl.col("names").alias("path")).select(
        pl.col(name).cast(kind) for name, kind in _COLUMNS.items()
    )
