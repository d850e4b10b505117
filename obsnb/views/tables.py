"""Frames as tables for a notebook: times in UTC, durations and numbers for people, all text escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import polars as pl

from obsnb.errors import FrameError
from obsnb.views.formats import NOTHING, clock, counted, duration, moment, number, one_line, shorten, visible

__all__ = ["Table", "table"]

_LONGEST, _MOST_NAMES = 160, 6


@dataclass(frozen=True)
class Table:
    """A frame's rows as they are read.

    Attributes
    ----------
    head
        The columns' names.
    rows
        A tuple of texts a row.
    numbers
        Which columns hold numbers, and stand at the right.
    caption
        What stands above it.
    left_out
        How many of the frame's rows are not among them.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[int] = frozenset()
    caption: str = ""
    left_out: int = 0

    def __repr__(self) -> str:
        return f"Table({len(self.rows)} rows: {', '.join(self.head)})"

    def to_html(self) -> str:
        """The table, with every text escaped; a long one is cut, and whole in its cell's title."""
        head = "".join(f"<th style='text-align:left'>{_escaped(name)}</th>" for name in self.head)
        body = "".join(f"<tr>{''.join(map(self._cell, range(len(row)), row))}</tr>" for row in self.rows)
        body = body or f"<tr><td colspan='{len(self.head)}'>No row.</td></tr>"
        caption = (
            f"<caption style='text-align:left'>{_escaped(self.caption)}</caption>" if self.caption else ""
        )
        more = f"<p>{counted(self.left_out, 'further row')}.</p>" if self.left_out else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    def _cell(self, place: int, text: str) -> str:
        side, wrap = ("right", "nowrap") if place in self.numbers else ("left", "pre-wrap")
        short = shorten(text, _LONGEST)
        title = "" if short == text else f' title="{html.escape(visible(text[:2_000]))}"'
        look = f"text-align:{side};vertical-align:top;white-space:{wrap}"
        return f"<td style='{look}'{title}>{_escaped(short)}</td>"

    def _repr_html_(self) -> str:
        return self.to_html()


def _escaped(text: str) -> str:
    return html.escape(visible(text))


def table(frame: Any, columns: Iterable[str] | None = None, *, rows: int = 50, caption: str = "") -> Table:
    """A frame as a table to be read.

    Parameters
    ----------
    frame
        polars (also lazy), pandas or pyarrow.
    columns
        Which columns, in order; all unless told.
    rows
        How many rows at most.
    caption
        What to write above it.

    Returns
    -------
    Table
        Times in UTC (of one day: without the day), durations with their unit, numbers with thousands
        separators, lists as their first six members.

    Raises
    ------
    FrameError
        It is no frame, or has no such column.
    """
    polars = _polars(frame)
    wanted = list(polars.columns if columns is None else columns)
    missing = [name for name in wanted if name not in polars.columns]
    if missing:
        raise FrameError(
            f"The frame has no column {', '.join(missing)}.", hint=f"It has {', '.join(polars.columns)}."
        )
    shown = polars.select(wanted).head(rows)
    texts = [_column(shown[name]) for name in wanted]
    return Table(
        head=tuple(wanted),
        rows=tuple(zip(*texts, strict=True)),
        numbers=frozenset(
            i for i, kind in enumerate(shown.dtypes) if kind.is_numeric() or kind == pl.Duration
        ),
        caption=caption,
        left_out=polars.height - shown.height,
    )


def _polars(frame: Any) -> pl.DataFrame:
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    try:
        polars: pl.DataFrame = nw.from_native(frame, eager_only=True).to_polars()
    except TypeError:
        raise FrameError(
            f"table takes a polars, pandas or pyarrow frame, not {type(frame).__name__}.",
            hint="obs.logs(...) and the verbs of an investigation give such frames.",
        ) from None
    return polars


def _column(column: pl.Series) -> list[str]:
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        ns = column.cast(pl.Datetime("ns", kind.time_zone)).to_physical()
        one_day = column.drop_nulls().dt.date().n_unique() <= 1
        return [clock(value, digits=3) if one_day else moment(value) for value in ns]
    if isinstance(kind, pl.Duration):
        return [duration(value) for value in column.cast(pl.Duration("ns")).to_physical()]
    if kind.is_numeric():
        return [number(value) for value in column]
    if isinstance(kind, pl.List | pl.Array):
        return [_names(value) for value in column.to_list()]
    return [NOTHING if value is None else visible(str(value)) for value in column.to_list()]


def _names(values: list[Any] | None) -> str:
    if not values:
        return NOTHING
    more = f" +{len(values) - _MOST_NAMES}" if len(values) > _MOST_NAMES else ""
    return "; ".join(one_line(str(value)) for value in values[:_MOST_NAMES]) + more
