"""Requests as one service saw them: which went wrong there, and what was true of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from obsnb.analysis.attributes import attribute_columns
from obsnb.analysis.nodes import SpanNodes
from obsnb.analysis.tree import levels
from obsnb.analysis.windows import side
from obsnb.timerange import TimeRange

__all__ = ["Visits", "visits_of"]


@dataclass(frozen=True)
class Visits:
    """Each span with the visit that it is part of, and the spans that are wrong themselves.

    A visit is a span and those below it of the same service. Of a service that has no spans those
    visits of others count that call it: how often they do is theirs.

    Attributes
    ----------
    spans
        A row a span of the two windows: ``row`` (of the frame), ``entry`` and ``above`` (rows of the
        visit's first span and of the parent), ``service``, ``callee``, ``during`` (bool).
    wrong
        ``row`` and ``node``: the spans in which somebody was too slow, or raised a failure.
    """

    spans: pl.DataFrame
    wrong: pl.DataFrame

    def __repr__(self) -> str:
        return f"Visits({self.spans['entry'].n_unique()} visits, {self.wrong.height} wrong spans)"

    def of(self, service: str, frame: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
        """Every visit of a service.

        Parameters
        ----------
        frame
            The SPANS that they were made of.
        keys
            Attributes; what the visit's first span lacks is taken from those below it, or the call.

        Returns
        -------
        polars.DataFrame
            ``during``, ``wrong`` (bool) and a column of text a key.
        """
        here = self.wrong.filter(pl.col("node") == service)["row"]
        own = self.spans.filter(pl.col("service") == service)
        if own.is_empty():
            calls = self.spans.filter(pl.col("callee") == service)
            told = [calls.select(unit="entry", at=at) for at in ("entry", "row")]
            bad = calls.filter(pl.col("row").is_in(here.implode()))["entry"]
            made = calls.unique("entry", keep="first", maintain_order=True)
            return _units(made.with_columns(unit="entry"), bad, pl.concat(told), frame, keys)
        reached = own.filter(pl.col("above").is_in(here.implode()))["row"]  # the call of it was too slow
        bad = own.filter(pl.col("row").is_in(pl.concat([here, reached]).implode()))["entry"]
        first = pl.col("row") != pl.col("entry")
        below = own.sort(first, maintain_order=True).select(unit="entry", at="row")
        return _units(own.filter(~first).with_columns(unit="entry"), bad, below, frame, keys)


def _units(
    units: pl.DataFrame, bad: pl.Series, told: pl.DataFrame, frame: pl.DataFrame, keys: Sequence[str]
) -> pl.DataFrame:
    marked = units.select("unit", "during", pl.col("unit").is_in(bad.implode()).alias("wrong"))
    values = attribute_columns(frame[told["at"]], keys).with_columns(told["unit"])
    known = values.group_by("unit", maintain_order=True).agg(pl.col(key).drop_nulls().first() for key in keys)
    return marked.join(known, on="unit", how="left", maintain_order="left").drop("unit")


def visits_of(
    nodes: SpanNodes,
    slow: pl.DataFrame,
    origins: pl.DataFrame,
    *,
    during: TimeRange,
    baseline: TimeRange,
) -> Visits:
    """The visits of every service.

    Parameters
    ----------
    slow
        Spans that are outliers of their kind, as `obsnb.analysis.exclusive.excess_of_spans` gives them.
    origins
        Spans that raised a failure, as `obsnb.analysis.raised.origins_of` gives them.
    """
    tree, rows = nodes.tree, np.asarray(nodes.tree.rows)
    service = nodes.spans["service"].cast(pl.Categorical)
    codes = service.to_physical().to_numpy()
    entry = np.arange(len(rows))
    for level in levels(tree.parent):
        child = level[tree.parent[level] >= 0]
        same = child[codes[child] == codes[tree.parent[child]]]
        entry[same] = entry[tree.parent[same]]
    above = pl.Series(rows[np.maximum(tree.parent, 0)]).set(pl.Series(tree.parent < 0), None)
    spans = nodes.spans.select("row", pl.col("callee").cast(pl.Categorical)).with_columns(
        pl.Series("entry", rows[entry]),
        above.alias("above"),
        service.alias("service"),
        side(pl.Series(tree.start), during, baseline),
    )
    wrong = [
        frame.select("row", pl.col(node).cast(pl.Categorical).alias("node")).drop_nulls()
        for frame, node in ((slow, "node"), (origins, "origin"))
    ]
    return Visits(spans.drop_nulls("during"), pl.concat(wrong))
