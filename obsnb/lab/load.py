"""The users: tenants of different sizes, who log in, search, look at dashboards and alerts, day and night."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx

from obsnb.lab.database import DASHBOARDS, TENANTS
from obsnb.lab.service import Switches
from obsnb.lab.settings import LabSettings

__all__ = ["Load", "Route", "rate_at"]

_USERS = 4
_SUBJECTS = ("errors", "latency", "saturation", "traffic", "restarts", "timeouts")
_OUTSTANDING = 150
_PATIENCE_S = 15.0
_SWING = 0.35
_NOISE = 25  # so many times as often asks the noisy tenant
_RENEW_S = 45.0
Route = str
_SHARES: dict[Route, float] = {
    "search": 0.38,
    "dashboard": 0.34,
    "alerts": 0.22,
    "empty": 0.03,
    "missing": 0.03,
}


def rate_at(settings: LabSettings, seconds: float) -> float:
    """Requests a second at a time of the day: fewest at its begin and end, most in its middle.

    Examples
    --------
    >>> day = LabSettings("lab", rate=10.0, day_s=100.0)
    >>> round(rate_at(day, 0.0), 2), round(rate_at(day, 50.0), 2)
    (6.5, 13.5)
    """
    turn = 2 * math.pi * (seconds % settings.day_s) / settings.day_s
    return settings.rate * (1 - _SWING * math.cos(turn))


@dataclass
class _User:
    name: str
    tenant: str
    token: str = ""
    since: float = -math.inf


@dataclass
class Load:
    """Asks the backend as its users would.

    Attributes
    ----------
    settings
        Where, how often.
    switches
        A noisy tenant.
    counts
        What came of the requests: route and status → how many; ``none`` where no answer came.
    """

    settings: LabSettings
    switches: Switches = field(default_factory=Switches)
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, stop: asyncio.Event) -> None:
        """Until it is stopped; what is under way is waited for."""
        draw = random.Random(self.settings.seed)  # noqa: S311 - load, not secrets
        users = [_User(f"user-{tenant}-{n}", tenant) for tenant in TENANTS for n in range(_USERS)]
        # The k-th tenant is a k-th as big as the first.
        weights = [1.0 / (1 + TENANTS.index(user.tenant)) for user in users]
        limits = httpx.Limits(max_connections=_OUTSTANDING)
        url = self.settings.url("backend")
        async with httpx.AsyncClient(
            base_url=url, timeout=_PATIENCE_S, limits=limits, trust_env=False
        ) as client:
            await self._arrivals(client, users, weights, draw, stop)

    async def _arrivals(
        self,
        client: httpx.AsyncClient,
        users: list[_User],
        weights: list[float],
        draw: random.Random,
        stop: asyncio.Event,
    ) -> None:
        began = due = time.monotonic()
        under_way: set[asyncio.Task[None]] = set()
        while not stop.is_set():
            of, rate = weights, rate_at(self.settings, due - began)
            noisy = self.switches.noisy
            if noisy is not None:
                of = [w * _NOISE if u.tenant == noisy else w for u, w in zip(users, weights, strict=True)]
                rate *= sum(of) / sum(weights)
            due += draw.expovariate(rate)
            pause = due - time.monotonic()
            if pause > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
            if len(under_way) >= _OUTSTANDING:  # people go away when nothing comes
                self.counts["given up none"] += 1
                continue
            user = draw.choices(users, of)[0]
            route = draw.choices(list(_SHARES), list(_SHARES.values()))[0]
            if user.tenant == noisy:
                route = "search"
            task = asyncio.create_task(self._visit(client, user, route, draw.random()))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way, timeout=_PATIENCE_S)

    async def _visit(self, client: httpx.AsyncClient, user: _User, route: Route, chance: float) -> None:
        if time.monotonic() - user.since > _RENEW_S and not await self._log_in(client, user):
            return
        headers = {"authorization": f"Bearer {user.token}"}
        subject = _SUBJECTS[int(chance * len(_SUBJECTS))]
        board = 1 + int(chance * DASHBOARDS)
        if route in {"search", "empty"}:
            text = "" if route == "empty" else f"{subject} {int(chance * 1_000) % 40}"
            status = await self._ask(client, "POST", "/api/v1/search", headers, {"free_text": text})
        elif route in {"dashboard", "missing"}:
            number = board if route == "dashboard" else 99
            status = await self._ask(client, "GET", f"/api/v1/dashboards/{number}", headers)
        else:
            status = await self._ask(client, "GET", "/api/v1/alerts", headers)
        self.counts[f"{route} {status}"] += 1
        if status == "401":
            user.since = -math.inf

    async def _log_in(self, client: httpx.AsyncClient, user: _User) -> bool:
        asked = {"user": user.name, "tenant": user.tenant, "secret": self.settings.key}
        try:
            response = await client.post("/api/v1/login", json=asked)
        except httpx.HTTPError:
            self.counts["login none"] += 1
            return False
        self.counts[f"login {response.status_code}"] += 1
        if response.status_code != 200:
            return False
        user.token, user.since = response.json()["access_token"], time.monotonic()
        return True

    @staticmethod
    async def _ask(
        client: httpx.AsyncClient,
        method: str,
        path: str,
        headers: dict[str, str],
        body: dict[str, str] | None = None,
    ) -> str:
        try:
            return str((await client.request(method, path, headers=headers, json=body)).status_code)
        except httpx.HTTPError:
            return "none"
