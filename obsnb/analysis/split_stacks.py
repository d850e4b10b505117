r"""What a log shipper cut into lines, each a row of its own, put together again.

These are stack traces, and the lines of .NET's console: its simple formatter writes the level and the
category on one line, the message indented on the next.
"""

from __future__ import annotations

import polars as pl

from obsnb.analysis.line_formats import without_colours, without_runtime
from obsnb.schema import LOGS

__all__ = ["put_together", "streams"]

_APART_NS = 1_000_000_000  # rows of one stack trace are written at once
_ROWS_AT_MOST = 200
# What only follows: anything indented, and what the languages print unindented between frames.
_FOLLOWS = (
    r"^(?:[ \t]+\S|$|Traceback \(most recent call last\)|Caused by: |During handling of the above exception"
    r"|The above exception was the direct cause|goroutine \d+ \[|\[signal |created by "
    r"|[\w./*()\[\]\-]+\((?:[^()]|\([^()]*\))*\)$|exit status \d|Stack trace:$|#\d+ \S|\*\* \([A-Z]\w)"
)
# What ends a traceback of Python: the exception's name, alone or with its message.
_ENDS = r"^[A-Za-z_][\w.]*(?:: .*)?$"
# An exception's name between a log line and the frames, as Java prints it, or above them, as Ruby does.
_NAMES = (
    r"^(?:[A-Za-z_$][\w$]*\.)*[A-Z][\w$]*(?:Error|Exception|Throwable)(?:: .*)?$"
    r"|^\S+:\d+:in [`'][^']+': .* \([A-Z]\w*(?:::\w+)*\)$"
)
_FRAMES = (
    r'^\s+(?:at \S|File "|\S+\.go:\d|from \S+:\d+:in |\([\w ]+[\d.]+\) \S+:\d+: )'
    r"|^#\d+ \S+\(\d+\): "
)
# What only .NET's console writes above a message.
_CONSOLE = r"^(?:trce|dbug|info|warn|fail|crit): [\w.`+]+\[\d+\]$"
# A line that may be what the stack trace belongs to.
_HEADS = (
    rf"{_CONSOLE}|(?i)error|exception|warn|critical|crit\b|fatal|severe|panic|fail|uncaught|unhandled"
    r"|throwable"
)


def put_together(frame: pl.DataFrame) -> pl.DataFrame:
    """For each row the text to read, and whether it is only a part of another row's.

    Rows of one stream (all labels equal) that follow one another within a second and look like the
    lines of a stack trace are its parts. The row before them is what it belongs to, if that tells of
    an error; else it is the first of them. That row's text becomes the whole stack trace. Likewise the
    indented rows after a line of .NET's console are that line's.

    Parameters
    ----------
    frame
        LOGS with ``timestamp`` and ``line``.

    Returns
    -------
    polars.DataFrame
        ``text`` (the line, or several), ``part`` (bool: the text of this row is in another's, too).
    """
    line = frame["line"].fill_null("")
    nothing = pl.DataFrame(
        [line.alias("text"), pl.Series("part", [False], dtype=pl.Boolean).new_from_index(0, len(line))]
    )
    if not line.str.contains(f"{_FRAMES}|{_CONSOLE}").any():
        return nothing
    rows = _ordered(frame, line)
    blocks = _blocks(rows)
    if blocks.is_empty():
        return nothing
    heads = blocks["head"]
    parts = blocks.select(pl.col("rows").explode()).join(
        blocks.select("head"), left_on="rows", right_on="head", how="anti"
    )
    text = line.clone().scatter(heads, blocks["text"])  # clone: scatter writes into the series itself
    part = nothing["part"].scatter(parts["rows"], True)
    return pl.DataFrame([text.alias("text"), part])


def streams(frame: pl.DataFrame) -> pl.Series:
    """For each row a number that rows of one stream share: those whose labels are all equal."""
    labels = [
        name
        for name in frame.columns
        if name == "service"
        or (name not in LOGS.names and "." not in name and not frame.schema[name].is_nested())
    ]
    return frame.select(labels).hash_rows() if labels else pl.Series([0]).new_from_index(0, frame.height)


def _ordered(frame: pl.DataFrame, line: pl.Series) -> pl.DataFrame:
    """The rows by stream and time, with what each looks like."""
    stream = streams(frame)
    bare = without_runtime(without_colours(line)).str.strip_chars_end()
    text = pl.col("text")
    rows = pl.DataFrame(
        [stream.alias("stream"), frame["timestamp"].to_physical().alias("time"), bare.alias("text")]
    ).with_row_index("row")
    rows = rows.sort("stream", "time", "row").with_columns(
        text.str.contains(_FOLLOWS).alias("follows"),
        (text.str.contains(_ENDS) & ~text.str.contains(_CONSOLE)).alias("ends"),
    )
    near = (pl.col("time") - pl.col("time").shift(1) <= _APART_NS) & (
        pl.col("stream") == pl.col("stream").shift(1)
    )
    rows = rows.with_columns(near.fill_null(False).alias("near"))
    ending = (
        pl.col("ends") & ~pl.col("follows") & pl.col("near") & pl.col("follows").shift(1).fill_null(False)
    )
    followed = (pl.col("follows") & pl.col("near")).shift(-1).fill_null(False)
    naming = text.str.contains(_NAMES) & followed
    return rows.with_columns((pl.col("follows") | ending | naming).alias("member"))


def _blocks(rows: pl.DataFrame) -> pl.DataFrame:
    """``head`` (row), ``rows`` (list) and ``text`` of each stack trace."""
    goes_on = pl.col("near") & pl.col("member").shift(1).fill_null(False)
    rows = rows.with_columns((pl.col("member") & ~goes_on).alias("begins"))
    before = pl.col("near") & pl.col("text").shift(1).str.contains(_HEADS)
    rows = rows.with_columns(
        pl.col("begins").cum_sum().alias("block"),
        pl.when(before).then(pl.col("row").shift(1)).alias("row_before"),
        pl.when(before).then(pl.col("text").shift(1)).alias("text_before"),
    )
    blocks = (
        rows.filter("member")
        .group_by("block", maintain_order=True)
        .agg(
            pl.col("row").alias("rows"),
            pl.col("row_before").first(),
            pl.col("text_before").first(),
            pl.col("text").head(_ROWS_AT_MOST).str.join("\n"),
            pl.col("text").str.contains(_FRAMES).any().alias("has_frames"),
        )
        .filter(pl.col("has_frames") | pl.col("text_before").str.contains(_CONSOLE))
    )
    own = pl.col("row_before").is_null()
    return blocks.select(
        pl.coalesce("row_before", pl.col("rows").list.first()).alias("head"),
        "rows",
        pl.when(own).then("text").otherwise(pl.concat_str("text_before", pl.lit("\n"), "text")).alias("text"),
    )
