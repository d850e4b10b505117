"""How numbers, durations, times and evidence are written for people; no text can hide or mislead."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

__all__ = [
    "IN_WORDS",
    "LONGEST",
    "NOTHING",
    "clock",
    "counted",
    "day",
    "duration",
    "evidence_label",
    "moment",
    "number",
    "offset",
    "one_line",
    "period",
    "quantity",
    "shorten",
    "visible",
]

NOTHING = "–"
#: No text of a report is longer than this, whatever a server sends.
LONGEST = 8_000
_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Control characters but tab and newline, lone surrogates, and the characters that turn the direction of
# text or take no room: with them a log line can look like something that it is not.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"⟨U+{code:04X}⟩"


def visible(text: str) -> str:
    """The text with every character that would act or hide drawn as a picture of itself.

    Control characters become Unicode's pictures of them (an escape ``␛``), other invisible or
    direction-turning ones ``⟨U+202E⟩``; tabs and newlines stay, a carriage return before a newline goes.
    """
    return _HIDDEN.sub(_picture, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Visible, with runs of white space as single spaces."""
    return " ".join(visible(text).split())


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; where some are left out, the last is an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _three_digits(value: float) -> str:
    return f"{value:.3g}"


def duration(ns: int | float | None) -> str:
    """A length of time in nanoseconds, with the two largest units or three digits.

    Examples
    --------
    >>> duration(2_500_000_000), duration(380_000_000), duration(24 * 60 * 1_000_000_000)
    ('2.5 s', '380 ms', '24 min')
    """
    if ns is None or not math.isfinite(ns):
        return NOTHING
    if ns < 0:
        return "−" + duration(-ns)
    if ns == 0:
        return "0 s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000), ("s", _SECOND)):
        value = float(_three_digits(ns / size))
        if value < (60 if unit == "s" else 1_000):
            return f"{_three_digits(value)} {unit}"
    for big, small, size, ratio in (("min", "s", _SECOND, 60), ("h", "min", 60 * _SECOND, 60)):
        whole, rest = divmod(round(ns / size), ratio)
        if whole < (60 if big == "min" else 24):
            return f"{whole} {big}" + (f" {rest} {small}" if rest else "")
    days, hours = divmod(round(ns / (3_600 * _SECOND)), 24)
    return f"{days:,} d" + (f" {hours} h" if hours else "")


def number(value: float | int | None) -> str:
    """A number with thousands separators, and three digits where it has a fraction.

    Examples
    --------
    >>> number(14495), number(0.21431), number(None)
    ('14,495', '0.214', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace("-", "−")
    return _three_digits(value).replace("-", "−", 1)


def counted(count: int, noun: str, plural: str = "") -> str:
    """So many of something: ``1 row``, ``12 rows``, ``3 queries``."""
    return f"{number(count)} {noun if count == 1 else plural or noun + 's'}"


_IN_NS = {
    "s": _SECOND,
    "seconds": _SECOND,
    "ms": 1_000_000,
    "milliseconds": 1_000_000,
    "minutes": 60 * _SECOND,
    "min": 60 * _SECOND,
    "ns": 1,
}
_PERCENT = {"ratio": 100.0, "share": 100.0, "%": 1.0, "percent": 1.0}
#: Units that `quantity` does not write behind the number as they are.
IN_WORDS = frozenset({*_IN_NS, *_PERCENT})


def quantity(value: float | int | str | None, unit: str = "") -> str:
    """A value with its unit: durations in their own words, shares as per cent.

    Examples
    --------
    >>> quantity(1440, "s"), quantity(0.034, "share"), quantity(731, "requests"), quantity(1, "tenants")
    ('24 min', '3.4 %', '731 requests', '1 tenant')
    """
    if isinstance(value, str):
        return f"{value} {unit}".strip()
    if value is None or math.isnan(value):
        return NOTHING
    if unit in _IN_NS:
        return duration(value * _IN_NS[unit])
    if unit in _PERCENT:
        return f"{number(value * _PERCENT[unit])} %"
    singular = unit.removesuffix("s") if value == 1 and unit.isalpha() else unit
    return f"{number(value)} {singular}".strip()


def _utc(ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=ns // 1_000)


def clock(ns: int | None, *, digits: int = 0, dated: bool = False) -> str:
    """The time of day in UTC, cut (not rounded) to so many digits; month and day first if asked."""
    if ns is None:
        return NOTHING
    fraction = f".{ns % _SECOND:09d}"[: digits + 1] if digits else ""
    return f"{_utc(ns):{'%m-%d ' * dated}%H:%M:%S}{fraction}"


def day(ns: int) -> str:
    """The day in UTC, as in ``23 November 2026``."""
    return f"{_utc(ns).day} {_utc(ns):%B %Y}"


def moment(ns: int | None) -> str:
    """Day and time, as in ``2026-11-23 18:24:19 UTC``."""
    return NOTHING if ns is None else f"{_utc(ns):%Y-%m-%d %H:%M:%S} UTC"


def period(start_ns: int, end_ns: int) -> str:
    """From when to when, in UTC; the day is said twice only where it changes."""
    begin, end = _utc(start_ns), _utc(end_ns)
    until = f"{end:%H:%M:%S}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H:%M:%S}"
    return f"{begin:%Y-%m-%d %H:%M:%S} to {until} UTC"


def offset(ns: int, origin_ns: int) -> str:
    """How long after (``+2 min``) or before (``−40 s``) something else, by the seconds that `clock` shows."""
    seconds = ns // _SECOND - origin_ns // _SECOND
    return "±0 s" if seconds == 0 else ("+" if seconds > 0 else "") + duration(seconds * _SECOND)


def evidence_label(evidence: str) -> str:
    """An evidence id, short: ``log 3f9a2c1b``, ``span 4bf92f35/00f067aa``, ``query 3``.

    Kinds and their forms are the house's: ``log:ROW``, ``span:TRACE/SPAN``, ``series:ID@ns``, ``query:N``.
    """
    kind, _, rest = one_line(evidence).partition(":")
    if kind == "series" and "@" in rest:
        series, _, at = rest.rpartition("@")
        when = clock(int(at)) if at.isascii() and at.isdigit() and len(at) < 20 else shorten(at, 8)
        return f"series {series[:6]} at {when}"
    parts = "/".join(part[:8] for part in rest.split("/")[:2])
    return f"{shorten(kind, 10)} {parts}".strip()
