"""Which sources are asked directly, and which through Grafana."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from obsnb.errors import SettingsError
from obsnb.settings.endpoint import Endpoint, SourceKind
from obsnb.settings.layers import Layer, endpoint
from obsnb.settings.several import KINDS, Named, check_names, full_name

__all__ = ["sources"]

_One = str | Endpoint | None
_Given = _One | Mapping[str, str | Endpoint]


def sources(
    given: Mapping[str, _Given],
    grafana: _One,
    *,
    layers: Callable[[SourceKind, _One], list[Layer]],
    named: Named,
    environ: Mapping[str, str],
) -> dict[str, Any]:
    """The fields of `Settings` that say where the sources are.

    Parameters
    ----------
    given, grafana
        What was passed: a URL or an endpoint; beside a Grafana, also a data source's name or uid; or
        several of them by name.
    layers
        What each place says of a source, the highest first, other programs' variables last.
    named
        Where several of a kind are.
    environ
        The environment variables.

    Raises
    ------
    SettingsError
        What the places say contradicts itself.
    """
    above = layers("grafana", grafana)
    front = grafana if isinstance(grafana, Endpoint) else endpoint("grafana", above, environ)
    found: dict[str, Any] = {"grafana": front}
    names: dict[str, str] = {}
    several: dict[str, tuple[Endpoint, ...]] = {}
    for kind in KINDS:
        value = given[kind]
        if isinstance(value, Mapping):
            direct, behind = _apart(kind, value, front)
            several |= {kind: named.endpoints(kind, direct)} if direct else {}
            names |= behind
        elif isinstance(value, Endpoint):
            found[kind] = value
        elif front is not None and _is_name(value):
            names[kind] = value
        else:
            places = layers(kind, value)
            tables = value is None and not _said(places[:2]) and bool(named.in_profile(kind))
            if tables:
                places.insert(2, Layer(named.place, {"url": "of each"}, {}))
            if front is not None and not _nearer(places, above, passed=grafana is not None):
                found[kind] = None
            elif tables:
                several[kind] = named.endpoints(kind, None)
            else:
                found[kind] = endpoint(kind, places, environ)
            if front is not None:
                named_behind = next((_behind(kind, layer) for layer in above if kind in layer.own), {})
                # Several of Grafana's would stand beside one that is asked directly, rather than behind it.
                has_own = found.get(kind) is not None or kind in several
                names |= {} if has_own and kind not in named_behind else named_behind
    return found | {"datasources": names, "several": several}


def _apart(
    kind: SourceKind, given: Mapping[str, str | Endpoint], front: Endpoint | None
) -> tuple[dict[str, str | Endpoint], dict[str, str]]:
    """Of several, those that are asked directly, and the data sources of a Grafana by full name."""
    check_names(given, kind=kind, place=f"connect({kind}=...)")
    if not given or not all(isinstance(value, str | Endpoint) for value in given.values()):
        raise SettingsError(
            f"connect({kind}=...) is a table of several sources, and not each has a URL.",
            hint=f'Write {kind}={{"eu": "http://...", "us": "http://..."}}.',
        )
    behind = {
        full_name(kind, name): value for name, value in given.items() if front is not None and _is_name(value)
    }
    return {name: value for name, value in given.items() if full_name(kind, name) not in behind}, behind


def _behind(kind: str, layer: Layer) -> dict[str, str]:
    """What a place calls the data sources of a kind: the only one, or several by full name."""
    said = layer.own[kind]
    if isinstance(said, str):
        return {kind: said}
    check_names(said, kind=kind, place=f"{layer.place} grafana.{kind}")
    return {full_name(kind, name): value for name, value in said.items()}


def _said(places: list[Layer]) -> bool:
    return any("url" in layer.own for layer in places)


def _is_name(value: _One) -> TypeGuard[str]:
    return isinstance(value, str) and "://" not in value


def _nearer(places: list[Layer], above: list[Layer], *, passed: bool) -> bool:
    """Whether a source's URL is said no further down than Grafana's; other programs' variables are below."""
    allowed: list[str] = []
    for layer in above[:-1]:
        allowed.append(layer.place)
        if passed or "url" in layer.own:
            break
    return any("url" in layer.own for layer in places[:-1] if layer.place in allowed)
