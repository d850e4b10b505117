"""The secrets that the settings hold, in the spellings in which they could turn up in a text."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from obsnb.settings.endpoint import Basic, Bearer, Endpoint

__all__ = ["known_secrets"]

#: Shorter ones are words that stand in texts for other reasons (``admin``).
_SHORTEST = 8
_NAMED = ("TOKEN", "PASSWORD", "SECRET", "_KEY")


def known_secrets(
    ends: Iterator[Endpoint] | tuple[Endpoint, ...], environ: Mapping[str, str] | None = None
) -> frozenset[str]:
    """The secrets of the sources, and those of obsnb's own environment variables.

    Each as it is, as JSON and URLs write it, and a user and password as HTTP's basic authentication
    sends them. A token that a command prints, or that a file holds, is not fetched for this.
    """
    found: set[str] = set()
    for end in ends:
        for text in _of(end):
            found |= {text, json.dumps(text)[1:-1], quote(text, safe="")}
    for name, value in (os.environ if environ is None else environ).items():
        if name.startswith("OBSNB_") and name.endswith(_NAMED):
            found |= {value, json.dumps(value)[1:-1], quote(value, safe="")}
    return frozenset(text for text in found if len(text) >= _SHORTEST)


def _of(end: Endpoint) -> Iterator[str]:
    for auth in (end.auth, end.proxy_auth):
        if isinstance(auth, Bearer):
            yield auth.token.reveal()
        elif isinstance(auth, Basic):
            yield auth.password.reveal()
            yield b64encode(f"{auth.user}:{auth.password.reveal()}".encode()).decode()
    for value in end.headers.values():
        yield value.reveal()
