"""Payment card numbers: a known issuer's beginning and length, and a check digit that holds."""

from __future__ import annotations

import re
from collections.abc import Callable

from obsnb.redact.shapes import after_none_of

__all__ = ["CARD_HINT", "sub_cards"]

#: A text that this does not match has no card number (for polars, before `re` looks).
CARD_HINT = r"[2-6][0-9]{12}|[2-6][0-9]{3}[ -][0-9]{4}"

_CARD = re.compile(
    r"[2-6]" + after_none_of(r"\w.+%-") + r"(?:\d{12,18}"
    r"|\d{3}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?:(?P=gap)\d{3})?"
    r"|(?<=3)\d{3}(?P<gap3>[ -])\d{6}(?P=gap3)\d{4,5})(?![\w%]|[.-]\w|[ -]\d{4})"
)
#: First digits, from and to, and how many there are in all: ISO/IEC 7812 as the networks publish theirs.
_ISSUERS: tuple[tuple[int, int, frozenset[int]], ...] = (
    (4, 4, frozenset({13, 16, 19})),  # Visa
    (51, 55, frozenset({16})),  # Mastercard
    (2221, 2720, frozenset({16})),
    (34, 34, frozenset({15})),  # American Express
    (37, 37, frozenset({15})),
    (6011, 6011, frozenset({16, 19})),  # Discover
    (644, 659, frozenset({16, 19})),
    (300, 305, frozenset({14})),  # Diners Club
    (36, 36, frozenset({14})),
    (38, 39, frozenset({14})),
    (3528, 3589, frozenset({16, 19})),  # JCB
    (62, 62, frozenset({16, 17, 18, 19})),  # UnionPay
    *((start, start, frozenset({13, 15, 16, 18, 19})) for start in (5018, 5020, 5038, 5893, 6304, 6759)),
    (6761, 6763, frozenset({13, 15, 16, 18, 19})),  # Maestro
)
#: What a number of so many digits is, where this stands before it.
_OTHER_ID = re.compile(r"(?i)(?:trace|span)[_. -]?id\W{1,6}$")


def sub_cards(text: str, act: Callable[[str, str], str]) -> str:
    """The text with each number as ``act("card", number)`` has it, in quotes where it was a JSON number."""

    def one(match: re.Match[str]) -> str:
        if not _is_card(match):
            return match[0]
        quote = _quote(match)
        return f"{quote}{act('card', match[0])}{quote}"

    return _CARD.sub(one, text)


def _is_card(match: re.Match[str]) -> bool:
    digits = re.sub("[ -]", "", match[0])
    issued = any(
        start <= int(digits[: len(str(start))]) <= end and len(digits) in lengths
        for start, end, lengths in _ISSUERS
    )
    if not issued or len(set(digits)) == 1 or not _check_digit_holds(digits):
        return False
    return not _OTHER_ID.search(match.string[max(0, match.start() - 16) : match.start()])


def _check_digit_holds(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B (Luhn)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _quote(match: re.Match[str]) -> str:
    """The quotation mark that keeps JSON what it is: none inside of a string."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    if not re.match(r"[ \t\r\n]*[,}\]]", after):
        return ""
    is_json = before.lstrip()[:1] in {"[", "{"}
    if is_json and len(re.findall(r'(?<!\\)(?:\\\\)*"', before)) % 2 == 0:
        return '"' if re.search(r"[:\[,][ \t\r\n]*$", before[-64:]) else ""
    key = re.search(r'((?:\\(?:\\\\)*)?")[ \t]*:[ \t\r\n]*$', before[-64:])
    return key[1] if key else ""
