"""The headers that say who asks, and the tokens that others hand out."""

from __future__ import annotations

import subprocess
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from obsnb.errors import AccessError
from obsnb.settings import Basic, Bearer, Endpoint, Secret, TokenCommand, TokenFile

__all__ = ["Identity", "run"]

#: Shorter text would be found by chance in what servers say, and say nothing if left in.
_SHORTEST = 6
_COMMAND_TIMEOUT_S = 60.0


def run(command: Sequence[str]) -> tuple[Secret, str]:
    """Run a command without a shell.

    Returns
    -------
    Secret
        What it printed, which no error tells.
    str
        What went wrong, or nothing.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the command is the user's own setting, and no shell reads it
            list(command),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        return Secret(""), f"it cannot be run ({error.strerror})"
    except subprocess.TimeoutExpired:
        return Secret(""), f"it did not end within {_COMMAND_TIMEOUT_S:.0f} s"
    if done.returncode:
        return Secret(""), f"it ended with exit code {done.returncode}"
    return Secret(done.stdout.decode("utf-8", "replace")), ""


class Identity:
    """Who asks: the headers of an endpoint, its token fetched once and again after a 401.

    Safe to use from several threads.

    Parameters
    ----------
    endpoint
        Whose headers.
    command
        Runs a token command: what it printed, and what went wrong.
    """

    def __init__(
        self, endpoint: Endpoint, *, command: Callable[[Sequence[str]], tuple[Secret, str]] = run
    ) -> None:
        self._endpoint = endpoint
        self._command = command
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._secrets: set[str] = set()
        self._number = 0

    def headers(self) -> tuple[dict[str, str], int]:
        """The headers to send, and the number of the token in them, for `renew`.

        Raises
        ------
        AccessError
            The token command or file gave no token.
        """
        with self._lock:
            authorization = self._authorization()  # first: where it fails, no secret is in reach yet
            out = {name: value.reveal() for name, value in self._endpoint.headers.items()}
            if authorization is not None:
                out["Authorization"] = authorization.reveal()
            self._secrets |= {word for value in out.values() for word in (value, *value.split())}
            number = self._number
        if self._endpoint.tenant:
            out["X-Scope-OrgID"] = self._endpoint.tenant
        return out, number

    def renew(self, number: int) -> bool:
        """Forget the token with this number; whether there is a way to another one."""
        if not isinstance(self._endpoint.auth, TokenCommand | TokenFile):
            return False
        with self._lock:
            if number == self._number:  # else another thread has renewed it already
                self._token = None
                self._number += 1
        return True

    def mask(self, text: bytes) -> bytes:
        """The text of a refusal without our own secrets, should the server repeat them."""
        auth = self._endpoint.auth
        with self._lock:
            known = self._secrets | ({auth.password.reveal()} if isinstance(auth, Basic) else set())
        for secret in sorted(known, key=len, reverse=True):
            if len(secret) >= _SHORTEST and secret not in {"Basic", "Bearer"}:
                text = text.replace(secret.encode(), b"***")
        return text

    def _authorization(self) -> Secret | None:
        auth = self._endpoint.auth
        if auth is None:
            return None
        if isinstance(auth, Basic):
            pair = f"{auth.user}:{auth.password.reveal()}".encode()
            return Secret(f"Basic {b64encode(pair).decode()}")
        if self._token is None:
            self._token = self._fetch(auth)
        return Secret(f"Bearer {self._token.reveal()}")

    def _fetch(self, auth: Bearer | TokenCommand | TokenFile) -> Secret:
        name = self._endpoint.name
        if isinstance(auth, Bearer):
            whence, (token, wrong) = f"The token of {name}", (auth.token, "")
        elif isinstance(auth, TokenCommand):
            whence = f"The token command of {name} ({auth.command[0]})"
            token, wrong = self._command(auth.command)
        else:
            whence = f"The token file of {name} ({auth.path})"
            token, wrong = _read(auth.path)
        wrong = wrong or _wrong(token)
        if wrong:
            raise AccessError(
                f"{whence} cannot be used: {wrong}.",
                hint="Try it by hand; it is set in obsnb.toml or in the environment.",
            )
        return Secret(token.reveal().strip())


def _wrong(token: Secret) -> str:
    text = token.reveal().strip()
    if not text:
        return "it gives nothing"
    fits = text.isascii() and text.isprintable() and " " not in text
    return "" if fits else "what it gives is not one word of ASCII text"


def _read(path: str) -> tuple[Secret, str]:
    try:
        return Secret(Path(path).read_text(encoding="utf-8", errors="replace")), ""
    except OSError as error:
        return Secret(""), f"it cannot be read ({error.strerror})"
