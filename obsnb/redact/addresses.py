"""IP addresses, and the versions, times and names that only look like one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from obsnb.redact.shapes import after_none_of

__all__ = ["V4_HINT", "V6_HINT", "VERSION_KEY", "sub_v4", "sub_v6"]

#: A text that does not match has no address of the version (for polars, before `re` looks).
V4_HINT = r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
V6_HINT = r"::[0-9A-Fa-f]|[0-9A-Fa-f]::|(?:[0-9A-Fa-f]{1,4}:){7}"
#: A key whose value is a version, however much it looks like an address.
VERSION_KEY = r"(?i)(?:version|release|revision|build|firmware|oid)$"

_V4 = re.compile(r"\d" + after_none_of(r"\w.%") + r"\d{0,2}(?:\.\d{1,3}){3}(?!\w|\.\w)")
_V6 = re.compile(
    r"[0-9A-Fa-f:](?:(?<=[g-zG-Z]:.)|"
    + after_none_of(r"\w:.")
    + ")"
    + r"[0-9A-Fa-f:]{1,39}(?:(?:\.\d{1,3}){3})?(?![\w:]|\.\w)"
)
#: What makes four numbers a version: a word for it before them, a sign that compares, a product's name
#: (``Chrome/1.2.3.4``), an image's tag, or the end of a file's name behind them.
_VERSION_BEFORE = re.compile(
    r"(?i)(?:(?:version|release|revision|build|firmware"
    r"|(?<![a-z])(?:driver|kernel|chart|oid|upgraded? to|ver\.?|rev\.?|v))"
    r"[\s\"'`\\:=(-]{0,6}|[=~<>!]=\s*|[~^]|/[\w.-]+:|(?:^|[\s\"'(;,=\[])[a-z][\w+-]*/)$"
)
_VERSION_BEHIND = re.compile(
    r"\.?(?:-?(?:alpha|beta|rc|snapshot|final|release|ga)[\d.]*\b|\+[\w.]+)", re.IGNORECASE
)
_NEAR = 40

_PRIVATE = tuple(
    ipaddress.ip_network(one)
    for one in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "224.0.0.0/3", "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
_GLOBAL_V6 = tuple(ipaddress.ip_network(one) for one in ("2000::/3", "64:ff9b::/96", "::ffff:0:0/96"))


def sub_v4(text: str, act: Callable[[str, str], str]) -> str:
    """The text with each address of version 4 as ``act(kind, address)`` has it.

    The kind is ``private-ip`` for those that only mean something inside of a network (RFC 1918, RFC 6598,
    RFC 4193, loopback, link-local, multicast), else ``ip``.
    """

    def one(match: re.Match[str]) -> str:
        try:
            address = ipaddress.IPv4Address(match[0])
        except ValueError:
            return match[0]
        return match[0] if _is_version(match) else act(_kind(address), match[0])

    return _V4.sub(one, text)


def sub_v6(text: str, act: Callable[[str, str], str]) -> str:
    """The same of version 6, those that hold one of version 4 included."""

    def one(match: re.Match[str]) -> str:
        found = match[0]
        end = ":" if found.endswith(":") and not found.endswith("::") else ""  # "::1: refused"
        plain = found[: len(found) - len(end)]
        address = _v6(plain)
        return found if address is None else act(_kind(address), plain) + end

    return _V6.sub(one, text)


def _kind(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    inner = getattr(address, "ipv4_mapped", None) or address
    return "private-ip" if any(inner in network for network in _PRIVATE) else "ip"


def _v6(text: str) -> ipaddress.IPv6Address | None:
    """An address out of those that are given out: not a clock, a MAC address or C++'s ``Cafe::Bad``."""
    groups = text.split(":")
    if len(groups) > 7 and all(len(group) == 2 for group in groups):  # EUI-64, a fingerprint
        return None
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    known = any(address in network for network in (*_GLOBAL_V6, *_PRIVATE))
    return address if known and (text != "::") else None


def _is_version(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - _NEAR) : match.start()]
    behind = match.string[match.end() : match.end() + 16]
    if _VERSION_BEHIND.match(behind):
        return True
    found = _VERSION_BEFORE.search(before)
    # A Java socket address (``host/1.2.3.4:443``) has a port, and no product has one.
    return found is not None and not (found[0].endswith("/") and re.match(r":\d", behind))
