"""How a Loki server is doing: ready, version, clock, limits."""

from __future__ import annotations

import msgspec

from obsnb.errors import AccessError, ObsnbError
from obsnb.sources.base import Health
from obsnb.sources.refusals import refusal, unreadable
from obsnb.sources.skew import skew_s
from obsnb.timerange import now_ns
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["health_of"]

#: Limits that explain what a query meets.
_LIMITS = (
    "max_entries_limit_per_query",
    "max_query_length",
    "max_query_lookback",
    "max_query_series",
    "query_timeout",
)


def health_of(transport: Transport, *, name: str) -> Health:
    """How the server behind a transport is doing; never raises.

    ``/ready`` answers 503 while Loki starts or stops; a gateway in front may not pass it on (404).
    """
    try:
        build = transport.send(Request("/loki/api/v1/status/buildinfo"))
        skew = skew_s(build, now_ns())
        ready = transport.send(Request("/ready"))
        limits = transport.send(Request("/loki/api/v1/drilldown-limits"))
    except ObsnbError as error:
        return Health(name, "logs", "unreachable", message=str(error))
    told = _told(build)
    wrong: ObsnbError | None = None
    if not build.ok:
        wrong = refusal(build, source=name, kind="loki")
    elif told is None:
        wrong = unreadable(build, source=name, why="it is not Loki's JSON")
    elif not ready.ok and ready.status != 404:
        wrong = refusal(ready, source=name, kind="loki")
    revealed = (_told(limits) or {}).get("limits")
    known = revealed if isinstance(revealed, dict) else {}
    return Health(
        name,
        "logs",
        "ok" if wrong is None else "refused" if isinstance(wrong, AccessError) else "degraded",
        latency_s=min(response.seconds for response in (build, ready)),
        version=str(told["version"]) if told and "version" in told else None,
        clock_skew_s=skew,
        limits={limit: str(known[limit]) for limit in _LIMITS if limit in known},
        message="" if wrong is None else str(wrong),
    )


def _told(response: Response) -> dict[str, object] | None:
    if not response.ok:
        return None
    try:
        return msgspec.json.decode(response.body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
