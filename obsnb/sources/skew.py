"""How far a server's clock is from this machine's."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from obsnb.transport.exchange import Response

__all__ = ["skew_s"]


def skew_s(response: Response, now: int) -> float | None:
    """Seconds, from the Date header, whole ones; None where there is none."""
    try:
        theirs = parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    # A Date header leaves the part of a second out: half of one is what it lacks on average.
    return float(round(theirs + 0.5 - now / 1e9))
