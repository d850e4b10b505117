"""A figure's matplotlib twin, for print: drawn from the figure itself, so that the two cannot differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from obsnb.errors import MissingExtraError, UsageError
from obsnb.views.charts.dressing import annotate, axis_of, dress
from obsnb.views.charts.marks import draw_shape, draw_trace, printable

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.figure import Figure

__all__ = ["for_print"]

_DPI = 100  # of plotly's pixels, so that type has the size it has on a screen
_TRACES = ("scatter", "bar", "heatmap")


def for_print(figure: go.Figure, *, width_in: float = 7.5) -> Figure:
    """The same chart as a matplotlib figure, for a PDF, an SVG or a page of paper.

    Parameters
    ----------
    figure
        What a function of this module gave, also after you have changed it.
    width_in
        How wide it shall be, in inches; its height follows the figure's.

    Returns
    -------
    matplotlib.figure.Figure
        Of no window and no global state; ``savefig("chart.pdf")`` writes it. The traces' own values, names,
        titles and notes, in the figure's colours: for paper make the figure with ``mode="light"``. What
        only a pointer shows is not in it, and a letter that matplotlib's font lacks is a ``□``.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    UsageError
        The figure holds a kind of trace that the charts here never draw.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError(
            "A chart for print needs matplotlib, which is not installed.", hint='pip install "obsnb[plots]"'
        ) from None
    plain = {  # not the figure's own to_plotly_json, which turns arrays into base64
        "data": [trace.to_plotly_json() for trace in figure.data],
        "layout": figure.layout.to_plotly_json(),
    }
    for trace in plain["data"]:
        if trace["type"] not in _TRACES:
            raise UsageError(
                f"for_print cannot draw a trace of the kind {trace['type']}.",
                hint=f"It draws {', '.join(_TRACES)}; figure.write_image draws all kinds, with a browser.",
            )
    layout = plain["layout"]
    width, height = 860.0, float(layout.get("height") or 450)
    page = Figure(
        figsize=(width_in, width_in * height / width), facecolor=layout.get("paper_bgcolor", "white")
    )
    scale = width_in * 72 / width  # points a pixel
    sheet = _Sheet(page, plain, scale, width, height)
    sheet.draw()
    return page


