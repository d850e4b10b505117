r"""What PostgreSQL writes of one message in several lines, joined: an error and its statement.

A message is ``ERROR:  ...`` or ``LOG:  ...`` after a prefix of the operator's choice (``log_line_prefix``),
then maybe lines with the same prefix and the labels ``DETAIL``, ``HINT``, ``QUERY``, ``CONTEXT``,
``LOCATION``, ``BACKTRACE`` and ``STATEMENT``, in this order; two spaces follow each label. A text of
several lines goes on after a tab, without a prefix (``send_message_to_server_log`` in PostgreSQL's
``elog.c``).
"""

from __future__ import annotations

import polars as pl

from obsnb.analysis.line_formats import without_colours, without_runtime
from obsnb.analysis.split_stacks import streams

__all__ = ["told_apart"]

_APART_NS = 1_000_000_000  # lines of one message are written at once
_SPEAKS = r"STATEMENT:  | ms  (?:statement|execute [^:]+): "
_TOOK = r"^duration: [\d.]+ ms  (?:statement|execute [^:]+): ((?s:.+))$"
_HEADS = "DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC"
_LABELLED = (
    rf"^(?P<prefix>.*?)(?:(?P<head>{_HEADS})|(?P<label>DETAIL|HINT|QUERY|CONTEXT|LOCATION|BACKTRACE|STATEMENT))"
    r":  (?P<said>.*)$"
)
_COUNTED = r"\[\d+-\d+\]"  # pgBadger's ``[%l-1]`` counts the lines of a session


def told_apart(frame: pl.DataFrame, line: pl.Series) -> pl.DataFrame:
    """The statements of messages: from a line of its own, or from the lines that the message goes on in.

    A line belongs to the last message of its stream (all labels equal) that has the same prefix, which
    most operators let name the process, within a second.

    Parameters
    ----------
    frame
        LOGS.
    line
        Their lines, with leading tabs.

    Returns
    -------
    polars.DataFrame
        ``row`` (UInt32, of the message's first line), ``statement``.
    """
    nothing = pl.DataFrame(schema={"row": pl.UInt32, "statement": pl.String})
    if not line.str.contains(_SPEAKS).any():
        return nothing
    texts = _texts(frame, line)
    logged = texts.select("row", pl.col("text").str.extract(_TOOK, 1).alias("statement")).drop_nulls()
    is_head = pl.col("head").is_not_null()
    of_message = [
        pl.when(is_head).then(name).forward_fill().over("stream", "prefix").alias(f"head_{name}")
        for name in ("row", "time")
    ]
    texts = texts.with_columns(of_message).filter(
        pl.col("label") == "STATEMENT", pl.col("time") - pl.col("head_time") <= _APART_NS
    )
    first = texts.unique("head_row", keep="first", maintain_order=True)
    return pl.concat(
        [logged, first.select(pl.col("head_row").alias("row"), pl.col("text").alias("statement"))]
    )


def _texts(frame: pl.DataFrame, line: pl.Series) -> pl.DataFrame:
    """Labelled lines with what goes on after them, in the order of each stream."""
    rows = pl.DataFrame(
        [streams(frame).alias("stream"), frame["timestamp"].to_physical().alias("time"), line.alias("line")]
    ).with_row_index("row")
    rows = rows.sort("stream", "time", "row").with_row_index("place")
    goes_on = pl.col("line").str.starts_with("\t")
    rows = rows.filter(goes_on | pl.col("line").str.contains(_LABELLED.replace("(?P<said>.*)$", "")))
    plain = without_runtime(without_colours(rows["line"])).str.strip_chars_end()
    rows = rows.with_columns(plain.alias("line")).with_columns(
        pl.when(~goes_on).then(pl.col("line").str.extract_groups(_LABELLED)).alias("found")
    )
    rows = rows.unnest("found").with_columns(pl.col("prefix").str.replace_all(_COUNTED, ""))
    follows = goes_on & (pl.col("place") - pl.col("place").shift(1) == 1)
    text = pl.coalesce("said", pl.col("line").str.strip_prefix("\t"))
    return (
        rows.with_columns((~follows.fill_null(False)).cum_sum().alias("block"), text.alias("text"))
        .group_by("block", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in ("row", "stream", "time", "prefix", "head", "label")),
            pl.col("text").str.join("\n"),
        )
        .drop_nulls("prefix")
    )
