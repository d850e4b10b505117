r"""What a line of plain text says of itself: access lines, logfmt, a head of time, level and logger.

Everything here is a regular expression over a whole column, in polars' dialect, so that it takes no
Python loop and no line can make it slow. logfmt's pairs are the exception.

The access line is recognised by its quoted request and status, which Apache's and nginx' common and
combined formats, Envoy, Traefik, gunicorn and uvicorn share. The head of klog lines
(``E1123 18:00:00.000000 1 file.go:12] message``) is Kubernetes'; that of syslog is RFC 3164's or
RFC 5424's; that of Redis its own.
"""

from __future__ import annotations

import re

import polars as pl

from obsnb.analysis.log_fields import COLUMNS, Wanted, fields_of_lines
from obsnb.analysis.message_facts import ID_FORM
from obsnb.conventions import METHODS

__all__ = ["fields_of_texts", "route_in", "without_colours", "without_runtime"]

_NAMES = (
    "TRACE|FINEST|VERBOSE|DEBUG|FINER?|INFORMATION|INFO|NOTICE|LOG|WARNING|WARN|ERROR|ERR|SEVERE|CRITICAL|CRIT"
    "|ALERT|EMERGENCY|EMERG|FATAL|PANIC"
)
_LOWER = _NAMES.lower()
_SHORT = "trce|dbug|fail"  # .NET's console
_THREE = "VRB|DBG|INF|WRN|ERR|FTL"  # Serilog's and zerolog's

_ANSI = r"\x1b\[[0-9;?]*[ -/]*[@-~]"
_CRI = r"^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] "

_ACCESS = (
    rf'"(?:{METHODS}|CONNECT|TRACE|PROPFIND) (?P<route>[^\s"]+)'
    r'(?: HTTP/\d(?:\.\d)?)?" (?P<http_status>[1-5]\d\d)(?:\s|$)'
)
_ACCESS_TIME = r"\b(?:request_time|rt|duration|latency|took)[=:]\s*\"?(\d+(?:\.\d+)?)"
#: Envoy's default access log and Istio's: status, flags (why), bytes received and sent, milliseconds.
_ENVOY_MS = r'" [1-5]\d\d \S+ (?:\S+ \S+ "[^"]*" |"[^"]*" )?\d+ \d+ (\d+) (?:\d+|-) "'
_ROUTE = (
    rf"\b(?:{METHODS})[\s\"']+"
    r"(?:https?://[^/\s\"']+)?(?P<route>/[^\s\"'?,;]*)"
)

