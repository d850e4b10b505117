"""Where errors show: log lines, exception events of spans, statuses of spans, a row a sighting."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute
from obsnb.analysis.failures import failures
from obsnb.analysis.log_exceptions import stacks_of
from obsnb.analysis.messages import normalised
from obsnb.conventions import SEVERITY, Conventions

__all__ = ["RAISED", "SAID", "SIGHTINGS", "STATUS", "sightings_of_logs", "sightings_of_spans"]

#: How much a sighting knows: an exception, the words of an error line, no more than a status.
RAISED, SAID, STATUS = 2, 1, 0

#: A sighting's columns and types; ``time`` in ns, ``rank`` one of `RAISED`, `SAID`, `STATUS`,
#: ``calls`` whether it is a call's failure, ``handled`` whether work that went well followed the call.
SIGHTINGS: dict[str, Any] = {
    "time": pl.Int64,
    "rank": pl.Int8,
    "service": pl.String,
    "trace_id": pl.String,
    "span_id": pl.String,
    "correlation_id": pl.String,
    "request_id": pl.String,
    "type": pl.String,
    "message": pl.String,
    "culprit": pl.String,
    "route": pl.String,
    "tenant": pl.String,
    "user": pl.String,
    "version": pl.String,
    "calls": pl.Boolean,
    "handled": pl.Boolean,
    "evidence": pl.String,
}

_GRAVE = tuple(name for name, number in SEVERITY.items() if number >= 17)
_UNSURE = tuple(name for name, number in SEVERITY.items() if 13 <= number < 17)
_SERVER_FAULT = 500
_CALLING = ("client", "producer")
_ENTRY = ("server", "consumer")
# A status message that says no more than the status does.
_EMPTY_WORDS = (
    r"(?i)^\s*(?:error|failed|internal(?: server)? error|unknown|unset"
    r"|http[ /]?\d*(?:\.\d)?[ :]*[1-5]\d\d.{0,40})?\s*$"
)
_ROUTES = ("http.route", "url.template", "http.target", "url.path")


def sightings_of_logs(logs: pl.DataFrame) -> pl.DataFrame:
    """The lines that tell of an error.

    By their level; by an exception, if they are a warning or have no level; by an HTTP status of 500
    and above. A line that informs of an exception is no error line.

    Parameters
    ----------
    logs
        As `obsnb.parse_logs` gives them.

    Returns
    -------
    polars.DataFrame
        `SIGHTINGS`; ``evidence`` is ``log:ROW``, the number of the row where it has no ``row_id``.
    """
    level = pl.coalesce(pl.col("level").cast(pl.String).str.to_lowercase(), "parsed.level")
    grave = level.is_in(_GRAVE).fill_null(False)
    told = pl.col("parsed.exception_type").is_not_null() | pl.col("parsed.culprit").is_not_null()
    status = (pl.col("parsed.http_status") >= _SERVER_FAULT).fill_null(False)
    unsure = level.is_null() | level.is_in(_UNSURE)
    lines = logs.with_row_index("row").filter(grave | status | (told & unsure))
    said = pl.concat_str("parsed.message", "parsed.exception_message", separator=": ", ignore_nulls=True)
    code = pl.concat_str(pl.lit("HTTP "), pl.col("parsed.http_status").cast(pl.String))
    return _shaped(
        lines.select(
            pl.col("timestamp").to_physical().alias("time"),
            pl.when(told).then(RAISED).when(status).then(STATUS).otherwise(SAID).alias("rank"),
            pl.col("service").cast(pl.String),
            "trace_id",
            "span_id",
            "correlation_id",
            pl.col("parsed.request_id").alias("request_id"),
            pl.col("parsed.exception_type").alias("type"),
            pl.when(told)
            .then(pl.col("parsed.exception_message"))
            .when(status)
            .then(code)
            .otherwise(said)
            .alias("message"),
            pl.col("parsed.culprit").alias("culprit"),
            pl.col("parsed.route").alias("route"),
            pl.col("parsed.tenant").alias("tenant"),
            pl.col("parsed.user").alias("user"),
            pl.col("parsed.version").alias("version"),
            pl.concat_str(
                pl.lit("log:"), pl.coalesce(pl.col("row_id").replace("", None), pl.col("row").cast(pl.String))
            ).alias("evidence"),
        )
    )


def sightings_of_spans(spans: pl.DataFrame, *, conventions: Conventions) -> pl.DataFrame:
    """The exception events of spans, and the failed spans that have none.

    Returns
    -------
    polars.DataFrame
        `SIGHTINGS`; ``evidence`` is ``span:TRACE/SPAN``, ``time`` the event's, else the span's end.
    """
    spans = spans.with_row_index("row")
    events = _exceptions(spans, foreign=conventions.foreign_code)
    failed = failures(spans).with_row_index("row").filter("failed")
    alone = failed.join(events.select("row").unique(), on="row", how="anti")
    facts = pl.concat([events, _statuses(alone, spans)], how="diagonal_relaxed")
    own = spans[facts["row"]]
    # A negative duration, a clock's mistake, counts as none: no error is before what it was met in.
    ends = (pl.col("start").to_physical() + pl.col("duration").to_physical().clip(0)).alias("end")
    where = own.select("trace_id", "span_id", pl.col("service").cast(pl.String), ends)
    found = facts.drop("row").hstack(where).hstack(_context(own, conventions))
    found = found.with_columns(
        pl.coalesce("time", "end").alias("time"),
        pl.concat_str(pl.lit("span:"), "trace_id", pl.lit("/"), "span_id").alias("evidence"),
    )
    return _shaped(found.with_columns(_handled(found, spans).alias("handled")))


def _shaped(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in SIGHTINGS.items()
    ).with_columns(pl.col("calls", "handled").fill_null(False))


def _exceptions(spans: pl.DataFrame, *, foreign: tuple[str, ...]) -> pl.DataFrame:
    """``row``, ``time``, ``type``, ``message``, ``culprit`` and ``rank`` of exception events."""
    schema = {"row": pl.UInt32, "time": pl.Int64, "rank": pl.Int32}
    empty = pl.DataFrame(schema=schema | dict.fromkeys(("type", "message", "culprit"), pl.String))
    kind = spans.schema.get("events")
    if not isinstance(kind, pl.List) or not isinstance(kind.inner, pl.Struct):
        return empty
    some = spans.select("row", "events").filter(pl.col("events").list.len() > 0).explode("events")
    events = some.unnest("events").filter(pl.col("name") == "exception")
    if events.is_empty():
        return empty
    keys = ("exception.type", "exception.message", "exception.stacktrace")
    told = attribute_columns(events.select("attributes"), keys)
    stacks = stacks_of(told[keys[2]], foreign=foreign)
    told = told.join(stacks, left_on=keys[2], right_on="stack", how="left", maintain_order="left")
    return events.select(
        "row", pl.col("time").to_physical().alias("time"), pl.lit(RAISED).alias("rank")
    ).hstack(
        told.select(
            pl.coalesce(keys[0], "stack_type").alias("type"),
            pl.coalesce(keys[1], "stack_message").replace("", None).alias("message"),
            "culprit",
        )
    )


def _statuses(failed: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """What failed spans without an exception say: their error type and message, else the HTTP status."""
    code = pl.concat_str(pl.lit("HTTP "), pl.col("code").cast(pl.String))
    is_type = pl.col("type").str.contains(r"[A-Za-z]") & (pl.col("type") != "_OTHER")
    words = pl.when(~pl.col("said").str.contains(_EMPTY_WORDS)).then("said")
    name = normalised(pl.lit(spans["name"].gather(failed["row"])))
    return failed.select("row", "code", "type", "said", name.alias("name")).select(
        "row",
        pl.lit(STATUS).alias("rank"),
        pl.when(is_type).then("type").alias("type"),
        pl.coalesce(words, code, pl.concat_str("name", pl.lit(" failed"))).alias("message"),
    )


def _context(spans: pl.DataFrame, conventions: Conventions) -> pl.DataFrame:
    """Route, tenant, user, version and correlation of spans; whether they are calls."""
    fields = {
        "route": _ROUTES,
        "tenant": conventions.tenant_fields,
        "user": conventions.user_fields,
        "version": conventions.version_fields,
        "correlation_id": conventions.correlation_fields,
    }
    found = attribute_columns(spans, [key for keys in fields.values() for key in keys])
    columns = [first_attribute(found, keys).alias(name) for name, keys in fields.items()]
    kind: Any = pl.col("kind") if "kind" in spans.columns else pl.repeat(None, pl.len(), dtype=pl.String)
    return pl.DataFrame(columns).hstack(spans.select(kind.is_in(_CALLING).fill_null(False).alias("calls")))


def _handled(found: pl.DataFrame, spans: pl.DataFrame) -> pl.Series:
    """Whether a span that did not fail began under the same parent after the sighting's span had ended.

    Then the failure was dealt with, and is no part of what the parent failed with later.
    """
    if "parent_span_id" not in spans.columns:
        return pl.Series([False] * found.height, dtype=pl.Boolean)
    places = spans.select(
        "trace_id", "span_id", pl.col("parent_span_id").alias("parent"), pl.col("start").to_physical()
    )
    own = found.select("trace_id", "span_id", "end")
    own = own.join(
        places.unique(["trace_id", "span_id"]), on=["trace_id", "span_id"], how="left", maintain_order="left"
    )
    failed = found.select("trace_id", "span_id").unique()
    well = places.join(own.select("trace_id", "parent").unique(), on=["trace_id", "parent"], how="semi")
    well = well.join(failed, on=["trace_id", "span_id"], how="anti")
    latest = well.group_by("trace_id", "parent").agg(pl.col("start").max().alias("latest"))
    joined = own.join(latest, on=["trace_id", "parent"], how="left", maintain_order="left")
    return joined.select((pl.col("latest") >= pl.col("end")).fill_null(False)).to_series()
