"""Reading of access tokens with the identity provider's published keys."""

from __future__ import annotations

import threading
import time
from typing import Any

import httpx
import jwt

from obsnb.lab.failures import AuthenticationError, ExternalServiceError
from obsnb.lab.service import Service

__all__ = ["AUDIENCE", "ISSUER", "TokenReader"]

AUDIENCE, ISSUER = "obsnb-lab", "obsnb-lab-identity"
#: How long keys are used without asking for them again.
_KEYS_S = 20.0


class TokenReader:
    """Verifies tokens; keys are fetched from the provider's JWKS, and again when they are old."""

    def __init__(self, service: Service, provider: httpx.Client) -> None:
        self._service, self._provider = service, provider
        self._keys: dict[str, jwt.PyJWK] = {}
        self._until = 0.0
        self._lock = threading.Lock()

    def read(self, token: str) -> dict[str, Any]:
        """The claims of a token.

        Raises
        ------
        AuthenticationError
            It was not issued by the provider, is over, or is for somebody else.
        ExternalServiceError
            The provider does not give its keys.
        """
        with self._service.tracing.span("verify_token") as span:
            try:
                known = self._key(jwt.get_unverified_header(token).get("kid", ""))
                claims: dict[str, Any] = jwt.decode(
                    token,
                    known,
                    algorithms=["RS256"],
                    audience=AUDIENCE,
                    issuer=ISSUER,
                    options={"require": ["exp", "sub", "tenant"]},
                )
            except jwt.PyJWTError as error:
                raise AuthenticationError(f"The token does not hold: {error}") from error
            span.set_attribute("tenant.id", str(claims["tenant"]))
            return claims

    def _key(self, kid: str) -> jwt.PyJWK:
        with self._lock:
            if kid not in self._keys or time.monotonic() >= self._until:
                self._keys = self._fetched()
                self._until = time.monotonic() + _KEYS_S
            if kid not in self._keys:
                raise AuthenticationError("The token was signed with a key that nobody knows.")
            return self._keys[kid]

    def _fetched(self) -> dict[str, jwt.PyJWK]:
        try:
            response = self._provider.get("/jwks.json")
            response.raise_for_status()
        except httpx.HTTPError as error:
            raise ExternalServiceError("The identity provider does not give its keys.", status=503) from error
        found = jwt.PyJWKSet.from_dict(response.json())
        return {key.key_id: key for key in found.keys if key.key_id}
