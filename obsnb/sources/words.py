"""What a server said, as one line that is safe to show.

What a server says is hostile text: it is shortened, its lines are joined and its control characters
are made visible, so that it can neither hide something nor pass for a line of ours.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata

from obsnb.transport.exchange import Response

__all__ = ["is_html", "page_words", "start_of", "visible", "words_of"]

_LONGEST = 500


def is_html(response: Response) -> bool:
    """Whether the body is an HTML page, which none of the servers sends by itself."""
    start = response.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "text/html" in response.headers.get("content-type", "") or start.startswith(
        (b"<!doctype html", b"<html")
    )


def page_words(response: Response) -> str:
    """The title of an HTML page, or the start of its text."""
    text = response.body[:10_000].decode("utf-8", "replace")
    title = re.search(r"<title[^>]*>(.*?)</title", text, re.IGNORECASE | re.DOTALL)
    if title and title[1].strip():
        return f'a page titled "{visible(html.unescape(title[1]), 100)}"'
    bare = re.sub(r"<(script|style).*?</\1\s*>|<[^>]*>", " ", text, flags=re.IGNORECASE | re.DOTALL)
    return visible(html.unescape(bare), 200) or "a page without text"


def words_of(response: Response) -> str:
    """What the server says, in one line: plain text, or the message in its JSON."""
    text = response.body[:100_000].decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return visible(text, _LONGEST)
        kind = said.get("errorType")
        message = next((said[key] for key in ("error", "message", "msg", "detail") if said.get(key)), None)
        if isinstance(message, str):
            return visible(f"{kind}: {message}" if isinstance(kind, str) else message, _LONGEST)
    return visible(text, _LONGEST)


def start_of(response: Response) -> str:
    """What an unreadable answer is, and how it begins."""
    what = f"{len(response.body):,} bytes of {response.headers.get('content-type') or 'no content type'}"
    if not response.body:
        return visible(what, 200)
    text = response.body[:200].decode("utf-8", "replace")
    odd = sum(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in text)
    return visible(what if odd > len(text) / 10 else f"{what}, beginning with {text}", 200)


def visible(text: str, longest: int) -> str:
    """One line without control characters, cut after so many characters."""
    line = " ".join(text[: 4 * longest].split())
    shown = "".join(c if unicodedata.category(c)[0] not in "CZ" or c == " " else _escape(c) for c in line)
    return (
        shown if len(shown) <= longest and len(text) <= 4 * longest else f"{shown[: longest - 1].rstrip()}…"
    )


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