@dataclass
class _Sheet:
    """A page being drawn: plotly's layout in pixels, matplotlib's page in points."""

    page: Figure
    plain: Mapping[str, Any]
    scale: float
    width: float
    height: float
    axes: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def layout(self) -> Mapping[str, Any]:
        layout: Mapping[str, Any] = self.plain["layout"]
        return layout

    def draw(self) -> None:
        for trace in self.plain["data"]:
            self._axes_of(trace.get("xaxis") or "x", trace.get("yaxis") or "y")
        if not self.axes:
            self._axes_of("x", "y")
        bases: dict[Any, tuple[Any, Any]] = {}
        for place, trace in enumerate(self.plain["data"]):
            axes = self.axes[trace.get("xaxis") or "x", trace.get("yaxis") or "y"]
            draw_trace(axes, trace, scale=self.scale, order=3 + place, stack=self._stack(bases))
        for shape in self.layout.get("shapes") or ():
            draw_shape(self._for_shape(shape), shape, scale=self.scale)
        for axes_of, axes in self.axes.items():
            dress(axes, self.layout, *axes_of, scale=self.scale)
        self._annotate()
        self._head()

    def _stack(self, bases: dict[Any, tuple[Any, Any]]) -> dict[Any, tuple[Any, Any]] | None:
        return bases if self.layout.get("barmode") in ("stack", "relative") else None

    def _margin(self) -> tuple[float, float, float, float]:
        """Left, right, top and bottom as parts of the page; room for long names is taken from the plot."""
        given = self.layout.get("margin") or {}
        sides = [axis or {} for name, axis in self.layout.items() if name.startswith("yaxis")]
        titled = any((axis.get("title") or {}).get("text") for axis in sides)
        words = [printable(str(word)) for axis in sides for word in axis.get("ticktext") or ()]
        words += ["10,000" for axis in sides if axis.get("type") == "log"]
        widest = 1.06 * max(map(_width, words), default=0.0)  # coarse pictures round letters up
        room = widest + 30 + 18 * titled
        left = min(max(float(given.get("l", 60)), room), 0.5 * self.width)
        right = 70.0 if any(trace["type"] == "heatmap" for trace in self.plain["data"]) else 24.0
        top, bottom = float(given.get("t", 60)), float(given.get("b", 44))
        return left / self.width, right / self.width, top / self.height, bottom / self.height

    def _axes_of(self, x: str, y: str) -> Any:
        if (x, y) in self.axes:
            return self.axes[x, y]
        left, right, top, bottom = self._margin()
        over = axis_of(self.layout, y).get("overlaying")
        across = axis_of(self.layout, x).get("domain") or (0, 1)
        up = axis_of(self.layout, over or y).get("domain") or (0, 1)
        wide, high = 1 - left - right, 1 - top - bottom
        place = (left + across[0] * wide, bottom + up[0] * high)
        size = ((across[1] - across[0]) * wide, (up[1] - up[0]) * high)
        shared = next((axes for (other, _), axes in self.axes.items() if other == x), None)
        axes = self.page.add_axes((*place, *size), sharex=shared)
        axes.set_facecolor("none" if over else self.layout.get("plot_bgcolor", "white"))
        axes.set_zorder(2 if over else 1)
        self.axes[x, y] = axes
        return axes

    def _for_shape(self, shape: Mapping[str, Any]) -> list[Any]:
        """A shape of the paper's height goes through every panel, any other into its own."""
        if shape.get("yref") == "paper":
            return [
                axes for (_, y), axes in self.axes.items() if not axis_of(self.layout, y).get("overlaying")
            ]
        return [self._axes_of(shape.get("xref") or "x", shape.get("yref") or "y")]

    def _annotate(self) -> None:
        for note in self.layout.get("annotations") or ():
            annotate(self._for_note(note), note, scale=self.scale)

    def _for_note(self, note: Mapping[str, Any]) -> Any:
        """The axes a note stands in: of the paper the topmost, whose upper edge is the paper's."""
        if note.get("yref") == "paper":
            return max(
                (axes for (_, y), axes in self.axes.items() if not axis_of(self.layout, y).get("overlaying")),
                key=lambda axes: axes.get_position().y1,
            )
        return self._axes_of(note.get("xref") or "x", note.get("yref") or "y")

    def _head(self) -> None:
        """Title, notes and legends, from the top down."""
        layout, ink = self.layout, (self.layout.get("font") or {}).get("color", "black")
        title = layout.get("title") or {}
        below = 14.0
        self._words(printable(title.get("text") or ""), below, 15, ink)
        subtitle = title.get("subtitle") or {}
        quiet = (subtitle.get("font") or {}).get("color", ink)
        self._words(printable(subtitle.get("text") or ""), below + 24, 12, quiet)
        for name in ("legend", "legend2"):
            self._legend(name, ink)

    def _words(self, text: str, below: float, size: float, colour: str) -> None:
        if text:
            self.page.text(
                0.012,
                1 - below / self.height,
                text,
                va="top",
                ha="left",
                size=size * self.scale,
                color=colour,
                parse_math=False,
                linespacing=1.3,
            )

    def _legend(self, name: str, ink: str) -> None:
        """A legend at the height that plotly's has, its columns as wide as the widest entry."""
        seen: dict[str, Any] = {}
        for axes in self.axes.values():
            for artist, label in zip(*axes.get_legend_handles_labels(), strict=True):
                if getattr(artist, "_obsnb_legend", "legend") == name:
                    seen.setdefault(label, artist)
        if not seen:
            return
        place = self.layout.get(name) or {}
        widest = 46 + 6.4 * max(map(len, seen))
        made = self.page.legend(
            list(seen.values()),
            list(seen),
            loc="upper left",
            bbox_to_anchor=(0.006, float(place.get("y", 1.0))),
            ncols=max(1, int(0.95 * self.width / widest)),
            frameon=False,
            fontsize=12 * self.scale,
            labelcolor=ink,
            borderaxespad=0,
            columnspacing=1.2,
        )
        for text in made.get_texts():
            text.set_parse_math(False)


def _width(words: str) -> float:
    """How many pixels wide an axis' words are: letters differ too much to be counted."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return float(text_to_path.get_text_width_height_descent(words, FontProperties(size=11), False)[0])
