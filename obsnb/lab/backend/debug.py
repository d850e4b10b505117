"""The debug endpoints: only where the lab is in debug mode, and only for who has its key."""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import APIRouter, Depends, Header, Request
from sqlalchemy import select
from sqlalchemy.engine import make_url

from obsnb.instants import format_ns
from obsnb.lab.backend.asking import healthy
from obsnb.lab.backend.parts import Parts
from obsnb.lab.failures import (
    AuthenticationError,
    ExternalServiceError,
    LabError,
    ValidationError,
)
from obsnb.redact import SECRETS_ONLY, Redactor
from obsnb.version import __version__

__all__ = ["router"]

_SECRETS = Redactor(SECRETS_ONLY)

_SIMULATED = {
    "validation": ValidationError("A validation error, as asked."),
    "auth": AuthenticationError("An authentication error, as asked."),
    "external": ExternalServiceError("An external service's error, as asked."),
}


def _allowed(request: Request, x_debug_key: str = Header(default="")) -> None:
    parts: Parts = request.app.state.parts
    if not secrets.compare_digest(x_debug_key.encode(), parts.service.settings.key.encode()):
        raise AuthenticationError("The debug endpoints ask for the lab's key, in X-Debug-Key.")


router = APIRouter(prefix="/debug", dependencies=[Depends(_allowed)])


def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


@router.get("/info")
def info(request: Request) -> dict[str, Any]:
    """What runs, with every secret masked.

    The guide replaces what stands before the first ``@``, wherever else the same text stands, and fails on
    an address without one.
    """
    service = _parts(request).service
    settings = service.settings
    database = make_url(settings.database).render_as_string(hide_password=True)
    return {
        "service": service.name,
        "version": service.version,
        "obsnb": __version__,
        "debug": settings.debug,
        "services": [each.name for each in service.roster.services],
        "database_url": _SECRETS.text(database)[0],
        "redis_url": _SECRETS.text(settings.redis_url)[0] if settings.redis_url else None,
    }


@router.get("/health/detailed")
def detailed_health(request: Request) -> dict[str, Any]:
    """How everything does that the backend needs, each measured."""
    parts = _parts(request)
    checks: dict[str, Any] = {}
    try:
        with parts.database.connection() as connection:
            connection.execute(select(1))
        checks["database"] = {"status": "healthy"}
    except LabError as error:
        checks["database"] = {"status": "unhealthy", "error": error.message}
    for name in parts.service.logical.calls:
        checks[name] = healthy(parts, name)
    well = all(check["status"] == "healthy" for check in checks.values())
    return {
        "overall_status": "healthy" if well else "unhealthy",
        "checks": checks,
        "timestamp": format_ns(parts.service.clock.now_ns()),
    }


@router.post("/simulate-error")
def simulate_error(error_type: str = "generic") -> None:
    """Fail as asked."""
    if error_type in _SIMULATED:
        raise _SIMULATED[error_type]
    raise RuntimeError("A generic error, as asked.")


@router.post("/sessions/{session}")
def begin_session(request: Request, session: str) -> dict[str, str]:
    """Begin a debug session; requests with ``X-Debug-Session`` add to it."""
    _parts(request).sessions.begin(session)
    return {"session": session}


@router.delete("/sessions/{session}")
def end_session(request: Request, session: str) -> dict[str, Any]:
    """End it, and give what it holds."""
    return _parts(request).sessions.end(session)


@router.post("/memory")
def begin_memory(request: Request) -> dict[str, str]:
    """Begin to record memory."""
    request.app.state.memory.start()
    return {"memory": "recorded"}


@router.delete("/memory")
def end_memory(request: Request) -> dict[str, Any]:
    """What memory went to since then."""
    told: dict[str, Any] = request.app.state.memory.stop()
    return told
