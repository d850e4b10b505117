"""One server: where it is, who asks, and how patiently. A secret is never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Literal, NoReturn
from urllib.parse import unquote, urlsplit

from obsnb.errors import SettingsError

__all__ = ["Auth", "Basic", "Bearer", "Endpoint", "Secret", "SourceKind", "TokenCommand", "TokenFile"]

SourceKind = Literal["loki", "prometheus", "tempo", "grafana"]


class Secret:
    """Text that is not shown: its repr and str are ``***``, and it cannot be pickled.

    Examples
    --------
    >>> Secret("anything")
    Secret(***)
    >>> f"{Secret('anything')}"
    '***'
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return compare_digest(
            self._text.encode(errors="surrogatepass"), other._text.encode(errors="surrogatepass")
        )

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise SettingsError(
            "A secret is not pickled: the file would hold it as plain text.",
            hint="Load the settings anew where they are needed.",
        )


@dataclass(frozen=True)
class Basic:
    """A user and a password."""

    user: str
    password: Secret

    def __repr__(self) -> str:
        return "Basic(***)"


@dataclass(frozen=True)
class Bearer:
    """A token."""

    token: Secret


@dataclass(frozen=True)
class TokenCommand:
    """A command that prints a token; it is run without a shell."""

    command: tuple[str, ...]

    def __repr__(self) -> str:
        return f"TokenCommand({self.command[0]!r}, ...)"


@dataclass(frozen=True)
class TokenFile:
    """A file that holds a token, read when it is needed: others may renew it."""

    path: str


Auth = Basic | Bearer | TokenCommand | TokenFile


#: Labels that Thanos, Mimir, the operator and others give to the replicas of a highly available pair.
REPLICA_LABELS = ("prometheus_replica", "__replica__", "receive_replica", "replica")


@dataclass(frozen=True)
class Endpoint:
    """Where a source is, and how it is asked.

    Attributes
    ----------
    name
        What the ledger and errors call it.
    kind
        ``loki``, ``prometheus`` (and what speaks like it), ``tempo`` or ``grafana``.
    url
        ``http`` or ``https``, with the path in front of the API where there is one
        (``/prometheus`` for Mimir). User and password in it are moved to `auth`.
    tenant
        Sent as ``X-Scope-OrgID``; ``a|b`` where the server takes several.
    auth
        `Basic`, `Bearer`, `TokenCommand`, `TokenFile`, or None.
    headers
        Further headers, sent with each request; their values count as secrets.
    ca_file
        PEM file of the certificate authorities to trust, instead of the machine's.
    client_cert, client_key
        PEM files of this client's certificate and its key.
    proxy, proxy_auth
        An HTTP proxy. Without, HTTP_PROXY, HTTPS_PROXY and NO_PROXY are followed.
    verify
        Whether the server's certificate is checked.
    connect_timeout_s
        How long a connection may take.
    read_timeout_s
        How long a server may be silent. Prometheus gives a query two minutes and then says so
        itself: the default is a little longer.
    total_timeout_s
        How long one question may take, retries and waiting included.
    parallel
        How many requests may be under way at once.
    retries
        How many times a request is sent again.
    max_bytes, max_series, max_requests, max_seconds
        A query is not sent that would read more bytes of lines, touch more series, need more requests or,
        by what earlier ones took, more seconds than this; None where nobody says. There is no default:
        what one server does in passing brings another one down.
    replica_labels
        Of a Prometheus: labels that tell highly available replicas apart, whose series are counted once.
        None (an empty list) leaves every answer as it comes.
    """

    name: str
    kind: SourceKind
    url: str
    tenant: str | None = None
    auth: Auth | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict, hash=False)
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = None
    proxy_auth: Basic | None = None
    verify: bool = True
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 125.0
    total_timeout_s: float = 600.0
    parallel: int = 6
    retries: int = 4
    max_bytes: int | None = None
    max_series: int | None = None
    max_requests: int | None = None
    max_seconds: float | None = None
    replica_labels: Sequence[str] = REPLICA_LABELS

    def __post_init__(self) -> None:
        url, auth = take_credentials(self.url, where=self.name)
        object.__setattr__(self, "url", url)
        object.__setattr__(self, "auth", self.auth or auth)
        object.__setattr__(self, "replica_labels", tuple(self.replica_labels))
        if self.proxy is not None:
            proxy, proxy_auth = take_credentials(self.proxy, where=f"the proxy of {self.name}")
            object.__setattr__(self, "proxy", proxy)
            object.__setattr__(self, "proxy_auth", self.proxy_auth or proxy_auth)
        for name, value in {"X-Scope-OrgID": Secret(self.tenant or ""), **self.headers}.items():
            if not sendable(name) or not sendable(value.reveal()):
                raise SettingsError(
                    f"A header of {self.name} cannot be sent: {name!r} or its value has a character "
                    "that headers do not take.",
                    hint="A header is one line of ASCII text.",
                )

    def __repr__(self) -> str:
        said = [f"{self.name} at {self.url}"]
        said += [f"tenant {self.tenant}"] if self.tenant else []
        said += [type(self.auth).__name__] if self.auth else []
        said += [] if self.verify else ["TLS not verified"]
        return f"Endpoint({', '.join(said)})"


def sendable(text: str) -> bool:
    """Whether a text may stand in an HTTP header: one line of printable ASCII."""
    return text.isascii() and (text.isprintable() or text == "")


def take_credentials(url: str, *, where: str) -> tuple[str, Basic | None]:
    """A URL without its user and password, and those; what is no URL is refused unseen.

    Raises
    ------
    SettingsError
        It is not an http or https URL with a host, or it has parameters.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.path:
        raise SettingsError(
            f"The URL of {where} is not one: {_shown(url)}",
            hint='Write it as "http://localhost:3100"; in a password, write @ as %40, / as %2F and : as %3A.',
        )
    if parts.query or parts.fragment:
        raise SettingsError(
            f"The URL of {where} has parameters after its path.",
            hint="Leave out what follows ? or #; further headers go into headers = { ... }.",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    bare = f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    if parts.username is None:
        return bare, None
    return bare, Basic(unquote(parts.username), Secret(unquote(parts.password or "")))


def _shown(url: str) -> str:
    """A URL as far as it can be shown: nothing up to the last @, nothing after a ?."""
    text = re.sub(r"^([a-z]+://)?.*@", r"\1***@", url.strip(), flags=re.IGNORECASE | re.DOTALL)
    return repr(text.split("?")[0][:200])
