"""Log lines for tests: one a second, with whatever columns a test wants."""

import polars as pl

_S = 10**9


def lines_of(texts, *, every_s=1, **columns):
    """LOGS with a line every so often since the epoch; an id for each."""
    frame = pl.DataFrame(
        {
            "timestamp": [n * every_s * _S for n in range(len(texts))],
            "line": texts,
            "row_id": [f"r{n}" for n in range(len(texts))],
            **columns,
        },
        schema_overrides={"timestamp": pl.Int64, "line": pl.String},
    )
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))


def samples_of(metric, values, *, every_s=60, service="shop", **labels):
    """SERIES with a sample every so often since the epoch."""
    frame = pl.DataFrame(
        {
            "timestamp": [n * every_s * _S for n in range(len(values))],
            "metric": metric,
            "series_id": f"{metric}{sorted(labels.items())}{service}",
            "service": service,
            "value": [float(value) for value in values],
            **labels,
        }
    )
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("ns", "UTC")))