_KLOG = r"^(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ (?P<logger>[\w.\-/]+:\d+)\] (?P<message>(?s:.*))$"
#: Redis and Valkey: process, role, time, and a sign for the level (debug, verbose, notice, warning).
_REDIS = (
    r"^\d+:[XCSM] \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} (?P<sign>[.\-*#]) (?P<message>(?s:.*))$"
)
_REDIS_LEVELS = {".": "debug", "-": "verbose", "*": "notice", "#": "warning"}
#: Ids in a head: Spring's ``[app,trace,span]`` and ``[trace-span]`` (Spring Boot's guide to tracing), and
#: those of OpenTelemetry's logging for Python.
_HEAD_IDS = (
    r"\[(?:[^\[\],]*,|trace_id=)?(?P<trace_id>[0-9a-f]{32}|[0-9a-f]{16})(?:[,\-]| span_id=)"
    r"(?P<span_id>[0-9a-f]{16})(?:,(?:true|false)| [^\]]*)?\]"
)
_HEAD = 400  # characters in which such ids are looked for
_SYSLOG = (
    r"^(?:<(?P<priority>\d{1,3})>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.\-]+ "
    r"(?P<logger>[\w.\-/]+)(?:\[\d+\])?: (?P<message>(?s:.*))$"
)
_SYSLOG_5424 = (
    r"^<(?P<priority>\d{1,3})>1 (?:-|\d{4}-\d\d-\d\dT\S+) \S+ (?P<logger>\S+) \S+ \S+ "
    r"(?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: \x{feff}?(?P<message>(?s:.*)))?$"
)
_TIME = (
    r"^\s*(?:[A-Z], )?[\[(]?(?:\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?"
    r"(?:Z| ?[+-]\d\d:?\d\d| (?:UTC|GMT|[A-Z]{2,4}T))?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d(?: [+-]\d{4})?"
    r"|[A-Z][a-z]{2} [ \d]?\d \d\d:\d\d:\d\d(?:\.\d+)?(?: \d{4})?"
    r"|\d\d:\d\d:\d\d[.,]\d+)(?: #\d+)?[\])]?[\s|,:\-]*(?P<rest>(?s:.*))$"
)
# What may stand between the time and the level: a few words without spaces, or things in brackets.
_BEFORE = (
    r"(?P<before>(?:(?:\[[^\]]*\]|\([^)]*\)|[A-Za-z0-9_.$@:/#*+\-]+)[ \t|]+(?:-+[ \t]+|\|[ \t]*)?){0,5}?)"
)
_LEVEL = rf"(?:(?P<level>{_NAMES}|{_THREE})|[\[(<|]\s*(?P<cased>(?i:{_LOWER}))\s*[\])>|])"
_PROCESS = r"(?:/[\w.\-]+\])?"  # behind the level: Celery's ``[time: ERROR/ForkPoolWorker-1]``
_LEVELLED = rf"^{_BEFORE}[\[(<|]?\s*{_LEVEL}{_PROCESS}\s*[\])>|]?(?:[\s:|,\]\-]+)(?P<after>(?s:.*))$"
_BARE = (
    rf"^(?:[\[(<]?(?P<level>{_NAMES})[\])>]?(?::(?P<logger>[\w.\-]+):|[\])>:\s|\-]+)"
    rf"|\[(?P<cased>(?i:{_LOWER}))\][:\s\-]*"
    rf"|(?P<short>{_SHORT}|info|warn|crit): (?P<category>[\w.\-+]+)\[\d+\](?:\s+|$)"
    rf"|(?P<channel>[\w\-]+)\.(?P<loud>{_NAMES}):\s+"
    rf"|(?P<named>{_LOWER}): "
    rf"|\[\d\d:\d\d:\d\d(?:\.\d+)? (?P<three>{_THREE})\]\s*)(?P<message>(?s:.*))$"
)
_AFTER = (
    r"^(?:\[[^\]]*\]\s+)?(?:\d+\s+)?(?:---?\s+)?(?:\[[^\]]*\]\s*){0,3}"
    r"(?:(?P<dashed>[A-Za-z_][\w.$/:\-]*)(?:\s+[\-:|]\s+|\t+)|(?P<dotted>[A-Za-z_]\w*(?:(?:[.$]|::)\w+)+):\s+"
    r"|in (?P<module>\w+): |-\s+)"
    r"(?P<message>(?s:.*))$"
)
_ID_BEFORE = rf"\[({ID_FORM})\]"
_ID_AFTER = rf"^(?:\d+\s+)?(?:---?\s+)?(?:\[[^\]]*\]\s*){{0,2}}?\[({ID_FORM})\]"
_THREAD = r"^(?:\d+\s+)?(?:---?\s+)?(?:\[[^\]]*\]\s+){1,2}"
_LAST_WORD = r"(?:^|[\s|])([A-Za-z_][\w.$/\-]*)[\s|:\-]*$"

_PAIR = re.compile(r'([A-Za-z_@][\w.@/\-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))(?=\s|$)')
_FIRST_PAIR = r'^\s*[A-Za-z_@][\w.@/\-]*=(?:"(?:[^"\\]|\\.)*"|[^\s"]*)\s+(?:\w+\s+)?[A-Za-z_@][\w.@/\-]*='
_ESCAPED = re.compile(r"\\(.)")
_UNESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def without_colours(line: pl.Series) -> pl.Series:
    """The lines without terminal escapes (ECMA-48's control sequences)."""
    return line.str.replace_all(_ANSI, "")


def without_runtime(line: pl.Series) -> pl.Series:
    """The lines without the prefix of Kubernetes' container runtime interface."""
    return line.str.replace(_CRI, "")


