"""One spelling a level, however the program that wrote the line spells it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

__all__ = ["spelt"]

# That of OpenTelemetry's short names where it has one; klog's and .NET's
# letters; the numbers of bunyan and pino.
_SPELLINGS: Mapping[str, str] = {
    "warning": "warn",
    "wrn": "warn",
    "w": "warn",
    "40": "warn",
    "err": "error",
    "severe": "error",
    "fail": "error",
    "e": "error",
    "50": "error",
    "crit": "critical",
    "f": "fatal",
    "ftl": "fatal",
    "60": "fatal",
    "emerg": "emergency",
    "information": "info",
    "informational": "info",
    "i": "info",
    "inf": "info",
    "log": "info",
    "30": "info",
    "dbug": "debug",
    "dbg": "debug",
    "d": "debug",
    "fine": "debug",
    "20": "debug",
    "trce": "trace",
    "finer": "trace",
    "finest": "trace",
    "verbose": "trace",
    "vrb": "trace",
    "10": "trace",
}


def spelt(level: pl.Series) -> pl.Series:
    """Levels as text in lower case, those that mean the same in the same letters; unknown ones stay.

    Examples
    --------
    >>> spelt(pl.Series(["WARNING", "warn", "W", "notice", None])).to_list()
    ['warn', 'warn', 'warn', 'notice', None]
    """
    plain = level.cast(pl.String).str.strip_chars().str.to_lowercase()
    return plain.replace(list(_SPELLINGS), list(_SPELLINGS.values()))
