"""A time range picker: an overview of what happened when, and a brush over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.border import like
from obsnb.analysis.log_levels import spelt
from obsnb.conventions import SEVERITY
from obsnb.errors import FrameError, UsageError, WindowError
from obsnb.instants import format_ns, parse_instant
from obsnb.timerange import TimeRange
from obsnb.views.formats import clock, counted, duration, period
from obsnb.views.svg import Node, Scale, box, drawing, label, rule, time_ticks
from obsnb.views.theme import LIGHT
from obsnb.views.widgets.base import Answer, Widget, picture, script
from obsnb.views.widgets.listing import as_polars
from obsnb.views.widgets.turns import in_turn

__all__ = ["TimePicker"]

_BINS = 120
_MS = 1_000_000
_GRAVE = [name for name, number in SEVERITY.items() if number >= 17]
_WIDE, _TALL, _FOOT = 900, 110, 20


class TimePicker(Widget):
    """How many rows lie where in time, with the failed ones marked, and a window that is brushed over them.

    Parameters
    ----------
    frame
        LOGS, SPANS, SERIES or EVENTS: anything with ``timestamp`` or ``start``. Lines of level error and
        above, and spans of status error, count as failed.
    window
        What the overview spans; all of the frame unless told.
    picked
        What is picked at first; all unless told.

    Attributes
    ----------
    window
        The picked window, a `obsnb.TimeRange`; may be assigned.
    selection
        The frame's rows in it, as a frame of the kind that was passed in.
    """

    _esm = script("times")

    def __init__(
        self, frame: Any, *, window: TimeRange | None = None, picked: TimeRange | None = None
    ) -> None:
        super().__init__()
        self._given: Any = None
        self._source = pl.DataFrame()
        self._listeners: list[Callable[[TimeRange], object]] = []
        self._picked: TimeRange | None = None
        with self.putting_trouble_in_its_place():
            self._read(frame, window)
            self._picked = picked
            self.renew()

    def _read(self, frame: Any, window: TimeRange | None) -> None:
        self._source = as_polars(frame, what="TimePicker")
        self._given = frame
        self._times = _moments(self._source, what="TimePicker")
        known = self._times.drop_nulls()
        if window is None and known.is_empty():
            raise FrameError("There is no time to pick from: the frame is empty.")
        if window is None:
            first, last = int(known.min()) // _MS * _MS, int(known.max()) // _MS * _MS + _MS  # type: ignore[arg-type]  # of integers
            window = TimeRange(first, last)
        self.overview = window
        edges = np.linspace(window.start_ns, window.end_ns, _BINS + 1).astype(np.int64)
        self._bins = np.histogram(known.to_numpy(), bins=edges)[0]
        failed = self._times.filter(self._failed()).drop_nulls()
        self._failed_bins = np.histogram(failed.to_numpy(), bins=edges)[0]

    def _failed(self) -> pl.Series:
        if "level" in self._source.columns:
            return spelt(self._source["level"]).is_in(_GRAVE).fill_null(False)
        if "status" in self._source.columns:
            return (self._source["status"].cast(pl.String) == "error").fill_null(False)
        return pl.repeat(False, self._source.height, dtype=pl.Boolean, eager=True)

    # The window.

    @property
    @in_turn
    def window(self) -> TimeRange:
        """The picked window: start inclusive, end exclusive, UTC.

        Raises
        ------
        UsageError
            There is none: the frame cannot be shown.
        """
        if self.trouble:
            raise UsageError(self.trouble)
        return self._picked or self.overview

    @window.setter
    @in_turn
    def window(self, window: TimeRange) -> None:
        if self.trouble:
            raise UsageError(self.trouble)
        self._take(window)
        self.say_changed()
        self._tell_listeners()

    @property
    @in_turn
    def selection(self) -> Any:
        """The rows in the picked window, as a frame of the kind that was passed in.

        A frame that is assigned picks the window from its first row to its last; one without rows picks all.
        """
        return like(self._source.filter(self._inside()), self._given)

    @selection.setter
    @in_turn
    def selection(self, frame: Any) -> None:
        rows = as_polars(frame, what="TimePicker.selection")
        times = _moments(rows, what="TimePicker.selection").drop_nulls()
        if not self.trouble:
            first, last = times.min(), times.max()
            self.window = self.overview if first is None else TimeRange(int(first), int(last) + 1)  # type: ignore[arg-type]  # of integers

    @property
    @in_turn
    def rest(self) -> Any:
        """The rows outside the picked window, those without a time among them."""
        return like(self._source.filter(~self._inside()), self._given)

    def _inside(self) -> pl.Series:
        if self.trouble:
            return pl.repeat(False, self._source.height, dtype=pl.Boolean, eager=True)
        window = self.window
        return self._times.is_between(window.start_ns, window.end_ns, closed="left").fill_null(False)

    def on_pick(self, listener: Callable[[TimeRange], object]) -> None:
        """Call this with the window whenever another one is picked."""
        self._listeners.append(listener)

    def on_select(self, listener: Callable[[TimePicker], object]) -> None:
        """Call this with the picker whenever another window is picked, as lists do when rows are chosen."""
        self._listeners.append(lambda _: listener(self))

    @in_turn
    def look_at(self, window: TimeRange | None) -> None:
        """Show a window that was picked elsewhere, without telling those who listen; None is all of it."""
        if not self.trouble:
            self._take(window or self.overview)
            self.say_changed()

    def _pick(self, window: TimeRange) -> None:
        self._take(window)
        self._tell_listeners()

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener(self.window)

    def _take(self, window: TimeRange) -> None:
        start = min(max(window.start_ns, self.overview.start_ns), self.overview.end_ns - _MS)
        end = max(min(window.end_ns, self.overview.end_ns), start + _MS)
        self._picked = TimeRange(start, end)

    # What the browser draws and asks.

    def says(self) -> str:
        """The window, its length, and how many rows lie in it."""
        if self.trouble:
            return super().says()
        window = self.window
        rows = counted(
            int(self._times.is_between(window.start_ns, window.end_ns, closed="left").sum()), "row"
        )
        return f"{period(window.start_ns, window.end_ns)} ({duration(window.duration_ns)}), {rows}"

    def first_view(self) -> Answer:
        """The overview's bars, its axis, and the picked window."""
        overview, picked = self.overview, self.window
        ticks = time_ticks(overview.start_ns, overview.end_ns, 8)
        return {
            "start_ms": overview.start_ns // _MS,
            "end_ms": -(-overview.end_ns // _MS),
            "from_ms": picked.start_ns // _MS,
            "to_ms": -(-picked.end_ns // _MS),
            "from": format_ns(picked.start_ns),
            "to": format_ns(picked.end_ns),
            "rows": self._bins.tolist(),
            "failed": self._failed_bins.tolist(),
            "bin": duration(overview.duration_ns / _BINS),
            "ticks": [{"ms": tick // _MS, "says": clock(tick)} for tick in ticks],
            "says": self.says(),
        }

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """A brush, or a window that was typed."""
        return {"brush": self._brushed, "type": self._typed}

    def _brushed(self, given: Mapping[str, Any]) -> Answer:
        start, end = sorted(round(float(given[edge])) * _MS for edge in ("from_ms", "to_ms"))
        self._pick(TimeRange(start, max(end, start + _MS)))
        return {}

    def _typed(self, given: Mapping[str, Any]) -> Answer:
        start, end = (parse_instant(str(given[edge]).strip(), tz="UTC") for edge in ("from", "to"))
        if end <= start:
            raise WindowError(
                "The window ends before it starts.", hint="The first time is its start, the second its end."
            )
        self._pick(TimeRange(start, end))
        return {}

    def still_form(self) -> str:
        """The overview with the picked window, as an SVG drawing."""
        overview, picked = self.overview, self.window
        across = Scale(overview.start_ns, overview.end_ns, 0, _WIDE)
        most, step = max(int(self._bins.max()), 1), _WIDE / _BINS
        parts: list[Node] = [
            box(
                across(picked.start_ns),
                0,
                across(picked.end_ns) - across(picked.start_ns),
                _TALL,
                look="picked",
                colour=LIGHT.calm_tint,
            )
        ]
        for counts, colour in ((self._bins, LIGHT.series[0]), (self._failed_bins, LIGHT.bad)):
            for place, count in enumerate(counts.tolist()):
                tall = _TALL * count / most
                parts.append(box(place * step, _TALL - tall, step - 1, tall, look="bar", colour=colour))
        parts.append(rule(0, _TALL, _WIDE, _TALL, look="grid", colour=LIGHT.line))
        parts += [
            label(across(tick), _TALL + 14, clock(tick), look="tick", colour=LIGHT.quiet, anchor="middle")
            for tick in time_ticks(overview.start_ns, overview.end_ns, 8)
        ]
        svg = drawing(_WIDE, _TALL + _FOOT, parts, look="overview", says=self.says(), size=11)
        key = "Bars are rows; their vermillion part failed. The shaded part is picked. Times are UTC."
        return f"{picture(svg, self.says())}<p>{key}</p>"


def _moments(frame: pl.DataFrame, *, what: str) -> pl.Series:
    """When each row was, in nanoseconds."""
    name = next((one for one in ("timestamp", "start") if one in frame.columns), None)
    if name is None or not isinstance(frame.schema[name], pl.Datetime):
        raise FrameError(f"{what} needs a column timestamp or start that holds times.")
    return frame[name].cast(pl.Datetime("ns")).to_physical()
