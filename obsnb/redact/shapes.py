"""What shapes of text are made of: classes of characters, keys with their values, and rules.

The patterns keep to what Rust's regex crate and Python's `re` understand alike: polars masks frames, `re`
masks single texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "END",
    "FIRST",
    "GAP",
    "MASK",
    "MIXED",
    "NOT",
    "PLACEHOLDER",
    "SHIELD",
    "SIGN",
    "TOKEN",
    "VALUE",
    "WS",
    "Rule",
    "after_none_of",
    "number",
    "quoted",
]

# Two noncharacters, which no text for interchange holds, stand before a placeholder while the rules run,
# and no value begins with the first of them: Rust's regular expressions have no lookahead instead.
SHIELD = "\ufdd0\ufdd1"
FIRST = SHIELD[0]

# The two languages do not mean the same characters by \s, \w and \b: every class is spelt out.
WS = r" \t-\r"

GAP = r"[ \t]*"
SIGN = rf"{GAP}(?::=|=>|[:=]){GAP}"
END = r"(?:$|[ \t\r\n\"'`\\,;&)}\]])"
PLACEHOLDER = (
    r"(?:%[a-z]|%\([A-Za-z0-9_]*\)[a-z]|\{[A-Za-z0-9_.]*\}|\$\{?[A-Za-z_][A-Za-z0-9_]*\}?"
    r"|<[^<> \t-\r]*>|\*{3,}|x{3,}|\.{3}|-|null|none|nil|true|false|undefined"
    r"|\((?:null|none|hidden|sensitive)\))"
)

# What an unquoted value is made of: nothing that ends one in a URL, a connection string, JSON or logfmt.
NOT = rf"{WS}\"'`\\,;&|<>(){{}}\[\]{FIRST}"
VALUE = rf"[^{NOT}]+"
# A long word with letters and digits in it: what prose has not, after "token: " or "bearer ".
LETTER = rf"[^0-9{NOT}]"
MIXED = rf"(?:{LETTER}{{5,}}[0-9]|{LETTER}{{1,4}}[0-9][^{NOT}]{{6}}|[0-9]+{LETTER}[^{NOT}]{{6}})[^{NOT}]*"
TOKEN = r"[A-Za-z0-9._~+/=-]"  # noqa: S105 - a pattern, not a token
#: A mask, and its kind.
MASK = r"\[redacted:([a-z-]+)\]"


def after_none_of(characters: str) -> str:
    """Behind one character: that none of a class's characters stands before it, but for an escape's in JSON.

    It stands behind the character because `re` finds a pattern's first character many times faster than
    it looks back from each place. For `re` alone: Rust looks neither ahead nor behind.
    """
    return rf"(?:(?<![\\{characters}].)|(?<=\\[nrtbf].)|(?<=\\u[0-9A-Fa-f]{{4}}.))"


@dataclass(frozen=True)
class Rule:
    """A shape of secrets: alternatives, each of which keeps its one group and loses the rest.

    With `quoting`, what it finds is a number that becomes a text, and needs quotes.
    """

    kind: str
    pattern: str
    template: str
    quoting: bool = False

    @classmethod
    def of(cls, kind: str, *alternatives: str, mask: str = "[redacted:{}]", flags: str = "(?i)") -> Rule:
        """The rule of a kind, whose mask stands behind what each alternative keeps."""
        kept = "".join(f"${{{number}}}" for number in range(1, len(alternatives) + 1))
        return cls(kind, flags + "|".join(alternatives), kept + mask.format(kind), mask.startswith('"'))

    def in_text(self, text: str) -> str:
        """The text, masked by `re`."""
        return self._spoken.sub(self._template, text)

    def sub(self, text: str, act: Callable[[str, str], str]) -> str:
        """The text with each find as ``act(kind, find)`` has it, what the rule keeps around it as it was."""

        def one(match: re.Match[str]) -> str:
            kept = [group for group in match.groups() if group is not None]
            head = kept[0] if kept else ""
            tail = kept[1] if len(kept) > 1 else ""
            found = match[0][len(head) : len(match[0]) - len(tail)]
            made = act(self.kind, found)
            quote = '"' if self.quoting and made != found else ""
            return f"{head}{quote}{made}{quote}{tail}"

        return self._spoken.sub(one, text)

    def in_series(self, texts: pl.Series) -> pl.Series:
        """The texts, masked by polars."""
        return texts.str.replace_all(self.pattern, self.template)

    @cached_property
    def _spoken(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    @cached_property
    def _template(self) -> str:
        """The template as `re` writes groups."""
        return re.sub(r"\$\{(\d+)\}", r"\\g<\1>", self.template)


def quoted(key: str) -> tuple[str, ...]:
    """Alternatives for a key with a quoted value; a value without its closing quote was cut off."""
    listed = rf"{SIGN}\[?{GAP}[bru]?"
    return (
        rf"({key}\\*[\"']?{listed}\\+\")[^\"\\{FIRST}][^\"\\]*",
        rf"({key}\"{listed}\")(?:[^\"\\{FIRST}]|\\.)(?:[^\"\\]|\\.)*",
        # After a bare key, a quote may end a JSON string instead: a comma, a brace or a gap follows then.
        rf"({key}{SIGN}\")(?:[^\"\\,:}}\]{WS}{FIRST}]|\\.)(?:[^\"\\]|\\.)*",
        rf"({key}['`]?{listed}['`])(?:[^\"'`\\{FIRST}]|\\.)(?:[^\"'`\\]|\\.)*",
    )


def number(key: str, kind: str) -> Rule:
    """A JSON key with a number, which needs quotes when it becomes a mask."""
    return Rule.of(kind, rf"({key}\"{GAP}:{GAP})-?[0-9][0-9.e+-]*", mask='"[redacted:{}]"')
