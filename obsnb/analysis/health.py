"""How components did by their health checks, and when that changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from obsnb.analysis.border import like
from obsnb.analysis.health_answers import HEALTH_ROUTE, checks_of, is_healthy
from obsnb.analysis.line_records import Record, answers_of, evidence_of, moment_ns, parsed_lines, records_of
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import dtype

__all__ = ["health_changes", "health_snapshots"]

_SPEAKS = r"(?i)health|readiness|liveness|overall_?status|actuator|heartbeat"
_WORDED = re.compile(
    r"(?i)(?:health[ _-]?check(?:s)?|readiness|liveness)(?: probe)?(?: (?:for|of|on|:))?\s+"
    r"(?:['\"]?(?P<component>[\w./-]{2,60}?)['\"]?[:\s]+)?(?:is |was |has |status[=: ]+)?"
    r"(?P<status>healthy|unhealthy|passed|passing|failed|failing|succeeded|timed? ?out|up|down|degraded|ok)\b"
)
_STATUS_WORDS = {"passed": "pass", "succeeded": "pass", "time out": "timeout", "timed out": "timeout"}
_COLUMNS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "service": pl.String,
    "component": pl.String,
    "status": pl.String,
    "healthy": pl.Boolean,
    "latency": pl.Duration("ns"),
    "error": pl.String,
    "source": pl.String,
    "before": pl.String,
    "changed": pl.Boolean,
    "evidence": pl.List(pl.String),
}
_RAW = {name: pl.Int64 if name in ("timestamp", "latency") else kind for name, kind in _COLUMNS.items()}


def health_snapshots(
    logs: Any = None, answers: Any = None, *, service: str | None = None, conventions: Conventions = DEFAULT
) -> Any:
    """What health checks said: a row a component and moment, and whether it differs from the one before.

    Parameters
    ----------
    logs
        LOGS, parsed or not: lines that hold a health endpoint's answer as JSON, that say how a component
        is (``health check redis: unhealthy``, ``component=redis status=down``), and access lines of
        health endpoints.
    answers
        What such an endpoint (``/debug/health/detailed``, ``/actuator/health``, ...) answered: text of
        JSON or a mapping, or several. An answer's time is its ``timestamp``; without one it has none.
    service
        Whose answers these are, where they do not say it.

    Returns
    -------
    frame
        In order of service, component and time: ``timestamp``, ``service``, ``component`` (null for the
        whole, a path for an access line's endpoint), ``status`` (lower case, as it was said),
        ``healthy`` (null where the word is unknown), ``latency`` (Duration), ``error``, ``source``
        (``log line``, ``answer``, ``access line``), ``before`` (the status before), ``changed`` (whether it
        turned healthy or unhealthy since; false for the first), ``evidence``.

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    rows = list(_of_answers(answers_of(answers), service))
    if logs is not None:
        rows += _of_lines(parsed_lines(logs, what="health_snapshots", conventions=conventions))
    out = pl.DataFrame(rows, schema=_RAW, orient="row")
    return like(_compared(out), logs)


def _row(
    at: int | None, service: str | None, component: str | None, status: str, source: str
) -> dict[str, Any]:
    return {
        "timestamp": at,
        "service": service,
        "component": component,
        "status": status,
        "healthy": is_healthy(status),
        "source": source,
    }


def _of_answers(answers: Iterable[Mapping[str, Any]], service: str | None) -> Iterable[dict[str, Any]]:
    for answer in answers:
        times = (answer.get(name) for name in ("timestamp", "time", "checked_at", "checkedAt"))
        at = next((found for value in times if (found := moment_ns(value)) is not None), None)
        said = answer.get("service") or answer.get("serviceId") or answer.get("application")
        whose = said if isinstance(said, str) else service
        for component, status, latency, error in checks_of(answer):
            yield _row(at, whose, component, status, "answer") | {"latency": latency, "error": error}


def _of_lines(lines: pl.DataFrame) -> list[dict[str, Any]]:
    columns = [pl.col(name).cast(pl.String) for name in ("line", "service")]
    route = pl.col("parsed.route").str.contains(HEALTH_ROUTE) & pl.col("parsed.http_status").is_not_null()
    speaks = pl.col("line").str.contains(_SPEAKS) | pl.col("parsed.logger").str.contains("(?i)health")
    chosen = lines.with_columns(columns).filter(route.fill_null(value=False) | speaks.fill_null(value=False))
    rows = []
    core = ("line", "service", "parsed.message", "parsed.route", "parsed.http_status")
    told = chosen.select(pl.col("timestamp").to_physical(), *core)
    for row, record, evidence in zip(
        told.iter_rows(named=True), records_of(chosen), evidence_of(chosen), strict=True
    ):
        rows += [found | {"evidence": evidence} for found in _of_line(row, record)]
    return rows


def _of_line(row: Mapping[str, Any], record: Record) -> list[dict[str, Any]]:
    at, service = row["timestamp"], row["service"]
    answer = {
        name: record.fields[name] for name in record.fields if isinstance(record.fields[name], dict | list)
    }
    if answer:
        whole = record.text("overall_status", "overallStatus", "status")
        parts = checks_of(
            {**answer, **({"status": whole} if whole and is_healthy(whole) is not None else {})}
        )
        if any(component is not None for component, *_ in parts):
            return [
                _row(at, service, component, status, "log line") | {"latency": latency, "error": error}
                for component, status, latency, error in dict.fromkeys(parts)
            ]
    message = row["parsed.message"] or row["line"] or ""
    status, component = (
        record.text("status", "state", "health"),
        record.text("component", "check", "dependency", "target"),
    )
    if component is not None and status is not None and is_healthy(status) is not None:
        found = _row(at, service, component, status.lower(), "log line")
        latency = record.lasted_ns("latency_ms", "latency_s", "duration_ms", "duration_s")
        if latency is None:
            latency = record.lasted_ns("latency", "duration", "elapsed", unit="ms")
        return [found | {"latency": latency, "error": record.text("error", "reason", "exception_message")}]
    worded = _WORDED.search(message)
    if worded is not None:
        said = re.sub(r"\s+", " ", worded["status"].lower())
        return [
            _row(at, service, worded["component"] or component, _STATUS_WORDS.get(said, said), "log line")
        ]
    code = row["parsed.http_status"]
    if row["parsed.route"] and re.search(HEALTH_ROUTE, row["parsed.route"]) and code is not None:
        return [_row(at, service, row["parsed.route"], "pass" if code < 400 else "fail", "access line")]
    return []


def _compared(rows: pl.DataFrame) -> pl.DataFrame:
    keys = ["service", "component", pl.col("timestamp").is_null()]
    ordered = rows.sort("service", "component", "timestamp", maintain_order=True, nulls_last=False)
    dated = pl.col("timestamp").is_not_null()  # of others it is unknown which came first
    known = pl.col("healthy")
    last = known.forward_fill().shift(1).over(keys)
    return ordered.with_columns(
        pl.when(dated).then(pl.col("status").shift(1).over(keys)).alias("before"),
        (dated & known.is_not_null() & last.is_not_null() & (known != last))
        .fill_null(value=False)
        .alias("changed"),
        pl.col("evidence").fill_null([]),
    ).select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items())


