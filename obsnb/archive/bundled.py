"""The incidents and runbooks that come with obsnb, from a wheel or from a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["incident_path", "incidents", "runbook_path", "runbooks"]

_PACKAGE = Path(__file__).resolve().parent.parent


def _room(name: str) -> Path:
    """A folder of the wheel's ``_bundled``, or the checkout's own."""
    inside = _PACKAGE / "_bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def incidents() -> dict[str, Path]:
    """The bundled incidents, by name."""
    folder = _room("data") / "incidents"
    return {path.name: path for path in sorted(folder.glob("*")) if (path / "manifest.json").is_file()}


def incident_path(name: str) -> Path | None:
    """Where a bundled incident lies, or None where there is none of that name."""
    return incidents().get(name)


def runbooks() -> dict[str, Path]:
    """The bundled runbooks, by name without ``.ipynb``."""
    return {path.stem: path for path in sorted(_room("notebooks").glob("*.ipynb"))}


def runbook_path(name: str) -> Path | None:
    """A bundled runbook by its name, or by the number or word that it begins or ends with."""
    known = runbooks()
    if name in known:
        return known[name]
    close = [path for stem, path in known.items() if name in stem.split("_", 1)]
    return close[0] if len(close) == 1 else None
