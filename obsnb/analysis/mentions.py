"""Which other service the words of an error name: the one it waited for in vain, as a rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from obsnb.analysis.service_names import Names

__all__ = ["mentioned"]

_READ = 2_000  # characters of a text
_SHORTEST = 3  # letters of a name that can be told from a word
#: Whoever stands behind these asked for something; an error is not about them.
_ASKER = r"(?i)\b(?:requests? from|called by|on behalf of|client|caller)\s+[\w.-]+"
_BETWEEN = r"([^\w-])"


def mentioned(
    texts: pl.DataFrame, names: Names, *, callers: Mapping[str, frozenset[str]] | None = None
) -> pl.Series:
    """For each text the one other service that it names; null where it names none or several.

    Parameters
    ----------
    texts
        ``service`` (who said it) and ``text``.
    names
        The services there are.
    callers
        For a service those that call it, who are passed over: an error is not about them.
    """
    lower = {_doubled(name): name for name in names.known.values() if len(name) >= _SHORTEST}
    if not lower or texts.is_empty():
        return pl.Series("named", [None] * texts.height, dtype=pl.String)
    any_name = "|".join(re.escape(name) for name in sorted(lower, key=len, reverse=True))
    # A separator stands twice, in names too, so that two names next to each other both have theirs.
    apart: Any = pl.col("text").str.slice(0, _READ).str.replace_all(_ASKER, " ")
    apart = apart.str.to_lowercase().str.replace_all(_BETWEEN, "$1$1")
    hits = apart.str.extract_all(rf"(?:^|[^\w-])(?:{any_name})(?:$|[^\w-])")
    found = texts.select("service", hits.list.join("\n").alias("hits"))
    distinct = found.unique()
    named = []
    for service, joined in distinct.iter_rows():
        said = {lower[name] for name in re.findall(any_name, joined or "")}
        said -= {service} | (callers or {}).get(service, frozenset())
        named.append(said.pop() if len(said) == 1 else None)
    table = distinct.with_columns(pl.Series("named", named, dtype=pl.String))
    return found.join(table, on=["service", "hits"], how="left", maintain_order="left", nulls_equal=True)[
        "named"
    ]


def _doubled(name: str) -> str:
    return re.sub(_BETWEEN, r"\1\1", name.lower())
