"""How a connection is made: from settings, or from a frozen incident."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from obsnb.connection.roles import ArchivedRoles, LiveRoles
from obsnb.connection.verbs import Connection
from obsnb.conventions import DEFAULT
from obsnb.errors import SettingsError

if TYPE_CHECKING:
    from obsnb.settings import Endpoint

__all__ = ["connect", "open_archive"]


def connect(
    *,
    loki: str | Endpoint | None = None,
    prometheus: str | Endpoint | None = None,
    tempo: str | Endpoint | None = None,
    tenant: str | None = None,
    token: str | None = None,
    profile: str | None = None,
    frames: Literal["polars", "pandas"] | None = None,
) -> Connection:
    """Connect to live sources, by arguments, environment and obsnb.toml, in this order.

    Parameters
    ----------
    loki, prometheus, tempo
        Addresses, with the path in front of the API where there is one (``/prometheus`` for Mimir).
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
        Nothing has been sent yet; `Connection.health` sends.

    Raises
    ------
    SettingsError
        No source is configured, or the settings cannot be used.

    Examples
    --------
    >>> connect(loki="http://localhost:3100", tempo="http://localhost:3200")
    Connection(loki, tempo)
    """
    from obsnb import settings
    from obsnb.sources.loki import Loki
    from obsnb.sources.prometheus import Prometheus
    from obsnb.sources.tempo import Tempo
    from obsnb.transport.http import HttpTransport

    found = settings.load(
        profile, loki=loki, prometheus=prometheus, tempo=tempo, tenant=tenant, token=token, frames=frames
    )
    ends = {"Loki": found.loki, "Prometheus": found.prometheus, "Tempo": found.tempo}
    if not any(ends.values()):
        raise SettingsError(
            "No source is configured.",
            hint='Pass connect(loki="http://...", prometheus=..., tempo=...), set OBSNB_LOKI_URL, '
            "OBSNB_PROMETHEUS_URL or OBSNB_TEMPO_URL, or write a profile in obsnb.toml.",
        )
    names = DEFAULT.override(dict(found.conventions))
    transports = {kind: HttpTransport(end) for kind, end in ends.items() if end is not None}
    logs = Loki(transports["Loki"], conventions=names, max_rows=found.max_rows) if found.loki else None
    metrics = Prometheus(transports["Prometheus"], conventions=names) if found.prometheus else None
    traces = Tempo(transports["Tempo"], conventions=names) if found.tempo else None
    return Connection(
        logs=logs,
        metrics=metrics,
        traces=traces,
        roles=LiveRoles(logs, metrics, traces, conventions=names),
        conventions=names,
        frames=found.frames,
        tenant=tenant,
        late_margin_s=found.late_margin_s,
        closing=tuple(transports.values()),
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
