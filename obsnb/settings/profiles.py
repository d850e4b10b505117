"""Everything that is set, from arguments, the environment and obsnb.toml, in that order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from obsnb.errors import SettingsError
from obsnb.settings.endpoint import Endpoint, Secret, SourceKind
from obsnb.settings.file import NAME, SOURCES, find, read
from obsnb.settings.keys import DATASOURCES, ENDPOINT, FRAMES, LIMITS, bytes_of, check, read_text
from obsnb.settings.layers import Layer, foreign_layer, from_environment, limits_layer
from obsnb.settings.redaction import pseudonym_key
from obsnb.settings.several import Named, tables_of
from obsnb.settings.sources import sources

__all__ = ["Frames", "Settings", "load"]

Frames = Literal["polars", "pandas"]


@dataclass(frozen=True)
class Settings:
    """What is set.

    Attributes
    ----------
    loki, prometheus, tempo
        Where the sources are; None for one that nothing names, or of which there are several.
    several
        Kind → where its sources are, where each has a name of its own (``loki.eu``).
    grafana
        Where Grafana is, whose data source proxy leads to those that are None; or None.
    datasources
        Which of Grafana's data sources is meant, by name or uid: ``{"loki": "prod-logs"}``, or of
        several ``{"loki.eu": "logs-eu"}``.
    frames
        What loaders return: ``polars`` or ``pandas``.
    max_rows
        How many rows one answer may have in memory.
    late_margin_s
        How long after the end of a slice of a download rows may still come in: a slice that was asked
        for earlier than that is asked for again.
    cache
        Whether settled answers are kept on disk, so that a kernel that starts anew does not ask for them
        again. Off unless it is said: they are not redacted, and a tool that writes an employer's log lines
        onto a laptop should be told to.
    cache_dir, cache_size
        Where, None for ``obsnb`` in XDG_CACHE_HOME or ~/.cache; and how many bytes at most.
    conventions
        The ``[conventions]`` tables, those of the profile over those of the file, as they were
        written: for `obsnb.conventions.Conventions.override`.
    redact
        The ``[redact]`` tables, merged the same way: for `obsnb.redact.Policy.of_table`.
    redact_key
        The key of pseudonyms, or None: then each archive has a random one.
    profile
        The profile's name, or None.
    profiles
        The names of all profiles in the file.
    file
        The obsnb.toml that was read, or None.
    """

    loki: Endpoint | None = None
    prometheus: Endpoint | None = None
    tempo: Endpoint | None = None
    grafana: Endpoint | None = None
    several: Mapping[str, tuple[Endpoint, ...]] = field(default_factory=dict, hash=False)
    datasources: Mapping[str, str] = field(default_factory=dict, hash=False)
    frames: Frames = "polars"
    max_rows: int = 5_000_000
    late_margin_s: float = 600.0
    cache: bool = False
    cache_dir: str | None = None
    cache_size: int = 2_000_000_000
    conventions: Mapping[str, Any] = field(default_factory=dict, hash=False)
    redact: Mapping[str, Any] = field(default_factory=dict, hash=False)
    redact_key: Secret | None = None
    profile: str | None = None
    profiles: tuple[str, ...] = ()
    file: Path | None = None

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Every server that is set."""
        named = [one for ends in self.several.values() for one in ends]
        every = (self.loki, self.prometheus, self.tempo, *named, self.grafana)
        return tuple(one for one in every if one is not None)

    def __repr__(self) -> str:
        sources = [repr(one) for one in self.endpoints]
        return f"Settings(profile {self.profile}: {', '.join(sources) or 'no source'})"


