"""What memory went to: snapshots as log lines and endpoints tell them, and what grew between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.analysis.line_records import (
    Record,
    answers_of,
    evidence_of,
    moment_ns,
    parsed_lines,
    records_of,
    slim,
    whole,
)
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS, dtype

__all__ = ["memory_differences", "memory_snapshots"]

_SPEAKS = (
    r"(?i)memory|tracemalloc|top_?differences|\brss\b|heap_?used|heap_?total|size_?diff"
    r"|\bsize=[\d.]+ ?[KMGT]?i?B\b|:\d+: \d+(?:\.\d+)? [KMGT]?i?B\b|\[gc\b"
    r"|\bgc\(\d+\)|->\s*\d+[KMG]\(\d+[KMG]\)"
)
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = r"([-+]?\d+(?:\.\d+)?)\s*([KMGT]?)i?B?"
#: As `tracemalloc.Statistic` and `StatisticDiff` print themselves, a rank before them or not.
_STATISTIC = re.compile(
    rf"(?:^|\s)(?:#\d+:\s*)?(?P<place>(?:[\w./\\<>:-]+?)\.\w+:\d+|<[\w ]+>:\d+):\s*(?:size=)?{_SIZE}"
    rf"(?:\s*\({_SIZE}\))?(?:,\s*count=(?P<count>\d+)(?:\s*\((?P<grown>[-+]\d+)\))?)?"
)
_PLACE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
#: JVM: `Pause Young (Normal) 24M->4M(256M)`.
_COLLECTED = re.compile(r"(\d+)([KMG])->(\d+)([KMG])\((\d+)([KMG])\)")
_LISTS = ("topdifferences", "topstats", "top", "differences", "topallocations", "allocations", "statistics")
_TOTALS = (
    ("rss", ("memory_usage.rss", "rss", "rss_bytes", "resident_memory_bytes", "peak_rss_bytes", "max_rss")),
    ("virtual", ("memory_usage.vms", "vms", "vms_bytes", "virtual_memory_bytes")),
    ("heap", ("heap_used", "heapUsed", "heap_alloc", "HeapAlloc", "heap_bytes", "alloc_bytes", "heap_inuse")),
    ("traced", ("traced_memory", "traced_bytes", "current_bytes", "tracemalloc_current")),
)  # fmt: skip
_COLUMNS: dict[str, Any] = {
    "timestamp": dtype("time"),
    "service": pl.String,
    "key": pl.String,
    "kind": pl.String,
    "location": pl.String,
    "size": pl.Int64,
    "count": pl.Int64,
    "size_diff": pl.Int64,
    "count_diff": pl.Int64,
    "evidence": pl.List(pl.String),
}
_RAW = {name: pl.Int64 if name == "timestamp" else kind for name, kind in _COLUMNS.items()}
_DIFFERENCES: dict[str, Any] = {
    "service": pl.String,
    "key": pl.String,
    "kind": pl.String,
    "location": pl.String,
    "snapshots": pl.Int64,
    "first": dtype("time"),
    "last": dtype("time"),
    "first_size": pl.Int64,
    "last_size": pl.Int64,
    "growth": pl.Int64,
    "growth_per_hour": pl.Float64,
    "rising": pl.Float64,
    "evidence": pl.List(pl.String),
}


def memory_snapshots(
    logs: Any = None, answers: Any = None, *, service: str | None = None, conventions: Conventions = DEFAULT
) -> Any:
    """What log lines and endpoints tell of memory: the process' sizes, and what each line of code holds.

    Parameters
    ----------
    logs
        LOGS, parsed or not: lines with the debugging guide's fields (``memory_usage``,
        ``top_differences``), Python's tracemalloc statistics as it prints them, Node's
        ``process.memoryUsage()``, a JVM's collections (``24M->4M(256M)``, what remains counts).
    answers
        What an endpoint answered: text of JSON or a mapping, or several; the time is their ``timestamp``.
    service
        Whose answers these are, where they do not say it.

    Returns
    -------
    frame
        In order of time: ``timestamp``, ``service``, ``key`` (what the snapshot was of, where it says it),
        ``kind`` (``rss``, ``virtual``, ``heap``, ``traced``; ``location`` for a line of code), ``location``
        (file and line), ``size`` (bytes held), ``count`` (blocks), ``size_diff``, ``count_diff`` (against the
        snapshot's own start, where it says that), ``evidence``. Each is null where it was not said.

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    rows = [row for answer in answers_of(answers) for row in _of_answer(answer, service)]
    if logs is not None:
        lines = parsed_lines(logs, what="memory_snapshots", conventions=conventions)
        rows += _of_lines(lines)
    out = pl.DataFrame(rows, schema=_RAW, orient="row")
    out = out.with_columns(pl.col("evidence").fill_null([])).sort("timestamp", maintain_order=True)
    return like(out.select(pl.col(name).cast(kind) for name, kind in _COLUMNS.items()), logs)


def _of_answer(answer: Mapping[str, Any], service: str | None) -> Iterator[dict[str, Any]]:
    record = Record(_slim_fields(answer))
    at = moment_ns(record.text("timestamp", "time"))
    whose = record.text("service", "service.name") or service
    for told in _told(record, ""):
        yield {"timestamp": at, "service": whose} | told


def _slim_fields(answer: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in answer.items():
        fields.setdefault(slim(str(name)), value)
        if isinstance(value, Mapping):
            for inner, deeper in value.items():
                fields.setdefault(slim(str(name)) + slim(str(inner)), deeper)
                fields.setdefault(slim(str(inner)), deeper)
    return fields


def _of_lines(lines: pl.DataFrame) -> list[dict[str, Any]]:
    fields = [
        pl.col(name).is_not_null()
        for name in lines.columns
        if slim(re.sub(r"^\w+\.", "", name)) in (*_LISTS[:2], "memoryusage", "memoryusagerss")
    ]
    speaks = pl.any_horizontal(pl.col("line").str.contains(_SPEAKS), *fields).fill_null(value=False)
    chosen = lines.filter(speaks)
    core = chosen.select(pl.col("timestamp").to_physical(), "service", "line").iter_rows(named=True)
    rows = []
    for row, record, evidence in zip(core, records_of(chosen), evidence_of(chosen), strict=True):
        common = {"timestamp": row["timestamp"], "service": row["service"], "evidence": evidence}
        rows += [common | told for told in _told(record, row["line"] or "")]
    return rows


def _told(record: Record, line: str) -> Iterator[dict[str, Any]]:
    key = record.text("key", "snapshot", "profile", "snapshot_key")
    for kind, names in _TOTALS:
        size = record.number(*names)
        if whole(size) is not None:
            yield {"key": key, "kind": kind, "size": whole(size)}
    entries = next((those for name in _LISTS if (those := _entries(record.get(name)))), [])
    for entry in entries:
        yield {"key": key, "kind": "location"} | entry
    if entries:
        return
    for found in _STATISTIC.finditer(line):
        size, grown = _bytes(found[2], found[3]), _bytes(found[4], found[5])
        yield {
            "key": key,
            "kind": "location",
            "location": found["place"],
            "size": size,
            "size_diff": grown,
            "count": whole(float(found["count"])) if found["count"] else None,
            "count_diff": whole(float(found["grown"])) if found["grown"] else None,
        }
    collected = _COLLECTED.search(line)
    if collected:
        yield {"key": key, "kind": "heap", "size": _bytes(collected[3], collected[4])}


def _bytes(number: str | None, unit: str | None) -> int | None:
    return None if number is None else whole(float(number) * _UNITS[(unit or "").lower()])


def _entries(value: Any) -> list[dict[str, Any]]:
    """Entries of a list of statistics: objects, or a text of JSON with them."""
    if isinstance(value, str):
        wrapped = answers_of([f'{{"list": {value}}}'])
        value = wrapped[0]["list"] if wrapped else None
    if not isinstance(value, list):
        return []
    out = []
    for entry in value:
        if not isinstance(entry, Mapping):
            continue
        one = Record(_slim_fields(entry))
        location = _location(one)
        size, grown = one.number("size", "size_bytes"), one.number("size_diff", "bytes", "diff", "growth")
        count, more = one.number("count"), one.number("count_diff", "blocks")
        if location is not None and (size is not None or grown is not None):
            out.append(
                {
                    "location": location,
                    "size": whole(size),
                    "size_diff": whole(grown),
                    "count": whole(count),
                    "count_diff": whole(more),
                }
            )
    return out


def _location(one: Record) -> str | None:
    """File and line; the guide's ``filename`` is a frame as a traceback prints it."""
    told = one.text("filename", "file", "location", "line", "traceback")
    if told is None:
        return None
    found = _PLACE.search(told)
    if found:
        return f"{found['file']}:{found['line']}"
    number = one.text("lineno", "line_number", "line")
    return (
        f"{told}:{number}" if number and number.isdigit() and not re.search(r":\d+$", told) else told.strip()
    )


def memory_differences(snapshots: Any) -> Any:
    """What grew between the first snapshot and the last, most first.

    Parameters
    ----------
    snapshots
        As `memory_snapshots` gives them. Those without a time are left out.

    Returns
    -------
    frame
        A row a service, key, kind and location: ``snapshots``, ``first``, ``last`` (times),
        ``first_size``, ``last_size`` (bytes; null where only differences were told), ``growth`` (bytes: last
        less first size, else the sum of the differences told), ``growth_per_hour`` (bytes; null for a
        single moment), ``rising`` (share of the steps between snapshots that went up: 1 is what a leak
        looks like, null for a single one), ``evidence`` (of the last).

    Raises
    ------
    FrameError
        It is no frame, or lacks a column.
    """
    frame = to_polars(snapshots, LOGS, needs=("timestamp",), what="memory_differences")
    LOGS.check(
        frame.columns, needs=("service", "kind", "location", "size", "size_diff"), what="memory_differences"
    )
    for name in ("key", "evidence"):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, _COLUMNS[name]).alias(name))
    size, told = pl.col("size").drop_nulls(), pl.col("size_diff")
    value = pl.coalesce(
        "size", pl.col("size_diff").fill_null(0).cum_sum().over("service", "key", "kind", "location")
    )
    ordered = frame.drop_nulls("timestamp").sort("timestamp", maintain_order=True)
    step = pl.col("step").drop_nulls()
    keys = ["service", "key", "kind", "location"]
    grouped = (
        ordered.with_columns((value - value.shift(1).over(keys)).alias("step"))
        .group_by(keys)
        .agg(
            snapshots=pl.len(),
            first=pl.col("timestamp").first(),
            last=pl.col("timestamp").last(),
            first_size=size.first(),
            last_size=size.last(),
            many=size.len(),
            told=pl.when(told.is_not_null().any()).then(told.sum()),
            rising=(step > 0).mean(),
            evidence=pl.col("evidence").last(),
        )
    )
    hours = (pl.col("last") - pl.col("first")).dt.total_nanoseconds() / 3.6e12
    growth = pl.when(pl.col("many") > 1).then(pl.col("last_size") - pl.col("first_size")).otherwise("told")
    out = grouped.with_columns(growth.alias("growth")).with_columns(
        pl.when(hours > 0).then(pl.col("growth") / hours).alias("growth_per_hour")
    )
    out = out.sort("growth", *keys, descending=[True, False, False, False, False], nulls_last=True)
    return like(out.select(pl.col(name).cast(kind) for name, kind in _DIFFERENCES.items()), snapshots)
