"""How each fault is done: a function a fault, which breaks something and gives back what mends it."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obsnb.lab.cache import Cache
    from obsnb.lab.service import Service, Switches

__all__ = ["Act", "Here"]

_RELEASE, _MIGRATION = "1.7.4", "1.8.0"
_TRIES = 60
_MB = 1_024 * 1_024


@dataclass
class Here:
    """What a fault can reach in the process where it acts.

    Attributes
    ----------
    switches
        Those of the service that acts, or of the load.
    target
        The name of the service that is struck; of an edge, the service that is called.
    service, cache, pages
        None, or empty, where there is none.
    """

    switches: Switches
    target: str
    service: Service | None = None
    cache: Cache | None = None
    pages: dict[str, Any] = field(default_factory=dict)

    @property
    def own(self) -> Service:
        """The service, where there must be one."""
        if self.service is None:
            raise RuntimeError("This fault acts in a service.")
        return self.service


Mend = Callable[[], None]
Act = Callable[[Here], Mend]


def dropped_index(here: Here) -> Mend:
    """A release whose migration drops the index that searches need."""
    here.own.deploy(_MIGRATION)
    _schema(here, "drop")

    def mend() -> None:
        _schema(here, "create")
        here.own.deploy(here.own.logical.version)

    return mend


def _schema(here: Here, verb: str) -> None:
    """Change the schema, with a connection of its own; again where somebody holds a lock."""
    from sqlalchemy.exc import OperationalError

    from obsnb.lab.database import RUNS_INDEX, migrating

    for left in range(_TRIES, 0, -1):
        try:
            with migrating(here.own.settings) as connection:
                getattr(RUNS_INDEX, verb)(connection, checkfirst=True)
            return
        except OperationalError:
            if left == 1:
                raise
            time.sleep(0.1)


def pool_exhaustion(here: Here) -> Mend:
    """A release that keeps a connection while it waits for something else."""
    return _released(here, hold_s=1.2)


def n_plus_one(here: Here) -> Mend:
    """A release that reads the panels of a dashboard one by one."""
    return _released(here, per_row=True)


def lock_contention(here: Here) -> Mend:
    """A release of the worker that keeps its lock while it thinks."""
    return _released(here, lock_s=1.5)


def release_raises(here: Here) -> Mend:
    """A release that reads a column which the database does not have yet."""
    return _released(here, raises="/api/v1/alerts")


def release_wrong_status(here: Here) -> Mend:
    """A release whose good answers go out as server errors."""
    return _released(here, wrong_status={"/api/v1/alerts": 500})


def cache_storm(here: Here) -> Mend:
    """The cache was emptied, and keeps nothing."""
    if here.cache is not None:
        here.cache.clear()
    return _turned(here, cold=True)


def slow(here: Here) -> Mend:
    """Every answer waits."""
    return _turned(here, delay_s=0.9)


def failing(here: Here) -> Mend:
    """Every request is refused: 503."""
    return _turned(here, refuse=503)


def limited(here: Here) -> Mend:
    """Every request is too many: 429."""
    return _turned(here, refuse=429)


def hanging(here: Here) -> Mend:
    """No request is answered in time."""
    return _turned(here, hang=True)


def network_delay(here: Here) -> Mend:
    """Requests to one service are on their way longer."""
    here.switches.delay_to_s[here.target] = 0.6

    def mend() -> None:
        here.switches.delay_to_s.pop(here.target, None)

    return mend


def clock_skew(here: Here) -> Mend:
    """The clock of a host is wrong."""
    here.own.clock.skew_ns = 45 * 10**9

    def mend() -> None:
        here.own.clock.skew_ns = 0

    return mend


def noisy_tenant(here: Here) -> Mend:
    """One tenant asks many times as often as it did."""
    return _turned(here, noisy="umbrella")


def frontend_release(here: Here) -> Mend:
    """A release of the page whose script fails on every dashboard."""
    before = here.pages["release"]
    here.pages["release"] = "2.4.0"
    turned = _turned(here, page="broken")

    def mend() -> None:
        here.pages["release"] = before
        turned()

    return mend


def cpu_burn(_: Here) -> Mend:
    """Something computes all the time, in the same process as the requests."""
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            hashlib.sha256(b"lab").digest()

    burning = [threading.Thread(target=burn, name=f"burn-{number}", daemon=True) for number in range(3)]
    for thread in burning:
        thread.start()

    def mend() -> None:
        stop.set()
        for thread in burning:
            thread.join()

    return mend


def memory_leak(here: Here) -> Mend:
    """Every request leaves something behind, up to as much as harms no machine."""
    turned = _turned(here, leak_bytes=_MB // 2)

    def mend() -> None:
        turned()
        here.own.leaked.clear()

    return mend


def _turned(here: Here, **switches: Any) -> Mend:
    """Switches as said, until they are as they were."""
    before = {name: getattr(here.switches, name) for name in switches}
    for name, value in switches.items():
        setattr(here.switches, name, value)

    def mend() -> None:
        for name, value in before.items():
            setattr(here.switches, name, value)

    return mend


def _released(here: Here, **switches: Any) -> Mend:
    """A release with these switches, until the one before is back."""
    here.own.deploy(_RELEASE)
    turned = _turned(here, **switches)

    def mend() -> None:
        turned()
        here.own.deploy(here.own.logical.version)

    return mend
