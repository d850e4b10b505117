"""The columns that lines are read into, filled in step by step: what is known first is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

__all__ = ["LineColumns"]


@dataclass(frozen=True)
class LineColumns:
    """Columns of one height, by name; a step fills null values in and never changes others.

    Most steps find something on few rows. Looking only at these, and writing only these, is what
    keeps reading a line cheap.
    """

    by_name: dict[str, pl.Series]

    def __getitem__(self, name: str) -> pl.Series:
        return self.by_name[name]

    def set(self, name: str, values: pl.Series) -> None:
        """Put a whole column in place of what there is."""
        self.by_name[name] = values.alias(name)

    def rows_where(self, condition: pl.Expr, *names: str) -> pl.Series:
        """The numbers of the rows where a condition on the named columns holds."""
        frame = pl.DataFrame([self.by_name[name] for name in names])
        return frame.select(condition.fill_null(False).alias("row")).to_series().arg_true()

    def fill(self, rows: pl.Series, found: Mapping[str, pl.Series]) -> None:
        """Put values found for some rows where the columns have none."""
        for name, values in found.items():
            column = self.by_name[name]
            new = column.gather(rows).is_null() & values.is_not_null()
            if new.any():
                # clone: scatter writes into the series itself, which a caller's frame may share
                written = column.clone().scatter(rows.filter(new), values.filter(new))
                self.by_name[name] = written

    def fill_told(self, column: str, *told: tuple[str, Mapping[str, pl.Expr]]) -> None:
        """Put what expressions on a text column find, where it holds a word that they look for.

        Each of `told` is a pattern of such words, and the columns that the expressions fill.
        """
        text = self.by_name[column]
        marks = text.to_frame().select(  # all patterns in one go, side by side
            pl.col(column).str.contains(words).fill_null(False).alias(str(at))
            for at, (words, _) in enumerate(told)
        )
        for mark, (_, found) in zip(marks, told, strict=True):
            rows = mark.arg_true()
            if len(rows):
                some = text.gather(rows).to_frame()
                self.fill(
                    rows, dict(zip(found, some.select(v.alias(n) for n, v in found.items()), strict=True))
                )
