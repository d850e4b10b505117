"""What each signal tells of every service, gathered one signal after the other before it is weighed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from obsnb.analysis.absence import absent_services
from obsnb.analysis.absolute import absolute_line_findings, absolute_span_findings
from obsnb.analysis.exclusive import excess_of_spans
from obsnb.analysis.fusion import CallGraph, call_graph
from obsnb.analysis.latency import latency_findings
from obsnb.analysis.log_errors import error_lines, log_findings, spoken_calls
from obsnb.analysis.nodes import nodes_of
from obsnb.analysis.noticed import line_duration_findings, load_changes, symptom_findings
from obsnb.analysis.raised import manners, origins_of, span_error_findings
from obsnb.analysis.replica_sets import pods_seen
from obsnb.analysis.resources import resource_findings
from obsnb.analysis.scores import Finding
from obsnb.analysis.service_graph import edges_of
from obsnb.analysis.service_names import Names, comparable, is_domain, service_names
from obsnb.analysis.spoken_hosts import with_spoken_hosts
from obsnb.analysis.subjects import collectors, with_subjects
from obsnb.analysis.visits import Visits, visits_of
from obsnb.analysis.windows import side
from obsnb.conventions import Conventions
from obsnb.timerange import TimeRange

__all__ = ["Gathered"]


@dataclass
class Gathered:
    """What has been found so far; the one mutable thing here, filled signal by signal."""

    names: Names
    during: TimeRange
    baseline: TimeRange | None
    conventions: Conventions
    findings: list[Finding] = field(default_factory=list)
    graph: CallGraph = field(default_factory=CallGraph)
    load: dict[str, float] = field(default_factory=dict)
    spans: pl.DataFrame | None = None
    visits: Visits | None = None
    own: frozenset[str] = frozenset()  # services that write lines or spans of their own
    pods: list[pl.DataFrame] = field(default_factory=list)  # that each signal names

    @property
    def foreign(self) -> frozenset[str]:
        """Hosts of other people's domains that are called and tell nothing of themselves."""
        return frozenset(filter(is_domain, self.graph.nodes - self.own))

    @property
    def candidates(self) -> list[str]:
        """Every service that a signal names."""
        return sorted({*self.names.known.values(), *self.graph.nodes})

    def look_at_services(self, frame: pl.DataFrame) -> None:
        """Who writes lines or spans, and in which pods."""
        self.pods.append(pods_seen(frame))
        self.own |= set(self.names.services(frame["service"].unique()).drop_nulls())

    def look_at_speakers(self, logs: pl.DataFrame) -> None:
        """Lines alone: who calls whom is what they say of it."""
        lines = error_lines(logs, self.names, conventions=self.conventions)
        self.names = with_spoken_hosts(self.names, lines)
        self.graph = replace(call_graph(spoken_calls(lines, self.names)), partial=True)
        self.look_at_lines(logs, lines)
        self.look_at_durations(logs)

    def look_at_spans(self, spans: pl.DataFrame, logs: pl.DataFrame | None) -> None:
        """Latency, failures and absences, with what the error lines of the traces say."""
        nodes = nodes_of(spans, names=self.names, conventions=self.conventions)
        self.graph = call_graph(edges_of(nodes))
        called = {comparable(name): name for name in sorted(self.graph.nodes)}
        self.names = replace(self.names, known={**called, **self.names.known})
        lines = None if logs is None else error_lines(logs, self.names, conventions=self.conventions)
        ids, callers = spans["trace_id"], self.graph.callers
        if self.baseline is None:
            origins = origins_of(nodes, ids, self.names, callers=callers, lines=lines)
            self.findings += absolute_span_findings(
                nodes, origins, during=self.during, conventions=self.conventions
            )
        else:
            during, baseline = self.during, self.baseline
            outspoken, waiting = manners(nodes, self.names, during=during, callers=callers, lines=lines)
            absent = absent_services(
                nodes, during=during, baseline=baseline, outspoken=outspoken, waiting=waiting
            )
            origins = origins_of(nodes, ids, self.names, callers=callers, lines=lines, absent=absent)
            rows = excess_of_spans(
                nodes, spans, during=during, baseline=baseline, conventions=self.conventions
            )
            self.findings += latency_findings(rows)
            self.findings += span_error_findings(nodes, origins, during=during, baseline=baseline)
            self.findings += [each.finding for each in absent]
            slow = rows.filter("far")
            self.visits = visits_of(nodes, slow, origins, during=during, baseline=baseline)
        self.spans = spans
        if logs is not None and lines is not None:
            self.look_at_lines(logs, lines, origins)

    def look_at_lines(
        self, logs: pl.DataFrame, lines: pl.DataFrame, origins: pl.DataFrame | None = None
    ) -> None:
        """Error lines, put down to the node that raised their request's failure where spans tell."""
        if self.baseline is None:
            inside = logs.filter(side(logs["timestamp"].to_physical(), self.during, None).fill_null(False))
            wrote = self.names.services(inside["service"]).fill_null("unknown").value_counts()
            self.findings += absolute_line_findings(lines, dict(wrote.rows()), during=self.during)
            return
        if origins is not None:
            chosen = origins.select("trace_id", "origin", "waiting")
            origins = chosen.unique("trace_id", keep="first", maintain_order=True)
        self.findings += log_findings(
            lines,
            self.names,
            during=self.during,
            baseline=self.baseline,
            origins=origins,
            callers={} if self.graph.partial else self.graph.callers,
        )

    def look_at_durations(self, logs: pl.DataFrame) -> None:
        """How long things took by the log lines: for want of spans, which say it better."""
        if self.baseline is not None:
            self.findings += line_duration_findings(
                logs,
                self.names,
                during=self.during,
                baseline=self.baseline,
                conventions=self.conventions,
            )

    def look_at_series(self, series: pl.DataFrame) -> None:
        """Resources, what is noticed of requests, and how many there are."""
        if self.baseline is None:
            return
        self.pods.append(pods_seen(series))
        told_by = collectors(series, own=self.own)
        series = with_subjects(series, self.names, own=self.own)
        self.names = _about(self.names, series["service"], told_by - self.own)
        about: dict[str, Any] = {
            "during": self.during,
            "baseline": self.baseline,
            "conventions": self.conventions,
        }
        self.findings += resource_findings(series, self.names, **about)
        self.findings += symptom_findings(series, self.names, **about)
        self.load = load_changes(series, self.names, **about)


def _about(names: Names, subjects: pl.Series, told_by: frozenset[str]) -> Names:
    """The names with those whom series turned out to be about, and without who only collected them."""
    learned = service_names(subjects).known
    silent = {names.service(name) for name in told_by} - set(learned.values())
    known = {form: name for form, name in names.known.items() if name not in silent}
    return replace(names, known={**learned, **known})
