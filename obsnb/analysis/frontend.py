"""What browsers told: errors, error boundaries, slow operations, web vitals, loading times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.browsers import VITALS, browser_lines, browser_of, rating_of
from obsnb.analysis.line_records import Record, evidence_of, parsed_lines, records_of
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, dtype

__all__ = ["frontend_events", "frontend_timings"]

_BOUNDARY = re.compile(r"(?i)error\s*boundary|componentDidCatch|caught an error in")
_SLOW = re.compile(r"(?i)\bslow\b|long ?task|took too long")
_VITAL = re.compile(r"(?i)web[ _.-]?vital")
_TYPES = ("navigation", "resource", "measure", "paint", "longtask")
_WRONG = ("error", "critical", "fatal")
_COLUMNS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "service": pl.String,
    "kind": pl.String,
    "level": pl.String,
    "name": pl.String,
    "message": pl.String,
    "type": pl.String,
    "component": pl.String,
    "culprit": pl.String,
    "duration": pl.Duration("ns"),
    "value": pl.Float64,
    "rating": pl.String,
    "route": pl.String,
    "release": pl.String,
    "browser": pl.String,
    "os": pl.String,
    "session": pl.String,
    "user": pl.String,
    "tenant": pl.String,
    "trace_id": pl.String,
    "correlation_id": pl.String,
    "evidence": pl.List(pl.String),
}
_TIMINGS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "service": pl.String,
    "type": pl.String,
    "name": pl.String,
    "count": pl.Int64,
    "p50": pl.Float64,
    "p75": pl.Float64,
    "p95": pl.Float64,
    "max": pl.Float64,
    "rating": pl.String,
    "unit": pl.String,
}


def frontend_events(logs: Any, *, conventions: Conventions = DEFAULT) -> Any:
    """The entries of browsers' logs, each with what kind of thing it tells.

    Read are the debugging guide's own entries (``/api/v1/logs``, ``/api/v1/metrics/frontend``), those of
    OpenTelemetry's browser SDK (``browser.*``, ``telemetry.sdk.language`` of ``webjs``) and Grafana
    Faro's lines. A line is a browser's where its fields, its stack or its words say so; the other lines
    of a service are where at least half of its warnings and errors are.

    Parameters
    ----------
    logs
        LOGS, parsed or not; ``timestamp`` and ``line`` suffice.

    Returns
    -------
    frame
        A row an entry, in order of time (a line with several web vitals has a row for each).

        - ``timestamp``, ``service``, ``level``, ``message``
        - ``kind``: ``boundary`` (an error boundary caught it), ``error`` (an exception, a console error),
          ``slow_operation``, ``web_vital``, ``timing`` (a measurement), ``log``
        - ``name``: of the operation, resource or vital; ``type``: of the exception, or what was measured
          (``navigation``, ``resource``, ``measure``, ``paint``)
        - ``component`` and ``culprit`` (file and function of the application)
        - ``duration`` (Duration), ``value`` (Float64: a vital's or measurement's, seconds, or a number for
          CLS), ``rating`` (by web.dev's published bounds: good, needs improvement, poor)
        - ``route``, ``release``, ``browser`` (with its major version), ``os``, ``session``, ``user``,
          ``tenant``, ``trace_id``, ``correlation_id``, ``evidence``

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    lines = parsed_lines(logs, what="frontend_events", conventions=conventions)
    lines = lines.filter(browser_lines(lines)).sort("timestamp", maintain_order=True)
    core = ["timestamp", "service", "level", "line", "trace_id", "correlation_id"]
    core += [name for name in lines.columns if name.startswith("parsed.")]
    chosen = lines.select(core)
    chosen = chosen.with_columns(pl.col("timestamp").to_physical())
    rows: list[dict[str, Any]] = []
    for row, record, evidence in zip(
        chosen.iter_rows(named=True), records_of(lines), evidence_of(lines), strict=True
    ):
        common = _common(row, record) | {"evidence": evidence}
        rows += [common | told for told in _told(row, record)]
    raw = {
        name: pl.Int64 if kind in (_COLUMNS["timestamp"], _COLUMNS["duration"]) else kind
        for name, kind in _COLUMNS.items()
    }
    out = pl.DataFrame(rows, schema=raw, orient="row")
    return like(out.with_columns(pl.col(name).cast(kind) for name, kind in _COLUMNS.items()), logs)


def _common(row: dict[str, Any], record: Record) -> dict[str, Any]:
    browser, system = browser_of(record)
    address = record.text("page_url", "page.url", "browser.url", "url.full", "location", "href")
    return {
        "timestamp": row["timestamp"],
        "service": row["service"],
        "level": row["level"],
        "message": row["parsed.message"] or row["line"],
        "component": record.text("component", "componentName", "component_name"),
        "culprit": row["parsed.culprit"],
        "route": record.text("page", "page_id", "view_name", "screen.name")
        or _path(address)
        or row["parsed.route"],
        "release": row["parsed.version"]
        or record.text("app_version", "app.version", "app_release", "release"),
        "browser": browser,
        "os": system,
        "session": record.text("session.id", "session_id", "sessionId"),
        "user": row["parsed.user"],
        "tenant": row["parsed.tenant"],
        "trace_id": row["trace_id"],
        "correlation_id": row["correlation_id"],
    }


def _path(address: str | None) -> str | None:
    """An address' path: what follows it may hold a key, what precedes it is the same for all."""
    if address is None:
        return None
    path = re.sub(r"^[a-z][a-z0-9+.-]*://[^/?#]*", "", address)
    return re.sub(r"[?#].*$", "", path) or "/"


def _told(row: dict[str, Any], record: Record) -> Iterator[dict[str, Any]]:
    """What one entry tells: as a rule one thing, of a line of web vitals each of them."""
    vitals = list(_vitals(record, row["line"] or ""))
    if vitals:
        yield from vitals
        return
    message = row["parsed.message"] or row["line"] or ""
    of = record.text("type", "entryType", "entry_type", "initiatorType")
    lasted = record.lasted_ns("duration_ms", "durationMs")
    if lasted is None:  # the guide's own fields: a PerformanceEntry's milliseconds, without a unit
        lasted = record.lasted_ns("duration", unit="ms")
    if lasted is None and row["parsed.duration_s"] is not None:
        lasted = round(row["parsed.duration_s"] * 1e9)
    timed = lasted is not None and (of in _TYPES or bool(_SLOW.search(message)))
    if timed and lasted is not None:
        yield {
            "kind": "slow_operation" if _SLOW.search(message) else "timing",
            "name": record.text("name", "operation", "resource"),
            "type": of,
            "duration": lasted,
            "value": lasted / 1e9,
        }
        return
    kind = "log"
    if _BOUNDARY.search(message) or record.get("componentStack") is not None or _within_boundary(row):
        kind = "boundary"
    elif row["level"] in _WRONG or row["parsed.exception_type"] or record.text("kind") == "exception":
        kind = "error"
    yield {
        "kind": kind,
        "name": record.text("component", "event_name", "event.name", "name"),
        "type": row["parsed.exception_type"] or record.text("type") if kind != "log" else None,
        "message": row["parsed.exception_message"] or record.text("value") or message
        if kind != "log"
        else message,
    }


def _within_boundary(row: dict[str, Any]) -> bool:
    """Whether the stack of a failure goes through a boundary, as it is where a boundary is a function."""
    frames = row["parsed.frames"] or []
    return bool(row["parsed.exception_type"]) and any("boundary" in frame.lower() for frame in frames)


def _vitals(record: Record, line: str) -> Iterator[dict[str, Any]]:
    named = record.text(
        "browser.web_vital.name", "web_vital.name", "web_vital", "metric_name", "name", "metric"
    )
    told = record.get("browser.web_vital.name", "web_vital.name", "web_vital") is not None
    worded = bool(_VITAL.search(line)) or record.text("type") in ("web-vitals", "web_vitals", "webvitals")
    if named is not None and named.lower() in VITALS and (told or worded or record.get("rating") is not None):
        value = record.number("browser.web_vital.value", "web_vital.value", "value")
        if value is not None:
            yield _vital(named.lower(), value, record.text("browser.web_vital.rating", "rating"))
        return
    if not worded:
        return
    for name in VITALS:
        value = record.number(name, f"values.{name}", f"value_{name}")
        if value is not None:
            yield _vital(name, value, None)


def _vital(name: str, value: float, rating: str | None) -> dict[str, Any]:
    """A vital in seconds: the web-vitals library and what is built on it tell milliseconds."""
    said = value if VITALS[name][2] == "" else value / 1000
    lasts = None if VITALS[name][2] == "" else round(said * 1e9)
    judged = rating_of(name, said) if rating is None else rating.replace("-", " ").replace("_", " ")
    return {"kind": "web_vital", "name": name.upper(), "value": said, "duration": lasts, "rating": judged}


def frontend_timings(events: Any, *, every: str = "1m") -> Any:
    """How long pages, resources and operations took, and the web vitals, over time.

    Parameters
    ----------
    events
        As `frontend_events` gives them. Where a page logs only what was slow, these are the times of
        what was slow.
    every
        The interval, as polars writes it.

    Returns
    -------
    frame
        A row an interval, service, type and name: ``timestamp`` (its start), ``service``, ``type``
        (``web_vital``, ``navigation``, ``resource``, ``measure``, ...), ``name``, ``count``, ``p50``,
        ``p75`` (the quantile by which web vitals are judged), ``p95``, ``max`` (Float64), ``rating`` (of a
        vital's p75, by web.dev's published bounds), ``unit`` (s, or empty for CLS).

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    frame = to_polars(events, LOGS, needs=("timestamp",), what="frontend_timings")
    if not {"service", "kind", "type", "name", "value"} <= set(frame.columns):
        LOGS.check(frame.columns, needs=("service", "kind", "type", "name", "value"), what="frontend_timings")
    value = pl.col("value").cast(pl.Float64)
    of = pl.when(pl.col("kind") == "web_vital").then(pl.lit("web_vital")).otherwise(pl.col("type"))
    timed = frame.filter(pl.col("kind").is_in(["web_vital", "timing", "slow_operation"]) & value.is_finite())
    out = (
        timed.group_by(
            pl.col("timestamp").dt.truncate(every),
            "service",
            of.alias("type"),
            pl.col("name").cast(pl.String),
        )
        .agg(
            count=pl.len(),
            p50=value.quantile(0.5, "linear"),
            p75=value.quantile(0.75, "linear"),
            p95=value.quantile(0.95, "linear"),
            max=value.max(),
        )
        .sort("timestamp", "service", "type", "name")
    )
    judged = [
        rating_of(name or "", p75) if of == "web_vital" else None
        for of, name, p75 in out.select("type", "name", "p75").iter_rows()
    ]
    units = [
        "" if of == "web_vital" and name == "CLS" else "s"
        for of, name in out.select("type", "name").iter_rows()
    ]
    out = out.with_columns(
        pl.Series("rating", judged, dtype=pl.String), pl.Series("unit", units, dtype=pl.String)
    )
    return like(out.select(pl.col(name).cast(kind) for name, kind in _TIMINGS.items()), events)
