r"""What a line of plain text says of itself: access lines, logfmt, a head of time, level and logger.

Everything here is a regular expression over a whole column, in polars' dialect, so that it takes no
Python loop and no line can make it slow. logfmt's pairs are the exception.

Heads that the general rule cannot read are listed in `obsnb.analysis.line_heads`, the forms of access
lines in `obsnb.analysis.access_lines`. The head of syslog is RFC 3164's or RFC 5424's, or rsyslog's with
a time of RFC 3339; the message behind it may have a head of its own.
"""

from __future__ import annotations

import re

import polars as pl

from obsnb.analysis.access_lines import access_fields
from obsnb.analysis.line_heads import LEVEL_NAMES, heads_of
from obsnb.analysis.log_fields import COLUMNS, Wanted, fields_of_lines
from obsnb.analysis.log_levels import SYSLOG
from obsnb.analysis.message_facts import ID_FORM
from obsnb.conventions import METHODS

__all__ = ["fields_of_texts", "route_in", "without_colours", "without_runtime"]

_LOWER = LEVEL_NAMES.lower()
_SHORT = "trce|dbug|fail"  # .NET's console

_ANSI = r"\x1b\[[0-9;?]*[ -/]*[@-~]"
_CRI = r"^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) [FP] "

_ROUTE = (
    rf"\b(?:{METHODS})[\s\"']+"
    r"(?:https?://[^/\s\"']+)?(?P<route>/[^\s\"'?,;]*)"
)

#: Ids in a head: Spring's ``[app,trace,span]`` and ``[trace-span]`` (Spring Boot's guide to tracing), and
#: those of OpenTelemetry's logging for Python.
_HEAD_IDS = (
    r"\[(?:[^\[\],]*,|trace_id=)?(?P<trace_id>[0-9a-f]{32}|[0-9a-f]{16})(?:[,\-]| span_id=)"
    r"(?P<span_id>[0-9a-f]{16})(?:,(?:true|false)| [^\]]*)?\]"
)
#: A trace id that a head names, as mapped contexts do; Datadog's are decimal.
_NAMED_TRACE = r"race_?[iI]d[=:]\s*\"?([0-9a-f]{16,32}|\d{15,20})\b"
_HEAD = 400  # characters in which such ids are looked for
_SYSLOG = (
    r"^(?:<(?P<priority>\d{1,3})>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.\-]+ "
    r"(?P<logger>[\w.\-/]+)(?:\([\w\-]+\)| \d[\d.]*)?(?:\[\d+\])?(?: \([^)\n]*\))?: (?P<message>(?s:.*))$"
)
_RSYSLOG = (
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d) [\w.\-]+ "
    r"(?:(?P<logger>[\w.\-/]+)\[[\w.]+\]|kernel): (?P<message>(?s:.*))$"
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
    r"|(?:[A-Z][a-z]{2}, )?\d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d(?:[.,]\d+)?(?: GMT| UTC| [+-]\d{4})?"
    r"|\d\d[./]\d\d[./]\d{4},? \d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"|\d{8}T\d{6}(?:[.,]\d+)?Z?|\d{8} \d\d:\d\d:\d\d(?:[.,]\d+)?"
    r"|\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?(?: [A-Z]{3,4})?"
    r"|\d\d:\d\d:\d\d(?:[.,]\d+)?Z?)(?: #\d+)?[\])]?[\s|,:\-]*(?P<rest>(?s:.*))$"
)
# What may stand between the time and the level: a few words without spaces, or things in brackets.
_BEFORE = (
    r"(?P<before>(?:(?:\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|[A-Za-z0-9_.$@:/#*+\-]+)[ \t|]+(?:-+[ \t]+|\|"
    r"[ \t]*)?){0,5}?)"
)
_LEVEL = rf"(?:(?P<level>{LEVEL_NAMES})|[\[(<|]\s*(?P<cased>(?i:{_LOWER}))\s*[\])>|])"
_PROCESS = r"(?:/[\w.\-]+\])?"  # behind the level: Celery's ``[time: ERROR/ForkPoolWorker-1]``
_LEVELLED = rf"^{_BEFORE}[\[(<|]?\s*{_LEVEL}{_PROCESS}\s*[\])>|]?(?:[\s:|,\]\-]+)(?P<after>(?s:.*))$"
_BARE = (
    rf"^(?:[\[(<]?(?P<level>{LEVEL_NAMES})[\])>]?(?::(?P<logger>[\w.\-]+):|[\])>:\s|\-]+)"
    rf"|\[(?P<cased>(?i:{_LOWER}))\][:\s\-]*"
    rf"|(?P<short>{_SHORT}|info|warn|crit): (?P<category>[\w.\-+]+)\[\d+\](?:\s+|$)"
    rf"|(?P<channel>[\w\-]+)\.(?P<loud>{LEVEL_NAMES}):\s+"
    rf"|(?P<named>{_LOWER}): )(?P<message>(?s:.*))$"
)
_AFTER = (
    r"^(?:\[[^\]]*\]\s+)?(?:\d+\s+)?(?:---?\s+)?(?:\[[^\]]*\]\s*){0,3}"
    r"(?:(?:\((?:(?P<pretty>[\w.\-]+)/)?\d+(?: on [\w.\-]+)?\)|(?:\w+(?:\{[^}]*\})?:)*\w+\{[^}]*\}:(?:\w+"
    r"(?:\{[^}]*\})?:)*"
    r" (?P<target>\w+(?:::\w+)*)): "
    r"|(?P<dashed>[A-Za-z_][\w.$/:\-]*)(?:\s+[\-:|]\s+|\t+)|(?P<dotted>[A-Za-z_]\w*(?:(?:[.$]|::)"
    r"[\w\-]+)+):\s+"
    r"|in (?P<module>\w+): |-\s+)"
    r"(?P<message>(?s:.*))$"
)
_LOGGERS = ("dashed", "dotted", "module", "pretty", "target")  # groups of the pattern above
_ID_BEFORE = rf"\[({ID_FORM})\]"
_ID_AFTER = rf"^(?:\d+\s+)?(?:---?\s+)?(?:\[[^\]]*\]\s*){{0,2}}?\[({ID_FORM})\]"
_THREAD = r"^(?:\d+\s+)?(?:---?\s+)?(?:\[[^\]]*\]\s+){1,2}"
_LAST_WORD = r"(?:^|[\s|])([A-Za-z_][\w.$/\-]*)[\s|:\-]*$"

