"""From anything that an investigation found to its traces, lines, errors, statements and series."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import polars as pl

from obsnb.investigation.evidence import NEAR_NS
from obsnb.investigation.links import Links, Reached

__all__ = ["Navigation"]


class Navigation(ABC):
    """The part of an investigation that goes from one signal to another.

    Each method takes an id as results carry it (``group_id``, ``fingerprint``, ``trace_id``, ``series_id``,
    ``log:ROW``, ``span:TRACE/SPAN``, ``series:ID@ns``), a row as a dict, or a frame of rows that have one.
    """

    @property
    @abstractmethod
    def _links(self) -> Links:
        """The joins between the rows."""

    def traces_of(self, what: Any) -> Any:
        """SPANS of the traces that something belongs to.

        Parameters
        ----------
        what
            An id, a row or rows: an error group, a statement, a line, a series' sample, evidence.

        Returns
        -------
        frame
            SPANS of every such trace that was fetched, and ``by``, how it was reached: ``trace_id``,
            ``correlation_id``, ``exemplar`` (of a series, within five minutes of the sample),
            ``service_time`` (only whoever was at work then).

        Raises
        ------
        UsageError
            Nothing in this investigation is called so.
        """
        links = self._links
        return self._give(
            links.rows.spans.join(links.reached(what).traces, on="trace_id", maintain_order="left")
        )

    def logs_of(self, what: Any) -> Any:
        """LOGS of the requests that something belongs to.

        Parameters
        ----------
        what
            As `traces_of` takes it.

        Returns
        -------
        frame
            LOGS as `obsnb.parse_logs` gives them, in the order of time: the lines that tell of it, and all
            lines of its traces, with ``by`` and ``sure`` of `obsnb.correlate_logs` and ``cited`` (bool: it is
            one of those that tell of it).

        Raises
        ------
        UsageError
            Nothing in this investigation is called so.
        """
        links, reached = self._links, self._links.reached(what)
        told = links.lines.select("row_id", pl.col("trace_id").alias("trace"), "by", "sure")
        rows = links.rows.logs.join(told.unique("row_id"), on="row_id", how="left", maintain_order="left")
        cited = pl.col("row_id").is_in(reached.lines).fill_null(value=False)
        of_trace = pl.col("trace").is_in(reached.traces["trace_id"].implode()).fill_null(value=False)
        chosen = rows.with_columns(cited=cited).filter(pl.col("cited") | of_trace).drop("trace")
        return self._give(chosen.sort("timestamp", maintain_order=True))

    def errors_of(self, what: Any) -> Any:
        """The error groups that show in the requests that something belongs to.

        Parameters
        ----------
        what
            As `traces_of` takes it.

        Returns
        -------
        frame
            Rows of `Investigation.error_groups` with ``shared`` (Int64: in how many of these traces and
            lines it shows), the most first.

        Raises
        ------
        UsageError
            Nothing in this investigation is called so.
        """
        reached = self._links.reached(what)
        shown = _among(self._links.errors, reached)
        counted = shown.group_by("group_id").agg(_request().alias("shared"))
        return self._give(_most_first(self._links.found.errors.join(counted, on="group_id")))

    def statements_of(self, what: Any) -> Any:
        """The statements and other client calls of the requests that something belongs to.

        Parameters
        ----------
        what
            As `traces_of` takes it.

        Returns
        -------
        frame
            Rows of `Investigation.slow_queries` with ``shared`` (Int64: in how many of these traces and
            lines it was made), the most first.

        Raises
        ------
        UsageError
            Nothing in this investigation is called so.
        """
        reached = self._links.reached(what)
        keys = ["kind", "fingerprint", "service", "peer"]
        made = _among(self._links.calls, reached)
        counted = made.group_by(keys).agg(_request().alias("shared"))
        joined = self._links.found.statements.join(counted, on=keys, nulls_equal=True)
        return self._give(_most_first(joined))

    def series_of(self, what: Any) -> Any:
        """SERIES of what something belongs to, around the time of it.

        Parameters
        ----------
        what
            As `traces_of` takes it.

        Returns
        -------
        frame
            SERIES from five minutes before the first to five minutes after the last, with ``by``:
            ``series_id`` (it was named), ``exemplar`` (one of its traces is an exemplar of it), else
            ``service`` (the series is about its service, a statement's peer, or a service of its trace).

        Raises
        ------
        UsageError
            Nothing in this investigation is called so.
        """
        links, reached = self._links, self._links.reached(what)
        traces = reached.traces["trace_id"].implode()
        series = links.rows.series
        spans = links.rows.spans.filter(pl.col("trace_id").is_in(traces))
        services = (
            list(reached.services)
            or links.names.services(spans["service"].cast(pl.String).unique()).to_list()
        )
        seen = (
            links.exemplars.filter(pl.col("trace_id").is_in(traces))
            if traces[0].len()
            else links.exemplars[:0]
        )
        shown = seen["series_ids"].explode().drop_nulls().unique()
        about = links.names.services(series["service"].cast(pl.String)).is_in(services)
        by = (
            pl.when(pl.col("series_id").is_in(reached.series))
            .then(pl.lit("series_id"))
            .when(pl.col("series_id").is_in(shown.implode()))
            .then(pl.lit("exemplar"))
            .when(about.fill_null(value=False))
            .then(pl.lit("service"))
        )
        moments = [*reached.moments, *spans["start"].to_physical().drop_nulls()]
        near = pl.lit(value=True)
        if moments:
            first, last = min(moments) - NEAR_NS, max(moments) + NEAR_NS
            near = pl.col("timestamp").to_physical().is_between(first, last)
        return self._give(series.with_columns(by=by).filter(pl.col("by").is_not_null() & near))

    def _give(self, frame: pl.DataFrame) -> Any:
        return self._links.out(frame)


def _among(rows: pl.DataFrame, reached: Reached) -> pl.DataFrame:
    """The rows of these traces, and those of the lines that were named."""
    of_trace = pl.col("trace").is_in(reached.traces["trace_id"].implode())
    return rows.filter(
        of_trace.fill_null(value=False) | pl.col("row_id").is_in(reached.lines).fill_null(value=False)
    )


def _request() -> pl.Expr:
    return pl.coalesce("trace", "row_id").n_unique().cast(pl.Int64)


def _most_first(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort("shared", descending=True, maintain_order=True)
