"""Masked lines put together: which of their words are the program's, and which are data."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter

from obsnb.analysis.pattern_masks import HOLE

__all__ = ["merged"]

_FEW = 5  # words that differ at a place: so many statements may differ by one word, more are data
_TOKENS = 120  # of a line that are compared
_TELLING = 8  # letters that two lines share before their words alone make them one
_SEPARATOR = re.compile(r"(\s+|[=,;()\[\]{}<>\"'|:#])")
_RUN = re.compile(rf"{HOLE}(?:[.:,/_\-+]*{HOLE})+")
# The same variable part again and again, with spaces or commas between: a list of any length.
_LIST = re.compile(
    rf"((?<![^\s,(\[{{=:])[^\s,{HOLE}]*{HOLE}[^\s,{HOLE}]*)(?:(?:,\s*|\s+)\1)+(?![^\s,)\]}}.;:])"
)
_UNIT = re.compile(
    r"(?:[KMGTP]?i?B|[kmg]b|bytes?|[mnuµ]?s|m?secs?|seconds?|minutes?|min|hours?|h|[MG]Hz)[.,]?"
)
_WORD = re.compile(rf"[^\d{HOLE}/\\@%]+")
_LETTERS = re.compile(r"[^\W\d_\ue000]{2,}")
_SWITCHES = frozenset(("true", "false", "null", "yes", "no", "on", "off", "none", "True", "False", "None"))
# What follows one of these is a name, whatever it looks like.
_NAMING = frozenset(
    (
        *("user", "username", "login", "account", "host", "hostname", "domain"),
        *("tenant", "queue", "topic", "table", "database", "session", "device"),
    )
)


_Parts = list[str]  # tokens at even places, what separates them at odd ones


def merged(texts: Iterable[str]) -> Mapping[str, str]:
    """The pattern of each masked line.

    Parameters
    ----------
    texts
        Different ones, in whatever order.

    Returns
    -------
    mapping
        From text to pattern, variable parts as `HOLE`.
    """
    written: dict[tuple[str, ...], list[tuple[_Parts, str]]] = defaultdict(list)  # by separators
    for text in sorted(texts):
        parts = _parts(text)
        written[tuple(parts[1::2])].append((parts, text))
    shapes: dict[tuple[str, ...], list[tuple[_Parts, str]]] = defaultdict(list)
    for separators, same in written.items():
        shapes[tuple(one.strip() or " " for one in separators)] += same
    found: dict[str, str] = {}
    for shape, rows in shapes.items():
        rows.sort(key=itemgetter(1))
        for group in _groups([parts for parts, _ in rows], ("", *shape)):
            pattern = _written([rows[row][0] for row in group])
            found.update((rows[row][1], pattern) for row in group)
    again = _by_words(sorted(set(found.values())))
    return {text: again[pattern] for text, pattern in found.items()}


def _parts(text: str) -> _Parts:
    if text.count(HOLE) > 1:
        text = _LIST.sub(r"\1", text)
    parts = _SEPARATOR.split(text)
    return parts if len(parts) < 2 * _TOKENS else [*parts[: 2 * _TOKENS], HOLE]


def _groups(rows: Sequence[_Parts], before: Sequence[str]) -> list[list[int]]:
    """The rows of one shape, divided until what still differs in a group is data."""
    done, waiting = [], [list(range(len(rows)))]
    while waiting:
        group = waiting.pop()
        place = _divides([rows[row] for row in group], before) if len(group) > 1 else None
        if place is None:
            done.append(group)
            continue
        divided: dict[str, list[int]] = defaultdict(list)
        for row in group:
            divided[rows[row][2 * place]].append(row)
        waiting.extend(divided.values())
    return done


def _divides(rows: Sequence[_Parts], before: Sequence[str]) -> int | None:
    """The place whose words tell statements apart: of those that are no data, the one with fewest."""
    values = [list(dict.fromkeys(column)) for column in zip(*(row[::2] for row in rows), strict=True)]
    filled = sum(any(several) for several in values)
    fixed = sum(len(several) == 1 and several[0] not in ("", HOLE) for several in values)
    best = None
    for place, several in enumerate(values):
        if len(several) == 1:
            continue
        if fixed and (HOLE in several or _are_data(several, led=_leads(values, place, before))):
            continue
        if len(several) > _FEW and 2 * fixed >= filled:
            continue
        if best is None or len(several) < len(values[best]):
            best = place
    return best


def _leads(values: Sequence[Sequence[str]], place: int, before: Sequence[str]) -> bool:
    """Whether what stands before a place says that a value comes: ``key=``, or ``user ``."""
    if before[place] == "=":
        return True
    if not place or before[place] != " " or len(values[place - 1]) > 1:
        return False
    return values[place - 1][0].lower() in _NAMING


def _are_data(values: Sequence[str], *, led: bool) -> bool:
    """Whether most of the values have digits or paths in them, are units, or are values of keys."""
    data = [
        not _WORD.fullmatch(value) or bool(_UNIT.fullmatch(value)) or (led and value not in _SWITCHES)
        for value in values
    ]
    return 2 * sum(data) > len(data)


def _by_words(patterns: Sequence[str]) -> dict[str, str]:
    """Patterns of the same words in the same order are one: they differ in lists and optional values."""
    same: dict[tuple[str, ...], list[tuple[str, list[str]]]] = defaultdict(list)
    for pattern in patterns:
        words, gaps = _words(pattern)
        telling = HOLE in pattern and sum(map(len, words)) >= _TELLING
        same[words if telling else (HOLE, pattern)].append((pattern, gaps))
    found: dict[str, str] = {}
    for words, rows in same.items():
        text = rows[0][0]
        if len(rows) > 1:
            gaps = [_common(column) for column in zip(*(gaps for _, gaps in rows), strict=True)]
            text = gaps[0] + "".join(word + gap for word, gap in zip(words, gaps[1:], strict=True))
        found.update((pattern, _RUN.sub(HOLE, text)) for pattern, _ in rows)
    return found


def _words(pattern: str) -> tuple[tuple[str, ...], list[str]]:
    """The words of a pattern but units, and what stands before, between and after them."""
    words, gaps, last = [], [], 0
    for match in _LETTERS.finditer(pattern):
        if not _UNIT.fullmatch(match[0]):
            words.append(match[0])
            gaps.append(pattern[last : match.start()])
            last = match.end()
    return tuple(words), [*gaps, pattern[last:]]


def _written(rows: Sequence[_Parts]) -> str:
    text = _RUN.sub(HOLE, "".join(_common(column) for column in zip(*rows, strict=True)))
    return _LIST.sub(r"\1", text)


def _common(values: Iterable[str]) -> str:
    """What the values have in common at both ends, no word cut in two, and `HOLE` between."""
    different = list(dict.fromkeys(values))
    if len(different) == 1:
        return different[0]
    head = _beginning(different)
    rests = [value[len(head) :] for value in different]
    numbered = head[-1:].isalpha() and all(rest[:1].isdigit() or rest[:1] == HOLE for rest in rests)
    if not numbered:
        head = re.sub(r"[^\W_]+$", "", head)
    tail = _beginning([rest[::-1] for rest in rests])[::-1]
    return head + HOLE + re.sub(r"^[^\W_]+", "", tail)


def _beginning(values: Sequence[str]) -> str:
    """What all of them begin with: what the first and the last in order do."""
    first, last = min(values), max(values)
    same = 0
    while same < len(first) and first[same] == last[same]:
        same += 1
    return first[:same]