def load(
    profile: str | None = None,
    *,
    path: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    folder: str | Path | None = None,
    loki: str | Endpoint | Mapping[str, str | Endpoint] | None = None,
    prometheus: str | Endpoint | Mapping[str, str | Endpoint] | None = None,
    tempo: str | Endpoint | Mapping[str, str | Endpoint] | None = None,
    grafana: str | Endpoint | None = None,
    tenant: str | None = None,
    token: str | Secret | None = None,
    frames: str | None = None,
    max_rows: int | None = None,
    limits: Mapping[str, Any] | None = None,
    cache: bool | None = None,
) -> Settings:
    """What is set: arguments win over the environment, the environment over the profile.

    Parameters
    ----------
    profile
        A profile of obsnb.toml. Without: OBSNB_PROFILE, else the file's ``profile = "..."``, else
        the profile named ``default``, else the only one.
    path
        The file. Without: OBSNB_CONFIG, else obsnb.toml in `folder` or the nearest above it, else
        ``~/.config/obsnb/obsnb.toml``.
    environ
        The environment variables; without, this process's. OBSNB_LOKI_URL, OBSNB_LOKI_TOKEN,
        OBSNB_LOKI_USER, OBSNB_LOKI_PASSWORD and so on (a key of obsnb.toml in upper case), the same
        for PROMETHEUS, TEMPO and GRAFANA, and without a source's name for all of them (OBSNB_TENANT).
        OBSNB_GRAFANA_LOKI and so on name one of Grafana's data sources. Those of a source mean a single
        one: OBSNB_LOKI_URL goes before several of the profile, the others are refused beside them.
        OBSNB_FRAMES, OBSNB_MAX_ROWS, OBSNB_LATE_MARGIN_S, OBSNB_CACHE, OBSNB_CACHE_DIR and
        OBSNB_CACHE_SIZE; OBSNB_REDACT_KEY, the key of pseudonyms. LOKI_ADDR and logcli's others,
        PROMETHEUS_URL and TEMPO_URL are taken where nothing else names the source.
    folder
        Where the search for the file begins; without, the current folder.
    loki, prometheus, tempo, grafana
        A URL, or an endpoint that is taken as it is; where there is a Grafana, also the name or uid
        of one of its data sources. A URL counts where it is said no further down than Grafana's: one
        in the environment is not followed past a Grafana that is passed. The first three also several
        of them by name, in place of all that the profile has of the kind; what the profile says of the
        same name counts for a URL on the same host.
    tenant, token
        For every source whose URL is given.
    frames, max_rows, cache
        As in `Settings`.
    limits
        ``max_bytes``, ``max_series``, ``max_requests`` and ``max_seconds`` of every source whose URL is
        given, as an `Endpoint` has them; bytes also as ``"20 GB"``.

    Raises
    ------
    SettingsError
        The file or a variable cannot be used, or there is no such profile.
    """
    environ = os.environ if environ is None else environ
    _check_names(environ)
    file = _file(path, environ, Path.cwd() if folder is None else Path(folder))
    said = read(file) if file is not None else {}
    name = _profile_name(profile, environ, said, file)
    chosen = said.get("profiles", {}).get(name, {})
    shared = {"tenant": tenant, "token": token.reveal() if isinstance(token, Secret) else token}
    shared = {key: value for key, value in shared.items() if value is not None}
    check(dict(limits or {}), LIMITS, place="connect(limits=...)")
    shared |= dict(limits or {})
    place = f"{file} (profile {name})"

    def layers(source: SourceKind, url: str | Endpoint | None) -> list[Layer]:
        text = url if isinstance(url, str) else None
        return _layers(source, url=text, shared=shared, environ=environ, profile=chosen, place=place)

    redact = _merged(said.get("redact", {}), chosen.get("redact", {}))
    named = Named(shared, environ, chosen, place)
    given = {"loki": loki, "prometheus": prometheus, "tempo": tempo}
    _check_addresses(given)
    return Settings(
        **sources(given, grafana, layers=layers, named=named, environ=environ),
        **_frames({"frames": frames, "max_rows": max_rows, "cache": cache}, environ, chosen),
        conventions=_merged(said.get("conventions", {}), chosen.get("conventions", {})),
        redact=redact,
        redact_key=pseudonym_key(redact, environ),
        profile=name,
        profiles=tuple(said.get("profiles", {})),
        file=file,
    )


