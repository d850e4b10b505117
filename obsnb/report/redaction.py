"""A post-mortem without what must not be in it: the same redaction as an archive's, over every field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any

import polars as pl

from obsnb.redact import Redactor
from obsnb.report.notes import Notes
from obsnb.report.postmortem import ImpactRow, Postmortem

__all__ = ["added", "redacted"]


def redacted(postmortem: Postmortem, redactor: Redactor) -> Postmortem:
    """The post-mortem with what was found in its texts, frames and records replaced, and counted.

    What people wrote in notes.toml keeps its names and addresses; secrets in it go.
    """
    counts = Counter(postmortem.redactions)
    told = replace(postmortem, redactions={}, evidence=_values(postmortem.evidence, redactor, counts))
    clean: Postmortem = _redact(told, redactor, counts)
    return replace(
        clean,
        redactions=MappingProxyType(dict(sorted(counts.items()))),
        redaction_actions=MappingProxyType(dict(redactor.policy.actions)),
        redactor=redactor,
    )


def added(postmortem: Postmortem, **parts: Any) -> Postmortem:
    """The post-mortem with other parts, in which is redacted what would have been if they had been there."""
    if postmortem.redactor is None:
        return replace(postmortem, **parts)
    counts = Counter(postmortem.redactions)
    clean = {name: _redact(part, postmortem.redactor, counts) for name, part in parts.items()}
    return replace(postmortem, **clean, redactions=MappingProxyType(dict(sorted(counts.items()))))


def _values(texts: Mapping[str, str], redactor: Redactor, counts: Counter[str]) -> Mapping[str, str]:
    return {key: _redact(text, redactor, counts) for key, text in texts.items()}


def _redact(value: Any, redactor: Redactor, counts: Counter[str]) -> Any:
    if isinstance(value, Notes):
        redactor = redactor.of_people
    if isinstance(value, ImpactRow) and value.unit == "users":
        # These are users whatever they look like, which their field would say elsewhere.
        names = redactor.value([{"user.id": name} for name in value.names])
        counts.update(names[1])
        value = replace(value, names=tuple(one["user.id"] for one in names[0]))
    made: Any
    if isinstance(value, str):
        made, found = redactor.text(value)
    elif isinstance(value, pl.DataFrame):
        made, found = redactor.frame(value)
    elif isinstance(value, Mapping):
        made, found = redactor.value(value)
    elif isinstance(value, tuple):
        return tuple(_redact(one, redactor, counts) for one in value)
    elif is_dataclass(value) and not isinstance(value, type):
        old = {one.name: getattr(value, one.name) for one in fields(value)}
        new = {name: _redact(one, redactor, counts) for name, one in old.items()}
        changed = {name: one for name, one in new.items() if one is not old[name]}
        return replace(value, **changed) if changed else value
    else:
        return value
    counts.update(found)
    return made if found else value
