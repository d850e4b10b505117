"""Messages with their variable parts taken out, so that two messages of one kind are equal."""

from __future__ import annotations

import polars as pl

__all__ = ["WILDCARD", "normalised", "short_type"]

#: How a variable part is written.
WILDCARD = "<*>"

_AT_MOST = 400  # characters of a message that tell it from others; what follows is mostly data
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_DATE = r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?\b"
_IP = (
    r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b|\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\](?::\d{1,5})?"
    r"|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\b"
)
_EMAIL = r"[\w.+\-]+@[\w\-]+\.[\w.\-]+"
# A quote that opens after a space or a bracket and closes before one: not the one in "can't".
_QUOTED = (
    r"(^|[\s(\[{=:,])(?:'(?:[^'\\\n]|\\.|''){0,300}?'|\"(?:[^\"\\\n]|\\.){0,300}?\"|`[^`\n]{0,300}?`)"
    r"($|[\s)\]},.:;!?])"
)
_QUERY = r"(/[\w.\-%]*)\?[^\s\"')\]]*"
# Codes that say what kind of failure it was are no variable part.
_KEPT = r"(?i)\b(status(?:[ _]?code)?|http(?:/\d(?:\.\d)?)?|code|errno)([\s:=(\[]{1,3})([1-5])(\d)(\d)\b"
_KEEP = "\ue000"  # a private letter before each of their digits keeps them from being numbers
_HEX = (
    r"\b0[xX][0-9a-fA-F]+\b|\b[0-9a-fA-F]*(?:[0-9][a-fA-F]|[a-fA-F][0-9])[0-9a-fA-F]{5,}\b"
    r"|\b\d[0-9a-fA-F]{11,}\b"
)
_RANDOM = r"(\b|_)[A-Za-z]*\d[A-Za-z0-9]*[A-Z][A-Za-z0-9]{14,}\b|()\b[A-Za-z_\-]*\d[A-Za-z0-9_\-]{39,}\b"
_NUMBER = rf"(^|[^A-Za-z0-9<>{_KEEP}])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?"
_TRAILING = r"([A-Za-z])\d{3,}\b"
_POD = r"-<\*>-[a-z0-9]{5}\b"
_REPEATS = r"<\*>(?:[\s,;.:/|\-]*<\*>)+"
_SPACE = r"\s+"


def normalised(text: pl.Expr) -> pl.Expr:
    """The message with its variable parts as ``<*>``.

    Taken out are UUIDs, dates, addresses, mail addresses, quoted literals, the queries of URLs,
    hexadecimal numbers, long random tokens, and numbers that do not belong to a word (``utf8`` stays,
    ``user-55`` becomes ``user-<*>``). An HTTP status stays where a word says that it is one. Several
    variable parts in a row are one. White space becomes one space; what follows the first 400
    characters is left out.
    """
    said = text.str.replace_all(_SPACE, " ").str.strip_chars().str.slice(0, _AT_MOST)
    said = said.str.replace_all(_KEPT, "${1}${2}" + "".join(_KEEP + f"${{{n}}}" for n in (3, 4, 5)))
    for pattern in (_UUID, _DATE, _EMAIL, _IP):
        said = said.str.replace_all(pattern, WILDCARD)
    # Twice, because two neighbours share the space between them.
    said = said.str.replace_all(_QUOTED, "${1}" + WILDCARD + "${2}").str.replace_all(
        _QUOTED, "${1}" + WILDCARD + "${2}"
    )
    said = (
        said.str.replace_all(_QUERY, "${1}")
        .str.replace_all(_HEX, WILDCARD)
        .str.replace_all(_RANDOM, "${1}" + WILDCARD)
    )
    said = said.str.replace_all(_NUMBER, "${1}" + WILDCARD).str.replace_all(_TRAILING, "${1}" + WILDCARD)
    said = said.str.replace_all(_POD, "-" + WILDCARD)
    return said.str.replace_all(_REPEATS, WILDCARD).str.replace_all(_KEEP, "")


def short_type(kind: pl.Expr) -> pl.Expr:
    """The last part of an exception's qualified name: what every place that tells of it agrees on."""
    return kind.str.extract(r"([A-Za-z0-9_$<>]+)$", 1).fill_null(kind)
