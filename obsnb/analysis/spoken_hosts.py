"""Hosts that error lines could not reach: whoever tells nothing of itself is known from them alone."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from obsnb.analysis.service_names import Names, comparable

__all__ = ["with_spoken_hosts"]

_READ = 2_000  # characters of a text
#: What those say who did not get an answer, or not the one that they need: a URL in them is a peer's. In
#: other errors it may be that of the request that was served.
_UNREACHED = (
    r"(?i)refused|time[ds]?[ -]?out|deadline|resol|lookup|ENOTFOUND|EAI_AGAIN|ECONN|UnknownHost|unreachable"
    r"|no route|reset|hang up|broken pipe|certificate|x509|handshake|max retries|curl error|unavailable"
    r"|too many requests|\b(?:429|50[234])\b"
)
#: Where a message says where more is written about it (SQLAlchemy's, npm's and .NET's do).
_SEE = (
    r"(?i)\b(?:see|visit|refer to|background on|read more|more information|documentation|docs)\b"
    r"[^.]{0,40}https?://\S+"
)
_HOST = r"([A-Za-z0-9](?:[\w.\-]*[A-Za-z0-9])?)"
_SPOKEN = (
    rf"://(?:[^\s/@]*@)?{_HOST}",
    rf"\b(?:host|servers?|brokers?|address|addr|endpoint)=[\"'`]?{_HOST}",
    rf"\({_HOST}:\d{{2,5}}\)",
    rf"(?:\b(?i:lookup|resolve(?: host)?:?|getaddrinfo \w+)|UnknownHostException:) [\"'`]?{_HOST}",
    rf"(?i)\b(?:to|tcp|with|from|dial|calling) [\"'`]?{_HOST}:\d{{2,5}}\b",
)
_ADDRESS = r"^[0-9.]+$"


def with_spoken_hosts(names: Names, lines: pl.DataFrame) -> Names:
    """The names, and the hosts that error lines could not reach and nothing else knows.

    Parameters
    ----------
    lines
        As `obsnb.analysis.log_errors.error_lines` gives them.
    """
    texts = lines.filter(pl.col("grade") == 1)["text"].unique().str.slice(0, _READ)
    texts = texts.filter(texts.str.contains(_UNREACHED)).str.replace_all(_SEE, "")
    found = [texts.str.extract_all(pattern).explode().str.extract(pattern, 1) for pattern in _SPOKEN]
    hosts = pl.concat(found).drop_nulls().unique().sort()
    hosts = hosts.filter(~hosts.str.contains(_ADDRESS) & hosts.str.contains(r"[A-Za-z]"))
    peers = {comparable(host): names.peer(host) for host in hosts}
    known = set(names.known.values())
    new = {form: peer for form, peer in peers.items() if peer is not None and peer not in known}
    return replace(names, known={**new, **names.known})
