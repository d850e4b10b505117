"""Which statements and other client calls took the time, and which became slower."""

from __future__ import annotations

import hashlib
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.client_calls import calls_of_logs, calls_of_spans
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.statements import read_statements
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, SPANS
from obsnb.timerange import TimeRange, check_windows

__all__ = ["N_PLUS_ONE_SPANS", "N_PLUS_ONE_TOTAL_NS", "slow_queries", "statement_calls"]

#: Sentry's published thresholds of its N+1 detector (docs.sentry.io, Performance issues, N+1
#: queries): sequential, similar spans, five of them, more than 50 ms together.
N_PLUS_ONE_SPANS = 5
N_PLUS_ONE_TOTAL_NS = 50_000_000

_SAMPLES = 5
_LINES = 2  # of the evidence, at most, are log lines
_KEY = ["kind", "fingerprint", "service", "peer"]
_TIME = pl.Duration("ns")
_COLUMNS: dict[str, Any] = {
    "fingerprint": pl.String,
    "kind": pl.String,
    "statement": pl.String,
    "operation": pl.String,
    "tables": pl.List(pl.String),
    "system": pl.String,
    "service": pl.String,
    "peer": pl.String,
    "source": pl.String,
    "count": pl.Int64,
    "total": _TIME,
    "p50": _TIME,
    "p95": _TIME,
    "max": _TIME,
    "share": pl.Float64,
    "before_count": pl.Int64,
    "before_p50": _TIME,
    "before_p95": _TIME,
    "within_count": pl.Int64,
    "within_p50": _TIME,
    "within_p95": _TIME,
    "change": pl.Float64,
    "max_per_trace": pl.Int64,
    "n_plus_one": pl.Int64,
    "log_lines": pl.Int64,
    "trace_ids": pl.List(pl.String),
    "evidence": pl.List(pl.String),
}


def slow_queries(
    spans: Any,
    logs: Any = None,
    *,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    conventions: Conventions = DEFAULT,
) -> Any:
    """Database statements and other client calls by the time they took.

    Parameters
    ----------
    spans
        SPANS; the ids, ``service``, ``name``, ``start`` and ``duration`` suffice. None where there
        are only logs. They may be a selection (only slow or failed traces, and a sample): what is
        counted here is counted within the frame, and no rate is.
    logs
        LOGS, parsed or not; lines that tell of a statement and how long it took are joined.
    during, baseline
        The windows that are compared; a call belongs to the one that it starts in.

    Returns
    -------
    frame
        A row a statement (or call), caller and peer; statements first, the most time first.

        - ``fingerprint`` (12 hex digits): the same for a statement's span and its log line, for other
          literals and parameter styles, and for a text that was cut, where exactly one statement of
          the frame begins like it
        - ``kind``: ``statement`` (SQL), or ``call`` (any other client call: a cache, HTTP, a queue,
          connecting)
        - ``statement``: literals as ``?``; null for a call
        - ``operation``: SELECT ...; a call's own name (operation, RPC, HTTP method and route, span)
        - ``tables`` (list of text), through CTEs, joins and subqueries
        - ``system`` (``db.system``), ``service`` (the caller), ``peer`` (whom it calls)
        - ``source``: ``spans``; ``logs`` for a statement that no span has. Usually only slow ones
          are logged, so that their quantiles are those of the slow ones
        - ``count``, ``total``, ``p50``, ``p95``, ``max`` (Duration): of spans where there are any
        - ``share``: of the total of all rows of its kind and source
        - ``before_count``, ``before_p50``, ``before_p95``, ``within_count``, ``within_p50``,
          ``within_p95``: in `baseline` and in `during`; null without that window
        - ``change``: ``within_p95 / before_p95``; null where either is unknown
        - ``max_per_trace``: calls in the trace that has most; null without trace ids
        - ``n_plus_one``: traces with at least five of them one after the other, more than 50 ms
          together (Sentry's published rule for N+1 queries, docs.sentry.io); statements only
        - ``log_lines``: lines that tell of it, put to the row of the service with the most time
        - ``trace_ids`` (up to 5): the slowest, those in `during` first
        - ``evidence`` (up to 5): ``span:TRACE/SPAN`` and ``log:ROW``

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.

    Notes
    -----
    A span that is there twice counts once. A negative duration, a clock's mistake, is an unknown one: the
    call counts, and its time is in no total and no quantile.
    """
    check_windows(during=during, baseline=baseline)
    calls = statement_calls(spans, logs, conventions=conventions)
    result = _table(calls, during, baseline) if calls.height else None
    empty = pl.DataFrame(schema=_COLUMNS)
    return like(empty if result is None else result, spans if spans is not None else logs)


