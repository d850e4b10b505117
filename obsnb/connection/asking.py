"""The verbs of a connection that ask for rows; a part of `Connection`.

Long because every public verb stands here with its documentation; what they do lies in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from obsnb.connection.choosing import choose, each, kind_of
from obsnb.connection.downloading import Asked, Downloaded
from obsnb.connection.downloads import downloads
from obsnb.connection.kept import warn_of_no_point
from obsnb.connection.roles import default_step
from obsnb.errors import SettingsError, UsageError
from obsnb.instants import parse_duration, parse_instant
from obsnb.query import logql, promql, traceql
from obsnb.query.texts import whole_limit
from obsnb.timerange import TimeRange, check_windows

if TYPE_CHECKING:
    import polars as pl

    from obsnb.connection.kept import Kept
    from obsnb.connection.verbs import Connection
    from obsnb.progress import Progress
    from obsnb.sources.base import Answer, LogSource, MetricSource, TraceSource

__all__ = ["Asking"]

_Source = TypeVar("_Source")


class Asking:
    """Verbs of a connection that ask for lines, series, exemplars, spans and events."""

    _logs: LogSource | None
    _metrics: MetricSource | None
    _traces: TraceSource | None
    _archive: Any
    _tenant: str | None
    _late_margin_s: float
    _kept: Kept
    _verifier: Any
    out: Any

    if TYPE_CHECKING:

        @property
        def window(self) -> TimeRange | None:
            """An archive's own."""

        @property
        def scope(self) -> Mapping[str, str]:
            """An archive's own."""

    def logs(
        self,
        query: str,
        window: TimeRange | None = None,
        *,
        limit: int | None = None,
        direction: Literal["forward", "backward"] = "forward",
        verify: bool = False,
        anyway: bool = False,
        source: str | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """LOGS of a LogQL log query, sorted by time.

        Parameters
        ----------
        query
            Such as ``{namespace="prod"} |= "error"``.
        window
            Where to look; an archive's own window unless told.
        limit
            An upper bound of rows, the first of the direction; None means all. What the server says is
            over the profile's ``max_rows`` is refused before it is pulled.
        direction
            Which end a limit counts from; rows always come sorted by time.
        verify
            Let the server count the lines as well, and write agreement or difference into the ledger.
        anyway
            Ask it also where it is over a limit of the profile (``max_bytes`` and so on).
        source
            One of several Lokis, such as ``"eu"`` or ``"loki.eu"``; without, all of them.

        Returns
        -------
        frame
            LOGS, then ``source`` where there are several Lokis, then a column a stream label, ``metadata.x``
            and ``parsed.x``.
        """
        logql.check(query)
        limit = None if limit is None else whole_limit(limit)
        if direction not in {"forward", "backward"}:
            raise UsageError(
                f"direction= is not {direction!r}.", hint='It is "forward" (the first lines) or "backward".'
            )
        asked = self._allowed(self._need(self._logs, "Loki", "loki", source), anyway)
        where = self._where(window)
        verified = self._verifier(asked, limit) if verify else None
        answer = asked.logs(query, where, limit=limit, direction=direction, progress=progress)
        return self._give(answer if verified is None else verified(answer))

    def metrics(
        self,
        query: str,
        window: TimeRange | None = None,
        *,
        step: str | int | float | timedelta | None = None,
        source: str = "prometheus",
        anyway: bool = False,
    ) -> Any:
        """SERIES of a range query.

        Parameters
        ----------
        query
            PromQL; LogQL or TraceQL metrics with `source`.
        source
            ``"prometheus"``, ``"loki"`` or ``"tempo"``; one of several, such as ``"loki.eu"``, or
            ``"eu"`` of Prometheus.
        step
            Points lie on its multiples since the epoch; without, 15 s or as much more as keeps the
            window under a thousand points.
        anyway
            Ask it also where it is over a limit of the profile (``max_series`` and so on).

        Returns
        -------
        frame
            SERIES, then ``source`` where there are several, then a column a label; ``histogram`` where
            the answer has native histograms. Where no multiple of the step lies in the window it is empty,
            and a `PartialResultWarning` says why.
        """
        where = self._where(window)
        step_ns = default_step(where) if step is None else parse_duration(step)
        asked = self._numbers(query, source, anyway)
        answer = self._kept.add(asked.series(query, where, step_ns=step_ns))
        warn_of_no_point(answer.record)
        return self.out(answer.frame)

    def instant(
        self,
        query: str,
        at: str | datetime,
        *,
        over: str | int | float | timedelta | None = None,
        source: str | None = None,
        anyway: bool = False,
    ) -> Any:
        """SERIES of a query at one instant: a row a series, in the server's order.

        Parameters
        ----------
        query
            PromQL that gives a vector or a scalar, such as ``topk(5, sum by (pod) (up))``; LogQL or TraceQL
            metrics with `source`.
        at
            Such as ``"2026-11-23T18:00Z"`` or an aware datetime; rounded down to the millisecond.
        over
            Of TraceQL, which says no range itself: the spans that start in so long before `at` count; an hour
            unless told.
        source
            ``"prometheus"`` unless told, ``"loki"`` or ``"tempo"``; one of several, such as ``"loki.eu"``, or
            ``"eu"`` of Prometheus.
        anyway
            Ask it also where it is over a limit of the profile (``max_series`` and so on).

        Returns
        -------
        frame
            SERIES, then ``source`` where there are several, then a column a label; every timestamp is `at`,
            but of a range selector, such as ``up[5m]``, whose raw samples keep their own.

        Raises
        ------
        QueryError
            The query cannot be one of the source's, or gives a text or lines.
        WindowError
            The instant does not say its zone.
        NotRecordedError
            The source is an archive that was not asked this for just that millisecond.
        UsageError
            The source is a folder of files, which evaluate selectors only; or `over` is said of a query that
            is no TraceQL.
        SourceError
            The server refuses, fails or cannot be reached.
        """
        named, at_ns = source or "prometheus", parse_instant(at)
        asked = self._numbers(query, named, anyway)
        if not callable(getattr(asked, "instant", None)):
            raise UsageError(
                "Files do not answer a query at an instant.",
                hint="obs.metrics(selector, window) and obs.samples(selector, window) read them.",
            )
        if kind_of(named) == "tempo":
            return self._give(asked.instant(query, at_ns=at_ns, over_ns=parse_duration(over or "1h")))
        if over is not None:
            raise UsageError(
                "Only TraceQL is asked over=...: PromQL and LogQL say in the query how far it looks back.",
                hint="Write the range into it, such as rate(http_requests_total[1h]).",
            )
        return self._give(asked.instant(query, at_ns=at_ns))

    def exemplars(
        self,
        query: str,
        window: TimeRange | None = None,
        *,
        anyway: bool = False,
        source: str | None = None,
    ) -> Any:
        """EXEMPLARS of a metric's series: single observations with the trace that they came from.

        Parameters
        ----------
        query
            PromQL; a TraceQL metrics query with ``source="tempo"``, whose exemplars are spans.
        anyway
            Ask it also where it is over a limit of the profile.
        source
            One of several, such as ``"eu"`` of Prometheus or ``"tempo.eu"``.
        """
        kind = kind_of(source or "prometheus")
        if kind == "tempo":
            traceql.check(query)
            traces: Any = self._need(self._traces, "Tempo", "tempo", source)
            if not callable(getattr(traces, "exemplars", None)):
                raise UsageError(
                    "An archive and files have no exemplars of spans.",
                    hint="obs.spans(...) has the spans themselves.",
                )
            return self._give(traces.exemplars(query, self._where(window)))
        promql.check(query)
        asked = self._allowed(self._need(self._metrics, "Prometheus", "prometheus", source), anyway)
        return self._give(asked.exemplars(query, self._where(window)))

    def spans(
        self,
        query: str,
        window: TimeRange | None = None,
        *,
        limit: int | None = None,
        whole: bool = False,
        anyway: bool = False,
        source: str | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """SPANS that match a TraceQL query.

        Parameters
        ----------
        query
            Such as ``{ status = error }``. Parent, kind, status, service and the promoted attributes are
            asked for whatever it selects.
        limit
            An upper bound of traces.
        whole
            Fetch every span of the traces that match, not just the spans that do.
        anyway
            Ask it also where it is over a limit of the profile (``max_requests``, ``max_seconds``).
        source
            One of several Tempos, such as ``"eu"``; without, all of them.
        """
        traceql.check(query)
        limit = None if limit is None else whole_limit(limit)
        asked = self._allowed(self._need(self._traces, "Tempo", "tempo", source), anyway)
        where = self._where(window)
        return self._give(asked.spans(query, where, limit=limit, whole=whole, progress=progress))

    def trace(self, trace_id: str, *, source: str | None = None) -> Any:
        """SPANS of one trace, from wherever parts of it are; its id may be a UUID or a ``traceparent``."""
        asked = self._need(self._traces, "Tempo", "tempo", source)
        return self._give(asked.trace(trace_id, window=self.window))

    def events(
        self,
        window: TimeRange | None = None,
        *,
        scope: Mapping[str, str] | None = None,
        also: Any = None,
    ) -> Any:
        """EVENTS of a scope: alerts that fired, deployments, restarts, and a Grafana's annotations.

        Deployments are those that log lines, build information, image tags and the versions in spans
        tell of, each once. Further columns are ``evidence`` and, of annotations, ``tags``.

        Parameters
        ----------
        also
            EVENTS from elsewhere, such as ``obsnb.read_events("ci.csv")``: those that touch the window come
            among the others, with their further columns; a deployment that the sources tell of stands once.
        """
        from obsnb.connection.events import gather

        within = dict(scope if scope is not None else self.scope)
        return self.out(gather(cast("Connection", self), self._where(window), within, also=also))

    def download(
        self,
        kind: Downloaded,
        query: str,
        window: TimeRange,
        folder: str | Path,
        *,
        step: str | int | float | timedelta | None = None,
        source: str | None = None,
        progress: Progress | None = None,
    ) -> pl.LazyFrame:
        """Rows of any number, streamed into Parquet files in a folder; memory stays flat.

        Called again, it continues where it was stopped, and asks again for what rows may still have come
        into (the setting ``late_margin_s``), for damaged files and for what is known not to be whole.
        Slices are short and come two at once: the limits of the profile do not stop it.

        Parameters
        ----------
        kind, query, step
            ``"logs"``, ``"metrics"`` (of Prometheus) or ``"spans"``, asked as by the verb of that name.
        folder
            New, empty, or begun with the same question; refused otherwise. Of several sources, each
            has a folder of its name in it.
        progress
            Told how far it is: `obsnb.progress_bar()`.

        Returns
        -------
        polars.LazyFrame
            The verb's columns, sorted by time; null where a part has none. It reads the files when it is
            collected.
        """
        where = self._where(window)
        step_ns = default_step(where) if step is None else parse_duration(step)
        asked = Asked(kind, query, where, step_ns, frozen=self._archive is not None)
        held: dict[str, tuple[Any, str, str]] = {
            "logs": (self._logs, "Loki", "loki"),
            "metrics": (self._metrics, "Prometheus", "prometheus"),
            "spans": (self._traces, "Tempo", "tempo"),
        }
        more: Any = {"tenant": self._tenant, "late_margin_s": self._late_margin_s, "kept": self._kept}
        from obsnb.sources.wrapped import bare

        sources = each(bare(self._need(*held[kind], source)))
        return downloads(asked, sources, folder, progress=progress, **more)

    # How they are asked.

    def _numbers(self, query: str, source: str, anyway: bool) -> Any:
        """Who is to be asked for numbers, in its own language. Raises `QueryError` for what is none of it."""
        held: dict[str, tuple[Any, str, Any]] = {
            "prometheus": (self._metrics, "Prometheus", promql.check),
            "loki": (self._logs, "Loki", logql.check),
            "tempo": (self._traces, "Tempo", traceql.check),
        }
        kind = kind_of(source)
        there, name, check = held[kind]
        check(query)
        return self._allowed(self._need(there, name, kind, source), anyway)

    def _allowed(self, source: _Source, anyway: bool) -> _Source:
        """The source, without the limits of the profile where it is to be asked anyway."""
        if not anyway:
            return source
        from obsnb.sources.wrapped import unguarded

        free: _Source = unguarded(source)
        return free

    def _give(self, answer: Answer) -> Any:
        return self.out(self._kept.add(answer).frame)

    def _where(self, window: TimeRange | None) -> TimeRange:
        check_windows(window=window)
        where = window or self.window
        if where is None:
            raise UsageError(
                "Live sources need a window.",
                hint='Pass obsnb.window(last="2h"), or obsnb.window(start, end).',
            )
        return where

    def _need(self, source: _Source | None, name: str, key: str, choice: str | None = None) -> _Source:
        if source is None:
            raise SettingsError(
                f"No {name} is connected.",
                hint=f'Pass connect({key}="http://..."), or set OBSNB_{key.upper()}_URL.',
            )
        chosen: _Source = choose(source, choice, kind=key)
        return chosen
