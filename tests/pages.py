"""What a report's page says, for tests that look for words in it."""

from __future__ import annotations

import html
import re


def words_of(page: str) -> str:
    """The page without the elements that keep times and names on one line, and without references."""
    return html.unescape(re.sub(r'<span class="whole">|</span>|</?time\b[^>]*>', "", page))
