"""What the backend asks others, and what it makes of those that do not help."""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

import httpx

from obsnb.lab.backend.parts import Identity, Parts
from obsnb.lab.failures import (
    AuthenticationError,
    DataSourceError,
    ExternalServiceError,
)

__all__ = ["ask_plain", "ask_source", "healthy", "log_in"]

_WAYS = 6  # so deep is the tree of forty services


def log_in(parts: Parts, *, user: str, tenant: str, secret: str) -> dict[str, Any]:
    """A token of the identity provider.

    Raises
    ------
    AuthenticationError
        It does not know them.
    ExternalServiceError
        It does not answer, or fails.
    """
    asked = {"user": user, "tenant": tenant, "secret": secret}
    try:
        response = parts.clients[parts.identity].post("/token", json=asked)
    except httpx.TimeoutException as error:
        raise ExternalServiceError("The identity provider does not answer in time.", status=504) from error
    except httpx.HTTPError as error:
        raise ExternalServiceError("The identity provider cannot be reached.", status=503) from error
    if response.status_code == 401:
        raise AuthenticationError("User, tenant or password are wrong.")
    if response.status_code != 200:
        raise ExternalServiceError(f"The identity provider answers {response.status_code}.", status=503)
    told: dict[str, Any] = response.json()
    return told


def ask_source(parts: Parts, source: str, query: str, who: Identity) -> list[Any]:
    """What a data source answers to a query, from the cache where it is there.

    Raises
    ------
    DataSourceError
        It does not answer in time, has too much to do, fails or cannot be reached.
    """
    key = f"{source}:{who.tenant}:{query}"
    with parts.service.tracing.span("query_source", attributes={"datasource": source}) as span:
        kept = parts.cache.get(key)
        if kept is None:
            kept = _fetched(parts, source, query, who)
            parts.cache.put(key, kept)
        rows: list[Any] = json.loads(kept)["rows"]
        span.set_attribute("results.count", len(rows))
        return rows


def _fetched(parts: Parts, source: str, query: str, who: Identity) -> bytes:
    asked = {"query": query, "tenant": who.tenant}
    try:
        response = parts.clients[source].get("/query", params=asked)
    except httpx.TimeoutException as error:
        raise DataSourceError(f"{source} does not answer in time.", status=504) from error
    except httpx.HTTPError as error:
        raise DataSourceError(f"{source} cannot be reached.", status=503) from error
    if response.status_code == 429:
        after = response.headers.get("retry-after", "1")
        raise DataSourceError(
            f"{source} has too much to do.",
            status=503,
            retry_after_s=int(after) if after.isdigit() else 1,
        )
    if response.status_code != 200:
        raise DataSourceError(f"{source} answers {response.status_code}.")
    return response.content


def ask_plain(parts: Parts) -> int:
    """How many of the plain services took part; 0 where there are none.

    Raises
    ------
    ExternalServiceError
        One of them did not.
    """
    plain = [name for name in parts.service.logical.calls if parts.service.roster[name].part == "plain"]
    if not plain:
        return 0
    try:
        response = parts.clients[plain[0]].get("/work", params={"way": secrets.randbelow(2**_WAYS)})
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise ExternalServiceError(f"{plain[0]} does not help.") from error
    return int(response.json()["services"])


def healthy(parts: Parts, service: str) -> dict[str, Any]:
    """Whether a service answers, and how fast, measured."""
    began = time.perf_counter()
    try:
        status = parts.clients[service].get("/health").status_code
    except httpx.HTTPError as error:
        return {"status": "unhealthy", "error": type(error).__name__}
    latency = round((time.perf_counter() - began) * 1000, 3)
    return {"status": "healthy" if status == 200 else "unhealthy", "latency_ms": latency}
