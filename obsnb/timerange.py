"""Windows of time: aware UTC, start inclusive, end exclusive, to the nanosecond.

This module alone reads the wall clock (`now_ns`), so that everything else can be
replayed.
"""

from __future__ import annotations

import math
import operator
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from obsnb.errors import WindowError

__all__ = [
    "TimeRange",
    "check_windows",
    "format_ns",
    "now_ns",
    "parse_duration",
    "parse_instant",
    "told_ns",
    "window",
]

_SECOND = 1_000_000_000
#: What a frame's nanoseconds can hold: 64 bits, from 1677 to 2262.
_MOST_NS = 2**63
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


def check_windows(*, window: object = None, during: object = None, baseline: object = None) -> None:
    """Raise `WindowError` where something is given for a window that is none, by the argument's name."""
    for name, one in (("window", window), ("during", during), ("baseline", baseline)):
        if one is not None and not isinstance(one, TimeRange):
            raise WindowError(
                f"{name}= takes a window, not {one!r}.",
                hint='Pass obsnb.window("2026-11-23T18:00Z", "2026-11-23T19:00Z"), or '
                'obsnb.window(last="2h").',
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
    if not -_MOST_NS <= ns < _MOST_NS:
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


def _whole_ns(value: Any) -> int:
    """An end of a window. Raises `WindowError` where it is no number of nanoseconds, or too large a one."""
    try:
        ns = operator.index(value)
    except TypeError:
        raise WindowError(
            f"A TimeRange has its ends in nanoseconds since the epoch, and {value!r} is not that.",
            hint="obsnb.window(start, end) makes one from datetimes and from texts.",
        ) from None
    if not -_MOST_NS <= ns <= _MOST_NS:  # an end is exclusive
        raise WindowError("The window reaches out of the years 1677 to 2262, which nanoseconds can count.")
    return ns


@dataclass(frozen=True, order=True)
class TimeRange:
    """A window of time: start inclusive, end exclusive.

    Parameters
    ----------
    start_ns, end_ns
        Nanoseconds since the epoch, UTC.

    Raises
    ------
    WindowError
        The window ends before or when it starts, reaches out of the years 1677 to 2262, or is given in
        something else than nanoseconds: `window` takes datetimes and texts.
    """

    start_ns: int
    end_ns: int

    def __post_init__(self) -> None:
        for name in ("start_ns", "end_ns"):
            object.__setattr__(self, name, _whole_ns(getattr(self, name)))
        if self.end_ns <= self.start_ns:
            ends = f"ends ({format_ns(self.end_ns)}) before it has begun ({format_ns(self.start_ns)})"
            raise WindowError(
                f"The window {ends}."
                if self.end_ns < self.start_ns
                else f"The window is empty: it begins and ends at {format_ns(self.start_ns)}.",
                hint="Its start comes first, and its end is later than its start.",
            )

    @property
    def start(self) -> datetime:
        """The start as an aware datetime (microseconds; `start_ns` has them all)."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.start_ns // 1_000)

    @property
    def end(self) -> datetime:
        """The end, exclusive, as an aware datetime (microseconds; `end_ns` has them all)."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.end_ns // 1_000)

    @property
    def duration_ns(self) -> int:
        """Length in nanoseconds."""
        return self.end_ns - self.start_ns

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.duration_ns / _SECOND

    def __contains__(self, moment: Any) -> bool:
        ns = parse_instant(moment) if isinstance(moment, str | date) else moment
        return self.start_ns <= ns < self.end_ns

    def __str__(self) -> str:
        return f"{format_ns(self.start_ns)} to {format_ns(self.end_ns)}"

    def __repr__(self) -> str:
        return f"TimeRange({format_ns(self.start_ns)} to {format_ns(self.end_ns)})"

    def covers(self, other: TimeRange) -> bool:
        """Whether all of the other window lies in this one."""
        return self.start_ns <= other.start_ns and other.end_ns <= self.end_ns

    def overlap(self, other: TimeRange) -> TimeRange | None:
        """What both windows share, or None."""
        start, end = max(self.start_ns, other.start_ns), min(self.end_ns, other.end_ns)
        return TimeRange(start, end) if start < end else None

    def before(self, duration: str | int | float | timedelta) -> TimeRange:
        """The window of that length that ends where this one starts."""
        return TimeRange(self.start_ns - parse_duration(duration), self.start_ns)

    def widen(self, duration: str | int | float | timedelta) -> TimeRange:
        """This window with that much more on either side, as far as nanoseconds can count."""
        more = parse_duration(duration)
        return TimeRange(max(self.start_ns - more, -_MOST_NS), min(self.end_ns + more, _MOST_NS))

    def split(self, length_ns: int) -> Iterator[TimeRange]:
        """Consecutive windows of at most that length, without gap or overlap."""
        for start in range(self.start_ns, self.end_ns, length_ns):
            yield TimeRange(start, min(start + length_ns, self.end_ns))

    def grid(self, step_ns: int) -> range:
        """The multiples of the step since the epoch that lie in the window."""
        return range(-(-self.start_ns // step_ns) * step_ns, self.end_ns, step_ns)


def window(
    start: Any = None,
    end: Any = None,
    *,
    last: str | timedelta | None = None,
    around: Any = None,
    margin: str | timedelta = "30m",
    tz: str | tzinfo | None = None,
) -> TimeRange:
    """A window of time, from its two ends, the time until now, or a moment.

    Parameters
    ----------
    start, end
        ISO 8601 text with a zone, or aware datetimes; with `tz` also dates, and values without a zone.
        Without an end: until now.
    last
        The time until now, such as ``"2h"``.
    around
        A moment; the window reaches `margin` to either side of it.
    margin
        With `around`, ``"30m"`` unless told.
    tz
        The zone of values that name none, such as ``"Europe/Berlin"``, or a `datetime.tzinfo`.

    Returns
    -------
    TimeRange
        Start inclusive, end exclusive.

    Raises
    ------
    WindowError
        A value has no zone, the window is empty, or the arguments contradict each other.

    Examples
    --------
    >>> window("2026-11-23T18:00Z", "2026-11-23T19:00Z")
    TimeRange(2026-11-23T18:00:00Z to 2026-11-23T19:00:00Z)
    >>> window(around="2026-11-23T19:30+01:00", margin="5m")
    TimeRange(2026-11-23T18:25:00Z to 2026-11-23T18:35:00Z)
    """
    said = [
        name for name, value in (("start", start), ("last", last), ("around", around)) if value is not None
    ]
    if len(said) != 1 or (end is not None and start is None):
        raise WindowError(
            "A window is given in one way: start (and end), or last=, or around=.",
            hint='Write window("2026-11-23T18:00Z", "2026-11-23T19:00Z"), window(last="2h") '
            'or window(around="2026-11-23T18:30Z", margin="15m").',
        )
    if last is not None:
        now = now_ns()
        return TimeRange(now - parse_duration(last), now)
    if around is not None:
        moment = parse_instant(around, tz=tz)
        return TimeRange(moment - parse_duration(margin), moment + parse_duration(margin))
    begin = parse_instant(start, tz=tz)
    return TimeRange(begin, now_ns() if end is None else parse_instant(end, tz=tz))
