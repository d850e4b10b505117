"""What happened at a time: alerts that fired, and deployments that log lines tell of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.event_rows import event_rows
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, SERIES, dtype
from obsnb.timerange import TimeRange

__all__ = ["alerts", "deployments"]

#: Samples of one firing follow each other by a step; a missing one is borne, two are a pause.
_GAP_STEPS = 2.5
#: Lines that say the same of the same service within five minutes tell of one deployment.
_SAME_NS = 300 * 10**9

_ALERTS = "ALERTS"
_NOT_TELLING = ("alertname", "alertstate", "__name__")


def alerts(series: Any, *, window: TimeRange | None = None, step_ns: int | None = None) -> Any:
    """The alerts that fired, a row a firing, from Prometheus' ``ALERTS``.

    Parameters
    ----------
    series
        SERIES with the label columns of ``ALERTS``; other metrics are left out.
    window
        What was asked for: a firing that lasts to its end has not ended, as far as is known.
    step_ns
        Between samples; without, the usual distance between a firing's samples.

    Returns
    -------
    frame
        EVENTS of kind ``alert`` and ``evidence`` (list of evidence ids), sorted by time. The title is
        the alert's name and the labels in which it differs from others of its name. `end` is the first
        moment at which it fired no more.

    Notes
    -----
    ``ALERTS{alertstate="firing"}`` is 1 while an alert fires and absent else, so a firing is a run of
    samples; one that misses more than a sample is two.
    """
    frame = to_polars(series, SERIES, needs=("timestamp", "value"), what="alerts")
    firing = _firing(frame)
    if firing.is_empty():
        return like(event_rows([]), series)
    step = (_step(firing) or _step(frame)) if step_ns is None else step_ns
    labels = [
        name for name in firing.columns if name not in SERIES.names and firing.schema[name] == pl.String
    ]
    who = "series_id" if firing["series_id"].null_count() == 0 else pl.struct(labels)
    pause = pl.col("ns").diff() > _GAP_STEPS * step
    runs = (
        firing.sort("ns")
        .with_columns(who=who)
        .with_columns(run=pause.fill_null(value=False).cum_sum().over("who"))
        .group_by("who", "run", maintain_order=True)
        .agg(pl.col("ns").min().alias("start"), pl.col("ns").max().alias("last"), pl.exclude("ns").first())
    )
    ended = pl.col("last") + step
    if window is not None:
        ended = pl.when(ended < window.end_ns).then(ended)
    events = runs.select(
        pl.col("start").alias("timestamp"),
        ended.alias("end"),
        pl.lit("alert").alias("kind"),
        _titles(firing, runs, labels),
        pl.col("service"),
        pl.lit(_ALERTS).alias("source"),
        pl.concat_list(pl.format("series:{}@{}", "series_id", "start")).alias("evidence"),
    )
    return like(event_rows([events]), series)


def _firing(frame: pl.DataFrame) -> pl.DataFrame:
    if "alertname" not in frame.columns:
        return frame.clear()
    wanted = pl.col("alertname").is_not_null() & (pl.col("value") > 0)
    if "metric" in frame.columns:
        wanted &= pl.col("metric") == _ALERTS
    if "alertstate" in frame.columns:
        wanted &= pl.col("alertstate") == "firing"
    missing = [
        pl.lit(None, dtype=pl.String).alias(n) for n in ("service", "series_id") if n not in frame.columns
    ]
    return frame.filter(wanted).with_columns(*missing, ns=pl.col("timestamp").to_physical())


def _step(frame: pl.DataFrame) -> int:
    """The usual distance of a series' samples in nanoseconds; 0 where no series has two."""
    ns = pl.col("timestamp").to_physical()
    apart = ns.sort().diff().over("series_id") if "series_id" in frame.columns else ns.unique().sort().diff()
    distances = frame.select(apart.alias("apart")).filter(pl.col("apart") > 0)["apart"]
    usual = distances.median()
    return int(usual) if isinstance(usual, int | float) else 0


def _titles(firing: pl.DataFrame, runs: pl.DataFrame, labels: Iterable[str]) -> pl.Series:
    """Each run's alert name, and the labels in which it differs from others of that name."""
    told = [name for name in labels if name not in _NOT_TELLING]
    several = {
        row["alertname"]: [name for name in told if row[name] > 1]
        for row in firing.group_by("alertname").agg(pl.col(told).n_unique()).iter_rows(named=True)
    }
    titles = []
    for row in runs.iter_rows(named=True):
        apart = [
            f"{name.removeprefix('label.')}={row[name]}" for name in several[row["alertname"]] if row[name]
        ]
        titles.append(f"{row['alertname']} ({', '.join(apart)})" if apart else row["alertname"])
    return pl.Series("title", titles, dtype=pl.String)


def deployments(logs: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """The deployments that log lines tell of.

    Parameters
    ----------
    logs
        LOGS; timestamp and line are enough.
    conventions
        Whose ``deploy_lines`` find a deployment in a line.

    Returns
    -------
    frame
        EVENTS of kind ``deploy`` and ``evidence`` (list of evidence ids), sorted by time, without ends.
        Lines that say the same within five minutes are one event, at the time of the first.

    Notes
    -----
    A word such as "released" is said of locks and connections too. A deployment counts when its line
    names a version, when its service writes lines of its own, or when its name is more than one word
    (``billing-api``).
    """
    frame = to_polars(logs, LOGS, needs=("timestamp", "line"), what="deployments")
    # A pattern that Rust's regular expressions do not know finds null here: Python's decide below.
    likely = [
        pl.col("line").str.contains(p, strict=False).fill_null(value=True) for p in conventions.deploy_lines
    ]
    known = {conventions.canonical(name) for name in _texts(frame, "service")}
    rows = []
    if likely:
        for row in frame.filter(pl.any_horizontal(likely) & pl.col("line").is_not_null()).iter_rows(
            named=True
        ):
            told = _deployment(row["line"], known, conventions)
            if told is not None:
                rows.append((row, *told))
    by = [f"log line of {row['service']}" if row.get("service") else "log line" for row, _, _ in rows]
    events = pl.DataFrame(
        {
            "timestamp": [row["timestamp"] for row, _, _ in rows],
            "kind": ["deploy"] * len(rows),
            "title": [title for _, _, title in rows],
            "service": [service for _, service, _ in rows],
            "source": by,
            "evidence": [[f"log:{row['row_id']}"] if row.get("row_id") else [] for row, _, _ in rows],
        },
        schema_overrides={"timestamp": dtype("time"), "evidence": pl.List(pl.String)},
    ).sort("timestamp")
    again = (pl.col("timestamp").to_physical().diff() < _SAME_NS).over("title")
    return like(event_rows([events.filter(~again.fill_null(value=False))]), logs)


def _texts(frame: pl.DataFrame, column: str) -> list[str]:
    return frame[column].drop_nulls().unique().to_list() if column in frame.columns else []


def _deployment(line: str, known: set[str], conventions: Conventions) -> tuple[str, str] | None:
    """The service and what happened to it, in a few words; None where it is about something else."""
    found = conventions.deployment_in(line)
    said = found.groupdict() if found is not None else {}
    name, version = (said.get("service") or "").rstrip("./-"), (said.get("version") or "").rstrip(".+-")
    service = conventions.canonical(name)
    if not name or not (version or service in known or not name.isalnum()):
        return None
    action = (said.get("action") or "deployed").lower()
    if "back" in action:
        return service, f"{service} {action}" + (f" to {version}" if version else "")
    return service, " ".join(part for part in (service, version, action) if part)
