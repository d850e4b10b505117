"""Error lines by whom they are about, against a baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from obsnb.analysis.failures import PASSED_ON, WAITING
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.mentions import mentioned
from obsnb.analysis.scores import Finding, certainty, rate_z, saturate
from obsnb.analysis.service_names import Names
from obsnb.analysis.windows import side
from obsnb.conventions import DEFAULT, METHODS, SEVERITY, Conventions
from obsnb.timerange import TimeRange

__all__ = ["error_lines", "log_findings", "spoken_calls"]

_SHOWN = 3
_SAID = 1_000  # characters of what an exception says
_SHAPE = 160  # characters of a message that tell its shape
_MASKS = (
    r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\b|\b[0-9a-fA-F]{12,}\b|\d+"
    r"|'[^']{0,80}'" + r'|"[^"]{0,80}"'
)
#: Raw lines that may speak of an error, so that the others need not be parsed.
_CANDIDATE = (
    r"(?i)error|exception|fatal|critical|panic|traceback|fail|severe|emerg|refused|timed? ?out|denied|warn"
    r"|\b5\d\d\b|(?-i:\b[EFW]\d{4} )"
)
_REQUEST = rf"\b(?:{METHODS})\b"
_WORDED = r"(?i)\b(?:error|exception|fatal|critical|panic|traceback|failed|failure)\b"
_GRAVE = tuple(name for name, number in SEVERITY.items() if number >= 17)
_UNSURE = tuple(name for name, number in SEVERITY.items() if 13 <= number < 17)
_WARNING = 0.5  # of an error's weight
_NAMED_PART, _WRITER_PART = 0.75, 0.4  # of a line that names another service, for either


def error_lines(logs: pl.DataFrame, names: Names, *, conventions: Conventions = DEFAULT) -> pl.DataFrame:
    """The lines that say that something failed, and the warnings.

    Errors are lines of that level or above; warnings and lines without a level that tell of an
    exception or an HTTP status of 500 and above; and lines without a level by their words.

    Returns
    -------
    polars.DataFrame
        ``ns``, ``service``, ``text`` (message), ``shape`` (the message with ids, numbers and quoted text
        masked, after the exception's type), ``grade`` (1 for an error, less for a warning), ``request``
        (trace or correlation id), ``trace_id``, ``id`` (row_id), ``passed`` (bool: its HTTP status says
        that another would not answer); errors first, then by time.
    """
    level: Any = pl.col("level").str.to_lowercase() if "level" in logs.columns else pl.lit(None, pl.String)
    told = level.is_in((*_GRAVE, *_UNSURE)) | pl.col("line").str.contains(_CANDIDATE).fill_null(False)
    read = parse_logs(logs.filter(told), conventions=conventions)
    level = pl.coalesce(pl.col("level").cast(pl.String).str.to_lowercase(), "parsed.level")
    answered = (pl.col("parsed.http_status") >= 500).fill_null(False)
    raised = pl.col("parsed.exception_type").is_not_null() | answered
    unsure = level.is_in(_UNSURE).fill_null(False)
    wrong = level.is_in(_GRAVE).fill_null(False) | (raised & (level.is_null() | unsure))
    # A line about a request of its own has its logger's level, however the request ended.
    wrong = wrong | (answered & pl.col("parsed.route").is_not_null() & pl.col("line").str.contains(_REQUEST))
    wrong = wrong | (level.is_null() & pl.col("line").str.contains(_WORDED))
    text = _told()
    masked = text.str.slice(0, 4 * _SHAPE).str.replace_all(_MASKS, "?")
    kind = pl.coalesce("parsed.exception_type", pl.lit(""))
    ids = [pl.col(name).cast(pl.String).replace("", None) for name in ("trace_id", "correlation_id")]
    lines: pl.DataFrame = read.filter(wrong | unsure).select(
        pl.col("timestamp").to_physical().alias("ns"),
        pl.col("service").cast(pl.String),
        text.alias("text"),
        pl.concat_str(kind, masked, separator=" ").str.slice(0, _SHAPE).alias("shape"),
        pl.when(wrong).then(1.0).otherwise(_WARNING).alias("grade"),
        pl.coalesce(*ids, "parsed.request_id").alias("request"),
        ids[0].alias("trace_id"),
        pl.col("row_id").alias("id"),
        pl.col("parsed.http_status").is_in(PASSED_ON).fill_null(False).alias("passed"),
    )
    lines = lines.with_columns(names.services(lines["service"]).fill_null("unknown").alias("service"))
    return lines.sort(pl.col("grade") * -1, "ns", maintain_order=True)


def _told() -> pl.Expr:
    """The message, and behind it what the exception says: many messages are the same whatever happened."""
    text = pl.coalesce("parsed.message", "line")
    kind, said = pl.col("parsed.exception_type"), pl.col("parsed.exception_message").str.slice(0, _SAID)
    named = pl.concat_str(kind, said, separator=": ", ignore_nulls=True)
    for more, mark in ((named, pl.coalesce(said, kind)), (pl.col("parsed.cause").str.slice(0, _SAID),) * 2):
        told = text.str.contains(mark, literal=True).fill_null(True)
        text = pl.when(told).then(text).otherwise(pl.concat_str(text, more, separator=": "))
    return text


def log_findings(
    lines: pl.DataFrame,
    names: Names,
    *,
    during: TimeRange,
    baseline: TimeRange,
    origins: pl.DataFrame | None = None,
    callers: Mapping[str, frozenset[str]] | None = None,
) -> list[Finding]:
    """Error lines that are more frequent than in the baseline, by shape, for whom they are about.

    Of the error lines of one request (trace or correlation id) only the first raised it; the later
    ones passed it on. A line is about the one other service that it names, unless that one calls the
    writer; else about the node that raised the failure in the spans of its trace, else about its
    writer. Without spans, who is named but writes mostly of another itself passed on that one's failure.

    Parameters
    ----------
    lines
        As `error_lines` gives them.
    origins
        ``trace_id``, ``origin`` (the node that raised the failure of a trace, where spans tell) and
        ``waiting`` (bool: it may have waited for another).
    callers
        For a service those that call it, directly or through others.
    """
    lines = lines.with_columns(side(lines["ns"], during, baseline)).drop_nulls("during")
    if lines.is_empty():
        return []
    later = lines["request"].is_not_null() & ~lines["request"].is_first_distinct()
    lines = lines.filter(~later)
    named = mentioned(lines.select("service", "text"), names, callers=callers)
    if origins is None:
        named = _passed_down(lines, named)
        lines = lines.with_columns(origin=pl.lit(None, pl.String), waiting=pl.lit(False))
    else:
        lines = lines.join(origins, on="trace_id", how="left", maintain_order="left")
    vague = (lines["grade"] < 1) | lines["text"].str.contains(WAITING) | lines["passed"]
    vague = vague | lines["waiting"].fill_null(False)
    waits = named.is_null() & vague
    lines = lines.with_columns(pl.coalesce(named, "origin", "service").alias("about"), waits.alias("waits"))
    counted = lines.group_by("service", "about", "shape", maintain_order=True).agg(
        pl.col("during").sum().alias("new"),
        (~pl.col("during")).sum().alias("old"),
        pl.col("ns").filter("during").first().alias("since"),
        pl.col("text").filter("during").first(),
        pl.col("id").filter("during").head(_SHOWN).alias("ids"),
        pl.col("grade").filter("during").mean(),
        pl.col("waits").filter("during").mean(),
    )
    found = []
    for row in counted.iter_rows(named=True):
        z = rate_z(row["new"], during.duration_s, row["old"], baseline.duration_s)
        more = row["new"] / during.duration_s - row["old"] / baseline.duration_s
        if more > 0 and certainty(z):
            found.append((row, certainty(z) * row["grade"], more))
    whole = sum(sure * more for _, sure, more in found) or 1.0
    return [
        finding
        for row, sure, more in found
        for finding in _of_line(row, sure, more * during.duration_s, sure * more / whole)
    ]


def spoken_calls(lines: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Who waits for whom, as error lines say that name another service: for want of spans.

    Returns
    -------
    polars.DataFrame
        ``caller``, ``callee`` and ``peer``, as `obsnb.analysis.service_graph.edges_of` gives them.
    """
    told = lines.filter(pl.col("grade") == 1).select("service", "text")
    named = told.select(pl.col("service").alias("caller"), mentioned(told, names).alias("callee"))
    return named.drop_nulls().unique(maintain_order=True).with_columns(pl.lit(True).alias("peer"))


def _passed_down(lines: pl.DataFrame, named: pl.Series) -> pl.Series:
    """Whom lines name, or whom that one names in turn, if most of its own errors are about another."""
    said = lines.select("service").with_columns(named.alias("named"))
    said = said.filter(lines["during"] & (lines["grade"] == 1))
    counted = (
        said.group_by("service", "named")
        .len()
        .with_columns(part=pl.col("len") / pl.sum("len").over("service"))
    )
    mostly = counted.filter(pl.col("part") > 0.5).drop_nulls("named")
    following = dict(mostly.select("service", "named").iter_rows())
    last = {}
    for name in named.drop_nulls().unique():
        chain = [name]
        while chain[-1] in following and following[chain[-1]] not in chain:
            chain.append(following[chain[-1]])
        last[name] = chain[-1]
    return named.replace(last) if last else named


def _of_line(row: dict[str, Any], sure: float, many: float, share: float) -> list[Finding]:
    writer, node, text = row["service"], row["about"], row["text"]
    waiting = row["waits"] > 0.5
    ends = [(node, _NAMED_PART, waiting), (writer, _WRITER_PART, True)]
    if node == writer:
        ends = [(writer, 1.0, waiting)]
    return [
        Finding(
            service=end,
            signal="logs",
            strength=sure * saturate(many, 10.0) * part,
            share=share,
            since_ns=row["since"],
            reason=(
                f"{writer} wrote {row['new']:,} {_kind_of(row['grade'])} like “{text[:120]}”; "
                f"{row['old']:,} in the baseline."
            ),
            evidence=tuple(f"log:{line}" for line in row["ids"] if line is not None),
            waiting=waits,
            about=text[:200],
        )
        for end, part, waits in ends
    ]


def _kind_of(grade: float) -> str:
    return "error lines" if grade >= 1 else "warnings"
