"""Statements by the time they took: all together, and the slowest of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.schema import SPANS
from obsnb.views.charts.figure import finished, new_figure, nothing, said, said_apart
from obsnb.views.formats import duration, number
from obsnb.views.theme import SYMBOLS, Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["slow_queries"]

_NAMED = 6
_MOST = 200


def slow_queries(statements: Any, *, mode: Mode = "light", title: str = "Slow queries") -> go.Figure:
    """Statements and other calls: total time against p95, a line from the p95 of the baseline.

    Parameters
    ----------
    statements
        What `obsnb.slow_queries` gives: total, p95, count; statement, operation, service, peer,
        before_p95, within_p95 and fingerprint where known.
    mode
        ``light`` or ``dark``.

    Returns
    -------
    plotly.graph_objects.Figure
        Both axes logarithmic, in milliseconds and seconds. The six with the most time have a symbol and a
        name of their own. Where the baseline's p95 is known, a dotted line leads from it to the incident's,
        which is drawn in place of the whole frame's. ``customdata`` is the fingerprint.

    Raises
    ------
    FrameError
        A column is missing.
    """
    frame = to_polars(statements, SPANS, needs=("total", "p95", "count"), what="slow_queries")
    rows = _rows(frame)
    if rows.is_empty():
        return nothing("There is nothing to draw: no statement with a duration.", mode=mode, title=title)
    figure, colours = new_figure(), theme(mode)
    _draw_shifts(figure, rows, colours.quiet)
    for place, name in enumerate(said_apart(rows["name"].head(_NAMED), 60)):
        _draw_points(
            figure,
            rows[place : place + 1],
            f"{place + 1}. {name}",
            symbol=SYMBOLS[place],
            colour=colours.series[place],
            mode=mode,
        )
    if rows.height > _NAMED:
        rest = rows[_NAMED:]
        _draw_points(
            figure, rest, f"{rest.height:,} others", symbol="circle-open", colour=colours.quiet, mode=mode
        )
    figure.update_xaxes(type="log", title_text="95th percentile, milliseconds", dtick=1)
    figure.update_yaxes(type="log", title_text="total, seconds", dtick=1)
    figure.layout.xaxis.tickformat = figure.layout.yaxis.tickformat = ",~g"
    left = frame.height - rows.height
    notes = (
        ["dotted: from the 95th percentile of the baseline"]
        if rows["before"].null_count() < rows.height
        else []
    )
    notes += [f"{left:,} with less time, or without a duration, are left out"] if left else []
    finished(figure, mode=mode, title=title, notes=notes, height=320)
    figure.update_layout(hovermode="closest")
    return figure


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    """What is drawn: name, p95 and before (ms), total (s), count, words, id; the most time first."""

    def known(*names: str) -> list[pl.Expr]:
        return [pl.col(name) for name in names if name in frame.columns]

    def ms(*names: str) -> pl.Expr:
        columns = [column.cast(pl.Duration("ns")).to_physical() / 1e6 for column in known(*names)]
        return pl.coalesce(columns) if columns else pl.lit(None, pl.Float64)

    named = [column.cast(pl.String) for column in known("statement", "operation", "fingerprint")]
    ids = known("fingerprint")
    whom = [column.cast(pl.String).fill_null("") for column in known("service", "peer")]
    return (
        frame.select(
            (pl.coalesce(named) if named else pl.lit("call")).fill_null("call").alias("name"),
            ms("within_p95", "p95").alias("p95"),
            ms("before_p95").alias("before"),
            (pl.col("total").cast(pl.Duration("ns")).to_physical() / 1e9).alias("total"),
            "count",
            (pl.concat_str(whom, separator=" → ") if whom else pl.lit("")).alias("whom"),
            (ids[0] if ids else pl.lit(None, pl.String)).alias("id"),
        )
        .filter(pl.col("p95") > 0, pl.col("total") > 0)
        .sort("total", "name", descending=[True, False])
        .head(_MOST)
    )


def _draw_shifts(figure: go.Figure, rows: pl.DataFrame, colour: str) -> None:
    x: list[float | None] = []
    y: list[float | None] = []
    for before, after, total in (
        rows.filter(pl.col("before") > 0).select("before", "p95", "total").iter_rows()
    ):
        x += [before, after, None]
        y += [total, total, None]
    if x:
        pen = {"color": colour, "width": 1.5, "dash": "dot"}
        figure.add_scatter(x=x, y=y, mode="lines", line=pen, hoverinfo="skip", showlegend=False)


def _draw_points(
    figure: go.Figure, rows: pl.DataFrame, name: str, *, symbol: str, colour: str, mode: Mode
) -> None:
    figure.add_scatter(
        x=rows["p95"].to_numpy(),
        y=rows["total"].to_numpy(),
        mode="markers",
        name=name,
        marker={"symbol": symbol, "color": colour, "line": {"width": 1, "color": theme(mode).ink}}
        | {"size": (9 + 3 * np.log10(np.maximum(rows["count"].cast(pl.Float64).to_numpy(), 1))).tolist()},
        customdata=rows["id"].to_list(),
        hovertext=[
            f"{said(row['name'], 120)}<br>{said(row['whom'], 80)}<br>{number(row['count'])} calls, "
            f"total {duration(row['total'] * 1e9)}, p95 {duration(row['p95'] * 1e6)}"
            for row in rows.iter_rows(named=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=True,
    )
