"""Text that others wrote, for Markdown: it can make no HTML, link, image, table cell, heading or mention."""

from __future__ import annotations

import re

from obsnb.views.formats import LONGEST, one_line, shorten, visible

__all__ = ["code", "fenced", "inline"]

_MARKUP = re.compile(r"[\\`*\[\]~$|]|(?<![^\W_])_|_(?![^\W_])")
_ENTITY = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
#: What GitHub's autolinks look for; a backslash in it stops them and is not shown.
_AUTOLINK = re.compile(r"(?i)(?<=[a-z])(:)(?=//)|(?<=mailto)(:)|(?<=xmpp)(:)|(?<=www)(\.)")
#: What at the begin of a line makes it a heading, list, quote, rule, code or table.
_OPENING = re.compile(r"^([#+=-]|\d+(?=[.)](?:\s|$)))")
#: Ids and names that can stand in a code span as they are.
_PLAIN = re.compile(r"[\w.:/@%+=-]+(?: [\w.:/@%+=-]+)*", re.ASCII)


def inline(text: str) -> str:
    """The text in one line, to be read as nothing but text, in a paragraph or in a cell; cut where too long.

    An ``@`` before a letter is followed by a word joiner, which has no width: without it GitHub notifies
    whoever has that name, and makes links of addresses, whatever stands before.
    """
    plain = shorten(one_line(text), LONGEST)
    plain = re.sub("[&<>]", lambda found: _ENTITY[found[0]], plain)
    plain = _MARKUP.sub(lambda found: "&#124;" if found[0] == "|" else "\\" + found[0], plain)
    plain = _AUTOLINK.sub(lambda found: "\\" + found[0], plain)
    plain = re.sub(r"@(?=\w)", "@\u2060", plain)
    opening = _OPENING.match(plain)
    if opening is None:
        return plain
    rest = plain[opening.end() :]
    return f"{opening[0]}\\{rest}" if opening[0].isdigit() else f"\\{plain}"


def code(text: str) -> str:
    """An id as a code span, where nothing in it speaks against that; else as text."""
    return f"`{text}`" if _PLAIN.fullmatch(text) else inline(text)


def fenced(text: str, *, language: str = "") -> str:
    """Lines as they are, in a fence that is longer than any run of backticks in them."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{shorten(visible(text), LONGEST)}\n{fence}"
