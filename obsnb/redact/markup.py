"""HTML: what stands between tags, in attributes and in scripts, each redacted as its reader reads it."""

from __future__ import annotations

import html
import re
from collections import Counter

from obsnb.redact.plan import Plan
from obsnb.redact.texts import redact_text

__all__ = ["redact_html"]

#: Scripts and styles whole, comments, tags; what is between them is text.
_PART = re.compile(
    r"(<script\b.*?</script\s*>|<style\b.*?</style\s*>|<!--.*?-->|<[a-zA-Z/!][^<>]*>)", re.S | re.I
)
#: What a report keeps on one line stands in an element of its own: a key and its value may lie on both sides.
_WHOLE = re.compile(r'<span class="whole">([^<]*)(?:<time [^<>]*>([^<]*)</time>([^<]*))?</span>')


def redact_html(plan: Plan, text: str) -> tuple[str, dict[str, int]]:
    """HTML with what the plan finds in its texts replaced.

    Text is read without its character references (``&quot;``) and written with them again; scripts,
    styles, comments and tags are taken as they are, and so is any part in which nothing is found. Where
    something is found, what a report kept on one line may break.
    """
    counts: Counter[str] = Counter()
    out = []
    for part in _PART.split(_WHOLE.sub(r"\1\2\3", text)):
        plain = part if part.startswith("<") else html.unescape(part)
        made, found = redact_text(plan, plain)
        counts.update(found)
        changed = made if part.startswith("<") else html.escape(made, quote=False)
        out.append(changed if found else part)
    return "".join(out) if counts else text, dict(counts)
