"""Containers that were restarted or killed, from the series of kube-state-metrics."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.event_rows import event_rows
from obsnb.analysis.service_names import workload
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import SERIES

__all__ = ["LAST_TERMINATED", "RESTARTS_TOTAL", "restarts"]

#: The names that kube-state-metrics gives these series.
RESTARTS_TOTAL = "kube_pod_container_status_restarts_total"
LAST_TERMINATED = "kube_pod_container_status_last_terminated_reason"

_OOM = "OOMKilled"
#: The reason and the count of one restart, or two scrapers' samples of it, lie within five minutes.
_SAME_NS = 300 * 10**9
_TOLD = ("cluster", "namespace", "pod", "container", "uid")


def restarts(series: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """The restarts of containers, and those that were killed for want of memory.

    Parameters
    ----------
    series
        SERIES with the labels ``namespace``, ``pod``, ``container`` and ``reason`` of
        ``kube_pod_container_status_restarts_total`` and ``..._last_terminated_reason``; other metrics are
        left out. Where the scraper has renamed them, ``exported_pod`` and so on are taken.
    conventions
        Which names are one service.

    Returns
    -------
    frame
        EVENTS of kind ``restart`` and ``evidence`` (list of evidence ids), sorted by time, without ends:
        a row each time that the count of a container grew, with the reason that it last ended for, and
        one for a container that is out of memory for the first time in the frame, where no count tells
        it. The service is the container's workload.

    Notes
    -----
    A restart has the time of the first sample that shows it, which is up to a step late. A count that
    falls is another pod's of the same name; what was counted before the first sample is not known.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "value"), what="restarts")
    if "metric" not in frame.columns:
        return like(event_rows([]), series)
    counts, ended = _of(frame, RESTARTS_TOTAL), _of(frame, LAST_TERMINATED)
    grown = _grown(counts)
    reasons = ended.filter((pl.col("value") > 0) & pl.col("reason").is_not_null())
    because = grown.join_asof(
        reasons.select("who", "ns", "reason"),
        on="ns",
        by="who",
        strategy="forward",
        tolerance=_SAME_NS,
        check_sortedness=False,
    )
    killed = _killed(reasons, grown, began=min(_first_ns(counts), _first_ns(ended)))
    rows = [_row(row, _restarted(row), RESTARTS_TOTAL, conventions) for row in because.iter_rows(named=True)]
    rows += [
        _row(row, f"{_who(row)} was killed ({_OOM})", LAST_TERMINATED, conventions)
        for row in killed.iter_rows(named=True)
    ]
    return like(event_rows([pl.DataFrame(rows)] if rows else []), series)


def _of(frame: pl.DataFrame, metric: str) -> pl.DataFrame:
    """The samples of a metric, sorted by time, with whom they are about."""
    rows = frame.filter((pl.col("metric") == metric) & pl.col("value").is_not_null())

    def label(name: str) -> pl.Expr:
        names = [n for n in (f"exported_{name}", name) if n in frame.columns]
        return pl.coalesce(*(pl.col(n).replace("", None) for n in names), pl.lit(None, pl.String)).alias(name)

    told = [label(name) for name in (*_TOLD, "reason")]
    who = pl.concat_str([pl.col(name).fill_null("") for name in _TOLD], separator="\0").alias("who")
    ids = pl.col("series_id") if "series_id" in frame.columns else pl.lit(None, pl.String).alias("series_id")
    return (
        rows.select(pl.col("timestamp").to_physical().alias("ns"), "value", ids, *told)
        .with_columns(who)
        .sort("ns")
    )


def _grown(counts: pl.DataFrame) -> pl.DataFrame:
    """The samples that count more than the one before, once where several scrapers saw the same."""
    more = pl.col("value").diff().over("who", "series_id")
    grown = counts.with_columns(more=more).filter(pl.col("more") > 0).drop("reason")
    again = (pl.col("ns").diff() < _SAME_NS).over("who", "value")
    return grown.filter(~again.fill_null(value=False))


def _killed(reasons: pl.DataFrame, grown: pl.DataFrame, *, began: int) -> pl.DataFrame:
    """The first sample of each container that ended out of memory, where no restart tells it."""
    first = (
        reasons.filter(pl.col("reason") == _OOM)
        .unique("who", keep="first", maintain_order=True)
        .filter(pl.col("ns") > began)
    )
    near = first.join_asof(
        grown.select("who", "ns", restarted="ns"),
        on="ns",
        by="who",
        strategy="nearest",
        tolerance=_SAME_NS,
        check_sortedness=False,
    )
    return near.filter(pl.col("restarted").is_null())


def _first_ns(frame: pl.DataFrame) -> int:
    return int(frame["ns"][0]) if frame.height else 2**63 - 1


def _who(row: dict[str, Any]) -> str:
    container, pod = row["container"], row["pod"]
    return f"{container} in {pod}" if container and pod else container or pod or "a container"


def _restarted(row: dict[str, Any]) -> str:
    times = f" {row['more']:.0f} times" if row["more"] > 1 else ""
    return f"{_who(row)} restarted{times}" + (f" ({row['reason']})" if row["reason"] else "")


def _row(row: dict[str, Any], title: str, source: str, conventions: Conventions) -> dict[str, Any]:
    service = workload(row["pod"], row["container"])
    return {
        "timestamp": row["ns"],
        "kind": "restart",
        "title": title,
        "service": conventions.canonical(service) if service else None,
        "source": source,
        "evidence": [f"series:{row['series_id']}@{row['ns']}"] if row["series_id"] else [],
    }
