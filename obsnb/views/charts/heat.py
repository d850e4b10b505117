"""A grid of counts over time as colours, in one hue whose lightness keeps the order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.views.charts.figure import said
from obsnb.views.formats import number
from obsnb.views.svg import round_ticks
from obsnb.views.theme import Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["heat_map"]


def heat_map(
    figure: go.Figure,
    edges: pl.Series,
    counts: npt.NDArray[np.float64],
    *,
    mode: Mode,
    noun: str,
    rows: list[str],
) -> None:
    """Add a heat map: a row of `counts` for each of `rows`, a column between each two of `edges`.

    The colour follows the square root, so that few are seen beside many; cells of none stay paper. What a
    pointer is told and the colours' scale are the counts themselves.
    """
    colours = theme(mode)
    most = float(counts.max(initial=0.0))
    ticks = [tick for tick in round_ticks(most, 4) if tick <= most] if most else [0.0]
    shown = np.where(counts > 0, np.sqrt(counts), np.nan)
    scale = [[place / (len(colours.heat) - 1), colour] for place, colour in enumerate(colours.heat)]
    bar: dict[str, Any] = {
        "tickvals": [tick**0.5 for tick in ticks],
        "ticktext": [number(tick) for tick in ticks],
        "title": {"text": said(noun), "side": "right"},
        "tickfont": {"color": colours.ink},
        "thickness": 12,
        "outlinewidth": 0,
    }
    names = [said(name, 120) for name in rows]
    figure.add_heatmap(
        x=edges.to_numpy(),
        y=np.arange(len(rows) + 1),
        z=shown,
        zmin=0,
        zmax=max(most, 1e-9) ** 0.5,
        colorscale=scale,
        colorbar=bar,
        name=said(noun),
        hoverongaps=False,
        xgap=1 if counts.shape[1] <= 60 else 0,
        ygap=1,
        text=[
            [f"{number(value)} {said(noun)}: {name}" for value in line]
            for name, line in zip(names, counts, strict=True)
        ],
        hovertemplate="%{x}<br>%{text}<extra></extra>",
        showlegend=False,
    )
