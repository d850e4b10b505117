"""Answers to one question for parts of a window, as the answer for all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import polars as pl

from obsnb.ledger import Kind, QueryRecord
from obsnb.schema import BY_KIND, digest
from obsnb.sources.base import Answer
from obsnb.timerange import TimeRange

__all__ = ["covering", "joined", "within"]

#: Columns that come after the labels, as sources place them.
_FIELDS = ("metadata.", "parsed.")
_VERDICTS = ("no", "unknown", "yes")


def covering(window: TimeRange, there: Sequence[TimeRange]) -> list[tuple[TimeRange, TimeRange | None]]:
    """A window in consecutive parts, each with what it can be cut from, or None.

    Parameters
    ----------
    there
        Windows in the order of their starts. They may overlap: at each place the one is taken that reaches
        furthest.
    """
    parts: list[tuple[TimeRange, TimeRange | None]] = []
    at = window.start_ns
    while at < window.end_ns:
        here = [one for one in there if at in one]
        if here:
            best = max(here, key=lambda one: one.end_ns)
            end = min(best.end_ns, window.end_ns)
            parts.append((TimeRange(at, end), best))
        else:
            end = min((one.start_ns for one in there if one.start_ns > at), default=window.end_ns)
            end = min(end, window.end_ns)
            parts.append((TimeRange(at, end), None))
        at = end
    return parts


def within(frame: pl.DataFrame, kind: Kind, window: TimeRange) -> pl.DataFrame:
    """The rows of a part of the time, without the columns that none of them has."""
    inside = pl.col("timestamp").to_physical().is_between(window.start_ns, window.end_ns, closed="left")
    return _without_empty(frame.filter(inside), kind)


def joined(answers: Sequence[Answer], window: TimeRange) -> Answer:
    """Lines or series of consecutive windows, as one answer; its cost is that of all of them."""
    first = answers[0].record
    rows = [answer.frame for answer in answers if answer.frame.height] or [answers[0].frame]
    frame = rows[0]
    if len(rows) > 1:
        frame = _in_order(pl.concat(rows, how="diagonal"), first.kind)
        frame = frame if first.kind == "logs" else _series_in_order(frame, first)
    return Answer(frame, _record([answer.record for answer in answers], frame, window))


def _in_order(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Its columns as a source places them: the core, the histogram, labels by name, fields by name."""
    schema = BY_KIND[kind]

    def place(name: str) -> tuple[bool, bool, bool, str]:
        # Labels of series stand by their own names, those of lines by their columns'.
        by = name.removeprefix("label.") if kind == "series" else name
        return name not in schema.names, name not in schema.further, name.startswith(_FIELDS), by

    core = schema.names
    further = sorted((name for name in frame.columns if name not in core), key=place)
    return frame.select(*core, *further)


def _series_in_order(frame: pl.DataFrame, record: QueryRecord) -> pl.DataFrame:
    """A series after another, by their labels, each in order of time."""
    labels = [name for name in frame.columns if name not in (*BY_KIND["series"].names, "histogram")]
    each = frame.select("series_id", "metric", *labels).unique("series_id", maintain_order=True)

    def key(row: dict[str, str | None]) -> list[tuple[str, str]]:
        metric = row["metric"] or ""
        named = [("__name__", metric)] if metric != record.asked else []
        own = [(name.removeprefix("label."), value) for name in labels if (value := row[name]) is not None]
        return sorted([*named, *own])

    order = [row["series_id"] for row in sorted(each.to_dicts(), key=key)]
    places = pl.DataFrame({"series_id": order}).with_row_index("place")
    # The parts follow one another in time: a stable sort keeps each series in order of time.
    return (
        frame.join(places, on="series_id", maintain_order="left")
        .sort("place", maintain_order=True)
        .drop("place")
    )


def _without_empty(frame: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    schema = BY_KIND[kind]
    counts = frame.null_count().row(0, named=True)
    gone = [name for name in frame.columns if name not in schema.names and counts[name] == frame.height]
    return frame.drop(gone)


def _record(records: Sequence[QueryRecord], frame: pl.DataFrame, window: TimeRange) -> QueryRecord:
    worst = min(records, key=lambda one: _VERDICTS.index(one.complete))
    same = [list(group) for group in _runs(records)]
    told = [f"{_span(group)}: {group[0].reason}" if len(same) > 1 else group[0].reason for group in same]
    return replace(
        records[0],
        window=window,
        pages=sum(one.pages for one in records),
        requests=sum(one.requests for one in records),
        retries=sum(one.retries for one in records),
        bytes=sum(one.bytes for one in records),
        seconds=sum(one.seconds for one in records),
        warnings=tuple(dict.fromkeys(text for one in records for text in one.warnings)),
        rows=frame.height,
        complete=worst.complete,
        reason="; ".join(told),
        asked_at_ns=min(one.asked_at_ns for one in records),
        digest=digest(frame),
    )


def _runs(records: Sequence[QueryRecord]) -> list[list[QueryRecord]]:
    """Records that follow one another and say the same."""
    runs = [[records[0]]]
    for before, one in pairwise(records):
        if (before.complete, before.reason) == (one.complete, one.reason):
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _span(group: Sequence[QueryRecord]) -> str:
    return str(TimeRange(group[0].window.start_ns, group[-1].window.end_ns))
