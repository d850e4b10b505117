"""The columns that lines are read into, filled in step by step: what is known first is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

    @classmethod
    def joined(cls, parts: Sequence[LineColumns]) -> LineColumns:
        """The columns of consecutive parts, one below the other."""
        if len(parts) == 1:
            return parts[0]
        return cls({name: pl.concat([part[name] for part in parts]) for name in parts[0].by_name})

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

    def fill_told(self, condition: pl.Expr, column: str, told: Mapping[str, pl.Expr]) -> None:
        """Put what expressions on a text column find, on rows where the condition on it holds."""
        rows = self.rows_where(condition, column)
        if len(rows):
            some = self.by_name[column].gather(rows).to_frame()
            found = some.select(value.alias(name) for name, value in told.items())
            self.fill(rows, {name: found[name] for name in told})
