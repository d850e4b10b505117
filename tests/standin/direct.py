"""A transport that asks a stand-in in process, for quick property tests."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field

from obsnb.transport.exchange import Request, Response
from tests.standin.serving import Backend


@dataclass
class DirectTransport:
    """Implements `obsnb.transport.exchange.Transport`; remembers what was asked."""

    backend: Backend
    name: str = "loki"
    parallel: int = 4
    requests: list[Request] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        params: dict[str, list[str]] = {}
        for name, value in request.params:
            params.setdefault(name, []).append(value)
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, answered, body = self.backend.answer(request.method, request.path, params, headers)
        return Response(status, {name.lower(): value for name, value in answered.items()}, body)

    def map(self, requests: Iterable[Request]) -> Generator[Response, None, None]:
        for request in requests:
            yield self.send(request)

    def close(self) -> None:
        """Nothing to let go of."""
