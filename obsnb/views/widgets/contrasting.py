"""What sets the brushed rows apart: a contrast's findings, as bars of selected against baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import polars as pl

from obsnb.analysis.contrast import contrast
from obsnb.errors import ObsnbError
from obsnb.views.formats import NOTHING, counted, number
from obsnb.views.widgets.listing import as_polars
from obsnb.views.widgets.table import Column, TableWidget
from obsnb.views.widgets.turns import in_turn

__all__ = ["Brushed", "ContrastPanel"]

_MOST = 50_000  # rows that are compared: about two seconds' work for lines, whose patterns are mined


class Brushed(Protocol):
    """A widget in which rows are chosen: a time picker, a log browser, a table, a waterfall."""

    @property
    def selection(self) -> Any:
        """The chosen rows."""

    @property
    def rest(self) -> Any:
        """All others."""

    def on_select(self, listener: Callable[[Any], object], /) -> None:
        """Call this whenever others are chosen."""


class ContrastPanel(TableWidget):
    """Over-represented values and shifted numbers, the largest effect first.

    Parameters
    ----------
    frame
        As `obsnb.contrast` gives it; nothing yet, unless told.
    height
        Pixels of the list.

    Notes
    -----
    `watch` feeds it from a brush or a choice in any other widget: what is picked against the rest.
    """

    title, noun = "What sets the selection apart", "finding"
    needs = ("kind", "column", "effect")
    empty_is_fine = True
    told_by = (("kind", "column", "value"), ("kind", "column"))
    columns = (
        Column("rank", "#", "40px"),
        Column("said", "what", "minmax(170px, 2fr)"),
        Column(
            "shares", "selected (solid), baseline (striped)", "minmax(235px, 2fr)", "share of rows, or median"
        ),
        Column("lift", "lift", "70px", "share of the selection over that of the baseline"),
        Column("effect", "effect", "70px", "difference of the shares, or Cliff's delta: -1 to 1"),
        Column("q_value", "q", "76px", "part of such findings that chance gives (Benjamini and Hochberg)"),
    )

    def __init__(self, frame: Any = None, *, height: int = 300) -> None:
        self._told = "nothing is compared yet" if frame is None else ""
        super().__init__(_nothing() if frame is None else frame, height=height)

    def prepared(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Without what was set aside; with each finding in words and its two sides."""
        if not {*self.needs} <= {*frame.columns}:
            return frame
        names = ("share", "baseline_share", "median", "baseline_median")
        sides = [name for name in names if name in frame.columns]
        value = pl.col("value").cast(pl.String) if "value" in frame.columns else pl.lit(None, pl.String)
        column: pl.Expr = pl.col("column").cast(pl.String)
        direction: pl.Expr = pl.lit("shifted")
        if "direction" in frame.columns:
            direction = pl.coalesce(pl.col("direction").cast(pl.String), direction)
        said = pl.when(value.is_null()).then(pl.format("{}: {}", column, direction))
        return frame.filter(pl.col("kind").cast(pl.String) != "set aside").with_columns(
            said.otherwise(pl.format("{} = {}", column, value)).alias("said"),
            pl.struct(sides).alias("shares") if sides else pl.lit(None).alias("shares"),
        )

    def look(self, column: str, value: Any) -> tuple[str, str]:
        """The two sides as words and as two bars; a lift is a factor, and no chance is ever nothing."""
        if column == "lift" and value is not None:
            return f"{number(value)}×", ""
        if column == "q_value" and value == 0:
            return "< 1e−300", ""
        if column != "shares":
            return super().look(column, value)
        share, other = (value or {}).get("share"), (value or {}).get("baseline_share")
        if share is None:
            middle, before = (value or {}).get("median"), (value or {}).get("baseline_median")
            return (
                f"median {number(middle)} against {number(before)}" if middle is not None else NOTHING
            ), ""
        words = f"{number(100 * share)} % against {number(100 * (other or 0))} %"
        return words, f"bars:{share:.3f}:{other or 0:.3f}"

    def says(self) -> str:
        """How many findings, and what was compared with what."""
        if self.trouble:
            return super().says()
        if self.source.is_empty():
            return self._told or "nothing sets the selection apart"
        chosen = int(self.chosen.sum())
        found = counted(self.source.height, self.noun) + f", {chosen:,} selected" * (chosen > 0)
        return "; ".join(part for part in (found, self._told) if part)

    def watch(
        self, chooser: Brushed, compare: Callable[[Any, Any], Any] = contrast, *, most: int = _MOST
    ) -> None:
        """From now on, compare what is chosen with what is not, whenever something else is chosen.

        Parameters
        ----------
        chooser
            A widget in which rows are chosen: a picker over lines, spans or samples, a log browser, a table
            of traces. What is chosen in it already is compared at once. Several may be watched; the last
            choice is the one that is shown.
        compare
            `obsnb.contrast`, or what takes a selection and a baseline as that does.
        most
            Rows that are compared. Of more, every second (third, ...) of both sides is, which the panel says.
        """
        if len(chooser.selection) and len(chooser.rest):
            self._compare(chooser, compare, most)
        chooser.on_select(lambda _: self._compare(chooser, compare, most))

    @in_turn
    def _compare(self, chooser: Brushed, compare: Callable[[Any, Any], Any], most: int) -> None:
        chosen, rest = chooser.selection, chooser.rest
        if not len(chosen) or not len(rest):
            lacking = "no row is chosen" if not len(chosen) else "all rows are chosen"
            self._show(self.source.clear(), f"nothing to compare: {lacking}")
            return
        every = -(-(len(chosen) + len(rest)) // most)
        sides = f"{len(chosen):,} chosen rows against {len(rest):,}"
        if every > 1:
            sides += f", one in {every} of them compared"
            what = type(chooser).__name__
            chosen, rest = (as_polars(one, what=what).gather_every(every) for one in (chosen, rest))
        try:
            found = compare(chosen, rest)
        except ObsnbError as error:  # the brush was well; that these rows cannot be compared is said here
            self._show(self.source.clear(), " ".join(str(error).split()))
            return
        self._show(found, sides)

    def _show(self, found: Any, told: str) -> None:
        self._told = told
        self.read_anew(found)
        self.say_changed()


def _nothing() -> pl.DataFrame:
    texts = dict.fromkeys(("kind", "column", "value"), pl.String)
    return pl.DataFrame(schema={"rank": pl.UInt32, **texts, "effect": pl.Float64})
