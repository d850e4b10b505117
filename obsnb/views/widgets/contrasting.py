"""What sets the brushed rows apart: a contrast's findings, as bars of selected against baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from obsnb.timerange import TimeRange
from obsnb.views.formats import NOTHING, counted, number
from obsnb.views.widgets.table import Column, TableWidget
from obsnb.views.widgets.times import TimePicker

__all__ = ["ContrastPanel"]


class ContrastPanel(TableWidget):
    """Over-represented values and shifted numbers, the largest effect first.

    Parameters
    ----------
    frame
        As `obsnb.contrast` gives it.
    height
        Pixels of the list.

    Notes
    -----
    `watch` feeds it from a brush: what is picked against the rest.
    """

    title, noun = "What sets the selection apart", "finding"
    needs = ("kind", "column", "effect")
    empty_is_fine = True
    told_by = (("kind", "column", "value"), ("kind", "column"))
    columns = (
        Column("rank", "#", "40px"),
        Column("said", "what", "minmax(0, 2fr)"),
        Column(
            "shares", "selected (solid), baseline (striped)", "minmax(0, 2fr)", "share of rows, or median"
        ),
        Column("lift", "lift", "70px", "share of the selection over that of the baseline"),
        Column("effect", "effect", "70px", "difference of the shares, or Cliff's delta: -1 to 1"),
        Column("q_value", "q", "76px", "part of such findings that chance gives (Benjamini and Hochberg)"),
    )

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
        """The two sides as words and as two bars."""
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
        """How many findings."""
        if "trouble" in self.start:
            return super().says()
        if self.source.is_empty():
            return "nothing sets the selection apart"
        return counted(self.source.height, self.noun)

    def watch(self, times: TimePicker, compare: Callable[[Any, Any], Any]) -> None:
        """From now on, compare what is picked with what is not, whenever another window is picked.

        Parameters
        ----------
        times
            A picker over lines, spans or samples.
        compare
            `obsnb.contrast`, or what takes a selection and a baseline as that does.
        """

        def picked(_: TimeRange) -> None:
            self._read(compare(times.selection, times.rest))
            self.say_changed()
            self.view_changed()

        times.on_pick(picked)
