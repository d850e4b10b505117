"""An investigation: sources, a window and conventions, and the analysis verbs over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from obsnb.analysis.changes import change_points
from obsnb.analysis.critical_path import critical_path
from obsnb.analysis.errors import error_events, error_groups
from obsnb.analysis.events import alerts, deployments
from obsnb.analysis.impact import impact
from obsnb.analysis.service_graph import service_graph
from obsnb.analysis.slow_queries import slow_queries
from obsnb.analysis.summary import Summary, summarise
from obsnb.analysis.suspects import suspects
from obsnb.analysis.telling import telling_trace
from obsnb.analysis.timeline import timeline
from obsnb.analysis.traces import self_time
from obsnb.connection import Connection
from obsnb.errors import UsageError
from obsnb.investigation.asking import Compared, Rows, ask, compare
from obsnb.investigation.document import charts, impact_rows, sampling
from obsnb.investigation.evidence import evidence_texts, rows_of
from obsnb.investigation.figures import Figures
from obsnb.timerange import TimeRange, format_ns

if TYPE_CHECKING:
    from obsnb.report.postmortem import Postmortem

__all__ = ["Investigation", "investigate"]


def investigate(
    obs: Connection,
    window: TimeRange | None = None,
    *,
    baseline: TimeRange | None = None,
    scope: Mapping[str, str] | None = None,
) -> Investigation:
    """Begin an investigation of a window.

    Parameters
    ----------
    obs
        Live sources or an archive.
    window
        Where to look; an archive's own window unless told. A window that holds the whole story,
        before and after included, is normal.
    baseline
        What to compare with. Without one, the part of the window before the onset that is found in
        it, if that is at least 60 s and a fifth of the window; else the same length before the
        window; else none. `Investigation.why` says which.
    scope
        Semantic keys (``namespace``, ``service``, ``tenant``, ``cluster``, ``environment``) or
        labels, with their values; an archive's own unless told.

    Returns
    -------
    Investigation

    Raises
    ------
    UsageError
        No window, or for live sources no scope.
    """
    chosen = window or obs.window
    if chosen is None:
        raise UsageError(
            "An investigation of live sources needs a window.",
            hint='Pass obsnb.window("2026-11-23T18:00Z", "2026-11-23T19:00Z") or obsnb.window(last="2h").',
        )
    within = dict(scope if scope is not None else obs.scope)
    if not within:
        raise UsageError(
            "An investigation of live sources needs a scope.",
            hint='Pass scope={"namespace": "prod"}; obs.health() shows what is connected.',
        )
    return Investigation(obs, chosen, within, baseline)


class Investigation:
    """What `investigate` gives: one window, one scope, every verb.

    What is asked of the sources is asked once and kept, and so are the verbs' results. Frames come
    as the connection's kind.

    Attributes
    ----------
    window, scope
        Where it looks, and at what.
    during, baseline
        What is compared with what; `baseline` may be None.
    why
        How they were chosen, in sentences.
    """

    def __init__(
        self, obs: Connection, window: TimeRange, scope: Mapping[str, str], baseline: TimeRange | None
    ) -> None:
        self._obs = obs
        self.window = window
        self.scope = scope
        self._given = baseline

    def __repr__(self) -> str:
        scope = ", ".join(f"{key}={value}" for key, value in self.scope.items())
        return f"Investigation({self.window}, {scope})"

    @cached_property
    def _both(self) -> tuple[Compared, Rows]:
        rows = ask(self._obs, self.window, self.scope)
        return compare(self._obs, rows, self.window, self.scope, self._given)

    @property
    def _compared(self) -> Compared:
        return self._both[0]

    @property
    def _rows(self) -> Rows:
        return self._both[1]

    @property
    def during(self) -> TimeRange:
        """The incident: from onset to recovery, or to the end of the window."""
        return self._compared.during

    @property
    def baseline(self) -> TimeRange | None:
        """What the incident is compared with, or None."""
        return self._compared.baseline

    @property
    def why(self) -> tuple[str, ...]:
        """How `during` and `baseline` were chosen."""
        return self._compared.why

    # The verbs.

    @property
    def _windows(self) -> dict[str, TimeRange | None]:
        return {"during": self.during, "baseline": self.baseline}

    @cached_property
    def _errors(self) -> pl.DataFrame:
        rows = self._rows
        return error_groups(rows.logs, rows.spans, **self._windows, conventions=self._obs.conventions)

    @cached_property
    def _occurrences(self) -> pl.DataFrame:
        return error_events(self._rows.logs, self._rows.spans, conventions=self._obs.conventions)

    @cached_property
    def _statements(self) -> pl.DataFrame:
        rows = self._rows
        return slow_queries(rows.spans, rows.logs, **self._windows, conventions=self._obs.conventions)

    @cached_property
    def _events(self) -> pl.DataFrame:
        rows = self._rows
        found = [
            alerts(rows.alerts, window=self.window),
            deployments(rows.logs, conventions=self._obs.conventions),
        ]
        return pl.concat(found, how="diagonal_relaxed").sort("timestamp")

    @cached_property
    def _impact(self) -> pl.DataFrame:
        rows = self._rows
        return impact(rows.series, rows.logs, **self._windows, conventions=self._obs.conventions)

    @cached_property
    def _suspects(self) -> pl.DataFrame:
        rows = self._rows
        return suspects(
            rows.logs,
            rows.spans,
            rows.series,
            self._events,
            **self._windows,
            conventions=self._obs.conventions,
        )

    @cached_property
    def _timeline(self) -> pl.DataFrame:
        return timeline(
            self._events,
            error_groups=self._errors,
            during=self.during if self._compared.found else None,
            window=self.window,
            why="change found in logs, spans and metrics",
        )

    def error_groups(self) -> Any:
        """`obsnb.error_groups` of the window, during against baseline."""
        return self._obs.out(self._errors)

    def slow_queries(self) -> Any:
        """`obsnb.slow_queries` of the window, during against baseline."""
        return self._obs.out(self._statements)

    def events(self) -> Any:
        """EVENTS: alerts that fired and deployments."""
        return self._obs.out(self._events)

    def impact(self) -> Any:
        """`obsnb.impact`: minutes, requests, tenants and users, each with how it was counted."""
        return self._obs.out(self._impact)

    def change_points(self) -> Any:
        """`obsnb.change_points` of every series of the scope."""
        return self._obs.out(change_points(self._rows.series))

    def service_graph(self) -> Any:
        """`obsnb.service_graph` of the spans of the incident."""
        return self._obs.out(service_graph(_during(self._rows.spans, "start", self.during)))

    def suspects(self) -> Any:
        """`obsnb.suspects`: a row a suspect service, best first, with reasons and evidence."""
        return self._obs.out(self._suspects)

    def timeline(self) -> Any:
        """`obsnb.timeline`: deployments, alerts, onset, new errors and recovery, in order."""
        return self._obs.out(self._timeline)

    def traces(self) -> Any:
        """SPANS of the incident: every trace that was fetched and reaches into it."""
        return self._obs.out(_during(self._rows.spans, "start", self.during))

    def logs(self) -> Any:
        """LOGS of the incident, with the columns that `obsnb.parse_logs` adds."""
        return self._obs.out(_during(self._rows.logs, "timestamp", self.during))

    @cached_property
    def _summary(self) -> Summary:
        return summarise(
            during=self.during,
            baseline=self.baseline,
            found=self._compared.found,
            recovered=self._compared.recovered,
            suspects=self._suspects,
            impact=self._impact,
            error_groups=self._errors,
            slow_queries=self._statements,
        )

    def summary(self) -> Summary:
        """What broke, since when, where, why, and how sure: five lines."""
        return self._summary

    @cached_property
    def _telling(self) -> tuple[str, str] | None:
        samples = [
            trace
            for frame in (self._errors.filter("is_new"), self._statements.filter(pl.col("change") > 2))
            for ids in frame["trace_ids"].drop_nulls()
            for trace in ids
        ]
        first = self._suspects["service"][0] if self._suspects.height else None
        return telling_trace(
            self._rows.spans,
            service=first,
            trace_ids=samples,
            during=self.during,
            conventions=self._obs.conventions,
        )

    @cached_property
    def _waterfall(self) -> pl.DataFrame:
        chosen = self._telling[0] if self._telling else ""
        trace = self_time(self._rows.spans.filter(pl.col("trace_id") == chosen))
        path = critical_path(trace)["span_id"].unique()
        return trace.with_columns(critical=pl.col("span_id").is_in(path.implode()))

    def telling_trace(self) -> Any:
        """SPANS of the one trace that shows the incident best, with ``self_time`` and ``critical``.

        Empty where there is no trace.
        """
        return self._obs.out(self._waterfall)

    @property
    def charts(self) -> Figures:
        """Plain plotly figures: ``requests()``, ``errors()``, ``waterfall()``."""
        return Figures(
            self._rows.series, self._occurrences, self._waterfall, self.during, self._obs.conventions
        )

    def evidence(self, id: str) -> Any:
        """The rows behind an evidence id.

        Parameters
        ----------
        id
            ``log:ROW``, ``span:TRACE/SPAN``, ``series:ID@ns`` or ``query:N``.

        Returns
        -------
        frame
            The line, the span, the series' samples within five minutes of the moment, or the
            ledger's row.

        Raises
        ------
        UsageError
            The id has none of these forms, or nothing in this investigation has it.
        """
        found = rows_of(id, self._rows, self._obs.ledger)
        if found is None or found.is_empty():
            raise UsageError(
                f"There is no evidence {id!r} in this investigation.",
                hint="Ids look like log:ROW, span:TRACE/SPAN, series:ID@ns or query:N; results carry them "
                "in their evidence column.",
            )
        return self._obs.out(found)

    def postmortem(self, *, title: str | None = None, notes: str | Path | None = None) -> Postmortem:
        """The post-mortem: what the data knows filled in, what only people know asked for.

        Parameters
        ----------
        title
            Its title; without, what broke and when.
        notes
            The text file that people write in; without, the ``notes.toml`` of an archive.

        Returns
        -------
        Postmortem
            ``.save("postmortem.html")`` or ``.md`` writes it.
        """
        from obsnb.report.notes import Notes
        from obsnb.report.postmortem import Postmortem
        from obsnb.version import __version__

        written = Notes.load(notes) if notes is not None else Notes.parse(self._obs.notes or "")
        rows, records = self._rows, self._obs.ledger.records
        named = (self._suspects, self._errors, self._statements, self._timeline)
        ids = [one for frame in named for several in frame["evidence"].drop_nulls() for one in several]
        return Postmortem(
            title=title or self._title(),
            window=self.window,
            during=self.during if self._compared.found else None,
            baseline=self.baseline,
            baseline_why=" ".join((self.why[0], self.why[-1])),
            summary=self._summary.lines,
            confidence=self._summary.sure,
            impact=impact_rows(self._impact),
            timeline=self._timeline,
            suspects=self._suspects,
            error_groups=self._errors,
            slow_queries=self._statements,
            waterfall=self._waterfall,
            waterfall_why=self._telling[1] if self._telling else "",
            service_graph=service_graph(_during(rows.spans, "start", self.during)),
            charts=charts(rows, self._occurrences, self.window, self._obs.conventions),
            queries=records,
            sampling=sampling(records),
            redactions=self._obs.redactions,
            notes=written,
            evidence=evidence_texts(ids, rows),
            generated_by=f"obsnb {__version__}",
            archive=self._obs.name,
        )

    def _title(self) -> str:
        where = self._suspects["service"][0] if self._summary.confident else ", ".join(self.scope.values())
        return f"Incident of {self.during.start:%Y-%m-%d %H:%M} UTC: {where}"

    def findings(self) -> dict[str, Any]:
        """What was found, as plain values for JSON."""
        columns = {
            "suspects": (self._suspects, ("rank", "service", "score", "cause_kind", "cause", "within")),
            "errors": (
                self._errors,
                ("type", "message", "service", "before", "within", "is_new", "passed_on"),
            ),
            "slow_queries": (self._statements, ("statement", "tables", "peer", "change", "within_count")),
            "impact": (self._impact, ("measure", "during", "before", "unit", "names", "how")),
        }
        frames = {
            name: frame.select([c for c in wanted if c in frame.columns]).head(20).to_dicts()
            for name, (frame, wanted) in columns.items()
        }
        events = self._events.select("timestamp", "kind", "title", "service").to_dicts()
        return {
            "window": _iso(self.window),
            "scope": dict(self.scope),
            "during": _iso(self.during),
            "baseline": _iso(self.baseline) if self.baseline else None,
            "why": list(self.why),
            "found": self._compared.found,
            "recovered": self._compared.recovered,
            "summary": dict(self._summary.lines),
            **frames,
            "events": [event | {"timestamp": event["timestamp"].isoformat()} for event in events],
        }


def _iso(window: TimeRange) -> dict[str, str]:
    return {"start": format_ns(window.start_ns), "end": format_ns(window.end_ns)}


def _during(frame: pl.DataFrame, column: str, window: TimeRange) -> pl.DataFrame:
    ns = pl.col(column).to_physical()
    return frame.filter(ns.is_between(window.start_ns, window.end_ns, closed="left"))
