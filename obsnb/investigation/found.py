"""What the analysis finds in an investigation's rows, each thing once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import polars as pl

from obsnb.analysis.all_events import all_events
from obsnb.analysis.critical_path import critical_path
from obsnb.analysis.entrances import entered
from obsnb.analysis.errors import error_events, error_groups
from obsnb.analysis.impact import impact
from obsnb.analysis.patterns import patterns
from obsnb.analysis.service_graph import service_graph
from obsnb.analysis.slow_queries import slow_queries
from obsnb.analysis.summary import Summary, summarise
from obsnb.analysis.suspects import suspects
from obsnb.analysis.telling import telling_trace
from obsnb.analysis.timeline import timeline
from obsnb.analysis.traces import self_time
from obsnb.conventions import Conventions
from obsnb.instants import format_ns
from obsnb.investigation.asking import Compared, Rows
from obsnb.investigation.guided import Guided
from obsnb.timerange import TimeRange

__all__ = ["Found", "inside"]


class Found:
    """The results of every verb as polars frames, each made when it is first wanted.

    Parameters
    ----------
    rows, compared
        What the sources hold, and what is compared with what.
    window
        Where the investigation looks.
    conventions
        The stack's names.
    """

    def __init__(self, rows: Rows, compared: Compared, window: TimeRange, conventions: Conventions) -> None:
        self.rows, self.compared = rows, compared
        self.window, self._names = window, conventions
        self._during, self._baseline = compared.during, compared.baseline
        self.guide = Guided(rows, compared, conventions)

    @cached_property
    def errors(self) -> pl.DataFrame:
        """`obsnb.error_groups`."""
        frame: pl.DataFrame = error_groups(
            self.rows.logs,
            self.rows.spans,
            during=self._during,
            baseline=self._baseline,
            conventions=self._names,
        )
        return frame

    @cached_property
    def occurrences(self) -> pl.DataFrame:
        """A row an occurrence of an error."""
        frame: pl.DataFrame = error_events(self.rows.logs, self.rows.spans, conventions=self._names)
        return frame

    @cached_property
    def statements(self) -> pl.DataFrame:
        """`obsnb.slow_queries`."""
        frame: pl.DataFrame = slow_queries(
            self.rows.spans,
            self.rows.logs,
            during=self._during,
            baseline=self._baseline,
            conventions=self._names,
        )
        return frame

    @cached_property
    def patterns(self) -> pl.DataFrame:
        """`obsnb.patterns`."""
        frame: pl.DataFrame = patterns(
            self.rows.logs, during=self._during, baseline=self._baseline, conventions=self._names
        )
        return frame

    @cached_property
    def events(self) -> pl.DataFrame:
        """EVENTS with evidence: alerts, deployments, restarts, and what people noted."""
        rows = self.rows
        return all_events(
            fired=rows.alerts,
            logs=rows.logs,
            series=rows.series,
            spans=rows.spans,
            noted=rows.noted,
            window=self.window,
            conventions=self._names,
        )

    @cached_property
    def impact(self) -> pl.DataFrame:
        """`obsnb.impact`."""
        return self.impact_of(0.999, 30)

    def impact_of(self, objective: float | None, objective_days: float) -> pl.DataFrame:
        """`obsnb.impact` against that objective."""
        frame: pl.DataFrame = impact(
            self.rows.series,
            self.rows.logs,
            during=self._during,
            baseline=self._baseline,
            spans=self.rows.spans,
            objective=objective,
            objective_days=objective_days,
            conventions=self._names,
        )
        lasted = pl.when(pl.col("measure") == "duration").then(pl.lit(self._lasted, pl.String))
        return frame.with_columns(how=pl.coalesce(lasted, "how"))

    @property
    def _lasted(self) -> str | None:
        """What the duration of something is that is not over, or never began."""
        if not self.compared.found:
            return "all that was looked at: no onset was found"
        return None if self.compared.recovered else "onset to the end of the window: it was not over"

    @cached_property
    def entering(self) -> pl.DataFrame:
        """SERIES without those of services that count a request again, which `impact` leaves out too."""
        return entered(self.rows.series, self.rows.spans, conventions=self._names)[0]

    @cached_property
    def suspects(self) -> pl.DataFrame:
        """`obsnb.suspects`."""
        frame: pl.DataFrame = suspects(
            self.rows.logs,
            self.rows.spans,
            self.rows.series,
            self.events,
            during=self._during,
            baseline=self._baseline,
            conventions=self._names,
        )
        return frame

    @cached_property
    def timeline(self) -> pl.DataFrame:
        """`obsnb.timeline`, with what the rest of the debugging guide tells."""
        more = self.guide.events(self.events)
        frame: pl.DataFrame = timeline(
            pl.concat([self.events, more], how="diagonal_relaxed") if more.height else self.events,
            error_groups=self.errors,
            during=self._during if self.compared.found else None,
            window=self.window,
            why="change found in logs, spans and metrics",
        )
        between = self.compared.between
        if not between:
            return frame
        # An onset that is counted in steps can stand before what set it off.
        dated = pl.format("{}, {}", "source", pl.lit(between))
        return frame.with_columns(
            pl.when(pl.col("kind") == "onset").then(dated).otherwise("source").alias("source")
        )

    @cached_property
    def calls(self) -> pl.DataFrame:
        """`obsnb.service_graph` of the incident's spans."""
        frame: pl.DataFrame = service_graph(inside(self.rows.spans, "start", self._during))
        return frame

    @cached_property
    def summary(self) -> Summary:
        """The answer in five lines."""
        return summarise(
            during=self._during,
            baseline=self._baseline,
            found=self.compared.found,
            recovered=self.compared.recovered,
            suspects=self.suspects,
            impact=self.impact,
            error_groups=self.errors,
            slow_queries=self.statements,
        )

    @cached_property
    def telling(self) -> tuple[str, str] | None:
        """The trace that shows it best, and why that one."""
        samples = [
            trace
            for frame in (self.errors.filter("is_new"), self.statements.filter(pl.col("change") > 2))
            for ids in frame["trace_ids"].drop_nulls()
            for trace in ids
        ]
        return telling_trace(
            self.rows.spans,
            service=self.suspects["service"][0] if self.suspects.height else None,
            trace_ids=samples,
            during=self._during,
            where="the incident" if self.compared.found else "the window",
            conventions=self._names,
        )

    @cached_property
    def waterfall(self) -> pl.DataFrame:
        """The spans of that trace, with ``self_time`` and ``critical``."""
        chosen = self.telling[0] if self.telling else ""
        trace: pl.DataFrame = self_time(self.rows.spans.filter(pl.col("trace_id") == chosen))
        path = critical_path(trace)["span_id"].unique()
        return trace.with_columns(critical=pl.col("span_id").is_in(path.implode()))

    def as_json(self, scope: Mapping[str, str]) -> dict[str, Any]:
        """What was found, as plain values."""
        columns = {
            "suspects": (self.suspects, ("rank", "service", "score", "cause_kind", "cause", "within")),
            "errors": (
                self.errors,
                ("type", "message", "service", "before", "within", "is_new", "passed_on"),
            ),
            "slow_queries": (self.statements, ("statement", "tables", "peer", "change", "within_count")),
            "impact": (self.impact, ("measure", "during", "before", "unit", "names", "how")),
        }
        frames = {name: frame.select(wanted).head(20).to_dicts() for name, (frame, wanted) in columns.items()}
        events = self.events.select("timestamp", "kind", "title", "service").to_dicts()
        return {
            "window": _iso(self.window),
            "scope": dict(scope),
            "during": _iso(self._during),
            "baseline": _iso(self._baseline) if self._baseline else None,
            "why": list(self.compared.why),
            "found": self.compared.found,
            "recovered": self.compared.recovered,
            "summary": dict(self.summary.lines),
            **frames,
            "events": [event | {"timestamp": event["timestamp"].isoformat()} for event in events],
        }


def _iso(window: TimeRange) -> dict[str, str]:
    return {"start": format_ns(window.start_ns), "end": format_ns(window.end_ns)}


def inside(frame: pl.DataFrame, column: str, window: TimeRange) -> pl.DataFrame:
    """The rows whose time lies in the window."""
    ns = pl.col(column).to_physical()
    return frame.filter(ns.is_between(window.start_ns, window.end_ns, closed="left"))
