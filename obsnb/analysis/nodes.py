"""Whose time and whose error a span is: the service's own, a peer's, or the way between two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from obsnb.analysis.callees import Bools, Calls, calls_of
from obsnb.analysis.failures import failures
from obsnb.analysis.service_names import Names, service_names
from obsnb.analysis.tree import Ints, Tree, covered_by_children, grow, levels
from obsnb.conventions import DEFAULT, Conventions

__all__ = ["SpanNodes", "nodes_of"]

_MOST = 0.6  # of a span's time: a child that took so much is what the span waited for


@dataclass(frozen=True)
class SpanNodes:
    """The spans of a frame, each once, with the node that its time and its failure belong to.

    Attributes
    ----------
    tree
        Who is whose child.
    spans
        A row a span of the tree: ``row`` (of the frame), ``service``, ``name``, ``callee`` (whom the
        span calls, or null), ``remote`` (bool: the callee's spans are there), ``crossing`` (bool: the
        parent is another service's), ``node`` (whom the span's own time belongs to), ``own`` (Int64,
        ns: that time), ``edge`` (Int64, ns: time on the way to the callee), ``failed``, ``code``,
        ``type``, ``waiting``, ``timed_out`` and ``said`` as `failures` gives them, and ``origin`` (for
        the deepest failed span of a failure the node that raised it, else null).
    """

    tree: Tree
    spans: pl.DataFrame

    def __repr__(self) -> str:
        return f"SpanNodes({self.spans.height} spans, {self.spans['node'].n_unique()} nodes)"


def nodes_of(
    frame: pl.DataFrame, *, names: Names | None = None, conventions: Conventions = DEFAULT
) -> SpanNodes:
    """Attribute every span's own time and failure to a node.

    - A span's own time is its service's, as a rule.
    - A call whose callee left no span here (a database, a foreign API, a service that is down or not
      instrumented) is the callee's time. The callee is named by the first of the conventions' peer
      attributes, else it is whom the other calls of the operation reached.
    - A call with a server span below spends what the server did not spend on the way, which is the
      edge's. Durations are compared rather than positions: two hosts' clocks may differ.
    - The deepest failed span of a failure raised it. If that is a call, the callee did, unless it
      answered that the request was wrong (4xx). If it timed out, or the callee did not fail, whoever
      took most of the time below did.

    Parameters
    ----------
    frame
        SPANS that have gone through the border.
    names
        Which names mean one service; found in the frame itself without.
    """
    tree = grow(frame)
    spans = frame if len(tree.rows) == frame.height else frame[tree.rows]
    names = names or service_names(spans["service"], conventions=conventions)
    service = names.services(spans["service"]).fill_null("unknown").alias("service")
    calls = calls_of(spans, service, tree, names=names, conventions=conventions)
    said = failures(spans)
    idle = tree.duration - covered_by_children(tree)
    alone = np.bincount(tree.parent[tree.parent >= 0], minlength=len(idle)) == 1
    edge = np.where(alone, np.maximum(tree.duration - calls.answered, 0), idle)
    called = calls.callee.is_not_null() & ~pl.Series(calls.remote)
    node = calls.callee.zip_with(called, service)
    table = pl.DataFrame(
        {
            "row": tree.rows,
            "service": service,
            "name": spans["name"].fill_null(""),
            "callee": calls.callee,
            "remote": calls.remote,
            "crossing": calls.crossing,
            "node": node,
            "own": np.where(calls.remote, 0, idle),
            "edge": np.where(calls.remote, edge, 0),
        }
    ).hstack(said)
    return SpanNodes(tree, table.with_columns(_origins(tree, calls, node, service, said)))


def _origins(tree: Tree, calls: Calls, node: pl.Series, service: pl.Series, said: pl.DataFrame) -> pl.Series:
    failed, timed_out = said["failed"].to_numpy(), said["timed_out"].to_numpy()
    deepest = failed & ~_any_below(tree, failed)
    refused = said["code"].is_between(400, 499).fill_null(False).to_numpy() & ~said["waiting"].to_numpy()
    raised = node.zip_with(pl.Series(~(refused & ~calls.remote)), service)
    raised = raised.zip_with(pl.Series(~calls.remote), calls.callee)
    longest = _longest_below(tree)
    waited = deepest & (timed_out | calls.remote) & (longest != np.arange(len(failed)))
    last = np.where(waited, longest, np.arange(len(failed)))
    culprit = node.zip_with(pl.Series(~calls.remote), calls.callee).gather(last)
    raised = raised.zip_with(pl.Series(~waited), culprit)
    return raised.set(pl.Series(~deepest), None).alias("origin")


def _any_below(tree: Tree, flag: Bools) -> Bools:
    """Whether a span has the flag among its descendants; spans in between need not have it."""
    found = np.zeros(len(flag), dtype=bool)
    for level in reversed(list(levels(tree.parent))):
        child = level[tree.parent[level] >= 0]
        found[tree.parent[child[flag[child] | found[child]]]] = True
    return found


def _longest_below(tree: Tree) -> Ints:
    """For each span the end of the chain of children that each took most of its parent's time."""
    here = np.arange(len(tree.parent))
    length = tree.duration
    child = np.flatnonzero(tree.parent >= 0)
    child = child[length[child] >= _MOST * length[tree.parent[child]]]
    child = child[(length[child] > 0) & (length[tree.parent[child]] > 0)]
    down = here.copy()
    order = np.argsort(length[child], kind="stable")  # the longest comes last and stays
    down[tree.parent[child[order]]] = child[order]
    while True:
        further = down[down]
        if (further == down).all():
            return down
        down = further
