"""What is sent and what comes back, and the seam between sources and the network."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Request", "Response", "Transport"]


@dataclass(frozen=True)
class Request:
    """A question to a server, relative to its URL.

    Attributes
    ----------
    path
        Below the source's URL, such as ``/loki/api/v1/query_range``.
    params
        Query parameters, in order.
    headers
        Further headers (``Accept``); credentials and tenant are the transport's.
    method
        ``GET``, or ``POST`` with the parameters as a form.
    within_s
        How long the answer may take, tries and waiting included, where that is less than the profile says.
    """

    path: str
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"
    within_s: float | None = None


@dataclass(frozen=True)
class Response:
    """A server's answer, whatever its status.

    Attributes
    ----------
    status, headers, body
        As they came; header names in lower case, the body uncompressed.
    seconds
        From the first byte sent to the last received, of the attempt that counted.
    retries
        How many attempts went before it.
    delimited
        Whether something says where the body ends: its length, its chunks or its compression. Else a
        body that was cut looks whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float = 0.0
    retries: int = 0
    delimited: bool = True

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes, {self.seconds:.3f} s)"

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


class Transport(Protocol):
    """Sends requests to one server; safe to call from several threads."""

    @property
    def name(self) -> str:
        """The source's name, for errors and the ledger."""

    @property
    def parallel(self) -> int:
        """How many requests may be under way at once."""

    def send(self, request: Request) -> Response:
        """The answer, after retries where they help.

        Raises
        ------
        UnreachableError
            No answer came: name, connection, TLS, a body cut short, or time ran out.
        """

    def map(self, requests: Iterable[Request]) -> Generator[Response, None, None]:
        """The answers in the order of the requests, several under way at once.

        The first error ends it; what is under way is waited for, nothing leaks. So does closing it:
        who may leave it half way closes it (`contextlib.closing`), because an error that is kept, as
        a notebook keeps its last one, keeps what it passed through.
        """

    def close(self) -> None:
        """Let go of the connections."""
