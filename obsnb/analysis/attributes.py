"""Attributes of spans, whether they have a column of their own or lie in the list of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from obsnb.analysis.border import like, to_polars
from obsnb.schema import SPANS

__all__ = ["attribute", "attribute_columns", "first_attribute"]

_LISTS = ("attributes", "resource")


def attribute(spans: Any, key: str) -> Any:
    """The value of an attribute of every span, as text: the span's own, else its resource's.

    Parameters
    ----------
    spans
        SPANS: a column of the attribute's name, or the lists ``attributes`` and ``resource``.
    key
        The attribute's name, such as ``"http.route"``.

    Returns
    -------
    column
        Text, a value a span in their order; null where there is none. A Series of polars, or of pandas with
        the frame's index, or a ChunkedArray of pyarrow: as the frame was.

    Raises
    ------
    FrameError
        It is no frame.

    Examples
    --------
    >>> import obsnb
    >>> obs = obsnb.open_archive("slow-query")
    >>> trace = obs.trace("3d476818474a5496bf759d29ec568a79")
    >>> obsnb.attribute(trace, "telemetry.sdk.language").to_list()
    ['webjs', 'python', 'python']
    """
    frame = to_polars(spans, SPANS, needs=(), what="attribute")
    return like(attribute_columns(frame, [key]), spans, same_rows=True)[key]


def attribute_columns(spans: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The values of some attributes as text, a column a key, a row a span; null where there is none.

    A column of the attribute's name is taken as it is; only keys without one are looked for in
    the lists ``attributes`` and ``resource``, whose entries are {key, type, value}. A core column of
    SPANS is no attribute: one that is called ``name`` or ``status`` lies in the lists.
    """
    own = {name for name in spans.columns if name not in SPANS.names}
    out = spans.select(
        pl.int_range(pl.len()).alias("\0row"),  # literals alone would make a single row
        *(
            (pl.col(key).cast(pl.String) if key in own else pl.lit(None, pl.String)).alias(key)
            for key in dict.fromkeys(keys)
        ),
    ).drop("\0row")
    missing = [key for key in out.columns if key not in own]
    for name in _LISTS:
        if missing and _holds_attributes(spans, name):
            found = _from_list(spans, name, missing)
            out = out.with_columns(pl.coalesce(pl.col(k), found[k]).alias(k) for k in found.columns)
    return out


def first_attribute(columns: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """For each row the first of the keys that has a value that is not empty."""
    wanted = [pl.col(key).replace("", None) for key in keys if key in columns.columns]
    if not wanted:
        return pl.Series("first", [None] * columns.height, dtype=pl.String)
    return columns.select(pl.coalesce(wanted).alias("first")).to_series()


def _holds_attributes(spans: pl.DataFrame, name: str) -> bool:
    kind = spans.schema.get(name)
    if not isinstance(kind, pl.List) or not isinstance(kind.inner, pl.Struct):
        return False
    return {"key", "value"} <= {field.name for field in kind.inner.fields}


def _from_list(spans: pl.DataFrame, name: str, keys: list[str]) -> pl.DataFrame:
    entries = (
        spans.select(pl.int_range(pl.len()).alias("row"), pl.col(name))
        .filter(pl.col(name).list.len() > 0)
        .explode(name)
        .select(
            "row",
            pl.col(name).struct.field("key").alias("key"),
            pl.col(name).struct.field("value").alias("value"),
        )
        .filter(pl.col("key").is_in(keys) & pl.col("value").is_not_null())
        .unique(["row", "key"], keep="first", maintain_order=True)
    )
    present = entries["key"].unique(maintain_order=True).to_list()
    if not present:
        return pl.DataFrame()
    wide = entries.pivot("key", index="row", values="value")
    rows = pl.DataFrame({"row": range(spans.height)}, schema={"row": pl.Int64})
    return rows.join(wide, on="row", how="left", maintain_order="left").drop("row")
