"""A made-up Grafana: it checks the token, lists data sources, passes on to stand-ins, holds annotations.

Made from its sources and documents, not from a running server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.standin.serving import Backend

Reply = tuple[int, dict[str, str], bytes]

_PROXY = re.compile(r"/api/datasources/proxy/uid/([^/]+)(/.*)")
#: The forms that its Prometheus data source lets through.
_FORMS = ("query", "query_range", "query_exemplars", "series", "labels")


@dataclass
class GrafanaStandIn:
    """A Grafana with one service account.

    Parameters
    ----------
    token
        Its service account's.
    sources
        As ``/api/datasources`` gives them.
    behind
        Uid → what answers there.
    annotations
        As ``/api/annotations`` gives them.
    listing, looking, noting
        Whether the service account may list data sources, look at one, read annotations.
    refusing
        Uids of data sources that refuse Grafana's own credentials.
    seen
        Method, path and parameters of every request.
    """

    token: str
    sources: Sequence[Mapping[str, Any]] = ()
    behind: Mapping[str, Backend] = field(default_factory=dict)
    annotations: Sequence[Mapping[str, Any]] = ()
    listing: bool = True
    looking: bool = True
    noting: bool = True
    refusing: frozenset[str] = frozenset()
    seen: list[tuple[str, str, dict[str, list[str]]]] = field(default_factory=list)

    def answer(self, method: str, path: str, params: dict[str, list[str]], headers: dict[str, str]) -> Reply:
        """What Grafana would answer."""
        self.seen.append((method, path, params))
        if path == "/api/health":
            return _json(200, {"database": "ok", "version": "12.3.0"})
        if headers.get("authorization") != f"Bearer {self.token}":
            said = {"message": "Invalid API key", "messageId": "api-key.invalid", "statusCode": 401}
            return _json(401, said)
        proxied = _PROXY.fullmatch(path)
        if proxied:
            return self._pass_on(proxied[1], method, proxied[2], params, headers)
        if path == "/api/datasources":
            return _json(200, list(self.sources)) if self.listing else _forbidden("datasources:read")
        if path.startswith("/api/datasources/uid/"):
            return self._one(path.removeprefix("/api/datasources/uid/"))
        if path == "/api/annotations":
            return self._noted(params) if self.noting else _forbidden("annotations:read")
        return _json(404, {"message": "Not found"})

    def _one(self, uid: str) -> Reply:
        if not self.looking:
            return _forbidden("datasources:read")
        found = [one for one in self.sources if one["uid"] == uid]
        return _json(200, found[0]) if found else _json(404, {"message": "Data source not found"})

    def _pass_on(
        self, uid: str, method: str, path: str, params: dict[str, list[str]], headers: dict[str, str]
    ) -> Reply:
        if uid not in self.behind:
            return _json(404, {"message": "Data source not found", "messageId": "datasources.notFound"})
        if uid in self.refusing:
            return 400, {"content-type": "text/plain"}, b"Authentication to data source failed"
        kind = next((one["type"] for one in self.sources if one["uid"] == uid), "")
        listed = kind == "prometheus" and path.removeprefix("/api/v1/") in _FORMS
        if method == "POST" and not listed:
            said = "non allow-listed POSTs not allowed on proxied Prometheus datasource"
            return _json(403, {"message": said})
        passed = {name: value for name, value in headers.items() if name != "authorization"}
        return self.behind[uid].answer(method, path, params, passed)

    def _noted(self, params: Mapping[str, Sequence[str]]) -> Reply:
        first, last = int(params["from"][0]), int(params["to"][0])
        limit = int(params.get("limit", ["100"])[0]) or 100
        touching = [one for one in self.annotations if one["time"] <= last and _end(one) >= first]
        touching.sort(key=lambda one: (-_end(one), -one["time"]))
        return _json(200, touching[:limit])


def _end(annotation: Mapping[str, Any]) -> int:
    return max(annotation["time"], annotation.get("timeEnd", 0))


def _forbidden(permission: str) -> Reply:
    said = f"You'll need additional permissions to perform this action. Permissions needed: {permission}"
    return _json(403, {"accessErrorId": "ACE0000000001", "message": said, "title": "Access denied"})


def _json(status: int, said: Any) -> Reply:
    return status, {"content-type": "application/json"}, json.dumps(said).encode()
