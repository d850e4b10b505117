"""How a Tempo is doing: ready, version, clock."""

from __future__ import annotations

import msgspec

from obsnb.errors import AccessError, ObsnbError
from obsnb.instants import now_ns
from obsnb.sources.base import HEALTH_S, Health
from obsnb.sources.refusals import refusal, unreadable
from obsnb.sources.skew import skew_s
from obsnb.transport.exchange import Request, Transport

__all__ = ["health_of"]


class _Build(msgspec.Struct):
    version: str = ""


def health_of(transport: Transport, *, name: str) -> Health:
    """How the Tempo behind a transport is doing; never raises.

    ``/ready`` is the server's own: what stands in front of it may answer 404 there, and all is well.
    """
    try:
        build = transport.send(Request("/api/status/buildinfo", within_s=HEALTH_S))
        skew = skew_s(build, now_ns())
        ready = transport.send(Request("/ready", within_s=HEALTH_S))
    except ObsnbError as error:
        return Health(name, "traces", "unreachable", message=str(error))
    version: str | None = None
    wrong: ObsnbError | None = None
    if not build.ok:
        wrong = refusal(build, source=name, kind="tempo")
    else:
        try:
            version = msgspec.json.decode(build.body, type=_Build).version or None
        except (msgspec.DecodeError, UnicodeDecodeError):
            wrong = unreadable(build, source=name, why="it is not Tempo's JSON")
    if wrong is None and not ready.ok and ready.status != 404:
        wrong = refusal(ready, source=name, kind="tempo")
    return Health(
        name,
        "traces",
        "ok" if wrong is None else "refused" if isinstance(wrong, AccessError) else "degraded",
        latency_s=min(build.seconds, ready.seconds),
        version=version,
        clock_skew_s=skew,
        message="" if wrong is None else str(wrong),
    )
