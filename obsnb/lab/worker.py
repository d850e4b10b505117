"""The worker: sums up what tenants used, again and again, each round a trace of its own."""

from __future__ import annotations

import threading
import time

from opentelemetry.trace import SpanKind
from sqlalchemy import func, select, update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from obsnb.lab.backend.breakpoints import debug_on_exception
from obsnb.lab.database import Database, saved_searches, usage
from obsnb.lab.failures import LabError
from obsnb.lab.observed import Observed
from obsnb.lab.service import Service
from obsnb.lab.telemetry.current import enter, leave
from obsnb.lab.telemetry.metrics import OPENMETRICS
from obsnb.lab.telemetry.tracing import trace_function

__all__ = ["Rounds", "worker_app"]

_PAUSE_S = 1.0


class Rounds:
    """The worker's thread."""

    def __init__(self, service: Service, database: Database) -> None:
        self._service, self._database = service, database
        traced = trace_function(service, "sum_up_usage", kind=SpanKind.CONSUMER)
        self._sum_up = traced(debug_on_exception(self._round))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the round at hand."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        pause = _PAUSE_S
        while not self._stop.wait(pause):
            _, token = enter()
            try:
                self._sum_up()
            except LabError as error:
                self._service.log.error("Round failed: %s", error.message, exc_info=error)
            finally:
                leave(token)
            pause = 0.05 if self._service.switches.lock_s else _PAUSE_S

    def _round(self) -> None:
        with self._database.connection() as connection:
            searches = connection.scalar(select(func.count()).select_from(saved_searches))
            hold_s = self._service.switches.lock_s
            if hold_s:  # a release that writes first and thinks afterwards, within one transaction
                connection.execute(update(usage).values(searches=usage.c.searches))
                with self._service.tracing.span("recount_usage"):
                    time.sleep(hold_s)
        self._service.log.info("Usage summed up", extra={"searches": searches})


def worker_app(service: Service) -> Observed:
    """What the worker answers: that it is there, and its metrics."""

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ready")

    async def metrics(_: Request) -> Response:
        return Response(service.metrics.text(), headers={"content-type": OPENMETRICS})

    return Observed(Starlette(routes=[Route("/lab/ready", ready), Route("/metrics", metrics)]), service)
