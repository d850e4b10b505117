"""Within which pod, node, version, tenant or route what is wrong at a service happens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from obsnb.analysis.two_samples import compare_shares, discovery_rates
from obsnb.conventions import Conventions

__all__ = ["narrowed", "places"]

_PLACES = (
    "k8s.pod.name",
    "pod",
    "service.instance.id",
    "k8s.node.name",
    "host.name",
    "cloud.availability_zone",
    "http.route",
)
_FEWEST = 8  # visits that are wrong, and others
_CHANCE = 0.01  # of what is named, so large a part may be so by chance
_COVERED = 0.9  # of what is wrong more than before must have one of the values
_OTHERS = 0.6  # and of the visits that went well at most so many
_VALUES = 3  # at most, to be worth saying
_TOLD = 3  # attributes
_SURE = 0.05  # of a single comparison


def places(conventions: Conventions) -> list[str]:
    """The attributes that something may be limited to a few values of."""
    return list(dict.fromkeys((*conventions.version_fields, *conventions.tenant_fields, *_PLACES)))


def narrowed(visits: pl.DataFrame, keys: Sequence[str]) -> str | None:
    """The few values of an attribute that visits which went wrong share, and others do not.

    Of each attribute the one, two or three values are looked at in which most more went wrong than
    before with the same value (a route may fail at any time; where the baseline has no such value,
    than with any). They are named if more went wrong there than before, and what went wrong has them
    more often than what went well did (the tests of shares that `obsnb.contrast` makes, the less sure of
    the two times the number of sets of so many values that could have been looked at, adjusted over all
    attributes), and if without them nothing is left to explain: visits that have none of them go wrong
    no more often than in the baseline, but for chance or a tenth of what is wrong more than then.

    Parameters
    ----------
    visits
        ``during``, ``wrong`` and the attributes, as `obsnb.analysis.visits.Visits.of` gives them.
    keys
        The attributes' names.

    Returns
    -------
    str or None
        ``attribute=value`` or ``attribute in a, b``, the most telling first; None where no attribute has
        at most three such values that most of the other visits lack.
    """
    now, before = visits.filter("during"), visits.filter(~pl.col("during"))
    sets = [each for key in keys for each in _sets(key, now, before)]
    rates = discovery_rates([each.p_value for each in sets]) if sets else ()
    told: dict[bytes, _Set] = {}  # one attribute for the same visits
    known: set[str] = set()  # the fewest values that do
    for rate, each in zip(rates, sets, strict=True):
        if each.key not in known and each.covers():
            known.add(each.key)
            if rate <= _CHANCE and each.others <= _OTHERS:
                marks = now[each.key].is_in(each.values).fill_null(False).to_numpy()
                told.setdefault(np.packbits(marks).tobytes(), each)
    best = sorted(told.values(), key=lambda each: each.others)[:_TOLD]
    return ", ".join(str(each) for each in best) or None


@dataclass(frozen=True)
class _Counted:
    wrong: int
    many: int

    def more_than(self, usual: _Counted) -> float:
        """How many more are wrong than would be at the usual share."""
        return self.wrong - (usual.wrong / usual.many * self.many if usual.many else 0.0)

    def by_chance(self, usual: _Counted) -> float:
        """How probable so many or more are at the usual share, if they are more at all, else one."""
        if not usual.many:
            return 0.0 if self.wrong else 1.0
        counts = [np.array([each.wrong]) for each in (self, usual)]
        test = compare_shares(counts[0], self.many, counts[1], usual.many)
        return float(test["p_value"][0]) if test["effect"][0] > 0 else 1.0


@dataclass(frozen=True)
class _Set:
    """Some values of an attribute: visits that have one of them, and those that have another."""

    key: str
    values: tuple[str, ...]
    inside: _Counted
    outside: _Counted
    inside_before: _Counted
    outside_before: _Counted
    p_value: float  # that more went wrong there than before, and more of it than of what went well

    def __str__(self) -> str:
        names = ", ".join(self.values)
        return f"{self.key}={names}" if len(self.values) == 1 else f"{self.key} in {names}"

    @property
    def others(self) -> float:
        """Part of the visits that went well and have one of the values too."""
        well = [each.many - each.wrong for each in (self.inside, self.outside)]
        return well[0] / sum(well)

    def covers(self) -> bool:
        """Whether what is wrong more than before is limited to the values."""
        more, left = self.inside.more_than(self.inside_before), self.outside.more_than(self.outside_before)
        return left <= (1 - _COVERED) * (more + max(left, 0.0)) or (
            self.outside.by_chance(self.outside_before) > _SURE
        )


def _sets(key: str, now: pl.DataFrame, before: pl.DataFrame) -> list[_Set]:
    """The one, two and three values of an attribute in which most more went wrong than before."""
    usual = _Counted(int(before["wrong"].sum()), before.height)
    then = _by_value(key, before).rename({"wrong": "wrong_then", "many": "many_then"})
    share = pl.when(pl.col("many_then") > 0).then(pl.col("wrong_then") / pl.col("many_then"))
    counted = (
        _by_value(key, now)
        .join(then, on="value", how="left")
        .with_columns(pl.col("wrong_then", "many_then").fill_null(0))
        .with_columns(
            more=pl.col("wrong") - pl.col("many") * share.otherwise(usual.wrong / max(usual.many, 1))
        )
        .sort("more", "value", descending=[True, False])
    )
    bad, many = int(counted["wrong"].sum()), int(counted["many"].sum())
    if bad < _FEWEST or many - bad < _FEWEST:
        return []
    sums = pl.col("wrong", "many", "wrong_then", "many_then").cum_sum()
    first = counted.head(min(_VALUES, counted.height - 1)).with_columns(sums)
    hits = first["wrong"].to_numpy()
    tests = compare_shares(hits, bad, first["many"].to_numpy() - hits, many - bad)
    found = []
    for k, (effect, p_value) in enumerate(tests.select("effect", "p_value").iter_rows(), 1):
        wrong, asked, wrong_then, asked_then = first.select("wrong", "many", "wrong_then", "many_then").row(
            k - 1
        )
        inside, then_inside = _Counted(wrong, asked), _Counted(wrong_then, asked_then)
        before_inside = then_inside if asked_then else usual
        chance = max(1.0 if effect <= 0 else p_value, inside.by_chance(before_inside))
        values = tuple(sorted(first["value"].head(k).to_list()))
        found.append(
            _Set(
                key,
                values,
                inside,
                _Counted(bad - wrong, many - asked),
                before_inside,
                _Counted(usual.wrong - wrong_then, usual.many - asked_then),
                min(1.0, chance * math.comb(counted.height, k)),
            )
        )
    return found


def _by_value(key: str, visits: pl.DataFrame) -> pl.DataFrame:
    """``value``, ``wrong`` and ``many``: visits with each value of an attribute."""
    return (
        visits.drop_nulls(key)
        .group_by(pl.col(key).alias("value"))
        .agg(pl.col("wrong").sum().cast(pl.Int64), pl.len().cast(pl.Int64).alias("many"))
    )
