"""A cache for the data sources' answers: in the process, or in Redis where its address is given."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from obsnb.errors import UsageError
from obsnb.lab.service import Service

__all__ = ["Cache", "cache_of"]

_TTL_S = 10.0
_MOST = 1_000


class _Store(Protocol):
    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, value: bytes) -> None: ...

    def clear(self) -> None: ...


class Cache:
    """Looks things up, and counts whether they were there."""

    def __init__(self, store: _Store, service: Service) -> None:
        self._store, self._service = store, service

    def get(self, key: str) -> bytes | None:
        """What is kept under a key, unless it is too old."""
        with self._service.tracing.span("cache.get", attributes={"cache.key": key}) as span:
            found = None if self._service.switches.cold else self._store.get(key)
            result = "hit" if found is not None else "miss"
            span.set_attribute("cache.result", result)
            self._service.metrics.cache.labels(result).inc()
            return found

    def put(self, key: str, value: bytes) -> None:
        """Keep something for a while."""
        self._store.put(key, value)

    def clear(self) -> None:
        """Forget everything."""
        self._store.clear()


class _Memory:
    def __init__(self) -> None:
        self._held: dict[str, tuple[float, bytes]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            until, value = self._held.get(key, (0.0, b""))
        return value if time.monotonic() < until else None

    def put(self, key: str, value: bytes) -> None:
        with self._lock:
            if len(self._held) >= _MOST:
                self._held.pop(next(iter(self._held)))
            self._held[key] = (time.monotonic() + _TTL_S, value)

    def clear(self) -> None:
        with self._lock:
            self._held.clear()


class _Redis:
    def __init__(self, url: str) -> None:
        import redis

        try:
            self._redis = redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=2.0)
            self._redis.ping()
        except (redis.RedisError, ValueError) as error:
            raise UsageError(
                f"Redis refuses: {error}", hint="Leave --redis out, and the cache is in the process."
            ) from None

    def get(self, key: str) -> bytes | None:
        value = self._redis.get(f"obsnb-lab:{key}")
        return value if isinstance(value, bytes) else None

    def put(self, key: str, value: bytes) -> None:
        self._redis.set(f"obsnb-lab:{key}", value, ex=int(_TTL_S))

    def clear(self) -> None:
        for key in self._redis.scan_iter("obsnb-lab:*"):
            self._redis.delete(key)


def cache_of(service: Service) -> Cache:
    """The cache that the settings ask for.

    Raises
    ------
    UsageError
        Redis does not answer.
    """
    url = service.settings.redis_url
    return Cache(_Memory() if url is None else _Redis(url), service)