def statement_calls(spans: Any, logs: Any = None, *, conventions: Conventions = DEFAULT) -> pl.DataFrame:
    """Each single call of `slow_queries`, with the ``fingerprint`` of its row there.

    Returns
    -------
    polars.DataFrame
        A row a call: ``fingerprint``, ``kind``, ``statement``, ``operation``, ``tables``, ``service``,
        ``peer``, ``trace_id``, ``span_id``, ``row_id`` (of a line), ``start`` and ``duration`` (Int64, ns),
        ``source`` (``spans`` or ``logs``). Without spans and logs there is none.
    """
    parts = []
    if spans is not None:
        needs = ("trace_id", "span_id", "service", "name", "start", "duration")
        frame = to_polars(spans, SPANS, needs=needs, what="slow_queries")
        parts.append(calls_of_spans(frame, conventions=conventions).with_columns(source=pl.lit("spans")))
    if logs is not None:
        parts.append(calls_of_logs(_parsed(logs, conventions)).with_columns(source=pl.lit("logs")))
    return _read(pl.concat(parts)) if parts else pl.DataFrame()


def _parsed(logs: Any, conventions: Conventions) -> pl.DataFrame:
    frame = to_polars(logs, LOGS, needs=("timestamp", "line"), what="slow_queries")
    read = frame if "parsed.statement" in frame.columns else parse_logs(frame, conventions=conventions)
    return LOGS.conform(read)


