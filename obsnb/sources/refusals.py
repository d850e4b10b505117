"""What a server's refusal means, in words, and what to do about it.

A refusal is recognised by the server's own words first (Loki and Tempo write plain text,
Prometheus JSON, Grafana and proxies their own), then by its HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from obsnb.errors import (
    AccessError,
    AnswerError,
    LimitError,
    RejectedError,
    ServerError,
    SourceError,
)
from obsnb.sources.words import is_html, page_words, start_of, visible, words_of
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Response

__all__ = ["Backend", "asked", "refusal", "shorter_helps", "unreadable"]

Backend = Literal["loki", "prometheus", "tempo"]

_SHORTER = "Narrow the selector, or ask for a shorter window."
_BUSY = "Wait a little, or ask for less at once: parallel = 2 in the table of this source in obsnb.toml."


@dataclass(frozen=True)
class _Reading:
    """A refusal that is known by its words."""

    words: re.Pattern[str]
    error: type[SourceError]
    meaning: str
    hint: str
    shorter_helps: bool = False


def _reading(
    words: str, error: type[SourceError], meaning: str, hint: str, *, shorter_helps: bool = False
) -> _Reading:
    return _Reading(re.compile(words, re.IGNORECASE), error, meaning, hint, shorter_helps)


# The order matters: refusals that repeat parts of the query or of the labels come first, so that a
# word in those parts is not taken for the server's.
_READINGS = (
    _reading(
        r"at least one regexp or equality matcher",
        RejectedError,
        "every matcher of the query also matches the empty text",
        'Let one matcher ask for something, such as {namespace="prod"} or {namespace=~".+"}.',
    ),
    _reading(
        r"parse error|invalid TraceQL query|syntax error", RejectedError, "it cannot parse the query", ""
    ),
    _reading(
        r"pipeline error",
        RejectedError,
        "a stage of the query failed on some of the lines",
        'Add | __error__="" after the parser: lines that it cannot parse are then left out.',
    ),
    _reading(
        r"many-to-many|duplicate series for the match group|multiple matches for labels",
        RejectedError,
        "the two sides of an operation do not match one to one",
        "Say which labels pair them, with on(...) or ignoring(...), and group_left where one side has many.",
    ),
    _reading(
        r"not supported as an instant query",
        RejectedError,
        "lines cannot be asked for at one moment",
        "obs.logs(query, window) asks for the lines of a window; obs.metrics(...) takes numbers, such as "
        "count_over_time(... [1m]).",
    ),
    _reading(
        r"end timestamp must not be before|start must be before end",
        RejectedError,
        "the window ends before it starts",
        "Make the window with obsnb.window(start, end), the earlier time first.",
    ),
    _reading(
        r"\bno org id\b",
        AccessError,
        "it serves several tenants, and none was named",
        'Pass tenant="...", set OBSNB_TENANT, or write tenant = "..." into obsnb.toml.',
    ),
    _reading(
        r"multiple org ids",
        AccessError,
        "it does not take several tenants at once",
        "Ask for one tenant at a time.",
    ),
    _reading(
        r"max entries limit|exceeds max(imum)? limit",
        LimitError,
        "more rows were asked for at once than it gives",
        "Give a smaller limit, or none: without one, every row is fetched page by page.",
    ),
    _reading(
        r"time range exceeds the limit|range specified by start and end.*exceeds|max-query-length",
        LimitError,
        "the window is longer than it allows",
        "Ask for a shorter window.",
        shorter_helps=True,
    ),
    _reading(
        r"maximum (number )?of series|max-series-per-query|too many (unique )?(time ?)?series",
        LimitError,
        "the query makes more series than it allows",
        "Narrow the selector, or sum by (...) over fewer labels.",
    ),
    _reading(
        r"11,?000 points|too many points|step of \S+ is too small",
        LimitError,
        "the step is too short for this window",
        'Use a longer step, such as step="1m", or a shorter window.',
        shorter_helps=True,
    ),
    _reading(
        r"too many outstanding requests|job queue full|queue is full|too many requests",
        LimitError,
        "it has too much to do",
        _BUSY,
    ),
    _reading(
        r"too many (bytes|samples)|number of chunks limit|max-(chunks|fetched)[\w-]*-per-query|"
        r"max size of trace|trace exceeds max size|larger than max|ResourceExhausted",
        LimitError,
        "the query reads or returns more than it allows",
        _SHORTER,
        shorter_helps=True,
    ),
)

_TOO_SLOW = _reading(
    r"deadline exceeded|timed out|\btimeout\b",
    LimitError,
    "the query took longer than it allows",
    _SHORTER,
    shorter_helps=True,
)
_CREDENTIALS = (
    "Check the credentials: OBSNB_{kind}_TOKEN, or OBSNB_{kind}_USER and OBSNB_{kind}_PASSWORD, "
    "or the table of this source in obsnb.toml."
)
_URL = (
    "Check the URL of this source (OBSNB_{kind}_URL): does it need a path in front, as /prometheus for Mimir?"
)
_UNHAPPY = "Try again in a little while; obs.health() asks how the sources are doing."
_STATUSES = {
    401: _reading("", AccessError, "it does not accept the credentials, or wants some", _CREDENTIALS),
    403: _reading(
        "", AccessError, "the credentials do not allow this, or the tenant is not theirs", _CREDENTIALS
    ),
    404: _reading("", RejectedError, "it has nothing at this path", _URL),
    405: _reading("", RejectedError, "it has nothing to read at this path", _URL),
    407: _reading(
        "", AccessError, "the proxy wants credentials", "Put them into the proxy's URL in obsnb.toml."
    ),
    413: _reading("", LimitError, "the answer or the query is too big for it", _SHORTER, shorter_helps=True),
    414: _reading("", LimitError, "the query's text is too long for it", "Write a shorter query."),
    429: _reading("", LimitError, "it has too much to do", _BUSY),
    499: _reading("", LimitError, "the query was cancelled before it was done", _SHORTER, shorter_helps=True),
    502: _reading("", ServerError, "what stands in front of it does not reach it", _UNHAPPY),
    503: _reading("", ServerError, "it is not ready", _UNHAPPY),
    504: _TOO_SLOW,
}
_REJECTED = _reading("", RejectedError, "it does not take this request", "The server's words say why.")
_FAILED = _reading("", ServerError, "it failed", _UNHAPPY)
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
        What it is: ``loki``, ``prometheus`` (and what speaks like it) or ``tempo``.
    query, window
        What was asked, as it was sent: a parse error is shown where it is.

    Returns
    -------
    SourceError
        `AccessError` (401, 403, a login page), `RejectedError` (400, 404, 422), `LimitError` (what
        the server names as a limit, 413, 429, 504) or `ServerError`, with the status, the server's
        own words and a hint.
    """
    words = words_of(response)
    after = f" (after {response.retries} retries)" if response.retries > 1 else ""
    after = " (after 1 retry)" if response.retries == 1 else after
    if 300 <= response.status < 400:
        reading = _redirect(response)
    elif is_html(response):
        reading = _page(response)
        words = page_words(response)
    else:
        reading = _understand(response, words)
    hint = reading.hint.replace("{kind}", kind.upper())
    meaning = reading.meaning
    if not hint:
        meaning, hint = _position(words, query, meaning)
    return reading.error(
        f"{source} answered {response.status}{after}: {meaning}.",
        hint=hint,
        query=query,
        window=window,
        server=words or None,
        status=response.status,
    )


