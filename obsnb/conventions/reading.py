"""Conventions: a stack's names, and how they are read off labels, fields and lines."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from obsnb.conventions.names import Names
from obsnb.errors import SettingsError

__all__ = ["DEFAULT", "Conventions"]


@dataclass(frozen=True, repr=False)
class Conventions(Names):
    """The names that a stack uses, and the questions that they answer.

    The fields are those of `obsnb.conventions.names.Names`, each in order of precedence.
    """

    def __repr__(self) -> str:
        changed = [
            field.name
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != getattr(DEFAULT, field.name)
        ]
        return f"Conventions({'default' if not changed else 'changed: ' + ', '.join(changed)})"

    def override(self, table: Mapping[str, Any]) -> Conventions:
        """These conventions with some fields replaced.

        Parameters
        ----------
        table
            Field → new value: a list of names, for `service_aliases` and `scope` a table, for
            `slow_s` a number.

        Raises
        ------
        SettingsError
            A field does not exist, or its value has the wrong form.
        """
        changes: dict[str, Any] = {}
        known = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name, value in table.items():
            if name not in known:
                raise SettingsError(
                    f"[conventions] has no field {name!r}.",
                    hint=f"The fields are {', '.join(known)}.",
                )
            changes[name] = self._read(name, known[name], value)
        return dataclasses.replace(self, **changes)

    def _read(self, name: str, old: Any, value: Any) -> Any:
        if isinstance(old, tuple) and isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        if isinstance(old, float) and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if name == "service_aliases" and isinstance(value, dict):
            return MappingProxyType({str(k): str(v) for k, v in value.items()})
        if name == "scope" and isinstance(value, dict):
            merged = {key: dict(signals) for key, signals in self.scope.items()}
            for key, signals in value.items():
                merged.setdefault(key, {}).update({s: tuple(n) for s, n in signals.items()})
            return MappingProxyType({k: MappingProxyType(s) for k, s in merged.items()})
        raise SettingsError(
            f"[conventions] {name} = {value!r} has the wrong form.",
            hint="Names are a list of text, slow_s is a number, service_aliases and scope are tables.",
        )

    def service_of(self, labels: Mapping[str, str]) -> str | None:
        """The service that a stream or a series is about, or None."""
        for label in self.service_labels:
            name = labels.get(label)
            if name:
                return self.canonical(name)
        return None

    def canonical(self, service: str) -> str:
        """The one name of a service that has aliases."""
        return self.service_aliases.get(service, service)

    def level_of(self, *places: Mapping[str, str]) -> str | None:
        """The severity, lower case, from the first place that has one that is not ``unknown``."""
        for place in places:
            for label in self.level_labels:
                level = place.get(label, "").lower()
                if level and level != "unknown":
                    return level
        return None

    def first(self, names: Iterable[str], fields: Mapping[str, str]) -> str | None:
        """The first of the named fields that is there and not empty."""
        for name in names:
            if fields.get(name):
                return fields[name]
        return None

    def scope_name(self, key: str, signal: str, known: Iterable[str] | None = None) -> str:
        """The label or attribute that carries a scope key in a signal.

        Parameters
        ----------
        key
            ``namespace``, ``service``, ``tenant``, ``cluster``, ``environment``, or a label's own
            name.
        signal
            ``logs``, ``metrics`` or ``traces``.
        known
            The names that the server has; the first candidate among them is taken. Without, or
            where none is known, the first candidate.
        """
        candidates = self.scope.get(key, {}).get(signal, (key,))
        have = set(known or ())
        return next((name for name in candidates if name in have), candidates[0])

    def deployment_in(self, line: str) -> re.Match[str] | None:
        """The match of the first pattern that finds a deployment in the line."""
        for pattern in self.deploy_lines:
            found = re.search(pattern, line)
            if found:
                return found
        return None


DEFAULT = Conventions()
