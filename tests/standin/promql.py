"""As much of PromQL as a stand-in needs: selectors, their ranges, durations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Selector", "duration_ms", "parse"]

_STRING = r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`'
_MATCHER = re.compile(
    rf"\s*(?P<label>[a-zA-Z_]\w*|{_STRING})\s*(?:(?P<op>=~|!~|!=|=)\s*(?P<value>{_STRING})\s*)?(?:,|$)"
)
_SELECTOR = re.compile(
    rf"\s*(?P<name>[a-zA-Z_:][\w:]*)?\s*(?:\{{(?P<inside>(?:[^\"'`{{}}]|{_STRING})*)\}})?"
    r"\s*(?:\[(?P<range>\w+)\])?\s*"
)
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


@dataclass(frozen=True)
class Selector:
    """Matchers (label, operator, value), and the range behind them, if there is one."""

    matchers: tuple[tuple[str, str, str], ...]
    range_ms: int | None

    def chooses(self, labels: Mapping[str, str]) -> bool:
        """Whether all matchers match; a label that is not there is empty."""
        return all(_matches(labels.get(label, ""), op, value) for label, op, value in self.matchers)


def parse(query: str) -> Selector | None:
    """The selector that a query is, or None where it is something else."""
    found = _SELECTOR.fullmatch(query)
    if found is None or not (found["name"] or found["inside"]):
        return None
    matchers = [("__name__", "=", found["name"])] if found["name"] else []
    inside, at = found["inside"] or "", 0
    while inside[at:].strip():
        one = _MATCHER.match(inside, at)
        if one is None:
            return None
        label = _text(one["label"])
        matchers.append((label, one["op"], _text(one["value"])) if one["op"] else ("__name__", "=", label))
        at = one.end()
    return Selector(tuple(matchers), None if found["range"] is None else duration_ms(found["range"]))


def duration_ms(text: str) -> int:
    """Milliseconds of ``1h30m``; ValueError of anything else."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(text)
    return sum(int(number) * _MS[unit] for number, unit in parts)


def _matches(have: str, op: str, want: str) -> bool:
    same = have == want if op in {"=", "!="} else re.fullmatch(want, have) is not None
    return same == (op in {"=", "=~"})


def _text(written: str) -> str:
    """A name as it is, or what stands in quotes."""
    if written[0] == "`":
        return written[1:-1]
    if written[0] not in "\"'":
        return written

    def plain(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        return chr(int(code, 16)) if code else _ESCAPES.get(found[4], found[4])

    return _ESCAPE.sub(plain, written[1:-1])
