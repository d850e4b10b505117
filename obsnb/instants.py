"""Moments and lengths of time: read from what people write, in nanoseconds, and told again.

This module alone reads the wall clock (`now_ns`), so that everything else can be replayed.
"""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from obsnb.errors import WindowError

__all__ = ["MOST_NS", "format_ns", "now_ns", "parse_duration", "parse_instant", "told_ns"]

_SECOND = 1_000_000_000
#: What a frame's nanoseconds can hold: 64 bits, from 1677 to 2262.
MOST_NS = 2**63
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3_600 * _SECOND,
    "d": 86_400 * _SECOND,
    "w": 7 * 86_400 * _SECOND,
}
_DURATION = re.compile(r"(\d{1,18}(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)")
_ISO = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<clock>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<zone>Z|z|[+-]\d{2}(?::?\d{2})?)?"
)


def now_ns() -> int:
    """Nanoseconds since the epoch, by this machine's clock."""
    return time.time_ns()


def parse_duration(text: str | int | float | timedelta) -> int:
    """Nanoseconds of a duration such as ``"90s"``, ``"1h30m"``, a timedelta, or seconds.

    Parameters
    ----------
    text
        A Prometheus-style duration, a `datetime.timedelta`, or a number of seconds.

    Returns
    -------
    int
        Nanoseconds, more than zero.

    Raises
    ------
    WindowError
        The text is not a duration, or it is not more than zero.

    Examples
    --------
    >>> parse_duration("1m30s")
    90000000000
    """
    if isinstance(text, timedelta):
        total = (text.days * 86_400 + text.seconds) * _SECOND + text.microseconds * 1_000
    elif isinstance(text, int) and not isinstance(text, bool):
        total = text * _SECOND
    elif isinstance(text, float) and math.isfinite(text):
        total = round(text * _SECOND)
    else:
        compact = text.replace(" ", "") if isinstance(text, str) else ""
        parts = _DURATION.findall(compact)
        if not parts or "".join(a + b for a, b in parts) != compact:
            raise WindowError(f"{text!r} is not a duration.", hint='Write it as "15s" or "1h30m".')
        total = sum(round(float(n) * _UNITS[unit]) for n, unit in parts)
    if total <= 0:
        raise WindowError(f"The duration {text!r} is not more than zero.")
    return total


def parse_instant(value: Any, *, tz: str | tzinfo | None = None) -> int:
    """Nanoseconds since the epoch of a point in time that says its zone.

    Parameters
    ----------
    value
        ISO 8601 text with a zone (``"2026-11-23T18:00Z"``), an aware datetime, a pandas Timestamp (its
        nanoseconds are kept), or with `tz` also a date or what numpy calls a datetime64.
    tz
        The zone of a value that names none, such as ``"Europe/Berlin"``.

    Returns
    -------
    int
        Nanoseconds since the epoch.

    Raises
    ------
    WindowError
        The value has no zone, is a bare number, cannot be read, lies out of the years 1677 to 2262, or is
        not one time in its zone, because clocks went forward over it or back to it.
    """
    if isinstance(value, datetime) and value == value:  # noqa: PLR0124 - not pandas' NaT
        aware = value if value.tzinfo is not None else _in_zone(value, tz, value)
        extra = int(getattr(value, "nanosecond", 0))  # pandas.Timestamp carries three more digits
        return _countable(_datetime_ns(aware, value) + extra, value)
    if isinstance(value, str | date) or type(value).__name__ == "datetime64":
        return _parse_iso(str(value), tz)
    raise WindowError(
        f"{value!r} is not a point in time: a bare {type(value).__name__} does not say its unit.",
        hint='Write ISO 8601 with a zone, such as "2026-11-23T18:00Z", or pass an aware datetime.',
    )


def _parse_iso(text: str, tz: str | tzinfo | None) -> int:
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise WindowError(
            f"{text!r} is not a point in time.",
            hint='Write ISO 8601 with a zone, such as "2026-11-23T18:00Z".',
        )
    clock = found["clock"] or "00:00"
    clock = clock if len(clock) == 8 else clock + ":00"
    zone = (found["zone"] or "").upper().replace("Z", "+00:00")
    if len(zone) == 3:
        zone += ":00"
    try:
        moment = datetime.fromisoformat(f"{found['day']}T{clock}{zone}")
    except ValueError as error:
        raise WindowError(f"{text!r} is not a point in time: {error}.") from None
    # A day begins when it begins, also where clocks skip its midnight.
    aware = moment if moment.tzinfo is not None else _in_zone(moment, tz, text, day=not found["clock"])
    return _countable(_datetime_ns(aware, text) + int((found["fraction"] or "0").ljust(9, "0")), text)


def _in_zone(moment: datetime, tz: str | tzinfo | None, said: object, *, day: bool = False) -> datetime:
    """A time in its zone, or a day's first. Raises `WindowError` where there is no such time, or two."""
    if tz is None:
        raise WindowError(
            f"{str(said)!r} has no time zone.",
            hint='Add one ("2026-11-23T18:00Z", or "+01:00"), or pass tz="Europe/Berlin".',
        )
    try:
        zone = tz if isinstance(tz, tzinfo) else ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, TypeError):
        raise WindowError(
            f"{tz!r} is not a time zone that this machine knows.",
            hint='Use a name of the IANA database, such as "Europe/Berlin", or "UTC".',
        ) from None
    plain = datetime.combine(moment.date(), moment.time())  # a pandas.Timestamp has rules of its own
    first, second = (plain.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset() and not day:
        there = _datetime_ns(first, said) < _datetime_ns(second, said)  # else clocks went forward
        raise WindowError(
            f"{str(said)!r} is "
            + (
                f"there twice in {tz}: clocks go back to it."
                if there
                else f"not there in {tz}: clocks skip it."
            ),
            hint=f"Write the offset that is meant: {first:%z} or {second:%z}.",
        )
    return first


def _datetime_ns(aware: datetime, said: object) -> int:
    try:
        since = aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:  # the first and last hours of the calendar
        raise WindowError(f"{str(said)!r} is beyond the calendar.") from None
    return (since.days * 86_400 + since.seconds) * _SECOND + since.microseconds * 1_000


def _countable(ns: int, said: object) -> int:
    if not -MOST_NS <= ns < MOST_NS:
        raise WindowError(f"{str(said)!r} is out of the years 1677 to 2262, which nanoseconds can count.")
    return ns


def format_ns(ns: int) -> str:
    """ISO 8601 in UTC, with as many digits of a second as are needed: none, 3, 6 or 9."""
    seconds, fraction = divmod(ns, _SECOND)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{digits}" if digits else "") + "Z"


def told_ns(ns: int, *beside: int) -> str:
    """A moment as a sentence tells it, in UTC, cut to the second: ``18:36:34``.

    Its day stands before it unless every moment that stands `beside` it in the sentence, of which there must
    be one, is of that day.

    Examples
    --------
    >>> told_ns(0), told_ns(0, 60 * 10**9), told_ns(0, -1)
    ('1970-01-01 00:00:00', '00:00:00', '1970-01-01 00:00:00')
    """
    day, clock = format_ns(ns)[:19].split("T")
    known = beside and all(format_ns(other).startswith(day) for other in beside)
    return clock if known else f"{day} {clock}"
