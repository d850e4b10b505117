"""An investigation: sources, a window and conventions, and the analysis verbs over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from obsnb.analysis.backtest import backtest_alert
from obsnb.analysis.changes import change_points
from obsnb.analysis.clocks import clock_skew
from obsnb.analysis.comparison import Stretch
from obsnb.analysis.contrast import contrast
from obsnb.analysis.story import frame_of
from obsnb.analysis.summary import Summary
from obsnb.analysis.trace_quality import trace_quality
from obsnb.connection import Connection
from obsnb.errors import UsageError
from obsnb.investigation.asking import ask, compare
from obsnb.investigation.contrasted import contrasted
from obsnb.investigation.evidence import rows_of
from obsnb.investigation.figures import Figures
from obsnb.investigation.found import Found, inside
from obsnb.investigation.links import Links
from obsnb.investigation.navigation import Navigation
from obsnb.investigation.reading import TraceReading
from obsnb.investigation.reporting import Reporting
from obsnb.timerange import TimeRange, check_windows

if TYPE_CHECKING:
    from obsnb.views.widgets.board import Board

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
        No window, or for live sources no scope; or one of them is none.
    """
    if not isinstance(obs, Connection):
        raise UsageError(
            f"An investigation is of a connection, not of {obs!r}.",
            hint="Pass obsnb.connect(...) for live sources, obsnb.open_archive(...) for a frozen incident.",
        )
    check_windows(window=window, baseline=baseline)
    if scope is not None and not isinstance(scope, Mapping):
        raise UsageError(
            f"A scope is names with their values, not {scope!r}.", hint='Pass scope={"namespace": "prod"}.'
        )
    chosen = window or obs.window
    if chosen is None:
        raise UsageError(
            "An investigation of live sources needs a window.",
            hint='Pass obsnb.window("2026-11-23T18:00Z", "2026-11-23T19:00Z") or obsnb.window(last="2h").',
        )
    within = dict(scope if scope is not None else obs.scope)
    if not within and obs.needs_scope:
        raise UsageError(
            "An investigation of live sources needs a scope.",
            hint='Pass scope={"namespace": "prod"}; obs.health() shows what is connected.',
        )
    return Investigation(obs, chosen, within, baseline)


