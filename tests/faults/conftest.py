"""A client whose time passes when somebody sleeps or looks, so that no test waits for it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from obsnb.errors import ObsnbError
from obsnb.settings import Endpoint, SourceKind
from obsnb.sources.base import Answer
from obsnb.transport.exchange import Request, Response
from obsnb.transport.http import HttpTransport
from tests.faults.misbehaving import Misbehaving

TOTAL_S = 20.0
_SILENCE_S = 0.1
_TICK_S = 0.1


class Clock(threading.local):
    """Each thread's own: it moves when the thread sleeps, and a little when it looks."""

    now = 0.0

    def look(self) -> float:
        self.now += _TICK_S
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Watched(HttpTransport):
    """A transport that notes how long its questions took, each by the clock of its thread."""

    def __init__(self, url: str, kind: SourceKind, *, silence_s: float = _SILENCE_S) -> None:
        self.spent: list[float] = []
        self._time = Clock()
        settings = {"read_timeout_s": silence_s, "total_timeout_s": TOTAL_S, "parallel": 3}
        endpoint = Endpoint(kind, kind, url, **settings)
        super().__init__(endpoint, clock=self._time.look, sleep=self._time.sleep, random=lambda: 0.5)

    def _send(self, request: Request, unwanted: Callable[[], bool]) -> Response:
        began = self._time.now
        try:
            return super()._send(request, unwanted)
        finally:
            self.spent.append(self._time.now - began)

    def in_use(self) -> int:
        """How many of its connections are still taken."""
        pool: Any = self._client and self._client._transport._pool
        return sum(not (one.is_idle() or one.is_closed()) for one in pool.connections) if pool else 0


@dataclass(frozen=True)
class Outcome:
    """What came of a question: an answer, or an error as a notebook keeps it, traceback and all."""

    answer: Answer | None = None
    error: ObsnbError | None = None


def outcome_of(
    server: Misbehaving,
    kind: SourceKind,
    ask: Callable[[Watched], Answer],
    *,
    silence_s: float = _SILENCE_S,
) -> Outcome:
    """Ask, and see that nothing is left behind: no time, no thread, no connection, no setting."""
    transport = Watched(server.url, kind, silence_s=silence_s)
    collecting = server.plan.seed % 2 == 0
    gc.enable() if collecting else gc.disable()
    try:
        try:
            outcome = Outcome(answer=ask(transport))
        except ObsnbError as error:
            outcome = Outcome(error=error)
        assert gc.isenabled() is collecting
    finally:
        gc.enable()
    assert not [thread for thread in threading.enumerate() if thread.name == f"obsnb-{kind}"]
    assert max(transport.spent, default=0) <= TOTAL_S + 1
    assert transport.in_use() == 0
    transport.close()
    assert server.deserted()
    return outcome


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
