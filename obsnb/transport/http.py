"""Requests to one server over HTTP: the only module that knows httpx."""

from __future__ import annotations

import random as chance
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from obsnb.errors import AnswerError, SettingsError, UnreachableError
from obsnb.settings import Endpoint, Secret
from obsnb.transport import auth, body
from obsnb.transport.exchange import Request, Response
from obsnb.transport.fan import in_order
from obsnb.transport.limit import Limit
from obsnb.transport.punctual import Deadline, hold, is_stale
from obsnb.transport.retry import Policy, Trouble
from obsnb.transport.slowness import kind_of
from obsnb.transport.troubles import explain, not_wanted, out_of_step, out_of_time

if TYPE_CHECKING:
    import httpx

__all__ = ["HttpTransport"]

_HOPS = 3
_SLICE_S = 0.5
#: Too many requests, not ready, and a gateway that waited too long for it.
_TOO_MUCH = frozenset({429, 503, 504})
_DELIMITERS = ("content-length", "transfer-encoding")


@dataclass(frozen=True)
class _Try:
    """One attempt: what is asked, how long and until when, and whether anybody still wants to know."""

    request: Request
    within_s: float
    deadline: float
    unwanted: Callable[[], bool]


class HttpTransport:
    """Sends requests to one server over HTTP/1.1; safe to call from several threads.

    It blocks its caller and works in threads of its own, so that it needs no event loop and minds
    none that is running (Jupyter's).

    Parameters
    ----------
    endpoint
        Where the server is, and how it is asked.
    clock
        Seconds, ever growing.
    sleep
        Waits for so many seconds.
    random
        Even chance between 0 and 1.
    command
        Runs a token command.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = chance.random,
        command: Callable[[Sequence[str]], tuple[Secret, str]] = auth.run,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._identity = auth.Identity(endpoint, command=command)
        self._policy = Policy(retries=endpoint.retries, total_s=endpoint.total_timeout_s)
        self._limit = Limit(endpoint.parallel)
        self._deadline = Deadline(clock)
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None

    @property
    def name(self) -> str:
        """The source's name."""
        return self._endpoint.name

    @property
    def parallel(self) -> int:
        """How many requests may be under way at once: fewer after a refusal, and for a slow server."""
        return self._limit.allowed

    def __repr__(self) -> str:
        return f"HttpTransport({self._endpoint!r})"

    def send(self, request: Request) -> Response:
        """The answer, whatever its status, after retries where they help.

        A redirect within the server is followed; one to elsewhere is returned as it came, so that
        credentials stay where they belong.

        Raises
        ------
        UnreachableError
            No whole answer came: name, connection, TLS, or time ran out.
        AnswerError
            The answer's compression is damaged, or it is too big.
        AccessError
            The token command or file gave no token.
        SettingsError
            A certificate's file cannot be used.
        """
        # In a thread of its own, as those of `map`: an interrupt comes to the main thread wherever it is, and
        # within a lock of the HTTP library it would leave that locked, and every later request waiting.
        with closing(self.map([request])) as answers:
            return next(answers)

    def map(self, requests: Iterable[Request]) -> Generator[Response, None, None]:
        """The answers in the order of the requests, several under way at once.

        The first error ends it: what has not begun is not sent, what is under way is waited for.
        """
        return in_order(
            self._send, requests, ahead=2 * self._endpoint.parallel, name=f"obsnb-{self._endpoint.name}"
        )

    def close(self) -> None:
        """Let go of the connections; a later request opens new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _send(self, request: Request, unwanted: Callable[[], bool]) -> Response:
        began = self._clock()
        within_s = self._endpoint.total_timeout_s
        if request.within_s is not None:
            within_s = min(request.within_s, within_s)
        one = _Try(request, within_s, began + within_s, unwanted)
        tries, renewed = 0, False
        while True:
            outcome, token = self._attempt(one)
            tries += 1
            if isinstance(outcome, Response) and outcome.status == 401 and not renewed:
                renewed = self._identity.renew(token)
                if renewed:
                    continue
            wait = self._policy.wait_s(
                outcome, tries=tries, spent_s=self._clock() - began, chance=self._random()
            )
            if wait is None or unwanted() or self._clock() + wait >= one.deadline:
                return self._conclude(outcome, tries)
            self._pause(wait, unwanted)

    def _conclude(self, outcome: Response | Trouble, tries: int) -> Response:
        if isinstance(outcome, Response):
            return replace(outcome, retries=tries - 1)
        where = f"{self._endpoint.name} at {self._endpoint.url}"
        where += f", through {self._endpoint.proxy}," if self._endpoint.proxy else ""
        tried = f" (tried {tries} times)" if tries > 1 else ""
        says = f"{where} {outcome.says}{tried}."
        if outcome.corrupt:
            raise AnswerError(says, hint=outcome.hint)
        error = UnreachableError(says, hint=outcome.hint)
        error.timed_out = outcome.slow
        raise error

    def _pause(self, seconds: float, unwanted: Callable[[], bool]) -> None:
        """Wait, in slices, so that nobody waits for a wait that serves nobody."""
        while seconds > 0 and not unwanted():
            self._sleep(min(seconds, _SLICE_S))
            seconds -= _SLICE_S

    def _attempt(self, one: _Try) -> tuple[Response | Trouble, int]:
        """One exchange in its place, and the number of the token it used.

        Errors of the network come back as values: an exception would carry frames that hold
        headers.
        """
        client = self._connections()
        with self._limit.place() as place:
            if one.unwanted():
                return not_wanted(), 0
            headers, token = self._identity.headers()
            outcome = self._exchange(client, one, headers)
            self._learn(one.request, outcome, place)
        if isinstance(outcome, Response) and not outcome.ok:
            masked = {
                name: self._identity.mask(value.encode()).decode() for name, value in outcome.headers.items()
            }
            outcome = replace(outcome, body=self._identity.mask(outcome.body), headers=masked)
        return outcome, token

    def _learn(self, request: Request, outcome: Response | Trouble, place: int) -> None:
        """How many may be under way, by what came of one of them."""
        if outcome.slow if isinstance(outcome, Trouble) else outcome.status in _TOO_MUCH:
            self._limit.refused(place)
        elif isinstance(outcome, Response):
            # What was refused came quickly, and says nothing of how long an answer takes.
            took = outcome.seconds if outcome.ok else None
            self._limit.answered(place, kind=kind_of(request, outcome), seconds=took)

    def _exchange(self, client: httpx.Client, one: _Try, headers: Mapping[str, str]) -> Response | Trouble:
        """Ask, and follow redirects that stay within the server."""
        import httpx

        request, form = one.request, one.request.method == "POST"
        parts = ({"Accept-Encoding": "gzip", "User-Agent": "obsnb"}, request.headers, headers)
        sent = {name.lower(): value for part in parts for name, value in part.items()}
        asking = client.build_request(
            request.method,
            self._endpoint.url + request.path,
            params=None if form or not request.params else request.params,
            data=_grouped(request.params) if form else None,
            headers=sent,
        )
        try:
            for _ in range(_HOPS):
                outcome = self._one(client, asking, one)
                target = _within(asking, outcome, request.path)
                if target is None:
                    break
                asking = client.build_request(request.method, target, headers=sent)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            late = self._clock() >= one.deadline
            outcome = out_of_time(self._endpoint, one.within_s) if late else explain(error, self._endpoint)
            outcome = not_wanted() if one.unwanted() else outcome
        return outcome

    def _one(self, client: httpx.Client, asking: httpx.Request, one: _Try) -> Response | Trouble:
        """One request, its answer read to the end or to the deadline."""

        def stopped() -> Trouble | None:
            if self._clock() > one.deadline:
                return out_of_time(self._endpoint, one.within_s)
            return not_wanted() if one.unwanted() else None

        began = self._clock()
        with self._deadline.at(one.deadline, one.unwanted):
            answer = client.send(asking, stream=True)
            try:
                if is_stale(answer):
                    return out_of_step()
                encoding = answer.headers.get("content-encoding", "").strip().lower()
                whole = body.read(answer.iter_raw(), encoding=encoding, stopped=stopped)
            finally:
                answer.close()
        if isinstance(whole, Trouble):
            return whole
        headers = {name.lower(): value for name, value in answer.headers.items() if name != "set-cookie"}
        delimited = bool(encoding) or not headers.keys().isdisjoint(_DELIMITERS)
        took = self._clock() - began
        return Response(answer.status_code, headers, whole, seconds=took, delimited=delimited)

    def _connections(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = _client(self._endpoint)
                hold(self._client, self._deadline)
            return self._client


def _client(endpoint: Endpoint) -> httpx.Client:
    import httpx

    trusted = _tls(endpoint)  # first: where it fails, no secret is in reach yet
    proxy = None
    if endpoint.proxy is not None:
        basic = endpoint.proxy_auth
        pair = None if basic is None else (basic.user, basic.password.reveal())
        proxy = httpx.Proxy(endpoint.proxy, auth=pair)
    return httpx.Client(
        verify=trusted,
        proxy=proxy,
        timeout=httpx.Timeout(
            min(endpoint.read_timeout_s, endpoint.total_timeout_s),
            connect=endpoint.connect_timeout_s,
            pool=endpoint.total_timeout_s,
        ),
        limits=httpx.Limits(max_connections=endpoint.parallel, max_keepalive_connections=endpoint.parallel),
        follow_redirects=False,
    )


def _tls(endpoint: Endpoint) -> ssl.SSLContext:
    """What is trusted: the given authorities; without, certifi's and the machine's own."""
    import httpx

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificates and names, trusts nobody yet
    if not endpoint.url.startswith("https:"):
        return context
    if endpoint.ca_file is not None:
        _load(endpoint, "ca_file", endpoint.ca_file, lambda: context.load_verify_locations(endpoint.ca_file))
    else:
        context = httpx.create_ssl_context()
        context.load_default_certs()
    if not endpoint.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if endpoint.client_cert is not None:
        cert, key = endpoint.client_cert, endpoint.client_key
        # A password callback, because OpenSSL would ask for the password on the terminal.
        _load(endpoint, "client_cert", cert, lambda: context.load_cert_chain(cert, key, password=lambda: ""))
    return context


def _load(endpoint: Endpoint, key: str, path: str, load: Callable[[], None]) -> None:
    wrong = ""
    try:
        load()
    except FileNotFoundError:
        wrong = "it, or the key's file, is not there"
    except (ssl.SSLError, OSError, ValueError):
        wrong = "it is not a PEM file that can be used, or the key does not belong to it or has a password"
    if wrong:
        raise SettingsError(
            f"{key} of {endpoint.name}, {path}: {wrong}.", hint="It is set in obsnb.toml or the environment."
        )


def _grouped(params: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """A form's fields; a name may come more than once."""
    out: dict[str, list[str]] = {}
    for name, value in params:
        out.setdefault(name, []).append(value)
    return out


def _within(asked: httpx.Request, outcome: Response | Trouble, path: str) -> str | None:
    """Where a redirect leads, if it is the same question to the same server; else None."""
    if isinstance(outcome, Trouble) or outcome.status // 100 != 3 or asked.method != "GET":
        return None
    try:
        old = urlsplit(str(asked.url))
        new = urlsplit(urljoin(str(asked.url), outcome.headers.get("location", "")))
        same = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
    except ValueError:
        return None
    moved = same and new.username is None and new.path.endswith(path) and new != old
    return new.geturl() if moved else None
