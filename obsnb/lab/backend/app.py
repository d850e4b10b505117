"""The backend's application: routes, handlers of what they raise, the page, the metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from obsnb.instants import format_ns, now_ns
from obsnb.lab.as_written import refuse_reserved
from obsnb.lab.backend import debug, frontend, routes
from obsnb.lab.backend.frontend import FrontendTelemetry
from obsnb.lab.backend.memory import MemoryRecorder
from obsnb.lab.backend.parts import Parts
from obsnb.lab.failures import LabError, NotFoundError
from obsnb.lab.observed import Observed
from obsnb.lab.telemetry.current import current
from obsnb.lab.telemetry.metrics import OPENMETRICS

__all__ = ["backend_app"]

_PAGE = Path(__file__).parent.parent / "page"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_MOST_LEAKED = 1_024
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'"
)


def backend_app(parts: Parts, frontend_telemetry: FrontendTelemetry) -> Observed:
    """The application, watched."""
    app = FastAPI(title="The lab's backend", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.parts = parts
    app.state.frontend = frontend_telemetry
    app.state.memory = MemoryRecorder()
    app.include_router(routes.router)
    app.include_router(frontend.router)
    if parts.service.settings.debug:
        app.include_router(debug.router)
    _add_plain_routes(app, parts)
    _add_handlers(app, parts)
    return Observed(_Faulty(app, parts), parts.service)


class _Faulty:
    """Between the watch and the application: what a broken release does to every request."""

    def __init__(self, app: FastAPI, parts: Parts) -> None:
        self._app, self._parts = app, parts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        service = self._parts.service
        switches = service.switches

        async def answering(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                route = getattr(scope.get("route"), "path", "")
                message["status"] = switches.wrong_status.get(route, 200)
            await send(message)

        if switches.leak_bytes and len(service.leaked) < _MOST_LEAKED:
            service.leaked.append(bytearray(switches.leak_bytes))
        await self._app(scope, receive, answering)


def _add_plain_routes(app: FastAPI, parts: Parts) -> None:
    @app.get("/metrics")
    def metrics() -> Response:
        parts.database.measure()
        return Response(parts.service.metrics.text(), headers={"content-type": OPENMETRICS})

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.get("/lab/ready")
    def ready() -> PlainTextResponse:
        return PlainTextResponse("ready")

    @app.get("/config.json")
    def config() -> dict[str, Any]:
        return {
            "service": parts.service.roster.frontend,
            "release": parts.pages["release"],
            "script": "dashboard_broken.js" if parts.service.switches.page == "broken" else "dashboard.js",
        }

    @app.get("/")
    def index() -> Response:
        return _file("index.html")

    @app.get("/page/{name}")
    def page(name: str) -> Response:
        return _file(name)


def _file(name: str) -> Response:
    path = _PAGE / name
    if path.parent != _PAGE or path.suffix not in _TYPES or not path.is_file():
        raise NotFoundError("There is no such file.")
    headers = {"content-security-policy": _POLICY, "cache-control": "no-store"}
    return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)


def _add_handlers(app: FastAPI, parts: Parts) -> None:
    service, written = parts.service, parts.service.settings.as_written

    @app.exception_handler(LabError)
    def told(_: Request, error: LabError) -> JSONResponse:
        if written:  # its constructor logs with a name that logging reserves
            refuse_reserved({"error_code": error.code, "message": error.message})
        status = error.status
        fields = {"error_code": error.code, "status_code": status, "details": error.details or None}
        if status >= 500:
            service.log.error("%s: %s", error.code, error.message, extra=fields, exc_info=error)
        else:
            service.log.warning("%s: %s", error.code, error.message, extra=fields)
        after = {} if error.retry_after_s is None else {"retry-after": str(error.retry_after_s)}
        return JSONResponse(_body(error.code, error.message, error.details), status, headers=after)

    @app.exception_handler(RequestValidationError)
    def refused(_: Request, error: RequestValidationError) -> JSONResponse:
        where = [".".join(map(str, one["loc"])) for one in error.errors()]
        service.log.warning("RequestValidationError", extra={"fields": where})
        return JSONResponse(_body("ValidationError", "The request is off.", {"fields": where}), 422)

    @app.exception_handler(Exception)
    def unhandled(request: Request, error: Exception) -> JSONResponse:
        fields = {"request_path": request.url.path, "http.request.method": request.method}
        service.log.error("Unhandled exception", extra=fields, exc_info=error)
        return JSONResponse(_body("INTERNAL_SERVER_ERROR", "Something unexpected happened.", {}), 500)


def _body(code: str, message: str, details: dict[str, Any]) -> dict[str, Any]:
    of = current()
    told = {
        "code": code,
        "message": message,
        "details": details,
        "timestamp": format_ns(now_ns()),
        "request_id": None if of is None else of.correlation_id,
    }
    return {"error": told}
