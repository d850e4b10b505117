"""What is looked for in a million lines, and which of them hold it: a column at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.log_levels import spelt
from obsnb.errors import UsageError

__all__ = ["FACETS", "Query", "all_of", "coded", "facet", "holding", "values_of"]

#: The columns whose values can be ticked.
FACETS = ("level", "service")


@dataclass(frozen=True)
class Query:
    """What is looked for; `fold` shows patterns in place of lines, `pattern` only one's lines."""

    text: str = ""
    regex: bool = False
    level: tuple[str | None, ...] = ()
    service: tuple[str | None, ...] = ()
    fold: bool = False
    pattern: str | None = None
    only: bool = False
    window: tuple[int, int] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Query:
        """What a browser sent, each part of its own type."""
        parts: dict[str, Any] = {
            name: bool(given[name]) for name in ("regex", "fold", "only") if name in given
        }
        if "text" in given:
            parts["text"] = str(given["text"])[:1_000]
        for name in FACETS:
            if name in given:
                parts[name] = tuple(None if one is None else str(one) for one in given[name])
        if "pattern" in given:
            parts["pattern"] = None if given["pattern"] is None else str(given["pattern"])
        return cls(**parts)


def facet(frame: pl.DataFrame, name: str) -> pl.Series:
    """A column's texts; of levels those that mean the same in the same letters."""
    if name not in frame.columns:
        return pl.Series(name, [None] * frame.height, dtype=pl.String)
    texts = frame[name].cast(pl.String)
    if name != "level":
        return texts
    levels = texts.unique().drop_nulls()  # few, of a million
    return texts.replace(levels, spelt(levels))


def values_of(name: str, asked: Sequence[str | None]) -> set[str | None]:
    """The values that are asked for of a facet, in the letters that it has."""
    return {*spelt(pl.Series(asked, dtype=pl.String))} if name == "level" else {*asked}


def coded(column: pl.Series) -> tuple[npt.NDArray[np.int64], list[str | None]]:
    """Texts as small numbers, the last of which means null."""
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
