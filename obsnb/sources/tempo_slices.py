"""What searches ask and find, and what to ask next: nothing here sends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from obsnb.instants import format_ns
from obsnb.sources.wire.tempo_json import FoundSpan, FoundTrace
from obsnb.timerange import TimeRange

__all__ = ["ALL", "Band", "Candidate", "Slice", "around", "narrower", "roomier", "smaller", "spread"]

#: Durations in nanoseconds, the longest excluded; None where there is no longest.
Band = tuple[int, int | None]
ALL: Band = (0, None)

_SECOND = 1_000_000_000
_RAISE = 4
_PARTS = 64


@dataclass
class Candidate:
    """A trace that was found, with the spans that match as far as they are known.

    Attributes
    ----------
    trace_id
        32 lower-case hex digits.
    start_ns, end_ns
        Of the trace, as the server knows it; the end is a millisecond late.
    spans
        The spans that came, by what tells them apart.
    cut
        Whether there are spans that match and did not come.
    """

    trace_id: str
    start_ns: int
    end_ns: int
    spans: dict[tuple[str, int, int], FoundSpan] = field(default_factory=dict)
    cut: bool = True
    _came: set[Band] = field(default_factory=set)  # no answer about them left a span out
    _torn: set[Band] = field(default_factory=set)  # some answer did

    def within(self, window: TimeRange) -> list[FoundSpan]:
        """Its spans that start in a window."""
        return [span for span in self.spans.values() if span.start in window]

    def add(self, found: FoundTrace, band: Band) -> bool:
        """Take the spans of an answer about a band; whether it left none out."""
        shown = 0
        for one in found.sets:
            shown += len(one.spans)
            for span in one.spans:
                self.spans.setdefault(span.key, span)
        if shown >= found.matched:
            self.cover(band)
            return True
        self._torn.add(band)
        self._came.discard(band)
        self.cut = not _cover_all(self._came)
        return False

    def cover(self, band: Band) -> None:
        """An answer about a band left none of its spans out."""
        if band not in self._torn:  # answers differ where a server looks into different blocks for them
            self._came.add(band)
            self.cut = not _cover_all(self._came)


@dataclass(frozen=True)
class Slice:
    """What one search asks for.

    Attributes
    ----------
    start_s, end_s
        Whole seconds, both included.
    limit
        How many traces at once.
    band
        Durations of their spans.
    only
        The traces that a band is asked for.
    """

    start_s: int
    end_s: int
    limit: int
    band: Band = ALL
    only: frozenset[str] = frozenset()

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.end_s - self.start_s

    @property
    def banded(self) -> bool:
        """Whether it asks for spans of some durations only."""
        return self.band != ALL

    def __str__(self) -> str:
        return f"{format_ns(self.start_s * _SECOND)} to {format_ns(self.end_s * _SECOND)}"

    def fits(self, found: FoundTrace) -> bool:
        """Whether it asks for a trace that was found, and for its spans."""
        end = found.start + (found.duration_ms + 1) * 1_000_000
        low, high = self.band
        return (
            found.start <= self.end_s * _SECOND
            and end >= self.start_s * _SECOND
            and all(
                low <= span.duration and (high is None or span.duration < high)
                for one in found.sets
                for span in one.spans
            )
        )

    def overlaps(self, trace: Candidate) -> bool:
        """Whether a trace is sure to overlap it: its end is known to a millisecond."""
        return trace.start_ns <= self.end_s * _SECOND and trace.end_ns - 1_000_000 >= self.start_s * _SECOND

    def parts(self, count: int) -> list[Slice]:
        """The same in so many ranges of whole seconds; each begins where the one before ends."""
        count = max(1, min(count, self.seconds))
        edges = [self.start_s + self.seconds * number // count for number in range(count + 1)]
        return [replace(self, start_s=start, end_s=end) for start, end in pairwise(edges)]


def smaller(piece: Slice, found: Sequence[FoundTrace], *, most: int) -> list[Slice]:
    """What to ask instead of a slice whose answer is as long as its limit; nothing where nothing helps.

    Parts of its range, else more traces at once, up to the most that the server gives.
    """
    earlier = sum(one.start < piece.start_s * _SECOND for one in found)
    # Traces that fill the whole slice are in each of its parts as well.
    if piece.seconds == 1 or 2 * earlier > len(found):
        bigger = min(_RAISE * piece.limit, most)
        if bigger > piece.limit:
            return [replace(piece, limit=bigger)]
    if piece.seconds == 1:
        return []
    # The answer holds the newest, on servers that know the hint: how far they reach tells how many
    # there are. On those that do not, two parts are right as well.
    reached = piece.end_s - max(piece.start_s, min(one.start for one in found) // _SECOND)
    return piece.parts(min(max(2, -(-3 * piece.seconds // (2 * max(reached, 1)))), _PARTS))


def roomier(piece: Slice, *, most: int) -> list[Slice]:
    """What to ask for more traces than a slice gave; nothing where nothing helps."""
    if piece.limit < most:
        return [replace(piece, limit=min(2 * piece.limit, most))]
    return piece.parts(2) if piece.seconds > 1 else []


def narrower(cut: Sequence[Candidate], band: Band) -> list[Band]:
    """A band in two, by the durations of the spans in it; nothing where it is as narrow as can be."""
    low, high = band
    seen = sorted(
        span.duration
        for one in cut
        for span in one.spans.values()
        if span.duration >= low and (high is None or span.duration < high)
    )
    middle = max(seen[len(seen) // 2] if seen else 0, low + 1)
    return [(low, middle), (middle, high)] if high is None or middle < high else []


def around(group: Sequence[Candidate], *, within: Slice) -> tuple[int, int]:
    """Whole seconds that each of these traces overlaps, inside a slice that each overlaps."""
    start = min(one.start_ns for one in group) // _SECOND - 1
    end = max(one.end_ns for one in group) // _SECOND + 2
    return max(start, within.start_s), min(end, within.end_s)


def spread(found: Sequence[Candidate], count: int, *, window: TimeRange, buckets: int) -> list[Candidate]:
    """So many traces (of those given oldest first), from parts of equal length in turn.

    The newest of each part come first; the result is oldest first.
    """
    taken = [0] * buckets
    order: list[tuple[int, int]] = []
    for number in reversed(range(len(found))):
        offset = max(found[number].start_ns - window.start_ns, 0)
        bucket = min(offset * buckets // window.duration_ns, buckets - 1)
        order.append((taken[bucket], number))
        taken[bucket] += 1
    return [found[number] for number in sorted(number for _, number in sorted(order)[:count])]


def _cover_all(bands: Iterable[Band]) -> bool:
    """Whether every duration lies in one of the bands."""
    reached: int | None = 0
    for low, high in sorted(bands, key=lambda band: band[0]):
        if reached is None or low > reached:
            break
        reached = None if high is None else max(reached, high)
    return reached is None
