"""Paging through log entries that share timestamps: every entry once, or a plain word that it is not.

A page that is full ends somewhere inside its last timestamp. So all of its entries at that boundary
are dropped, and the next page begins there: nothing is lost, nothing comes twice, and nothing needs
to be compared. Where one timestamp alone fills a page, a larger page is asked for, and then a page a
stream. A slice of time whose page was full is cut into as many as its density suggests, which are
asked for at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from obsnb.timerange import TimeRange, format_ns

__all__ = ["Gathered", "Paged", "Slice", "gather", "gather_first"]

Direction = Literal["forward", "backward"]

#: At most this many slices are asked for in one round.
_WIDEST = 4_096


class Paged(Protocol):
    """A page as paging sees it."""

    @property
    def rows(self) -> int:
        """How many entries."""

    @property
    def first_ns(self) -> int:
        """The earliest timestamp."""

    @property
    def last_ns(self) -> int:
        """The latest timestamp."""

    def within(self, start_ns: int, end_ns: int) -> Paged:
        """The entries of a part of the time."""


@dataclass(frozen=True)
class Slice:
    """A part of the window, half open; `selector` narrows it to one stream, `limit` is its page's size."""

    start_ns: int
    end_ns: int
    limit: int
    selector: str | None = None


#: Asks for slices at once: each one's page with the limit that it was asked for with in the end (a server
#: may allow less), in their order, or None for a slice that is too big to answer.
Ask = Callable[[Sequence[Slice]], "list[tuple[Paged, int] | None]"]
#: The selectors of the streams that have entries at a nanosecond.
Streams = Callable[[int], list[str]]


@dataclass
class Gathered:
    """The pages of a query, which do not overlap, and what is missing.

    Attributes
    ----------
    pages
        In no particular order.
    rows
        Entries in them.
    missing
        In words, what could not be had.
    """

    pages: list[Paged] = field(default_factory=list)
    rows: int = 0
    missing: list[str] = field(default_factory=list)

    def add(self, page: Paged) -> None:
        """Keep a page."""
        if page.rows:
            self.pages.append(page)
            self.rows += page.rows


def gather(
    window: TimeRange,
    ask: Ask,
    *,
    limit: int,
    largest: Callable[[], int],
    streams: Streams,
    slices: int = 1,
    told: Callable[[float, int], None],
    enough: Callable[[int], None],
) -> Gathered:
    """Every entry of a window.

    Parameters
    ----------
    ask
        Asks for slices at once, in forward direction.
    limit
        Entries a page.
    largest
        The largest page that the server allows, looked for when one timestamp fills a page.
    streams
        The streams at a nanosecond, to be asked one by one where even the largest page is full.
    slices
        How many the window is cut into to begin with.
    told
        Told after every round how much of the window is done, and how many entries there are.
    enough
        Called with the number of entries after every round; may raise.
    """
    out = Gathered()
    size = max(1, -(-window.duration_ns // max(1, slices)))
    pending = [Slice(part.start_ns, part.end_ns, limit) for part in window.split(size)]
    while pending:
        batch, pending = pending[:_WIDEST], pending[_WIDEST:]
        more: list[Slice] = []
        for piece, answer in zip(batch, ask(batch), strict=True):
            if answer is None:
                more += _halves(piece, out)
            else:
                page, allowed = answer
                more += _next(replace(piece, limit=allowed), page, out, largest=largest, streams=streams)
        pending = more + pending
        left = sum(piece.end_ns - piece.start_ns for piece in pending if piece.selector is None)
        told(1 - left / window.duration_ns, out.rows)
        enough(out.rows)
    return out


def _halves(piece: Slice, out: Gathered) -> list[Slice]:
    """A slice that is too big to answer, in two."""
    length = piece.end_ns - piece.start_ns
    if length == 1:
        out.missing.append(f"the server finds even {format_ns(piece.start_ns)} too big to answer")
        return []
    middle = piece.start_ns + length // 2
    return [replace(piece, end_ns=middle), replace(piece, start_ns=middle)]


def _next(
    piece: Slice, page: Paged, out: Gathered, *, largest: Callable[[], int], streams: Streams
) -> list[Slice]:
    """What is still to be asked for after a page."""
    page = page.within(piece.start_ns, piece.end_ns)
    if page.rows < piece.limit:
        out.add(page)
        return []
    boundary = page.last_ns
    if boundary == piece.start_ns:
        return _tie(piece, page, out, largest=largest, streams=streams)
    kept = page.within(piece.start_ns, boundary)
    out.add(kept)
    return _cut(boundary, piece, kept.rows / (boundary - piece.start_ns))


def _cut(start_ns: int, piece: Slice, density: float) -> list[Slice]:
    """The rest of a slice, in as many parts as its density suggests."""
    length = piece.end_ns - start_ns
    expected = density * length / piece.limit
    parts = max(1, min(int(1.5 * expected) + 1, length, 512)) if expected > 1 else 1
    size = -(-length // parts)
    rest = TimeRange(start_ns, piece.end_ns)
    return [Slice(part.start_ns, part.end_ns, piece.limit, piece.selector) for part in rest.split(size)]


def _tie(
    piece: Slice, page: Paged, out: Gathered, *, largest: Callable[[], int], streams: Streams
) -> list[Slice]:
    """One timestamp fills the page: a larger page, then a page a stream, else a word."""
    moment = piece.start_ns
    rest = [Slice(moment + 1, piece.end_ns, piece.limit, piece.selector)] if piece.end_ns > moment + 1 else []
    top = largest()
    if piece.limit < top:
        return [Slice(moment, moment + 1, top, piece.selector), *rest]
    if piece.selector is None:
        selectors = streams(moment)
        if len(selectors) > 1:
            return [*(Slice(moment, moment + 1, top, selector) for selector in selectors), *rest]
    at = page.within(moment, moment + 1)
    out.add(at)
    out.missing.append(
        f"more than {at.rows:,} lines of one stream share {format_ns(moment)}, "
        "and the server gives no more at once"
    )
    return rest


def gather_first(
    window: TimeRange, ask: Ask, *, count: int, limit: int, direction: Direction, largest: Callable[[], int]
) -> Gathered:
    """The first entries of a window in a direction: at least `count`, where there are as many.

    Pages follow each other, so that no more is asked for than is needed. Where one timestamp fills a
    page there is no telling which of its entries come first, so all that the page holds are kept.
    """
    out = Gathered()
    start, end = window.start_ns, window.end_ns
    forward = direction == "forward"
    while start < end and out.rows < count:
        (answer,) = ask([Slice(start, end, min(limit, count - out.rows))])
        if answer is None:
            out.missing.append("the server finds the query too big")
            return out
        page, allowed = answer[0].within(start, end), answer[1]
        if page.rows < allowed or page.rows + out.rows >= count:
            out.add(page)
            return out
        edge = page.last_ns if forward else page.first_ns
        inside = page.within(start, edge) if forward else page.within(edge + 1, end)
        if inside.rows == 0:
            top = largest()
            (answer,) = ask([Slice(edge, edge + 1, top)])
            at = page.within(edge, edge + 1) if answer is None else answer[0].within(edge, edge + 1)
            out.add(at)
            if at.rows >= top and out.rows < count:
                out.missing.append(f"more than {at.rows:,} lines share {format_ns(edge)}")
            edge += 1 if forward else 0
        else:
            out.add(inside)
            edge += 0 if forward else 1
        start, end = (edge, end) if forward else (start, edge)
    return out
