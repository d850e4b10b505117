"""Where a text uses a word as the name of a peer: ``payment`` as a host, not as something to be made."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import polars as pl

from obsnb.conventions import METHODS
from obsnb.conventions.systems import DIALECTS, NOT_SQL

__all__ = ["MARK", "is_word", "marked", "numbered"]

#: Stands before a word that is used as a peer's name.
MARK = "\x01"

_PORTS = 3  # that a service listens on, at most

# Nobody writes these in prose: a part that says what it is, and a name that is made of several.
_ROLE = re.compile(r"(?i).{2,}(?:services?|svc|server|api|db|backend|gateway|proxy)")
_CAMEL = re.compile(r"[a-z][A-Z]")
# Databases and what OpenTelemetry's ``messaging.system`` has, with how they are called for short: product
# names, which mean the system wherever they stand.
_BROKERS = ("activemq", "kafka", "pulsar", "rabbitmq", "rocketmq")
_PRODUCTS = frozenset({*DIALECTS, *NOT_SQL, *_BROKERS, "mongo"})

_QUOTE = "[\"'`]"
# Verbs and nouns of asking another, before whom is asked. A lone "to" or "from" is none of them: things
# are added to a cart and come from a user.
_ASKED = (
    r"\b(?:(?:call|calls|calling|called|invoke|invoking|reach|reaching|dial|dialing|resolve|resolving)"
    r"(?: to| tcp| host)?|connect(?:ed|ing|ions?)? (?:to|with)|requests? to|lookup|upstream|downstream|host"
    r"|ENOTFOUND|EAI_AGAIN|UnknownHostException:|host ?name"
    r"|(?:response|reply|answer|error|status|\d{3}) from)"
)
# What fields and sentences call a peer before its value or its quoted name. Bare, they are prose, too:
# "service account", "target user".
_FIELD = (
    r"\b(?:service|server|backend|host|upstream|downstream|peer|target|destination|dependency|cluster"
    r"|endpoint|authority|address|addr)(?:[._ ]?(?:name|host|address|service))?"
)
# What only a peer is or does, behind its name. The role ends what is named: the "customer service portal"
# is none of customer's.
_ROLE_ENDS = (
    r"(?:$|[^\w ]|[ ](?:\W|(?:is|was|has|did|does|not|call|request|error|response|unavailable|unreachable"
    r"|returns|returned|answered|responded|replied|said|fails|failed|timed|rejected|refused|down|at|with|on|after"
    r"|for|and|or)\b))"
)
_BESIDE = (
    rf"[ ](?:(?:service|svc|server|backend|api|provider|upstream){_ROLE_ENDS}"
    r"|(?:(?:is |was )?(?:unreachable|not responding)"
    r"|(?:returned|answered|responded with)(?: HTTP| status)? [45]\d\d)\b)"
)
# Errors that are wrapped name whom they come from first (``loki: upstream timed out``). A sentence
# begins with a capital, so that it must be written as a host is. What follows is words or a status,
# for ``order: 1234`` is a value.
_FIRST = (
    r"(?::[ ](?:[A-Za-z]|[45]\d\d )"
    r"|[ ](?:request|call|rpc|connection)[ ](?:failed|timed out|refused|reset|error))"
)

# Reverse proxies route by the first part of a path, behind what is common to all.
_REQUEST = rf"\b(?:{METHODS}) (?:/api|/v\d+)*/"


def is_word(name: str) -> bool:
    """Whether a service's name is a word that texts may use without meaning the service.

    Examples
    --------
    >>> [name for name in ("payment", "payment-api", "paymentservice", "cart0", "redis") if is_word(name)]
    ['payment']
    """
    told = _CAMEL.search(name) or _ROLE.fullmatch(name) or name.lower() in _PRODUCTS
    return name.isalpha() and not told


def numbered(texts: pl.Series, words: Iterable[str]) -> frozenset[str]:
    """Those of the words that more numbers follow than a service has ports: ids (``user:5521``).

    Examples
    --------
    >>> lines = pl.Series(["failed for user:5521"] + [f"user:{n}, pay:8080" for n in (17, 4455, 990, 23)])
    >>> sorted(numbered(lines, ["user", "pay"]))
    ['user']
    """
    every = sorted({word.lower() for word in words}, key=len, reverse=True)
    if not every:
        return frozenset()
    found = texts.str.extract_all(rf"(?i)\b(?:{'|'.join(map(re.escape, every))}):\d{{2,5}}\b").explode()
    told = found.drop_nulls().str.to_lowercase().unique().str.extract(r"^(.*):").value_counts()
    return frozenset(word for word, many in told.iter_rows() if many > _PORTS)


def marked(text: Any, words: Iterable[str], *, ids: Collection[str] = ()) -> Any:
    """An expression of texts in which each of those words has a `MARK` where it is a peer's name.

    So it is as a host of an address (``payment:8080``, ``http://payment/``, ``payment.shop.svc``),
    behind a word of asking another (``calling payment``, ``503 from payment``), as a peer's field
    (``peer.service=payment``, ``upstream "payment"``), before what only a peer is or does (``the
    payment service``), as the first of a wrapped error (``payment: connection refused``) and as what a
    request's path begins with (``GET /api/payment/7``). A quoted word alone is no name: ``KeyError: 'user'``.

    Parameters
    ----------
    ids
        Words that a colon and a number follow as an id, and no port (`numbered`).
    """
    every = sorted({word.lower() for word in words}, key=len, reverse=True)
    if not every:
        return text
    word = f"({'|'.join(map(re.escape, every))})"
    hosts = [each for each in every if each not in ids]
    if hosts:
        ported = rf"(?i)(^|[^\w.-])({'|'.join(map(re.escape, hosts))}):(\d{{2,5}}(?:$|[^\w-]))"
        text = text.str.replace_all(ported, f"$1{MARK}$2:$3")
    clause = rf"(^|:[ ]){word}({_FIRST})"
    for pattern, by in (
        (rf"(?i)(^|[^\w-]){word}(?:\.[a-z0-9-]+)*\.(?:svc|local|internal)\b[\w.-]*", f"$1{MARK}$2 "),
        (rf"(?i)(://(?:[^\s/@]*@)?){word}\b", f"$1{MARK}$2"),
        (rf"(?i)({_ASKED} {_QUOTE}?){word}\b", f"$1{MARK}$2"),
        (rf"(?i)({_FIELD}(?:{_QUOTE}? ?[=:] ?{_QUOTE}?| {_QUOTE})){word}\b", f"$1{MARK}$2"),
        (rf"(?i)(^|[^\w-]){word}({_QUOTE}?{_BESIDE})", f"$1{MARK}$2$3"),
        (clause, f"$1{MARK}$2$3"),
        (rf"(?i)({_REQUEST}){word}\b", f"$1{MARK}$2"),
    ):
        text = text.str.replace_all(pattern, by)
    return text