class Investigation(Reporting, Navigation, TraceReading):
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
        super().__init__()
        self._obs = obs
        self.window = window
        self.scope = scope
        self._given = baseline

    def __repr__(self) -> str:
        scope = ", ".join(f"{key}={value}" for key, value in self.scope.items())
        return f"Investigation({self.window}, {scope})"

    @cached_property
    def _found(self) -> Found:
        rows = ask(self._obs, self.window, self.scope)
        compared, everything = compare(self._obs, rows, self.window, self.scope, self._given)
        return Found(everything, compared, self.window, self._obs.conventions)

    @cached_property
    def _links(self) -> Links:
        return Links(self._found, self._obs, self.window, self.scope)

    @property
    def during(self) -> TimeRange:
        """The incident: from onset to recovery, or to the end of the window."""
        return self._found.compared.during

    @property
    def baseline(self) -> TimeRange | None:
        """What the incident is compared with, or None."""
        return self._found.compared.baseline

    @property
    def why(self) -> tuple[str, ...]:
        """How `during` and `baseline` were chosen."""
        return self._found.compared.why

    def plan(self) -> Any:
        """`Connection.plan` of what this investigation asks of live sources, a row a query and source.

        Nothing of it is sent, but for the estimates. A baseline before the window, where one turns out to be
        needed, asks the same of as much time again; where ``scope.logs`` is refused because there are too
        many lines, three narrower queries take its place.
        """
        return self._obs.out(self._obs.plan_roles(self.window, scope=self.scope))

    @property
    def name(self) -> str:
        """An archive's name; else the scope and the beginning of the window."""
        if self._obs.name != "live":
            return self._obs.name
        return f"{', '.join(self.scope.values()) or 'all'} at {self.window.start:%Y-%m-%d %H:%M}"

    @property
    def connection(self) -> Connection:
        """What is asked."""
        return self._obs

    def stretch(self) -> Stretch:
        """The incident's part of what was found, for `obsnb.compare`."""
        found = self._found
        return Stretch(
            self.during, found.errors, found.statements, found.suspects, found.rows.logs, found.compared.found
        )

    # The verbs.

    def error_groups(self) -> Any:
        """`obsnb.error_groups` of the window, during against baseline."""
        return self._obs.out(self._found.errors)

    def slow_queries(self) -> Any:
        """`obsnb.slow_queries` of the window, during against baseline."""
        return self._obs.out(self._found.statements)

    def patterns(self) -> Any:
        """`obsnb.patterns` of the window's log lines, during against baseline."""
        return self._obs.out(self._found.patterns)

    def events(self) -> Any:
        """EVENTS: alerts that fired and deployments."""
        return self._obs.out(self._found.events)

    def impact(self, *, objective: float | None = 0.999, objective_days: float = 30) -> Any:
        """`obsnb.impact`: minutes, requests, error budget, tenants, users, each with how it was counted."""
        return self._obs.out(self._found.impact_of(objective, objective_days))

    def change_points(self) -> Any:
        """`obsnb.change_points` of every series of the scope."""
        return self._obs.out(change_points(self._found.rows.series))

    def contrast(
        self, selection: Any = "spans", baseline: Any = None, *, alpha: float = 0.05, max_values: int = 1000
    ) -> Any:
        """`obsnb.contrast`: what sets rows apart, the incident against its baseline unless told.

        Parameters
        ----------
        selection
            ``"logs"``, ``"spans"`` or ``"series"`` (those of the incident against those of the baseline),
            or rows of these that you chose.
        baseline
            What they are compared with; without one, all other rows of their kind in the investigation.
        alpha, max_values
            As `obsnb.contrast` has them.

        Raises
        ------
        UsageError
            No such kind, or there is no baseline.
        """
        chosen, rest = contrasted(selection, baseline, self._found.rows, self.during, self.baseline)
        found = contrast(chosen, rest, alpha=alpha, max_values=max_values)
        return self._obs.out(found) if isinstance(selection, str) else found

    def service_graph(self) -> Any:
        """`obsnb.service_graph` of the spans of the incident."""
        return self._obs.out(self._found.calls)

    def clock_skew(self) -> Any:
        """`obsnb.clock_skew` of the window's spans: how far services' clocks are apart."""
        return self._obs.out(clock_skew(self._found.rows.spans))

    def trace_quality(self) -> Any:
        """`obsnb.trace_quality` of the window's spans: what is missing or wrong in them."""
        return self._obs.out(trace_quality(self._found.rows.spans))

    def backtest_alert(self, rule: str, *, for_: str | None = None) -> Any:
        """`obsnb.backtest_alert`: when a rule would have fired in the incident, and the first alert did."""
        found = self._found
        tried = backtest_alert(rule, found.rows.series, for_=for_, alerts=found.events, window=self.during)
        return self._obs.out(tried)

    def suspects(self) -> Any:
        """`obsnb.suspects`: a row a suspect service, best first, with reasons and evidence."""
        return self._obs.out(self._found.suspects)

    def timeline(self) -> Any:
        """`obsnb.timeline`: deployments, alerts, onset, new errors and recovery, in order."""
        return self._obs.out(self._found.timeline)

    def traces(self, window: TimeRange | None = None) -> Any:
        """SPANS that were fetched and begin in the incident, or in another part of the window.

        Which traces were fetched is in the ledger: usually the failed and slow ones, and some others.
        """
        return self._obs.out(inside(self._found.rows.spans, "start", window or self.during))

    def logs(self, window: TimeRange | None = None) -> Any:
        """LOGS of the incident, or of another part of the window, with the columns of `obsnb.parse_logs`."""
        return self._obs.out(inside(self._found.rows.logs, "timestamp", window or self.during))

    def summary(self) -> Summary:
        """What broke, since when, where, why, and how sure: five lines."""
        return self._found.summary

    def telling_trace(self) -> Any:
        """SPANS of the one trace that shows the incident best, with ``self_time`` and ``critical``.

        Empty where there is no trace.
        """
        return self._obs.out(self._found.waterfall)

    @property
    def charts(self) -> Figures:
        """Plain plotly figures with incident, baseline and events drawn in: ``inv.charts.requests()``, ..."""
        return Figures(self._found, self._obs.conventions, self._links)

    def board(self) -> Board:
        """The investigation's widgets side by side, linked: brush a window, follow a line to its trace.

        The same board each time, so that what was starred, reworded or ticked stays. `postmortem` tells the
        timeline as it was edited here, `star` and the stars here are the same, and ``obs.save`` writes the
        timeline, the checklist, hypotheses, conclusions and remarks into the archive, which has them when
        it is opened again.

        Returns
        -------
        Board
            ``board.logs.selection`` and the others' are frames.

        Raises
        ------
        MissingExtraError
            The widgets' library is not installed where this kernel runs.
        """
        if self._board is None:
            from obsnb.views import widgets

            found = self._found
            self._board = widgets.board_of(
                latency=self.charts.latency(tz="UTC"),
                logs=self.logs(self.window),
                spans=self.traces(self.window),
                errors=self.error_groups(),
                queries=self.slow_queries(),
                graph=self.service_graph(),
                suspects=self.suspects(),
                timeline=frame_of(self._story),
                window=self.window,
                during=self.during,
                trace_id=found.waterfall["trace_id"][0] if found.waterfall.height else None,
                ticks=self._obs.story.ticks if self._obs.story else {},
            )
            self._listen(self._board)
        return self._board

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
        found = rows_of(id, self._found.rows, self._obs.ledger)
        if found is None or found.is_empty():
            raise UsageError(
                f"There is no evidence {id!r} in this investigation.",
                hint="Ids look like log:ROW, span:TRACE/SPAN, series:ID@ns or query:N; results carry them "
                "in their evidence column.",
            )
        return self._obs.out(found)
