"""How a Loki server is doing: ready, version, clock, limits."""

from __future__ import annotations

from typing import Literal

import msgspec

from obsnb.errors import AccessError, ObsnbError
from obsnb.instants import now_ns
from obsnb.sources.base import HEALTH_S, Health
from obsnb.sources.refusals import refusal, unreadable
from obsnb.sources.skew import skew_s
from obsnb.sources.wire.prometheus import read_names
from obsnb.transport.exchange import Request, Response, Transport

__all__ = ["health_of"]

#: Limits that explain what a query meets.
_LIMITS = (
    "max_entries_limit_per_query",
    "max_query_length",
    "max_query_lookback",
    "max_query_series",
    "query_timeout",
    "retention_period",
)
_LATELY_NS = 300 * 10**9


def health_of(transport: Transport, *, name: str) -> Health:
    """How the server behind a transport is doing; never raises.

    The labels of the last five minutes tell whether it answers, and with these credentials and this
    tenant. A gateway may keep the rest to itself: ``/ready``, where just a 5xx counts, the version and
    the limits.
    """
    now = now_ns()
    lately = (("start", str(now - _LATELY_NS)), ("end", str(now)))
    try:
        labels = transport.send(Request("/loki/api/v1/labels", lately, within_s=HEALTH_S))
    except ObsnbError as error:
        status: Literal["refused", "unreachable"] = "unreachable"
        if isinstance(error, AccessError):
            status = "refused"
        return Health(name, "logs", status, message=str(error))
    skew = skew_s(labels, now_ns())
    ready, build, revealed = (
        _asked(transport, path)
        for path in ("/ready", "/loki/api/v1/status/buildinfo", "/loki/api/v1/drilldown-limits")
    )
    wrong = _wrong(labels, ready, name=name)
    limits = _told(revealed).get("limits")
    known = limits if isinstance(limits, dict) else {}
    version = _told(build).get("version")
    return Health(
        name,
        "logs",
        "ok" if wrong is None else "refused" if isinstance(wrong, AccessError) else "degraded",
        latency_s=min(each.seconds for each in (labels, ready, build) if each is not None),
        version=str(version) if version else None,
        clock_skew_s=skew,
        limits={limit: str(known[limit]) for limit in _LIMITS if limit in known},
        message="" if wrong is None else str(wrong),
    )


def _wrong(labels: Response, ready: Response | None, *, name: str) -> ObsnbError | None:
    if not labels.ok:
        return refusal(labels, source=name, kind="loki")
    try:
        read_names(labels.body)
    except msgspec.DecodeError as error:
        return unreadable(labels, source=name, why=str(error))
    if ready is not None and ready.status >= 500:
        return refusal(ready, source=name, kind="loki")
    return None


def _asked(transport: Transport, path: str) -> Response | None:
    try:
        return transport.send(Request(path, within_s=HEALTH_S))
    except ObsnbError:
        return None


def _told(response: Response | None) -> dict[str, object]:
    """What an answer in JSON says; nothing where there is none."""
    if response is None or not response.ok:
        return {}
    try:
        return msgspec.json.decode(response.body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
