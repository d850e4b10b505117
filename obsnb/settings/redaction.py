"""What the ``[redact]`` tables say, and the key of pseudonyms, which no file but its own holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obsnb.errors import SettingsError
from obsnb.settings.endpoint import Secret
from obsnb.settings.keys import Form, check

__all__ = ["pseudonym_key", "read_redact"]

_VARIABLE = "OBSNB_REDACT_KEY"
_TEXT = Form("text", lambda value: isinstance(value, str) and bool(value.strip()))
_FORMS = {"key_env": _TEXT, "key_file": _TEXT}
#: With fewer characters, whoever has an archive could try all keys.
_SHORTEST = 16


def read_redact(table: Any, *, place: str, folder: Path) -> None:
    """Hold a ``[redact]`` table to its form, and make the path in it absolute.

    What it says of kinds and fields is for `obsnb.redact.Policy`.

    Raises
    ------
    SettingsError
        It is not a table, or names the key's place in another form than text.
    """
    check(table, _FORMS, place=place, tables=table if isinstance(table, dict) else ())
    if "key_file" in table:
        table["key_file"] = str(folder / Path(table["key_file"]).expanduser())


def pseudonym_key(table: Mapping[str, Any], environ: Mapping[str, str]) -> Secret | None:
    """The key of pseudonyms: OBSNB_REDACT_KEY, else ``key_env``, else ``key_file``; None where there is none.

    Raises
    ------
    SettingsError
        It is too short, or where it should be there is nothing.
    """
    if environ.get(_VARIABLE):
        return _key(environ[_VARIABLE], _VARIABLE)
    variable = table.get("key_env")
    if variable is not None:
        if not environ.get(variable):
            raise SettingsError(
                f"The key of pseudonyms should be in {variable}, which is not set.",
                hint="Set it, or take key_env out of [redact]: then each archive has a key of its own.",
            )
        return _key(environ[variable], variable)
    if "key_file" not in table:
        return None
    reason = ""
    text = ""
    try:
        text = Path(table["key_file"]).read_text("utf-8")
    except OSError as error:
        reason = error.strerror or "it is not there"
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    if reason:  # outside of the except block, so that no context carries the file's bytes
        raise SettingsError(f"The key of pseudonyms cannot be read from {table['key_file']}: {reason}.")
    return _key(text, str(table["key_file"]))


def _key(text: str, place: str) -> Secret:
    if len(text.strip()) < _SHORTEST:
        raise SettingsError(
            f"The key of pseudonyms in {place} has fewer than {_SHORTEST} characters: it could be guessed.",
            hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'",
        )
    return Secret(text.strip())
