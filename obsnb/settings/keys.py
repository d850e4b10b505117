"""What may be said of a source, in obsnb.toml and in the environment, and in which form."""

from __future__ import annotations

import difflib
import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from obsnb.errors import SettingsError

__all__ = [
    "BASICS",
    "DATASOURCES",
    "ENDPOINT",
    "FRAMES",
    "LIMITS",
    "PASSWORDS",
    "PATHS",
    "TOKENS",
    "Form",
    "bytes_of",
    "check",
    "read_text",
]


@dataclass(frozen=True)
class Form:
    """How a value looks: in words, as a check, and how text becomes one."""

    words: str
    fits: Callable[[Any], bool]
    of_text: Callable[[str], Any] = str


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _whole(least: int, most: int) -> Form:
    def fits(value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

    return Form(f"a whole number from {least:,} to {most:,}", fits, int)


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_SIZES = {"B": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


def bytes_of(said: int | str) -> int:
    """How many bytes a number or a text such as ``"20 GB"`` means. Raises `ValueError`.

    Examples
    --------
    >>> bytes_of("1.5 GB"), bytes_of("2GiB")
    (1500000000, 2147483648)
    """
    found = _SIZE.fullmatch(str(said).strip())
    if found is None:
        raise ValueError("no size")
    unit = found[2] or "B"
    base = 1024.0 if "i" in unit else 1000.0
    return round(float(found[1]) * math.pow(base, _SIZES[unit[0]]))


def _is_size(value: object) -> bool:
    try:
        return isinstance(value, int | str) and not isinstance(value, bool) and bytes_of(value) > 0
    except ValueError:
        return False


def _is_command(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(word) for word in value)


def _is_labels(value: object) -> bool:
    return isinstance(value, list) and all(_is_text(word) for word in value)


def _labels_of(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip() not in {"", "none"}]


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and all(_is_text(one) for one in value.values())


def _is_headers(value: object) -> bool:
    return isinstance(value, dict) and all(
        _is_text(one) or (isinstance(one, dict) and set(one) == {"env"} and _is_text(one["env"]))
        for one in value.values()
    )


_BOOLEANS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}

_TEXT = Form("text", _is_text)
_SECONDS = Form("a number of seconds above 0", _is_number, float)
_YES_NO = Form("true or false", lambda value: isinstance(value, bool), lambda text: _BOOLEANS[text.lower()])
_SIZE_FORM = Form('a number of bytes, such as 20_000_000_000 or "20 GB"', _is_size)

#: How much one query may ask of a source, before it is sent.
LIMITS: Mapping[str, Form] = {
    "max_bytes": _SIZE_FORM,
    "max_series": _whole(1, 10**12),
    "max_requests": _whole(1, 10**9),
    "max_seconds": _SECONDS,
}
#: What may be said of a source.
ENDPOINT: Mapping[str, Form] = {
    "url": _TEXT,
    "tenant": _TEXT,
    "token": _TEXT,
    "token_env": _TEXT,
    "token_file": _TEXT,
    "token_command": Form('a list of words, such as ["vault", "read"]', _is_command, shlex.split),
    "user": _TEXT,
    "password": _TEXT,
    "password_env": _TEXT,
    "password_file": _TEXT,
    "headers": Form('a table of text or { env = "NAME" }', _is_headers),
    "ca_file": _TEXT,
    "client_cert": _TEXT,
    "client_key": _TEXT,
    "proxy": _TEXT,
    "verify": _YES_NO,
    "connect_timeout_s": _SECONDS,
    "read_timeout_s": _SECONDS,
    "total_timeout_s": _SECONDS,
    "parallel": _whole(1, 64),
    "retries": _whole(0, 20),
    "replica_labels": Form('a list of label names, such as ["prometheus_replica"]', _is_labels, _labels_of),
    **LIMITS,
}
_DATASOURCE = Form(
    'the name or uid of a data source, or of several a table such as { eu = "logs-eu", us = "logs-us" }',
    lambda value: _is_text(value) or _is_texts(value),
)
#: What may be said of Grafana beside that: which of its data sources is meant, or which several are.
DATASOURCES: Mapping[str, Form] = dict.fromkeys(("loki", "prometheus", "tempo"), _DATASOURCE)
#: What may be said of frames.
FRAMES: Mapping[str, Form] = {
    "frames": Form('"polars" or "pandas"', lambda value: value in ("polars", "pandas")),
    "max_rows": _whole(1, 10**12),
    "late_margin_s": _SECONDS,
    "cache": _YES_NO,
    "cache_dir": _TEXT,
    "cache_size": _SIZE_FORM,
}
TOKENS = frozenset({"token", "token_env", "token_file", "token_command"})
PASSWORDS = frozenset({"password", "password_env", "password_file"})
BASICS = PASSWORDS | {"user"}
PATHS = frozenset({"token_file", "password_file", "ca_file", "client_cert", "client_key", "cache_dir"})


def check(table: Any, forms: Mapping[str, Form], *, place: str, tables: Iterable[str] = ()) -> None:
    """Raise where a table has an unknown key or a value of the wrong form; no value is shown.

    Parameters
    ----------
    table
        What the file says.
    forms
        The keys that have values.
    place
        Where it stands, for the error.
    tables
        The keys that have tables, which are checked elsewhere.

    Raises
    ------
    SettingsError
        With the known keys.
    """
    if not isinstance(table, dict):
        raise SettingsError(f"{place} is not a table.", hint="A table has key = value lines below its name.")
    known = [*forms, *tables]
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            meant = f"Did you mean {near[0]}? " if near else ""
            raise SettingsError(
                f"{place} has an unknown key, {key!r}.", hint=f"{meant}Known are {', '.join(known)}."
            )
        if key in forms and not forms[key].fits(value):
            raise SettingsError(f"{place}: {key} is not {forms[key].words}.")


def read_text(text: str, form: Form, *, place: str) -> Any:
    """The value of an environment variable; `SettingsError` where it has the wrong form."""
    try:
        value = form.of_text(text.strip())
    except (ValueError, KeyError):
        value = None
    if not form.fits(value):
        raise SettingsError(f"{place} is not {form.words}.")
    return value
