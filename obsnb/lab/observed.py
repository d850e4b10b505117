"""What watches the requests that come in: ids, a span, the metrics, a line of the log.

Plain ASGI around the whole application, so that what its error handlers answer is seen as well. The
guide's middleware stands inside of them: a request whose handler raised was never counted.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from obsnb.lab.as_written import request_as_written, written_correlation
from obsnb.lab.service import Service
from obsnb.lab.telemetry.current import HEADER, Current, enter, leave, read_correlation
from obsnb.lab.telemetry.metering import metered

__all__ = ["Observed"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]
#: Asked by machines all the time, and what carries the page's own telemetry: not worth a span.
_UNWATCHED = frozenset(
    {"/metrics", "/lab/ready", "/api/v1/logs", "/api/v1/traces", "/api/v1/metrics/frontend"}
)


class Observed:
    """An application with everything that a request of it tells.

    Parameters
    ----------
    app
        The application; its ``scope["route"].path`` says which route a request took.
    service
        Whose it is.
    """

    def __init__(self, app: _App, service: Service) -> None:
        self._app, self._service = app, service
        self._written = service.settings.as_written

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serve a request."""
        # A service of the fleet stands behind a prefix, which is not part of its own path.
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", "")))
        if scope["type"] != "http" or path in _UNWATCHED:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = headers.get(HEADER)
        correlation = written_correlation(given) if self._written else read_correlation(given)
        of, token = enter(correlation)
        attributes: dict[str, str | int] = {"http.request.method": scope["method"], "url.path": path}
        if self._written:
            attributes = request_as_written(attributes)
        parent = TraceContextTextMapPropagator().extract(headers)
        tracing = self._service.tracing
        span = tracing.begin(scope["method"], kind=SpanKind.SERVER, attributes=attributes, parent=parent)
        attached = otel_context.attach(trace.set_span_in_context(span, parent))
        try:
            await metered(self._served(scope, receive, send, of, span), self._service.metrics.used)
        finally:
            otel_context.detach(attached)
            leave(token)

    async def _served(self, scope: _Scope, receive: _Receive, send: _Send, of: Current, span: Span) -> None:
        service, status, raised = self._service, 0, None
        began = time.perf_counter()
        service.metrics.active.inc()

        async def answering(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                message["headers"] = [*message["headers"], (HEADER.encode(), of.correlation_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, answering)
        except Exception as error:  # noqa: BLE001  # it was answered with 500 already; here it is told
            raised = error
        finally:
            service.metrics.active.dec()
            seconds = time.perf_counter() - began
            self._tell(scope, of, span, status=status or 500, seconds=seconds, raised=raised)

    def _tell(
        self, scope: _Scope, of: Current, span: Span, *, status: int, seconds: float, raised: Exception | None
    ) -> None:
        service, method = self._service, str(scope["method"])
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        if not self._written:
            service.tracing.identify(span)
        span.update_name(f"{method} {route}")
        answered = {"http.route": route, "http.response.status_code": status}
        span.set_attributes(request_as_written(answered) if self._written else answered)
        if status >= 500 and raised is None:
            span.set_attribute("error.type", str(status))
            span.set_status(Status(StatusCode.ERROR))
        if self._written:
            if raised is None:
                service.metrics.request(method, scope["path"], status, of.tenant_id, seconds)
        else:
            service.metrics.request(method, route, status, of.tenant_id, seconds)
            fields = {"http.route": route, "http.request.method": method, "status_code": status}
            service.log.info(
                "%s %s %d", method, route, status, extra={**fields, "duration_s": round(seconds, 6)}
            )
        service.tracing.end(span, raised)
