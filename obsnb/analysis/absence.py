"""Services that calls no longer reach, although whoever calls them is still there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from obsnb.analysis.nodes import SpanNodes
from obsnb.analysis.scores import Finding, certainty, share_z
from obsnb.analysis.tree import Ints
from obsnb.analysis.windows import side
from obsnb.timerange import TimeRange

__all__ = ["Absence", "absent_services"]

_USUAL = 0.3  # of an operation's visits go on to a callee that is expected
_FEWEST = 3
_LEFT = 0.25  # of the expected visits: a service that gets more is not gone
_STRENGTH = 0.85
_DOUBTFUL = 0.6  # where no caller reaches anybody else either: it may have failed before it called
_UNLIKELY = 0.2  # where a caller says what else is wrong


@dataclass(frozen=True)
class Absence:
    """A service that calls no longer reach.

    Attributes
    ----------
    service
        The service.
    callers
        The services whose operations used to reach it, where it is not they who fail: they still
        reach others, or speak of waiting, and of nothing else that is wrong.
    finding
        What is said about it.
    """

    service: str
    callers: frozenset[str]
    finding: Finding


def absent_services(
    nodes: SpanNodes,
    *,
    during: TimeRange,
    baseline: TimeRange,
    outspoken: frozenset[str] = frozenset(),
    waiting: frozenset[str] = frozenset(),
) -> list[Absence]:
    """Services whose spans are missing under operations that used to call them.

    A visit is a span that begins a service's part of a trace, with all that the service does in it.
    For every operation of a visit and every service that a third of its visits in the baseline went
    on to, the visits of the incident are counted that still do: those that failed, where there are
    such, and not those that another callee failed. A service that gets less than a quarter of what
    all its callers' visits let expect is absent, unless an earlier callee of the same visits is.

    Parameters
    ----------
    outspoken
        Services that fail with words of their own (neither of waiting nor of another service):
        they may have failed before they called anybody.
    waiting
        Services that fail with words of waiting.
    """
    reached = _reached(nodes, during, baseline)
    usual = reached.filter(
        (pl.col("visits_old") >= _FEWEST) & (pl.col("hits_old") >= _USUAL * pl.col("visits_old"))
    )
    expected = pl.col("visits_new") * pl.col("hits_old") / pl.col("visits_old")
    summed = pl.col("visits_old", "hits_old", "visits_new", "hits_new").sum()
    totals = usual.group_by("callee", maintain_order=True).agg(
        summed, pl.col("service").unique().alias("callers")
    )
    missing = totals.filter(pl.col("hits_new") < _LEFT * expected)
    gone = usual.filter(pl.col("callee").is_in(missing["callee"].implode()))
    is_first = pl.col("offset") <= pl.col("offset").min().over("operation")
    first = gone.group_by("callee").agg(
        (pl.col("visits_new").filter(is_first).sum() >= 0.5 * pl.col("visits_new").sum()).alias("first")
    )
    missing = missing.join(first.filter("first"), on="callee", maintain_order="left")
    went_on = usual.filter(~pl.col("callee").is_in(missing["callee"].implode()) & (pl.col("hits_new") > 0))
    going = set(went_on["operation"].to_list())
    found = []
    for row in missing.to_dicts():
        operations = usual.filter(pl.col("callee") == row["callee"])["operation"].to_list()
        found.append(_absence(row, bool(going & set(operations)), outspoken, waiting))
    return [each for each in found if each.finding.strength > 0]


def _absence(
    row: dict[str, Any], went_on: bool, outspoken: frozenset[str], waiting: frozenset[str]
) -> Absence:
    service, callers = row["callee"], frozenset(row["callers"])
    silent = not callers & outspoken
    sure = silent and (went_on or bool(callers & waiting))
    z = share_z(
        row["visits_new"] - row["hits_new"],
        row["visits_new"],
        row["visits_old"] - row["hits_old"],
        row["visits_old"],
    )
    left = row["hits_new"] * row["visits_old"] / max(row["visits_new"] * row["hits_old"], 1)
    strength = certainty(z) * (1 - left / _LEFT) * (_STRENGTH if sure else _DOUBTFUL if silent else _UNLIKELY)
    reason = (
        f"{row['hits_new']} of {row['visits_new']} visits that used to call {service} still reach it; "
        f"{row['hits_old']} of {row['visits_old']} did in the baseline."
    )
    finding = Finding(service, "absence", strength, 1.0, None, reason, about="unreachable")
    return Absence(service, callers if sure else frozenset(), finding)


def _reached(nodes: SpanNodes, during: TimeRange, baseline: TimeRange) -> pl.DataFrame:
    """By operation of a visit and callee: visits, and visits that reach the callee, of both windows."""
    spans, parent, start = nodes.spans, nodes.tree.parent, nodes.tree.start
    entry = _entries(nodes)
    below = np.flatnonzero((entry == np.arange(len(parent))) & (parent >= 0))
    visit = entry[parent[below]]
    hits = pl.DataFrame(
        {"visit": visit, "callee": spans["service"].gather(below), "offset": start[below] - start[visit]}
    )
    hits = hits.group_by("visit", "callee", maintain_order=True).agg(pl.col("offset").min())
    visits = _visits(nodes, entry, side(pl.Series(start), during, baseline))
    now, then = pl.col("during"), ~pl.col("during")
    many = visits.group_by("operation", "service").agg(
        then.sum().alias("visits_old"), now.sum().alias("visits_new")
    )
    counted = (
        visits.join(hits, on="visit")
        .group_by("operation", "callee")
        .agg(
            then.sum().alias("hits_old"),
            now.sum().alias("hits_new"),
            pl.col("offset").filter(then).median(),
        )
    )
    joined = counted.join(many, on="operation").filter(pl.col("visits_new") >= _FEWEST)
    return joined.sort("operation", "callee")


def _visits(nodes: SpanNodes, entry: Ints, inside: pl.Series) -> pl.DataFrame:
    """The visits of both windows that count; of the incident's those that failed by themselves."""
    spans, parent = nodes.spans, nodes.tree.parent
    begins = entry == np.arange(len(parent))
    failed = spans["failed"].to_numpy()
    below = np.flatnonzero(begins & (parent >= 0) & failed)
    spoilt = np.zeros(len(parent), dtype=bool)
    spoilt[entry[parent[below]]] = True
    elsewhere = (spans["origin"] != spans["service"]).fill_null(False).to_numpy()
    spoilt[entry[elsewhere]] = True
    visits = spans.select("service", "name", "failed").with_columns(
        inside.alias("during"),
        pl.int_range(pl.len()).alias("visit"),
        pl.struct("service", "name").hash(5).alias("operation"),
        pl.Series("begins", begins),
        pl.Series("spoilt", spoilt),
    )
    visits = visits.filter("begins").drop_nulls("during").filter(~(pl.col("during") & pl.col("spoilt")))
    new_failures = (pl.col("failed") & pl.col("during")).sum().over("operation")
    return visits.filter(~pl.col("during") | pl.col("failed") | (new_failures < _FEWEST))


def _entries(nodes: SpanNodes) -> Ints:
    """For each span the span with which its service's part of the trace began."""
    parent = nodes.tree.parent
    here = np.arange(len(parent))
    begins = nodes.spans["crossing"].to_numpy() | (parent < 0)
    up = np.where(begins, here, parent)
    while True:
        further = up[up]
        if (further == up).all():
            return up
        up = further