_MAY_BE_HEADED = (
    r"^(?:\[?\d{4}-|\d\d:|<\d|[A-Z])"  # an access line of the web server's own begins with an address
)

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
    accesses = access_fields(frame)
    rest = frame.join(accesses, on="row", how="anti")
    logfmt = rest["text"].str.contains(_FIRST_PAIR).fill_null(False)
    parts = [
        _accesses(accesses),
        _pairs(rest.filter(logfmt), wanted),
        _headed(rest.filter(~logfmt)),
    ]
    return pl.concat([_shaped(part) for part in parts]).sort("row").drop("row")


def _shaped(part: pl.DataFrame) -> pl.DataFrame:
    kinds = {"row": pl.UInt32, "format": pl.String} | dict.fromkeys(COLUMNS, pl.String)
    kinds["duration_s"] = pl.Float64
    return part.select(
        (pl.col(name) if name in part.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in kinds.items()
    )


def _accesses(found: pl.DataFrame) -> pl.DataFrame:
    """Access lines are their own message; a logger may have put a head before them."""
    found = found.with_columns(pl.lit("access").alias("format"), pl.col("text").alias("message"))
    begun = found.select("row", "text").filter(pl.col("text").str.contains(_MAY_BE_HEADED))
    if begun.is_empty():
        return found
    return found.join(_headed(begun).select("row", "level", "logger"), on="row", how="left")


def _pairs(frame: pl.DataFrame, wanted: Wanted) -> pl.DataFrame:
    lines = [_pairs_of(text) for text in frame["text"]]
    return frame.select("row", pl.lit("logfmt").alias("format")).hstack(fields_of_lines(lines, wanted))


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
    syslog = _by_priority(
        pl.concat(
            [_groups(frame, "text", pattern) for pattern in (_SYSLOG, _SYSLOG_5424, _RSYSLOG)], how="diagonal"
        )
    )
    within = syslog.select("row", pl.col("message").fill_null("").alias("text"))
    rest = pl.concat([frame.join(syslog, on="row", how="anti"), within])
    known = heads_of(rest)
    rest = rest.join(known, on="row", how="anti")
    timed = _groups(rest, "text", _TIME)
    level = _levelled(timed)
    late = timed.join(level, on="row", how="anti")
    bare = _unheaded(
        pl.concat(
            [
                rest.join(timed, on="row", how="anti"),
                late.select("row", pl.col("rest").alias("text")),
            ]
        )
    )
    said = pl.concat([known, level, bare], how="diagonal")
    return (
        frame.join(said, on="row", how="left", maintain_order="left")
        .join(syslog.drop("message"), on="row", how="left", maintain_order="left", suffix="_outer")
        .with_columns(
            pl.col("message").fill_null(pl.col("text")),
            pl.coalesce("format_outer", "format", pl.lit("text")).alias("format"),
            *(pl.coalesce(name, f"{name}_outer").alias(name) for name in ("level", "logger")),
        )
        .with_columns(pl.col("text").str.slice(0, _HEAD).alias("begin"))
        .with_columns(
            pl.col("begin").str.extract_groups(_HEAD_IDS).struct.unnest(),
            pl.col("begin").str.extract(_NAMED_TRACE, 1).alias("named"),
        )
        .with_columns(pl.coalesce("trace_id", "named").alias("trace_id"))
    )


def _groups(frame: pl.DataFrame, column: str, pattern: str) -> pl.DataFrame:
    """The pattern's groups for the rows that it matches; others are left out."""
    return (
        frame.filter(pl.col(column).str.contains(pattern))
        .select("row", pl.col(column).str.extract_groups(pattern).alias("found"))
        .unnest("found")
    )


def _by_priority(syslog: pl.DataFrame) -> pl.DataFrame:
    """Syslog's lines; the severity is the priority's lowest three bits (RFC 5424, 6.2.1)."""
    severity = pl.col("priority").cast(pl.Int64) % 8
    return syslog.select(
        "row",
        severity.replace_strict(dict(enumerate(SYSLOG)), default=None, return_dtype=pl.String).alias("level"),
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
        pl.coalesce(pl.col("then").struct.field(n) for n in _LOGGERS).alias("logger"),
        pl.coalesce(pl.col("then").struct.field("message"), pl.col("after")).alias("message"),
    )


def _unheaded(frame: pl.DataFrame) -> pl.DataFrame:
    """Lines that begin with their level (a time may follow it), or with nothing that is known."""
    found = _groups(frame, "text", _BARE).with_columns(
        pl.coalesce("level", "cased", "short", "named", "loud").alias("level"),
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
