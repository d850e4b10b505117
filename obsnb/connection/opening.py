"""How a connection is made: from settings, from a frozen incident, or from files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from obsnb.connection.linking import Explore
from obsnb.connection.redaction import default_redactor, redactor_of
from obsnb.connection.roles import ArchivedRoles, FileRoles, LiveRoles
from obsnb.connection.verbs import Connection
from obsnb.conventions import DEFAULT, Conventions
from obsnb.errors import SettingsError
from obsnb.ledger import Ledger

if TYPE_CHECKING:
    from obsnb.settings import Endpoint, Settings
    from obsnb.store.answers import AnswerStore
    from obsnb.transport.http import HttpTransport

__all__ = ["connect", "open_archive", "read_otlp"]


def connect(
    *,
    loki: str | Endpoint | Mapping[str, str | Endpoint] | None = None,
    prometheus: str | Endpoint | Mapping[str, str | Endpoint] | None = None,
    tempo: str | Endpoint | Mapping[str, str | Endpoint] | None = None,
    grafana: str | Endpoint | None = None,
    tenant: str | None = None,
    token: str | None = None,
    profile: str | None = None,
    frames: Literal["polars", "pandas"] | None = None,
    limits: Mapping[str, int | float | str] | None = None,
    cache: bool | None = None,
) -> Connection:
    """Connect to live sources, by arguments, environment and obsnb.toml, in this order.

    Parameters
    ----------
    loki, prometheus, tempo
        Addresses, with the path in front of the API where there is one (``/prometheus`` for Mimir);
        beside a Grafana also the name or uid of one of its data sources. Several of a kind (clusters,
        regions, tenants) by names of one's own: ``loki={"eu": "http://...", "us": "http://..."}``. Then a
        query goes to all of them at once, rows say in a column ``source`` where they came from
        (``loki.eu``), the ledger has a record a source, and one that fails does not take the others
        with it.
    grafana
        Grafana's address: the sources that have none of their own are asked through its data source
        proxy, with its token. Of several data sources of a type the default one is taken.
    tenant
        Sent as ``X-Scope-OrgID``.
    token
        A bearer token for all of them.
    profile
        A profile of obsnb.toml.
    frames
        ``"polars"`` (the default) or ``"pandas"`` (Arrow-backed).
    limits
        What no query may exceed, before it is sent: ``{"max_bytes": "20 GB", "max_series": 100_000,
        "max_requests": 500, "max_seconds": 60}``, any of them, by the servers' own estimates
        (`Connection.plan`); the same keys in obsnb.toml, for all sources or in the table of one. A verb with
        ``anyway=True`` asks nevertheless. Without, nothing is held back, and no estimate is asked for.
    cache
        Whether answers are kept on disk and read from there when they are asked for again, also by a kernel
        that starts anew (the settings ``cache``, ``cache_dir`` and ``cache_size``). Only those that are known
        to be complete and ended ``late_margin_s`` ago; the ledger says which came from there, and when they
        were asked. Off unless it is said, because they lie there as they came, not redacted, though for no
        other user to read. `Connection.clear_cache` drops them.

    Returns
    -------
    Connection
        Nothing has been sent yet, but for the question which data sources a Grafana has;
        `Connection.health` sends, and says which were chosen.

    Raises
    ------
    SettingsError
        No source is configured, the settings cannot be used, or Grafana's data sources do not say
        which is meant.
    SourceError
        Grafana refuses the token, fails, or cannot be reached.

    Examples
    --------
    >>> connect(loki="http://localhost:3100", tempo="http://localhost:3200")
    Connection(loki, tempo)
    >>> connect(loki={"eu": "http://localhost:3100", "us": "http://localhost:3101"})
    Connection(loki.eu, loki.us)
    """
    from obsnb import settings
    from obsnb.connection.grafana import through_grafana
    from obsnb.transport.http import HttpTransport

    found = settings.load(
        profile,
        loki=loki,
        prometheus=prometheus,
        tempo=tempo,
        grafana=grafana,
        tenant=tenant,
        token=token,
        frames=frames,
        limits=limits,
        cache=cache,
    )
    names = DEFAULT.override(dict(found.conventions))
    redactor = redactor_of(found, names)
    single = (end for end in (found.loki, found.prometheus, found.tempo) if end is not None)
    ends = [*single, *(end for several in found.several.values() for end in several)]
    events = explore = None
    if found.grafana is not None:
        events, behind = through_grafana(found, [end.kind for end in ends], conventions=names)
        explore = Explore(found.grafana.url, events.uids)
        ends += behind.values()
    elif not ends:
        raise SettingsError(
            "No source is configured.",
            hint='Pass connect(loki="http://...", prometheus=..., tempo=...), set OBSNB_LOKI_URL, '
            "OBSNB_PROMETHEUS_URL or OBSNB_TEMPO_URL, or write a profile in obsnb.toml.",
        )
    transports = [HttpTransport(end) for end in ends]
    ledger, store = Ledger(), _store(found)
    around = _Around(ledger, names, round(found.late_margin_s * 1e9), store if found.cache else None)
    logs, metrics, traces = _sources(ends, transports, around, max_rows=found.max_rows)
    return Connection(
        logs=logs,
        metrics=metrics,
        traces=traces,
        events=events,
        roles=LiveRoles(logs, metrics, traces, events=events, conventions=names),
        conventions=names,
        frames=found.frames,
        tenant=tenant,
        late_margin_s=found.late_margin_s,
        ledger=ledger,
        store=store,
        explore=explore,
        redactor=lambda: redactor,
        closing=(*transports, *((events.transport,) if events is not None else ())),
    )


def _sources(
    ends: Sequence[Endpoint],
    transports: Sequence[HttpTransport],
    around: _Around,
    *,
    max_rows: int,
) -> tuple[Any, Any, Any]:
    """Loki, Prometheus and Tempo, each None, one, or those that have names of their own together."""
    from obsnb.sources.loki import Loki
    from obsnb.sources.prometheus import Prometheus
    from obsnb.sources.several import Several
    from obsnb.sources.tempo import Tempo

    names = around.names
    made: dict[str, Callable[[HttpTransport, str, Endpoint], Any]] = {
        "loki": lambda way, name, _: Loki(way, conventions=names, name=name, max_rows=max_rows),
        "prometheus": lambda way, name, end: Prometheus(
            way, conventions=names, name=name, replica_labels=tuple(end.replica_labels)
        ),
        "tempo": lambda way, name, _: Tempo(way, conventions=names, name=name),
    }
    found: dict[str, list[Any]] = {kind: [] for kind in made}
    for end, way in zip(ends, transports, strict=True):
        # An endpoint that was passed may have any name; the ledger calls the only one by its kind.
        name = end.name if end.name.startswith(f"{end.kind}.") else end.kind
        found[end.kind].append(around.put(made[end.kind](way, name, end), end))
    logs, metrics, traces = (
        Several.of(*several) if several and several[0].name != kind else next(iter(several), None)
        for kind, several in found.items()
    )
    return logs, metrics, traces


def _store(found: Settings) -> AnswerStore:
    from obsnb.store.answers import AnswerStore, default_folder

    folder = Path(found.cache_dir) if found.cache_dir else default_folder(os.environ.get("XDG_CACHE_HOME"))
    return AnswerStore(folder.expanduser(), most_bytes=found.cache_size)


@dataclass(frozen=True)
class _Around:
    """What is put around each source: its bounds, and around those what it answered before."""

    ledger: Ledger
    names: Conventions
    margin_ns: int
    store: AnswerStore | None

    def put(self, source: Any, end: Endpoint) -> Any:
        """The source as it is asked."""
        from obsnb.settings.identity import fingerprint
        from obsnb.sources.cached import Cached
        from obsnb.sources.guarded import Bounds, Guarded

        bounds = Bounds.of(end)
        guarded = source if bounds is None else Guarded(source, bounds, self.ledger)
        if self.store is None:
            return guarded
        # What is folded shapes the rows as well.
        whose = " ".join([fingerprint(end, key=self.store.secret()), *end.replica_labels])
        return Cached(guarded, self.store, whose, end.kind, self.names, self.margin_ns)


def open_archive(path: str | Path, *, frames: Literal["polars", "pandas"] = "polars") -> Connection:
    """Open a frozen incident. Its files are held to their digests, its rows when they are first asked for.

    Parameters
    ----------
    path
        A folder, a ``.obsnb`` file, or the name of a bundled incident (``"slow-query"``).

    Raises
    ------
    ArchiveError
        There is no archive, or it is damaged, unsafe, or newer than this obsnb.

    Examples
    --------
    >>> obs = open_archive("slow-query")
    >>> obs.window
    TimeRange(2026-11-23T18:13:19Z to 2026-11-23T19:13:20Z)
    """
    from obsnb.archive.bundled import incident_path
    from obsnb.archive.reader import ArchiveReader

    given = Path(path)
    bundled = incident_path(str(path)) if not given.exists() else None
    reader = ArchiveReader.open(bundled or given)
    return Connection(
        logs=reader,
        metrics=reader,
        traces=reader,
        roles=ArchivedRoles(reader),
        archive=reader,
        frames=frames,
        redactor=lambda: default_redactor(own_key=reader.pseudonym_key),
    )


def read_otlp(
    path: str | Path,
    *,
    conventions: Conventions = DEFAULT,
    frames: Literal["polars", "pandas"] = "polars",
) -> Connection:
    """Read what the OpenTelemetry Collector's file exporter wrote; no server is needed.

    Parameters
    ----------
    path
        A file, a folder of files, or a pattern such as ``"telemetry*.json"``: logs, metrics and traces
        in JSON or protobuf, plain or compressed with gzip or zstd, in any mixture.
    conventions
        How the stack names things.
    frames
        ``"polars"`` (the default) or ``"pandas"`` (Arrow-backed).

    Returns
    -------
    Connection
        All of it is in memory. Its window is that of the files. Lines, series and spans have the names
        that Loki, Prometheus and Tempo give them when they come in by OTLP, and are chosen by selectors:
        ``{service_name="api"} |= "error"``, ``up{job="api"}``, ``{ status = error && duration > 1s }``.
        What cannot be read stands in every record, with its file and line.

    Raises
    ------
    UsageError
        There is no file.
    AnswerError
        None of the files holds OTLP.
    """
    from obsnb.sources.otlp import OtlpFiles

    files = OtlpFiles.read(path, conventions=conventions)
    return Connection(
        logs=files,
        metrics=files,
        traces=files,
        roles=FileRoles(files, conventions=conventions),
        files=files,
        conventions=conventions,
        frames=frames,
        redactor=lambda: default_redactor(conventions),
    )
