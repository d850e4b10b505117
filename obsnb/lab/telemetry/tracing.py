"""Spans of a service: with a resource, with the correlation id, by a clock that may be wrong."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from obsnb.instants import now_ns
from obsnb.lab.settings import Sampling
from obsnb.lab.telemetry.current import current
from obsnb.lab.telemetry.stacks import stack_of

__all__ = ["HostClock", "Tracing", "sampler_of", "trace_function"]

P = ParamSpec("P")
R = TypeVar("R")
_Attribute = str | int | float | bool


class HostClock:
    """The clock of the host that a service stands for; `skew_ns` is by how much it is wrong."""

    def __init__(self) -> None:
        self.skew_ns = 0

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, by this host."""
        return now_ns() + self.skew_ns


def sampler_of(sampling: Sampling) -> Sampler:
    """The SDK's sampler; what is decided at the tail is kept here."""
    return ParentBased(TraceIdRatioBased(sampling.share)) if sampling.at == "head" else ALWAYS_ON


class Tracing:
    """Begins the spans of one service.

    Parameters
    ----------
    resource
        Who emits. The guide's tracer has none, so that all of its services are ``unknown_service``.
    processors
        Where spans go.
    correlated
        Whether spans carry the correlation id. The guide's do not.
    """

    def __init__(
        self,
        resource: Resource,
        processors: list[SpanProcessor],
        *,
        clock: HostClock,
        sampler: Sampler = ALWAYS_ON,
        correlated: bool = True,
    ) -> None:
        provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
        for processor in processors:
            provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("obsnb.lab")
        self._clock, self._correlated = clock, correlated

    def begin(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, _Attribute] | None = None,
        parent: Context | None = None,
    ) -> Span:
        """A span that somebody else ends, with `end`."""
        span = self._tracer.start_span(
            name, parent, kind, attributes=dict(attributes or {}), start_time=self._clock.now_ns()
        )
        if self._correlated:
            self.identify(span)
        return span

    def end(self, span: Span, error: BaseException | None = None) -> None:
        """End a span; an error becomes its status and an event with the stack trace."""
        now = self._clock.now_ns()
        if error is not None:
            kind = type(error).__name__  # as the log lines say it, without the module
            told = {"exception.type": kind, "exception.stacktrace": stack_of(error)}
            span.record_exception(error, told, timestamp=now)
            span.set_attribute("error.type", kind)
            span.set_status(Status(StatusCode.ERROR, f"{kind}: {error}"))
        span.end(now)

    @staticmethod
    def identify(span: Span) -> None:
        """Enter whose request it is, as far as that is known."""
        of = current()
        if of is not None:
            told = {"correlation_id": of.correlation_id, "tenant.id": of.tenant_id, "user.id": of.user_id}
            span.set_attributes({key: value for key, value in told.items() if value})

    @contextmanager
    def span(
        self,
        name: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, _Attribute] | None = None,
        parent: Context | None = None,
    ) -> Iterator[Span]:
        """A span around what is done inside, the current one meanwhile."""
        span = self.begin(name, kind=kind, attributes=attributes, parent=parent)
        token = otel_context.attach(trace.set_span_in_context(span, parent))
        failed: BaseException | None = None
        try:
            yield span
        except BaseException as error:
            failed = error
            raise
        finally:
            otel_context.detach(token)
            self.end(span, failed)


class _Traced(Protocol):
    @property
    def tracing(self) -> Tracing: ...


def trace_function(
    service: _Traced, name: str | None = None, *, kind: SpanKind = SpanKind.INTERNAL
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function, sync or async, with a span around each call.

    As the guide's decorator, but that the exception is recorded and makes the span's status: there it
    was an attribute, which no search for failed spans finds.
    """

    def decorate(func: Callable[P, R]) -> Callable[P, R]:
        told = name or f"{func.__module__}.{func.__qualname__}"
        attributes = {"code.function.name": f"{func.__module__}.{func.__qualname__}"}
        if asyncio.iscoroutinefunction(func):

            @functools.wraps(func)
            async def awaiting(*args: P.args, **kwargs: P.kwargs) -> Any:
                with service.tracing.span(told, kind=kind, attributes=attributes):
                    return await func(*args, **kwargs)

            return cast("Callable[P, R]", awaiting)

        @functools.wraps(func)
        def calling(*args: P.args, **kwargs: P.kwargs) -> R:
            with service.tracing.span(told, kind=kind, attributes=attributes):
                return func(*args, **kwargs)

        return calling

    return decorate
