"""obsnb.toml: where it is found, and what it may say."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from obsnb.errors import SettingsError
from obsnb.settings.keys import DATASOURCES, ENDPOINT, FRAMES, PATHS, Form, check
from obsnb.settings.redaction import read_redact
from obsnb.settings.several import KINDS, check_tables, tables_of

__all__ = ["NAME", "SOURCES", "find", "read"]

NAME = "obsnb.toml"
SOURCES = ("loki", "prometheus", "tempo", "grafana")
_NOTHING: dict[str, Any] = {}


def find(*, start: Path, environ: Mapping[str, str]) -> Path | None:
    """The obsnb.toml of this folder or the nearest above it, else the one in ~/.config/obsnb.

    Raises
    ------
    SettingsError
        The file found belongs to another user: it may name a command to run.
    """
    config = environ.get("XDG_CONFIG_HOME")
    home = Path(config) if config else Path.home() / ".config"
    places = [*(folder / NAME for folder in (start, *start.parents)), home / "obsnb" / NAME]
    found = next((place for place in places if place.is_file()), None)
    if found is not None and os.name == "posix" and found.stat().st_uid not in {0, os.getuid()}:
        raise SettingsError(
            f"{found} belongs to another user, so what it says is not followed: it may name a command.",
            hint="If you trust it, name it: obsnb.connect(path=...) or OBSNB_CONFIG.",
        )
    return found


def read(path: Path) -> dict[str, Any]:
    """What the file says: every key known, every value of its form, every path absolute.

    Raises
    ------
    SettingsError
        The file cannot be read, is not TOML, or says something unknown.
    """
    wrong = ""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        wrong = f"{path} cannot be read: {error.strerror}."
    except UnicodeDecodeError:
        wrong = f"{path} is not TOML: it is not UTF-8."
    except tomllib.TOMLDecodeError as error:
        wrong = f"{path} is not TOML: {error}."
    if wrong:  # outside of the except block, so that no context carries the file's text
        raise SettingsError(wrong)
    top = {"profile": Form("text", lambda value: isinstance(value, str) and bool(value))}
    check(said, top, place=str(path), tables=("conventions", "profiles", "redact"))
    read_redact(said.get("redact", {}), place=f"{path} [redact]", folder=path.parent)
    for name in ("conventions", "profiles"):
        check(said.get(name, {}), {}, place=f"{path} [{name}]", tables=said.get(name, {}))
    for name, profile in said.get("profiles", _NOTHING).items():
        _read_profile(profile, place=f"{path} [profiles.{name}]", folder=path.parent)
    return said


def _read_profile(profile: Any, *, place: str, folder: Path) -> None:
    shared = {key: form for key, form in ENDPOINT.items() if key != "url"}
    check(profile, {**FRAMES, **shared}, place=place, tables=("conventions", "redact", *SOURCES))
    read_redact(profile.get("redact", {}), place=f"{place[:-1]}.redact]", folder=folder)
    conventions = profile.get("conventions", {})
    check(conventions, {}, place=f"{place[:-1]}.conventions]", tables=conventions)
    found = [profile]
    for source in SOURCES:
        table = profile.get(source, _NOTHING)
        found.append(table)
        if source in KINDS and isinstance(table, dict) and check_tables(table, kind=source, place=place):
            found += tables_of(table).values()
            continue
        forms = {**ENDPOINT, **DATASOURCES} if source == "grafana" else ENDPOINT
        check(table, forms, place=f"{place[:-1]}.{source}]")
    for table in found:
        for key in PATHS & table.keys():
            table[key] = str(folder / Path(table[key]).expanduser())
