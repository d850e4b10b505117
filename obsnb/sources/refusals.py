"""What a server's refusal means, in words, and what to do about it.

A refusal is recognised by the server's own words first (Loki and Tempo write plain text,
Prometheus JSON, Grafana and proxies their own), then by its HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from obsnb.errors import AccessError, AnswerError, RejectedError, SourceError
from obsnb.settings import SourceKind
from obsnb.sources.meanings import (
    AT_POSITION,
    BY_GRAFANA,
    BY_STATUS,
    BY_WORDS,
    CREDENTIALS,
    FAILED,
    FRONT,
    GRAFANAS_OWN,
    HTML,
    REJECTED,
    SAID_BY_PROXIES,
    TIMEOUT,
    TOO_SLOW,
    Meaning,
)
from obsnb.sources.words import is_html, page_words, start_of, visible, words_of
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Response

__all__ = ["Backend", "asked", "is_busy", "refusal", "shorter_helps", "unreadable"]

#: What a server speaks.
Backend = SourceKind

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
    if hint == AT_POSITION:
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
        what, hint = f"{source} answered {response.status}: {HTML}.", FRONT
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


def _understand(response: Response) -> Meaning:
    status = response.status
    if 300 <= status < 400:
        return _redirect(response)
    by_status = BY_STATUS.get(status, FAILED if status >= 500 else REJECTED)
    if is_html(response):
        spoken = status in SAID_BY_PROXIES or status >= 500
        return by_status if spoken else Meaning(by_status.error, HTML, FRONT)
    if status in BY_GRAFANA and GRAFANAS_OWN.search(response.body[:10_000]):
        return BY_GRAFANA[status]
    words = words_of(response)
    for pattern, meaning in BY_WORDS:
        if re.search(pattern, words, re.IGNORECASE):
            return meaning
    if (status >= 500 or status == 422) and re.search(TIMEOUT, words, re.IGNORECASE):
        return TOO_SLOW
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


def _redirect(response: Response) -> Meaning:
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
        return Meaning(AccessError, says, f"Credentials are missing or have run out. {CREDENTIALS}")
    says = f"it sends to {shown}, and credentials are not taken elsewhere"
    hint = "If that is where this source lives now, give its URL: OBSNB_{kind}_URL, or obsnb.toml."
    return Meaning(RejectedError, says, hint)
