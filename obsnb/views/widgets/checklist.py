"""The debugging guide's checklist: what was done, by whom, when, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from obsnb.analysis.story import Tick
from obsnb.errors import FrameError, UsageError
from obsnb.instants import now_ns
from obsnb.views.formats import moment
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, Widget, script
from obsnb.views.widgets.listing import as_polars, cut, whole_text
from obsnb.views.widgets.turns import in_turn

__all__ = ["PHASES", "Checklist"]

_LONGEST = 2_000

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
        self._ticks: dict[str, Tick] = {}
        self._listeners: list[Callable[[Checklist], object]] = []
        if self._path is not None and self._path.exists():
            self._load(self._path)
        self.renew()

    def _load(self, path: Path) -> None:
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
            self._ticks = {
                item: Tick(str(tick["who"]), int(tick["at_ns"]), str(tick["note"]))
                for item, tick in read.items()
            }
        except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            raise UsageError(
                f"{path.name} is no checklist that can be read: {error}.", hint="Choose another path."
            ) from None

    @property
    @in_turn
    def ticks(self) -> Mapping[str, Tick]:
        """What is done: item → who, when and what came of it; may be assigned."""
        return MappingProxyType(dict(self._ticks))

    @ticks.setter
    @in_turn
    def ticks(self, ticks: Mapping[str, Tick]) -> None:
        known = [item for _, items in PHASES for item in items]
        self._ticks = {item: ticks[item] for item in known if item in ticks}
        self.say_changed()
        self._changed()

    def on_change(self, listener: Callable[[Checklist], object]) -> None:
        """Call this with the checklist whenever something was ticked, unticked or noted."""
        self._listeners.append(listener)

    @property
    @in_turn
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
    @in_turn
    def selection(self, frame: Any) -> None:
        rows = as_polars(frame, what="Checklist.selection")
        if "item" not in rows.columns:
            raise FrameError(
                f"Items are told by item; the frame has {', '.join(rows.columns) or 'no column'}.",
                hint="Pass rows of this checklist's frame.",
            )
        wanted = {*rows["item"].to_list()}
        self.ticks = {item: self._ticks.get(item, Tick(self.who, now_ns())) for item in wanted}

    def _changed(self) -> None:
        if self._path is not None:
            ticks = {item: asdict(tick) for item, tick in self._ticks.items()}
            self._path.write_text(json.dumps(ticks, indent=1), encoding="utf-8")
        for listener in self._listeners:
            listener(self)

    def says(self) -> str:
        """How many of the items are done."""
        return f"{len(self._ticks)} of {sum(len(items) for _, items in PHASES)} done"

    def first_view(self) -> Answer:
        """The phases, each item with who ticked it, when, and what came of it."""
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
            self._ticks[item] = Tick(self.who, now_ns())
        else:
            self._ticks.pop(item, None)
        self._changed()
        return {}

    def _note(self, given: Mapping[str, Any]) -> Answer:
        item = self._item(given)
        if item not in self._ticks:
            raise UsageError("Tick it first; then say what came of it.")
        self._ticks[item] = replace(self._ticks[item], note=str(given.get("note", "")).strip()[:_LONGEST])
        self._changed()
        return {}

    def still_form(self) -> str:
        """The items as a table."""
        rows = tuple(
            (phase["phase"], "✓" if row["by"] else "open", row["item"], row["by"], row["note"])
            for phase in self.first_view()["phases"]
            for row in phase["items"]
        )
        return Table(("phase", "", "item", "who and when", "what came of it"), rows).to_html()
