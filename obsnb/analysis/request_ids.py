"""Which request a row belongs to: by trace id, else by correlation id, else it is alone."""

from __future__ import annotations

import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute
from obsnb.conventions import Conventions

__all__ = ["known_traces", "request_of"]


def known_traces(
    logs: pl.DataFrame | None, spans: pl.DataFrame | None, *, conventions: Conventions
) -> pl.DataFrame:
    """The trace of each correlation id that lines or spans name together with one.

    Returns
    -------
    polars.DataFrame
        ``correlation_id`` and ``trace``; an id that occurs with several traces is left out.
    """
    pairs = [pl.DataFrame(schema={"correlation_id": pl.String, "trace": pl.String})]
    if logs is not None:
        pairs.append(logs.select("correlation_id", pl.col("trace_id").alias("trace")))
    if spans is not None:
        named = first_attribute(
            attribute_columns(spans, conventions.correlation_fields), conventions.correlation_fields
        )
        pairs.append(spans.select(named.alias("correlation_id"), pl.col("trace_id").alias("trace")))
    both = pl.concat(pairs).filter((pl.col("correlation_id") != "") & (pl.col("trace") != "")).unique()
    return both.filter(pl.len().over("correlation_id") == 1)


def request_of(rows: pl.DataFrame, traces: pl.DataFrame) -> pl.Series:
    """A key that the rows of one request share.

    Parameters
    ----------
    rows
        ``trace_id`` and ``correlation_id``, either of which may be null.
    traces
        As `known_traces` gives them.

    Returns
    -------
    polars.Series
        Text: the trace id, else the correlation id, else a key of the row's own.
    """
    ids = rows.select(
        pl.col("trace_id").replace("", None), pl.col("correlation_id").replace("", None)
    ).with_row_index("row")
    joined = ids.join(traces, on="correlation_id", how="left", maintain_order="left")
    alone = pl.concat_str(pl.lit("row "), pl.col("row").cast(pl.String))
    return joined.select(
        pl.coalesce("trace_id", "trace", "correlation_id", alone).alias("request")
    ).to_series()
