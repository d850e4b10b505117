"""What people made of an incident: the timeline as they tell it, what they checked and supposed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import msgspec
import polars as pl

from obsnb.analysis.hypotheses import Hypothesis
from obsnb.analysis.told import Conclusion, Remark
from obsnb.errors import UsageError
from obsnb.schema import EVENTS

__all__ = ["Entry", "Story", "Tick", "entries_of", "frame_of", "retold", "together"]

#: A moment that a column of nanoseconds can hold.
Ns = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

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

    at_ns: Ns
    title: str
    service: str = ""
    kind: str = "note"
    source: str = ""
    star: bool = False
    was: str = ""
    added: bool = False
    end_ns: Ns | None = None
    evidence: tuple[str, ...] = ()

    @property
    def recorded(self) -> tuple[int, str, str, str]:
        """What tells it from other rows, however it was reworded."""
        return self.at_ns, self.kind, self.was or self.title, self.service


@dataclass(frozen=True)
class Tick:
    """That something was done: by whom, when, and what came of it."""

    who: str
    at_ns: Ns
    note: str = ""


@dataclass(frozen=True)
class Story:
    """What people made of an incident.

    Attributes
    ----------
    timeline
        Its rows in the order in which they are told; none where they stand as they were found.
    ticks
        The ticked items of the checklist.
    hypotheses, conclusions, remarks
        What people supposed, concluded and remarked, in the order in which it was first said.
    """

    timeline: tuple[Entry, ...] = ()
    ticks: Mapping[str, Tick] = field(default_factory=dict)
    hypotheses: tuple[Hypothesis, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Story({len(self.timeline)} rows, {len(self.ticks)} ticks, {len(self.hypotheses)} hypotheses, "
            f"{len(self.conclusions)} conclusions, {len(self.remarks)} remarks)"
        )

    def to_plain(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        plain: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(self)))
        return plain

    def citing(self, other: Callable[[str], str | None]) -> Story:
        """The same with other evidence ids; those for which there is None are left out.

        Parameters
        ----------
        other
            Evidence id → what stands for it.
        """

        def cited(one: Any) -> Any:
            return replace(one, evidence=tuple(new for old in one.evidence if (new := other(old))))

        timeline, hypotheses, conclusions, remarks = (
            tuple(map(cited, rows))
            for rows in (self.timeline, self.hypotheses, self.conclusions, self.remarks)
        )
        return Story(timeline, self.ticks, hypotheses, conclusions, remarks)

    @classmethod
    def parse(cls, text: bytes, *, where: str) -> Story:
        """The story that a JSON text holds; of one that an older version wrote, what it has.

        Raises
        ------
        UsageError
            It is not JSON, or not of this form.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except RecursionError:
            why = "It is nested too deeply"
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            why = str(error)
        raise UsageError(
            f"{where} cannot be read: {why}.",
            hint="It holds the timeline, the checklist and the hypotheses as people wrote them. Take it "
            "away, or fetch it again; the recorded rows do not need it.",
        )


def together(stories: Iterable[Story]) -> Story:
    """Several stories as one: what two of them tell is told as the first has it, the rest at its time."""
    timeline: tuple[Entry, ...] = ()
    ticks: dict[str, Tick] = {}
    hypotheses: dict[str, Hypothesis] = {}
    conclusions: dict[str, Conclusion] = {}
    remarks: dict[str, Remark] = {}
    for one in stories:
        known = {entry.recorded for entry in timeline}
        timeline = retold([entry for entry in one.timeline if entry.recorded not in known], timeline)
        ticks = {**one.ticks, **ticks}
        hypotheses |= {
            tried.statement: tried for tried in one.hypotheses if tried.statement not in hypotheses
        }
        conclusions |= {told.about: told for told in one.conclusions if told.about not in conclusions}
        remarks |= {remark.text: remark for remark in one.remarks if remark.text not in remarks}
    return Story(
        timeline, ticks, tuple(hypotheses.values()), tuple(conclusions.values()), tuple(remarks.values())
    )


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
