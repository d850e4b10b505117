"""Paging through log entries that share timestamps: every entry once, or a plain word that it is not.

A page that is full ends somewhere inside its last timestamp. So all of its entries at that boundary
are dropped, and the next page begins there: nothing is lost, nothing comes twice, and nothing needs
to be compared. Where one timestamp alone fills a page, a larger page is asked for, then a page a
stream. The rest of a slice whose page was full is cut into as many as its density suggests, so that
they can be asked for at once.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from obsnb.instants import format_ns
from obsnb.timerange import TimeRange

__all__ = [
    "Direction",
    "Failed",
    "Gathered",
    "Lost",
    "Outcome",
    "Paged",
    "Pages",
    "Slice",
    "Smaller",
    "TooBig",
    "gather",
]

Direction = Literal["forward", "backward"]

#: How often a slice is halved because the server finds it too big: a 4,096th, of an hour about a second.
_HALVINGS = 12
#: So many of the shortest slices in a row that are too big, or of any that fail, are no exceptions any more.
_IN_A_ROW = 3
#: At most so many slices are made of the rest of one.
_PARTS = 64
#: Slices are cut a little shorter than their density suggests, because it varies.
_SPARE = 1.2


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
    """A part of the time, half open, and how it is asked for.

    Attributes
    ----------
    limit
        The size of its page.
    selector
        What narrows it to one stream, or to a part of its lines, or None.
    halvings
        How often it was halved.
    """

    start_ns: int
    end_ns: int
    limit: int
    selector: str | None = None
    halvings: int = 0

    def part(self, start_ns: int, end_ns: int) -> Slice:
        """A part of it, asked for in the same way."""
        return replace(self, start_ns=start_ns, end_ns=end_ns)


@dataclass(frozen=True)
class Smaller:
    """The server allows no page of that size, but one of `limit`."""

    limit: int


@dataclass(frozen=True)
class TooBig:
    """The server does not answer for so much time at once.

    Attributes
    ----------
    error
        What it said, to be raised where even a short slice is too big.
    longest_ns
        The longest that it allows, where it says so.
    """

    error: Exception
    longest_ns: int | None = None


@dataclass(frozen=True)
class Lost:
    """No answer was waited for, because another one failed: the slice is asked for again."""


@dataclass(frozen=True)
class Failed:
    """The server does not answer for a slice, however often it is asked.

    Attributes
    ----------
    error, says
        Why, to be raised where it answers for others neither, and in words.
    """

    error: Exception
    says: str


Outcome = Paged | Smaller | TooBig | Lost | Failed


class Pages(Protocol):
    """Where pages come from."""

    def ask(self, slices: Iterator[Slice], direction: Direction) -> Generator[Outcome, None, None]:
        """What came of each slice, in their order; several may be under way at once."""

    def largest(self) -> int:
        """The size of the largest page that the server allows."""

    def streams(self, moment: int) -> list[str]:
        """A selector for each stream that may have an entry at a nanosecond."""

    def halves(self, selector: str | None, page: Paged) -> list[str]:
        """Two selectors that divide the entries of one by their text; none where the page's are all alike."""


@dataclass
class Gathered:
    """The pages of a query, which do not overlap, and what is known to be wrong with them.

    Attributes
    ----------
    pages
        In no particular order.
    rows
        Entries in them.
    missing
        In words, what could not be had.
    doubts
        In words, why more may be missing.
    """

    pages: list[Paged] = field(default_factory=list)
    rows: int = 0
    missing: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def gather(
    window: TimeRange,
    source: Pages,
    *,
    limit: int,
    slices: int = 1,
    count: int | None = None,
    direction: Direction = "forward",
    told: Callable[[float, int], None],
) -> Gathered:
    """The entries of a window.

    Parameters
    ----------
    source
        Where pages come from.
    limit
        Entries a page.
    slices
        How many the window is cut into to begin with.
    count
        The first so many entries in the direction; None means all of them. With a count, pages follow
        one another, so that no more is asked for than is needed.
    direction
        In which pages are asked for, and from which end a count counts.
    told
        Told after every page how much of the work is done, 0 to 1, and how many entries there are; may
        raise.
    """
    walk = _Walk(window, source, limit=limit, slices=slices, count=count, direction=direction)
    while walk.pending:
        with closing(source.ask(walk.asked(), direction)) as outcomes:
            for outcome in outcomes:
                walk.take(outcome)
                told(walk.done, walk.out.rows)
    return walk.finished()


