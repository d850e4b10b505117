"""A connection: live sources or an archive behind the same verbs, with a ledger of all that was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

from obsnb.connection.asking import Asking
from obsnb.connection.choosing import healths
from obsnb.connection.discovery import Discovery
from obsnb.connection.downloading import LATE_MARGIN_S
from obsnb.connection.freezing import Freezing
from obsnb.connection.kept import Kept
from obsnb.connection.linking import Explore, Linking
from obsnb.connection.metric_discovery import MetricDiscovery
from obsnb.connection.planning import Planning
from obsnb.connection.roles import Roles
from obsnb.connection.span_discovery import SpanDiscovery
from obsnb.conventions import DEFAULT, Conventions
from obsnb.ledger import Ledger, QueryRecord
from obsnb.redact import Redactor

if TYPE_CHECKING:
    import polars as pl

    from obsnb.analysis.story import Story
    from obsnb.archive.reader import ArchiveReader
    from obsnb.sources.base import EventSource, Health, LogSource, MetricSource, TraceSource
    from obsnb.sources.otlp import OtlpFiles
    from obsnb.store.answers import AnswerStore

__all__ = ["Connection"]


class Connection(Asking, Discovery, SpanDiscovery, MetricDiscovery, Planning, Linking, Freezing):
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
        self._kept = Kept(self.ledger, explore)
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
    def last(self) -> QueryRecord | None:
        """The newest record of the ledger."""
        return self.ledger.last

    def health(self) -> Any:
        """How each source is doing, a row a source; all are asked at once, and asking never raises.

        Columns: source, kind, status, latency_s (s), version, clock_skew_s (s), limits (JSON text),
        message.
        """
        import json

        import polars as pl

        from obsnb.sources.at_once import Ask, at_once

        def asking(source: Any) -> Ask[list[Health]]:
            return lambda _: healths(source)

        columns: dict[str, Any] = {"source": pl.String, "kind": pl.String, "status": pl.String}
        columns |= {"latency_s": pl.Float64, "version": pl.String, "clock_skew_s": pl.Float64}
        columns |= {"limits": pl.String, "message": pl.String}
        found, _ = at_once({str(place): asking(source) for place, source in enumerate(self._sources)})
        rows = [
            {name: getattr(health, name) for name in columns} | {"limits": json.dumps(dict(health.limits))}
            for told in found.values()
            for health in told
        ]
        return self.out(pl.DataFrame(rows, schema=columns).unique(maintain_order=True))

    def out(self, frame: pl.DataFrame) -> Any:
        """The frame as this connection gives frames: polars, or Arrow-backed pandas."""
        return frame if self._frames == "polars" else frame.to_pandas(use_pyarrow_extension_array=True)
