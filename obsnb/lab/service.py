"""A running logical service: what it tells of itself, what it asks others with, and what is wrong with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from opentelemetry.sdk.resources import Resource

from obsnb.lab.as_written import written_formatter
from obsnb.lab.roster import LogicalService, Roster
from obsnb.lab.settings import HOST, NAMESPACE, LabSettings
from obsnb.lab.telemetry.emission import Emission
from obsnb.lab.telemetry.logs import OtlpHandler, StructuredFormatter, logger_of
from obsnb.lab.telemetry.metrics import Metrics
from obsnb.lab.telemetry.scrape import otlp_metrics
from obsnb.lab.telemetry.tracing import HostClock, Tracing, sampler_of

__all__ = ["Service", "Switches"]


@dataclass
class Switches:
    """What is wrong with a service at the moment; faults turn these, and the service's code reads them.

    Attributes
    ----------
    delay_s
        Seconds that every answer waits.
    delay_to_s
        Service → seconds that a request to it is on its way longer.
    refuse
        A status that every request is answered with instead.
    hang
        Whether requests are never answered.
    raises
        A route whose handler has a bug.
    wrong_status
        Route → the status that its good answers go out with.
    per_row
        Whether a dashboard's panels are read one by one.
    hold_s
        Seconds that a connection is kept back while something else is waited for.
    lock_s
        Seconds that a transaction of the worker keeps its lock.
    cold
        Whether nothing is found in the cache.
    leak_bytes
        What every request leaves behind in memory.
    page
        Which release of the page's script is served.
    noisy
        The tenant that asks many times as often as it did.
    """

    delay_s: float = 0.0
    delay_to_s: dict[str, float] = field(default_factory=dict)
    refuse: int | None = None
    hang: bool = False
    raises: str | None = None
    wrong_status: dict[str, int] = field(default_factory=dict)
    per_row: bool = False
    hold_s: float = 0.0
    lock_s: float = 0.0
    cold: bool = False
    leak_bytes: int = 0
    page: str = "good"
    noisy: str | None = None


class Service:
    """One logical service.

    Parameters
    ----------
    logical
        Which.
    settings, roster
        The lab's.
    emission
        The process' way out for logs and spans.
    own_process
        Whether the process is this service's alone, so that its CPU and memory are.
    """

    def __init__(
        self,
        logical: LogicalService,
        *,
        settings: LabSettings,
        roster: Roster,
        emission: Emission,
        own_process: bool,
    ) -> None:
        self.logical, self.settings, self.roster = logical, settings, roster
        self.clock, self.switches = HostClock(), Switches()
        self.leaked: list[bytearray] = []
        self._emission = emission
        self.version = logical.version
        self.metrics = Metrics(
            logical.name, self.version, own_process=own_process, exemplars=not settings.as_written
        )
        self._announce()

    def __repr__(self) -> str:
        return f"Service({self.name} {self.version})"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.logical.name

    @property
    def resource(self) -> Mapping[str, str]:
        """Who emits, as every signal of it says."""
        return {
            "service.name": self.name,
            "service.namespace": NAMESPACE,
            "service.instance.id": f"{self.name}-{os.getpid()}",
            "service.version": self.version,
            "host.name": HOST,
        }

    def deploy(self, version: str) -> None:
        """Another release runs from now on: every signal says so, and a line of the log."""
        before, self.version = self.version, version
        self._announce()
        self.metrics.deployed(version)
        verb = "Rolled back" if version == self.logical.version else "Deployed"
        self.log.info("%s %s to version %s", verb, self.name, version, extra={"previous_version": before})

    def scrape(self) -> None:
        """Write the metrics of now to the files."""
        now = self.clock.now_ns()
        self._emission.metrics.write(otlp_metrics(self.metrics.registry, self.resource, now))

    def url_of(self, service: str) -> str:
        """Where another service is."""
        other = self.roster[service]
        return f"{self.settings.url(other.process)}{other.path}"

    def _announce(self) -> None:
        written = self.settings.as_written
        # Without a resource the SDK says unknown_service: what the guide's spans look like.
        resource = Resource.create({} if written else dict(self.resource))
        self.tracing = Tracing(
            resource,
            [*self._emission.spans],
            clock=self.clock,
            sampler=sampler_of(self.settings.sampling),
            correlated=not written,
        )
        console = logging.StreamHandler()
        console.setFormatter(written_formatter() if written else StructuredFormatter(self.name, self.clock))
        otlp = OtlpHandler(
            Resource.create(dict(self.resource)),  # of the agent that reads the output, where as written
            [*self._emission.logs],
            clock=self.clock,
            formatter=written_formatter() if written else None,
        )
        self.log = logger_of(self.name, [console, otlp])
