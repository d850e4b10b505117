"""Requests as the metrics count them: how many, how many failed, how long they took."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.counters import increases, quantile_of_buckets
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import SERIES

__all__ = [
    "bucket_increases",
    "latency_quantile",
    "latency_quantiles_over_time",
    "request_counts",
    "slow_counts",
]


#: gRPC's codes for what is the server's fault (grpc/doc/statuscodes.md), as numbers and as names.
_RPC_FAULTS = (
    *("2", "4", "8", "12", "13", "14", "15"),
    *(
        "UNKNOWN",
        "DEADLINEEXCEEDED",
        "RESOURCEEXHAUSTED",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATALOSS",
    ),
)
#: What else counts requests by how they ended: a counter of them, or the count of a timer.
_COUNTS_REQUESTS = r"(?i)(?:^|_)requests?(?:_total)?$|request.*_count$"
_OF_A_CLIENT = r"(?i)client|upstream|outgoing|outbound|egress"
_CALLS = ("SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_INTERNAL")


def _as_served(frame: pl.DataFrame) -> pl.DataFrame:
    """Without what is counted of a request elsewhere than where it is served.

    Span metrics count spans of every kind, told apart by ``span_kind``. Istio's proxies count a
    request where it leaves (``reporter="source"``) and where it arrives (Istio's standard metrics).
    """
    if "span_kind" in frame.columns:
        frame = frame.filter(~pl.col("span_kind").cast(pl.String).is_in(_CALLS).fill_null(False))
    if "reporter" in frame.columns:
        reporter = pl.col("reporter").cast(pl.String)
        arrives = (reporter == "destination").fill_null(False).any().over("service")
        frame = frame.filter(~((reporter == "source").fill_null(False) & arrives))
    return frame


def _label(frame: pl.DataFrame, names: tuple[str, ...]) -> pl.Expr:
    """The first of the labels that a row has, under its own name or as ``label.x``."""
    have = [name for label in names for name in (label, f"label.{label}") if name in frame.columns]
    return pl.coalesce([pl.col(name).cast(pl.String) for name in have]) if have else pl.lit(None, pl.String)


def request_counts(series: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """Requests counted between samples, by service, route, tenant and status.

    Where a service has several of the conventions' request counters, only the first of them is
    counted, so that no request counts twice; where it has none, the first by name of what else counts
    requests by status, if its name does not say that it counts those that are sent. What span metrics
    count of calls that a service makes, and what a mesh's proxies count where a request leaves although
    it is counted where it arrives, is left out.

    Parameters
    ----------
    series
        SERIES that hold a request counter; other series are passed over.

    Returns
    -------
    frame
        timestamp (the later of two samples), service, route, tenant, status (text), failed (a
        status of 500 and above, ``STATUS_CODE_ERROR`` of span metrics, or a gRPC code that is the
        server's fault), count (Float64, requests).
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="request_counts")
    if "service" not in frame.columns:
        frame = frame.with_columns(service=pl.lit(None, pl.String))
    counters = [*conventions.request_counters, *_unlisted(frame, conventions)]
    order = {name: rank for rank, name in enumerate(dict.fromkeys(counters))}
    frame = frame.filter(pl.col("metric").is_in(list(order)))
    rank = pl.col("metric").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    frame = _as_served(frame)
    frame = frame.filter(rank == rank.min().over("service"))
    counted = increases(frame)
    http, rpc = (
        _label(counted, names) for names in (conventions.status_labels, conventions.rpc_status_labels)
    )
    status = pl.coalesce(http, rpc)
    out = counted.select(
        "timestamp",
        "service",
        _label(counted, conventions.route_labels).alias("route"),
        _label(counted, conventions.tenant_labels).alias("tenant"),
        status.alias("status"),
        pl.any_horizontal(
            http.str.contains(r"^5(\d\d|xx)$"),
            http.eq("STATUS_CODE_ERROR"),
            rpc.str.replace_all("_", "").str.to_uppercase().is_in(_RPC_FAULTS),
        )
        .fill_null(False)
        .alias("failed"),
        pl.col("increase").alias("count"),
    )
    return like(out.sort("timestamp"), series)


def _unlisted(frame: pl.DataFrame, conventions: Conventions) -> list[str]:
    """Metrics that count requests by status under names that the conventions do not have, by name."""
    named = frame["metric"].drop_nulls().unique().cast(pl.String)
    named = named.filter(named.str.contains(_COUNTS_REQUESTS) & ~named.str.contains(_OF_A_CLIENT))
    told = [_label(frame, names) for names in (conventions.status_labels, conventions.rpc_status_labels)]
    rows = frame.filter(pl.col("metric").is_in(named.implode()) & pl.coalesce(told).is_not_null())
    return sorted(rows["metric"].unique().cast(pl.String).to_list())


def bucket_increases(frame: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """The first latency histogram of each service: le, seconds (1000 for milliseconds), increase."""
    order = {f"{name}_bucket": rank for rank, name in enumerate(conventions.request_histograms)}
    frame = frame.filter(pl.col("metric").is_in(list(order)))
    if "service" not in frame.columns:
        frame = frame.with_columns(service=pl.lit(None, pl.String))
    if frame.is_empty() or "le" not in frame.columns:
        return pl.DataFrame(
            schema={
                "timestamp": pl.Datetime("ns", "UTC"),
                "service": pl.String,
                "tenant": pl.String,
                "route": pl.String,
                "le": pl.Float64,
                "increase": pl.Float64,
            }
        )
    rank = pl.col("metric").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    frame = _as_served(frame)
    frame = increases(frame.filter(rank == rank.min().over("service")))
    unit = pl.when(pl.col("metric").str.contains("milliseconds")).then(1_000.0).otherwise(1.0)
    bound = (
        pl.col("le").cast(pl.String).str.replace("+Inf", "inf", literal=True).cast(pl.Float64, strict=False)
    )
    return frame.select(
        "timestamp",
        "service",
        _label(frame, conventions.tenant_labels).alias("tenant"),
        _label(frame, conventions.route_labels).alias("route"),
        (bound / unit).alias("le"),
        "increase",
    ).drop_nulls("le")


def latency_quantile(series: Any, q: float, *, conventions: Conventions = DEFAULT) -> float | None:
    """The q-quantile in seconds of all requests that a frame's latency histograms counted."""
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="latency_quantile")
    buckets = bucket_increases(frame, conventions)
    return quantile_of_buckets(buckets.select("le", pl.col("increase").alias("count")), q)


def latency_quantiles_over_time(
    series: Any,
    *,
    quantiles: tuple[float, ...] = (0.5, 0.95),
    every: str = "1m",
    conventions: Conventions = DEFAULT,
) -> Any:
    """Quantiles in seconds of what the latency histograms counted, a row a time and quantile.

    Returns
    -------
    frame
        timestamp (start of the interval), quantile (Float64), value (Float64, seconds; null where
        nothing was counted).
    """
    frame = to_polars(
        series, SERIES, needs=("timestamp", "metric", "value"), what="latency_quantiles_over_time"
    )
    buckets = bucket_increases(frame, conventions).with_columns(pl.col("timestamp").dt.truncate(every))
    rows = []
    for (moment,), part in buckets.group_by("timestamp", maintain_order=True):
        counts = part.select("le", pl.col("increase").alias("count"))
        rows += [(moment, q, quantile_of_buckets(counts, q)) for q in quantiles]
    columns: dict[str, Any] = {
        "timestamp": pl.Datetime("ns", "UTC"),
        "quantile": pl.Float64,
        "value": pl.Float64,
    }
    return like(pl.DataFrame(rows, schema=columns, orient="row").sort("timestamp", "quantile"), series)


def slow_counts(series: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """Requests slower than the conventions' ``slow_s``, by the latency histograms.

    The bound is the smallest bucket that is not below ``slow_s``; ``bound_s`` says which it was.

    Returns
    -------
    frame
        timestamp, service, route, tenant, bound_s (Float64), count (all requests), slow (those above
        the bound).
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "metric", "value"), what="slow_counts")
    buckets = bucket_increases(frame, conventions)
    bound = buckets.filter(pl.col("le").is_between(conventions.slow_s, float("inf"), closed="left"))[
        "le"
    ].min()
    keys = ["timestamp", "service", "route", "tenant"]
    total = pl.col("increase").filter(pl.col("le").is_infinite()).sum()
    within = pl.col("increase").filter(pl.col("le") == pl.lit(bound, pl.Float64)).sum()
    out = buckets.group_by(keys).agg(
        pl.lit(bound, pl.Float64).alias("bound_s"),
        total.alias("count"),
        (total - within).clip(lower_bound=0).alias("slow"),
    )
    return like(out.sort("timestamp"), series)
