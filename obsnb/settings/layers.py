"""What arguments, the environment and a profile say of one source, made into its endpoint.

What is said higher up wins, a key at a time, with two exceptions. A token given higher up also
replaces a user and password given lower down, and the other way round. And what was written beside
a URL on another host is left aside as a whole: a token is sent only to the server that it was written for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from obsnb.errors import SettingsError
from obsnb.settings.endpoint import (
    Auth,
    Basic,
    Bearer,
    Endpoint,
    Secret,
    SourceKind,
    TokenCommand,
    TokenFile,
    take_credentials,
)
from obsnb.settings.keys import (
    BASICS,
    DATASOURCES,
    ENDPOINT,
    LIMITS,
    PASSWORDS,
    PATHS,
    TOKENS,
    Form,
    bytes_of,
    read_text,
)

__all__ = ["Layer", "endpoint", "foreign_layer", "from_environment", "limits_layer"]

_PLAIN = ("ca_file", "client_cert", "client_key", "proxy", "verify", "tenant", "replica_labels")
_NUMBERS = ("connect_timeout_s", "read_timeout_s", "total_timeout_s", "parallel", "retries")
_BOUNDS = ("max_series", "max_requests", "max_seconds")
#: What logcli and others read, taken where nothing else names the source.
_FOREIGN: Mapping[str, Mapping[str, str]] = {
    "loki": {
        "LOKI_ADDR": "url",
        "LOKI_URL": "url",
        "LOKI_USERNAME": "user",
        "LOKI_PASSWORD": "password",
        "LOKI_BEARER_TOKEN": "token",
        "LOKI_BEARER_TOKEN_FILE": "token_file",
        "LOKI_ORG_ID": "tenant",
        "LOKI_CA_CERT_PATH": "ca_file",
        "LOKI_CLIENT_CERT_PATH": "client_cert",
        "LOKI_CLIENT_KEY_PATH": "client_key",
    },
    "prometheus": {"PROMETHEUS_URL": "url"},
    "tempo": {"TEMPO_URL": "url"},
    "grafana": {},
}


@dataclass(frozen=True, repr=False)
class Layer:
    """What one place says of one source.

    Attributes
    ----------
    place
        Its name, for errors.
    own
        What it says of this source.
    shared
        What it says of every source.
    """

    place: str
    own: Mapping[str, Any]
    shared: Mapping[str, Any]


def from_environment(
    environ: Mapping[str, str], prefix: str, *, forms: Mapping[str, Form] = ENDPOINT
) -> dict[str, Any]:
    """What the variables ``PREFIX_URL``, ``PREFIX_TOKEN`` and so on say."""
    said: dict[str, Any] = {}
    for key, form in forms.items():
        text = environ.get(f"{prefix}_{key.upper()}", "")
        if text and key != "headers":
            value = read_text(text, form, place=f"{prefix}_{key.upper()}")
            said[key] = str(Path(value).expanduser()) if key in PATHS else value
    return said


def foreign_layer(environ: Mapping[str, str], source: str) -> Layer:
    """What other programs' variables say of a source."""
    said: dict[str, Any] = {}
    for name, key in _FOREIGN[source].items():
        if environ.get(name):
            said.setdefault(key, environ[name])
    return Layer("the environment", said if "url" in said else {}, {})


def limits_layer(profile: Mapping[str, Any], place: str) -> Layer:
    """What a profile allows every query: unlike a token it holds whichever server is asked."""
    return Layer(place, {}, {key: profile[key] for key in LIMITS if key in profile})


