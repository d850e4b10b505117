"""What people write into an investigation: a timeline that can be edited, and a checklist."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from obsnb.errors import UsageError
from obsnb.schema import EVENTS
from obsnb.timerange import format_ns, now_ns, parse_instant
from obsnb.views.formats import counted, moment
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, Widget, script
from obsnb.views.widgets.listing import as_polars, cut, whole_number, whole_text

__all__ = ["PHASES", "Checklist", "Entry", "TimelineEditor"]

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


#: The four phases of the debugging guide's checklist.
PHASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "Gather information",
        (
            "Reproduce the issue consistently",
            "Check recent deployments or changes",
            "Review error logs and metrics",
            "Identify affected users and tenants",
        ),
    ),
    (
        "Initial investigation",
        (
            "Check service health endpoints",
            "Review system resource usage",
            "Examine database performance",
            "Check external service connectivity",
        ),
    ),
    (
        "Deep-dive analysis",
        (
            "Analyse distributed traces",
            "Review application logs with correlation ids",
            "Check for memory leaks or resource exhaustion",
            "Examine database query performance",
        ),
    ),
    (
        "Resolution and prevention",
        (
            "Implement the fix and test it thoroughly",
            "Update monitoring and alerting",
            "Document the issue and its resolution",
            "Conduct a post-mortem if necessary",
        ),
    ),
)


@dataclass(frozen=True)
class _Tick:
    """That something was done: by whom, when, and what came of it."""

    who: str
    at_ns: int
    note: str = ""


class Checklist(Widget):
    """The debugging guide's checklist: four phases, each item with who did it, when, and what came of it.

    Parameters
    ----------
    who
        Who ticks; can be changed in the widget.
    path
        A JSON file that it is read from, and written to at each change.

    Attributes
    ----------
    frame
        A row an item: ``phase``, ``item``, ``done``, ``who``, ``when`` (ns, UTC), ``note``.
    selection
        The rows that are done; a frame with ``item`` that is assigned ticks these items and no others.
    """

    _esm = script("checklist")
    quiet_questions = ()

    def __init__(self, *, who: str = "", path: str | Path | None = None) -> None:
        super().__init__()
        self.who = who
        self._path = None if path is None else Path(path)
        self._ticks: dict[str, _Tick] = {}
        if self._path is not None and self._path.exists():
            self._load(self._path)
        self.start = self._view()

    def _load(self, path: Path) -> None:
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
            self._ticks = {
                item: _Tick(str(tick["who"]), int(tick["at_ns"]), str(tick["note"]))
                for item, tick in read.items()
            }
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            raise UsageError(
                f"{path.name} is no checklist that can be read: {error}.", hint="Choose another path."
            ) from None

    @property
    def frame(self) -> pl.DataFrame:
        """Every item with who and when."""
        kinds = {"phase": pl.String, "item": pl.String, "done": pl.Boolean, "who": pl.String}
        kinds |= {"when": pl.Datetime("ns", "UTC"), "note": pl.String}  # type: ignore[dict-item]  # types and classes
        rows = [
            (phase, item, tick is not None, tick and tick.who, tick and tick.at_ns, tick and tick.note)
            for phase, items in PHASES
            for item in items
            for tick in [self._ticks.get(item)]
        ]
        return pl.DataFrame(rows, schema=kinds, orient="row")

    @property
    def selection(self) -> pl.DataFrame:
        """What is done."""
        return self.frame.filter("done")

    @selection.setter
    def selection(self, frame: Any) -> None:
        wanted = {*as_polars(frame, what="Checklist.selection")["item"].to_list()}
        known = [item for _, items in PHASES for item in items]
        self._ticks = {
            item: self._ticks.get(item, _Tick(self.who, now_ns())) for item in known if item in wanted
        }
        self._changed()
        self.tell("changed", **self.start)

    def _changed(self) -> None:
        if self._path is not None:
            ticks = {item: asdict(tick) for item, tick in self._ticks.items()}
            self._path.write_text(json.dumps(ticks, indent=1), encoding="utf-8")
        self.start = self._view()

    def says(self) -> str:
        """How many of the items are done."""
        return f"{len(self._ticks)} of {sum(len(items) for _, items in PHASES)} done"

    def _view(self) -> Answer:
        phases = []
        for phase, items in PHASES:
            rows = []
            for item in items:
                tick = self._ticks.get(item)
                by = f"{cut(tick.who, 80) or 'somebody'}, {moment(tick.at_ns)}" if tick else ""
                rows.append({"item": item, "by": by, "note": whole_text(tick.note)[:500] if tick else ""})
            phases.append({"phase": phase, "items": rows})
        return {"phases": phases, "who": cut(self.who, 80), "says": self.says()}

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """To tick, untick and note."""
        return {"tick": self._tick, "note": self._note}

    def _item(self, given: Mapping[str, Any]) -> str:
        item = given.get("item")
        if not any(item in items for _, items in PHASES):
            raise UsageError("There is no such item.")
        return str(item)

    def _tick(self, given: Mapping[str, Any]) -> Answer:
        item = self._item(given)
        self.who = str(given.get("who", self.who)).strip()[:200]
        if given.get("done"):
            self._ticks[item] = _Tick(self.who, now_ns())
        else:
            self._ticks.pop(item, None)
        self._changed()
        return dict(self.start)

    def _note(self, given: Mapping[str, Any]) -> Answer:
        item = self._item(given)
        if item not in self._ticks:
            raise UsageError("Tick it first; then say what came of it.")
        self._ticks[item] = replace(self._ticks[item], note=str(given.get("note", "")).strip()[:_LONGEST])
        self._changed()
        return dict(self.start)

    def still_form(self) -> str:
        """The items as a table."""
        rows = tuple(
            (phase["phase"], "✓" if row["by"] else "open", row["item"], row["by"], row["note"])
            for phase in self._view()["phases"]
            for row in phase["items"]
        )
        return Table(("phase", "", "item", "who and when", "what came of it"), rows).to_html()
