"""What a brush over a plotly figure means: the window on its axis of time, and the ids behind its points."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.errors import FrameError
from obsnb.instants import parse_instant
from obsnb.timerange import TimeRange

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["Brushable", "Id", "id_columns", "named_in", "rows_of"]

#: What stands behind a point: a row's id, or two that belong together (who called whom, a column's value).
Id = str | tuple[str, str]
#: Keys of `figure.layout.meta` that the house's charts write.
OFFSET, BOUNDS = "utc_offset_ns", "bounds_s"
_MS, _SECOND = 1_000_000, 10**9


@dataclass(frozen=True)
class Brushable:
    """A figure as a brush sees it.

    Attributes
    ----------
    traces
        The figure's traces, as plain values.
    dated
        Whether its first axis is one of time.
    offset_ns
        What that axis' zone adds to UTC.
    bounds
        Where the second axis counts rows of durations: their edges, in seconds.
    overview
        What the axis of time spans; None where there is none.
    """

    traces: tuple[Mapping[str, Any], ...]
    dated: bool
    offset_ns: int
    bounds: tuple[float, ...]
    overview: TimeRange | None

    @classmethod
    def of(cls, figure: go.Figure) -> Brushable:
        """What a figure's traces, axes and meta tell."""
        traces = tuple(trace.to_plotly_json() for trace in figure.data)
        layout = figure.layout.to_plotly_json()
        meta = layout.get("meta")
        known = meta if isinstance(meta, dict) else {}
        axis = layout.get("xaxis") or {}
        kind = axis.get("type")
        dated = kind == "date" or (kind is None and any(_is_dated(one) for one in traces))
        offset = int(known.get(OFFSET) or 0)
        bounds = tuple(math.inf if one is None else float(one) for one in known.get(BOUNDS) or ())
        overview = None
        if dated and (ends := _extent(axis.get("range"), traces)) is not None:
            overview = TimeRange(ends[0] - offset, max(ends[1], ends[0] + _MS) - offset)
        return cls(traces, dated and overview is not None, offset, bounds, overview)

    def window(self, ends: Sequence[Any]) -> TimeRange:
        """The window between two places of the axis of time, as its clocks show them.

        Raises
        ------
        WindowError
            They are no times.
        """
        start, end = sorted(parse_instant(str(one), tz="UTC") - self.offset_ns for one in ends)
        return TimeRange(start, max(end, start + _MS))

    def text(self, ns: int) -> str:
        """A moment as the axis shows it."""
        return str(np.datetime64(ns + self.offset_ns, "ns").astype("datetime64[us]"))

    def id_of(self, curve: int, place: Any) -> Id | None:
        """The id behind a point, where its trace has any."""
        held = _held(self._trace(curve))
        known = isinstance(place, int) and 0 <= place < len(held)
        return _as_id(held[place]) if known else None

    def ids(self) -> list[Id]:
        """The ids of all points, each once."""
        found: dict[Id, None] = {}
        for trace in self.traces:
            found |= {known: None for one in _held(trace) if (known := _as_id(one))}
        return list(found)

    def points(self) -> list[tuple[int, int, str]]:
        """Of every point that has an id: its trace, its place, and what it is called."""
        found = []
        for curve, trace in enumerate(self.traces):
            said = trace.get("hovertext")
            names = said if isinstance(said, (list, tuple)) else ()
            for place, one in enumerate(_held(trace)):
                known = _as_id(one)
                if known is not None:
                    plain = known if isinstance(known, str) else " → ".join(known)
                    found.append((curve, place, _plain(names[place]) if place < len(names) else plain))
        return found

    def window_of(self, curve: int, place: Any) -> TimeRange | None:
        """The window that a bar, a cell or a sample stands for: up to the one after it."""
        if not self.dated:
            return None
        trace = self._trace(curve)
        times = _ns(trace.get("x"))
        column = place[-1] if isinstance(place, list) and place else place
        if times is None or not isinstance(column, int) or not 0 <= column < len(times):
            return None
        start, width = int(times[column]), trace.get("width")
        if trace.get("type") == "bar" and isinstance(width, (int, float)):
            offset = trace.get("offset")
            start += round((-width / 2 if offset is None else float(offset)) * _MS)
            length = round(width * _MS)
        else:
            length = _until_next(times, start)
        return TimeRange(start - self.offset_ns, start - self.offset_ns + max(length, _MS))

    def band(self, low: Any, high: Any) -> tuple[float, float] | None:
        """Durations in seconds between two places of the second axis, where that counts rows of durations."""
        if len(self.bounds) < 2 or not all(isinstance(one, (int, float)) for one in (low, high)):
            return None
        rows = len(self.bounds) - 1
        first, last = max(0, math.floor(min(low, high))), min(rows, math.ceil(max(low, high)))
        if last <= first or (first, last) == (0, rows):
            return None
        return self.bounds[first], self.bounds[last]

    def rows_of_band(self, band: tuple[float, float]) -> list[int]:
        """Where durations stand on the second axis: the first row, and the one after the last."""
        return [self.bounds.index(edge) for edge in band]

    def band_of(self, curve: int, place: Any) -> tuple[float, float] | None:
        """The durations that a cell stands for."""
        if self._trace(curve).get("type") != "heatmap" or not isinstance(place, list) or not place:
            return None
        return self.band(place[0], place[0] + 1)

    def _trace(self, curve: int) -> Mapping[str, Any]:
        return self.traces[curve] if isinstance(curve, int) and 0 <= curve < len(self.traces) else {}


