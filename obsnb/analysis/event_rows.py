"""EVENTS with their evidence, in order, and which of them tell of the same deployment."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from obsnb.analysis.service_names import service_names
from obsnb.conventions import DEFAULT, Conventions
from obsnb.schema import EVENTS

__all__ = ["event_rows", "not_told_yet"]

_SHAPE = {"evidence": pl.List(pl.String)}
#: What two places tell of one service within ten minutes is one deployment: a rollout takes a while, and
#: some tell of its start, some of its end.
_SAME_NS = 600 * 10**9


def event_rows(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Frames of events as one: EVENTS and ``evidence`` (list of evidence ids), sorted by time."""
    shape = {**EVENTS.dtypes(), **_SHAPE}
    rows = pl.concat([pl.DataFrame(schema=_SHAPE), *frames], how="diagonal_relaxed")
    shaped = EVENTS.conform(rows).select(pl.col(name).cast(kind) for name, kind in shape.items())
    return shaped.sort("timestamp", "title", maintain_order=True)


def not_told_yet(
    events: pl.DataFrame, told: pl.DataFrame, *, conventions: Conventions = DEFAULT
) -> pl.DataFrame:
    """The deployments that none of those told already is about: another service, time or version.

    One that is told without a version may be any.
    """
    services = [frame["service"].cast(pl.String) for frame in (told, events)]
    names = service_names(*services, conventions=conventions)
    ns = pl.col("timestamp").to_physical()
    known = [
        (names.service(service), at, (title or "").split())
        for service, at, title in told.select(pl.col("service").cast(pl.String), ns, "title").iter_rows()
    ]

    def is_new(service: str | None, at: int, title: str) -> bool:
        words, name = set(title.split()), names.service(service)
        return not any(
            name == other and abs(at - when) <= _SAME_NS and _agree(said, words)
            for other, when, said in known
        )

    asked = events.select(pl.col("service").cast(pl.String), ns, "title").iter_rows()
    return events.filter(pl.Series([is_new(*row) for row in asked], dtype=pl.Boolean))


def _agree(said: Sequence[str], words: set[str]) -> bool:
    versions = {word for word in said[1:] if any(char.isdigit() for char in word)}
    return not versions or bool(versions & words)
