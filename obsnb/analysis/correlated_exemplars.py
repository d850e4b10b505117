"""From spans by way of exemplars to series, and back."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.correlated_lines import correlate_logs
from obsnb.analysis.service_names import service_names
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import EXEMPLARS, LOGS, SERIES, SPANS, dtype

__all__ = ["correlate_exemplars"]

_PARTS = r"_(?:bucket|count|sum|total|created)$"
_NO_LABELS = ("le", "quantile")  # which part of a histogram it is, not whose
_SPAN = ("by", "sure", "candidates", "trace_id", "span_id", "span_service", "span_name", "span_start")
_COLUMNS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "metric": pl.String,
    "value": pl.Float64,
    "service": pl.String,
    "by": pl.String,
    "sure": pl.String,
    "candidates": pl.Int64,
    "trace_id": pl.String,
    "span_id": pl.String,
    "span_service": pl.String,
    "span_name": pl.String,
    "span_start": dtype("time"),
    "span_duration": dtype("duration"),
    "evidence": pl.String,
    "series_ids": pl.List(pl.String),
}


def correlate_exemplars(
    exemplars: Any, spans: Any = None, series: Any = None, *, conventions: Conventions = DEFAULT
) -> Any:
    """The span that each exemplar was observed in, and the series that it belongs to.

    Parameters
    ----------
    exemplars
        EXEMPLARS with timestamp, metric and trace_id; its other columns are the labels of its series.
    spans
        SPANS; without, no span is looked for.
    series
        SERIES; without, no series is.

    Returns
    -------
    frame
        A row an exemplar, in their order: ``timestamp``, ``metric``, ``value``; ``service`` (of its series,
        else by its labels); ``by`` (``trace_id`` or null), ``sure``, ``candidates``, ``trace_id``,
        ``span_id``, ``span_service``, ``span_name``, ``span_start``, ``span_duration`` and ``evidence`` as
        `correlate_logs` has them; ``series_ids`` (list of text): the series of the same metric none of
        whose labels says otherwise, those that say most first.

    Raises
    ------
    FrameError
        One of them is no frame, or lacks a column.

    Notes
    -----
    A histogram's ``_bucket``, ``_count`` and ``_sum`` are one metric, and an exemplar of one bucket belongs
    to the series of all of them; so it does to a sum over labels, and to an expression that names the
    metric. A series without any label in common with the exemplar belongs to it only by the metric.
    An exemplar whose trace was not kept has no span.
    """
    frame = EXEMPLARS.conform(
        to_polars(exemplars, EXEMPLARS, needs=("timestamp", "metric", "trace_id"), what="correlate_exemplars")
    )
    frame = frame.with_columns(pl.col("metric").cast(pl.String)).with_row_index("exemplar")
    linked = _series_of(frame, series)
    frame = frame.join(linked, on="exemplar", how="left", maintain_order="left")
    own = [name for name in conventions.service_labels if name in frame.columns]
    frame = frame.with_columns(pl.coalesce("series_service", *own).replace("", None).alias("service"))
    found = _spans_of(frame, spans, conventions)
    whole = pl.concat([frame.drop("trace_id", "span_id"), found], how="horizontal")
    result = whole.with_columns(pl.col("series_ids").fill_null([]))
    shaped = result.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())
    return like(shaped, exemplars, same_rows=True)


def _spans_of(frame: pl.DataFrame, spans: Any, conventions: Conventions) -> pl.DataFrame:
    names = [*_SPAN, "span_duration", "evidence"]
    tree = SPANS.empty() if spans is None else spans
    # An exemplar is a line that names its trace; one that does not is nobody's, whatever ran then.
    traced = pl.col("trace_id").is_not_null() & (pl.col("trace_id") != "")
    lines = LOGS.conform(
        frame.select(
            "timestamp",
            pl.when(traced).then("service").alias("service"),
            pl.col("metric").alias("line"),
            "trace_id",
            "span_id",
            pl.lit("exemplar").alias("parsed.format"),
        )
    )
    if lines.height and spans is not None:
        column = to_polars(
            spans, SPANS, needs=("trace_id", "span_id", "service"), what="correlate_exemplars"
        )["service"]
        known = service_names(column, conventions=conventions)
        there = known.services(lines["service"])
        # A label that no span's service goes by, such as a job that scrapes many, does not say whose it is.
        lines = lines.with_columns(there.set(~there.is_in(column.unique().implode()), None).alias("service"))
    told: pl.DataFrame = correlate_logs(lines, tree, conventions=conventions)
    return told.select(names)


def _series_of(frame: pl.DataFrame, series: Any) -> pl.DataFrame:
    """The series of each exemplar: ``exemplar``, ``series_ids``, ``series_service``."""
    nothing = pl.DataFrame(
        schema={
            "exemplar": pl.UInt32,
            "series_ids": pl.List(pl.String),
            "series_service": pl.String,
        }
    )
    if series is None or frame.is_empty():
        return nothing
    samples = to_polars(series, SERIES, needs=("metric", "series_id"), what="correlate_exemplars")
    labels = [
        name
        for name, kind in samples.schema.items()
        if name not in (*SERIES.names, *SERIES.further, *_NO_LABELS) and kind == pl.String
    ]
    shared = [name for name in labels if name in frame.columns and name not in EXEMPLARS.names]
    alien = [name for name in labels if name not in shared]
    named = SERIES.conform(samples).select("series_id", "metric", "service", *labels)
    known = named.unique("series_id", keep="first", maintain_order=True)
    known = known.filter(pl.all_horizontal(pl.lit(True), *(pl.col(name).is_null() for name in alien)))
    wanted = frame.select("exemplar", "metric", *(pl.col(name).cast(pl.String) for name in shared))
    # Exemplars of one series are compared once.
    keys = ["metric", *shared]
    distinct = wanted.select(keys).unique(maintain_order=True).with_row_index("kind")
    pairs = _of_metric(distinct.select("kind", "metric"), known.select("series_id", "metric"))
    told = [f"{name} of series" for name in shared]
    both = pairs.join(distinct.drop("metric"), on="kind").join(
        known.drop("metric", *alien).rename(dict(zip(shared, told, strict=True))), on="series_id"
    )
    agree = [
        pl.col(theirs).is_null() | pl.col(theirs).eq_missing(pl.col(name))
        for name, theirs in zip(shared, told, strict=True)
    ]
    says = pl.sum_horizontal(pl.lit(0), *(pl.col(theirs).is_not_null() for theirs in told))
    fitting = both.filter(pl.all_horizontal(pl.lit(True), *agree)).with_columns(says.alias("says"))
    fitting = fitting.sort("kind", "says", "series_id", descending=[False, True, False])
    of_kind = fitting.group_by("kind", maintain_order=True).agg(
        pl.col("series_id").alias("series_ids"),
        pl.col("service").cast(pl.String).drop_nulls().first().alias("series_service"),
    )
    kinds = wanted.join(distinct, on=keys, nulls_equal=True).select("exemplar", "kind")
    return kinds.join(of_kind, on="kind").drop("kind")


def _of_metric(exemplars: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """Which series are of the metric of which exemplars: ``kind``, ``series_id``."""
    base = pl.col("metric").cast(pl.String).str.replace(_PARTS, "").alias("base")
    theirs = series.select(pl.col("metric").cast(pl.String)).unique().with_columns(base)
    ours = exemplars.select(base).unique()
    # The metric of a series that was asked by an expression is the expression.
    word = r"[A-Za-z_:][A-Za-z0-9_:]*"
    words = theirs.with_columns(pl.col("base").str.extract_all(word).alias("words")).explode("words")
    words = words.select("metric", pl.col("words").str.replace(_PARTS, "").alias("base"))
    matched = words.join(ours, on="base").unique()
    return (
        exemplars.with_columns(base)
        .join(matched.select(pl.col("metric").alias("of"), "base"), on="base")
        .join(series.select(pl.col("metric").cast(pl.String).alias("of"), "series_id"), on="of")
        .select("kind", "series_id")
    )
