"""The identity provider: tokens for the lab's practice users, and the keys that they are checked with."""

from __future__ import annotations

import asyncio
import json
import secrets

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from obsnb.instants import now_ns
from obsnb.lab.backend.tokens import AUDIENCE, ISSUER
from obsnb.lab.database import TENANTS
from obsnb.lab.observed import Observed
from obsnb.lab.service import Service
from obsnb.lab.telemetry.metrics import OPENMETRICS

__all__ = ["identity_app"]

_BITS = 2048
_TOKEN_S = 60


def identity_app(service: Service) -> Observed:
    """The application, watched. Its key is made anew each time, and never leaves the process."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=_BITS)
    kid = secrets.token_hex(8)
    public = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    jwks = {"keys": [public | {"kid": kid, "use": "sig", "alg": "RS256"}]}

    async def token(request: Request) -> Response:
        refused = await _faulty(service)
        if refused is not None:
            return refused
        asked = await request.json()
        given, tenant = str(asked.get("secret", "")), str(asked.get("tenant", ""))
        if not secrets.compare_digest(given.encode(), service.settings.key.encode()) or tenant not in TENANTS:
            service.log.warning("Login refused", extra={"tenant_id": tenant[:80]})
            return JSONResponse({"error": "invalid_grant"}, 401)
        now = now_ns() // 10**9
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(asked.get("user", ""))[:80],
            "tenant": tenant,
            "iat": now,
            "exp": now + _TOKEN_S,
        }
        with service.tracing.span("sign_token"):
            signed = jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})
        return JSONResponse({"access_token": signed, "expires_in": _TOKEN_S})

    async def keys(_: Request) -> Response:
        refused = await _faulty(service)
        return refused or JSONResponse(jwks)

    async def health(_: Request) -> Response:
        refused = await _faulty(service)
        return refused or JSONResponse({"status": "healthy"})

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"content-type": OPENMETRICS})

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ready")

    routes = [
        Route("/token", token, methods=["POST"]),
        Route("/jwks.json", keys),
        Route("/health", health),
        Route("/metrics", metrics),
        Route("/lab/ready", ready),
    ]
    return Observed(Starlette(routes=routes), service)


async def _faulty(service: Service) -> Response | None:
    switches = service.switches
    if switches.delay_s:
        with service.tracing.span("load_user_store"):
            await asyncio.sleep(switches.delay_s)
    if switches.refuse is not None:
        service.log.error("User store unavailable", extra={"status_code": switches.refuse})
        return JSONResponse({"error": "temporarily_unavailable"}, switches.refuse)
    return None
