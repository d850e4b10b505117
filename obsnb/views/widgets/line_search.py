"""Which of a million lines hold a text or a value, a column at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.errors import UsageError

__all__ = ["all_of", "coded", "holding"]


def coded(frame: pl.DataFrame, name: str) -> tuple[npt.NDArray[np.int64], list[str | None]]:
    """A column's values as small numbers, the last of which means null."""
    if name not in frame.columns:
        return np.zeros(frame.height, dtype=np.int64), [None]
    column = frame[name].cast(pl.String)
    values = column.unique().drop_nulls().sort()
    codes = column.cast(pl.Enum(values)).to_physical().cast(pl.Int64)
    return codes.fill_null(len(values)).to_numpy(), [*values.to_list(), None]


def holding(lines: pl.Series, text: str, *, regex: bool) -> npt.NDArray[np.bool_]:
    """Which lines hold the text, whatever its case."""
    if not regex:
        text = re.escape(text)
    try:
        found = lines.cast(pl.String).str.contains(f"(?i){text}")
    except pl.exceptions.ComputeError as error:
        why = next((one for one in str(error).splitlines() if one.startswith("error: ")), "It is too large")
        raise UsageError(
            f"The regular expression {text!r} cannot be read.",
            hint=f"{why.removeprefix('error: ')}; Rust's syntax, without look-around.",
        ) from None
    return found.fill_null(False).to_numpy()


def all_of(masks: Iterable[npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_] | None:
    """Where every mask holds; None where there is none."""
    together = None
    for mask in masks:
        together = mask if together is None else together & mask
    return together
