"""Which spans failed, also where nobody set a status, and which failures are only the wait for another."""

from __future__ import annotations

from typing import Any

import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute

__all__ = ["PASSED_ON", "TIMED_OUT", "WAITING", "failures"]

#: Words of an error that says "I waited in vain".
TIMED_OUT = r"(?i)time[ds]?[ -]?out|deadline|cancel+ed|\b(?:408|499|504)\b"
#: And of one that says that, or "it would not have me": both are about a callee.
WAITING = (
    TIMED_OUT + r"|queuepool|pool (?:limit|exhausted|is full)|connection pool"
    r"|too many (?:connections|outstanding|requests)|refused|unavailable|unreachable|no route|reset by peer"
    r"|econn|broken pipe|upstream|bad gateway|circuit|could not connect|connection (?:closed|lost)"
    # How clients of HTTP say that a callee failed: axios and .NET, Python's requests, Feign, Guzzle, reqwest.
    r"|status code (?:does not indicate success: )?5\d\d|\b5\d\d server error|\[5\d\d\] during"
    r"|resulted in a `5\d\d|server error \(5\d\d"
)
#: And the statuses of HTTP that do.
PASSED_ON = (408, 429, 502, 503, 504)
_HTTP_CODE = ("http.response.status_code", "http.status_code")
_RPC_CODE = ("rpc.response.status_code", "rpc.grpc.status_code")
_TYPE = ("error.type", "exception.type")
_MESSAGE = ("exception.message", "error.message", "otel.status_description")
_STATUS = ("otel.status_code", "status.code")
_FLAG = "error"
# gRPC's codes for what is the server's fault rather than the caller's (grpc/doc/statuscodes.md).
_RPC_FAULTS = ("2", "4", "8", "12", "13", "14", "15", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED")
_RPC_NAMES = (*_RPC_FAULTS, "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS")


def failures(spans: pl.DataFrame) -> pl.DataFrame:
    """What each span says about having failed.

    A span failed if its status is ``error``, if it answered or got an HTTP status of 500 and above
    or 429, or a gRPC code that is the server's fault. Where no span of the frame has a status
    that is set, an error type, an exception event or an ``error`` attribute counts too; otherwise
    these may belong to exceptions that were dealt with.

    Returns
    -------
    polars.DataFrame
        A row a span: ``failed`` (bool), ``code`` (HTTP status, Int64 or null), ``type`` (what kind
        of error: its type, else the HTTP or gRPC code, else ""), ``waiting`` (bool: the words of the
        error say that a callee was waited for or would not answer), ``timed_out`` (bool: that it was
        waited for in vain), ``said`` (message).
    """
    keys = (*_HTTP_CODE, *_RPC_CODE, *_TYPE, *_MESSAGE, *_STATUS, _FLAG)
    found = attribute_columns(spans, keys)
    status: Any = (
        pl.col("status").str.to_lowercase() if "status" in spans.columns else pl.lit(None, pl.String)
    )
    said: Any = pl.col("status_message") if "status_message" in spans.columns else pl.lit(None, pl.String)
    facts = spans.select(
        pl.int_range(pl.len()).alias("row"), status.alias("status"), said.alias("said")
    ).with_columns(
        first_attribute(found, _STATUS).str.to_lowercase().alias("tagged"),
        first_attribute(found, _HTTP_CODE).cast(pl.Int64, strict=False).alias("code"),
        first_attribute(found, _RPC_CODE).str.to_uppercase().alias("rpc"),
        first_attribute(found, _TYPE).alias("type"),
        first_attribute(found, _MESSAGE).alias("message"),
        (found[_FLAG].str.to_lowercase() == "true").alias("flag"),
        _has_exception(spans).alias("exception"),
    )
    state = pl.coalesce(pl.col("status").replace("unset", None), pl.col("tagged").replace("unset", None))
    bad_code = (pl.col("code") >= 500) | (pl.col("code") == 429)
    failed = (state.is_in(("error", "status_code_error", "2"))).fill_null(False) | bad_code.fill_null(False)
    failed = failed | pl.col("rpc").is_in(_RPC_NAMES).fill_null(False)
    if facts.select(state.is_null().all()).item():
        failed = failed | pl.col("flag").fill_null(False) | pl.col("exception") | pl.col("type").is_not_null()
    words = pl.concat_str(pl.col("type", "said", "message"), separator=" ", ignore_nulls=True)
    waited = words.str.contains(WAITING) | pl.col("code").is_in(PASSED_ON).fill_null(False)
    label = pl.coalesce("type", pl.col("code").cast(pl.String), "rpc", pl.lit(""))
    return facts.select(
        failed.alias("failed"),
        "code",
        label.alias("type"),
        (failed & waited.fill_null(False)).alias("waiting"),
        (failed & words.str.contains(TIMED_OUT).fill_null(False)).alias("timed_out"),
        pl.coalesce("said", "message", pl.lit("")).alias("said"),
    )


def _has_exception(spans: pl.DataFrame) -> pl.Series:
    kind = spans.schema.get("events")
    entry = kind.inner if isinstance(kind, pl.List) else None
    if not isinstance(entry, pl.Struct) or "name" not in {field.name for field in entry.fields}:
        return pl.Series("exception", [False] * spans.height, dtype=pl.Boolean)
    name = pl.element().struct.field("name")
    return spans.select(
        pl.col("events").list.eval(name == "exception").list.any().fill_null(False)
    ).to_series()
