"""Pseudonyms: the same name for the same text, from which nobody without the key gets the text back."""

from __future__ import annotations

import hmac
import ipaddress
import secrets

__all__ = ["MASKED", "Pseudonyms"]

#: Texts that masking left behind, and that it leaves alone, with Markdown's escapes or without.
MASKED = r"\\?\[(?:redacted:[a-z-]+|[a-z-]+:[0-9a-f]{12})\\?\]"

_LETTERS = 12


class Pseudonyms:
    """Pseudonyms under one key.

    Parameters
    ----------
    key
        Whoever has it can try addresses and numbers until one fits, so it is as secret as they are.
        Without one a random key is made, which is never written anywhere.

    Notes
    -----
    HMAC (RFC 2104) with SHA-256 of the text without its kind, cut to 48 bits: a user's e-mail address has
    the same letters wherever it stands, and among a million of them two share theirs with a chance of one
    in 560.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = secrets.token_bytes(32) if key is None else key
        self._known: dict[tuple[str, str], str] = {}

    def __repr__(self) -> str:
        return "Pseudonyms(***)"

    def of(self, kind: str, text: str) -> str:
        """The pseudonym of a text: ``[email:0f1e2d3c4b5a]``."""
        if (kind, text) not in self._known:
            self._known[kind, text] = f"[{kind}:{self.digest(_normal(kind, text))}]"
        return self._known[kind, text]

    def digest(self, text: str, letters: int = _LETTERS) -> str:
        """So many hexadecimal digits that stand for a text."""
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, data, "sha256").hex()[:letters]


def _normal(kind: str, text: str) -> str:
    """One spelling for what is the same."""
    plain = text.strip()
    if kind in {"ip", "private-ip"}:
        try:
            return str(ipaddress.ip_address(plain))
        except ValueError:
            return plain.lower()
    for at in ("%40", "\\u0040"):
        plain = plain.replace(at, "@")
    return plain.lower() if "@" in plain else plain
