"""Who asks whom, as a number that holds nothing of the URL, the tenant or the credentials."""

from __future__ import annotations

import hashlib
import hmac
import json

from obsnb.settings.endpoint import Basic, Bearer, Endpoint, TokenCommand, TokenFile

__all__ = ["fingerprint"]


def fingerprint(endpoint: Endpoint, *, key: bytes) -> str:
    """64 hex digits that tell apart whose answers are whose.

    Many gateways and Grafana Cloud read the tenant from the token or the user's name, so that the same URL
    gives others' rows to another token: whoever keeps answers has to keep them apart.

    Parameters
    ----------
    endpoint
        Its URL, tenant, and what goes along: the user's name, a fixed token, headers. Of a token that a
        command or a file gives, which others renew, the command or the file's name.
    key
        Random, and known on this machine only: the digits say nothing to who does not have it.
    """
    auth = endpoint.auth
    who: list[str] = [type(auth).__name__]
    if isinstance(auth, Basic):
        who += [auth.user, auth.password.reveal()]
    elif isinstance(auth, Bearer):
        who.append(auth.token.reveal())
    elif isinstance(auth, TokenCommand):
        who += auth.command
    elif isinstance(auth, TokenFile):
        who.append(auth.path)
    headers = sorted((name.lower(), value.reveal()) for name, value in endpoint.headers.items())
    told = json.dumps([endpoint.kind, endpoint.url, endpoint.tenant, who, headers])
    return hmac.new(key, told.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()
