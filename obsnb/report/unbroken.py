"""What a line must not break: times, lengths of time, numbers with their unit, ids and names with hyphens."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from obsnb.views import formats

__all__ = ["unbroken"]

#: Longer than this, a word is better broken than moved to a line of its own.
_LONGEST = 40

_DAY, _CLOCK = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d(?::\d\d(?:\.\d+)?)?"
_UNIT = r"(?:[nµm]?s|min|h|d|%|KiB|MiB|GiB|kB|MB|GB|minutes?|seconds?|times)(?!\w)"
#: What stands directly before or after belongs to it: an element would let the line break between them.
_BEFORE, _AFTER = r"[(\[“‘\"']*", r"[)\]”’\"'.,;:!?…]*"
_UNBROKEN = re.compile(
    rf"(?P<before>{_BEFORE})(?:"
    rf"(?P<moment>{_DAY}T{_CLOCK}(?:Z|[+-]\d\d:\d\d)?)"
    rf"|{_DAY} {_CLOCK}(?: UTC)?"
    rf"|{_DAY}(?!\w)"
    rf"|{_CLOCK} UTC"
    rf"|(?<![\w.])[+\u2212±]?\d[\d,.]* {_UNIT}(?: \d+ (?:s|min|h)(?!\w))?"
    r"|(?<![\w.:/@=-])[\w.:/@=]+(?:-[\w.:/@=]+)+"
    rf")(?P<after>{_AFTER})"
)


def unbroken(text: str) -> Markup:
    """The text, escaped, for an element's content; what belongs together stands in elements of its own.

    Each is a ``span`` of class ``whole``, in which a moment is a ``time`` element. The style sheet breaks it
    only where it is wider than its column. What would act or hide is made visible first.

    Examples
    --------
    >>> print(unbroken("<b> took 28 min 30 s,"))
    &lt;b&gt; took <span class="whole">28 min 30 s,</span>
    """
    plain = formats.shorten(formats.visible(text), formats.LONGEST)
    parts, done = [], 0
    for found in _UNBROKEN.finditer(plain):
        if len(found[0]) > _LONGEST:
            continue
        kept = escape(found[0])
        if found["moment"]:
            moment = Markup('{}<time datetime="{}">{}</time>{}')
            kept = moment.format(found["before"], found["moment"], found["moment"], found["after"])
        parts += [escape(plain[done : found.start()]), Markup('<span class="whole">{}</span>').format(kept)]
        done = found.end()
    parts.append(escape(plain[done:]))
    return Markup("").join(parts)
