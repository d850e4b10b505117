"""The times in Grafana's addresses: absolute in four forms, or relative to now."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from obsnb.errors import WindowError
from obsnb.instants import parse_duration, parse_instant
from obsnb.timerange import TimeRange

__all__ = ["around", "range_of", "spelled_out"]

_RELATIVE = re.compile(r"now((?:[+-]\d*[smhdwMQy]|/[smhdwMQy])*)")
_OPERATION = re.compile(r"([+-/])(\d*)([smhdwMQy])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600}
_MONTHS = {"M": 1, "Q": 3, "y": 12}
#: A day, or a day and a time, as dashboards take them beside numbers and ISO 8601; in UTC.
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2}))?")
_MS = 1_000_000


def spelled_out(text: str) -> str:
    """A dashboard's time without its short forms: ``20261123`` is a day there, and no number.

    Examples
    --------
    >>> spelled_out("20261123"), spelled_out("20261123T181500"), spelled_out("now-1h")
    ('2026-11-23T00:00:00Z', '2026-11-23T18:15:00Z', 'now-1h')
    """
    compact = _COMPACT.fullmatch(text)
    if compact is None:
        return text
    year, month, day, *clock = compact.groups()
    return f"{year}-{month}-{day}T{':'.join(part or '00' for part in clock)}Z"


def range_of(start: str, end: str, now_ns: int, zone: str) -> tuple[TimeRange, bool]:
    """The window between two of them, and whether it depends on now.

    Parameters
    ----------
    zone
        Whose days are meant; empty or ``browser`` for one that an address does not say: UTC then.

    Raises
    ------
    WindowError
        One of them is no time, or this machine does not know the zone.
    """
    begin, relative = _moment(start, now_ns, zone, up=False)
    until, also = _moment(end, now_ns, zone, up=True)
    return TimeRange(begin, until), relative or also


def around(middle: str, length: str, now_ns: int, zone: str) -> tuple[TimeRange, bool]:
    """The window of so long (milliseconds, or as ``10m``) around one of them. Raises `WindowError`."""
    at, relative = _moment(middle, now_ns, zone, up=False)
    half = (int(length) * _MS if _is_number(length) else parse_duration(length)) // 2
    return TimeRange(at - half, at + half), relative


def _moment(text: str, now_ns: int, zone: str, *, up: bool) -> tuple[int, bool]:
    """Nanoseconds, and whether they depend on now."""
    found = _RELATIVE.fullmatch(text)
    if found is not None:
        return _calculated(found[1], now_ns, zone, up=up), True
    if _is_number(text):
        return int(text) * _MS, False
    return parse_instant(text, tz="UTC"), False


def _calculated(operations: str, now_ns: int, zone: str, *, up: bool) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_ns // 1_000)
    if not set("/dwMQy").isdisjoint(operations):
        moment = moment.astimezone(_zone_of(zone))
    try:
        for sign, count, unit in _OPERATION.findall(operations):
            if sign == "/":
                moment = _rounded(moment, unit, up=up)
            else:
                moment = _shifted(moment, int(f"{sign}{count or 1}"), unit)
        since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    except (OverflowError, ValueError):
        raise WindowError(f"'now{operations}' is not a point in time.") from None
    return (since // timedelta(microseconds=1)) * 1_000


def _zone_of(name: str) -> tzinfo:
    if name.lower() in {"", "browser", "utc"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise WindowError(
            f"{name!r} is not a time zone that this machine knows.",
            hint='Use a name of the IANA database, such as "Europe/Berlin", or "UTC".',
        ) from None


def _shifted(moment: datetime, count: int, unit: str) -> datetime:
    """So much later: of hours and less by the clock, of days and more by the calendar of its zone."""
    if unit in _SECONDS:
        later = moment.astimezone(UTC) + timedelta(seconds=count * _SECONDS[unit])
        return later.astimezone(moment.tzinfo)
    if unit in "dw":
        return moment + timedelta(days=count * (7 if unit == "w" else 1))
    months = moment.year * 12 + moment.month - 1 + count * _MONTHS[unit]
    year, month = divmod(months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _rounded(moment: datetime, unit: str, *, up: bool) -> datetime:
    """The start of the unit that the moment lies in; with `up` its end, as Grafana does for a range's end."""
    start = moment.replace(microsecond=0)
    if unit != "s":
        start = start.replace(second=0)
    if unit not in "sm":
        start = start.replace(minute=0)
    if unit not in "smh":
        start = start.replace(hour=0)
    if unit == "w":
        start -= timedelta(days=start.weekday())
    if unit in _MONTHS:
        start = start.replace(day=1, month=(start.month - 1) // _MONTHS[unit] * _MONTHS[unit] + 1)
    return _shifted(start, 1, unit) if up else start


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20