def health_changes(snapshots: pl.DataFrame) -> pl.DataFrame:
    """The moments at which a component turned healthy or unhealthy, as EVENTS of kind ``health``.

    A component that was unhealthy at first sight is told, too.

    Parameters
    ----------
    snapshots
        As `health_snapshots` gives them.

    Returns
    -------
    DataFrame
        timestamp, kind, title, service, source, evidence.
    """
    keys = ["service", "component"]
    first = pl.int_range(pl.len()).over(keys) == 0
    chosen = snapshots.filter(pl.col("changed") | (first & (pl.col("healthy") == pl.lit(value=False))))
    chosen = chosen.drop_nulls("timestamp").sort("timestamp", maintain_order=True)
    name = pl.coalesce("component", pl.lit("health"))
    was = (
        pl.when(pl.col("before").is_not_null())
        .then(pl.format(" (it was {})", "before"))
        .otherwise(pl.lit(""))
    )
    error = pl.when(pl.col("error").is_not_null()).then(pl.format(": {}", pl.col("error").str.slice(0, 160)))
    return chosen.select(
        "timestamp",
        pl.lit("health").alias("kind"),
        pl.concat_str(name, pl.lit(": "), "status", was, error.otherwise(pl.lit(""))).alias("title"),
        "service",
        pl.format("health check, {}", "source").alias("source"),
        "evidence",
    )
