"""Points of compact JSON, as servers write it, read as runs of bytes instead of values one by one.

Prometheus, Mimir, Thanos and VictoriaMetrics write ``"values":[[1795392000,"0.25"],[1795392015,"0.5"]]``
without a space. A million of such points, made into Python objects, would take longer than their download.
Here the places of their quotes are found, everything between them is compared with what must stand there,
and the numbers are read where they lie. What differs in any byte is not read here at all: whoever asked
reads it value by value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

__all__ = ["Points", "read_points", "without_points"]

_KEY = b'"values":['
_PLACE = b'["points %d"]'
_TOGETHER = 1 << 18  # bytes read in one go: few enough to stay in the processor's cache
_WORTH_THREADS = 1 << 22
_LONGEST = (1 << 31) - 1  # what 32-bit offsets reach
_EXACT_DIGITS = 15
_QUOTE = ord('"')
#: What stands around each value.
_BEFORE, _AFTER = b',"', b'"],['
_INDEX = npt.NDArray[np.int64]
_FLOATS = npt.NDArray[np.float64]
#: Bits of a validity bitmap, four texts a point: its time and its value are read, what stands between is not.
_TIMES_AND_VALUES = b"\x55"


class Points(NamedTuple):
    """Points of several series, a series after another.

    Attributes
    ----------
    counts
        How many points each series has.
    times
        In seconds.
    values
        As the server wrote them.
    """

    counts: _INDEX
    times: _FLOATS
    values: _FLOATS


def without_points(body: bytes) -> tuple[bytes, Mapping[bytes, memoryview]] | None:
    """An answer with something short in the place of each series' points, and those points' own JSON.

    Returns
    -------
    tuple or None
        What is left of the answer, and what stood in each place, by what stands there now. None where
        points are not compact, or something other than the end of the series follows them.
        Where the answer is valid JSON, so is what is left of it, and each run of points is one array.

    Notes
    -----
    A quote inside a JSON text has a backslash before it, so that ``"values":[[`` begins a field's value
    wherever it stands in valid JSON. A value that has no colon up to its last ``]]`` holds no object, so
    that the ``}`` after it ends the object that the field is in, and all brackets between are closed.
    """
    view, rest = memoryview(body), list[bytes]()
    runs: dict[bytes, memoryview] = {}
    at, here = 0, body.find(_KEY + b"[")
    while here >= 0:
        begin = here + len(_KEY) - 1
        here = body.find(_KEY + b"[", begin)
        end = body.rfind(b'"]]}', begin, len(body) if here < 0 else here) + 3
        if end < begin or body.find(b":", begin, end) >= 0:
            return None
        place = _PLACE % len(runs)
        rest += [body[at:begin], place]
        runs[place] = view[begin:end]
        at = end
    rest.append(body[at:])
    left = b"".join(rest)
    ours = left.count(_PLACE.partition(b"%")[0]) == len(runs)
    return (left, runs) if runs and ours else None


def read_points(runs: Sequence[bytes | memoryview]) -> Points | None:
    """The points of each run, which is one series' array; None where one is not compact JSON."""
    if not all(bytes(run[:2]) == b"[[" and bytes(run[-2:]) == b"]]" for run in runs):
        return None
    parts = _all_read(list(_batches(runs)), sum(map(len, runs)))
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if not known:
        return Points(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    counts, times, values = (np.concatenate(column) for column in zip(*known, strict=True))
    return Points(counts, times, values)


def _batches(runs: Sequence[bytes | memoryview]) -> Iterator[list[bytes | memoryview]]:
    """Runs without their outer brackets, as many together as are read in one go."""
    batch: list[bytes | memoryview] = []
    size = 0
    for run in runs:
        batch.append(memoryview(run)[1:-1])
        size += len(run)
        if size >= _TOGETHER:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _all_read(batches: Sequence[Sequence[bytes | memoryview]], size: int) -> list[Points | None]:
    """The points of each batch; side by side, in threads that end here, where it is worth it."""
    threads = min(len(batches), os.cpu_count() or 1)
    if size < _WORTH_THREADS or threads < 2:
        return list(map(_read, batches))
    with ThreadPoolExecutor(threads, "obsnb-points") as pool:
        return list(pool.map(_read, batches))


def _read(batch: Sequence[bytes | memoryview]) -> Points | None:
    """The points of some runs, each ``[1,"2"],[3,"4"]``."""
    text = b",".join([*batch, b"["])  # so that the same four bytes follow each value: "],[
    if len(text) > _LONGEST or not text.isascii():
        return None
    quotes = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _QUOTE)
    opens, closes = quotes[::2], quotes[1::2]
    if not _are_compact(text, opens, closes):
        return None
    edges = np.empty(4 * len(opens) + 1, dtype=np.int32)
    edges[0] = 1
    edges[4::4] = closes + 4
    edges[1::4] = opens - 1
    edges[2::4] = opens + 1
    edges[3::4] = closes
    texts = _texts(text, edges)
    numbers = _numbers(texts)
    if numbers is None:
        return None
    times = numbers[::4].copy()
    if not _are_times(times, texts, edges[1::4] - edges[:-1:4]):
        return None
    ends = np.fromiter(accumulate(len(run) + 1 for run in batch), dtype=np.int64, count=len(batch))
    counts = np.diff(np.searchsorted(closes, ends), prepend=0)
    return Points(counts, times, numbers[2::4].copy())


def _are_compact(text: bytes, opens: _INDEX, closes: _INDEX) -> bool:
    """Whether each point is ``[``, something, ``,"``, something, ``"],``, and the next begins."""
    if len(opens) != len(closes) or not len(opens) or closes[-1] != len(text) - len(_AFTER):
        return False
    return text[:1] == b"[" and _stands(_BEFORE, text, opens - 1) and _stands(_AFTER, text, closes)


def _stands(what: bytes, text: bytes, places: _INDEX) -> bool:
    """Whether these bytes, read as one number, are in each of the places."""
    words = np.ndarray(len(text) - len(what) + 1, f"<u{len(what)}", buffer=text, strides=(1,))
    return bool((words[places] == int.from_bytes(what, "little")).all())


def _texts(text: bytes, edges: npt.NDArray[np.int32]) -> pa.StringArray:
    """What lies between the edges: a time, null, a value, null, and so on."""
    many = len(edges) - 1
    known = pa.py_buffer(_TIMES_AND_VALUES * (many // 8 + 1))
    return pa.StringArray.from_buffers(many, pa.py_buffer(edges), pa.py_buffer(text), known)


def _numbers(texts: pa.StringArray) -> _FLOATS | None:
    """The texts as numbers; None where one is none."""
    try:
        found = texts.cast(pa.float64())
    except pa.ArrowInvalid:  # Arrow knows no +Inf
        try:
            found = pl.Series(texts).cast(pl.Float64).to_arrow()
        except pl.exceptions.PolarsError:
            return None
    return np.frombuffer(found.buffers()[1], dtype=np.float64, count=len(texts))


def _are_times(times: _FLOATS, texts: pa.StringArray, widths: npt.NDArray[np.int32]) -> bool:
    """Whether the times are written as JSON writes numbers without sign and exponent."""
    digits = int(widths[0])
    whole = 10.0 ** (digits - 1) <= times.min() and times.max() < 10.0**digits
    if digits <= _EXACT_DIGITS and whole and (widths == digits).all() and (times == np.floor(times)).all():
        return True  # as many characters as the number has digits: no point among them, no zero before
    written = pl.Series(texts).gather_every(4)
    return bool(written.str.contains(r"^(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$").all())
