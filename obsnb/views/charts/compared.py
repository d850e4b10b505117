"""What is selected against the baseline: values and numbers of `contrast`, operations of two cohorts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.border import to_polars
from obsnb.schema import SPANS
from obsnb.views.charts.figure import finished, new_figure, nothing, said, said_apart
from obsnb.views.charts.over_time import bar_pattern
from obsnb.views.formats import duration, number, quantity
from obsnb.views.labels import elided
from obsnb.views.theme import Mode, theme

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["cohorts", "contrast"]

_SIDES = ("selected", "baseline")
_LETTERS = 40  # of a name: half of a narrow plot is left for its bars
_STEP = " › "  # from an operation to the one that it calls


def contrast(
    findings: Any,
    *,
    most: int = 20,
    mode: Mode = "light",
    title: str = "What the selected rows have in common",
) -> go.Figure:
    """Over-represented values as two bars each: their share of the selection, and of the baseline.

    Parameters
    ----------
    findings
        What `obsnb.contrast` gives: column, value, share and baseline_share; count, of, effect where known.
        Numbers that shifted have no share, and are named below the title.
    most
        How many values to draw, the first of the frame.

    Returns
    -------
    plotly.graph_objects.Figure
        Per cent of the rows, in the frame's order. ``customdata`` of a bar is its column and value.

    Raises
    ------
    FrameError
        A column is missing.
    """
    needs = ("column", "value", "share", "baseline_share")
    frame = to_polars(findings, SPANS, needs=needs, what="contrast")
    values = frame.drop_nulls("share")
    rows = values.head(most)
    notes = _numbers_shifted(frame)
    if rows.is_empty():
        words = "There is nothing to draw: no value is over-represented."
        return nothing(" ".join([words, *notes]), mode=mode, title=title)
    if values.height > rows.height:
        notes.append(f"{values.height - rows.height:,} further values are left out")
    names = [f"{row['column']} = {row['value']}" for row in rows.iter_rows(named=True)]
    bars = [rows[column].cast(pl.Float64).fill_null(0.0) * 100 for column in ("share", "baseline_share")]
    figure = _pairs(names, bars, mode, "%")
    told = [(str(row["column"]), str(row["value"])) for row in rows.iter_rows(named=True)]
    figure.update_traces(customdata=told)  # whoever clicks a bar finds the rows of that value
    figure.update_xaxes(title_text="per cent of the rows", range=[0, 102])
    return _finished(figure, names, mode, title, notes)


def _numbers_shifted(frame: pl.DataFrame) -> list[str]:
    if "median" not in frame.columns or "baseline_median" not in frame.columns:
        return []
    shifted = frame.drop_nulls(["median", "baseline_median"]).head(3)
    return [
        f"the median of {row['column']} went from {number(row['baseline_median'])} to {number(row['median'])}"
        for row in shifted.iter_rows(named=True)
    ]


def cohorts(
    selected: Any,
    baseline: Any = None,
    *,
    by: str = "self_time",
    most: int = 20,
    mode: Mode = "light",
    title: str = "Where the time goes",
) -> go.Figure:
    """Two cohorts of traces, operation by operation.

    Parameters
    ----------
    selected, baseline
        A row an operation: ``operation`` (or ``path``, or service and name), and the column compared. SPANS
        with ``self_time`` (`obsnb.self_time`) will do: durations are averaged, spans counted. Or what
        `obsnb.compare_cohorts` gives, alone.
    by
        ``self_time`` or ``duration`` (a row's mean; Duration), ``count`` or ``errors``.
    most
        How many operations to draw: those that differ most.

    Returns
    -------
    plotly.graph_objects.Figure
        Milliseconds, or a number, as two bars an operation.

    Raises
    ------
    FrameError
        A column is missing.
    """
    usual = "mean"
    if baseline is None:
        (selected, baseline), usual = _both_sides(selected, by), "median"
    sides = [_operations(side, by) for side in (selected, baseline)]
    both = sides[0].join(sides[1], on="operation", how="full", coalesce=True, suffix="_baseline")
    value, other = pl.col("value").fill_null(0.0), pl.col("value_baseline").fill_null(0.0)
    both = both.sort((value - other).abs(), "operation", descending=[True, False], maintain_order=True)
    rows = both.head(most)
    if rows.is_empty():
        return nothing("There is nothing to draw: neither cohort has an operation.", mode=mode, title=title)
    names = rows["operation"].to_list()
    unit = "ms" if by in ("self_time", "duration") else by
    bars = [rows[column].fill_null(0.0) for column in ("value", "value_baseline")]
    figure = _pairs(names, bars, mode, unit)
    words = {one: f"{usual} {one.replace('_', ' ')}, milliseconds" for one in ("self_time", "duration")}
    figure.update_xaxes(title_text=words.get(by, by), rangemode="tozero")
    left = both.height - rows.height
    return _finished(
        figure, names, mode, title, [f"{left:,} operations that differ less are left out"] * bool(left)
    )


def _both_sides(compared: Any, by: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was compared already, as two frames."""
    other = f"baseline_{by}"
    table = to_polars(compared, SPANS, needs=("path", by, other), what="cohorts")
    return (
        table.select("path", by).drop_nulls(by),
        table.select("path", pl.col(other).alias(by)).drop_nulls(by),
    )


def _operations(side: Any, by: str) -> pl.DataFrame:
    frame = to_polars(side, SPANS, needs=(by,) if by != "count" else (), what="cohorts")
    name = next((one for one in ("operation", "path") if one in frame.columns), None)
    if name is None:
        SPANS.check(frame.columns, needs=("service", "name"), what="cohorts")
    named = pl.col(name) if name else pl.format("{}: {}", pl.col("service").fill_null("unknown"), "name")
    if name and isinstance(frame.schema[name], pl.List):
        named = pl.col(name).list.join(_STEP)
    if by == "count" and by not in frame.columns:
        value: pl.Expr = pl.len().cast(pl.Float64)
    elif isinstance(frame.schema[by], pl.Duration):
        value = (pl.col(by).cast(pl.Duration("ns")).to_physical() / 1e6).mean()
    else:
        value = (
            pl.col(by).cast(pl.Float64).sum()
            if by in ("count", "errors")
            else pl.col(by).cast(pl.Float64).mean()
        )
    return frame.group_by(named.cast(pl.String).fill_null("unknown").alias("operation")).agg(
        value.alias("value")
    )


def _pairs(names: list[str], bars: list[pl.Series], mode: Mode, unit: str) -> go.Figure:
    """Two bars a row, told apart by colour and by what fills them."""
    figure, colours = new_figure(), theme(mode)
    looks = ((colours.bad, "/", -0.2), (colours.series[0], "", 0.2))
    for side, values, (colour, pattern, shift) in zip(_SIDES, bars, looks, strict=True):
        shown = [duration(value * 1e6) if unit == "ms" else quantity(value, unit) for value in values]
        figure.add_bar(
            orientation="h",
            name=side,
            y=[place + shift for place in range(len(names))],
            x=values.to_numpy(),
            width=0.36,
            marker={"color": colour, "pattern": bar_pattern(pattern, colours.paper)},
            hovertext=[
                f"{said(name, 200)}<br>{side}: {words}" for name, words in zip(names, shown, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
            showlegend=True,
        )
    return figure


def _short_path(name: str, limit: int) -> str:
    """A path's two ends, where it is long: it is the last operation that tells it from its neighbours."""
    first, _, rest = name.partition(_STEP)
    if not rest or len(name) <= limit:
        return elided(name, limit)
    whose = first[: first.find(": ") + 2] if ": " in first else ""
    last = rest.rpartition(_STEP)[2].removeprefix(whose)  # a service need not be said twice
    between = " › … › " if _STEP in rest else _STEP
    left = max(limit - len(between) - len(last), 12)
    return elided(f"{elided(first, left)}{between}{last}", limit)


def _finished(figure: go.Figure, names: list[str], mode: Mode, title: str, notes: list[str]) -> go.Figure:
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=said_apart(names, _LETTERS, _short_path),
        range=[len(names) - 0.4, -0.6],
        automargin=True,
    )
    finished(figure, mode=mode, title=title, notes=notes, height=30 * len(names) + 30)
    figure.update_layout(barmode="overlay", hovermode="closest")
    return figure
