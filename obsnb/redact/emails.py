"""E-mail addresses in a text, and what only looks like one."""

from __future__ import annotations

import re
from collections.abc import Callable

from obsnb.redact.shapes import after_none_of

__all__ = ["EMAIL_HINTS", "sub_emails"]

#: A text without any of these has no e-mail address.
EMAIL_HINTS = ("@", "%40", "u0040")

_LABEL = r"\w(?:[\w-]{0,61}\w)?"
_EMAIL = re.compile(
    r"(?P<local>\w" + after_none_of(r"\w.+-") + r"(?:[\w.+-]{0,62}[\w+-])?)(?:@|%40|\\u0040)"
    rf"(?P<domain>(?:{_LABEL}\.)+(?P<top>[^\W\d_]{{2,24}}))(?![\w-]|\.\w|%[0-9A-Fa-f]{{2}}\w*@)"
)
#: Endings of files, packages and systemd's units, which follow an ``@`` as well.
_NO_DOMAIN = re.compile(
    r"(?i)avif|bmp|bz|css|csv|exe|gif|gz|html|ico|jar|jpeg|jpg|js|json|jsx|log|map|md|min|mjs|mount|path"
    r"|pdf|php|png|py|scope|service|slice|socket|svg|swap|target|tar|tgz|timer|toml|ts|tsx|txt|webp|whl|xml|yaml|yml|zip"
)
_SSH_USERS = frozenset({"git", "hg", "svn"})


def sub_emails(text: str, act: Callable[[str, str], str]) -> str:
    """The text with each address as ``act("email", address)`` has it."""

    def one(match: re.Match[str]) -> str:
        return act("email", match[0]) if _is_email(match) else match[0]

    return _EMAIL.sub(one, text)


def _is_email(match: re.Match[str]) -> bool:
    if _NO_DOMAIN.fullmatch(match["top"]):
        return False
    # The user of a URL (postgres://app@db.example.org) and of a repository (git@host:team/name).
    if match.string[max(0, match.start() - 2) : match.start()] == "//":
        return False
    return match["local"].lower() not in _SSH_USERS
