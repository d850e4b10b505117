"""A frame as a table to sort, search, choose from and follow; the boards are made of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from obsnb.errors import FrameError, UsageError
from obsnb.timerange import TimeRange
from obsnb.views.formats import NOTHING, duration, moment, number, one_line
from obsnb.views.tables import Table
from obsnb.views.widgets.base import Answer, script
from obsnb.views.widgets.listing import ListWidget, Places, cut, whole_number, whole_text
from obsnb.views.widgets.turns import in_turn

__all__ = ["NAMES", "Column", "TableWidget"]

_STILL = 30
_MOST_NAMES = 4
_WIDEST = 160  # pixels of a column of names
#: The width of a column of names, which are told apart by their ends: as wide as they are, within bounds.
NAMES = "names"


@dataclass(frozen=True)
class Column:
    """A shown column: of the frame, under a title, so wide (CSS or `NAMES`), its unit in a tooltip."""

    name: str
    title: str
    wide: str = "minmax(0, 1fr)"
    unit: str = ""


class TableWidget(ListWidget):
    """Rows of a frame with columns chosen for reading; every column stands in a row's details."""

    _esm = script("table")
    #: What the table is called, and what its rows are.
    title = "Rows"
    noun = "row"
    #: Which columns are shown; those that the frame lacks are left out.
    columns: tuple[Column, ...] = ()
    #: Columns without which there is nothing to show.
    needs: tuple[str, ...] = ()
    #: Whether a frame without rows is shown as such, rather than as a sentence.
    empty_is_fine = False
    #: Said where the frame has no rows.
    nothing = "There is no row to show: the frame is empty."
    #: What following a row does, where somebody listens.
    act = ""

    def __init__(self, frame: Any, *, height: int = 320) -> None:
        super().__init__()
        self._height = height
        self._window: TimeRange | None = None
        self._followers: list[Callable[[str], object]] = []
        self._query: Answer = {"text": "", "only": False, "sort": None, "down": False}
        self._shown: tuple[Column, ...] = ()
        with self.putting_trouble_in_its_place():
            self._read(frame)

    def _read(self, frame: Any) -> None:
        name = type(self).__name__
        source = self.prepared(self.take(frame))
        missing = [one for one in self.needs if one not in source.columns]
        if missing:
            raise FrameError(
                f"{name} needs the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; "
                f"the frame has {', '.join(source.columns) or 'none'}."
            )
        if source.is_empty() and not self.empty_is_fine:
            raise FrameError(self.nothing)
        self.hold(source, frame)
        shown = tuple(one for one in self.columns if one.name in source.columns)
        if shown != self._shown:
            self._query["sort"] = None
        self._shown = shown
        self.renew()

    @in_turn
    def read_anew(self, frame: Any) -> None:
        """Show another frame, arranged as the one before; rows that were chosen stay so if it has them."""
        chosen = self.source.filter(self.chosen)
        with self.putting_trouble_in_its_place():
            self._read(frame)
            if chosen.height:
                self.chosen = self._named(chosen)
            self._arrange()

    # What subclasses may change.

    def prepared(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame that is shown, of the one that was passed in."""
        return frame

    def look(self, column: str, value: Any) -> tuple[str, str]:
        """A value as it is read, marks and words included, and the class of its cell."""
        return _written(column, value, self.source.schema[column]), ""

    def whole(self, _row: Mapping[str, Any]) -> str:
        """A text that is shown on top of a row's details."""
        return ""

    def target(self, _row: Mapping[str, Any]) -> str:
        """What following a row leads to: a trace id, or nothing."""
        return ""

    # What is drawn.

    def says(self) -> str:
        """How many rows of how many, and how many are chosen."""
        if self.source.is_empty():
            return super().says()
        many, chosen = self.source.height, int(self.chosen.sum())
        shown = f"{len(self.order):,} of " * (len(self.order) != many)
        return f"{shown}{number(many)} {self.noun}{'s' * (many != 1)}" + f", {chosen:,} selected" * (
            chosen > 0
        )

    def first_view(self) -> Answer:
        """The headings and the first rows."""
        kinds = self.source.schema
        return {
            **super().first_view(),
            "title": self.title,
            "height": self._height,
            "query": self._query,
            "act": self.act if self._followers else "",
            "again": "again" in self.questions(),
            "columns": [
                {
                    "title": one.title,
                    "wide": self._wide(one),
                    "unit": one.unit,
                    "number": _is_number(kinds[one.name]),
                }
                for one in self._shown
            ],
        }

    def _wide(self, column: Column) -> str:
        """A column's width; where it holds names, as much as the longest one needs, within bounds."""
        if column.wide != NAMES:
            return column.wide
        longest = max(map(len, _texts(self.source[column.name])), default=0)
        return f"{min(max(len(column.title), longest) * 7 + 6, _WIDEST)}px"

    def drawn(self, places: Places) -> list[Answer]:
        """The cells of rows, each with its look."""
        names = [one.name for one in self._shown]
        rows = []
        for row in _plain(self.source.select(names)[places]).iter_rows():
            looked = [self.look(name, value) for name, value in zip(names, row, strict=True)]
            rows.append({"cells": [cut(text) for text, _ in looked], "looks": [look for _, look in looked]})
        return rows

    def still_form(self) -> str:
        """The first rows in view, as a table."""
        rows = self.drawn(self.order[:_STILL])
        kinds = [self.source.schema[one.name] for one in self._shown]
        return Table(
            tuple(one.title for one in self._shown),
            tuple(tuple(row["cells"]) for row in rows),
            frozenset(place for place, kind in enumerate(kinds) if _is_number(kind)),
            left_out=len(self.order) - len(rows),
        ).to_html()

    # What is asked.

    def questions(self) -> Mapping[str, Callable[[Mapping[str, Any]], Answer]]:
        """Pages and choices, searches and orders, a row whole, and where it leads."""
        return {
            **super().questions(),
            "find": self._find,
            "details": self._details,
            "follow": self._follow,
        }

    def _find(self, given: Mapping[str, Any]) -> Answer:
        sort = given.get("sort")
        self._query = {
            "text": str(given.get("text", ""))[:1_000],
            "only": bool(given.get("only")),
            "sort": None if sort is None else whole_number(sort, len(self._shown) - 1),
            "down": bool(given.get("down")),
        }
        self._arrange()
        return {}

    def _arrange(self) -> None:
        query, kept = self._query, np.ones(self.source.height, dtype=np.bool_)
        if query["text"]:
            said = _plain(self.source).select(_searched(self.source.schema)).to_series()
            found = said.str.contains(f"(?i){re.escape(query['text'])}")
            kept &= found.fill_null(False).to_numpy()
        if query["only"]:
            kept &= self.chosen
        if self._window is not None and "start" in self.source.columns:
            start = self.source["start"].cast(pl.Datetime("ns", "UTC")).to_physical()
            inside = start.is_between(self._window.start_ns, self._window.end_ns, closed="left")
            kept &= inside.fill_null(False).to_numpy()
        order = np.arange(self.source.height)
        if query["sort"] is not None:
            column = self.source[self._shown[query["sort"]].name]
            column = column.cast(pl.String) if column.dtype == pl.Categorical else column
            column = column.list.len() if isinstance(column.dtype, pl.List) else column
            order = column.arg_sort(descending=query["down"], nulls_last=True).to_numpy()
        self.order = order[kept[order]].astype(np.int64)
        self.rows_moved()

    @in_turn
    def look_at(self, window: TimeRange | None) -> None:
        """Show only rows that start in this window; None shows all again."""
        self._window = window
        if not self.trouble:
            self._arrange()
            self.say_changed()

    def _row(self, given: Mapping[str, Any]) -> Answer:
        if not len(self.order):
            raise UsageError("There is no row there.")
        return _plain(self.source).row(
            int(self.order[whole_number(given.get("at"), len(self.order) - 1)]), named=True
        )

    def _details(self, given: Mapping[str, Any]) -> Answer:
        row, kinds = self._row(given), self.source.schema
        fields = [
            [name, whole_text(_written(name, value, kinds[name], most=200))]
            for name, value in row.items()
            if value is not None and value != []
        ]
        return {"fields": fields, "whole": whole_text(self.whole(row))}

    def _follow(self, given: Mapping[str, Any]) -> Answer:
        leads_to = self.target(self._row(given))
        if not leads_to:
            raise UsageError(f"This {self.noun} names no trace.")
        for follower in self._followers:
            follower(leads_to)
        return {}

    @in_turn
    def on_follow(self, follower: Callable[[str], object]) -> None:
        """Call this with what a row leads to (a trace id) when somebody follows it."""
        self._followers.append(follower)
        if not self.trouble:
            self.renew()


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Times and durations as nanoseconds, categories as text: Python's own types lose digits."""
    kinds = frame.schema
    return frame.with_columns(
        *(
            pl.col(name).cast(pl.Datetime("ns", kind.time_zone)).to_physical()
            for name, kind in kinds.items()
            if isinstance(kind, pl.Datetime)
        ),
        *(
            pl.col(name).cast(pl.Duration("ns")).to_physical()
            for name, kind in kinds.items()
            if isinstance(kind, pl.Duration)
        ),
        *(pl.col(name).cast(pl.String) for name, kind in kinds.items() if kind in (pl.Categorical, pl.Enum)),
    )


def _texts(column: pl.Series) -> list[str]:
    return [str(one) for one in column.unique().drop_nulls()]


def _is_number(kind: Any) -> bool:
    return bool(kind.is_numeric() or isinstance(kind, pl.Duration))


def _searched(kinds: Mapping[str, Any]) -> pl.Expr:
    texts: list[pl.Expr] = []
    for name, kind in kinds.items():
        if kind in (pl.String, pl.Categorical):
            texts.append(pl.col(name))
        elif kind == pl.List(pl.String):
            texts.append(pl.col(name).list.join(" "))
    return pl.concat_str(texts or [pl.lit("")], separator=" ", ignore_nulls=True)


def _written(name: str, value: Any, kind: Any, *, most: int = _MOST_NAMES) -> str:
    if value is None:
        return NOTHING
    if isinstance(kind, pl.Datetime):
        return moment(value)
    if isinstance(kind, pl.Duration):
        return duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{number(100 * value)} %" if name == "share" else number(value)
    if isinstance(value, list):
        more = f" +{len(value) - most}" if len(value) > most else ""
        return "; ".join(one_line(str(one)) for one in value[:most]) + more
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
