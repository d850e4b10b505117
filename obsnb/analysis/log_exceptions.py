"""The exception that a line tells of: in fields, in a stack trace, in its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from obsnb.analysis.line_columns import LineColumns
from obsnb.analysis.message_facts import EXCEPTION_WORDS, exception_in
from obsnb.analysis.stacks import Frame
from obsnb.analysis.tracebacks import STACK_MARKS, read_stack

__all__ = ["fill_exceptions", "stacks_of"]

_STACK: dict[str, Any] = {
    "stack": pl.String,
    "stack_type": pl.String,
    "stack_message": pl.String,
    "culprit": pl.String,
    "frames": pl.List(pl.String),
    "cause": pl.String,
}


def stacks_of(texts: pl.Series, *, foreign: Sequence[str]) -> pl.DataFrame:
    """Each distinct text with a stack trace in it, and what `read_stack` reads from it.

    Returns
    -------
    polars.DataFrame
        ``stack`` (the text), ``stack_type``, ``stack_message``, ``culprit`` (``path:function``),
        ``frames`` (list, innermost first), ``cause``.
    """
    rows = []
    for text in texts.drop_nulls().unique(maintain_order=True):
        found = read_stack(text)
        if found is not None:
            culprit = found.culprit(foreign)
            named = None if culprit is None else str(culprit)
            frames = [_written(frame) for frame in (*found.frames, *found.cause_frames)]
            rows.append((text, found.type, found.message, named, frames, found.cause))
    return pl.DataFrame(rows, schema=_STACK, orient="row")


def _written(frame: Frame) -> str:
    at = "" if frame.line is None else f":{frame.line}"
    return f"{frame.path}{at} in {frame.function}"


def fill_exceptions(lines: LineColumns, *, foreign: Sequence[str]) -> None:
    """Fill ``exception_type`` and ``exception_message``; set ``culprit``, ``frames`` and ``cause``.

    A message that holds a stack trace keeps its first line.
    """
    whole = pl.col("whole")  # with the words that a head may have swallowed, as "panic:"
    rust = whole.str.contains(" panicked at ", literal=True)  # before 1.73 it says all in one line
    traced = lines.rows_where(
        whole.str.contains("\n", literal=True) | rust, whole.str.contains_any(list(STACK_MARKS)) | rust
    )
    lines.fill(traced, {"stack": lines["whole"].gather(traced)})
    rows = lines["stack"].is_not_null().arg_true()
    texts = lines["stack"].gather(rows)
    found = texts.to_frame().join(
        stacks_of(texts, foreign=foreign), on="stack", how="left", maintain_order="left"
    )
    many = len(lines["stack"])
    for name in ("culprit", "frames", "cause"):
        lines.set(name, _spread(found[name], rows, many))
    lines.fill(rows, {"exception_type": found["stack_type"], "exception_message": found["stack_message"]})
    _split(lines)
    untold = pl.col("exception_type").is_null() & pl.col("exception_message").is_null() & ~pl.col("part")
    for column in ("stack", "message"):
        rows, told = _words(lines, column, untold)
        lines.fill(rows, {"exception_type": told["type"], "exception_message": told["said"]})
    _keep_first_lines(lines, traced.filter(lines["frames"].gather(traced).is_not_null()))


def _spread(values: pl.Series, rows: pl.Series, many: int) -> pl.Series:
    """The values on their rows, null on all others."""
    place = (
        pl.Series([None], dtype=pl.UInt32)
        .new_from_index(0, many)
        .scatter(rows, pl.int_range(len(rows), eager=True))
    )
    return values.gather(place)


def _words(lines: LineColumns, column: str, condition: pl.Expr) -> tuple[pl.Series, pl.DataFrame]:
    """Type and message out of the words of a column, on the rows where a condition holds."""
    rows = lines.rows_where(condition, pl.col(column).str.contains(EXCEPTION_WORDS))
    kind, said = exception_in(pl.col(column))
    return rows, lines[column].gather(rows).to_frame().select(kind.alias("type"), said.alias("said"))


def _split(lines: LineColumns) -> None:
    """Take an ``error`` field that says ``Type: message`` apart."""
    rows, told = _words(lines, "exception_message", pl.col("exception_type").is_null())
    told = told.with_columns(lines["exception_message"].gather(rows).alias("whole"))
    begins = told.select(
        (pl.col("whole").str.starts_with(pl.col("type")) & pl.col("said").is_not_null()).fill_null(False)
    ).to_series()
    lines.fill(rows, {"exception_type": told["type"]})
    whole = lines["exception_message"].clone()  # scatter writes into the series itself
    lines.set("exception_message", whole.scatter(rows.filter(begins), told["said"].filter(begins)))


def _keep_first_lines(lines: LineColumns, rows: pl.Series) -> None:
    """The first line of messages that hold a stack trace; the exception where that begins the trace."""
    if not len(rows):
        return
    names = ("message", "exception_type", "exception_message")
    first = pl.col("message").str.extract(r"^\s*([^\n]*)", 1).str.strip_chars()
    begins = first.str.starts_with("Traceback (most recent") & pl.col("exception_type").is_not_null()
    said = pl.concat_str("exception_type", "exception_message", separator=": ", ignore_nulls=True)
    kept = pl.DataFrame([lines[name].gather(rows) for name in names]).select(
        pl.when(begins).then(said).otherwise(first)
    )
    lines.set("message", lines["message"].clone().scatter(rows, kept.to_series()))
