"""A timeline as people tell it: rows starred, reworded, moved and added."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from obsnb.errors import UsageError
from obsnb.schema import EVENTS
from obsnb.timerange import format_ns, parse_instant
from obsnb.views.formats import counted, moment
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, Widget, script
from obsnb.views.widgets.listing import as_polars, cut, whole_number

__all__ = ["Entry", "TimelineEditor"]

_LONGEST = 2_000


@dataclass(frozen=True)
class Entry:
    """A row of the timeline as it is told.

    Attributes
    ----------
    at_ns
        When it happened.
    title, service, kind, source
        What, to whom, which kind of event, and where that is known from.
    star
        Whether it is one of those that matter.
    was
        The title before it was reworded; empty where it was not.
    added
        Whether a person added it.
    """

    at_ns: int
    title: str
    service: str = ""
    kind: str = "note"
    source: str = ""
    star: bool = False
    was: str = ""
    added: bool = False


class TimelineEditor(Widget):
    """A timeline to be told to others: rows starred, reworded, added, and put in order.

    Parameters
    ----------
    timeline
        As `obsnb.timeline` gives it: EVENTS with ``timestamp``, ``kind`` and ``title``.

    Attributes
    ----------
    frame
        EVENTS in the edited order, and ``star``, ``was`` (the title before), ``added`` and ``evidence``
        where the timeline had it.
    selection
        The starred rows; a frame that is assigned stars its rows (by time and title).

    Notes
    -----
    `toml` gives what was added as the ``[[timeline]]`` tables of a notes.toml, which the post-mortem reads.
    """

    _esm = script("timeline")
    quiet_questions = ()

    def __init__(self, timeline: Any) -> None:
        super().__init__()
        self._listeners: list[Callable[[TimelineEditor], object]] = []
        #: Whether anything was changed since it was made.
        self.changed = False
        self._entries: list[Entry] = []
        self._evidence: dict[tuple[int, str], list[str]] = {}
        with self.putting_trouble_in_its_place():
            self._read(as_polars(timeline, what="TimelineEditor"))
            self.start = self._view()

    def _read(self, frame: pl.DataFrame) -> None:
        EVENTS.check(frame.columns, needs=("timestamp", "kind", "title"), what="TimelineEditor")
        rows = EVENTS.conform(frame).drop_nulls("timestamp")
        times = rows["timestamp"].to_physical().to_list()
        evidence = rows["evidence"].to_list() if "evidence" in rows.columns else [None] * rows.height
        for ns, row, known in zip(times, rows.iter_rows(named=True), evidence, strict=True):
            title, service, kind, source = (
                row[name] or "" for name in ("title", "service", "kind", "source")
            )
            self._entries.append(Entry(ns, title, service, kind, source))
            self._evidence[ns, title] = known or []

    # What it holds.

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The rows, in order."""
        return tuple(self._entries)

    @property
    def frame(self) -> pl.DataFrame:
        """The edited timeline."""
        rows = [
            {
                "timestamp": one.at_ns,
                "end": None,
                **{name: getattr(one, name) or None for name in ("kind", "title", "service", "source")},
                **{name: getattr(one, name) for name in ("star", "was", "added")},
                "evidence": self._evidence.get((one.at_ns, one.was or one.title), []),
            }
            for one in self._entries
        ]
        kinds = EVENTS.dtypes() | {"star": pl.Boolean, "was": pl.String, "added": pl.Boolean}
        return pl.DataFrame(rows, schema=kinds | {"evidence": pl.List(pl.String)})

    @property
    def selection(self) -> pl.DataFrame:
        """The starred rows."""
        return self.frame.filter("star")

    @selection.setter
    def selection(self, frame: Any) -> None:
        rows = EVENTS.conform(as_polars(frame, what="TimelineEditor.selection"))
        named = {*zip(rows["timestamp"].to_physical().to_list(), rows["title"].to_list(), strict=True)}
        self._entries = [replace(one, star=(one.at_ns, one.title) in named) for one in self._entries]
        self._changed()
        self.tell("changed", **self.start)

    def toml(self) -> str:
        """What people added, as tables for notes.toml."""
        tables = [
            f"[[timeline]]\nat = {format_ns(one.at_ns)}\nwhat = {json.dumps(one.title)}\n"
            f"service = {json.dumps(one.service)}\n"
            for one in self._entries
            if one.added
        ]
        return "\n".join(tables)

    def on_change(self, listener: Callable[[TimelineEditor], object]) -> None:
        """Call this with the editor whenever something was changed."""
        self._listeners.append(listener)

    def _changed(self) -> None:
        self.changed = True
        self.start = self._view()
        for listener in self._listeners:
            listener(self)

    # What the browser sees and asks.

    def says(self) -> str:
        """How many rows, how many starred and added."""
        if "trouble" in self.start:
            return super().says()
        starred, added = (sum(getattr(one, name) for one in self._entries) for name in ("star", "added"))
        parts = [counted(len(self._entries), "row")]
        parts += [f"{starred} starred"] * bool(starred) + [f"{added} added"] * bool(added)
        return ", ".join(parts)

    def _view(self) -> Answer:
        rows = [
            {
                "time": moment(one.at_ns),
                "title": cut(one.title),
                "whole": cut(one.title, 500),
                "service": cut(one.service, 80),
                "kind": cut(one.kind, 30),
                "star": one.star,
                "added": one.added,
                "was": cut(one.was, 200),
            }
            for one in self._entries[:300]
        ]
        return {"rows": rows, "left_out": len(self._entries) - len(rows), "says": self.says()}

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """To star, reword, move, add and remove."""
        return {
            "star": self._star,
            "reword": self._reword,
            "move": self._move,
            "add": self._add,
            "remove": self._remove,
        }

    def _at(self, given: Mapping[str, Any]) -> int:
        if not self._entries:
            raise UsageError("The timeline has no row yet.")
        return whole_number(given.get("at"), len(self._entries) - 1)

    def _done(self) -> Answer:
        self._changed()
        return dict(self.start)

    def _star(self, given: Mapping[str, Any]) -> Answer:
        at = self._at(given)
        self._entries[at] = replace(self._entries[at], star=not self._entries[at].star)
        return self._done()

    def _reword(self, given: Mapping[str, Any]) -> Answer:
        at, title = self._at(given), str(given.get("title", "")).strip()[:_LONGEST]
        if not title:
            raise UsageError("A row needs words.", hint="Remove what you added, or write what happened.")
        one = self._entries[at]
        was = "" if one.added or title == one.was else one.was or one.title
        self._entries[at] = replace(one, title=title, was=was if title != one.title else one.was)
        return self._done()

    def _move(self, given: Mapping[str, Any]) -> Answer:
        at = self._at(given)
        to = min(max(at + (1 if given.get("down") else -1), 0), len(self._entries) - 1)
        self._entries[at], self._entries[to] = self._entries[to], self._entries[at]
        return {**self._done(), "at": to}

    def _add(self, given: Mapping[str, Any]) -> Answer:
        title = str(given.get("title", "")).strip()[:_LONGEST]
        if not title:
            raise UsageError("What happened is not said.", hint="Write it into the field beside the time.")
        at_ns = parse_instant(str(given.get("time", "")).strip(), tz="UTC")
        entry = Entry(at_ns, title, str(given.get("service", ""))[:200], source="added by hand", added=True)
        place = next((n for n, one in enumerate(self._entries) if one.at_ns > at_ns), len(self._entries))
        self._entries.insert(place, entry)
        return {**self._done(), "at": place}

    def _remove(self, given: Mapping[str, Any]) -> Answer:
        at = self._at(given)
        if not self._entries[at].added:
            raise UsageError("What was recorded stays; only what was added can be removed.")
        del self._entries[at]
        return self._done()

    def still_form(self) -> str:
        """The rows as a table."""
        rows = tuple(
            ("★" if row["star"] else "", row["time"], row["kind"], row["service"], row["title"])
            for row in self._view()["rows"]
        )
        return Table(("", "time", "kind", "service", "what happened"), rows).to_html()
