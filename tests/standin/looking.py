"""What Loki's stand-in says of its rows without giving them: volumes and detected fields."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

__all__ = ["detected_fields", "volume"]


class _Entry(Protocol):
    """A row, as `tests.standin.loki.Row` is one."""

    @property
    def stream(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def line(self) -> str: ...
    @property
    def metadata(self) -> tuple[tuple[str, str], ...]: ...


def volume(rows: Iterable[_Entry], by: Sequence[str], most: int) -> list[tuple[dict[str, str], int]]:
    """Bytes of lines and metadata by labels, the largest groups first; of a label that none has, none."""
    sizes: dict[tuple[tuple[str, str], ...], int] = {}
    for row in rows:
        labels = dict(row.stream)
        group = tuple((name, labels[name]) for name in by if name in labels)
        size = len(row.line.encode()) + sum(len(name) + len(value.encode()) for name, value in row.metadata)
        sizes[group] = sizes.get(group, 0) + size
    largest = sorted(((group, size) for group, size in sizes.items() if group), key=lambda one: -one[1])
    return [(dict(group), size) for group, size in largest[:most]]


def detected_fields(rows: Sequence[_Entry], most: int) -> list[dict[str, object]]:
    """Fields of metadata and of JSON lines; ``_extracted`` where a stream label has the name."""
    values: dict[tuple[str, str | None], set[str]] = {}
    for row in rows:
        for name, value in row.metadata:
            values.setdefault((name, None), set()).add(value)
        for name, value in _json(row.line).items():
            values.setdefault((name, name), set()).add(value if isinstance(value, str) else json.dumps(value))
    known = {name for row in rows for name, _ in row.stream}
    in_metadata = {name for name, path in values if path is None}
    found: list[dict[str, object]] = []
    for (name, path), texts in values.items():
        if path is None:
            found.append({"label": name, "type": _type(texts), "cardinality": len(texts), "parsers": None})
        elif name not in in_metadata:
            label = f"{name}_extracted" if name in known else name
            told = {"label": label, "type": _type(texts), "cardinality": len(texts)}
            found.append({**told, "parsers": ["json"], "jsonPath": [path]})
    return found[:most]


def _json(line: str) -> Mapping[str, object]:
    try:
        fields = json.loads(line)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _type(texts: Iterable[str]) -> str:
    for kind, reads in (("int", int), ("float", float)):
        try:
            for text in texts:
                reads(text)
        except ValueError:
            continue
        return kind
    return "boolean" if set(texts) <= {"true", "false"} else "string"
