"""Answers of several sources to one question, as one: each row says where it came from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import polars as pl

from obsnb.ledger import Kind, QueryRecord
from obsnb.schema import BY_KIND, digest
from obsnb.sources.base import Answer

__all__ = ["SOURCE", "absent", "marked", "merged", "once"]

#: The column that says where a row came from.
SOURCE = "source"

_ID = re.compile(r"[0-9a-f]{16}")
#: The ids of rows and series, which are hashes of what two sources may both have.
_IDS = {"logs": "row_id", "series": "series_id"}
#: By what rows are sorted; series stay one after another.
_ORDER: Mapping[Kind, tuple[str, ...]] = {
    "logs": ("timestamp",),
    "exemplars": ("timestamp",),
    "spans": ("start", "trace_id", "span_id"),
    "events": ("timestamp",),
}
#: Columns that come after the labels, as sources place them.
_FIELDS = ("metadata.", "parsed.")
_VERDICTS = ("no", "unknown", "yes")


def marked(answer: Answer) -> Answer:
    """An answer whose rows say which source they came from, and whose ids are that source's alone.

    A label of the name ``source`` becomes ``label.source``. EVENTS have such a column already, which is
    left as it is.

    Notes
    -----
    An id is a 64-bit hash of what a row or a series is, so that equal lines of two clusters have the
    same. It is combined with a hash of the source's name by exclusive or: ids of one source stay as
    different as they were, those of two are as different as any two hashes, and the same question gives
    the same ids again.
    """
    record = answer.record
    if record.kind == "events":
        return answer
    schema = BY_KIND[record.kind]
    frame = answer.frame
    if SOURCE in frame.columns:
        frame = frame.rename({SOURCE: f"label.{SOURCE}"})
    column = _IDS.get(record.kind)
    if column is not None and frame.height:
        frame = frame.with_columns(_own_ids(frame[column], record.source).alias(column))
    name = pl.lit(record.source, dtype=pl.String).cast(pl.Categorical).alias(SOURCE)
    core = [one for one in frame.columns if one in schema.names]
    rest = [one for one in frame.columns if one not in schema.names]
    frame = frame.select(*core, name, *rest)
    return Answer(frame, replace(record, rows=frame.height, digest=digest(frame)))


def absent(
    alike: QueryRecord, source: str, reason: str, *, complete: Literal["yes", "no"], marks: bool
) -> Answer:
    """No rows of a source, and why: because it failed, or because it has none.

    Parameters
    ----------
    alike
        Another source's record of the same question.
    marks
        Whether the other answers have the column ``source``.
    """
    nothing = BY_KIND[alike.kind].empty()
    record = replace(
        alike,
        source=source,
        pages=0,
        requests=0,
        retries=0,
        rows=0,
        bytes=0,
        seconds=0.0,
        warnings=(),
        complete=complete,
        reason=reason,
        digest=digest(nothing),
        number=0,
    )
    answer = Answer(nothing, record)
    return marked(answer) if marks else answer


def merged(
    parts: Sequence[Answer],
    *,
    limit: int | None = None,
    direction: Literal["forward", "backward"] = "forward",
) -> Answer:
    """The rows of all sources, in the order in which each of them gives its own.

    Parameters
    ----------
    parts
        An answer a source, all of one kind; they come back as the answer's parts.
    limit, direction
        So many lines from one end of the time, or so many traces, of the sources in turn; None means all.
    """
    kind = parts[0].record.kind
    frame = _concat(parts)
    if kind == "spans":
        frame = once(frame)
    order = _ORDER.get(kind)
    frame = frame if order is None else frame.sort(*order, maintain_order=True)
    if limit is not None and kind == "logs":
        frame = frame.head(limit) if direction == "forward" else frame.tail(limit)
    if limit is not None and kind == "spans":
        frame = frame.filter(pl.col("trace_id").is_in(_in_turn(parts, limit)))
    record = _together([part.record for part in parts])
    return Answer(frame, replace(record, rows=frame.height, digest=digest(frame)), tuple(parts))


def once(frame: pl.DataFrame) -> pl.DataFrame:
    """Without spans that came again; two that share an id, as Zipkin's do, differ in something else."""
    alike = ["trace_id", "span_id", "parent_span_id", "name", "kind", "status", "start", "duration"]
    return frame.unique(alike, keep="first", maintain_order=True)


def _concat(parts: Sequence[Answer]) -> pl.DataFrame:
    frames = [part.frame for part in parts if part.frame.height] or [parts[0].frame]
    frame = pl.concat(frames, how="diagonal_relaxed")
    fields = [name for name in frame.columns if name.startswith(_FIELDS)]
    return frame.select(*(name for name in frame.columns if name not in fields), *fields)


def _own_ids(ids: pl.Series, source: str) -> pl.Series:
    """The ids with a source's name in them, equal where they were equal."""
    import numpy as np

    if ids.n_unique() < ids.len():  # of series, one for many points
        words = ids.unique(maintain_order=True)
        return ids.replace_strict(words, _own_ids(words, source), return_dtype=pl.String)
    seed = hashlib.sha256(source.encode()).digest()[:8]
    texts = ids.to_list()
    if all(text is not None and _ID.fullmatch(text) for text in texts):
        numbers = np.frombuffer(bytes.fromhex("".join(texts)), dtype="<u8")
        mixed = (numbers ^ np.frombuffer(seed, dtype="<u8")).tobytes().hex()
        return pl.Series([mixed[at : at + 16] for at in range(0, len(mixed), 16)], dtype=pl.String)
    return pl.Series([_own_id(text, seed) for text in texts], dtype=pl.String)


def _own_id(text: str | None, seed: bytes) -> str | None:
    if text is None:
        return None
    if _ID.fullmatch(text):
        return bytes(one ^ other for one, other in zip(bytes.fromhex(text), seed, strict=True)).hex()
    return hashlib.sha256(seed + text.encode()).hexdigest()[:16]


def _in_turn(parts: Iterable[Answer], limit: int) -> list[str]:
    """So many traces, of the sources in turn, each one's in the order of its rows."""
    queues = [part.frame["trace_id"].unique(maintain_order=True).to_list() for part in parts]
    chosen: dict[str, None] = {}
    for place in range(max(map(len, queues), default=0)):
        chosen |= dict.fromkeys(queue[place] for queue in queues if place < len(queue))
    return list(chosen)[:limit]


def _together(records: Sequence[QueryRecord]) -> QueryRecord:
    """One record of what several sources answered: as complete as the least of them."""
    worst = min(records, key=lambda one: _VERDICTS.index(one.complete))
    doubts = [f"{one.source}: {one.reason}" for one in records if one.complete != "yes"]
    reasons = dict.fromkeys(one.reason for one in records)
    selections = dict.fromkeys(one.selection for one in records if one.selection)
    sums: dict[str, Any] = {
        name: sum(getattr(one, name) for one in records) for name in ("pages", "requests", "retries", "bytes")
    }
    starts, ends = [one.window.start_ns for one in records], [one.window.end_ns for one in records]
    return replace(
        records[0],
        source=", ".join(one.source for one in records),
        window=replace(records[0].window, start_ns=min(starts), end_ns=max(ends)),
        seconds=max(one.seconds for one in records),
        warnings=tuple(dict.fromkeys(text for one in records for text in one.warnings)),
        complete=worst.complete,
        reason="; ".join(doubts or reasons),
        selection="; ".join(selections) or None,
        number=0,
        **sums,
    )
