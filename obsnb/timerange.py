"""Windows of time: aware UTC, start inclusive, end exclusive, to the nanosecond."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from obsnb.errors import WindowError
from obsnb.instants import MOST_NS, format_ns, now_ns, parse_duration, parse_instant

__all__ = ["TimeRange", "check_windows", "window"]


def check_windows(*, window: object = None, during: object = None, baseline: object = None) -> None:
    """Raise `WindowError` where something is given for a window that is none, by the argument's name."""
    for name, one in (("window", window), ("during", during), ("baseline", baseline)):
        if one is not None and not isinstance(one, TimeRange):
            raise WindowError(
                f"{name}= takes a window, not {one!r}.",
                hint='Pass obsnb.window("2026-11-23T18:00Z", "2026-11-23T19:00Z"), or '
                'obsnb.window(last="2h").',
            )


def _whole_ns(value: Any) -> int:
    """An end of a window. Raises `WindowError` where it is no number of nanoseconds, or too large a one."""
    try:
        ns = operator.index(value)
    except TypeError:
        raise WindowError(
            f"A TimeRange has its ends in nanoseconds since the epoch, and {value!r} is not that.",
            hint="obsnb.window(start, end) makes one from datetimes and from texts.",
        ) from None
    if not -MOST_NS <= ns <= MOST_NS:  # an end is exclusive
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
        return self.duration_ns / 1e9

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
        return TimeRange(max(self.start_ns - more, -MOST_NS), min(self.end_ns + more, MOST_NS))

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
