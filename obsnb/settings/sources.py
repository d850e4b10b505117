"""Which sources are asked directly, and which through Grafana."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from obsnb.settings.endpoint import Endpoint, SourceKind
from obsnb.settings.layers import Layer, endpoint

__all__ = ["sources"]

_KINDS: tuple[SourceKind, ...] = ("loki", "prometheus", "tempo")
_Given = str | Endpoint | None


def sources(
    given: Mapping[str, _Given],
    grafana: _Given,
    *,
    layers: Callable[[SourceKind, _Given], list[Layer]],
    environ: Mapping[str, str],
) -> dict[str, Any]:
    """The fields of `Settings` that say where the sources are.

    Parameters
    ----------
    given, grafana
        What was passed: a URL or an endpoint; beside a Grafana, also a data source's name or uid.
    layers
        What each place says of a source, the highest first, other programs' variables last.
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
    for kind in _KINDS:
        value = given[kind]
        if isinstance(value, Endpoint):
            found[kind] = value
        elif front is None:
            found[kind] = endpoint(kind, layers(kind, value), environ)
        elif _is_name(value):
            names[kind] = value
        else:
            places = layers(kind, value)
            direct = _nearer(places, above, passed=grafana is not None)
            found[kind] = endpoint(kind, places, environ) if direct else None
            names |= next(({kind: layer.own[kind]} for layer in above if kind in layer.own), {})
    return found | {"datasources": names}


def _is_name(value: _Given) -> TypeGuard[str]:
    return isinstance(value, str) and "://" not in value


def _nearer(places: list[Layer], above: list[Layer], *, passed: bool) -> bool:
    """Whether a source's URL is said no further down than Grafana's; other programs' variables are below."""
    allowed: list[str] = []
    for layer in above[:-1]:
        allowed.append(layer.place)
        if passed or "url" in layer.own:
            break
    return any("url" in layer.own for layer in places[:-1] if layer.place in allowed)
