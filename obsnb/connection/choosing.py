"""One of several sources of a kind, chosen by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obsnb.errors import UsageError

if TYPE_CHECKING:
    from obsnb.sources.base import Health

__all__ = ["KINDS", "choose", "each", "healths", "kind_of"]

#: The kinds of sources, as settings call them.
KINDS = ("loki", "prometheus", "tempo")


def kind_of(choice: str) -> str:
    """The kind that a choice is of: ``loki`` and ``loki.eu`` are of Loki, ``eu`` of Prometheus."""
    kind = choice.split(".", 1)[0]
    return kind if kind in KINDS else "prometheus"


def choose(source: Any, choice: str | None, *, kind: str) -> Any:
    """The source that a choice means.

    Parameters
    ----------
    source
        Of the kind: one, several, or an archive.
    choice
        None or the kind itself for all that there are, else one by its name in the ledger or what
        stands in it behind the kind: ``loki.eu`` or ``eu``.
    kind
        loki, prometheus or tempo.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    if choice is None or choice == kind:
        return source
    known = tuple(name for name in getattr(source, "names", ()) if name.split(".", 1)[0] == kind)
    found = next((name for name in known if choice in {name, name.partition(".")[2]}), None)
    if found is None:
        one = (
            "It is prometheus, loki or tempo."
            if kind == "prometheus"
            else f"There is one {kind}: leave it out."
        )
        raise UsageError(
            f"There is no source {choice!r}.", hint=f"There are {', '.join(known)}." if known else one
        )
    return source.only(found)


def each(source: Any) -> list[Any]:
    """The sources behind one, each by itself."""
    return [source.only(name) for name in source.names] if hasattr(source, "members") else [source]


def healths(source: Any) -> list[Health]:
    """How a source is doing, or each of several."""
    found: list[Health] = source.healths() if hasattr(source, "healths") else [source.health()]
    return found
