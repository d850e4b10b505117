"""How many log lines there were: by level, by pattern, by any column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.analysis.log_levels import spelt
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.patterns import mine_patterns
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import LOGS
from obsnb.timerange import TimeRange
from obsnb.views.charts.names import folded
from obsnb.views.charts.over_time import bars_over_time
from obsnb.views.charts.scene import Scene
from obsnb.views.theme import Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["log_volume"]

#: Levels, the worst first: place in the theme (None is what went wrong), and what fills the bar.
_LEVELS: dict[str, tuple[int | None, str]] = {
    "fatal": (None, ""),
    "critical": (None, ""),
    "error": (None, "/"),
    "warn": (1, "x"),
    "info": (0, ""),
    "debug": (2, "."),
    "trace": (3, "-"),
}
_UNKNOWN = (6, "+")
_PATTERN = "pattern"


def log_volume(
    logs: Any,
    *,
    by: str = "level",
    every: str | None = None,
    conventions: Conventions = DEFAULT,
    during: TimeRange | None = None,
    baseline: TimeRange | None = None,
    onset: Any = None,
    events: Any = None,
    tz: str | None = None,
    mode: Mode = "light",
    title: str = "",
) -> go.Figure:
    """How many log lines there were, stacked bars.

    Parameters
    ----------
    logs
        LOGS, parsed or not.
    by
        ``level`` (the worst at the bottom), ``pattern``, or a column of the frame. Without a column
        ``pattern`` the patterns are mined here (`obsnb.mine_patterns`), of what the lines say.
    every
        The length of an interval, such as ``30s``; unless told, one that gives at most 120 bars.
    during, baseline, onset, events, tz, mode
        As for `rates`.

    Returns
    -------
    plotly.graph_objects.Figure
        Lines an interval. Of more than six values the rest are ``all others``.

    Raises
    ------
    FrameError
        A column is missing.
    """
    needs = ("timestamp", "line") if by == _PATTERN else ("timestamp", by)
    frame = to_polars(logs, LOGS, needs=needs, what="log_volume")
    scene = Scene(during, baseline, onset, events, tz, mode, title or f"Log lines by {by}")
    if by == _PATTERN and _PATTERN not in frame.columns:
        parsed = frame if "parsed.message" in frame.columns else parse_logs(frame, conventions=conventions)
        said = pl.coalesce("parsed.message", "line")
        frame = parsed.with_columns(mine_patterns(parsed.select(said).to_series())[_PATTERN])
    frame = frame.drop_nulls("timestamp")
    if by != "level":
        return bars_over_time(folded(frame, by, pl.len()), scene, every=every, noun="lines")
    named = folded(frame.with_columns(spelt(frame["level"])), "level", pl.len())
    order, colours = list(_LEVELS), theme(mode)
    looks = {}
    for name in named["name"].unique().to_list():
        slot, pattern = _LEVELS.get(name, _UNKNOWN)
        looks[name] = (colours.bad if slot is None else colours.series[slot], pattern)
    return bars_over_time(named, scene, every=every, noun="lines", order=order, looks=looks)
