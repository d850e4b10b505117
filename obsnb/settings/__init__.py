"""Settings: profiles of obsnb.toml, the environment, and secrets that are never shown.

A file has ``[profiles.NAME]`` tables, in them what holds for every source and a table for each::

    profile = "prod"                        # the one to use when none is named

    [conventions]                           # how this stack names things
    service_labels = ["app", "job"]

    [profiles.prod]
    tenant = "acme"
    frames = "pandas"
    token_command = ["get-token", "prod"]   # or token_env, token_file, token

    [profiles.prod.loki]
    url = "https://logs.example.org"
    ca_file = "ca.pem"

    [profiles.prod.prometheus]
    url = "https://metrics.example.org/prometheus"
    user = "reader"
    password_env = "METRICS_PASSWORD"
"""

from obsnb.settings.endpoint import (
    Auth,
    Basic,
    Bearer,
    Endpoint,
    Secret,
    SourceKind,
    TokenCommand,
    TokenFile,
)
from obsnb.settings.profiles import Frames, Settings, load

__all__ = [
    "Auth",
    "Basic",
    "Bearer",
    "Endpoint",
    "Frames",
    "Secret",
    "Settings",
    "SourceKind",
    "TokenCommand",
    "TokenFile",
    "load",
]