def endpoint(
    kind: SourceKind, layers: Sequence[Layer], environ: Mapping[str, str], *, name: str | None = None
) -> Endpoint | None:
    """The endpoint that the layers, the highest first, describe; None where none gives a URL.

    Its name is its kind's, unless told.

    Raises
    ------
    SettingsError
        What they say contradicts itself, or names a variable or file that is not there.
    """
    source = kind if name is None else name
    url = next((layer.own["url"] for layer in layers if "url" in layer.own), None)
    if url is None:
        return None
    place, _ = take_credentials(url, where=source)
    said: dict[str, tuple[Any, str]] = {}
    for layer in layers:
        own = {key: value for key, value in layer.own.items() if key not in DATASOURCES}
        if "url" in own:
            own_place, basic = take_credentials(own.pop("url"), where=source)
            if urlsplit(own_place)[:2] != urlsplit(place)[:2]:  # scheme, host and port
                continue
            if basic is not None and not own.keys() & (BASICS | TOKENS):
                own |= {"user": basic.user, "password": basic.password.reveal()}
        for table in (own, layer.shared):
            _add(said, table, layer.place)
    values = {key: value for key, (value, _) in said.items()}
    return Endpoint(
        name=source,
        kind=kind,
        url=place,
        auth=_auth(said, environ, source),
        headers=_headers(values.get("headers", {}), environ, source),
        max_bytes=bytes_of(values["max_bytes"]) if "max_bytes" in values else None,
        **{key: values[key] for key in (*_PLAIN, *_NUMBERS, *_BOUNDS) if key in values},
    )


def _add(said: dict[str, tuple[Any, str]], table: Mapping[str, Any], place: str) -> None:
    """Take from a table what nothing above it has said."""
    for names in (TOKENS, PASSWORDS):
        if len(names & table.keys()) > 1:
            one, other, *_ = sorted(names & table.keys())
            raise SettingsError(f"{place} says both {one} and {other}.", hint="Keep one of them.")
    if table.keys() & TOKENS and table.keys() & BASICS:
        raise SettingsError(
            f"{place} gives both a token and a user with a password.", hint="Keep one of them."
        )
    closed = set(said)
    if closed & TOKENS:
        closed |= TOKENS | BASICS
    elif closed & BASICS:
        closed |= TOKENS
    if closed & PASSWORDS:
        closed |= PASSWORDS
    said |= {key: (value, place) for key, value in table.items() if key not in closed}


def _auth(said: Mapping[str, tuple[Any, str]], environ: Mapping[str, str], source: str) -> Auth | None:
    for key in TOKENS & said.keys():
        value, place = said[key]
        if key == "token_command":
            return TokenCommand(tuple(value))
        if key == "token_file":
            return TokenFile(value)
        return Bearer(Secret(value if key == "token" else _variable(value, environ, f"{place}: {key}")))
    if "user" not in said:
        if PASSWORDS & said.keys():
            variable = "" if "." in source else f", or set OBSNB_{source.upper()}_USER"
            raise SettingsError(
                f"There is a password for {source}, but no user.",
                hint=f"Add user = ... to obsnb.toml{variable}.",
            )
        return None
    for key in PASSWORDS & said.keys():
        value, place = said[key]
        text = value if key == "password" else ""
        text = _variable(value, environ, f"{place}: {key}") if key == "password_env" else text
        text = _file(value, f"{place}: {key}") if key == "password_file" else text
        return Basic(said["user"][0], Secret(text))
    return Basic(said["user"][0], Secret(""))


def _headers(table: Mapping[str, Any], environ: Mapping[str, str], source: str) -> dict[str, Secret]:
    return {
        name: Secret(
            value
            if isinstance(value, str)
            else _variable(value["env"], environ, f"{source}: headers: {name}")
        )
        for name, value in table.items()
    }


def _variable(name: str, environ: Mapping[str, str], place: str) -> str:
    if not environ.get(name):
        raise SettingsError(
            f"{place} names the variable {name}, which is not set.", hint=f"Set {name}, or name another."
        )
    return environ[name].strip()


def _file(path: str, place: str) -> str:
    wrong = ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        wrong = error.strerror or "it cannot be read"
    except UnicodeDecodeError:
        wrong = "it is not text"
    raise SettingsError(f"{place} names {path}, which cannot be used: {wrong}.")
