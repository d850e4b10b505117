"""What the words and the statuses of refusals mean: a table for each, in the words of what the user did.

Loki and Tempo write plain text; Prometheus, Mimir (``err-mimir-...``) and VictoriaMetrics JSON; Grafana and
proxies their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from obsnb.errors import AccessError, LimitError, RejectedError, ServerError, SourceError

__all__ = [
    "AT_POSITION",
    "BY_GRAFANA",
    "BY_STATUS",
    "BY_WORDS",
    "CREDENTIALS",
    "FAILED",
    "FRONT",
    "GRAFANAS_OWN",
    "HTML",
    "REJECTED",
    "SAID_BY_PROXIES",
    "TIMEOUT",
    "TOO_SLOW",
    "Meaning",
]

_SHORTER = "Narrow the selector, or ask for a shorter window."
CREDENTIALS = (
    "Check the credentials: OBSNB_{kind}_TOKEN, or OBSNB_{kind}_USER and OBSNB_{kind}_PASSWORD, "
    "or the table of this source in obsnb.toml."
)
_URL = (
    "Check the URL of this source (OBSNB_{kind}_URL): it is the server's own, without /api/v1 or a page's "
    "name, and with a path only where the server lies below one, as Mimir's API below /prometheus."
)
_UNHAPPY = "Try again in a little while; obs.health() asks how the sources are doing."
HTML = "an HTML page came back, probably of a login or a proxy"
FRONT = "Check the URL of this source, and the credentials for what stands in front of it (obsnb.toml)."
AT_POSITION = "the position"


@dataclass(frozen=True)
class Meaning:
    """What a refusal comes to; for a parse error, the hint is made from its position."""

    error: type[SourceError]
    says: str
    hint: str
    shorter_helps: bool = False


_BUSY = Meaning(
    LimitError,
    "it has too much to do",
    "Wait a little, or ask for less at once: parallel = 2 in the table of this source in obsnb.toml.",
)
TOO_SLOW = Meaning(LimitError, "the query took longer than it allows", _SHORTER, shorter_helps=True)

# The order matters: refusals that repeat parts of the query or of the labels come first, so that a
# word in those parts is not taken for the server's.
BY_WORDS: tuple[tuple[str, Meaning], ...] = (
    (
        r"at least one regexp or equality matcher",
        Meaning(
            RejectedError,
            "every matcher of the query also matches the empty text",
            'Let one matcher ask for something, such as {namespace="prod"} or {namespace=~".+"}.',
        ),
    ),
    (
        r"parse error|invalid TraceQL query|syntax error|unparsed data: |cannot execute query: unknown func",
        Meaning(RejectedError, "it cannot parse the query", AT_POSITION),
    ),
    (
        r"pipeline error",
        Meaning(
            RejectedError,
            "a stage of the query failed on some of the lines",
            'Add | __error__="" after the parser: lines that it cannot parse are then left out.',
        ),
    ),
    (
        r"many-to-many|duplicate (time )?series (for the match group|on the (left|right) side)|"
        r"multiple matches for labels",
        Meaning(
            RejectedError,
            "the two sides of an operation do not match one to one",
            "Say which labels pair them, with on(...) or ignoring(...), and group_left where one side has "
            "many.",
        ),
    ),
    (
        r"not supported as an instant query",
        Meaning(
            RejectedError,
            "lines cannot be asked for at one moment",
            "obs.logs(query, window) asks for the lines of a window; obs.metrics(...) takes numbers, such "
            "as count_over_time(... [1m]).",
        ),
    ),
    (
        r"end timestamp must not be before|start must be before end",
        Meaning(
            RejectedError,
            "the window ends before it starts",
            "Make the window with obsnb.window(start, end), the earlier time first.",
        ),
    ),
    (
        r"client sent an http request to an https server",
        Meaning(
            RejectedError,
            "it speaks https at this port",
            "Write https:// in this source's URL (OBSNB_{kind}_URL).",
        ),
    ),
    (
        r"trace ids can only contain hex",
        Meaning(
            RejectedError,
            "that is not a trace id",
            "A trace id is up to 32 hexadecimal digits.",
        ),
    ),
    (
        r"\bno org id\b",
        Meaning(
            AccessError,
            "it serves several tenants, and none was named",
            'Pass tenant="...", set OBSNB_TENANT, or write tenant = "..." into obsnb.toml.',
        ),
    ),
    (
        r"multiple org ids",
        Meaning(AccessError, "it does not take several tenants at once", "Ask for one tenant at a time."),
    ),
    (
        r"authentication to data source failed",
        Meaning(
            AccessError,
            "Grafana is let in, but the data source behind it refuses Grafana's credentials",
            "Whoever keeps this Grafana can mend the data source's credentials.",
        ),
    ),
    (
        r"non allow-listed \w+ not allowed",
        Meaning(
            RejectedError,
            "Grafana's proxy does not pass such a request on",
            "Write a shorter query, of at most 3,000 characters: a long one is sent as a form.",
        ),
    ),
    (
        r"^(data ?source not found|unable to (find|load) data ?source)",
        Meaning(
            RejectedError,
            "Grafana has no data source with this uid",
            'obsnb.connect(grafana="https://...", loki="name or uid") names another.',
        ),
    ),
    (
        r"err-mimir-query-blocked",
        Meaning(
            AccessError,
            "who runs it has blocked this query",
            "Ask in other words, or ask who runs it: blocked queries stand in the tenant's limits.",
        ),
    ),
    (
        r"max entries limit|exceeds max(imum)? limit",
        Meaning(
            LimitError,
            "more rows were asked for at once than it gives",
            "Give a smaller limit, or none: without one, every row is fetched page by page.",
        ),
    ),
    (
        r"time range exceeds the (limit|maximum)|range specified by start and end.*exceeds|max-query-length",
        Meaning(
            LimitError, "the window is longer than it allows", "Ask for a shorter window.", shorter_helps=True
        ),
    ),
    (
        r"maximum (number )?of series|max-series-per-query|too many (unique )?(time ?)?series|"
        r"number of matching (unique )?time ?series exceeds",
        Meaning(
            LimitError,
            "the query makes more series than it allows",
            "Narrow the selector, or sum by (...) over fewer labels.",
        ),
    ),
    (
        r"11,?000 points|too many points|step of \S+ is too small",
        Meaning(
            LimitError,
            "the step is too short for this window",
            'Use a longer step, such as step="1m", or a shorter window.',
            shorter_helps=True,
        ),
    ),
    (
        r"too many outstanding requests|job queue full|queue is full|too many requests|"
        r"couldn't start executing the request in",
        _BUSY,
    ),
    (
        r"too long query|max-query-expression-size-bytes",
        Meaning(LimitError, "the query's text is too long for it", "Write a shorter query."),
    ),
    (
        r"too many (bytes|samples)|cannot select more than|number of chunks limit|"
        r"max-(chunks|fetched|estimated)[\w-]*-per-query|"
        r"max size of trace|trace exceeds max size|larger than max|ResourceExhausted",
        Meaning(LimitError, "the query reads or returns more than it allows", _SHORTER, shorter_helps=True),
    ),
)
TIMEOUT = r"deadline exceeded|timed out|\btimeout\b"
BY_STATUS = {
    401: Meaning(AccessError, "it does not accept the credentials, or wants some", CREDENTIALS),
    403: Meaning(AccessError, "the credentials do not allow this, or not for this tenant", CREDENTIALS),
    404: Meaning(RejectedError, "it has nothing at this path", _URL),
    405: Meaning(RejectedError, "it has nothing to read at this path", _URL),
    407: Meaning(AccessError, "the proxy wants credentials", "Write them into proxy in obsnb.toml."),
    408: TOO_SLOW,
    413: Meaning(LimitError, "the query or its answer is too big for it", _SHORTER, shorter_helps=True),
    414: Meaning(LimitError, "the query's text is too long for it", "Write a shorter query."),
    429: _BUSY,
    499: Meaning(LimitError, "the query was cancelled before it was done", _SHORTER, shorter_helps=True),
    502: Meaning(ServerError, "what stands in front of it does not reach it", _UNHAPPY),
    503: Meaning(ServerError, "it is not ready", _UNHAPPY),
    504: TOO_SLOW,
}
#: What Grafana says itself has an id beside it; a data source's own 401 comes as a 400.
GRAFANAS_OWN = re.compile(rb'"(messageId|accessErrorId)"')
BY_GRAFANA = {
    401: Meaning(
        AccessError,
        "Grafana does not accept the token, or wants one",
        "Check the token of Grafana's service account: OBSNB_GRAFANA_TOKEN, or the grafana table of "
        "obsnb.toml.",
    ),
    403: Meaning(
        AccessError,
        "Grafana does not allow this to the token's service account",
        "Whoever keeps this Grafana can give it the role Viewer, or the permission that Grafana names.",
    ),
}
REJECTED = Meaning(RejectedError, "it does not take this request", "The server's words say why.")
FAILED = Meaning(ServerError, "it failed", _UNHAPPY)
#: Statuses that a proxy's HTML page says as well as the server itself would.
SAID_BY_PROXIES = frozenset({408, 413, 414, 429, 499, 502, 503, 504})
