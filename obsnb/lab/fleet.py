"""The services that share a process: stand-ins for data sources, and plain services that ask each other."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from obsnb.lab.observed import Observed
from obsnb.lab.outgoing import async_client
from obsnb.lab.service import Service
from obsnb.lab.telemetry.metrics import OPENMETRICS

__all__ = ["fleet_app"]

_ROWS = 20
_WORK_S = 0.002  # of waiting, as for a disk
_ROUNDS = 200
_PATIENCE_S = 5.0


def fleet_app(services: Sequence[Service]) -> Starlette:
    """One application, each service under its own name, watched by itself."""

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ready")

    mounts: list[Any] = [Route("/lab/ready", ready)]
    for service in services:
        routes = _source_routes(service) if service.logical.part == "source" else _plain_routes(service)
        inner = Starlette(routes=[*routes, *_common_routes(service)])
        mounts.append(Mount(service.logical.path, app=Observed(inner, service)))
    return Starlette(routes=mounts)


def _common_routes(service: Service) -> list[Route]:
    async def health(_: Request) -> Response:
        refused = await _faulty(service)
        return refused or JSONResponse({"status": "healthy"})

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"content-type": OPENMETRICS})

    return [Route("/health", health), Route("/metrics", metrics)]


def _source_routes(service: Service) -> list[Route]:
    """A data source: rows that follow from the query, after as long as reading them would take."""

    async def query(request: Request) -> Response:
        refused = await _faulty(service)
        if refused is not None:
            return refused
        text, tenant = request.query_params.get("query", ""), request.query_params.get("tenant", "")
        with service.tracing.span("read_blocks"):
            await asyncio.sleep(_WORK_S * 4)
            rows = [_row(text, tenant, number) for number in range(_ROWS)]
        return JSONResponse({"rows": rows})

    return [Route("/query", query)]


def _row(text: str, tenant: str, number: int) -> dict[str, Any]:
    drawn = hashlib.sha256(f"{tenant}/{text}/{number}".encode()).digest()
    return {"line": f"{text} {number}", "value": int.from_bytes(drawn[:4], "big") / 2**32}


def _plain_routes(service: Service) -> list[Route]:
    """A plain service: does a little, and asks one below it, as the request's way says."""
    clients = {name: async_client(service, name, timeout_s=_PATIENCE_S) for name in service.logical.calls}

    async def work(request: Request) -> Response:
        refused = await _faulty(service)
        if refused is not None:
            return refused
        hashlib.pbkdf2_hmac("sha256", service.name.encode(), b"lab", _ROUNDS)
        await asyncio.sleep(_WORK_S)
        given = request.query_params.get("way", "0")
        way = int(given) if given.isdecimal() else 0
        names = list(clients)
        if not names:
            return JSONResponse({"services": 1})
        name = names[way % len(names)]
        try:
            answer = await clients[name].get("/work", params={"way": way // 2})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            service.log.error("%s does not help", name, exc_info=error)
            return JSONResponse({"error": f"{name} does not help"}, 502)
        return JSONResponse({"services": int(answer.json()["services"]) + 1})

    return [Route("/work", work)]


async def _faulty(service: Service) -> Response | None:
    switches = service.switches
    if switches.hang:
        with service.tracing.span("read_blocks"):
            await asyncio.sleep(30)
    if switches.delay_s:
        await asyncio.sleep(switches.delay_s)
    if switches.refuse is not None:
        service.log.warning("Too many outstanding requests", extra={"status_code": switches.refuse})
        return JSONResponse({"error": "refused"}, switches.refuse, headers={"retry-after": "1"})
    return None