def _check_addresses(given: Mapping[str, object]) -> None:
    """What is no address would be silence, or another place's address; it is an error instead."""
    for name, one in given.items():
        if one is not None and not isinstance(one, str | Endpoint | Mapping):
            raise SettingsError(
                f"{name}= takes an address, not {one!r}.",
                hint=f'Such as connect({name}="https://{name}.example.com").',
            )


def _check_names(environ: Mapping[str, str]) -> None:
    """A misspelt variable of a source would be silence; it is an error instead."""
    for variable in environ:
        for source in SOURCES:
            forms = {**ENDPOINT, **DATASOURCES} if source == "grafana" else ENDPOINT
            known = [key.upper() for key in forms if key != "headers"]
            prefix = f"OBSNB_{source.upper()}_"
            if variable.startswith(prefix) and variable.removeprefix(prefix) not in known:
                raise SettingsError(
                    f"{variable} is not a variable that obsnb knows.",
                    hint=f"After {prefix} comes one of {', '.join(known)}.",
                )


def _file(path: str | Path | None, environ: Mapping[str, str], folder: Path) -> Path | None:
    named = path or environ.get("OBSNB_CONFIG")
    if named:
        return Path(named).expanduser().absolute()
    return find(start=folder.absolute(), environ=environ)


def _profile_name(
    profile: str | None, environ: Mapping[str, str], said: Mapping[str, Any], file: Path | None
) -> str | None:
    profiles = said.get("profiles", {})
    name = profile or environ.get("OBSNB_PROFILE") or said.get("profile")
    if name is None:
        only = next(iter(profiles)) if len(profiles) == 1 else None
        return "default" if "default" in profiles else only
    if name not in profiles:
        where = f"no {NAME} was found" if file is None else f"{file} does not have it"
        hint = f"It has {', '.join(profiles)}." if profiles else f"Write [profiles.{name}] into {NAME}."
        raise SettingsError(f"There is no profile {name!r}: {where}.", hint=hint)
    return str(name)


def _layers(
    source: SourceKind,
    *,
    url: str | None,
    shared: Mapping[str, Any],
    environ: Mapping[str, str],
    profile: Mapping[str, Any],
    place: str,
) -> list[Layer]:
    """What each place says of a source, the highest first."""
    forms = {**ENDPOINT, **DATASOURCES} if source == "grafana" else ENDPOINT
    own_env = from_environment(environ, f"OBSNB_{source.upper()}", forms=forms)
    shared_env = from_environment({k: v for k, v in environ.items() if k != "OBSNB_URL"}, "OBSNB")
    layers = [
        Layer("connect()", {} if url is None else {"url": url}, shared),
        Layer("the environment", own_env, shared_env),
    ]
    if source in profile and not (source != "grafana" and tables_of(profile[source])):
        # What a profile says for all of its sources is for those that it names.
        common = {key: value for key, value in profile.items() if key in ENDPOINT}
        layers.append(Layer(place, profile[source], common))
    return [*layers, limits_layer(profile, place), foreign_layer(environ, source)]


def _frames(
    given: Mapping[str, Any], environ: Mapping[str, str], profile: Mapping[str, Any]
) -> dict[str, Any]:
    said = {key: value for key, value in given.items() if value is not None}
    check(said, FRAMES, place="connect()")
    out = {key: profile[key] for key in FRAMES if key in profile}
    for key, form in FRAMES.items():
        text = environ.get(f"OBSNB_{key.upper()}")
        if text:
            out[key] = read_text(text, form, place=f"OBSNB_{key.upper()}")
    if "cache_size" in out:
        out["cache_size"] = bytes_of(out["cache_size"])
    return out | said


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The upper table's keys over the lower's; tables in them are merged the same way."""
    out = dict(below)
    for key, value in above.items():
        old = out.get(key)
        out[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return out
