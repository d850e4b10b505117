"""One trace as a waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obsnb.analysis.border import to_polars
from obsnb.schema import SPANS
from obsnb.views.charts.figure import finished, new_figure, nothing, said, said_apart
from obsnb.views.charts.over_time import bar_pattern
from obsnb.views.formats import counted
from obsnb.views.spanchart import Bar, Waterfall, waterfall_of
from obsnb.views.theme import PATTERNS, Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["waterfall"]


def waterfall(spans: Any, *, mode: Mode = "light", title: str = "", most: int = 60) -> go.Figure:
    """One trace as bars: colour and pattern are the service, the line below a bar is the critical path.

    Parameters
    ----------
    spans
        SPANS; of several traces the first is drawn. Spans that are each other's ancestors are drawn as
        roots.
    mode
        ``light`` or ``dark``.
    most
        Of more spans than this, the most telling are drawn, which the figure says.

    Returns
    -------
    plotly.graph_objects.Figure
        Milliseconds since the trace began. Spans on the critical path have a diamond after their name,
        failed ones a cross. ``customdata`` is the span's id.

    Raises
    ------
    FrameError
        A column is missing.
    """
    needs = ("trace_id", "span_id", "service", "name", "start", "duration")
    found = waterfall_of(to_polars(spans, SPANS, needs=needs, what="waterfall"), most=most)
    if found is None:
        return nothing("There is nothing to draw: the frame has no span.", mode=mode, title=title)
    figure = new_figure()
    _draw_bars(figure, found, mode)
    _draw_path(figure, found, mode)
    names = said_apart((bar.name for bar in found.bars), 36)
    words = [
        name + " ✕" * bar.failed + " ◆" * bar.critical for name, bar in zip(names, found.bars, strict=True)
    ]
    figure.update_yaxes(
        tickvals=list(range(len(words))), ticktext=words, range=[len(words) - 0.4, -0.6], automargin=True
    )
    figure.update_xaxes(title_text="milliseconds since the trace began", range=[0, found.length / 1e6 * 1.01])
    figure.layout.xaxis.tickformat = ",~g"
    left = f"{counted(found.left_out, 'further span')} left out" if found.left_out else ""
    notes = [f"trace {found.trace_id}", left]
    finished(figure, mode=mode, title=title, notes=notes, height=24 * len(words) + 20)
    figure.update_layout(barmode="overlay", hovermode="closest")
    return figure


def _draw_bars(figure: go.Figure, found: Waterfall, mode: Mode) -> None:
    colours = theme(mode)
    names = said_apart(found.services, 40)
    for name, (service, slot) in zip(names, found.services.items(), strict=True):
        own = [(place, bar) for place, bar in enumerate(found.bars) if bar.service == service]
        figure.add_bar(
            orientation="h",
            name=name,
            y=[place for place, _ in own],
            base=[bar.offset / 1e6 for _, bar in own],
            x=[bar.duration / 1e6 for _, bar in own],
            width=0.66,
            marker={
                "color": colours.series[slot],
                "opacity": [1.0 if bar.critical else 0.55 for _, bar in own],
                "pattern": bar_pattern(PATTERNS[slot], colours.paper),
                "line": {"width": 1, "color": colours.series[slot]},  # the shortest can be seen, too
            },
            customdata=[bar.span_id for _, bar in own],
            hovertext=[said(bar.words, 400) for _, bar in own],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=True,
        )


def _draw_path(figure: go.Figure, found: Waterfall, mode: Mode) -> None:
    """What the request waited for, moment by moment: a line below the bar of the span."""
    x: list[float | None] = []
    y: list[float | None] = []
    for place, at, length in _waits(found.bars):
        x += [at / 1e6, (at + length) / 1e6, None]
        y += [place + 0.42, place + 0.42, None]
    if x:
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            name="critical path",
            line={"color": theme(mode).ink, "width": 3},
            hoverinfo="skip",
            showlegend=True,
        )


def _waits(bars: tuple[Bar, ...]) -> list[tuple[int, int, int]]:
    return [(place, at, length) for place, bar in enumerate(bars) for at, length in bar.waits]
