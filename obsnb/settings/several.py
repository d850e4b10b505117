"""Several sources of one kind: each named, with its own URL, tenant and credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from obsnb.errors import SettingsError
from obsnb.settings.endpoint import Endpoint, SourceKind
from obsnb.settings.keys import ENDPOINT, check
from obsnb.settings.layers import Layer, endpoint, from_environment, limits_layer

__all__ = ["KINDS", "Named", "check_names", "check_tables", "full_name", "tables_of"]

#: The kinds of which there may be several.
KINDS: tuple[SourceKind, ...] = ("loki", "prometheus", "tempo")
_NAME = re.compile(r"[A-Za-z0-9_-]+")


def full_name(kind: str, name: str) -> str:
    """What the ledger and errors call one of several: ``loki.eu``."""
    return f"{kind}.{name}"


def tables_of(table: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables of several sources in a source's table: every one in it but ``headers``."""
    return {name: one for name, one in table.items() if isinstance(one, dict) and name != "headers"}


def check_names(names: Mapping[str, Any], *, kind: str, place: str) -> None:
    """Raise `SettingsError` where a source could not be told from a key, or from all of a kind."""
    for name in names:
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name in ENDPOINT or name in KINDS:
            raise SettingsError(
                f"{place} calls a source {name!r}, which cannot be its name.",
                hint=f"A name has letters, digits, - and _, and is no key ({', '.join(ENDPOINT)}) and no "
                f"kind ({', '.join(KINDS)}): such as {kind}.eu.",
            )


def check_tables(table: Mapping[str, Any], *, kind: str, place: str) -> bool:
    """Hold a source's table to its form where it has tables of several in it; False where it has none.

    Raises
    ------
    SettingsError
        It has a URL of its own as well, a name cannot be one, a table has no URL, or a key is wrong.
    """
    several = tables_of(table)
    if not several or ("url" in table and not any("url" in one for one in several.values())):
        return False
    where = f"{place[:-1]}.{kind}]"
    if "url" in table:
        raise SettingsError(
            f"{where} has a url, and tables of several sources as well: {', '.join(several)}.",
            hint=f"Move the url and what belongs to it into a table with a name, such as {kind}.main.",
        )
    check_names(several, kind=kind, place=where)
    check(table, {key: form for key, form in ENDPOINT.items() if key != "url"}, place=where, tables=several)
    for name, one in several.items():
        own = f"{where[:-1]}.{name}]"
        check(one, ENDPOINT, place=own)
        if "url" not in one:
            raise SettingsError(f"{own} has no url.", hint="Each of several sources has its own.")
    return True


@dataclass(frozen=True, repr=False)
class Named:
    """Where several sources of a kind are, from arguments and a profile.

    Attributes
    ----------
    shared
        What a call says for all sources: tenant, token.
    environ
        The environment variables. Those of one kind (OBSNB_LOKI_TENANT) mean the single source of it.
    profile, place
        The profile, and its name for errors.
    """

    shared: Mapping[str, Any]
    environ: Mapping[str, str]
    profile: Mapping[str, Any]
    place: str

    def in_profile(self, kind: SourceKind) -> dict[str, dict[str, Any]]:
        """The profile's tables of several, by name."""
        return tables_of(self.profile.get(kind, {}))

    def endpoints(self, kind: SourceKind, given: Mapping[str, str | Endpoint] | None) -> tuple[Endpoint, ...]:
        """Those that were passed, else the profile's, in their order.

        Raises
        ------
        SettingsError
            What is said contradicts itself, or a variable means a single source.
        """
        tables = self.in_profile(kind)
        self._check_variables(kind, given if given is not None else tables)
        found = []
        for name in given if given is not None else tables:
            value = None if given is None else given[name]
            if isinstance(value, Endpoint):
                found.append(replace(value, name=full_name(kind, name)))
                continue
            layers = self._layers(kind, value, tables.get(name))
            made = endpoint(kind, layers, self.environ, name=full_name(kind, name))
            found += [] if made is None else [made]
        return tuple(found)

    def _layers(self, kind: SourceKind, url: str | None, table: Mapping[str, Any] | None) -> list[Layer]:
        env = from_environment({k: v for k, v in self.environ.items() if k != "OBSNB_URL"}, "OBSNB")
        layers = [
            Layer("connect()", {} if url is None else {"url": url}, self.shared),
            Layer("the environment", {}, env),
        ]
        if table is not None:
            every = self.profile[kind]
            alike = {key: every[key] for key in ENDPOINT if key in every}
            common = {key: value for key, value in self.profile.items() if key in ENDPOINT}
            # The URL stands in both, so that neither is followed to another host than it was written for.
            layers += [Layer(self.place, table, alike), Layer(self.place, {"url": table["url"]}, common)]
        return [*layers, limits_layer(self.profile, self.place)]

    def _check_variables(self, kind: SourceKind, names: Mapping[str, Any]) -> None:
        own = [f"OBSNB_{kind.upper()}_{key.upper()}" for key in ENDPOINT if key not in {"url", "headers"}]
        said = [variable for variable in own if self.environ.get(variable)]
        if said:
            raise SettingsError(
                f"{said[0]} is of a single source, and there are several of the kind {kind}: "
                f"{', '.join(names)}.",
                hint="Say it in obsnb.toml, in the table of the one that is meant, and unset the variable.",
            )
