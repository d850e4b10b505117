"""Which of an investigation's traces to read, and what they differ in from those of the baseline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import polars as pl

from obsnb.analysis.cohorts import compare_cohorts
from obsnb.analysis.notable import notable_traces
from obsnb.errors import UsageError
from obsnb.investigation.found import inside
from obsnb.investigation.links import Links
from obsnb.timerange import TimeRange

__all__ = ["TraceReading"]


class TraceReading(ABC):
    """The part of an investigation that compares traces and chooses among them."""

    @property
    @abstractmethod
    def during(self) -> TimeRange:
        """The incident."""

    @property
    @abstractmethod
    def baseline(self) -> TimeRange | None:
        """What it is compared with, or None."""

    @property
    @abstractmethod
    def _links(self) -> Links:
        """The rows and what was found in them."""

    def cohorts(self, selected: Any = None, others: Any = None) -> Any:
        """`obsnb.compare_cohorts`: by operation path, the incident's traces against the baseline's.

        Parameters
        ----------
        selected, others
            SPANS of two groups of traces that you chose instead, such as one tenant's and all others'.

        Returns
        -------
        frame
            As `obsnb.compare_cohorts` gives it; ``obsnb.charts.cohorts(inv.cohorts())`` draws it.

        Raises
        ------
        UsageError
            There is no baseline, and no other group was given.
        """
        spans = self._links.rows.spans
        if others is None and self.baseline is None:
            raise UsageError(
                "There is no baseline to compare the incident's traces with.",
                hint="Pass one: obsnb.investigate(obs, window, baseline=...), "
                "or inv.cohorts(selected, others).",
            )
        first = _beginning_in(spans, self.during) if selected is None else selected
        second = others
        if second is None and self.baseline is not None:
            second = _beginning_in(spans, self.baseline)
        found = compare_cohorts(first, second)
        return self._links.out(found) if selected is None else found

    def notable_traces(self, *, most: int = 8) -> Any:
        """`obsnb.notable_traces`: the few traces of the incident most worth reading, and why each."""
        found, links = self._links.found, self._links
        spans = links.rows.spans
        chosen = notable_traces(
            _beginning_in(spans, self.during),
            None if self.baseline is None else _beginning_in(spans, self.baseline),
            errors=found.occurrences,
            service=found.suspects["service"][0] if found.suspects.height else None,
            most=most,
        )
        return links.out(chosen)


def _beginning_in(spans: pl.DataFrame, window: TimeRange) -> pl.DataFrame:
    """The spans of the traces that begin in a window, whole."""
    begun = spans.group_by("trace_id").agg(pl.col("start").min())
    return spans.join(inside(begun, "start", window).select("trace_id"), on="trace_id", how="semi")
