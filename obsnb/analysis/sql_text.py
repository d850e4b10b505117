"""SQL as tokens: literals as ``?``, in any dialect, whole or cut off in the middle of a word.

A parser refuses a statement that was cut at 200 characters; tokens do not mind. Two texts of one
statement have one `Tokens.key`, whatever their literals, parameter style, white space and case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Tokens", "tokens_of"]

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
  | (?P<literal>\$(?P<tag>[A-Za-z_]\w*)?\$.*?(?:\$(?P=tag)?\$|\Z)
      | (?:[eEnNxXbB]|_utf8\w*)?'(?:[^'\\]|\\.|'')*(?:'|\Z))
  | (?P<parameter>%\(\w+\)s | %s | \$(?:\d+|\?) | @\w+ | (?<![:\w]):(?:\w+|\?) | \?\d* | \#?\{\w*\})
  | (?P<number>(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)(?![A-Za-z_]))
  | (?P<quoted>"(?:[^"]|"")*(?:"|\Z) | `[^`]*(?:`|\Z) | \[[A-Za-z_][^\]\n]{0,127}\])
  | (?P<word>[^\W\d][\w$]*|\d+\w+)
  | (?P<sign>::|<>|!=|<=|>=|\|\||->>|->|\#>>|\#>|@>|<@|:=|=>|&&|~\*|!~\*?|.)
    """,
    re.VERBOSE | re.DOTALL,
)
#: Words that change nothing and are as often written as not.
_NOISE = frozenset({"as", "inner", "outer", "asc"})
_STRING_QUOTES = frozenset({"mysql", "mariadb", "tidb"})  # where "..." is text, not a name
_LIST = re.compile(r"\((\s*)\?(?:\s*,\s*\?)+(\s*)(?:\)|(?:,\s*)?$)")
_ROWS = re.compile(r"\b(values\s*)(\((?:[^()]|\([^()]*\))*\))(?:\s*,\s*\2)+", re.IGNORECASE)
_READ_AT_MOST = 20_000  # characters; what is longer is data, and counts as cut
_ELLIPSIS = re.compile(r"(?:\.\.\.|…)\s*$")
_NAME = re.compile(r"[^\W\d][\w$.]*")
_BEFORE_A_NAME = frozenset("%$:@")
_OPERAND = frozenset({"literal", "word", "quoted"})


@dataclass(frozen=True)
class Tokens:
    """A statement's tokens.

    Attributes
    ----------
    key
        What the texts of one statement have in common.
    text
        The statement on one line, literals and parameters as ``?``, lists of them as one.
    words
        The tokens in order, names without their quotes, in their own case.
    broken
        Whether the text ends within a literal, a name or parentheses, or with an ellipsis.
    """

    key: str
    text: str
    words: tuple[str, ...]
    broken: bool


def tokens_of(text: str, *, system: str | None = None, cut: bool = False) -> Tokens:
    """The tokens of a statement.

    Parameters
    ----------
    text
        SQL of any dialect.
    system
        The kind of database (``db.system``), where known: in MySQL, ``"..."`` is text.
    cut
        Whether the text is known to have been cut: then its last word counts for nothing, because
        it may be half a word. A text that is broken counts as cut.
    """
    shortened = _ELLIPSIS.sub("", text[:_READ_AT_MOST])
    ellipsis = shortened != text
    found = list(_tokens(shortened, double_is_text=(system or "").lower() in _STRING_QUOTES))
    depth = sum((word == "(") - (word == ")") for _, word, _, _ in found)
    broken = ellipsis or depth > 0 or any(unfinished for _, _, unfinished, _ in found)
    if (broken or cut) and found and (found[-1][0] in ("word", "quoted") or found[-1][1] in _BEFORE_A_NAME):
        found.pop()
    while found and found[-1][1] == ";":
        found.pop()
    words = [word for _, word, _, _ in found]
    kept = [word.lower() for word in words if word.lower() not in _NOISE]
    key = _folded(" ".join("<>" if word == "!=" else word for word in kept))
    shown = "".join(f" {word}" if apart else word for _, word, _, apart in found).strip()
    return Tokens(key, _folded(shown), tuple(words), broken)


def _tokens(text: str, *, double_is_text: bool) -> Iterator[tuple[str, str, bool, bool]]:
    """Kind, token (``?`` for values), whether it lacks its end, whether space stands before it."""
    before, sign, apart = "", "", False
    for found in _TOKEN.finditer(text):
        kind, word = found.lastgroup or "", found.group()
        kind = "literal" if kind == "tag" else kind
        if kind == "space":
            apart = True
            continue
        if kind == "quoted" and word[0] == '"' and (double_is_text or not _NAME.fullmatch(word.strip('"'))):
            kind = "literal"
        unfinished = kind in ("literal", "quoted") and not _closed(word)
        if kind in ("number", "parameter", "literal"):
            yield "value", "?", unfinished, apart
            before, sign, apart = "literal", "", False
            continue
        if sign:
            yield "sign", sign, False, True
            sign = ""
        if word in "+-" and before not in _OPERAND:
            sign = word  # held back: a number that follows takes it along
            continue
        yield kind, (word.strip('"`[]') if kind == "quoted" else word), unfinished, apart
        before, apart = ("word" if word == ")" else kind), False
    if sign:
        yield "sign", sign, False, True


def _closed(word: str) -> bool:
    first = word.lstrip("eEnNxXbB")[:1] if word[:1] not in '"`[$' else word[0]
    if first == "$":
        tag = word[: word.index("$", 1) + 1]
        return len(word) >= 2 * len(tag) and word.endswith(tag)
    end = {"[": "]"}.get(first, first or "'")
    return len(word) > 1 and word.endswith(end)


def _folded(words: str) -> str:
    """Lists of values as one value, equal rows of values as one row."""
    return _ROWS.sub(r"\1\2", _LIST.sub(_as_one, words))


def _as_one(found: re.Match[str]) -> str:
    return f"({found[1]}?{found[2]})" if found[0].endswith(")") else f"({found[1]}?"