def _held(trace: Mapping[str, Any]) -> Sequence[Any]:
    """What stands behind a trace's points."""
    held: Sequence[Any] | None = trace.get("customdata")
    return () if held is None else held


def _is_dated(trace: Mapping[str, Any]) -> bool:
    values = trace.get("x")
    if values is None or not len(values):
        return False
    return np.asarray(values).dtype.kind == "M" or hasattr(values[0], "tzinfo")


def _ns(values: Any) -> npt.NDArray[np.int64] | None:
    """Times as nanoseconds on the axis' clocks, or None where they are none."""
    if values is None:
        return None
    try:
        plain = np.asarray(values)
        if plain.dtype.kind == "O" and plain.size and hasattr(plain[0], "tzinfo"):
            plain = np.asarray([np.datetime64(one.replace(tzinfo=None)) for one in plain])
        return plain.astype("datetime64[ns]").astype(np.int64)
    except (ValueError, TypeError, AttributeError):
        return None


def _until_next(times: npt.NDArray[np.int64], start: int) -> int:
    """How long until the next of these times; of the last, how long since the one before it; else nothing."""
    later, before = times[times > start], times[times < start]
    if len(later):
        return int(later.min()) - start
    return start - int(before.max()) if len(before) else 0


def _extent(ends: Any, traces: Iterable[Mapping[str, Any]]) -> tuple[int, int] | None:
    """From when to when an axis goes: its own range, or all of the data."""
    given = _ns(ends) if ends is not None else None
    if given is not None and len(given) == 2:
        return int(given.min()), int(given.max())
    known = [times for one in traces if (times := _ns(one.get("x"))) is not None and len(times)]
    if not known:
        return None
    return min(int(one.min()) for one in known), max(int(one.max()) for one in known) + 1


def _plain(text: Any) -> str:
    """What plotly is given to show, as it is read."""
    return html.unescape(str(text).replace("<br>", ", "))


def _as_id(one: Any) -> Id | None:
    """What a point's customdata says, if it is an id."""
    if one is None or (isinstance(one, float) and math.isnan(one)):
        return None
    if isinstance(one, (list, tuple, np.ndarray)):
        parts = [str(part) for part in one if part is not None]
        return (parts[0], parts[1]) if len(parts) == 2 else parts[0] if len(parts) == 1 else None
    return str(one)


def id_columns(frame: pl.DataFrame, ids: Sequence[Id]) -> tuple[str, ...]:
    """The columns of a frame that hold what a figure's points are told by; none where no column does.

    Those are the ones in which the most of the ids stand. A call's two ends are looked for together.
    """
    texts = [one for one in ids if isinstance(one, str)]
    if {"caller", "callee"} <= {*frame.columns} and len(texts) < len(ids):
        return ("caller", "callee")
    valued = next((one[0] for one in ids if isinstance(one, tuple) and one[0] in frame.columns), None)
    if valued is not None:
        return (valued,)
    wanted = pl.Series(texts, dtype=pl.String)
    best: tuple[int, str] | None = None
    for name, kind in frame.schema.items():
        values = _texts(frame[name], kind)
        found = 0 if values is None else wanted.is_in(values.unique().implode()).sum()
        if found and (best is None or found > best[0]):
            best = (int(found), name)
    return () if best is None else (best[1],)


def _texts(values: pl.Series, kind: pl.DataType) -> pl.Series | None:
    """A column's texts, those of its lists among them; None where it holds none."""
    if kind in (pl.String, pl.Categorical, pl.Enum):
        return values.cast(pl.String)
    if isinstance(kind, pl.List) and kind.inner == pl.String:
        return values.explode()
    return None


def rows_of(frame: pl.DataFrame, columns: tuple[str, ...], ids: Iterable[Id]) -> npt.NDArray[np.bool_]:
    """Which rows of a frame have one of these ids.

    Raises
    ------
    FrameError
        An id of two parts names no column of the frame.
    """
    wanted = list(ids)
    texts = pl.Series([one for one in wanted if isinstance(one, str)], dtype=pl.String).implode()
    found = np.zeros(frame.height, dtype=np.bool_)
    for name in columns:
        values = frame.select(pl.col(name)).with_row_index("place")
        values = values.explode(name) if isinstance(frame.schema[name], pl.List) else values
        found[values.filter(pl.col(name).cast(pl.String).is_in(texts))["place"].to_numpy()] = True
    for first, second in (one for one in wanted if isinstance(one, tuple)):
        if columns == ("caller", "callee"):
            both = (pl.col("caller").cast(pl.String) == first) & (pl.col("callee").cast(pl.String) == second)
        elif first in frame.columns:
            both = pl.col(first).cast(pl.String) == second
        else:
            raise FrameError(
                f"The frame has no column {first!r}, of which the point tells the value {second!r}."
            )
        found |= frame.select(both.fill_null(False)).to_series().to_numpy()
    return found


def named_in(frame: pl.DataFrame, columns: tuple[str, ...], ids: Iterable[Id]) -> set[Id]:
    """Which of these ids stand in a frame."""
    series = [frame[name] for name in columns]
    known = {
        text for one in series if (texts := _texts(one, one.dtype)) is not None for text in texts.unique()
    }
    found: set[Id] = set()
    for one in ids:
        if one in known or (isinstance(one, tuple) and rows_of(frame, columns, [one]).any()):
            found.add(one)
    return found