class _Walk:
    """The slices that are still to be asked for, and what came of the others."""

    def __init__(
        self,
        window: TimeRange,
        source: Pages,
        *,
        limit: int,
        slices: int,
        count: int | None,
        direction: Direction,
    ) -> None:
        self.out = Gathered()
        self._source = source
        self._count = count
        self._forward = direction == "forward"
        self._whole = self._left = window.duration_ns
        self._allowed = sys.maxsize
        self._passed = False
        self._probing = False
        self._in_a_row = 0
        self._sent: deque[Slice] = deque()
        #: Nanosecond → how many entries it was seen to have, and how many came a stream at a time.
        self._narrowed: dict[int, tuple[int, int]] = {}
        whole = Slice(window.start_ns, window.end_ns, limit)
        self.pending = deque(self._cut(whole, slices if count is None else 1))

    @property
    def done(self) -> float:
        """How much of it all is done, 0 to 1."""
        share = 1 - self._left / self._whole
        return share if self._count is None else min(1.0, max(share, self.out.rows / self._count))

    def asked(self) -> Iterator[Slice]:
        """The next slices; one alone while it is not known whether more are wanted or would pass.

        So a query that the server does not answer at any length costs tens of requests, not thousands.
        """
        while self.pending:
            piece = self.pending.popleft()
            piece = replace(piece, limit=min(piece.limit, self._allowed, self._wanted()))
            self._sent.append(piece)
            yield piece
            if self._count is not None or self._probing:
                return

    def take(self, outcome: Outcome) -> None:
        """What came of the slice that was sent first."""
        piece = self._sent.popleft()
        if isinstance(outcome, Lost):
            self.pending.append(piece)  # last: what is shorter comes first, and tells whether it passes
            return
        if isinstance(outcome, Smaller):
            self._allowed = min(self._allowed, outcome.limit)
            more = [piece]
        elif isinstance(outcome, TooBig):
            self._probing = True
            more = self._shorter(piece, outcome)
        elif isinstance(outcome, Failed):
            more = self._without(piece, outcome)
        else:
            self._passed, self._probing, self._in_a_row = True, False, 0
            more = self._after(piece, outcome)
        if piece.selector is None:
            left = sum(rest.end_ns - rest.start_ns for rest in more if rest.selector is None)
            self._left -= piece.end_ns - piece.start_ns - left
        self.pending.extendleft(reversed(more if self._forward else more[::-1]))
        if self._wanted() <= 0:
            self.pending.clear()

    def finished(self) -> Gathered:
        """Everything that came."""
        for moment, (seen, came) in self._narrowed.items():
            if came < seen and self._wanted() > 0:
                self.out.missing.append(
                    f"of {seen:,} lines or more at {format_ns(moment)}, the index's streams have {came:,}"
                )
        return self.out

    def _wanted(self) -> int:
        return sys.maxsize if self._count is None else self._count - self.out.rows

    def _after(self, piece: Slice, page: Paged) -> list[Slice]:
        """What is still to be asked for after a page, in order of time."""
        inside = page.within(piece.start_ns, piece.end_ns)
        full = page.rows >= piece.limit
        if inside.rows < page.rows:
            self._keep(piece, inside)
            where = f"{format_ns(piece.start_ns)} to {format_ns(piece.end_ns)}"
            said = f"asked for {where}, the server answered with lines of another time"
            (self.out.missing if full else self.out.doubts).append(said)
            return []
        if not full or inside.rows >= self._wanted():
            self._keep(piece, inside)
            return []
        if inside.first_ns == inside.last_ns:
            return self._at_once(piece, inside)
        edge = inside.last_ns if self._forward else inside.first_ns + 1
        before, after = piece.part(piece.start_ns, edge), piece.part(edge, piece.end_ns)
        done, rest = (before, after) if self._forward else (after, before)
        kept = inside.within(done.start_ns, done.end_ns)
        self._keep(done, kept)
        expected = kept.rows / (done.end_ns - done.start_ns) * (rest.end_ns - rest.start_ns)
        parts = math.ceil(_SPARE * expected / piece.limit) if self._count is None else 1
        return self._cut(rest, min(max(1, parts), _PARTS))

    def _at_once(self, piece: Slice, page: Paged) -> list[Slice]:
        """One timestamp fills the page: a larger page, a page a stream, or a part of it, else a word."""
        moment = page.first_ns
        before = self._cut(piece.part(piece.start_ns, moment), 1) if not self._forward else []
        after = self._cut(piece.part(moment + 1, piece.end_ns), 1) if self._forward else []
        at = piece.part(moment, moment + 1)
        top = min(self._source.largest(), self._allowed)
        if piece.limit < top:
            return [*before, replace(at, limit=top), *after]
        selectors = self._source.streams(moment) if piece.selector is None else []
        if len(selectors) <= 1:
            selectors = self._source.halves(piece.selector, page)
        if len(selectors) > 1:
            self._narrowed.setdefault(moment, (page.rows, 0))
            return [*before, *(replace(at, selector=selector) for selector in selectors), *after]
        self._keep(at, page)
        self.out.missing.append(
            f"{page.rows:,} lines or more share {format_ns(moment)}, and the server gives no more at once"
        )
        return [*before, *after]

    def _shorter(self, piece: Slice, refused: TooBig) -> list[Slice]:
        """A slice that is too big, in parts."""
        length = piece.end_ns - piece.start_ns
        if refused.longest_ns is not None and refused.longest_ns < length:
            return self._cut(piece, -(-length // max(1, refused.longest_ns)))
        if length > 1 and piece.halvings < _HALVINGS:
            return self._cut(replace(piece, halvings=piece.halvings + 1), 2)
        self._in_a_row += 1
        if not self._passed or self._in_a_row >= _IN_A_ROW:
            raise refused.error
        where = f"{format_ns(piece.start_ns)} to {format_ns(piece.end_ns)}"
        self.out.missing.append(f"the server finds {where} too big to answer")
        return []

    def _without(self, piece: Slice, failed: Failed) -> list[Slice]:
        """Go on without a slice; not where a count asks for what follows on it."""
        self._in_a_row += 1
        if not self._passed or self._count is not None or self._in_a_row >= _IN_A_ROW:
            raise failed.error
        where = f"{format_ns(piece.start_ns)} to {format_ns(piece.end_ns)}"
        self.out.missing.append(f"{where} was not answered: {failed.says}")
        return []

    def _keep(self, piece: Slice, page: Paged) -> None:
        if page.rows:
            self.out.pages.append(page)
            self.out.rows += page.rows
        if piece.selector is not None:
            seen, came = self._narrowed[piece.start_ns]
            self._narrowed[piece.start_ns] = (seen, came + page.rows)

    def _cut(self, piece: Slice, parts: int) -> list[Slice]:
        """A slice in so many parts of the same length, in order of time; none where it is empty."""
        length = piece.end_ns - piece.start_ns
        size = max(1, -(-length // parts))
        starts = range(piece.start_ns, piece.end_ns, size)
        return [piece.part(start, min(start + size, piece.end_ns)) for start in starts]
