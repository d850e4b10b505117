"""How often the parts of a PromQL text are evaluated, beside how far they look back."""

from __future__ import annotations

import re

from obsnb.errors import WindowError
from obsnb.instants import parse_duration

__all__ = ["leaps"]

_STRING = r"""\"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*"""
_MARK = re.compile(rf"(?P<skip>{_STRING})|(?P<range>\[[^\]]*\])|(?P<open>[({{])|(?P<close>[)}}])")
_RANGE = re.compile(r"\[\s*([^\s:\]]+)\s*(?::\s*([^\s\]]*)\s*)?\]")


def leaps(query: str, step_ns: int) -> list[tuple[str, str, bool]]:
    """The ranges of a text that are evaluated less often than they are long.

    A range is evaluated at each step of the query, or of the innermost subquery that it is in; where that
    leaves its resolution to the server, nothing is known.

    Parameters
    ----------
    query
        PromQL.
    step_ns
        The step that it is asked for with.

    Returns
    -------
    list of (str, str, bool)
        The step, the range that is shorter, as written, and whether the step is a subquery's; of ranges
        that share a step the shortest.

    Examples
    --------
    >>> leaps("rate(a[1m])", 300 * 10**9), leaps("max_over_time(rate(a[1m])[10m:5m])", 60 * 10**9)
    ([('300 s', '1m', False)], [('5m', '1m', True)])
    >>> leaps("max_over_time(rate(a[1m])[10m:30s])", 300 * 10**9)
    []
    """
    ranges = _ranges(query)
    found: dict[tuple[str, bool], tuple[int, str]] = {}
    for place, (at, _, text, _) in enumerate(ranges):
        length = _length(text)
        around = [one for other, one in enumerate(ranges) if other != place and one[3] is not None]
        inside = [one for one in around if one[1] <= at < one[0]]
        every = (f"{step_ns / 1e9:g} s", False)
        interval: int | None = step_ns
        if inside:
            # The innermost is the one whose operand begins last.
            resolution = max(inside, key=lambda one: one[1])[3] or ""
            every, interval = (resolution, True), _length(resolution)
        if length is None or interval is None or interval <= length:
            continue
        if every not in found or length < found[every][0]:
            found[every] = (length, text)
    return [(step, text, nested) for (step, nested), (_, text) in found.items()]


def _ranges(query: str) -> list[tuple[int, int, str, str | None]]:
    """Of each range: where it stands, where its operand begins, its length, and a subquery's resolution."""
    found: list[tuple[int, int, str, str | None]] = []
    opened: list[int] = []
    last = 0
    for mark in _MARK.finditer(query):
        if mark.lastgroup == "open":
            opened.append(mark.start())
        elif mark.lastgroup == "close":
            last = opened.pop() if opened else 0
        elif mark.lastgroup == "range" and (text := _RANGE.fullmatch(mark[0])) is not None:
            begins = last if query[: mark.start()].rstrip().endswith((")", "}")) else mark.start()
            found.append((mark.start(), begins, text[1], text[2]))
    return found


def _length(text: str) -> int | None:
    try:
        return parse_duration(text)
    except WindowError:
        return None  # years, variables and calculations: not the short ones that this is about
