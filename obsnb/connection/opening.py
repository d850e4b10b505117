"""How a connection is made: from settings, from a frozen incident, or from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from obsnb.connection.roles import ArchivedRoles, FileRoles, LiveRoles
from obsnb.connection.verbs import Connection
from obsnb.conventions import DEFAULT, Conventions
from obsnb.errors import SettingsError

if TYPE_CHECKING:
    from obsnb.settings import Endpoint

__all__ = ["connect", "open_archive", "read_otlp"]


def connect(
    *,
    loki: str | Endpoint | None = None,
    prometheus: str | Endpoint | None = None,
    tempo: str | Endpoint | None = None,
    grafana: str | Endpoint | None = None,
    tenant: str | None = None,
    token: str | None = None,
    profile: str | None = None,
    frames: Literal["polars", "pandas"] | None = None,
) -> Connection:
    """Connect to live sources, by arguments, environment and obsnb.toml, in this order.

    Parameters
    ----------
    loki, prometheus, tempo
        Addresses, with the path in front of the API where there is one (``/prometheus`` for Mimir);
        beside a Grafana also the name or uid of one of its data sources.
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
    """
    from obsnb import settings
    from obsnb.connection.grafana import KINDS, through_grafana
    from obsnb.sources.loki import Loki
    from obsnb.sources.prometheus import Prometheus
    from obsnb.sources.tempo import Tempo
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
    )
    names = DEFAULT.override(dict(found.conventions))
    ends = {kind: end for kind in KINDS if (end := getattr(found, kind)) is not None}
    events = None
    if found.grafana is not None:
        events, behind = through_grafana(found, ends, conventions=names)
        ends |= behind
    elif not ends:
        raise SettingsError(
            "No source is configured.",
            hint='Pass connect(loki="http://...", prometheus=..., tempo=...), set OBSNB_LOKI_URL, '
            "OBSNB_PROMETHEUS_URL or OBSNB_TEMPO_URL, or write a profile in obsnb.toml.",
        )
    transports = {kind: HttpTransport(end) for kind, end in ends.items()}
    logs = Loki(transports["loki"], conventions=names, max_rows=found.max_rows) if "loki" in ends else None
    metrics = Prometheus(transports["prometheus"], conventions=names) if "prometheus" in ends else None
    traces = Tempo(transports["tempo"], conventions=names) if "tempo" in ends else None
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
        closing=(*transports.values(), *((events.transport,) if events is not None else ())),
    )


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
        logs=reader, metrics=reader, traces=reader, roles=ArchivedRoles(reader), archive=reader, frames=frames
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
    )
