"""What watches the requests that go out: a span each, and the ids that the other side goes on with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from obsnb.lab.service import Service
from obsnb.lab.telemetry.current import HEADER, current

__all__ = ["async_client", "client"]

_CONNECTIONS = httpx.Limits(max_connections=100, max_keepalive_connections=20)


def client(service: Service, other: str, *, timeout_s: float) -> httpx.Client:
    """For code in threads: asks another service, in the name of this one."""
    way = _Watching(httpx.HTTPTransport(limits=_CONNECTIONS), service, other)
    return httpx.Client(base_url=service.url_of(other), transport=way, timeout=timeout_s, trust_env=False)


def async_client(service: Service, other: str, *, timeout_s: float) -> httpx.AsyncClient:
    """The same for coroutines."""
    way = _AsyncWatching(httpx.AsyncHTTPTransport(limits=_CONNECTIONS), service, other)
    return httpx.AsyncClient(
        base_url=service.url_of(other), transport=way, timeout=timeout_s, trust_env=False
    )


class _Watching(httpx.BaseTransport):
    def __init__(self, inner: httpx.BaseTransport, service: Service, other: str) -> None:
        self._inner, self._service, self._other = inner, service, other

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _asked(self._service, self._other, request) as span:
            time.sleep(self._service.switches.delay_to_s.get(self._other, 0.0))
            return _answered(span, self._inner.handle_request(request))

    def close(self) -> None:
        self._inner.close()


class _AsyncWatching(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport, service: Service, other: str) -> None:
        self._inner, self._service, self._other = inner, service, other

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with _asked(self._service, self._other, request) as span:
            await asyncio.sleep(self._service.switches.delay_to_s.get(self._other, 0.0))
            return _answered(span, await self._inner.handle_async_request(request))

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextmanager
def _asked(service: Service, other: str, request: httpx.Request) -> Iterator[Span]:
    if service.settings.as_written:  # the guide instruments what comes in and the database, but no client
        yield INVALID_SPAN
        return
    attributes: dict[str, str | int] = {
        "http.request.method": request.method,
        "url.path": request.url.path,
        "peer.service": other,
        "server.address": request.url.host,
        "server.port": request.url.port or 80,
    }
    with service.tracing.span(
        f"{request.method} {other}", kind=SpanKind.CLIENT, attributes=attributes
    ) as span:
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        of = current()
        if of is not None:
            carrier[HEADER] = of.correlation_id
        request.headers.update(carrier)
        yield span


def _answered(span: Span, response: httpx.Response) -> httpx.Response:
    span.set_attribute("http.response.status_code", response.status_code)
    if response.status_code >= 400:  # as the semantic conventions have it for clients
        span.set_attribute("error.type", str(response.status_code))
        span.set_status(Status(StatusCode.ERROR))
    return response
