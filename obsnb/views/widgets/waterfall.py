"""A trace as a waterfall: ten thousand spans, folded and searched, with the critical path and self times."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from obsnb.errors import UsageError
from obsnb.schema import LOGS
from obsnb.views.formats import clock, counted, duration, moment
from obsnb.views.spanchart import UNKNOWN, Bar, Waterfall, draw_waterfall
from obsnb.views.svg import round_ticks
from obsnb.views.theme import slots
from obsnb.views.widgets.base import Answer, picture, script
from obsnb.views.widgets.listing import ListWidget, Places, as_polars, cut, whole_number, whole_text
from obsnb.views.widgets.spantree import SpanTree, plant
from obsnb.views.widgets.turns import in_turn

__all__ = ["TraceWaterfall"]

_LINES = 100  # log lines below a span's details
_EVENTS = 50
_WAITS = 24  # stretches of the critical path that one bar can show
_STILL = 40  # spans of the static form
_SHOWN_TICKS = 6
_LEGEND = 14  # services that the legend names; every row names its own


class TraceWaterfall(ListWidget):
    """One trace's spans below each other, as long as they took.

    Parameters
    ----------
    spans
        SPANS: polars (also lazy), pandas or pyarrow. Of several traces one is shown at a time.
    trace_id
        Which trace; the first one unless told. `show` changes it.
    logs
        LOGS: lines with the trace's id stand in the details of their span.
    height
        Pixels of the list.

    Attributes
    ----------
    selection
        The chosen spans as a frame; may be assigned.
    trace_id
        The trace that is shown.

    Notes
    -----
    The critical path is `obsnb.critical_path`, self time `obsnb.self_time`. Spans that are each other's
    ancestors, and those whose parent is missing, stand as roots, and the heading says how many. Keys:
    left and right fold and unfold; Enter shows a span's details; space chooses; / searches.
    """

    _esm = script("waterfall")
    told_by = (("trace_id", "span_id"),)

    def __init__(
        self, spans: Any, *, trace_id: str | None = None, logs: Any = None, height: int = 420
    ) -> None:
        super().__init__()
        self.trace_id = trace_id
        self._height = height
        self._spans, self._lines = spans, None
        self._tree: SpanTree | None = None
        with self.putting_trouble_in_its_place():
            if logs is not None:
                self._lines = as_polars(logs, what="TraceWaterfall")
            self._plant(trace_id)

    @in_turn
    def show(self, trace_id: str) -> None:
        """Show another trace of the frame.

        Raises
        ------
        FrameError
            The frame has no span of it.
        """
        self._plant(trace_id)
        self.say_changed()
        self.tell("look")

    def _plant(self, trace_id: str | None) -> None:
        frame = (
            self.take(self._spans) if self._tree is None else as_polars(self._spans, what="TraceWaterfall")
        )
        self._tree = plant(frame, trace_id)
        self.trace_id = self._tree.spans["trace_id"][0]
        self.hold(self._tree.spans, self._spans)
        self._folded: set[int] = set()
        self._query: Answer = {"text": "", "path": False, "failed": False}
        self._hits = np.zeros(self.source.height, dtype=np.bool_)
        self._services = [one or UNKNOWN for one in self.source["service"].cast(pl.String).to_list()]
        self._slots = slots(self._services)
        self.renew()

    @property
    def _grown(self) -> SpanTree:
        if self._tree is None:
            raise UsageError("There is no trace to show.")
        return self._tree

    # What is drawn.

    def says(self) -> str:
        """How many spans and services, how long, and what is odd about the tree."""
        if self._tree is None:
            return super().says()
        tree, chosen = self._tree, int(self.chosen.sum())
        failed = int((self.source["status"].cast(pl.String) == "error").sum())
        parts = [f"trace {self.trace_id}", counted(self.source.height, "span"), duration(tree.length)]
        parts += [f"{failed:,} failed"] * (failed > 0) + [f"{chosen:,} selected"] * (chosen > 0)
        if tree.loose:
            parts.append(f"{counted(tree.loose, 'span')} without the parent they name")
        return ", ".join(parts)

    def first_view(self) -> Answer:
        """The axis, the services' colours and the first spans."""
        length = self._grown.length
        ticks = [tick for tick in round_ticks(length / 1e6, _SHOWN_TICKS) if tick * 1e6 < 0.97 * length]
        return {
            **super().first_view(),
            "query": self._query,
            "height": self._height,
            "ticks": [{"at": tick * 1e6 / length, "says": duration(tick * 1e6)} for tick in ticks],
            "services": [{"name": cut(name, 60), "slot": slot} for name, slot in self._slots.items()][
                :_LEGEND
            ],
            "further": max(len(self._slots) - _LEGEND, 0),
        }

    def drawn(self, places: Places) -> list[Answer]:
        """Cells and bars of spans."""
        wanted = ["name", "status", "status_message", "kind", "self_time"]
        rows = self.source.select(wanted)[places].with_columns(
            pl.col("self_time").to_physical(), pl.col("status", "kind").cast(pl.String)
        )
        return [
            self._cells(int(place), row)
            for place, row in zip(places, rows.iter_rows(named=True), strict=True)
        ]

    def _cells(self, place: int, row: Mapping[str, Any]) -> Answer:
        tree, service = self._grown, self._services[place]
        took, own, offset = int(tree.duration[place]), row["self_time"] or 0, int(tree.offset[place])
        waits = tree.waits.get(place, [])[:_WAITS]
        failed = row["status"] == "error"
        words = [f"{service}: {row['name']}", f"took {duration(took)}, of it {duration(own)} itself"]
        words += [f"starts at {duration(offset)}"] + ["on the critical path"] * bool(waits)
        words += [f"error {row['status_message'] or ''}".strip()] * failed
        return {
            "name": cut(row["name"], 200),
            "service": "" if self._is_of_its_parent_s(place) else cut(service, 80),
            "slot": self._slots[service],
            "depth": int(tree.depth[place]),
            "below": int(tree.size[place]) - 1,
            "open": place not in self._folded,
            "at": offset / tree.length,
            "long": took / tree.length,
            "took": duration(took),
            "own": duration(own),
            "failed": failed,
            "waits": [[at / tree.length, long / tree.length] for at, long in waits],
            "hit": bool(self._hits[place]),
            "says": cut(", ".join(words)),
        }

    def _is_of_its_parent_s(self, place: int) -> bool:
        """Whether a span is of the same service as the span above it, which says so already."""
        above = int(self._grown.parent[place])
        return above >= 0 and self._services[above] == self._services[place]

    def still_form(self) -> str:
        """The waterfall of the most telling spans, as a drawing."""
        kept = self._grown.most_telling(_STILL, (self.source["status"].cast(pl.String) == "error").to_numpy())
        bars = tuple(self._bar(int(place)) for place in kept)
        left_out = self.source.height - len(bars)
        shown = Waterfall(self.trace_id or "", bars, self._grown.length, left_out)
        told = cut(f"Waterfall, {self.says()}: " + "; ".join(bar.words for bar in bars), 2_000)
        return picture(draw_waterfall(shown), told) + f"<p>{counted(left_out, 'further span')}.</p>" * bool(
            left_out
        )

    def _bar(self, place: int) -> Bar:
        row, tree, service = self.source.row(place, named=True), self._grown, self._services[place]
        return Bar(
            span_id=row["span_id"],
            service=service,
            name=row["name"] or "span",
            kind=row["kind"] or "",
            failed=row["status"] == "error",
            message=row["status_message"] or "",
            offset=int(tree.offset[place]),
            duration=int(tree.duration[place]),
            self_time=self._own(place),
            depth=int(tree.depth[place]),
            slot=self._slots[service],
            critical=place in tree.waits,
            waits=tuple(tree.waits.get(place, [])),
        )

    # What is asked.

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """Pages and choices, searches, folding, and a span's details."""
        return {
            **super().questions(),
            "find": self._find,
            "fold": self._fold,
            "fold_all": self._fold_all,
            "details": self._details,
        }

    def _find(self, given: Mapping[str, Any]) -> Answer:
        self._query = {
            "text": str(given.get("text", ""))[:1_000],
            "path": bool(given.get("path")),
            "failed": bool(given.get("failed")),
        }
        self._arrange()
        return {}

    @in_turn
    def find(self, text: str = "", *, path: bool = False, failed: bool = False) -> None:
        """Show only spans with this text, on the critical path, or failed, each with its ancestors."""
        if self.trouble:
            return
        self._find({"text": text, "path": path, "failed": failed})
        self.say_changed()

    def _arrange(self) -> None:
        """Which spans are in sight, by what is looked for and what is folded."""
        tree, query = self._grown, self._query
        kept = np.ones(self.source.height, dtype=np.bool_)
        if query["text"]:
            form = f"(?i){re.escape(query['text'])}"
            said = pl.concat_str(pl.col("service").cast(pl.String), "name", separator=" ", ignore_nulls=True)
            kept &= self.source.select(said.str.contains(form)).to_series().fill_null(False).to_numpy()
        if query["path"]:
            kept &= np.isin(np.arange(len(kept)), list(tree.waits))
        if query["failed"]:
            kept &= (self.source["status"].cast(pl.String) == "error").fill_null(False).to_numpy()
        self._hits = kept if query["text"] else np.zeros_like(kept)
        in_sight = tree.with_ancestors(kept) & tree.unfolded(self._folded)
        self.order = np.flatnonzero(in_sight)
        self.rows_moved()

    def _fold(self, given: Mapping[str, Any]) -> Answer:
        at = whole_number(given.get("at"), len(self.order) - 1)
        place = int(self.order[at])
        wanted = bool(given.get("fold"))
        if wanted and self._grown.size[place] > 1:
            self._folded.add(place)
        else:
            self._folded.discard(place)
        self._arrange()
        return self.page(max(at - 60, 0), at + 60)

    def _fold_all(self, given: Mapping[str, Any]) -> Answer:
        wanted = given.get("fold")
        tree = self._grown
        self._folded = set(np.flatnonzero((tree.size > 1) & (tree.depth > 0)).tolist()) if wanted else set()
        self._arrange()
        return {}

    # One span.

    def _details(self, given: Mapping[str, Any]) -> Answer:
        place = int(self.order[whole_number(given.get("at"), len(self.order) - 1)])
        row = self.source.row(place, named=True)
        tree = self._grown
        fields = [
            ["service", self._services[place]],
            ["name", whole_text(row["name"])],
            ["started", f"{moment(self._ns(place))}, {duration(int(tree.offset[place]))} into the trace"],
            ["took", duration(int(tree.duration[place]))],
            ["self time", self._cells(place, {**row, "self_time": self._own(place)})["own"]],
            ["critical path", duration(sum(long for _, long in tree.waits.get(place, [])))],
        ]
        for name in ("kind", "status", "status_message", "span_id", "parent_span_id"):
            fields += [[name, whole_text(row[name])]] if row[name] else []
        return {
            "fields": fields,
            "attributes": [*_pairs(row["attributes"]), *_pairs(row["resource"], "resource ")],
            "events": self._events(place, row["events"] or []),
            "links": [
                whole_text(f"trace {one['trace_id']} span {one['span_id']}") for one in row["links"] or []
            ],
            "lines": self._log_lines(row["span_id"]),
        }

    def _ns(self, place: int) -> int:
        return int(self.source["start"].to_physical()[place])

    def _own(self, place: int) -> int:
        return int(self.source["self_time"].to_physical()[place] or 0)

    def _events(self, place: int, events: list[dict[str, Any]]) -> list[list[str]]:
        if not events:
            return []
        moments = self.source["events"][place].struct.field("time").dt.epoch("ns").to_list()
        return [
            [
                f"{clock(at, digits=3)} {cut(event['name'])}",
                whole_text("; ".join(f"{key}: {value}" for key, value in _pairs(event["attributes"]))),
            ]
            for at, event in zip(moments[:_EVENTS], events, strict=False)
        ]

    def _log_lines(self, span_id: str) -> list[list[str]]:
        """The lines that the span wrote; where none names it, those of its trace."""
        if self._lines is None or not {"timestamp", "line", "trace_id"} <= {*self._lines.columns}:
            return []
        lines = self._lines.filter(pl.col("trace_id").cast(pl.String) == self.trace_id)
        if "span_id" in lines.columns:
            own = lines.filter(pl.col("span_id").cast(pl.String) == span_id)
            lines = own if own.height else lines.filter(pl.col("span_id").is_null())
        rows = LOGS.conform(lines).sort("timestamp").head(_LINES)
        times = rows["timestamp"].to_physical().to_list()
        return [
            [clock(ns, digits=3), cut(row["level"], 20), cut(row["line"])]
            for ns, row in zip(times, rows.iter_rows(named=True), strict=True)
        ]


def _pairs(attributes: list[dict[str, Any]] | None, before: str = "") -> list[list[str]]:
    return [
        [cut(before + (one["key"] or ""), 200), whole_text(_written(one["value"]))]
        for one in attributes or []
    ]


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
