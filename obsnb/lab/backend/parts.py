"""What the backend's routes work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from obsnb.lab.backend.debug_sessions import DebugSessions
from obsnb.lab.backend.tokens import TokenReader
from obsnb.lab.cache import Cache
from obsnb.lab.database import Database
from obsnb.lab.failures import AuthenticationError
from obsnb.lab.outgoing import client
from obsnb.lab.roster import LogicalService
from obsnb.lab.service import Service
from obsnb.lab.telemetry.current import current
from obsnb.lab.telemetry.otlp_json import JsonLines

__all__ = ["Identity", "Parts", "identified", "parts_of"]


@dataclass(frozen=True)
class Identity:
    """Who is asking, as their token says."""

    user: str
    tenant: str


@dataclass
class Parts:
    """A backend's connections to everything else."""

    service: Service
    database: Database
    cache: Cache
    tokens: TokenReader
    sessions: DebugSessions
    clients: dict[str, httpx.Client]
    frontend: JsonLines
    pages: dict[str, Any] = field(default_factory=dict)

    @property
    def sources(self) -> tuple[LogicalService, ...]:
        """The data sources that there are."""
        return self.service.roster.of("source")

    @property
    def identity(self) -> str:
        """What the identity provider is called."""
        return self.service.roster.of("identity")[0].name

    def close(self) -> None:
        """Let go of everything."""
        for each in self.clients.values():
            each.close()
        self.database.dispose()
        self.frontend.close()


def parts_of(service: Service, *, database: Database, cache: Cache) -> Parts:
    """A backend's parts, nothing asked yet."""
    clients = {
        name: client(service, name, timeout_s=service.settings.patience_s) for name in service.logical.calls
    }
    provider = clients[service.roster.of("identity")[0].name]
    path = service.settings.telemetry / "frontend-traces.jsonl"
    return Parts(
        service=service,
        database=database,
        cache=cache,
        tokens=TokenReader(service, provider),
        sessions=DebugSessions(service),
        clients=clients,
        frontend=JsonLines(path),
    )


async def identified(request: Request) -> Identity:
    """Who is asking. What is found is entered where logs, spans and metrics look.

    Raises
    ------
    AuthenticationError
        There is no token, or none that holds.
    """
    parts: Parts = request.app.state.parts
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise AuthenticationError("There is no bearer token.")
    claims = await run_in_threadpool(parts.tokens.read, token)
    found = Identity(str(claims["sub"]), str(claims["tenant"]))
    request.state.tenant_id, request.state.user_id = found.tenant, found.user
    of = current()
    if of is not None:
        of.tenant_id, of.user_id = found.tenant, found.user
    return found
