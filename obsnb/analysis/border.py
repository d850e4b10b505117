"""Where other people's frames come in and go out: polars (also lazy), pandas, pyarrow.

Inside, everything is polars. A public function calls `to_polars` on what it is given and
`like` on what it returns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals as nw
import polars as pl

from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError
from obsnb.schema import Schema

__all__ = ["like", "to_polars"]

_PLACES = ("resource", "attributes", "metadata", "parsed", "label")


def to_polars(data: Any, schema: Schema, *, needs: Iterable[str], what: str) -> pl.DataFrame:
    """A polars frame with text instead of categories and nanoseconds instead of coarser times.

    A frame without a column `service` gets one if it has columns that the conventions' service labels
    name (``job``, ``container``, ``service.name``): a frame of somebody else's making.

    Parameters
    ----------
    data
        A polars DataFrame or LazyFrame, a pandas DataFrame or a pyarrow Table.
    schema
        What kind of frame it is, for messages; core columns that are there are cast to its types,
        labels to String. Times may be texts in ISO 8601; without a zone they are UTC.
    needs
        Columns that must be there.
    what
        The function's name, for messages.

    Raises
    ------
    FrameError
        It is no frame, lacks a column, has two of one name, or a column cannot be read or cast. Times and
        durations that are numbers with a fraction are refused: seconds or milliseconds would pass for
        nanoseconds.
    """
    if isinstance(data, pl.LazyFrame):
        frame = data.collect()
    elif isinstance(data, pl.DataFrame):
        frame = data
    else:
        frame = _of_another_kind(data, schema, what)
    if "service" in schema.names and "service" not in frame.columns:
        frame = frame.with_columns(_services(frame))
    schema.check(frame.columns, needs=needs, what=what)
    # In pieces of which one is empty, polars' format() makes columns that make it panic.
    frame = frame.rechunk()
    # A column of objects that are all missing has no type in pandas.
    texts = [
        name
        for name, kind in frame.schema.items()
        if kind in (pl.Categorical, pl.Enum) or (kind == pl.Null and name not in schema.names)
    ]
    if texts:
        frame = frame.with_columns(pl.col(texts).cast(pl.String))
    casts = []
    for name, kind in schema.dtypes().items():
        want = pl.String() if kind == pl.Categorical else kind
        if name in frame.columns and frame.schema[name] != want:
            have = frame.schema[name]
            if have.is_float() and want.is_temporal():
                raise FrameError(
                    f"{what} cannot tell the unit of {name}, whose type is {have}.",
                    hint=f"Give whole nanoseconds: milliseconds are (pl.col({name!r}) * 1e6).cast(pl.Int64).",
                )
            if isinstance(have, pl.Datetime) and have.time_zone is None:
                casts.append(pl.col(name).dt.replace_time_zone("UTC").cast(want))
            elif have == pl.String and isinstance(want, pl.Datetime):  # as CSV files and JSON have them
                casts.append(pl.col(name).str.to_datetime(time_unit="ns", time_zone="UTC"))
            else:
                casts.append(pl.col(name).cast(want))
    try:
        return frame.with_columns(casts) if casts else frame
    except pl.exceptions.PolarsError as error:
        raise FrameError(
            f"{what} cannot read a column of its {schema.name} frame: {str(error).splitlines()[0]}",
            hint=f"obsnb.schema.{schema.name} lists each column's type.",
        ) from None


def _of_another_kind(data: Any, schema: Schema, what: str) -> pl.DataFrame:
    try:
        native = nw.from_native(data, eager_only=True)
    except TypeError:
        raise FrameError(
            f"{what} takes a polars, pandas or pyarrow frame, not {type(data).__name__}.",
            hint="obs.logs(...), obs.metrics(...) and obs.spans(...) give such frames.",
        ) from None
    except nw.exceptions.DuplicateError:
        # pyarrow calls them column_names, and the data itself columns
        raise _same_names(getattr(data, "column_names", None) or data.columns, what) from None
    try:
        read: pl.DataFrame = native.to_polars()
        return read
    except (TypeError, ValueError, pl.exceptions.PolarsError):  # so pyarrow's errors are as well
        names = native.columns
        if len(set(names)) < len(names):
            raise _same_names(names, what) from None
        bad = next((name for name in names if not _is_readable(native.select(name))), names[0])
    raise FrameError(
        f"{what} cannot read the column {bad} of its {schema.name} frame: its values are not of one type.",
        hint=f"Leave it out, or make it text: frame.astype({{{bad!r}: str}}).",
    )


def _same_names(names: Iterable[Any], what: str) -> FrameError:
    seen = list(names)
    twice = ", ".join(dict.fromkeys(str(name) for name in seen if seen.count(name) > 1))
    return FrameError(
        f"{what} cannot tell the columns of one name apart: {twice}.", hint="Rename one, or leave it out."
    )


def _is_readable(column: Any) -> bool:
    try:
        column.to_polars()
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        return False
    return True


def _services(frame: pl.DataFrame) -> list[pl.Expr]:
    """The column `service` of the first label that names one, if there is such a label."""
    texts = (pl.String, pl.Categorical, pl.Enum)
    named = [
        pl.col(name).cast(pl.String).replace("", None)
        for label in DEFAULT.service_labels
        for name in (label, *(f"{place}.{label}" for place in _PLACES))
        if name in frame.columns and frame.schema[name] in texts
    ]
    return [pl.coalesce(named).alias("service")] if named else []


def like(result: pl.DataFrame, first: Any, *, same_rows: bool = False) -> Any:
    """The result as the same kind of frame as the first argument was.

    Where its rows are those of the first argument (`same_rows`), it has the index of a pandas one, too:
    pandas puts columns together by it.
    """
    if isinstance(first, pl.DataFrame | pl.LazyFrame) or first is None:
        return result
    kind = type(first).__module__.split(".")[0]
    if kind == "pandas":
        made = result.to_pandas(use_pyarrow_extension_array=True)
        return made.set_axis(first.index) if same_rows else made
    if kind == "pyarrow":
        return result.to_arrow()
    return nw.from_native(result).to_native()
