"""Where other people's frames come in and go out: polars (also lazy), pandas, pyarrow.

Inside, everything is polars. A public function calls `to_polars` on what it is given and
`like` on what it returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals as nw
import polars as pl
import polars.selectors as cs

from obsnb.errors import FrameError
from obsnb.schema import Schema

__all__ = ["like", "to_polars"]


def to_polars(data: Any, schema: Schema, *, needs: Iterable[str], what: str) -> pl.DataFrame:
    """A polars frame with text instead of categories and nanoseconds instead of coarser times.

    Parameters
    ----------
    data
        A polars DataFrame or LazyFrame, a pandas DataFrame or a pyarrow Table.
    schema
        What kind of frame it is, for messages; core columns that are there are cast to its types,
        labels to String.
    needs
        Columns that must be there.
    what
        The function's name, for messages.

    Raises
    ------
    FrameError
        It is no frame, lacks a column, or a column cannot be cast.
    """
    if isinstance(data, pl.LazyFrame):
        frame = data.collect()
    elif isinstance(data, pl.DataFrame):
        frame = data
    else:
        try:
            frame = nw.from_native(data, eager_only=True).to_polars()
        except TypeError:
            raise FrameError(
                f"{what} takes a polars, pandas or pyarrow frame, not {type(data).__name__}.",
                hint="obs.logs(...), obs.metrics(...) and obs.spans(...) give such frames.",
            ) from None
    schema.check(frame.columns, needs=needs, what=what)
    frame = frame.with_columns((cs.categorical() | cs.enum()).cast(pl.String))
    casts = []
    for name, kind in schema.dtypes().items():
        want = pl.String() if kind == pl.Categorical else kind
        if name in frame.columns and frame.schema[name] != want:
            have = frame.schema[name]
            if isinstance(have, pl.Datetime) and have.time_zone is None:
                casts.append(pl.col(name).dt.replace_time_zone("UTC").cast(want))
            else:
                casts.append(pl.col(name).cast(want))
    try:
        return frame.with_columns(casts)
    except pl.exceptions.PolarsError as error:
        raise FrameError(
            f"{what} cannot read a column of its {schema.name} frame: {str(error).splitlines()[0]}",
            hint=f"obsnb.schema.{schema.name} lists each column's type.",
        ) from None


def like(result: pl.DataFrame, first: Any) -> Any:
    """The result as the same kind of frame as the first argument was."""
    if isinstance(first, pl.DataFrame | pl.LazyFrame) or first is None:
        return result
    kind = type(first).__module__.split(".")[0]
    if kind == "pandas":
        return result.to_pandas(use_pyarrow_extension_array=True)
    if kind == "pyarrow":
        return result.to_arrow()
    return nw.from_native(result).to_native()
