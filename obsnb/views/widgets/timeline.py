"""A timeline as people tell it: rows starred, reworded, moved and added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from obsnb.analysis.border import like
from obsnb.analysis.story import Entry, entries_of, frame_of
from obsnb.errors import FrameError, UsageError
from obsnb.instants import format_ns, parse_instant
from obsnb.schema import EVENTS
from obsnb.views.formats import counted, moment
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, Widget, script
from obsnb.views.widgets.listing import as_polars, cut, whole_number
from obsnb.views.widgets.turns import in_turn

__all__ = ["TimelineEditor"]

_LONGEST = 2_000
_MOST, _ROOM = 300, 150_000  # rows that are drawn, and bytes that their texts may take in the widget's state


class TimelineEditor(Widget):
    """A timeline to be told to others: rows starred, reworded, added, and put in order.

    Parameters
    ----------
    timeline
        As `obsnb.timeline` gives it: EVENTS with ``timestamp``, ``kind`` and ``title``; or the `frame` of
        another editor, as it was edited there.

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
    quiet_questions = ("words",)
    questions_of_places = ("words", "star", "reword", "move", "remove")

    def __init__(self, timeline: Any) -> None:
        super().__init__()
        self._listeners: list[Callable[[TimelineEditor], object]] = []
        #: Whether anything was changed since it was made.
        self.changed = False
        self._entries: list[Entry] = []
        self._given: Any = None
        with self.putting_trouble_in_its_place():
            frame = as_polars(timeline, what="TimelineEditor")
            self._given = timeline
            self._read(frame)
            self.renew()

    def _read(self, frame: pl.DataFrame) -> None:
        EVENTS.check(frame.columns, needs=("timestamp", "kind", "title"), what="TimelineEditor")
        if not isinstance(frame.schema["timestamp"], pl.Datetime | pl.Null):
            raise FrameError(f"TimelineEditor needs times in timestamp, not {frame.schema['timestamp']}.")
        self._entries = [*entries_of(frame)]

    # What it holds.

    @property
    @in_turn
    def entries(self) -> tuple[Entry, ...]:
        """The rows, in order; may be assigned."""
        return tuple(self._entries)

    @entries.setter
    @in_turn
    def entries(self, entries: Iterable[Entry]) -> None:
        self._entries = [*entries]
        self.rows_moved()
        self.say_changed()
        self._changed()

    @property
    @in_turn
    def frame(self) -> pl.DataFrame:
        """The edited timeline."""
        return frame_of(self._entries)

    @property
    @in_turn
    def selection(self) -> Any:
        """The starred rows, as a frame of the kind that was passed in."""
        return like(self.frame.filter("star"), self._given)

    @selection.setter
    @in_turn
    def selection(self, frame: Any) -> None:
        given = as_polars(frame, what="TimelineEditor.selection")
        EVENTS.check(given.columns, needs=("timestamp", "title"), what="TimelineEditor.selection")
        if self.trouble:
            return
        rows = EVENTS.conform(given)
        named = {*zip(rows["timestamp"].to_physical().to_list(), rows["title"].to_list(), strict=True)}
        self.entries = [replace(one, star=(one.at_ns, one.title) in named) for one in self._entries]

    @in_turn
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
        for listener in self._listeners:
            listener(self)

    # What the browser sees and asks.

    def says(self) -> str:
        """How many rows, how many starred and added."""
        if self.trouble:
            return super().says()
        starred, added = (sum(getattr(one, name) for one in self._entries) for name in ("star", "added"))
        parts = [counted(len(self._entries), "row")]
        parts += [f"{starred} starred"] * bool(starred) + [f"{added} added"] * bool(added)
        return ", ".join(parts)

    def first_view(self) -> Answer:
        """The rows that are drawn, and how many are not."""
        rows: list[Answer] = []
        room = _ROOM
        for one in self._entries[:_MOST]:
            row = _row(one)
            room -= sum(len(text.encode()) for text in row.values() if isinstance(text, str))
            if room < 0:
                break
            rows.append(row)
        return {"rows": rows, "left_out": len(self._entries) - len(rows), "says": self.says()}

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """A row's words whole; to star, reword, move, add and remove."""
        return {
            "words": self._words,
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

    def _words(self, given: Mapping[str, Any]) -> Answer:
        return {"title": self._entries[self._at(given)].title}

    def _star(self, given: Mapping[str, Any]) -> Answer:
        at = self._at(given)
        self._entries[at] = replace(self._entries[at], star=not self._entries[at].star)
        self._changed()
        return {}

    def _reword(self, given: Mapping[str, Any]) -> Answer:
        at, title = self._at(given), str(given.get("title", "")).strip()[:_LONGEST]
        if not title:
            raise UsageError("A row needs words.", hint="Remove what you added, or write what happened.")
        one = self._entries[at]
        was = "" if one.added or title == one.was else one.was or one.title
        self._entries[at] = replace(one, title=title, was=was if title != one.title else one.was)
        self._changed()
        return {}

    def _move(self, given: Mapping[str, Any]) -> Answer:
        at = self._at(given)
        to = min(max(at + (1 if given.get("down") else -1), 0), len(self._entries) - 1)
        self._entries[at], self._entries[to] = self._entries[to], self._entries[at]
        self.rows_moved()
        self._changed()
        return {"at": to}

    def _add(self, given: Mapping[str, Any]) -> Answer:
        title = str(given.get("title", "")).strip()[:_LONGEST]
        if not title:
            raise UsageError("What happened is not said.", hint="Write it into the field beside the time.")
        at_ns = parse_instant(str(given.get("time", "")).strip(), tz="UTC")
        entry = Entry(at_ns, title, str(given.get("service", ""))[:200], source="added by hand", added=True)
        place = next((n for n, one in enumerate(self._entries) if one.at_ns > at_ns), len(self._entries))
        self._entries.insert(place, entry)
        self.rows_moved()
        self._changed()
        return {"at": place}

    def _remove(self, given: Mapping[str, Any]) -> Answer:
        at = self._at(given)
        if not self._entries[at].added:
            raise UsageError("What was recorded stays; only what was added can be removed.")
        del self._entries[at]
        self.rows_moved()
        self._changed()
        return {}

    def still_form(self) -> str:
        """The rows as a table."""
        rows = tuple(
            ("★" if row["star"] else "", row["time"], row["kind"], row["service"], row["title"])
            for row in self.first_view()["rows"]
        )
        return Table(("", "time", "kind", "service", "what happened"), rows).to_html()


def _row(one: Entry) -> Answer:
    return {
        "time": moment(one.at_ns),
        "title": cut(one.title),
        "service": cut(one.service, 80),
        "kind": cut(one.kind, 30),
        "star": one.star,
        "added": one.added,
        "was": cut(one.was, 200),
    }