def _read(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with ``kind``, ``fingerprint``, ``statement``, ``operation`` and ``tables``."""
    systems = calls.filter(pl.col("text").is_not_null())["system"].drop_nulls().unique()
    only = systems[0] if len(systems) == 1 else None  # a line's statement is for it, too
    texts = (
        calls.filter(pl.col("text").is_not_null())
        .select("text", "system", "length")
        .unique(maintain_order=True)
    )
    read = read_statements((text, system or only, length) for text, system, length in texts.iter_rows())
    statements = texts.with_columns(
        pl.Series("fingerprint", [one.fingerprint for one in read], dtype=pl.String),
        pl.Series("statement", [one.text for one in read], dtype=pl.String),
        pl.Series("verb", [one.operation for one in read], dtype=pl.String),
        pl.Series("tables", [list(one.tables) for one in read], dtype=pl.List(pl.String)),
    )
    keys = ["text", "system", "length"]
    joined = calls.join(statements, on=keys, how="left", nulls_equal=True, maintain_order="left")
    named = pl.concat_list("collection").list.drop_nulls()
    is_statement = pl.col("text").is_not_null()
    return joined.with_columns(
        pl.when(is_statement).then(pl.lit("statement")).otherwise(pl.lit("call")).alias("kind"),
        pl.coalesce("verb", "operation").alias("operation"),
        pl.when(is_statement & (pl.col("tables").list.len() > 0))
        .then("tables")
        .otherwise(named)
        .alias("tables"),
        pl.coalesce("fingerprint", _call_fingerprint(joined)).alias("fingerprint"),
    )


def _call_fingerprint(calls: pl.DataFrame) -> pl.Series:
    name = calls.select(
        pl.concat_str("system", "peer", "operation", "collection", separator="\\0", ignore_nulls=True).alias(
            "name"
        )
    ).to_series()
    known = {one: hashlib.sha256(one.encode()).hexdigest()[:12] for one in name.unique().drop_nulls()}
    return name.replace_strict(known or {"": ""}, default=None, return_dtype=pl.String).alias("fingerprint")


def _inside(window: TimeRange | None) -> pl.Expr:
    if window is None:
        return pl.lit(False)
    return pl.col("start").is_between(window.start_ns, window.end_ns, closed="left")


def _table(calls: pl.DataFrame, during: TimeRange | None, baseline: TimeRange | None) -> pl.DataFrame:
    calls = calls.with_columns(
        _inside(during).alias("within"), _inside(baseline).alias("before"), pl.col("duration").alias("ns")
    )
    spans = calls.filter(pl.col("source") == "spans")
    lines = calls.filter(pl.col("source") == "logs")
    traced = spans.select("fingerprint", "service").unique()
    alone = lines.join(traced, on=["fingerprint", "service"], how="anti", nulls_equal=True)
    counted = _counted(pl.concat([spans, alone]), during, baseline)
    counted = counted.join(_repeated(spans), on=_KEY, how="left", nulls_equal=True)
    most = counted.sort("total", "peer", descending=[True, False], nulls_last=True).unique(
        ["fingerprint", "service"], keep="first", maintain_order=True
    )
    told = lines.group_by("fingerprint", "service").agg(
        log_lines=pl.len(), line_evidence=_best("row_id", _LINES)
    )
    told = told.join(most.select(*_KEY), on=["fingerprint", "service"], nulls_equal=True)
    table = counted.join(told, on=_KEY, how="left", nulls_equal=True)
    return _finished(table)


def _best(column: str, many: int) -> pl.Expr:
    """The values of the slowest calls, those within the incident first."""
    value = pl.col(column)
    if column == "row_id":
        value = pl.concat_str(pl.lit("log:"), value)
    order = [pl.col("within"), pl.col("ns").fill_null(-1), value]  # by the text, too, for equals stay equal
    return (
        value.sort_by(order, descending=[True, True, False])
        .drop_nulls()
        .unique(maintain_order=True)
        .head(many)
    )


def _counted(calls: pl.DataFrame, during: TimeRange | None, baseline: TimeRange | None) -> pl.DataFrame:
    ns = pl.col("ns")
    span = pl.concat_str(pl.lit("span:"), "trace_id", pl.lit("/"), "span_id")
    calls = calls.with_columns(span.alias("span"))
    most = pl.col("system").drop_nulls().mode().sort().first()
    aggregates = {
        "statement": pl.col("statement").first(),
        "operation": pl.col("operation").first(),
        "tables": pl.col("tables").first(),
        "system": most,
        "source": pl.col("source").first(),
        "count": pl.len(),
        "total": ns.sum(),
        "p50": ns.quantile(0.5, "linear"),
        "p95": ns.quantile(0.95, "linear"),
        "max": ns.max(),
        "trace_ids": _best("trace_id", _SAMPLES),
        "span_evidence": _best("span", _SAMPLES),
    }
    for name, window in (("before", baseline), ("within", during)):
        inside = ns.filter(pl.col(name))
        aggregates[f"{name}_count"] = pl.col(name).sum() if window else pl.lit(None, pl.Int64)
        aggregates[f"{name}_p50"] = inside.quantile(0.5, "linear")
        aggregates[f"{name}_p95"] = inside.quantile(0.95, "linear")
    return calls.group_by(_KEY).agg(**aggregates)


def _repeated(spans: pl.DataFrame) -> pl.DataFrame:
    """How often a trace makes the call, and in how many traces it is made again and again."""
    keys = [*_KEY, "trace_id"]
    ordered = spans.drop_nulls("trace_id").sort("trace_id", "start")
    end = pl.col("start") + pl.col("ns").fill_null(0)
    after = (pl.col("start") >= end.cum_max().shift(1).over(keys)).fill_null(True)
    per_trace = (
        ordered.with_columns(after.alias("after"))
        .group_by(keys)
        .agg(times=pl.len(), in_a_row=pl.col("after").sum(), took=pl.col("ns").filter(pl.col("after")).sum())
    )
    is_many = (pl.col("in_a_row") >= N_PLUS_ONE_SPANS) & (pl.col("took") > N_PLUS_ONE_TOTAL_NS)
    return per_trace.group_by(_KEY).agg(
        max_per_trace=pl.col("times").max(),
        n_plus_one=pl.when(pl.col("kind").first() == "statement").then(is_many.sum()),
    )


def _finished(table: pl.DataFrame) -> pl.DataFrame:
    ratio = pl.col("within_p95") / pl.col("before_p95")
    spans, lines = pl.col("span_evidence"), pl.col("line_evidence").fill_null([])
    table = table.with_columns(
        (pl.col("total") / pl.col("total").sum().over("kind", "source")).fill_nan(None).alias("share"),
        pl.when(pl.col("before_p95") > 0).then(ratio).alias("change"),
        pl.col("log_lines").fill_null(0),
        spans.list.head(_SAMPLES - lines.list.len()).list.concat(lines).alias("evidence"),
    )
    durations = [name for name, kind in _COLUMNS.items() if kind == _TIME]
    table = table.with_columns(pl.col(durations).round().cast(pl.Int64).cast(_TIME))
    order = ("kind", "total", "count", "fingerprint", "service", "peer")
    descending = [True, True, True, False, False, False]  # "statement" comes after "call"
    return table.sort(order, descending=descending, nulls_last=True).select(
        pl.col(name).cast(kind) for name, kind in _COLUMNS.items()
    )
