"""What a symptom (`obsnb.analysis.symptoms`) came to, in words with a unit."""

from __future__ import annotations

import math

from obsnb.analysis.amounts import told_length

__all__ = ["told_change", "told_level"]

_CLIPPED = 2.995  # the logarithm of twenty, to which durations are clipped


def told_level(signal: str, level: float, *, every_s: float = 0.0) -> str:
    """The level of a signal, by its name; a count is told with the seconds that it was counted over.

    Examples
    --------
    >>> told_level("failed share of requests of shop", 0.125)
    '12.5 %'
    >>> told_level("latency (http_duration_seconds_bucket, geometric mean) of shop", -2.0)
    '135 ms'
    >>> told_level("latency (request_time_bucket) of shop", 7.7)
    '2,208'
    >>> told_level("error lines of shop", 4.0, every_s=10)
    '4 every 10 s'
    """
    if signal.startswith("failed share"):
        return f"{100 * level:.3g} %"
    if signal.startswith("latency ("):
        if "seconds" not in signal:
            took = math.exp(level)
            return f"{took:,.0f}" if took >= 100 else f"{took:.3g}"
        return told_length(math.exp(level) / (1_000 if "milliseconds" in signal else 1))
    if signal.startswith(("error lines", "failed spans")) and every_s:
        return f"{level:,.3g} every {every_s:g} s"
    return f"{level:.3g}"


def told_change(signal: str, before: float, during: float, *, every_s: float) -> str:
    """The level before and during an incident.

    Durations of spans are known against their operations' medians, so that only the change has a meaning.

    Examples
    --------
    >>> told_change("error lines of shop", 0.0, 4.0, every_s=10)
    '0 every 10 s before, 4 every 10 s'
    >>> told_change("duration of spans of shop", -0.2, 1.0, every_s=10)
    '3.32 times as long as before'
    """
    if signal.startswith("duration of spans"):
        least = "at least " if max(during, -before) >= _CLIPPED else ""
        return f"{least}{math.exp(during - before):.3g} times as long as before"
    levels = (told_level(signal, each, every_s=every_s) for each in (before, during))
    return " before, ".join(levels)
