"""Settings: profiles of obsnb.toml, the environment, and secrets that are never shown.

A file has ``[profiles.NAME]`` tables, in them what holds for every source and a table for each::

    profile = "prod"                        # the one to use when none is named

    [conventions]                           # how this stack names things
    service_labels = ["app", "job"]

    [profiles.prod]
    tenant = "acme"
    frames = "pandas"
    token_command = ["get-token", "prod"]   # or token_env, token_file, token
    max_bytes = "20 GB"                     # what no query may exceed; also for one source, in its table
    cache = true                            # settled answers are kept on disk, for no other user to read

    [profiles.prod.loki]
    url = "https://logs.example.org"
    ca_file = "ca.pem"

    [profiles.prod.prometheus]
    url = "https://metrics.example.org/prometheus"
    user = "reader"
    password_env = "METRICS_PASSWORD"

    [redact]                                # what is done with what is found before anything is written
    email = "mask"                          # keep, mask, remove or pseudonym
    user_fields = ["user_id", "customer_id"]
    key_env = "PSEUDONYM_KEY"               # the same pseudonyms in every archive; or key_file

    [redact.fields]
    order_ref = "remove"

Of the first three there may be several (clusters, regions, tenants): then the source's table has no
``url``, but a table for each, named as one likes. What else it says holds for each of them::

    [profiles.prod.tempo]
    read_timeout_s = 60

    [profiles.prod.tempo.eu]                # the source tempo.eu
    url = "https://traces.eu.example.org"

    [profiles.prod.tempo.us]
    url = "https://traces.us.example.org"
    tenant = "acme-us"
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
from obsnb.settings.known import known_secrets
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
    "known_secrets",
    "load",
]
