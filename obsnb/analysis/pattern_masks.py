"""The obviously variable parts of log lines, taken out before lines are compared."""

from __future__ import annotations

import polars as pl

__all__ = ["HOLE", "masked"]

#: Stands for a variable part until the pattern is written: one letter of the private use area.
HOLE = "\ue000"

_AT_MOST = 1_000  # characters of a line that its pattern is made of; what follows is data
_UUID = r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
_MAC = r"\b(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}\b"
# The short form begins with a group that has a digit: `add::face` is a name of a program.
_IPV6 = (
    r"\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b"
    r"|\b[0-9a-fA-F]*[0-9][0-9a-fA-F]*(?::[0-9a-fA-F]{1,4}){0,5}::(?:[0-9a-fA-F]{1,4}:){0,5}[0-9a-fA-F]{1,4}\b"
    r"|\b[fF][eEcCdD][0-9a-fA-F]{2}::(?:[0-9a-fA-F]{1,4}:){0,5}[0-9a-fA-F]{1,4}\b"
)
_HEX = (
    r"\b0[xX][0-9a-fA-F]+\b|\b[0-9a-fA-F]{12,}\b"
    r"|\b[0-9]+[a-fA-F][0-9a-fA-F]{4,}\b|\b[a-fA-F]+[0-9][0-9a-fA-F]{4,}\b"
)
_NUMBER = r"\b[0-9]+(?:[.,:][0-9]+)*\b|[0-9]{3,}"
# Without groups: an expression with groups takes several times as long.
_PLAIN = "|".join((r"<\*>", _UUID, _MAC, _IPV6, _HEX, _NUMBER))

_QUERY = r"(/[^\s?\"'()\[\]<>]*\?)[^\s\"'()\[\]<>]+"
_MAIL = rf"[\w.+\-{HOLE}]+@[\w\-{HOLE}]+(?:\.[\w\-{HOLE}]+)+"
_ATTACHED = r"(^|[^A-Za-z0-9])[0-9]+"  # before a unit, after an underscore
_SIGN = rf"(^|[\s=:(\[,_@])[-+]{HOLE}"
_RUN = rf"{HOLE}(?:(?:[.:,/_\-+T]*|[._\-][a-z][._\-]){HOLE})+"
_LABELS = rf"(?:[A-Za-z0-9{HOLE}](?:[A-Za-z0-9\-{HOLE}]*[A-Za-z0-9{HOLE}])?\.)+"
# Ends of host names; before a port also those that a word could have, but no source file (`main.rs:12`).
_TOP = r"(?:com|net|org|edu|gov)(?:\.[a-z]{2})?"
_TOP_WITH_PORT = (
    rf"(?:{_TOP}|mil|io|info|biz|dev|app|cloud|asia|local|localdomain|internal|lan"
    r"|ai|at|au|be|br|ca|ch|cn|co|cz|de|dk|es|eu|fi|fr|hk|ie|il|in|it|jp|kr|mx|nl|no|nz|pt|ru|se|sg|tr|tw"
    r"|ua|uk|us|za)"
)
_HOST = rf"\b{_LABELS}(?:{_TOP_WITH_PORT}:{HOLE}|{_TOP})($|[^\w.\-])"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?"
_DATE = rf"\b(?:{_DAY} +)?(?:{_MONTH} +{HOLE}|{HOLE} {_MONTH})(?:,? +{HOLE})*"
_CAREFUL = (
    (_QUERY, "${1}" + HOLE),
    (_MAIL, HOLE),
    (_ATTACHED, "${1}" + HOLE),
    (_SIGN, "${1}" + HOLE),
    (_RUN, HOLE),
    (_HOST, HOLE + "${1}"),
    (_DATE, HOLE),
)


def masked(lines: pl.Series) -> tuple[pl.Series, pl.DataFrame]:
    """Lines with their variable parts as `HOLE`, in two passes.

    Parameters
    ----------
    lines
        Text, nulls allowed.

    Returns
    -------
    first
        A value a line, after a cheap pass: without numbers, hexadecimal and other ids, and addresses
        of networks. Few of them are different, whence the second pass is careful.
    both
        A row a different value of it: ``first``, and ``second``, without queries, mail addresses,
        host names, dates, signs, numbers before units and after underscores either.
    """
    long = lines.str.len_chars() > _AT_MOST
    if long.any():
        lines = lines.str.slice(0, _AT_MOST).str.replace(r"\S*$", HOLE).zip_with(long, lines)
    first = lines.str.replace_all(_PLAIN, HOLE).alias("first")
    second = different = first.drop_nulls().unique()
    for pattern, by in _CAREFUL:
        second = second.str.replace_all(pattern, by)
    return first, pl.DataFrame({"first": different, "second": second})
