"""One spelling a level, however the program that wrote the line spells it."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

__all__ = ["SYSLOG", "spelt"]

#: The severities of syslog, by number (RFC 5424, 6.2.1).
SYSLOG = ("emergency", "alert", "critical", "error", "warn", "notice", "info", "debug")

# That of OpenTelemetry's short names where it has one; klog's and .NET's letters; what Serilog, zerolog,
# logrus and log15 cut names to; the numbers of bunyan and pino.
_SPELLINGS: Mapping[str, str] = {
    "warning": "warn",
    "wrn": "warn",
    "w": "warn",
    "40": "warn",
    "err": "error",
    "severe": "error",
    "fail": "error",
    "eror": "error",
    "erro": "error",
    "e": "error",
    "50": "error",
    "crit": "critical",
    "ftl": "fatal",
    "fata": "fatal",
    "f": "fatal",
    "60": "fatal",
    "emerg": "emergency",
    "pnc": "panic",
    "pani": "panic",
    "dpanic": "panic",
    "information": "info",
    "informational": "info",
    "i": "info",
    "inf": "info",
    "log": "info",
    "success": "info",
    "note": "info",
    "system": "info",
    "30": "info",
    "dbug": "debug",
    "dbg": "debug",
    "d": "debug",
    "debu": "debug",
    "fine": "debug",
    "config": "debug",
    "20": "debug",
    "trce": "trace",
    "trac": "trace",
    "trc": "trace",
    "vrb": "trace",
    "v": "trace",
    "finer": "trace",
    "finest": "trace",
    "verbose": "trace",
    "10": "trace",
}


def spelt(level: pl.Series) -> pl.Series:
    """Levels as text in lower case, those that mean the same in the same letters; unknown ones stay.

    Examples
    --------
    >>> spelt(pl.Series(["WARNING", "warn", "W", "notice", None])).to_list()
    ['warn', 'warn', 'warn', 'notice', None]
    """
    told = level.cast(pl.String)
    names = told.drop_nulls().unique()  # few, however many the lines
    plain = names.str.strip_chars().str.to_lowercase()
    plain = plain.str.replace(r"^([a-z]+)[+-]\d+$", "$1")  # slog's levels between the named ones
    return told.replace(names, plain.replace(list(_SPELLINGS), list(_SPELLINGS.values())))