def route_in(text: pl.Expr) -> pl.Expr:
    """The path after an HTTP method, without its query; null where the text names none."""
    return text.str.extract(_ROUTE, 1)


def fields_of_texts(texts: pl.Series, wanted: Wanted) -> pl.DataFrame:
    """``format`` and the `obsnb.analysis.log_fields.COLUMNS` of lines that are no JSON.

    Returns
    -------
    polars.DataFrame
        A row a text; ``format`` is access, logfmt, asctime (a head of time and level, in whatever
        order) or text. What is not known is null; ``message`` is then the text itself.
    """
    frame = texts.alias("text").to_frame().with_row_index("row")
    access = pl.col("text").str.contains(_ACCESS)
    logfmt = pl.col("text").str.contains(_FIRST_PAIR)
    frame = frame.with_columns(
        pl.when(access)
        .then(pl.lit("access"))
        .when(logfmt)
        .then(pl.lit("logfmt"))
        .otherwise(pl.lit("text"))
        .alias("format")
    )
    parts = [
        _accesses(frame.filter(pl.col("format") == "access")),
        _pairs(frame.filter(pl.col("format") == "logfmt"), wanted),
        _headed(frame.filter(pl.col("format") == "text")),
    ]
    return pl.concat([_shaped(part) for part in parts]).sort("row").drop("row")


