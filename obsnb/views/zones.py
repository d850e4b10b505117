"""The zone that a figure's axis of time is in, with what it is off UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from obsnb.errors import WindowError

__all__ = ["UTC_ZONE", "Zone", "zone_of"]

_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Zone:
    """One offset from UTC for a whole figure, so that its axis neither repeats nor skips an hour.

    Attributes
    ----------
    name
        As it was asked for, or as the machine calls it.
    offset_ns
        What is added to UTC.
    changes
        Whether the clocks are changed within what is drawn; the axis then keeps the offset it began with.
    """

    name: str
    offset_ns: int
    changes: bool = False

    @property
    def utc(self) -> str:
        """The offset, as in ``UTC`` or ``UTC+05:30``."""
        if not self.offset_ns:
            return "UTC"
        hours, minutes = divmod(abs(self.offset_ns) // (60 * _SECOND), 60)
        return f"UTC{'-' if self.offset_ns < 0 else '+'}{hours:02d}:{minutes:02d}"

    @property
    def words(self) -> str:
        """The axis' title: ``UTC``, or ``Europe/Berlin (UTC+01:00)``."""
        return "UTC" if self.name in ("UTC", self.utc) else f"{self.name} ({self.utc})"

    @property
    def note(self) -> str:
        """What a reader of the axis has to know of it, or nothing."""
        return f"the clocks are changed meanwhile; all times are {self.utc}" if self.changes else ""

    def wall(self, times: pl.Series) -> pl.Series:
        """The moments as this zone's clocks show them: naive, to the microsecond."""
        ns = times.cast(pl.Datetime("ns", "UTC")).to_physical()
        return (ns + self.offset_ns).cast(pl.Datetime("ns")).cast(pl.Datetime("us"))

    def text(self, ns: int) -> str:
        """A moment as this zone's clocks show it, in ISO 8601 without a zone."""
        return (
            (_EPOCH + timedelta(microseconds=(ns + self.offset_ns) // 1_000)).replace(tzinfo=None).isoformat()
        )


UTC_ZONE = Zone("UTC", 0)


def zone_of(tz: str | None, first_ns: int, last_ns: int) -> Zone:
    """The zone of a figure that shows so much time.

    Parameters
    ----------
    tz
        A name of the IANA database, such as ``Europe/Berlin``, or ``UTC``. None means the zone that this
        machine is set to, by the rules of the moments shown.
    first_ns, last_ns
        What is shown.

    Raises
    ------
    WindowError
        This machine knows no zone of that name.
    """
    try:
        known = None if tz is None else ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WindowError(
            f"{tz!r} is not a time zone that this machine knows.",
            hint='Use a name of the IANA database, such as "Europe/Berlin", or "UTC".',
        ) from None
    first, last = (
        (_EPOCH + timedelta(microseconds=ns // 1_000)).astimezone(known) for ns in (first_ns, last_ns)
    )
    offset, after = (moment.utcoffset() or timedelta(0) for moment in (first, last))
    name = tz or first.tzname() or ""
    return Zone(name, round(offset.total_seconds()) * _SECOND, changes=offset != after)
