"""Errors: one group for one fault, wherever it shows, and one event for each request that met it."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.faults import grouped
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.messages import normalised
from obsnb.analysis.passing import explained, service_depths
from obsnb.analysis.request_ids import known_traces, request_of
from obsnb.analysis.sightings import RAISED, SAID, SIGHTINGS, STATUS, sightings_of_logs, sightings_of_spans
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, SPANS, dtype
from obsnb.timerange import TimeRange, check_windows

__all__ = ["error_events", "error_groups"]

_SAMPLES = 5
_MOSTLY = 0.5  # of its requests: a group that others explain in more of them was passed on
_KINDS = {RAISED: "raised", SAID: "said", STATUS: "status"}
_TEXTS = pl.List(pl.String)
_EVENTS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "group_id": pl.String,
    "type": pl.String,
    "message": pl.String,
    "service": pl.String,
    "trace_id": pl.String,
    "correlation_id": pl.String,
    "route": pl.String,
    "tenant": pl.String,
    "user": pl.String,
    "version": pl.String,
    "lines": pl.Int64,
    "spans": pl.Int64,
    "passed_on": pl.Boolean,
    "evidence": _TEXTS,
}
_GROUPS: dict[str, Any] = {
    "group_id": pl.String,
    "kind": pl.String,
    "type": pl.String,
    "message": pl.String,
    "sample": pl.String,
    "culprit": pl.String,
    "service": pl.String,
    "services": _TEXTS,
    "count": pl.Int64,
    "lines": pl.Int64,
    "spans": pl.Int64,
    "first_seen": dtype("time"),
    "last_seen": dtype("time"),
    "before": pl.Int64,
    "within": pl.Int64,
    "is_new": pl.Boolean,
    "routes": _TEXTS,
    "tenants": _TEXTS,
    "versions": _TEXTS,
    "users": pl.Int64,
    "trace_ids": _TEXTS,
    "evidence": _TEXTS,
    "passed_on": pl.Boolean,
    "raised_by": _TEXTS,
}


def error_groups(
    logs: Any = None,
    spans: Any = None,
    *,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    conventions: Conventions = DEFAULT,
) -> Any:
    """Errors of log lines and spans, one group for one fault wherever it shows.

    Parameters
    ----------
    logs
        LOGS, parsed or not; ``timestamp`` and ``line`` suffice. May be None.
    spans
        SPANS; the ids, ``service``, ``name``, ``start`` and ``duration`` suffice. May be None.
    during, baseline
        The windows that are compared.

    Returns
    -------
    frame
        A row a group, the most frequent first.

        - ``group_id``: 12 hex digits, a hash of type, culprit and message, the same in every run
        - ``kind``: ``raised`` (an exception), ``said`` (the words of an error line), ``status`` (no more
          than a status, of a span or an access line)
        - ``type``: of the exception; null for an error without one
        - ``message``: normalised, variable parts as ``<*>``; ``sample``: one as it was
        - ``culprit``: the innermost frame of the application's own code, ``path:function``
        - ``service``: where it was raised; ``services`` (list): wherever it or a symptom of it shows
        - ``count``: requests that met it. A request is a trace, else a correlation id; a line or span
          without either counts as one
        - ``lines``, ``spans``: log lines and spans that tell of it
        - ``first_seen``, ``last_seen``
        - ``before``, ``within``: requests in `baseline` and in `during`, by when each first met it;
          null without that window
        - ``is_new``: in `during` and not in `baseline`; null without both
        - ``routes``, ``tenants``, ``versions`` (lists), ``users`` (distinct ones)
        - ``trace_ids`` (up to 5) and ``evidence`` (up to 5 of ``log:ROW`` and ``span:TRACE/SPAN``),
          those in `during` first
        - ``passed_on``: whether other groups explain it in most of its requests: an answer of 500
          that a browser saw is a symptom of what the backend raised. ``raised_by`` (list): these
          groups, the most frequent first

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.

    Notes
    -----
    Numbers in messages are variable parts, HTTP statuses that are called so are not. Two exceptions
    of one type and place are two groups if their messages differ in words.
    """
    check_windows(during=during, baseline=baseline)
    sightings, pairs = _read(logs, spans, conventions)
    first = logs if logs is not None else spans
    if sightings.is_empty():
        return like(pl.DataFrame(schema=_GROUPS), first)
    events = _events(sightings, pairs)
    return like(_groups(sightings, events, pairs, during, baseline), first)


def error_events(logs: Any = None, spans: Any = None, *, conventions: Conventions = DEFAULT) -> Any:
    """Each request that met an error, for counts over time.

    Parameters
    ----------
    logs, spans
        As `error_groups` takes them.

    Returns
    -------
    frame
        A row a group and request, in the order of time: ``timestamp`` (the first sighting),
        ``group_id``, ``type``, ``message`` (normalised), ``service``, ``trace_id``,
        ``correlation_id``, ``route``, ``tenant``, ``user``, ``version`` (the first known of each),
        ``lines`` and ``spans`` (that tell of it), ``passed_on`` (whether another group explains it
        in this request), ``evidence`` (up to 5 ids).

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    sightings, pairs = _read(logs, spans, conventions)
    first = logs if logs is not None else spans
    if sightings.is_empty():
        return like(pl.DataFrame(schema=_EVENTS), first)
    events = _events(sightings, pairs)
    return like(events.select(pl.col(name).cast(kind) for name, kind in _EVENTS.items()), first)


