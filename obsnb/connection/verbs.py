"""A connection: live sources or an archive behind the same verbs, with a ledger of all that was asked.

Longer than other modules because every public verb stands here with its documentation; what they do
lies in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from obsnb.connection.choosing import choose, each, healths, kind_of
from obsnb.connection.discovery import Discovery
from obsnb.connection.downloading import LATE_MARGIN_S, Asked, Downloaded
from obsnb.connection.downloads import downloads
from obsnb.connection.kept import Kept
from obsnb.connection.linking import Explore, Linking
from obsnb.connection.planning import Planning
from obsnb.connection.roles import ANNOTATIONS, Roles, default_step
from obsnb.conventions import DEFAULT, Conventions
from obsnb.errors import LimitError, SettingsError, UsageError
from obsnb.ledger import Ledger, QueryRecord
from obsnb.query import logql, promql, traceql
from obsnb.query.roles import role_queries
from obsnb.redact import Redactor
from obsnb.timerange import TimeRange, parse_duration

if TYPE_CHECKING:
    import polars as pl

    from obsnb.analysis.story import Story
    from obsnb.archive.reader import ArchiveReader
    from obsnb.progress import Progress
    from obsnb.sources.base import Answer, EventSource, LogSource, MetricSource, TraceSource
    from obsnb.sources.otlp import OtlpFiles
    from obsnb.store.answers import AnswerStore

__all__ = ["Connection"]

_Source = TypeVar("_Source")


class Connection(Discovery, Planning, Linking):
    """Live sources or an archive, asked in the same words.

    Made by `connect` or `open_archive`. It remembers every answer, so that `save` can freeze them.

    Attributes
    ----------
    ledger
        Every query so far, with what came of it.
    conventions
        How the stack names things.
    window, scope
        An archive's own; files have just a window. None and empty for live sources.
    """

    def __init__(
        self,
        *,
        logs: LogSource | None = None,
        metrics: MetricSource | None = None,
        traces: TraceSource | None = None,
        events: EventSource | None = None,
        roles: Roles,
        archive: ArchiveReader | None = None,
        conventions: Conventions = DEFAULT,
        frames: Literal["polars", "pandas"] = "polars",
        tenant: str | None = None,
        late_margin_s: float = LATE_MARGIN_S,
        closing: tuple[Any, ...] = (),
        files: OtlpFiles | None = None,
        ledger: Ledger | None = None,
        store: AnswerStore | None = None,
        redactor: Callable[[], Redactor] = Redactor,
        explore: Explore | None = None,
    ) -> None:
        self._logs, self._metrics, self._traces = logs, metrics, traces
        self._sources = tuple(one for one in (logs, metrics, traces, events) if one is not None)
        self._roles = roles
        self._archive, self._files = archive, files
        self._frames = frames
        self._tenant = archive.tenant if archive is not None else tenant
        self._late_margin_s = late_margin_s
        self._closing = closing
        self._store = store
        self._make_redactor = redactor
        self._explore = explore
        self.conventions = conventions
        self.ledger = Ledger() if ledger is None else ledger
        self._kept = Kept(self.ledger)
        self._story: Story | None = None

    def __repr__(self) -> str:
        if self._archive is not None:
            return f"Connection({self.name}, an archive of {self.window})"
        if self._files is not None:
            return f"Connection({self.name}, files of {self.window})"
        return f"Connection({', '.join(source.name for source in self._sources)})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections to the servers; answers and ledger stay."""
        for transport in self._closing:
            transport.close()

    @property
    def name(self) -> str:
        """An archive's name; ``live`` for servers, ``otlp`` for files."""
        held = self._archive or self._files
        return "live" if held is None else held.name

    @property
    def window(self) -> TimeRange | None:
        """An archive's or the files' window, the default of `investigate`; None for live sources."""
        held = self._archive or self._files
        return None if held is None else held.window

    @property
    def needs_scope(self) -> bool:
        """Whether an investigation must say what of all that there is it is about.

        Files, and an archive of all that files held, are about what is in them.
        """
        if self._archive is not None:
            return not any(record.role for record in self._archive.records)
        return self._files is None

    @property
    def scope(self) -> Mapping[str, str]:
        """An archive's scope; empty for live sources."""
        return MappingProxyType({}) if self._archive is None else self._archive.scope

    @property
    def last(self) -> QueryRecord | None:
        """The newest record of the ledger."""
        return self.ledger.last

    @property
    def recorded(self) -> tuple[QueryRecord, ...]:
        """What an archive holds; empty for live sources."""
        return () if self._archive is None else self._archive.records

    @property
    def notes_path(self) -> Path | None:
        """Where people write about an archive: in its folder, or beside its file; None for live sources."""
        return None if self._archive is None else self._archive.notes_path

    @property
    def notes(self) -> str | None:
        """What people wrote there, or what was packed into the archive; None where there is nothing."""
        return None if self._archive is None else self._archive.notes

    @property
    def story(self) -> Story | None:
        """The timeline and the checklist as people edited them, here or before the archive was written."""
        return self._story or (None if self._archive is None else self._archive.story)

    def keep_story(self, story: Story) -> None:
        """Let `save` write this story; an investigation calls it whenever something is edited."""
        self._story = story

    @property
    def redactions(self) -> Mapping[str, int]:
        """Kind of what was found → how much of it was redacted before an archive was written."""
        return MappingProxyType({}) if self._archive is None else self._archive.redactions

    @cached_property
    def redactor(self) -> Redactor:
        """What redacts all that is written from here: by the settings' policy, under one key.

        Raises
        ------
        SettingsError
            The settings cannot be used.
        """
        return self._make_redactor()

    # The verbs.

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
            the answer has native histograms.
        """
        where = self._where(window)
        step_ns = default_step(where) if step is None else parse_duration(step)
        held: dict[str, tuple[Any, str, Any]] = {
            "prometheus": (self._metrics, "Prometheus", promql.check),
            "loki": (self._logs, "Loki", logql.check),
            "tempo": (self._traces, "Tempo", traceql.check),
        }
        kind = kind_of(source)
        there, name, check = held[kind]
        check(query)
        asked: Any = self._allowed(self._need(there, name, kind, source), anyway)
        return self._give(asked.series(query, where, step_ns=step_ns))

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
        asked = self._allowed(self._need(self._traces, "Tempo", "tempo", source), anyway)
        where = self._where(window)
        return self._give(asked.spans(query, where, limit=limit, whole=whole, progress=progress))

    def trace(self, trace_id: str, *, source: str | None = None) -> Any:
        """SPANS of one trace, by its id with or without leading zeros, from wherever parts of it are."""
        asked = self._need(self._traces, "Tempo", "tempo", source)
        return self._give(asked.trace(trace_id, window=self.window))

    def events(self, window: TimeRange | None = None, *, scope: Mapping[str, str] | None = None) -> Any:
        """EVENTS of a scope: alerts that fired, deployments, restarts, and a Grafana's annotations.

        Deployments are those that log lines, build information, image tags and the versions in spans
        tell of, each once. Further columns are ``evidence`` and, of annotations, ``tags``.
        """
        from obsnb.connection.events import gather

        within = dict(scope if scope is not None else self.scope)
        return self.out(gather(self, self._where(window), within))

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
        Slices are short and come one after another: the limits of the profile do not stop it.

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

    def health(self) -> Any:
        """How each source is doing, a row a source; asking never raises.

        Columns: source, kind, status, latency_s (s), version, clock_skew_s (s), limits (JSON text),
        message.
        """
        import json

        import polars as pl

        columns: dict[str, Any] = {"source": pl.String, "kind": pl.String, "status": pl.String}
        columns |= {"latency_s": pl.Float64, "version": pl.String, "clock_skew_s": pl.Float64}
        columns |= {"limits": pl.String, "message": pl.String}
        rows = [
            {name: getattr(health, name) for name in columns} | {"limits": json.dumps(dict(health.limits))}
            for health in (health for source in self._sources for health in healths(source))
        ]
        return self.out(pl.DataFrame(rows, schema=columns).unique(maintain_order=True))

    # What an investigation asks.

    def role(self, name: str, window: TimeRange, *, scope: Mapping[str, str]) -> pl.DataFrame | None:
        """The answer to a built-in query, as a polars frame.

        Parameters
        ----------
        name
            Its role, such as ``"errors.spans"`` (`obsnb.query.roles`).
        window, scope
            What it is asked for.

        Returns
        -------
        DataFrame or None
            None where nothing can answer it: no such source, an archive that was never asked, or for
            ``scope.logs`` more lines than the profile allows; the ledger says so then.

        Raises
        ------
        NotRecordedError
            An archive was asked this for another window or scope.
        LimitError
            There are more lines than the profile allows, though the role asks for a part of them.
        """
        try:
            answer = self._roles.answer(name, window, scope)
        except LimitError as error:
            if name != "scope.logs":
                raise
            source = self._logs.name if self._logs is not None else ""
            self._kept.refuse(name, window, error, source=source)
            return None
        return None if answer is None else self._kept.add(answer, scope=scope).frame

    def clear_cache(self) -> int:
        """Drop every answer that is kept on disk for later kernels, of all sources and profiles.

        Returns
        -------
        int
            How many there were.

        Raises
        ------
        UsageError
            This is an archive or a folder of files, of which nothing is kept.
        """
        if self._store is None:
            raise UsageError(
                "Nothing is kept of what is on this disk anyway.",
                hint="obs.clear_cache() is for live sources: obsnb.connect(...).",
            )
        return self._store.clear()

    def capture(self, window: TimeRange, *, scope: Mapping[str, str]) -> None:
        """Ask every built-in query of a scope, so that `save` freezes what an investigation needs."""
        whole = self.role("scope.logs", window, scope=scope) is not None
        for name in (*role_queries(scope, self.conventions), ANNOTATIONS):
            if name != "scope.logs" and not (whole and name.endswith(".logs")):
                self.role(name, window, scope=scope)

    def verify(self) -> None:
        """Hold all rows of an archive to its digests now, rather than when they are first asked for.

        Raises
        ------
        DamagedArchiveError
            Some are not what was recorded.
        """
        if self._archive is not None:
            self._archive.verify()

    def save(
        self,
        path: str | Path,
        *,
        window: TimeRange | None = None,
        scope: Mapping[str, str] | None = None,
        replace: bool = False,
    ) -> Path:
        """Freeze everything asked so far into a folder, or a file that ends in ``.obsnb``.

        Secrets and personal data are redacted first (``[redact]`` in obsnb.toml); what is written is whole
        or not there. The timeline and the checklist of the investigation that was edited last go with it.

        Parameters
        ----------
        window, scope
            The archive's. Without, an archive's own or what all queries span, and the scope that was
            investigated or captured last.
        replace
            Whether what is there already may be replaced.
        """
        from obsnb.archive.writer import write

        if not self._kept:
            raise UsageError(
                "Nothing was asked yet, so there is nothing to freeze.",
                hint="Ask obs.logs(...), obs.metrics(...) or obs.spans(...), or capture a scope first.",
            )
        within = scope if scope is not None else self.scope or self._kept.scope
        return write(
            path,
            self._kept.for_scope(within),
            window=window or self.window or self._kept.span,
            scope=within,
            tenant=self._tenant,
            notes=self.notes,
            story=self.story,
            replace=replace,
            redactor=self.redactor,
            redactions=self.redactions,
        )

    # What stands behind.

    def out(self, frame: pl.DataFrame) -> Any:
        """The frame as this connection gives frames: polars, or Arrow-backed pandas."""
        return frame if self._frames == "polars" else frame.to_pandas(use_pyarrow_extension_array=True)

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
