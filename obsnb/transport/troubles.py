"""What a broken exchange means, in words: the name, the connection, TLS, or time."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from obsnb.settings import Endpoint
from obsnb.transport.retry import Trouble

__all__ = ["explain", "not_wanted", "out_of_step", "out_of_time"]

_WAITING = "Ask for a shorter window, or raise read_timeout_s and total_timeout_s in obsnb.toml."
_HANGING = "It takes connections: is it overloaded, or does something in between hold what is asked?"
_RUNNING = "Is it running, and is a port-forward or VPN needed? Check the URL (OBSNB_{kind}_URL, obsnb.toml)."
_BETWEEN = "If it stays so, ask for a shorter window, or look at what stands in between."


def explain(error: Exception, endpoint: Endpoint) -> Trouble:
    """What an error of the HTTP library comes to; its own text, which may hold a header, is not used."""
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, endpoint)
        if isinstance(cause, socket.gaierror):
            says = f"cannot be found: the name {urlsplit(endpoint.url).hostname} is not known here"
            return Trouble(says, _running(endpoint), again=cause.errno == socket.EAI_AGAIN)
        if isinstance(cause, ConnectionRefusedError):
            return Trouble("takes no connections", _running(endpoint), again=True)
    if type(error).__name__ == "RemoteProtocolError":
        return _by_protocol(str(error))
    return _by_name(type(error).__name__, endpoint)


def out_of_time(endpoint: Endpoint, within_s: float) -> Trouble:
    """The answer took longer than `total_timeout_s`, or than the question itself allows."""
    hint = _WAITING if within_s >= endpoint.total_timeout_s else _HANGING
    return Trouble(f"did not finish its answer within {within_s:g} s", hint, slow=True)


def out_of_step() -> Trouble:
    """An answer was there before the question: it belongs to another one."""
    return Trouble("answered before it was asked", _BETWEEN, again=True)


def not_wanted() -> Trouble:
    """An earlier answer failed, or nobody waits any more."""
    return Trouble("was not waited for", "")


def _by_name(name: str, endpoint: Endpoint) -> Trouble:
    """Errors whose kind says it all; known by name, so that this module needs no library."""
    silent = Trouble(f"said nothing for {endpoint.read_timeout_s:g} s", _WAITING, slow=True)
    slow = f"did not take the connection within {endpoint.connect_timeout_s:g} s"
    known = {
        "ConnectTimeout": Trouble(slow, _running(endpoint), again=True),
        "ConnectError": Trouble("cannot be reached", _running(endpoint), again=True),
        "ReadTimeout": silent,
        "WriteTimeout": silent,
        "ProxyError": Trouble(
            "cannot be reached: the proxy refuses", "Check proxy in obsnb.toml, or HTTPS_PROXY."
        ),
    }
    return known.get(name, Trouble("broke the connection", _BETWEEN, again=True))


def _by_protocol(says: str) -> Trouble:
    """What h11 says of bytes that are not an answer."""
    if says.startswith("peer closed connection"):
        return Trouble("broke off its answer", _BETWEEN, again=True)
    if says.startswith("Server disconnected"):
        return Trouble("closed the connection without an answer", _BETWEEN, again=True)
    return Trouble("does not speak HTTP here", "Check the port, and whether the URL begins with https://.")


def _tls(error: ssl.SSLError, endpoint: Endpoint) -> Trouble:
    kind = endpoint.kind.upper()
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".") or "its certificate does not hold"
        return Trouble(
            f"is not trusted: {why}",
            f"Name the file of the authority that signed its certificate: OBSNB_{kind}_CA_FILE, or ca_file "
            "in obsnb.toml.",
        )
    reason = (error.reason or "").replace("_", " ").lower()
    if "certificate required" in reason or "handshake failure" in reason:
        return Trouble(
            f"ended the TLS handshake ({reason})",
            f"It may want a client certificate: OBSNB_{kind}_CLIENT_CERT and OBSNB_{kind}_CLIENT_KEY.",
        )
    if "wrong version number" in reason or "record layer failure" in reason or "http request" in reason:
        return Trouble("does not speak TLS at this port", f"Write http:// in OBSNB_{kind}_URL or obsnb.toml.")
    if "eof" in reason:
        return Trouble(f"broke the TLS connection ({reason})", _BETWEEN, again=True)
    return Trouble(f"and this machine found no common TLS ({reason or 'no reason given'})", _BETWEEN)


def _running(endpoint: Endpoint) -> str:
    return _RUNNING.replace("{kind}", endpoint.kind.upper())


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__
