"""What a query reads: its selectors, and how far it looks back, by its words alone."""

from __future__ import annotations

import re
from itertools import pairwise

from obsnb.errors import WindowError
from obsnb.instants import parse_duration
from obsnb.query import logql

__all__ = [
    "GROUPING",
    "TOKEN",
    "is_pointwise",
    "is_word",
    "looks_back_ns",
    "looks_elsewhere",
    "series_selectors",
    "stream_selectors",
]

_STRING = r"""\"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`"""
#: The pieces of a PromQL or LogQL text, by the names of its groups.
TOKEN = re.compile(
    rf"""(?P<skip>\s+|\#[^\n]*)
    |(?P<braces>\{{(?:{_STRING}|[^"'`{{}}])*\}})
    |(?P<string>{_STRING})
    |(?P<range>\[[^\]]*\])
    |(?P<number>[\d.][\w.]*)
    |(?P<name>[a-zA-Z_:][\w:]*)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
#: Behind these stand labels in parentheses.
GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"})
#: Functions and aggregations of PromQL and LogQL of which a point depends on its own time alone, whatever
#: window it is asked in. MetricsQL has others (``range_median``, ``running_sum``, ``topk_max``).
_POINTWISE_NAMES = """
    abs absent acos acosh asin asinh atan atanh avg bottomk bytes bytes_rate ceil changes clamp clamp_max
    clamp_min cos cosh count count_values day_of_month day_of_week day_of_year days_in_month deg delta deriv
    double_exponential_smoothing duration duration_seconds exp floor group histogram_avg histogram_count
    histogram_fraction histogram_quantile histogram_stddev histogram_stdvar histogram_sum holt_winters hour
    idelta increase ip irate label_join label_replace ln log10 log2 max min minute month pi predict_linear
    quantile rad rate rate_counter resets round scalar sgn sin sinh sort sort_by_label sort_by_label_desc
    sort_desc sqrt stddev stdvar sum tan tanh time timestamp topk vector year
    absent_over_time avg_over_time bytes_over_time count_over_time first_over_time last_over_time
    mad_over_time max_over_time min_over_time present_over_time quantile_over_time stddev_over_time
    stdvar_over_time sum_over_time
"""
_POINTWISE = frozenset(_POINTWISE_NAMES.split())
_ELSEWHERE = re.compile(r"(?i)\boffset\b|@")
_SPANS = re.compile(r"\[\s*([^:\]]*?)\s*(?::[^\]]*)?\]")


def series_selectors(query: str) -> tuple[str, ...]:
    """The vector selectors in a PromQL text, each once, without ranges and offsets.

    Examples
    --------
    >>> series_selectors('sum by (le) (rate(a_bucket{job="x"}[5m])) / on (job) up')
    ('a_bucket{job="x"}', 'up')
    """
    tokens = [(one.lastgroup or "", one[0]) for one in TOKEN.finditer(query) if one.lastgroup != "skip"]
    found: dict[str, None] = {}
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        after = tokens[at + 1] if at + 1 < len(tokens) else ("", "")
        at += 1
        if kind == "braces":
            found[text] = None
        elif kind == "name" and text.lower() in GROUPING and after[1] == "(":
            while at < len(tokens) and tokens[at][1] != ")":
                at += 1
        elif kind == "name" and after[0] == "braces":
            found[text + after[1]] = None
            at += 1
        elif kind == "name" and not is_word(text, after[1]):
            found[text] = None
    return tuple(found)


def is_word(text: str, after: str) -> bool:
    """Whether a name is a function, an aggregation or an operator rather than a metric's."""
    return after == "(" or after.lower() in {"by", "without"} or text.lower() in (_WORDS | GROUPING)


def stream_selectors(query: str) -> tuple[str, ...]:
    """The stream selectors in a LogQL text, each once.

    Examples
    --------
    >>> stream_selectors('sum(rate({app="a"} |= `{x="y"}` [1m])) / sum(rate({app="b"}[1m]))')
    ('{app="a"}', '{app="b"}')
    """
    braces = [one[0] for one in TOKEN.finditer(query) if one.lastgroup == "braces"]
    return tuple(dict.fromkeys(one for one in braces if logql.stream_selector_of(one) == one))


def looks_back_ns(query: str) -> int:
    """The longest range that a PromQL or LogQL text looks back over, in nanoseconds; 0 where it has none.

    Examples
    --------
    >>> looks_back_ns('rate(a[1m]) / rate(b{c="[1d]"}[5m])') // 10**9
    300
    """
    longest = 0
    for one in TOKEN.finditer(query):
        if one.lastgroup == "range" and (text := _SPANS.fullmatch(one[0])) is not None:
            try:
                longest = max(longest, parse_duration(text[1]))
            except WindowError:
                continue  # years, variables and calculations
    return longest


def is_pointwise(query: str) -> bool:
    """Whether every point of a PromQL or LogQL text is the same in whatever window it is asked for.

    False where that is not known: of a function that only some servers have, and of the window's own ends.

    Examples
    --------
    >>> is_pointwise("sum by (job) (rate(a[1m]))"), is_pointwise("range_median(a)"), is_pointwise("a @ end()")
    (True, False, False)
    """
    tokens = [(one.lastgroup or "", one[0]) for one in TOKEN.finditer(query) if one.lastgroup != "skip"]
    for (kind, text), (_, after) in pairwise([*tokens, ("", "")]):
        called = kind == "name" and after == "(" and text.lower() not in (GROUPING | _WORDS)
        if called and text.lower() not in _POINTWISE:
            return False
    return True


def looks_elsewhere(query: str) -> bool:
    """Whether a PromQL or LogQL text looks at another time than its own, by ``offset`` or ``@``."""
    plain = "".join(one[0] for one in TOKEN.finditer(query) if one.lastgroup not in {"string", "braces"})
    return _ELSEWHERE.search(plain) is not None
