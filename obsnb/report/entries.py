"""What each row of the report says, in plain values: read from the frames once, for every rendering.

Times and durations are nanoseconds, texts are never None, lists are tuples of text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import polars as pl
import polars.selectors as cs

from obsnb.analysis.comparison import OFTEN
from obsnb.ledger import QueryRecord
from obsnb.report.notes import Notes
from obsnb.timerange import TimeRange
from obsnb.views.formats import one_line, shorten

__all__ = [
    "MOST",
    "CallEntry",
    "ErrorEntry",
    "SlowEntry",
    "SuspectEntry",
    "TimelineEntry",
    "calls",
    "errors",
    "slow",
    "suspects",
    "timeline",
    "unsure",
]


@dataclass(frozen=True)
class Most:
    """How many of each a report shows, in every form; the frames have them all."""

    rows: int = 200
    suspects: int = 10
    groups: int = 20
    statements: int = 15
    calls: int = 40


MOST = Most()


@dataclass(frozen=True)
class TimelineEntry:
    """Something that happened; `after` is counted from the onset, where there is one."""

    timestamp: int
    end: int | None
    kind: str
    title: str
    service: str
    source: str
    evidence: tuple[str, ...] = ()
    after: int | None = None
    starred: bool = False


@dataclass(frozen=True)
class SuspectEntry:
    """A service that may have caused it, with its reasons."""

    rank: int | None
    service: str
    score: float | None
    since: int | None
    cause_kind: str
    cause: str
    within: str
    reasons: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def speaks(self) -> bool:
        """Whether anything at all speaks against it."""
        return bool(self.cause or self.reasons)


@dataclass(frozen=True)
class ErrorEntry:
    """Errors that are one error: what, whose, how many requests met it, before and during, and for whom.

    `raised_by` names the errors that it is a symptom of; `lines` and `spans` tell of it.
    """

    group_id: str
    type: str
    message: str
    sample: str
    culprit: str
    service: str
    services: tuple[str, ...]
    count: int | None
    lines: int | None
    spans: int | None
    before: int | None
    within: int | None
    first_seen: int | None
    last_seen: int | None
    is_new: bool
    passed_on: bool
    raised_by: tuple[str, ...]
    routes: tuple[str, ...]
    tenants: tuple[str, ...]
    versions: tuple[str, ...]
    users: tuple[str, ...]
    trace_ids: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def words(self) -> str:
        """The message; one of nothing but placeholders is no message."""
        return self.message if re.search(r"\w", self.message) else "its message differs each time"

    @property
    def told_sample(self) -> str:
        """A message as it came, where the group's own words are not just that."""
        return "" if self.sample == self.words else self.sample

    @property
    def name(self) -> str:
        """Its type, else how its message begins."""
        return self.type or shorten(one_line(self.message), 60) or "an error"


@dataclass(frozen=True)
class SlowEntry:
    """A statement or another client call: how often it ran and how long it took, before and during.

    `n_plus_one` is in how many requests it was repeated.
    """

    statement: str
    operation: str
    kind: str
    tables: tuple[str, ...]
    system: str
    service: str
    peer: str
    count: int | None
    total: float | None
    p50: float | None
    p95: float | None
    max: float | None
    share: float | None
    before_count: int | None
    before_p50: float | None
    before_p95: float | None
    within_count: int | None
    within_p50: float | None
    within_p95: float | None
    change: float | None
    n_plus_one: int | None
    trace_ids: tuple[str, ...]
    evidence: tuple[str, ...]

    @property
    def words(self) -> str:
        """The statement, or what else was called."""
        return self.statement or self.operation or self.kind

    @property
    def told_system(self) -> str:
        """The system, where the name of what was called does not say it already."""
        return "" if self.system.lower() == self.peer.lower() else self.system

    @property
    def told_change(self) -> float | None:
        """How many times as long it takes; of a few calls no 95th percentile can be told."""
        seen = [count for count in (self.before_count, self.within_count) if count is not None]
        return None if seen and min(seen) < OFTEN else self.change

    @property
    def is_call(self) -> bool:
        """Whether it is no statement: a cache, HTTP, a queue, a connection."""
        return not self.statement


@dataclass(frozen=True)
class CallEntry:
    """An edge of the service graph; `peer` says that the callee has no spans of its own."""

    caller: str
    callee: str
    peer: bool
    count: int | None
    errors: int | None
    p50: float | None
    p95: float | None


_LENGTHS = ("total", "p50", "p95", "max", "before_p50", "before_p95", "within_p50", "within_p95")


