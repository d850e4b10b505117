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
        """The rows of all parts, in their order."""
        return cls(
            {name: pl.concat([part[name] for part in parts], rechunk=True) for name in parts[0].by_name}
        )

    def __getitem__(self, name: str) -> pl.Series:
        return self.by_name[name]

    def set(self, name: str, values: pl.Series) -> None:
        """Put a whole column in place of what there is."""
        self.by_name[name] = values.alias(name)

    def rows_where(self, first: pl.Expr, *further: pl.Expr) -> pl.Series:
        """The numbers of the rows where conditions hold, each tried only where those before it do."""
        rows = self._holds(first).arg_true()
        for condition in further:
            rows = rows.filter(self._holds(condition, rows))
        return rows

    def _holds(self, condition: pl.Expr, rows: pl.Series | None = None) -> pl.Series:
        """Whether a condition holds, in all rows or in some."""
        columns = {name: self.by_name[name] for name in condition.meta.root_names()}
        if rows is not None:
            columns = {name: column.gather(rows) for name, column in columns.items()}
        return pl.DataFrame(columns).select(condition.fill_null(False)).to_series()

    def fill(self, rows: pl.Series, found: Mapping[str, pl.Series]) -> None:
        """Put values found for some rows where the columns have none."""
        for name, values in found.items():
            if values.null_count() == len(values):
                continue
            column = self.by_name[name]
            new = column.gather(rows).is_null() & values.is_not_null()
            if new.any():
                # clone: scatter writes into the series itself, which a caller's frame may share
                written = column.clone().scatter(rows.filter(new), values.filter(new))
                self.by_name[name] = written

    def fill_told(self, column: str, *told: tuple[str, Mapping[str, pl.Expr]]) -> None:
        """Put what expressions on a text column find, where it holds a word that they look for.

        Each of `told` is a pattern of such words, and the columns that the expressions fill. A text is
        looked at once, however many rows have it: what programs say repeats.
        """
        texts = self.by_name[column].to_frame().with_row_index("row").drop_nulls().group_by(column).agg("row")
        marks = texts.select(  # all patterns in one go, side by side
            pl.col(column).str.contains(words).alias(str(at)) for at, (words, _) in enumerate(told)
        )
        for mark, (_, found) in zip(marks, told, strict=True):
            if mark.any():
                values = texts.filter(mark).select("row", *(v.alias(name) for name, v in found.items()))
                values = values.explode("row")
                self.fill(values["row"], {name: values[name] for name in found})