def shorter_helps(response: Response) -> bool:
    """Whether the same query over a shorter window may be answered where this one was refused."""
    return (
        not response.ok and not is_html(response) and _understand(response, words_of(response)).shorter_helps
    )


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
    if is_html(response):
        page = _page(response)
        what, hint = f"{source} answered {response.status}: {page.meaning}.", page.hint
    else:
        what = f"{source} answered {response.status}, but the answer cannot be read: {why}."
        hint = "Check that the URL is this kind of server, and that nothing in between changes its answers."
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


def _understand(response: Response, words: str) -> _Reading:
    for reading in _READINGS:
        if reading.words.search(words):
            return reading
    slow = response.status in {408, 422} or response.status >= 500
    if slow and _TOO_SLOW.words.search(words):
        return _TOO_SLOW
    found = _STATUSES.get(response.status)
    return found or (_FAILED if response.status >= 500 else _REJECTED)


def _position(words: str, query: str | None, meaning: str) -> tuple[str, str]:
    """A parse error's meaning with its position, and a hint that points at it in the query."""
    found = _POSITION.search(words)
    if found is None:
        return meaning, "The server's words say what it stumbled over."
    line, column = int(found["line"] or found["l"]), int(found["col"] or found["c"])
    meaning = f"{meaning} (line {line}, column {column})"
    lines = (query or "").split("\n")
    if query is None or not 1 <= line <= len(lines) or column < 1:
        return meaning, "The server's words say what it stumbled over."
    rest = visible(lines[line - 1][column - 1 :], 40)
    if not rest and line == len(lines):
        return meaning, "The query ends too early: a bracket, a quote or a value is missing at its end."
    quoted = "A value stands in double quotes. " if "expecting STRING" in words else ""
    return meaning, f"{quoted}It stumbled here: {rest}"


def _redirect(response: Response) -> _Reading:
    target = urlsplit(response.headers.get("location", ""))
    # A redirect's parameters often hold one-time codes: its host and path say enough.
    place = visible(
        f"{target.scheme}://{target.hostname}{target.path}" if target.hostname else target.path, 200
    )
    if re.search(r"log-?in|sign-?in|auth|sso|saml|oidc", f"{target.hostname}{target.path}", re.IGNORECASE):
        meaning = f"it sends to {place}, probably a login page"
        return _reading("", AccessError, meaning, f"Credentials are missing or have run out. {_CREDENTIALS}")
    meaning = f"it sends to {place or 'another place'}, and credentials are not taken elsewhere"
    hint = "If that is where this source lives now, give its URL: OBSNB_{kind}_URL, or obsnb.toml."
    return _reading("", RejectedError, meaning, hint)


def _page(response: Response) -> _Reading:
    error = _STATUSES.get(response.status, _REJECTED).error if response.status < 500 else ServerError
    hint = (
        "Check the URL, and the credentials for what stands in front of it (OBSNB_{kind}_TOKEN, obsnb.toml)."
    )
    if response.status >= 500:
        hint = _UNHAPPY
    if response.ok:
        hint = "Check the URL, and the credentials for what stands in front of it (obsnb.toml)."
    return _reading("", error, "an HTML page came back, probably of a login or a proxy", hint)
