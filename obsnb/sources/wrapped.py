"""What stands around a source, taken off: its bounds, and what it answered before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from obsnb.sources.cached import Cached
from obsnb.sources.guarded import Guarded
from obsnb.sources.several import Several

__all__ = ["bare", "unguarded"]


def unguarded(source: Any) -> Any:
    """A source, or several, without bounds."""
    if isinstance(source, Several):
        return Several(tuple(map(unguarded, source.members)), source.marks)
    if isinstance(source, Cached):
        return replace(source, inner=unguarded(source.inner))
    return source.inner if isinstance(source, Guarded) else source


def bare(source: Any) -> Any:
    """A source, or several, without bounds, asked anew whatever is kept."""
    if isinstance(source, Several):
        return Several(tuple(map(bare, source.members)), source.marks)
    return bare(source.inner) if isinstance(source, Cached | Guarded) else source
