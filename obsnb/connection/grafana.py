"""The three sources through Grafana's data source proxy: which of its data sources are meant."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from obsnb.conventions import Conventions
from obsnb.errors import RejectedError, SettingsError
from obsnb.settings import Endpoint, Settings, SourceKind
from obsnb.sources.grafana import DataSource, Grafana, proxied
from obsnb.transport.http import HttpTransport

__all__ = ["KINDS", "Chosen", "choose", "endpoint", "through_grafana"]

#: What may lie behind Grafana; its types of data sources have the same names.
KINDS: tuple[SourceKind, ...] = ("loki", "prometheus", "tempo")
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_WHERE_UID = "The address of a data source's page in Grafana ends with its uid."


@dataclass(frozen=True)
class Chosen:
    """A data source: its uid, and in words which one it is and why."""

    uid: str
    why: str


def endpoint(grafana: Endpoint, name: str, chosen: Chosen) -> Endpoint:
    """Where a data source is asked: as Grafana is, with its token, at the proxy's path.

    The name is the kind, or that of one of several, such as ``loki.eu``.
    """
    return replace(grafana, name=name, kind=_kind(name), url=grafana.url + proxied(chosen.uid))


def through_grafana(
    found: Settings, direct: Collection[SourceKind], *, conventions: Conventions
) -> tuple[Grafana, dict[str, Endpoint]]:
    """The Grafana that is set, and the endpoints behind it of the sources that have none of their own.

    Raises
    ------
    SettingsError, SourceError
        As `choose` does, unless nothing is found and other sources are there anyway.
    """
    if found.grafana is None:
        raise SettingsError("No Grafana is set.", hint="Pass grafana=..., or set OBSNB_GRAFANA_URL.")
    grafana = Grafana(HttpTransport(found.grafana), conventions=conventions)
    wanted = [
        name
        for kind in KINDS
        for name in [one for one in found.datasources if one.startswith(f"{kind}.")] or [kind]
        if kind not in direct or name != kind
    ]
    try:
        chosen = choose(grafana, wanted, found.datasources, needed=not direct) if wanted else {}
    except BaseException:
        grafana.transport.close()
        raise
    said = "; ".join(one.why for one in chosen.values())
    ends = {name: endpoint(found.grafana, name, one) for name, one in chosen.items()}
    uids = {name: one.uid for name, one in chosen.items()}
    return replace(grafana, chosen=f"{said}." if said else "", uids=uids), ends


def choose(
    grafana: Grafana, sources: Iterable[str], names: Mapping[str, str], *, needed: bool = True
) -> dict[str, Chosen]:
    """The data source for each source; a kind that Grafana has none of and that nobody names is left out.

    Parameters
    ----------
    grafana
        Asked for its data sources.
    sources
        Which are wanted: loki, prometheus, tempo, or of several ``loki.eu``.
    names
        Source → a data source's name or uid.
    needed
        Whether it is an error that none is found.

    Raises
    ------
    SettingsError
        There is no such data source, there are several and none is the default, or the token may not
        list them and none is named.
    SourceError
        Grafana refuses the token, fails, or cannot be reached.
    """
    listed = grafana.data_sources()
    found: dict[str, Chosen] = {}
    for source in sources:
        name, kind = names.get(source), _kind(source)
        if listed is None:
            one = None if name is None else _by_uid(grafana, kind, name)
        elif name is not None:
            one = _named(listed, kind, name)
        else:
            one = _of_type(listed, kind)
        if one is not None:
            found[source] = replace(one, why=f"{source}{one.why.removeprefix(kind)}")
    if not found and needed:
        raise _nothing(listed)
    return found


def _kind(source: str) -> SourceKind:
    """The kind of a source, by its name: that of ``loki.eu`` is loki."""
    return next(kind for kind in KINDS if source.split(".", 1)[0] == kind)


def _named(listed: Sequence[DataSource], kind: SourceKind, name: str) -> Chosen:
    """The one with this uid, else this name. One of a type that is not known here is trusted."""
    found = next((one for one in listed if one.uid == name), None)
    found = found or next((one for one in listed if one.name == name), None)
    if found is None:
        alike = [one for one in listed if one.type == kind]
        raise SettingsError(
            f"Grafana has no data source with the name or uid {name!r}.",
            hint=f"Of the type {kind} it has {_list(alike)}.",
        )
    _check_type(found, kind, name)
    return Chosen(found.uid, f"{kind} is {found.name} (uid {found.uid}), as named")


def _check_type(found: DataSource, kind: SourceKind, name: str) -> None:
    if found.type in KINDS and found.type != kind:
        raise SettingsError(
            f"Grafana's data source {name!r} is of the type {found.type}, not {kind}.",
            hint=f"Pass {found.type}={name!r} if that is what you mean.",
        )


def _of_type(listed: Sequence[DataSource], kind: SourceKind) -> Chosen | None:
    alike = [one for one in listed if one.type == kind]
    defaults = [one for one in alike if one.default]
    if not alike:
        return None
    if len(alike) > 1 and not defaults:
        raise SettingsError(
            f"Grafana has {len(alike)} data sources of the type {kind}, and none of them is the default.",
            hint=f"Pass {kind}= with a name or uid, or set OBSNB_GRAFANA_{kind.upper()}. "
            f"There are {_list(alike)}.",
        )
    one = (defaults or alike)[0]
    why = "the only one of its type" if len(alike) == 1 else "the default"
    return Chosen(one.uid, f"{kind} is {one.name} (uid {one.uid}), {why}")


def _by_uid(grafana: Grafana, kind: SourceKind, uid: str) -> Chosen:
    """What a viewer names, who may not list data sources and perhaps not even look at one."""
    missing = not _UID.fullmatch(uid)
    try:
        found = None if missing else grafana.data_source(uid)
    except RejectedError:
        missing, found = True, None
    if missing:
        raise SettingsError(
            f"Grafana has no data source with the uid {uid!r}, and the token may not list them, so that "
            "one cannot be found by its name.",
            hint=_WHERE_UID,
        )
    if found is None:
        return Chosen(uid, f"{kind} has the uid {uid}, trusted as named: the token may not look at it")
    _check_type(found, kind, uid)
    return Chosen(uid, f"{kind} is {found.name} (uid {uid}), as named; the token may not list others")


def _nothing(listed: Sequence[DataSource] | None) -> SettingsError:
    if listed is None:
        return SettingsError(
            "The token may not list Grafana's data sources, so none can be chosen.",
            hint='Name them by uid, as in connect(grafana="https://...", loki="uid"), or let the service '
            f"account read data sources (datasources:read). {_WHERE_UID}",
        )
    return SettingsError(
        f"Grafana has no data source of the types {', '.join(KINDS)}.",
        hint=f"Pass the name or uid of one that speaks like them. There are {_list(listed)}.",
    )


def _list(sources: Sequence[DataSource]) -> str:
    return ", ".join(f"{one.name!r} (uid {one.uid})" for one in sources) or "none"