def _shaped(part: pl.DataFrame) -> pl.DataFrame:
    kinds = {"row": pl.UInt32, "format": pl.String} | dict.fromkeys(COLUMNS, pl.String)
    kinds["duration_s"] = pl.Float64
    return part.select(
        (pl.col(name) if name in part.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in kinds.items()
    )


def _accesses(frame: pl.DataFrame) -> pl.DataFrame:
    text = pl.col("text")
    return frame.with_columns(
        text.str.extract_groups(_ACCESS).struct.unnest(),
        pl.coalesce(
            text.str.extract(_ACCESS_TIME, 1).cast(pl.Float64),
            text.str.extract(_ENVOY_MS, 1).cast(pl.Float64) / 1e3,
        ).alias("duration_s"),
        text.str.extract(rf"^({_NAMES})\b", 1).alias("level"),
        text.alias("message"),
    ).with_columns(pl.col("route").str.replace(r"\?.*$", "").str.replace(r"^https?://[^/]+", ""))


def _pairs(frame: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    lines = [_pairs_of(text) for text in frame["text"]]
    return frame.select("row", "format").hstack(fields_of_lines(lines, wanted))


def _pairs_of(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, bare in _PAIR.findall(text):
        value = quoted or bare
        if "\\" in quoted:
            value = _ESCAPED.sub(lambda m: _UNESCAPED.get(m[1], m[1]), quoted)
        found.setdefault(name, value)
    return found


def _headed(frame: pl.DataFrame) -> pl.DataFrame:
    """Level, logger and message of lines with a head; the others are their own message."""
    klog = _groups(frame, "text", _KLOG)
    redis = _groups(frame, "text", _REDIS).select(
        "row", pl.col("sign").replace_strict(_REDIS_LEVELS).alias("level"), "message"
    )
    klog = pl.concat([klog, redis], how="diagonal")
    others = frame.join(klog, on="row", how="anti")
    syslog = pl.concat(
        [_groups(others, "text", _SYSLOG), _groups(others, "text", _SYSLOG_5424)], how="diagonal"
    )
    rest = frame.join(pl.concat([klog.select("row"), syslog.select("row")]), on="row", how="anti")
    timed = _groups(rest, "text", _TIME)
    level = _levelled(timed)
    late = timed.join(level, on="row", how="anti")
    bare = _unheaded(
        pl.concat(
            [
                rest.join(timed, on="row", how="anti").select("row", "text"),
                late.select("row", pl.col("rest").alias("text")),
            ]
        )
    )
    said = pl.concat(
        [
            klog.select("row", "level", "logger", "message", pl.lit("asctime").alias("format")),
            _by_priority(syslog),
            level,
            bare,
        ],
        how="diagonal",
    )
    return (
        frame.drop("format")
        .join(said, on="row", how="left", maintain_order="left")
        .with_columns(pl.col("message").fill_null(pl.col("text")), pl.col("format").fill_null("text"))
        .with_columns(pl.col("text").str.slice(0, _HEAD).str.extract_groups(_HEAD_IDS).struct.unnest())
    )


def _groups(frame: pl.DataFrame, column: str, pattern: str) -> pl.DataFrame:
    """The pattern's groups for the rows that it matches; others are left out."""
    return (
        frame.filter(pl.col(column).str.contains(pattern))
        .select("row", pl.col(column).str.extract_groups(pattern).alias("found"))
        .unnest("found")
    )


def _by_priority(syslog: pl.DataFrame) -> pl.DataFrame:
    """Syslog lines; the severity is the priority's lowest three bits (RFC 5424, 6.2.1)."""
    names = ("emergency", "alert", "critical", "error", "warn", "notice", "info", "debug")
    severity = pl.col("priority").cast(pl.Int64) % 8
    return syslog.select(
        "row",
        severity.replace_strict(dict(enumerate(names)), default=None, return_dtype=pl.String).alias("level"),
        "logger",
        "message",
        pl.lit("asctime").alias("format"),
    )


def _levelled(timed: pl.DataFrame) -> pl.DataFrame:
    """Lines with a time and then, after at most a few words, a level."""
    found = _groups(timed, "rest", _LEVELLED)
    before = pl.col("before").str.replace_all(r"\[[^\]]*\]|\([^)]*\)", "").str.extract(_LAST_WORD, 1)
    ids = pl.coalesce(pl.col("before").str.extract(_ID_BEFORE, 1), pl.col("after").str.extract(_ID_AFTER, 1))
    named = found.with_columns(before.alias("before"), ids.alias("correlation_id"))
    return pl.concat(
        [
            _after(named.filter(pl.col("before").is_null())),
            named.filter(pl.col("before").is_not_null()).select(
                "row",
                "correlation_id",
                pl.coalesce("level", "cased").alias("level"),
                pl.col("before").alias("logger"),
                pl.col("after").str.replace(_THREAD, "").alias("message"),
            ),
        ]
    ).with_columns(pl.lit("asctime").alias("format"))


def _after(found: pl.DataFrame) -> pl.DataFrame:
    """Logger and message of what comes after the level."""
    return found.select(
        "row",
        "correlation_id",
        pl.coalesce("level", "cased").alias("level"),
        pl.col("after").str.extract_groups(_AFTER).alias("then"),
        pl.col("after").str.replace(_THREAD, ""),
    ).select(
        "row",
        "correlation_id",
        "level",
        pl.coalesce(pl.col("then").struct.field(n) for n in ("dashed", "dotted", "module")).alias("logger"),
        pl.coalesce(pl.col("then").struct.field("message"), pl.col("after")).alias("message"),
    )


def _unheaded(frame: pl.DataFrame) -> pl.DataFrame:
    """Lines that begin with their level (a time may follow it), or with nothing that is known."""
    found = _groups(frame, "text", _BARE).with_columns(
        pl.coalesce("level", "cased", "short", "named", "loud", "three").alias("level"),
        pl.coalesce("logger", "category", "channel").alias("logger"),
    )
    timed = _groups(found.select("row", "message"), "message", _TIME)
    rest = pl.col("rest").alias("after")
    ids = pl.col("rest").str.extract(_ID_AFTER, 1).alias("correlation_id")
    late = _after(timed.join(found, on="row").select("row", "level", "cased", rest, ids))
    return pl.concat(
        [
            found.join(late, on="row", how="anti").select("row", "level", "logger", "message"),
            late,
            frame.join(found, on="row", how="anti").select(
                "row",
                pl.lit(None, pl.String).alias("level"),
                pl.lit(None, pl.String).alias("logger"),
                pl.col("text").alias("message"),
            ),
        ],
        how="diagonal",
    ).with_columns(pl.lit("text").alias("format"))
