"""Whom each span calls: known from the server span below it, from its attributes, or from its like."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from obsnb.analysis.attributes import attribute_columns, first_attribute
from obsnb.analysis.service_names import Names
from obsnb.analysis.tree import Ints, Tree, covered_by_children
from obsnb.conventions import Conventions

__all__ = ["Bools", "Calls", "calls_of"]

Bools = npt.NDArray[np.bool_]

_CALLING = ("client", "producer")
_ANSWERING = ("server", "consumer")
#: Attributes that say what kind of thing the peer is, not which one it is.
_SYSTEMS = ("db.system.name", "db.system", "messaging.system")
#: Attributes that mean the span's own host unless the span is a call.
_ADDRESSES = ("server.address", "net.peer.name")
_BARE_ADDRESS = re.compile(r"^(\d{1,3}(\.\d{1,3}){3}|\[?[0-9a-fA-F]*(:[0-9a-fA-F]*){2,}\]?)(:\d+)?$")
_MOSTLY = 0.8  # of an operation's calls must have reached one callee for it to be the others' too
_OFTEN = 3


@dataclass(frozen=True)
class Calls:
    """Which spans are calls, and of whom.

    Attributes
    ----------
    callee
        For each span the service or peer that it calls, or null.
    remote
        Whether spans of the callee lie below the span.
    answered
        Nanoseconds that the callee's spans below took.
    crossing
        Whether the span's parent is another service's, or a call that this span answers.
    """

    callee: pl.Series
    remote: Bools
    answered: Ints
    crossing: Bools

    def __repr__(self) -> str:
        return f"Calls({int(self.callee.is_not_null().sum())} of {len(self.callee)} spans)"


def calls_of(
    spans: pl.DataFrame, service: pl.Series, tree: Tree, *, names: Names, conventions: Conventions
) -> Calls:
    """Whom each span of a tree calls.

    A span is a call if its kind is client or producer, or if nothing lies below it and it carries a
    statement or a kind of database. Without a kind it is also one if it lies within its service and
    everything below it belongs to other services. Another span that nothing lies below is one if an
    attribute other than an address, which may be its own host's, names a peer.
    """
    kind = spans["kind"] if "kind" in spans.columns else pl.Series([None] * len(service), dtype=pl.String)
    calling, answering = (kind.is_in(kinds).fill_null(False).to_numpy() for kinds in (_CALLING, _ANSWERING))
    code = service.rank("dense").to_numpy().astype(np.int64)
    parent, many = tree.parent, len(service)
    child = np.flatnonzero(parent >= 0)
    above = parent[child]
    crossing = np.zeros(many, dtype=bool)
    crossing[child] = (code[child] != code[above]) | (answering[child] & calling[above])
    children = np.bincount(above, minlength=many)
    abroad = np.bincount(parent[crossing], minlength=many)
    inside = np.zeros(many, dtype=bool)
    inside[child] = ~crossing[child]
    calling = calling | (kind.is_null().to_numpy() & inside & (abroad > 0) & (abroad == children))
    remote = calling & (abroad > 0)
    may_call = ~answering & (children == 0) & (parent >= 0)
    attributes = attribute_columns(spans, (*conventions.peer_attributes, *conventions.statement_attributes))
    asks = (
        first_attribute(attributes, (*_SYSTEMS, *conventions.statement_attributes)).is_not_null().to_numpy()
    )
    calling = calling | (may_call & asks)
    callee = _named(attributes, calling & ~remote, may_call & ~calling, names, conventions)
    answerer = np.full(many, -1, dtype=np.int64)
    answerer[parent[crossing]] = np.flatnonzero(crossing)
    callee = callee.zip_with(pl.Series(~remote), service.gather(np.maximum(answerer, 0)))
    callee = callee.set((callee == service).fill_null(False) & pl.Series(~remote), None)
    asking = (calling & ~remote) | (kind.is_null().to_numpy() & may_call)
    callee = _like_others(callee, service, spans["name"], asking)
    return Calls(callee, remote, _answered(tree, crossing, abroad, answerer), crossing)


def _answered(tree: Tree, crossing: Bools, abroad: Ints, answerer: Ints) -> Ints:
    """One answer counts with its whole length: its clock may be another's. Several count united."""
    answered = covered_by_children(tree, crossing)
    one = abroad == 1
    answered[one] = tree.duration[answerer[one]]
    return answered


def _named(
    attributes: pl.DataFrame, calling: Bools, may_call: Bools, names: Names, conventions: Conventions
) -> pl.Series:
    """The peer that the first attribute names that is more than an address or a kind of system."""
    callee = pl.Series("callee", [None] * attributes.height, dtype=pl.String)
    fallback = callee
    for key in conventions.peer_attributes:
        column = attributes[key].replace("", None)
        allowed = pl.Series(calling if key in _ADDRESSES else calling | may_call)
        column = column.set(~allowed, None)
        if not column.count():
            continue
        is_system = key in _SYSTEMS
        peer = names.peers(column, is_system=is_system)
        known = peer.is_in(list(names.known.values())).fill_null(False)
        vague = column.str.contains(_BARE_ADDRESS.pattern).fill_null(False) | is_system
        sure = peer.set(vague & ~known, None)
        callee = callee.zip_with(callee.is_not_null(), sure)
        fallback = fallback.zip_with(fallback.is_not_null(), peer)
    return callee.zip_with(callee.is_not_null(), fallback).alias("callee")


def _like_others(callee: pl.Series, service: pl.Series, name: pl.Series, calling: Bools) -> pl.Series:
    """Calls that name nobody go where most calls of the same operation went."""
    table = pl.DataFrame({"service": service, "name": name, "callee": callee})
    asking = pl.Series(calling) & callee.is_null()
    if not asking.any():
        return callee
    reached = table.drop_nulls("callee").group_by("service", "name", "callee").len()
    usual = reached.filter(
        (pl.col("len") >= _MOSTLY * pl.col("len").sum().over("service", "name")) & (pl.col("len") >= _OFTEN)
    ).select("service", "name", pl.col("callee").alias("usual"))
    found = table.join(usual, on=["service", "name"], how="left", maintain_order="left")["usual"]
    return callee.zip_with(~asking, found)
