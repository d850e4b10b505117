"""Frames as CSV, which holds neither lists nor types and is opened by spreadsheets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from obsnb.errors import FrameError, ObsnbError
from obsnb.store.whole import beside

__all__ = ["write_csv"]

#: What a spreadsheet takes for a formula when a cell begins with it (OWASP, "CSV Injection").
_FORMULA = r"^[=+\-@\t\r\n\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
_TIME = "%Y-%m-%dT%H:%M:%S%.9fZ"


def write_csv(data: Any, path: str | Path) -> Path:
    """Write a frame as CSV that a spreadsheet shows and does not run.

    Lists and structs become JSON, times ISO 8601 in UTC with nanoseconds, a duration column ``x`` a
    column ``x_ns`` of whole nanoseconds. A text that begins like a formula gets an apostrophe in front.

    Parameters
    ----------
    data
        A polars DataFrame or LazyFrame, a pandas DataFrame or a pyarrow Table, of any columns.
    path
        Where to, in UTF-8; a file that is there is replaced. It is written whole or not at all.

    Returns
    -------
    Path
        The file's path.

    Raises
    ------
    FrameError
        It is no frame.
    ObsnbError
        The disk refuses.
    """
    target = Path(path)
    flat = _flat(_frame(data))
    try:
        with beside(target) as room:
            flat.write_csv(room / "half")
            (room / "half").replace(target)
    except OSError as error:
        raise ObsnbError(
            f"{target} cannot be written: {error.strerror or error}.",
            hint="Look at the folder's permissions and at the room on its disk, or choose another path.",
        ) from None
    return target


def _frame(data: Any) -> pl.DataFrame:
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    try:
        frame: pl.DataFrame = nw.from_native(data, eager_only=True).to_polars()
    except TypeError:
        raise FrameError(
            f"write_csv takes a polars, pandas or pyarrow frame, not {type(data).__name__}.",
            hint="obs.logs(...), obs.metrics(...) and obs.spans(...) give such frames.",
        ) from None
    return frame


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    columns = [_column(column) for column in frame.get_columns()]
    heads = pl.Series([column.name for column in columns], dtype=pl.String)
    return pl.DataFrame([c.alias(name) for c, name in zip(columns, _calm(heads), strict=True)])


def _column(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if isinstance(kind, pl.Datetime):
        utc = column.dt.convert_time_zone("UTC") if kind.time_zone else column
        return utc.dt.cast_time_unit("ns").dt.to_string(_TIME if kind.time_zone else _TIME[:-1])
    if isinstance(kind, pl.Duration):
        return column.dt.cast_time_unit("ns").to_physical().alias(f"{column.name}_ns")
    if kind.is_nested():
        return _calm(_as_json(column))
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return _calm(column.cast(pl.String))
    return column


def _calm(texts: pl.Series) -> pl.Series:
    """Texts of which none begins like a formula."""
    return texts.str.replace(f"({_FORMULA})", "'${1}")


def _as_json(column: pl.Series) -> pl.Series:
    """Each value as JSON, null where there is none; what JSON has no number for is null in it."""
    inside = pl.struct(pl.col(column.name).alias("x")).struct.json_encode()  # {"x":...}
    bare = inside.str.slice(5).str.strip_suffix("}")
    filled = pl.when(pl.col(column.name).is_not_null()).then(bare).alias(column.name)
    return column.to_frame().select(filled).to_series()
