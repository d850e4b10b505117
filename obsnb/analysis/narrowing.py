"""Within which pod, node, version, tenant or route what is wrong at a service happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from obsnb.analysis.attributes import attribute_columns
from obsnb.conventions import DEFAULT, Conventions

__all__ = ["narrowed"]

_PLACES = (
    "k8s.pod.name",
    "pod",
    "service.instance.id",
    "k8s.node.name",
    "host.name",
    "cloud.availability_zone",
    "http.route",
)
_FEWEST = 8  # requests that are wrong
_COVERED = 0.9  # of which so many must have one of the values
_OTHERS = 0.6  # and of the others at most so many
_VALUES = 3  # at most, to be worth saying
_TOLD = 3  # attributes


def narrowed(
    spans: pl.DataFrame, bad: pl.Series, around: pl.Series, *, conventions: Conventions = DEFAULT
) -> str | None:
    """The few values of an attribute that requests which went wrong share, and others do not.

    Parameters
    ----------
    spans
        SPANS of the incident.
    bad
        Trace ids of requests in which something was wrong at the service.
    around
        Trace ids of requests that pass through the service.

    Returns
    -------
    str or None
        ``attribute=value`` or ``attribute in a, b``, the most telling first; None where nine tenths of
        the bad requests do not share at most three values that six tenths of the others lack.
    """
    wrong = set(bad.to_list())
    if len(wrong) < _FEWEST:
        return None
    fields = dict.fromkeys((*conventions.version_fields, *conventions.tenant_fields, *_PLACES))
    keys = [key for key in fields if key in spans.columns or "attributes" in spans.columns]
    passing = spans.filter(pl.col("trace_id").is_in(around.unique().implode()))
    values = attribute_columns(passing, keys).with_columns(passing["trace_id"], passing["service"])
    found = [each for each in (_of(key, values, wrong) for key in keys) if each is not None]
    distinct = {shared.values: shared for shared in reversed(found)}  # one attribute for the same values
    best = sorted(distinct.values(), key=lambda each: (each.others, each.key))[:_TOLD]
    return ", ".join(str(each) for each in best) or None


@dataclass(frozen=True)
class _Shared:
    key: str
    values: tuple[str, ...]
    others: float  # part of the other requests that have one of the values too

    def __str__(self) -> str:
        names = ", ".join(self.values)
        return f"{self.key}={names}" if len(self.values) == 1 else f"{self.key} in {names}"


def _of(key: str, values: pl.DataFrame, wrong: set[str]) -> _Shared | None:
    """The values that tell most, among those that any one service gives the attribute."""
    pairs = values.select("trace_id", "service", pl.col(key).alias("value")).drop_nulls().unique()
    each_service = pairs.group_by("service", maintain_order=True)
    told = [shared for _, each in each_service if (shared := _shared(key, each, wrong)) is not None]
    return min(told, key=lambda each: (each.others, each.values), default=None)


def _shared(key: str, pairs: pl.DataFrame, wrong: set[str]) -> _Shared | None:
    marked: Any = pl.col("trace_id").is_in(list(wrong))
    counted = pairs.group_by("value").agg(marked.sum().alias("bad"), (~marked).sum().alias("good"))
    bad, good = int(counted["bad"].sum()), int(counted["good"].sum())
    if bad < _FEWEST or good < _FEWEST or counted.height < 2:
        return None
    ranked = counted.sort(["bad", "value"], descending=[True, False])
    for many in range(1, min(_VALUES, counted.height - 1) + 1):
        top = ranked.head(many)
        others = int(top["good"].sum()) / good
        if int(top["bad"].sum()) >= _COVERED * bad:
            return None if others > _OTHERS else _Shared(key, tuple(sorted(top["value"].to_list())), others)
    return None
