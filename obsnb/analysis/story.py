"""What people made of an incident: the timeline as they tell it, and what they checked, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec
import polars as pl

from obsnb.errors import UsageError
from obsnb.schema import EVENTS

__all__ = ["Entry", "Story", "Tick", "entries_of", "frame_of", "retold"]

_MARKS = {"star": pl.Boolean, "was": pl.String, "added": pl.Boolean, "evidence": pl.List(pl.String)}


@dataclass(frozen=True)
class Entry:
    """A row of the timeline as it is told.

    Attributes
    ----------
    at_ns, end_ns
        When it happened, and when it was over, where that is known.
    title, service, kind, source
        What, to whom, which kind of event, and where that is known from.
    star
        Whether it is one of those that matter.
    was
        The title before it was reworded; empty where it was not.
    added
        Whether a person added it.
    evidence
        Ids of the rows that it is known from.
    """

    at_ns: int
    title: str
    service: str = ""
    kind: str = "note"
    source: str = ""
    star: bool = False
    was: str = ""
    added: bool = False
    end_ns: int | None = None
    evidence: tuple[str, ...] = ()

    @property
    def recorded(self) -> tuple[int, str, str, str]:
        """What tells it from other rows, however it was reworded."""
        return self.at_ns, self.kind, self.was or self.title, self.service


@dataclass(frozen=True)
class Tick:
    """That something was done: by whom, when, and what came of it."""

    who: str
    at_ns: int
    note: str = ""


@dataclass(frozen=True)
class Story:
    """The timeline in the order in which it is told (empty: as it was found), and the ticked items."""

    timeline: tuple[Entry, ...] = ()
    ticks: Mapping[str, Tick] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Story({len(self.timeline)} rows, {len(self.ticks)} ticks)"

    def to_plain(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        return {
            "timeline": [asdict(one) | {"evidence": [*one.evidence]} for one in self.timeline],
            "ticks": {item: asdict(tick) for item, tick in self.ticks.items()},
        }

    @classmethod
    def parse(cls, text: bytes, *, where: str) -> Story:
        """The story that a JSON text holds.

        Raises
        ------
        UsageError
            It is not JSON, or not of this form.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError as error:
            raise UsageError(
                f"{where} cannot be read: {error}.",
                hint="It holds the timeline and the checklist as they were edited. Take it away, or fetch it "
                "again; the recorded rows do not need it.",
            ) from None


def entries_of(timeline: pl.DataFrame) -> tuple[Entry, ...]:
    """The rows of a timeline that have a time, with what `frame_of` wrote of them where that is there."""
    rows = EVENTS.conform(timeline).drop_nulls("timestamp")
    marks = {
        name: rows[name].to_list() if rows.schema.get(name) == kind else [None] * rows.height
        for name, kind in _MARKS.items()
    }
    columns = {name: rows[name].cast(pl.String).to_list() for name in ("title", "service", "kind", "source")}
    columns |= {name: rows[name].to_physical().to_list() for name in ("timestamp", "end")} | marks
    return tuple(
        _entry({name: values[row] for name, values in columns.items()}) for row in range(rows.height)
    )


def _entry(row: Mapping[str, Any]) -> Entry:
    texts: dict[str, Any] = {name: row[name] or "" for name in ("title", "service", "kind", "source", "was")}
    ids = tuple(one for one in row["evidence"] or () if one is not None)
    more: dict[str, Any] = {"star": bool(row["star"]), "added": bool(row["added"]), "evidence": ids}
    return Entry(at_ns=row["timestamp"], end_ns=row["end"], **texts, **more)


def frame_of(entries: Iterable[Entry]) -> pl.DataFrame:
    """EVENTS in this order, with ``star``, ``was`` (the title before), ``added`` and ``evidence``."""
    rows = [
        {
            "timestamp": one.at_ns,
            "end": one.end_ns,
            **{name: getattr(one, name) or None for name in ("kind", "title", "service", "source")},
            **{name: getattr(one, name) for name in ("star", "was", "added")},
            "evidence": [*one.evidence],
        }
        for one in entries
    ]
    return pl.DataFrame(rows, schema=EVENTS.dtypes() | _MARKS)


def retold(found: Iterable[Entry], told: Iterable[Entry]) -> tuple[Entry, ...]:
    """A timeline that was found, as it was told before: its order, words and stars, and what was added.

    What was found and never told stands at its time; what was told and is not found any more stays.

    Parameters
    ----------
    found
        The rows as they are found now.
    told
        As they were told when the story was saved.
    """
    fresh = [*found]
    out = []
    for one in told:
        now = None if one.added else next((new for new in fresh if new.recorded == one.recorded), None)
        if now is not None:
            fresh.remove(now)
        out.append(one if now is None else replace(one, evidence=now.evidence, end_ns=now.end_ns))
    for one in fresh:
        place = next((n for n, other in enumerate(out) if other.at_ns > one.at_ns), len(out))
        out.insert(place, one)
    return tuple(out)