def _read(logs: Any, spans: Any, conventions: Conventions) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every sighting with its request and group, and which occurrence explains which."""
    parts = []
    lines = None if logs is None else _lines(logs, conventions)
    if lines is not None:
        parts.append(sightings_of_logs(lines))
    needs = ("trace_id", "span_id", "service", "name", "start", "duration")
    tree = None if spans is None else to_polars(spans, SPANS, needs=needs, what="error_groups")
    if tree is not None:
        parts.append(sightings_of_spans(tree, conventions=conventions))
    # In one order whatever the order of the frames' rows, which all that follows keeps.
    found = pl.concat([pl.DataFrame(schema=SIGHTINGS), *parts]).sort("time", "service", "evidence", "message")
    lonely = found["trace_id"].is_null() & found["correlation_id"].is_not_null()
    asked = (lines, tree) if lonely.any() else (None, None)
    found = grouped(found.with_columns(request_of(found, known_traces(*asked, conventions=conventions))))
    depths = service_depths(tree, found["request"])
    return found, explained(_occurrences(found), depths)


def _lines(logs: Any, conventions: Conventions) -> pl.DataFrame:
    frame = to_polars(logs, LOGS, needs=("timestamp", "line"), what="error_groups")
    parsed = frame if "parsed.format" in frame.columns else parse_logs(frame, conventions=conventions)
    return LOGS.conform(parsed)


def _occurrences(sightings: pl.DataFrame) -> pl.DataFrame:
    """A row a group and request: where it was raised there, and how much is known of it."""
    ordered = sightings.sort("rank", "time", descending=[True, False], maintain_order=True)
    return ordered.group_by("group_id", "request", maintain_order=True).agg(
        pl.col("service").first(),
        pl.col("rank").max(),
        pl.col("time").min(),
        pl.col("handled").all(),
    )


def _events(sightings: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    is_line = pl.col("evidence").str.starts_with("log:")
    known = ("trace_id", "correlation_id", "tenant", "user", "version")
    route = normalised(pl.col("route"))
    ordered = sightings.with_columns(route).sort(
        "rank", "time", descending=[True, False], maintain_order=True
    )
    events = ordered.group_by("group_id", "request", maintain_order=True).agg(
        pl.col("time").min().cast(dtype("time")).alias("timestamp"),
        pl.col("type").drop_nulls().first(),
        pl.col("normal").first().alias("message"),
        pl.col("service").first(),
        pl.col("route").drop_nulls().first(),
        *(pl.col(name).drop_nulls().first() for name in known),
        pl.col("evidence").filter(is_line).n_unique().alias("lines"),
        pl.col("evidence").filter(~is_line).n_unique().alias("spans"),
        _some(is_line).alias("evidence"),
    )
    explained_ones = pairs.select("group_id", "request").unique().with_columns(passed_on=pl.lit(True))
    joined = events.join(explained_ones, on=["group_id", "request"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("passed_on").fill_null(False)).sort("timestamp", "group_id")


def _some(is_line: pl.Expr) -> pl.Expr:
    """A few evidence ids, of lines and of spans by turns."""
    lines = pl.col("evidence").filter(is_line).unique(maintain_order=True)
    spans = pl.col("evidence").filter(~is_line).unique(maintain_order=True)
    return lines.head(3).append(spans.head(_SAMPLES)).head(_SAMPLES)


def _inside(column: str, window: TimeRange | None) -> pl.Expr:
    if window is None:
        return pl.repeat(False, pl.len())
    return pl.col(column).to_physical().is_between(window.start_ns, window.end_ns, closed="left")


def _groups(
    sightings: pl.DataFrame,
    events: pl.DataFrame,
    pairs: pl.DataFrame,
    during: TimeRange | None,
    baseline: TimeRange | None,
) -> pl.DataFrame:
    table = _told(sightings, during).join(_counted(events, during, baseline), on="group_id")
    table = table.join(_raised_by(pairs, table), on="group_id", how="left")
    table = table.join(_shown_in(events, pairs), on="group_id", how="left")
    shown = pl.concat_list("service", pl.col("services").fill_null([]))
    services = shown.list.drop_nulls().list.unique(maintain_order=True)
    table = table.with_columns(
        ((pl.col("within") > 0) & (pl.col("before") == 0)).alias("is_new"),
        pl.when("passed_on").then("raised_by").fill_null([]).alias("raised_by"),
        services.alias("services"),
    )
    # Of equally frequent ones the exception comes before the status that it led to.
    order = ("count", pl.col("kind") == "status", "first_seen", "group_id")
    return table.sort(order, descending=[True, False, False, False]).select(
        pl.col(name).cast(kind) for name, kind in _GROUPS.items()
    )


def _told(sightings: pl.DataFrame, during: TimeRange | None) -> pl.DataFrame:
    """What the sightings of each group say; those that know most are asked first."""
    is_line = pl.col("evidence").str.starts_with("log:")
    ordered = sightings.sort(
        "rank", pl.col("culprit").is_not_null(), "time", descending=[True, True, False], maintain_order=True
    )
    said = ordered.group_by("group_id").agg(
        pl.col("rank").first().replace_strict(_KINDS, return_dtype=pl.String).alias("kind"),
        pl.col("type").drop_nulls().first(),
        pl.col("normal").first().alias("message"),
        pl.col("message").first().alias("sample"),
        pl.col("culprit").first(),
        pl.col("service").first(),
        pl.col("evidence").filter(is_line).n_unique().alias("lines"),
        pl.col("evidence").filter(~is_line).n_unique().alias("spans"),
        pl.col("time").min().cast(dtype("time")).alias("first_seen"),
        pl.col("time").max().cast(dtype("time")).alias("last_seen"),
    )
    first = sightings.sort(_inside("time", during), "time", descending=[True, False], maintain_order=True)
    shown = first.group_by("group_id").agg(_some(is_line).alias("evidence"))
    return said.join(shown, on="group_id")


def _counted(events: pl.DataFrame, during: TimeRange | None, baseline: TimeRange | None) -> pl.DataFrame:
    """How many requests met each group, when, and whose they were."""
    within, before = _inside("timestamp", during), _inside("timestamp", baseline)
    nothing = pl.lit(None, pl.Int64)
    lists = {"route": "routes", "tenant": "tenants", "version": "versions"}
    ordered = events.sort(within, "timestamp", descending=[True, False], maintain_order=True)
    return ordered.group_by("group_id").agg(
        pl.len().alias("count"),
        (before.sum() if baseline else nothing).alias("before"),
        (within.sum() if during else nothing).alias("within"),
        *(pl.col(name).drop_nulls().unique().sort().alias(plural) for name, plural in lists.items()),
        pl.col("user").drop_nulls().n_unique().alias("users"),
        pl.col("trace_id").drop_nulls().unique(maintain_order=True).head(_SAMPLES).alias("trace_ids"),
        (pl.col("passed_on").mean() > _MOSTLY).alias("passed_on"),
    )


def _raised_by(pairs: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """The groups that explain each group, the most frequent first; those that were raised, if any."""
    passed = table.select(pl.col("group_id").alias("by"), pl.col("passed_on").alias("relay"))
    counted = pairs.group_by("group_id", "by").len().join(passed, on="by")
    raised = counted.filter(~pl.col("relay") | pl.col("relay").all().over("group_id"))
    ordered = raised.sort("len", "by", descending=[True, False])
    return ordered.group_by("group_id", maintain_order=True).agg(pl.col("by").alias("raised_by"))


def _shown_in(events: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The services in which each group, or what it explains, shows."""
    where = events.select("group_id", "request", "service").drop_nulls()
    symptoms = pairs.join(where, on=["group_id", "request"]).select(pl.col("by").alias("group_id"), "service")
    both = pl.concat([where.select("group_id", "service"), symptoms])
    return both.group_by("group_id").agg(pl.col("service").unique().sort().alias("services"))