def _rows(frame: pl.DataFrame | None) -> list[dict[str, Any]]:
    """The rows with times and durations as ns; a statement's times that are bare numbers are seconds."""
    if frame is None:
        return []
    plain = frame.with_columns(
        cs.datetime().cast(pl.Datetime("ns", "UTC")).to_physical(),
        cs.duration().cast(pl.Duration("ns")).to_physical(),
        (cs.categorical() | cs.enum()).cast(pl.String),
    )
    bare = [name for name in _LENGTHS if name in frame.columns and not frame.schema[name].is_temporal()]
    return plain.with_columns(pl.col(bare).cast(pl.Float64) * 1e9).to_dicts()


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _texts(value: Any) -> tuple[str, ...]:
    """The texts of a list; a lone value is a list of one, a struct the values of its fields."""
    if value is None or isinstance(value, bool):
        return ()
    several = value if isinstance(value, list) else [value]
    return tuple(
        " ".join(_text(part) for part in one.values()) if isinstance(one, dict) else str(one)
        for one in several
        if one is not None and one not in ("", 0)
    )


def _as_is(value: Any) -> Any:
    return value


_READ: dict[str, Callable[[Any], Any]] = {"str": _text, "tuple[str, ...]": _texts, "bool": bool}
_Entry = TypeVar("_Entry", TimelineEntry, SuspectEntry, ErrorEntry, SlowEntry, CallEntry)


def _entry(kind: type[_Entry], row: dict[str, Any]) -> _Entry:
    """The row as an entry: each field read from the column of its name, as its type says."""
    return kind(**{one.name: _READ.get(str(one.type), _as_is)(row.get(one.name)) for one in fields(kind)})


def timeline(frame: pl.DataFrame | None, notes: Notes, during: TimeRange | None) -> tuple[TimelineEntry, ...]:
    """The timeline's rows and what people added, in order of time."""
    rows = [row for row in _rows(frame) if row["timestamp"] is not None]
    for note in notes.timeline:
        said = {"title": note.what, "service": note.service, "source": "people"}
        rows.append({"timestamp": note.at_ns, "kind": "note", **said})
    if during is not None:
        rows = [{**row, "after": row["timestamp"] - during.start_ns} for row in rows]
    return tuple(_entry(TimelineEntry, row) for row in sorted(rows, key=lambda row: row["timestamp"]))


def suspects(frame: pl.DataFrame | None) -> tuple[SuspectEntry, ...]:
    """The suspects in the frame's order, best first, and after them those against whom nothing speaks.

    What the cause says already is no reason of its own.
    """
    read = sorted((_entry(SuspectEntry, row) for row in _rows(frame)), key=lambda one: not one.speaks)
    return tuple(
        replace(
            one,
            rank=place,
            cause_kind="" if one.cause_kind == "unknown" else one.cause_kind,
            reasons=tuple(
                reason for reason in one.reasons if reason.rstrip(".").lower() not in one.cause.lower()
            ),
        )
        for place, one in enumerate(read, 1)
    )


def errors(frame: pl.DataFrame | None) -> tuple[ErrorEntry, ...]:
    """The error groups: what came with the incident, what was passed on after the others, then the rest.

    Among each, those come first that there are most more of during than before.
    """
    entries = [_entry(ErrorEntry, row) for row in _rows(frame)]
    names = {one.group_id: one.name for one in entries if one.group_id}
    return tuple(
        replace(one, raised_by=tuple(dict.fromkeys(names.get(cause, cause) for cause in one.raised_by)))
        for one in sorted(entries, key=_place)
    )


def _place(one: ErrorEntry) -> tuple[bool, bool, int, int]:
    more = (one.within or 0) - (one.before or 0)
    return not one.is_new, one.is_new and one.passed_on, -more, -(one.count or 0)


def slow(frame: pl.DataFrame | None) -> tuple[SlowEntry, ...]:
    """The statements, in the frame's order."""
    return tuple(_entry(SlowEntry, row) for row in _rows(frame))


def calls(frame: pl.DataFrame | None) -> tuple[CallEntry, ...]:
    """Who calls whom, in the frame's order."""
    return tuple(_entry(CallEntry, row) for row in _rows(frame))


def unsure(queries: Iterable[QueryRecord]) -> tuple[QueryRecord, ...]:
    """The queries whose answers are not known to be whole, or are only a selection."""
    return tuple(one for one in queries if one.complete != "yes" or one.selection)
