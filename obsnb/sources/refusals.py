"""What a server's refusal means, in words, and what to do about it.

A refusal is recognised by the server's own words first (Loki and Tempo write plain text,
Prometheus JSON, Grafana and proxies their own), then by its HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from obsnb.errors import (
    AccessError,
    AnswerError,
    LimitError,
    RejectedError,
    ServerError,
    SourceError,
)
from obsnb.settings import SourceKind
from obsnb.sources.words import is_html, page_words, start_of, visible, words_of
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Response

__all__ = ["Backend", "asked", "is_busy", "refusal", "shorter_helps", "unreadable"]

#: What a server speaks.
Backend = SourceKind

_SHORTER = "Narrow the selector, or ask for a shorter window."
_CREDENTIALS = (
    "Check the credentials: OBSNB_{kind}_TOKEN, or OBSNB_{kind}_USER and OBSNB_{kind}_PASSWORD, "
    "or the table of this source in obsnb.toml."
)
_URL = (
    "Check the URL of this source (OBSNB_{kind}_URL): does it need a path in front, as /prometheus for Mimir?"
)
_UNHAPPY = "Try again in a little while; obs.health() asks how the sources are doing."
_HTML = "an HTML page came back, probably of a login or a proxy"
_FRONT = "Check the URL of this source, and the credentials for what stands in front of it (obsnb.toml)."
_AT_POSITION = "the position"


@dataclass(frozen=True)
class _Meaning:
    """What a refusal comes to; for a parse error, the hint is made from its position."""

    error: type[SourceError]
    says: str
    hint: str
    shorter_helps: bool = False


_BUSY = _Meaning(
    LimitError,
    "it has too much to do",
    "Wait a little, or ask for less at once: parallel = 2 in the table of this source in obsnb.toml.",
)
_TOO_SLOW = _Meaning(LimitError, "the query took longer than it allows", _SHORTER, shorter_helps=True)

# The order matters: refusals that repeat parts of the query or of the labels come first, so that a
# word in those parts is not taken for the server's.
_BY_WORDS: tuple[tuple[str, _Meaning], ...] = (
    (
        r"at least one regexp or equality matcher",
        _Meaning(
            RejectedError,
            "every matcher of the query also matches the empty text",
            'Let one matcher ask for something, such as {namespace="prod"} or {namespace=~".+"}.',
        ),
    ),
    (
        r"parse error|invalid TraceQL query|syntax error",
        _Meaning(RejectedError, "it cannot parse the query", _AT_POSITION),
    ),
    (
        r"pipeline error",
        _Meaning(
            RejectedError,
            "a stage of the query failed on some of the lines",
            'Add | __error__="" after the parser: lines that it cannot parse are then left out.',
        ),
    ),
    (
        r"many-to-many|duplicate series for the match group|multiple matches for labels",
        _Meaning(
            RejectedError,
            "the two sides of an operation do not match one to one",
            "Say which labels pair them, with on(...) or ignoring(...), and group_left where one side has "
            "many.",
        ),
    ),
    (
        r"not supported as an instant query",
        _Meaning(
            RejectedError,
            "lines cannot be asked for at one moment",
            "obs.logs(query, window) asks for the lines of a window; obs.metrics(...) takes numbers, such "
            "as count_over_time(... [1m]).",
        ),
    ),
    (
        r"end timestamp must not be before|start must be before end",
        _Meaning(
            RejectedError,
            "the window ends before it starts",
            "Make the window with obsnb.window(start, end), the earlier time first.",
        ),
    ),
    (
        r"client sent an http request to an https server",
        _Meaning(
            RejectedError,
            "it speaks https at this port",
            "Write https:// in this source's URL (OBSNB_{kind}_URL).",
        ),
    ),
    (
        r"trace ids can only contain hex",
        _Meaning(
            RejectedError,
            "that is not a trace id",
            "A trace id is up to 32 hexadecimal digits.",
        ),
    ),
    (
        r"\bno org id\b",
        _Meaning(
            AccessError,
            "it serves several tenants, and none was named",
            'Pass tenant="...", set OBSNB_TENANT, or write tenant = "..." into obsnb.toml.',
        ),
    ),
    (
        r"multiple org ids",
        _Meaning(AccessError, "it does not take several tenants at once", "Ask for one tenant at a time."),
    ),
    (
        r"authentication to data source failed",
        _Meaning(
            AccessError,
            "Grafana is let in, but the data source behind it refuses Grafana's credentials",
            "Whoever keeps this Grafana can mend the data source's credentials.",
        ),
    ),
    (
        r"non allow-listed \w+ not allowed",
        _Meaning(
            RejectedError,
            "Grafana's proxy does not pass such a request on",
            "Write a shorter query, of at most 3,000 characters: a long one is sent as a form.",
        ),
    ),
    (
        r"^(data ?source not found|unable to (find|load) data ?source)",
        _Meaning(
            RejectedError,
            "Grafana has no data source with this uid",
            'obsnb.connect(grafana="https://...", loki="name or uid") names another.',
        ),
    ),
    (
        r"max entries limit|exceeds max(imum)? limit",
        _Meaning(
            LimitError,
            "more rows were asked for at once than it gives",
            "Give a smaller limit, or none: without one, every row is fetched page by page.",
        ),
    ),
    (
        r"time range exceeds the (limit|maximum)|range specified by start and end.*exceeds|max-query-length",
        _Meaning(
            LimitError, "the window is longer than it allows", "Ask for a shorter window.", shorter_helps=True
        ),
    ),
    (
        r"maximum (number )?of series|max-series-per-query|too many (unique )?(time ?)?series",
        _Meaning(
            LimitError,
            "the query makes more series than it allows",
            "Narrow the selector, or sum by (...) over fewer labels.",
        ),
    ),
    (
        r"11,?000 points|too many points|step of \S+ is too small",
        _Meaning(
            LimitError,
            "the step is too short for this window",
            'Use a longer step, such as step="1m", or a shorter window.',
            shorter_helps=True,
        ),
    ),
    (r"too many outstanding requests|job queue full|queue is full|too many requests", _BUSY),
    (
        r"too many (bytes|samples)|number of chunks limit|max-(chunks|fetched)[\w-]*-per-query|"
        r"max size of trace|trace exceeds max size|larger than max|ResourceExhausted",
        _Meaning(LimitError, "the query reads or returns more than it allows", _SHORTER, shorter_helps=True),
    ),
)
_TIMEOUT = r"deadline exceeded|timed out|\btimeout\b"
_BY_STATUS = {
    401: _Meaning(AccessError, "it does not accept the credentials, or wants some", _CREDENTIALS),
    403: _Meaning(AccessError, "the credentials do not allow this, or not for this tenant", _CREDENTIALS),
    404: _Meaning(RejectedError, "it has nothing at this path", _URL),
    405: _Meaning(RejectedError, "it has nothing to read at this path", _URL),
    407: _Meaning(AccessError, "the proxy wants credentials", "Write them into proxy in obsnb.toml."),
    408: _TOO_SLOW,
    413: _Meaning(LimitError, "the query or its answer is too big for it", _SHORTER, shorter_helps=True),
    414: _Meaning(LimitError, "the query's text is too long for it", "Write a shorter query."),
    429: _BUSY,
    499: _Meaning(LimitError, "the query was cancelled before it was done", _SHORTER, shorter_helps=True),
    502: _Meaning(ServerError, "what stands in front of it does not reach it", _UNHAPPY),
    503: _Meaning(ServerError, "it is not ready", _UNHAPPY),
    504: _TOO_SLOW,
}
#: What Grafana says itself has an id beside it; a data source's own 401 comes as a 400.
_GRAFANAS_OWN = re.compile(rb'"(messageId|accessErrorId)"')
_BY_GRAFANA = {
    401: _Meaning(
        AccessError,
        "Grafana does not accept the token, or wants one",
        "Check the token of Grafana's service account: OBSNB_GRAFANA_TOKEN, or the grafana table of "
        "obsnb.toml.",
    ),
    403: _Meaning(
        AccessError,
        "Grafana does not allow this to the token's service account",
        "Whoever keeps this Grafana can give it the role Viewer, or the permission that Grafana names.",
    ),
}
_REJECTED = _Meaning(RejectedError, "it does not take this request", "The server's words say why.")
_FAILED = _Meaning(ServerError, "it failed", _UNHAPPY)
#: Statuses that a proxy's HTML page says as well as the server itself would.
_SAID_BY_PROXIES = frozenset({408, 413, 414, 429, 499, 502, 503, 504})
_POSITION = re.compile(r"(?:at line (?P<line>\d+), col (?P<col>\d+)|(?<![\d:])(?P<l>\d+):(?P<c>\d+):)")


def refusal(
    response: Response,
    *,
    source: str,
    kind: Backend,
    query: str | None = None,
    window: TimeRange | None = None,
) -> SourceError:
    """The error that a refusal amounts to, to be raised by the caller.

    Parameters
    ----------
    response
        An answer whose status is not 2xx.
    source
        The source's name.
    kind
        What it is: ``loki``, ``prometheus`` (and what speaks like it), ``tempo`` or ``grafana``.
    query, window
        What was asked, as it was sent: a parse error is shown where it is.

    Returns
    -------
    SourceError
        `AccessError` (401, 403, a login page), `RejectedError` (400, 404, 422), `LimitError` (what
        the server names as a limit, 408, 413, 429, 499, 504) or `ServerError`, with the status, the
        server's own words and a hint.
    """
    meaning = _understand(response)
    words = page_words(response) if is_html(response) else words_of(response)
    says, hint = meaning.says, meaning.hint.replace("{kind}", kind.upper())
    if hint == _AT_POSITION:
        says, hint = _position(words, query, says)
    tries = {0: "", 1: " (after 1 retry)"}.get(response.retries, f" (after {response.retries} retries)")
    return meaning.error(
        f"{source} answered {response.status}{tries}: {says}.",
        hint=hint,
        query=query,
        window=window,
        server=words or None,
        status=response.status,
    )


def shorter_helps(response: Response) -> bool:
    """Whether the same query over a shorter window may be answered where this one was refused."""
    return not response.ok and _understand(response).shorter_helps


def is_busy(response: Response) -> bool:
    """Whether a server says that it has too much to do, or is not ready: 429 or 503."""
    return response.status in {429, 503}


def unreadable(
    response: Response,
    *,
    source: str,
    query: str | None = None,
    window: TimeRange | None = None,
    why: str,
) -> AnswerError:
    """The error of an answer that came with 200 and cannot be decoded, to be raised by the caller.

    Parameters
    ----------
    response
        The answer.
    source
        The source's name.
    query, window
        What was asked.
    why
        What is wrong with the answer, such as ``"the JSON ends too early"``, without a full stop.
    """
    what = f"{source} answered {response.status}, but the answer cannot be read: {why}."
    hint = "Check that the URL is this kind of server, and that nothing in between changes its answers."
    if is_html(response):
        what, hint = f"{source} answered {response.status}: {_HTML}.", _FRONT
    return AnswerError(
        what,
        hint=hint,
        query=query,
        window=window,
        server=page_words(response) if is_html(response) else start_of(response),
        status=response.status,
    )


@contextmanager
def asked(query: str | None, window: TimeRange | None) -> Iterator[None]:
    """Errors of a source that pass through it say the query and the window, where they do not yet."""
    try:
        yield
    except SourceError as error:
        if error.query is None and error.window is None:
            error.query = query
            error.window = None if window is None else str(window)
        raise


def _understand(response: Response) -> _Meaning:
    status = response.status
    if 300 <= status < 400:
        return _redirect(response)
    by_status = _BY_STATUS.get(status, _FAILED if status >= 500 else _REJECTED)
    if is_html(response):
        spoken = status in _SAID_BY_PROXIES or status >= 500
        return by_status if spoken else _Meaning(by_status.error, _HTML, _FRONT)
    if status in _BY_GRAFANA and _GRAFANAS_OWN.search(response.body[:10_000]):
        return _BY_GRAFANA[status]
    words = words_of(response)
    for pattern, meaning in _BY_WORDS:
        if re.search(pattern, words, re.IGNORECASE):
            return meaning
    if (status >= 500 or status == 422) and re.search(_TIMEOUT, words, re.IGNORECASE):
        return _TOO_SLOW
    return by_status


def _position(words: str, query: str | None, says: str) -> tuple[str, str]:
    """What a parse error says, with its position, and a hint that shows the place in the query."""
    found = _POSITION.search(words)
    if found is None:
        return says, "The server's words say what it stumbled over."
    line, column = int(found["line"] or found["l"]), int(found["col"] or found["c"])
    says = f"{says} (line {line}, column {column})"
    lines = [] if query is None else query.split("\n")
    rest = visible(lines[line - 1][column - 1 :], 40) if 1 <= line <= len(lines) and column else ""
    if rest:
        quoted = "A value stands in double quotes. " if "expecting STRING" in words else ""
        return says, f"{quoted}It stumbled here: {rest}"
    if line == len(lines):
        return says, "The query ends too early: a bracket, a quote or a value is missing at its end."
    return says, "The server's words say what it stumbled over."


def _redirect(response: Response) -> _Meaning:
    try:
        target = urlsplit(response.headers.get("location", ""))
    except ValueError:
        target = urlsplit("")
    # A redirect's parameters often hold one-time codes: its host and path say enough.
    host = target.netloc.rpartition("@")[2]
    place = f"{target.scheme or 'https'}://{host}{target.path}" if host else target.path
    shown = visible(place, 200) or "another place"
    if re.search(r"log-?in|sign-?in|auth|sso|saml|oidc", place, re.IGNORECASE):
        says = f"it sends to {shown}, probably a login page"
        return _Meaning(AccessError, says, f"Credentials are missing or have run out. {_CREDENTIALS}")
    says = f"it sends to {shown}, and credentials are not taken elsewhere"
    hint = "If that is where this source lives now, give its URL: OBSNB_{kind}_URL, or obsnb.toml."
    return _Meaning(RejectedError, says, hint)
