"""How much of something, in words, with the unit that a metric's name says."""

from __future__ import annotations

import re

__all__ = ["amount"]

_BYTES = re.compile(r"(?i)(?:_|\.)bytes(?:_total)?$|^process\.memory\.(?:usage|virtual)$")
_SECONDS = re.compile(r"(?i)(?:_|\.)seconds(?:_total|_sum)?$")
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def amount(value: float, metric: str, *, rate: bool = False) -> str:
    """A value of a metric to three digits; bytes and seconds are units by Prometheus' naming.

    Examples
    --------
    >>> amount(1.89e8, "process_resident_memory_bytes"), amount(0.93, "process_cpu_seconds_total", rate=True)
    ('189 MB', '0.93 s a second')
    >>> amount(123456.0, "queue_length"), amount(0.25, "up")
    ('123,456', '0.25')
    """
    after = " a second" if rate else ""
    if _BYTES.search(metric):
        for size, unit in _SIZES:
            if abs(value) >= size:
                return f"{_digits(value / size)} {unit}{after}"
        return f"{_digits(value)} B{after}"
    unit = " s" if _SECONDS.search(metric) else ""
    return f"{_digits(value)}{unit}{after}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
