"""The kinds of frame that analysis takes, and how an answer of any kind is compared with another."""

import pandas as pd
import polars as pl
import polars.selectors as cs
import pyarrow as pa
from polars.testing import assert_frame_equal

_MEMBERS = {
    "polars": (pl.DataFrame, pl.Series),
    "lazy polars": (pl.DataFrame, pl.Series),
    "pandas on arrow": (pd.DataFrame, pd.Series),
    "pandas on numpy": (pd.DataFrame, pd.Series),
    "pyarrow": (pa.Table, pa.ChunkedArray),
}
KINDS = tuple(_MEMBERS)


def as_kind(given, kind):
    """The polars frame or column as that kind."""
    if kind == "lazy polars":
        return given.lazy() if isinstance(given, pl.DataFrame) else given
    if kind == "pandas on arrow":
        return given.to_pandas(use_pyarrow_extension_array=True)
    if kind == "pandas on numpy":
        return given.to_pandas()
    if kind == "pyarrow":
        arrow = given.to_arrow()
        return pa.chunked_array([arrow]) if isinstance(given, pl.Series) else arrow
    return given


def is_kind(answer, kind):
    """Whether an answer is of the kind that one gets for that kind of frame."""
    return isinstance(answer, _MEMBERS[kind])


def as_polars(answer):
    """The polars frame of an answer of any kind, with text instead of categories."""
    if isinstance(answer, pd.DataFrame | pd.Series):
        answer = pl.from_pandas(answer)
    elif isinstance(answer, pa.Table | pa.ChunkedArray):
        answer = pl.from_arrow(answer)
    if isinstance(answer, pl.Series):
        answer = answer.rename("value").to_frame()
    return answer.with_columns(cs.categorical().cast(pl.String))


def same_numbers(answer, expected, *, any_order=False, whole_as_floats=False):
    """Fail unless two answers of whatever kind say the same.

    Numbers may differ in their last digits, for sums in another order do. `whole_as_floats`: pandas on
    numpy has whole numbers of which some are missing as floats.
    """
    left, right = as_polars(answer), as_polars(expected)
    if whole_as_floats:
        floats = [name for name, kind in left.schema.items() if kind.is_float()]
        right = right.with_columns(pl.col(name).cast(pl.Float64) for name in floats if name in right.columns)
    if any_order:
        left, right = _sorted(left), _sorted(right)
    assert_frame_equal(left, right, rel_tol=1e-9, abs_tol=1e-12)


def _sorted(frame):
    if frame.is_empty():
        return frame
    # Rounded, for the order must not hang on a last digit.
    numbers = frame.with_columns(cs.float().round_sig_figs(6))
    keys = [str(row) for row in numbers.rows()]
    return frame.with_columns(pl.Series("\0", keys)).sort("\0").drop("\0")
