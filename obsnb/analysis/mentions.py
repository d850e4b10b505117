"""Which other service the words of an error name: the one it waited for in vain, as a rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from obsnb.analysis.peer_words import MARK, is_word, marked, numbered
from obsnb.analysis.service_names import Names

__all__ = ["mentioned"]

_READ = 2_000  # characters of a text
_SHORTEST = 3  # letters of a name that can be told from a word
#: Whoever stands behind these asked for something; an error is not about them.
_ASKER = r"(?i)\b(?:requests? from|called by|on behalf of|client|caller)\s+[\w.-]+"
_BETWEEN = r"([^\w-])"


def mentioned(
    texts: pl.DataFrame,
    names: Names,
    *,
    callers: Mapping[str, frozenset[str]] | None = None,
    anywhere: bool = False,
) -> pl.Series:
    """For each text the one other service that it names; null where it names none or several.

    A name that is a word of its own (``payment``, ``user``) is named only where the text uses it as
    a peer's (`obsnb.analysis.peer_words`); any other (``payment-service``, ``cart-db-0``) anywhere.

    Parameters
    ----------
    texts
        ``service`` (who said it) and ``text``.
    names
        The services there are.
    callers
        For a service those that call it, who are passed over: an error is not about them.
    anywhere
        Whether words name a service wherever they stand: in titles that people write of what they changed.
    """
    spelled = [name for name in names.known.values() if len(name) >= _SHORTEST]
    lower = {_doubled(name): name for name in spelled}
    if not lower or texts.is_empty():
        return pl.Series("named", [None] * texts.height, dtype=pl.String)
    words = [] if anywhere else [name for name in spelled if is_word(name)]
    apart: Any = pl.col("text").str.slice(0, _READ).str.replace_all(_ASKER, " ")
    # A separator stands twice, in names too, so that two names next to each other both have theirs.
    apart = (
        marked(apart, words, ids=numbered(texts["text"].unique(), words))
        .str.to_lowercase()
        .str.replace_all(_BETWEEN, "$1$1")
    )
    hits = apart.str.extract_all(_any_of({_doubled(name) for name in spelled}, {_doubled(w) for w in words}))
    found = texts.select("service", hits.list.join("\n").alias("hits"))
    distinct = found.unique()
    any_name = "|".join(_longest_first(lower))
    named = []
    for service, joined in distinct.iter_rows():
        said = {lower[name] for name in re.findall(any_name, joined or "")}
        said -= {service} | (callers or {}).get(service, frozenset())
        named.append(said.pop() if len(said) == 1 else None)
    table = distinct.with_columns(pl.Series("named", named, dtype=pl.String))
    return found.join(table, on=["service", "hits"], how="left", maintain_order="left", nulls_equal=True)[
        "named"
    ]


def _any_of(names: set[str], words: set[str]) -> str:
    """A name between separators; a word only if it is marked, and is no object (``user.id``, ``user()``)."""
    either = []
    if names - words:
        either.append(rf"(?:^|[^\w-])(?:{'|'.join(_longest_first(names - words))})(?:$|[^\w-])")
    if words:
        either.append(rf"{MARK}(?:{'|'.join(_longest_first(words))})(?:$|[^\w.(-]|\.\.(?:$|\W))")
    return "|".join(either)


def _longest_first(names: Iterable[str]) -> list[str]:
    return [re.escape(name) for name in sorted(names, key=len, reverse=True)]


def _doubled(name: str) -> str:
    return re.sub(_BETWEEN, r"\1\1", name.lower())
