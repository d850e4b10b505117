"""Which other service the words of an error name: the one it waited for in vain, as a rule."""

from __future__ import annotations

import re
from collections.abc import Mapping

import polars as pl

from obsnb.analysis.service_names import Names

__all__ = ["mentioned"]

_READ = 2_000  # characters of a text
_SHORTEST = 3  # letters of a name that can be told from a word
#: Whoever stands behind these asked for something; an error is not about them.
_ASKERS = r"(?<!request from )(?<!requests from )(?<!called by )(?<!on behalf of )(?<!client )(?<!caller )"


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
    lower = {name.lower(): name for name in names.known.values() if len(name) >= _SHORTEST}
    distinct = texts.select("service", "text").unique()
    if not lower or distinct.is_empty():
        return pl.Series("named", [None] * texts.height, dtype=pl.String)
    longest_first = sorted(lower, key=len, reverse=True)
    any_name = "|".join(re.escape(name) for name in longest_first)
    pattern = re.compile(rf"{_ASKERS}(?<![\w-])(?:{any_name})(?![\w-])", re.IGNORECASE)
    found: list[str | None] = []
    for service, text in distinct.iter_rows():
        said = {lower[hit.lower()] for hit in pattern.findall((text or "")[:_READ])}
        said -= {service} | (callers or {}).get(service, frozenset())
        found.append(said.pop() if len(said) == 1 else None)
    table = distinct.with_columns(pl.Series("named", found, dtype=pl.String))
    return texts.join(table, on=["service", "text"], how="left", maintain_order="left", nulls_equal=True)[
        "named"
    ]
