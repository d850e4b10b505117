"""How a Prometheus server is doing: ready, version, clock, limits."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from obsnb.errors import AccessError, ObsnbError
from obsnb.instants import now_ns
from obsnb.sources.base import HEALTH_S, Health
from obsnb.sources.refusals import refusal, unreadable
from obsnb.sources.skew import skew_s
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["health_of"]

#: Flags that explain what a query meets: how much it may read, how long it may take, how far back
#: there is anything.
_LIMITS = (
    "query.max-samples",
    "query.timeout",
    "query.lookback-delta",
    "storage.tsdb.retention.time",
    "storage.tsdb.retention.size",
)
#: The same of VictoriaMetrics, which tells what was set in a text of its own.
_ITS_LIMITS = re.compile(
    r'^-(retentionPeriod|dedup\.minScrapeInterval|search\.(?:max\w+|latencyOffset))="([^"\n]{0,200})"$',
    re.MULTILINE,
)
_VICTORIA = "VictoriaMetrics"


class _Told(msgspec.Struct):
    data: dict[str, str | int | bool | None] = {}


def health_of(transport: Transport, *, name: str) -> Health:
    """How the server behind a transport is doing; never raises.

    ``/-/ready`` is Prometheus' own: what speaks like it may answer 404 there and be well. A
    VictoriaMetrics names itself there.
    """
    try:
        build = transport.send(Request("/api/v1/status/buildinfo", within_s=HEALTH_S))
        skew = skew_s(build, now_ns())
        ready = transport.send(Request("/-/ready", within_s=HEALTH_S))
        victoria = ready.ok and _text(ready).startswith(_VICTORIA)
        path = "/flags" if victoria else "/api/v1/status/flags"
        flags = transport.send(Request(path, within_s=HEALTH_S))
    except ObsnbError as error:
        return Health(name, "metrics", "unreachable", message=str(error))
    told = _told(build)
    wrong: ObsnbError | None = None
    if not build.ok:
        wrong = refusal(build, source=name, kind="prometheus")
    elif told is None:
        wrong = unreadable(build, source=name, why="it is not Prometheus' JSON")
    elif not ready.ok and ready.status != 404:
        wrong = refusal(ready, source=name, kind="prometheus")
    limits = {flag: str(value) for flag, value in (_told(flags) or {}).items() if flag in _LIMITS}
    version = (told or {}).get("version")
    if victoria:
        limits = dict(_ITS_LIMITS.findall(_text(flags))) if flags.ok else {}
        version = _VICTORIA if version is None else f"{_VICTORIA}, as Prometheus {version}"
    return Health(
        name,
        "metrics",
        "ok" if wrong is None else "refused" if isinstance(wrong, AccessError) else "degraded",
        latency_s=min(response.seconds for response in (build, ready, flags)),
        version=None if version is None else str(version),
        clock_skew_s=skew,
        limits=limits,
        message="" if wrong is None else str(wrong),
    )


def _text(response: Response) -> str:
    return response.body[:100_000].decode("utf-8", "replace")


def _told(response: Response) -> Mapping[str, object] | None:
    if not response.ok:
        return None
    try:
        return msgspec.json.decode(response.body, type=_Told).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
