"""How a stack names things: its service label, request counter, trace id, tenant and so on.

A stack's names are data, not code. The defaults cover OpenTelemetry's semantic conventions (old
and new), Prometheus exporters, Tempo's span metrics and ObservaStack. `Conventions.override`
changes any of them, from the ``[conventions]`` table of obsnb.toml.
"""

from obsnb.conventions.reading import DEFAULT, Conventions
from obsnb.conventions.tables import METHODS, SEVERITY

__all__ = ["DEFAULT", "METHODS", "SEVERITY", "Conventions"]
