"""A figure of plotly whose brush and clicks reach the kernel: what they choose is a frame."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs

from obsnb.errors import FrameError, UsageError, WindowError
from obsnb.instants import format_ns, parse_instant
from obsnb.timerange import TimeRange
from obsnb.views.formats import counted, duration, number, period
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, script
from obsnb.views.widgets.brushing import Brushable, Id, id_columns, named_in, rows_of
from obsnb.views.widgets.figures import drawing, library, library_version, recoloured, words
from obsnb.views.widgets.listing import ListWidget, as_polars, cut
from obsnb.views.widgets.turns import in_turn

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Chart"]

_MOST_CHOSEN = 5_000  # points of one brush
_MOST_LISTED = 400  # points that can be chosen by name
_TRACE = re.compile("[0-9a-f]{32}")
_STILL = 10  # chosen rows of the static form
_IDS = (
    ("row_id",),
    ("trace_id", "span_id"),
    ("group_id",),
    ("fingerprint",),
    ("timestamp", "line"),
    ("timestamp", "series_id"),
    ("timestamp", "kind", "title"),
)


class Chart(ListWidget):
    """A figure to be brushed and clicked; what lies under the brush is a frame.

    Parameters
    ----------
    figure
        What a function of `obsnb.charts` gave, or any plotly figure.
    frame
        The rows that a brush chooses from: what the figure was made of, or any other frame of the same
        time (the lines beside a chart of errors, the spans below a heat map).
    by
        The column that holds what the points' ``customdata`` says; found by itself unless told.

    Attributes
    ----------
    selection
        The rows that are chosen, as a frame of the kind that was passed in; may be assigned.
    window
        The window that is brushed, a `obsnb.TimeRange`; all that the axis spans where none is. May be
        assigned. None where the figure has no axis of time.

    Notes
    -----
    On an axis of time a brush chooses the rows in its window (in a heat map of latency also of its
    durations, where the frame has them); a point that has an id chooses the rows of that id, as do the
    points that a box or a lasso holds on any other axis. A bar or a cell that is clicked is its interval.
    Shift adds. By the keyboard: both ends can be typed, and moved by the arrow keys; a point is chosen
    from a list. plotly.js comes from the kernel, once a page; nothing else is loaded.
    """

    _esm = script("chart")
    quiet_questions = ("figure", "library")

    def __init__(self, figure: go.Figure, frame: Any, *, by: str | None = None) -> None:
        super().__init__()
        self._followers: list[Callable[[str], object]] = []
        self._pickers: list[Callable[[TimeRange], object]] = []
        self._window: TimeRange | None = None
        self._band: tuple[float, float] | None = None
        self._sought = False  # whether the last choice was one of points, not of nothing
        self._drawn = ""
        with self.putting_trouble_in_its_place():
            self._read(figure, frame, by)
            self.renew()

    def _read(self, figure: Any, frame: Any, by: str | None) -> None:
        if not hasattr(figure, "to_plotly_json") or not hasattr(figure, "layout"):
            raise FrameError(
                f"Chart shows a figure of plotly, not {type(figure).__name__}.",
                hint="obsnb.charts and inv.charts give such figures.",
            )
        if not figure.data:
            said = [words(note.text) for note in figure.layout.annotations if note.text]
            raise FrameError(" ".join(said) or "There is nothing to draw: the figure has no trace.")
        source = as_polars(frame, what="Chart")
        self.given = frame  # of whose kind a selection is, also where nothing can be chosen
        if by is not None and by not in source.columns:
            raise FrameError(
                f"Chart: the frame has no column {by!r}; it has {', '.join(source.columns) or 'none'}."
            )
        plot = Brushable.of(figure)
        time = next(
            (one for one in ("timestamp", "start") if isinstance(source.schema.get(one), pl.Datetime)), None
        )
        columns = (by,) if by else id_columns(source, plot.ids())
        if not columns and not (plot.dated and time):
            raise FrameError(
                "Chart cannot tell which rows a brush means: that takes an axis of time and a column "
                "timestamp or start, or points whose customdata stands in a column of the frame."
            )
        self._figure, self._plot, self._columns = figure, plot, columns
        plain = tuple(source.select(~(cs.nested() | cs.object())).columns)
        self.told_by = (*_IDS, plain)
        self._times = source[time].cast(pl.Datetime("ns")).to_physical() if time and plot.dated else None
        took = source.schema.get("duration")
        self._took = (
            source["duration"].cast(pl.Duration("ns")).to_physical()
            if isinstance(took, pl.Duration)
            else None
        )
        self._title = words(figure.layout.title.text) or "Chart"
        self.hold(source, frame)

    # What is chosen.

    @property
    @in_turn
    def window(self) -> TimeRange | None:
        """The brushed window: start inclusive, end exclusive, UTC."""
        return self._window or (None if "trouble" in self.start else self._plot.overview)

    @window.setter
    @in_turn
    def window(self, window: TimeRange) -> None:
        if "trouble" in self.start or self._plot.overview is None:
            raise UsageError("This chart has no axis of time, so no window can be picked in it.")
        self._take(window, None)
        self.say_changed()
        self._picked(window)

    @in_turn
    def look_at(self, window: TimeRange | None) -> None:
        """Show a window that was picked elsewhere, without telling those who listen to this chart."""
        if "trouble" in self.start or self._times is None:
            return
        self._window, self._band = window, None
        self.chosen = (
            np.zeros(self.source.height, dtype=np.bool_) if window is None else self._inside(window, None)
        )
        self.say_changed()

    def on_pick(self, listener: Callable[[TimeRange], object]) -> None:
        """Call this with the window whenever another one is picked."""
        self._pickers.append(listener)

    def on_follow(self, listener: Callable[[str], object]) -> None:
        """Call this with a trace's id when a point that has one is clicked."""
        self._followers.append(listener)

    @in_turn
    def choose_named(self, frame: pl.DataFrame) -> None:
        """Choose the rows that a frame names; the window is what they span."""
        if self.trouble:
            return
        self.chosen, self._band = self._named(frame), None
        known = self._times.filter(self.chosen).drop_nulls() if self._times is not None else pl.Series()
        self._window = TimeRange(known.min(), known.max() + 1) if len(known) else None  # type: ignore[arg-type,operator]  # of integers
        self.say_changed()
        self._selected()

    def _pick(self, window: TimeRange, band: tuple[float, float] | None, *, add: bool = False) -> None:
        self._picked(self._take(window, band, add=add))

    def _take(self, window: TimeRange, band: tuple[float, float] | None, *, add: bool = False) -> TimeRange:
        """Choose the rows of a window, and give the window that is picked then."""
        rows = self._inside(window, band)
        if add and self._window is not None:
            rows |= self.chosen
            ends = (self._window.start_ns, self._window.end_ns, window.start_ns, window.end_ns)
            window = TimeRange(min(ends), max(ends))
        self.chosen, self._window, self._band = rows, window, band
        return window

    def _picked(self, window: TimeRange) -> None:
        self._selected()
        for listener in self._pickers:
            listener(window)

    def _inside(self, window: TimeRange, band: tuple[float, float] | None) -> npt.NDArray[np.bool_]:
        if self._times is None:
            return np.zeros(self.source.height, dtype=np.bool_)
        inside = self._times.is_between(window.start_ns, window.end_ns, closed="left")
        if band is not None and self._took is not None:
            low, high = band[0] * 1e9, band[1] * 1e9
            inside &= (self._took >= low) & (self._took < high)
        return inside.fill_null(False).to_numpy().copy()

    def _pick_ids(self, ids: list[Id], *, add: bool = False) -> None:
        rows = rows_of(self.source, self._columns, ids)
        self.chosen = self.chosen | rows if add else rows
        self._window, self._band, self._sought = None, None, True
        self._selected()

    # What the browser sees.

    def says(self) -> str:
        """The window, its length, and how many rows are chosen."""
        if "trouble" in self.start:
            return super().says()
        chosen = int(self.chosen.sum())
        rows = f"{number(chosen)} of {counted(self.source.height, 'row')}"
        if self._window is None:
            if self._sought and not chosen:
                return f"none of the {counted(self.source.height, 'row')} belongs to what was chosen"
            return rows if chosen else f"{counted(self.source.height, 'row')}, none chosen"
        window = self._window
        said = f"{period(window.start_ns, window.end_ns)} ({duration(window.duration_ns)})"
        if self._band is not None:
            low, high = (duration(edge * 1e9) for edge in self._band)
            said += f", {low} to {high}" if math.isfinite(self._band[1]) else f", {low} and longer"
        return f"{said}: {rows}"

    def first_view(self) -> Answer:
        """What is said and chosen; the figure itself is asked for."""
        window = self._window
        shown = window or self._plot.overview
        return {
            "title": self._title,
            "says": self.says(),
            "library": library_version(),
            "dated": self._plot.dated,
            "both_ways": len(self._plot.bounds) > 1 and self._took is not None,
            "from": format_ns(shown.start_ns) if shown else "",
            "to": format_ns(shown.end_ns) if shown else "",
            "range": [self._plot.text(window.start_ns), self._plot.text(window.end_ns)] if window else None,
            "rows": self._plot.rows_of_band(self._band) if self._band else None,
            "step_ms": shown_step(self._plot.overview),
            "points": self._chosen_points(),
            "any": self._sought or window is not None or bool(self.chosen.any()),
        }

    def _chosen_points(self) -> Answer:
        """Places of the points whose rows are chosen, by their trace: of those that were chosen by an id."""
        if self._window is not None or not self._columns or not self.chosen.any():
            return {}
        points = [
            (str(curve), place, known)
            for curve, place, _ in self._plot.points()[:_MOST_CHOSEN]
            if (known := self._plot.id_of(curve, place)) is not None
        ]
        there = named_in(self.source.filter(self.chosen), self._columns, [known for *_, known in points])
        found: Answer = {}
        for curve, place, known in points:
            if known in there:
                found.setdefault(curve, []).append(place)
        return found

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """The library and the figure, a brush, a click, a window that was typed."""
        return {
            "library": lambda _: {"buffers": [library()]},
            "figure": self._figure_for,
            "brush": self._brushed,
            "click": self._clicked,
            "type": self._typed,
            "clear": self._clear,
        }

    def _figure_for(self, given: Mapping[str, Any]) -> Answer:
        plain = json.loads(self._figure.to_json())
        if given.get("dark"):
            plain = recoloured(plain)
        points = [[curve, place, cut(said, 160)] for curve, place, said in self._plot.points()[:_MOST_LISTED]]
        return {"data": plain["data"], "layout": plain["layout"], "choices": points}

    def _brushed(self, given: Mapping[str, Any]) -> Answer:
        ends, add = given.get("x"), bool(given.get("add"))
        points = [one for one in given.get("points") or [] if isinstance(one, list) and len(one) == 2][
            :_MOST_CHOSEN
        ]
        if self._times is not None and isinstance(ends, list) and len(ends) == 2:
            high = given.get("y")
            band = (
                self._plot.band(*high)
                if self._took is not None and isinstance(high, list) and len(high) == 2
                else None
            )
            self._pick(self._plot.window(ends), band, add=add)
            return {}
        ids = [known for curve, place in points if (known := self._plot.id_of(curve, place)) is not None]
        if ids and self._columns:
            self._pick_ids(ids, add=add)
            return {}
        spans = [one for curve, place in points if (one := self._plot.window_of(curve, place)) is not None]
        if not spans or self._times is None:
            raise UsageError("No row of the frame lies under the brush: it holds no point that has an id.")
        window = TimeRange(min(one.start_ns for one in spans), max(one.end_ns for one in spans))
        self._pick(window, None, add=add)
        return {}

    def _clicked(self, given: Mapping[str, Any]) -> Answer:
        curve, place, add = given.get("curve"), given.get("place"), bool(given.get("add"))
        curve = curve if isinstance(curve, int) else -1
        known = self._plot.id_of(curve, place)
        if known is not None and self._columns:
            self._pick_ids([known], add=add)
            self._follow(known)
            return {}
        window = self._plot.window_of(curve, place)
        if window is None or self._times is None:
            raise UsageError("The frame has no row for this point: the point has no id.")
        band = self._plot.band_of(curve, place) if self._took is not None else None
        self._pick(window, band, add=add)
        return {}

    def _follow(self, known: Id) -> None:
        """Tell who listens the trace of the first row, or the one that the point itself names."""
        traces = (
            self.source.filter(self.chosen)["trace_id"] if "trace_id" in self.source.columns else pl.Series()
        )
        trace = next((str(one) for one in traces.drop_nulls().head(1)), known)
        if isinstance(trace, str) and _TRACE.fullmatch(trace):
            for listener in self._followers:
                listener(trace)

    def _typed(self, given: Mapping[str, Any]) -> Answer:
        start, end = (parse_instant(str(given.get(edge)).strip(), tz="UTC") for edge in ("from", "to"))
        if end <= start:
            raise WindowError(
                "The window ends before it starts.", hint="The first time is its start, the second its end."
            )
        self._pick(TimeRange(start, end), None)
        return {}

    def _clear(self, _: Mapping[str, Any]) -> Answer:
        self._window, self._band, self._sought = None, None, False
        self.chosen = np.zeros(self.source.height, dtype=np.bool_)
        self._selected()
        return {}

    # Without a kernel.

    def still_form(self) -> str:
        """The figure as a drawing, and the first of the chosen rows as a table."""
        if not self._drawn:
            self._drawn = drawing(self._figure, self._title)
        return self._drawn + self._chosen_table()

    def _chosen_table(self) -> str:
        rows = self.source.filter(self.chosen)
        names = self.told_by[-1][:8]
        if rows.is_empty() or not names:
            return ""
        texts = tuple(
            tuple(cut(one, 160) for one in row) for row in rows.select(names).head(_STILL).iter_rows()
        )
        return Table(names, texts, left_out=max(rows.height - _STILL, 0)).to_html()


def shown_step(overview: TimeRange | None) -> float:
    """How far an arrow key moves an end of the window, in milliseconds: a hundredth of the axis."""
    return 0 if overview is None else max(round(overview.duration_ns / 1e8, 3), 1.0)
