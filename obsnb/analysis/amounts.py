"""How much of something, in words, with the unit that a metric's name says."""

from __future__ import annotations

import re

__all__ = ["from_to", "told_length"]

_BYTES = re.compile(r"(?i)(?:_|\.)bytes(?:_total)?$|^process\.memory\.(?:usage|virtual)$")
_SECONDS = re.compile(r"(?i)(?:_|\.)seconds(?:_total|_sum)?$")
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def from_to(before: float, after: float, metric: str, *, rate: bool = False) -> str:
    """Two values of a metric to three digits; bytes and seconds are units by Prometheus' naming.

    Examples
    --------
    >>> from_to(8.79e7, 1.89e8, "process_resident_memory_bytes")
    'from 87.9 MB to 189 MB'
    >>> from_to(0.05, 0.93, "process_cpu_seconds_total", rate=True)
    'from 0.05 to 0.93 s a second'
    >>> from_to(12.0, 123456.0, "queue_length")
    'from 12 to 123,456'
    """
    each = " a second" if rate else ""
    if _BYTES.search(metric):
        return f"from {_size(before)} to {_size(after)}{each}"
    unit = " s" if _SECONDS.search(metric) else ""
    return f"from {_digits(before)} to {_digits(after)}{unit}{each}"


def told_length(seconds: float) -> str:
    """A length of time, with three digits or two units.

    Examples
    --------
    >>> told_length(0.0692), told_length(4.9), told_length(157)
    ('69.2 ms', '4.9 s', '2 min 37 s')
    """
    if seconds < 1:
        return f"{float(f'{1_000 * seconds:.3g}'):g} ms"
    if seconds < 60:
        return f"{float(f'{seconds:.3g}'):g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min" + (f" {rest} s" if rest else "")


def _size(value: float) -> str:
    size, unit = next(((size, unit) for size, unit in _SIZES if abs(value) >= size), (1.0, "B"))
    return f"{_digits(value / size)} {unit}"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
