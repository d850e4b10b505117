"""Paging against made-up servers: every entry once, or a word that it is not; and it always ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.sources.paging import Direction, Failed, Gathered, Lost, Paged, Slice, Smaller, TooBig, gather
from obsnb.timerange import TimeRange

T0 = 1_795_460_599_000_000_000
STREAMS = ("a", "b", "c")


class Entry(NamedTuple):
    ns: int
    stream: str
    line: str


@dataclass(frozen=True)
class Sheet:
    """A page of entries."""

    entries: tuple[Entry, ...]

    @property
    def rows(self) -> int:
        return len(self.entries)

    @property
    def first_ns(self) -> int:
        return min((entry.ns for entry in self.entries), default=0)

    @property
    def last_ns(self) -> int:
        return max((entry.ns for entry in self.entries), default=0)

    def within(self, start_ns: int, end_ns: int) -> Sheet:
        return Sheet(tuple(entry for entry in self.entries if start_ns <= entry.ns < end_ns))


@dataclass
class Server:
    """Entries, pages of at most `most` of them, and what goes wrong."""

    entries: Sequence[Entry]
    most: int = 5_000
    too_long: Callable[[Slice], TooBig | None] = lambda piece: None
    index: Sequence[str] | None = None
    asked: list[Slice] = field(default_factory=list)

    def ask(self, slices: Iterator[Slice], direction: Direction) -> Iterator[Sheet | Smaller | TooBig]:
        for piece in slices:
            self.asked.append(piece)
            yield self.answer(piece, direction)

    def answer(self, piece: Slice, direction: Direction) -> Sheet | Smaller | TooBig:
        if piece.limit > self.most:
            return Smaller(self.most)
        refused = self.too_long(piece)
        if refused is not None:
            return refused
        inside = [
            entry
            for entry in self.entries
            if piece.start_ns <= entry.ns < piece.end_ns and piece.selector in {None, entry.stream}
        ]
        inside.sort(key=lambda entry: entry.ns, reverse=direction == "backward")
        return Sheet(tuple(inside[: piece.limit]))

    def largest(self) -> int:
        return self.most

    def halves(self, selector: str | None, page: Paged) -> list[str]:
        return []

    def streams(self, moment: int) -> list[str]:
        return sorted({entry.stream for entry in self.entries}) if self.index is None else list(self.index)


def gathered(server: object, window: TimeRange, *, limit: int = 5, **how: object) -> Gathered:
    return gather(window, server, limit=limit, **{"told": lambda done, rows: None, **how})


def came(out: Gathered) -> Counter[Entry]:
    return Counter(entry for page in out.pages for entry in page.entries)


def inside(entries: Sequence[Entry], window: TimeRange) -> Counter[Entry]:
    return Counter(entry for entry in entries if entry.ns in window)


entries = st.lists(
    st.builds(
        Entry, st.integers(0, 30).map(lambda n: T0 + n), st.sampled_from(STREAMS), st.sampled_from("xyz")
    ),
    max_size=80,
)
windows = st.tuples(st.integers(-2, 31), st.integers(1, 34)).map(
    lambda pair: TimeRange(T0 + pair[0], T0 + pair[0] + pair[1])
)
directions = st.sampled_from(["forward", "backward"])


@settings(max_examples=400, deadline=None)
@given(entries, windows, st.integers(1, 12), st.integers(1, 12), st.integers(1, 9), directions)
def test_every_entry_comes_once_or_is_said_to_be_missing(rows, window, limit, most, slices, direction):
    server = Server(rows, most)
    out = gathered(server, window, limit=limit, slices=slices, direction=direction)
    there = inside(rows, window)
    assert out.rows == came(out).total()
    assert not came(out) - there
    assert not out.doubts
    crowds = Counter((entry.ns, entry.stream) for entry in there.elements())
    if out.missing:
        # Just a nanosecond that fills a page with the lines of one stream is given up.
        assert max(crowds.values()) >= most
    else:
        assert came(out) == there


@settings(max_examples=300, deadline=None)
@given(entries, windows, st.integers(1, 12), st.integers(1, 40), directions)
def test_a_count_gives_the_first_or_the_last_and_asks_for_no_more(rows, window, limit, count, direction):
    server = Server(rows, 100)
    out = gathered(server, window, limit=limit, count=count, direction=direction)
    times = sorted(inside(rows, window).elements(), key=lambda entry: entry.ns)
    wanted = times[:count] if direction == "forward" else times[-count:]
    assert sorted(entry.ns for entry in came(out).elements()) == [entry.ns for entry in wanted]
    assert not came(out) - inside(rows, window)
    assert not out.missing
    assert all(piece.limit <= count for piece in server.asked)
    if limit >= count:
        assert len(server.asked) == 1


@settings(max_examples=200, deadline=None)
@given(entries, st.integers(1, 6), st.integers(1, 20), st.booleans(), directions, st.none() | st.just(7))
def test_slices_that_are_too_long_are_asked_for_in_parts(rows, limit, longest, stated, direction, count):
    def too_long(piece: Slice) -> TooBig | None:
        if piece.end_ns - piece.start_ns <= longest:
            return None
        return TooBig(ValueError("too long"), longest if stated else None)

    window = TimeRange(T0, T0 + 31)
    server = Server(rows, 100, too_long)
    out = gathered(server, window, limit=limit, direction=direction, count=count)
    assert not out.missing
    if count is None:
        assert came(out) == inside(rows, window)
    else:
        times = sorted(entry.ns for entry in rows)
        wanted = times[:count] if direction == "forward" else times[-count:]
        assert sorted(entry.ns for entry in came(out).elements()) == wanted


def test_a_server_that_finds_everything_too_long_ends_it_after_a_dozen_halvings():
    error = ValueError("the query took too long")
    server = Server([], too_long=lambda piece: TooBig(error))
    with pytest.raises(ValueError, match="the query took too long"):
        gathered(server, TimeRange(T0, T0 + 3_600 * 10**9), slices=8)
    assert len(server.asked) == 13


class Eager(Server):
    """Takes eight slices before it answers the first, as a transport with several connections does."""

    def ask(self, slices: Iterator[Slice], direction: Direction) -> Iterator[Sheet | Smaller | TooBig]:
        while batch := list(islice(slices, 8)):
            self.asked += batch
            for piece in batch:
                yield self.answer(piece, direction)


def test_while_a_server_finds_slices_too_long_one_is_tried_at_a_time():
    server = Eager([], too_long=lambda piece: TooBig(ValueError("too slow")))
    with pytest.raises(ValueError, match="too slow"):
        gathered(server, TimeRange(T0, T0 + 3_600 * 10**9), slices=8)
    assert len(server.asked) == 8 + 12


def test_a_server_that_answers_no_slice_any_more_is_given_up():
    start = TimeRange(T0, T0 + 3_600 * 10**9)
    first = T0 + start.duration_ns // 8
    server = Eager([], too_long=lambda piece: TooBig(ValueError("gone")) if piece.end_ns > first else None)
    with pytest.raises(ValueError, match="gone"):
        gathered(server, start, slices=8)
    assert len(server.asked) < 50


def test_a_moment_that_is_always_too_big_is_said_and_the_rest_comes():
    poison = T0 + 1_000
    rows = [Entry(T0 + n, "a", str(n)) for n in range(0, 2_000, 10)]

    def too_long(piece: Slice) -> TooBig | None:
        return TooBig(ValueError("no")) if piece.start_ns <= poison < piece.end_ns else None

    out = gathered(Server(rows, 100, too_long), TimeRange(T0, T0 + 2_000), limit=50)
    assert came(out) == Counter(entry for entry in rows if entry.ns != poison)
    assert out.missing == [
        "the server finds 2026-11-23T19:03:19.000001Z to 2026-11-23T19:03:19.000001001Z too big to answer"
    ]


def test_a_nanosecond_that_fills_the_largest_page_is_asked_for_a_stream_at_a_time():
    rows = [Entry(T0, stream, str(n)) for stream in STREAMS for n in range(9)]
    server = Server(rows, 10)
    out = gathered(server, TimeRange(T0 - 5, T0 + 5), limit=4)
    assert came(out) == Counter(rows)
    assert not out.missing
    assert {piece.selector for piece in server.asked} == {None, *STREAMS}


def test_more_entries_of_one_stream_in_a_nanosecond_than_a_page_holds_are_said_with_the_time():
    rows = [Entry(T0, "a", str(n)) for n in range(30)] + [Entry(T0 + 1, "a", "after")]
    out = gathered(Server(rows, 10), TimeRange(T0, T0 + 5))
    assert out.rows == 11
    assert out.missing == [
        "10 lines or more share 2026-11-23T19:03:19Z, and the server gives no more at once"
    ]


def test_a_server_that_promises_larger_pages_than_it_gives_is_not_asked_for_ever():
    class Boastful(Server):
        def largest(self) -> int:
            return 1_000_000

    rows = [Entry(T0, "a", str(n)) for n in range(30)]
    server = Boastful(rows, 10)
    out = gathered(server, TimeRange(T0, T0 + 5))
    assert (out.rows, len(out.missing)) == (10, 1)
    assert len(server.asked) == 4


def test_an_index_that_does_not_know_every_stream_is_found_out_by_the_count():
    rows = [Entry(T0, stream, str(n)) for stream in STREAMS for n in range(9)]
    out = gathered(Server(rows, 20, index=["a", "nobody"]), TimeRange(T0, T0 + 5))
    assert out.rows == 9
    assert out.missing == ["of 20 lines or more at 2026-11-23T19:03:19Z, the index's streams have 9"]


def test_a_server_that_allows_smaller_pages_is_asked_for_those_from_then_on():
    rows = [Entry(T0 + n, "a", str(n)) for n in range(30)]
    server = Server(rows, 7)
    assert came(gathered(server, TimeRange(T0, T0 + 30), limit=5_000)) == Counter(rows)
    assert [piece.limit for piece in server.asked[:3]] == [5_000, 7, 7]


def test_a_page_that_never_advances_ends_with_a_word():
    rows = tuple(Entry(T0 + n, "a", str(n)) for n in range(5))

    class Stuck(Server):
        def answer(self, piece: Slice, direction: Direction) -> Sheet:
            return Sheet(rows)

    server = Stuck([])
    out = gathered(server, TimeRange(T0, T0 + 1_000))
    assert came(out) == Counter(rows)
    assert out.missing[0] == (
        "asked for 2026-11-23T19:03:19.000000004Z to 2026-11-23T19:03:19.000000020Z, "
        "the server answered with lines of another time"
    )
    assert len(server.asked) == len(out.missing) + 1 == 64


def test_lines_of_another_time_are_left_out_and_make_a_doubt():
    class Careless(Server):
        def answer(self, piece: Slice, direction: Direction) -> Sheet:
            return Sheet((Entry(T0 - 1, "a", "before"), Entry(T0, "a", "in"), Entry(T0 + 10, "a", "after")))

    out = gathered(Careless([]), TimeRange(T0, T0 + 10))
    assert came(out) == Counter([Entry(T0, "a", "in")])
    assert out.doubts == [
        "asked for 2026-11-23T19:03:19Z to 2026-11-23T19:03:19.000000010Z, "
        "the server answered with lines of another time"
    ]
    assert not out.missing


@settings(max_examples=200, deadline=None)
@given(st.data(), entries, st.integers(1, 6), st.integers(1, 8), st.none() | st.integers(1, 20), directions)
def test_whatever_a_server_answers_it_ends_and_nothing_outside_the_window_is_kept(
    data, rows, limit, slices, count, direction
):
    class Wild(Server):
        def answer(self, piece: Slice, direction: Direction) -> Sheet | Smaller | TooBig | Lost | Failed:
            if len(self.asked) > 400:
                return Sheet(())  # hypothesis has no more to say
            kind = data.draw(st.integers(0, 9))
            if kind == 0 and piece.limit > 1:
                return Smaller(data.draw(st.integers(1, piece.limit - 1)))
            if kind == 2:
                return Lost()
            if kind == 3:
                return Failed(ValueError("wild"), "wild")
            if kind == 1:
                return TooBig(ValueError("wild"), data.draw(st.none() | st.integers(1, 50)))
            return Sheet(tuple(data.draw(st.lists(st.sampled_from(rows), max_size=8)))) if rows else Sheet(())

    window = TimeRange(T0 + 3, T0 + 28)
    server = Wild(rows, most=9)
    try:
        out = gathered(server, window, limit=limit, slices=slices, count=count, direction=direction)
    except ValueError:
        return
    assert len(server.asked) <= 400
    assert all(entry.ns in window for entry in came(out))


@settings(max_examples=100, deadline=None)
@given(entries, st.integers(1, 9), st.integers(1, 9), st.none() | st.integers(1, 20), directions)
def test_progress_stays_between_nothing_and_all_and_ends_at_all(rows, limit, slices, count, direction):
    told = []
    out = gathered(
        Server(rows),
        TimeRange(T0, T0 + 31),
        limit=limit,
        slices=slices,
        count=count,
        direction=direction,
        told=lambda done, rows: told.append((done, rows)),
    )
    assert all(0 <= done <= 1 for done, _ in told)
    assert told[-1] == (1, out.rows)
    assert [rows for _, rows in told] == sorted(rows for _, rows in told)


def test_who_is_told_may_end_it():
    def enough(done: float, rows: int) -> None:
        if rows > 20:
            raise ValueError("enough")

    rows = [Entry(T0 + n, "a", str(n)) for n in range(1_000)]
    server = Server(rows)
    with pytest.raises(ValueError, match="enough"):
        gathered(server, TimeRange(T0, T0 + 1_000), told=enough)
    assert len(server.asked) < 10


def test_the_rest_of_a_slice_is_cut_as_its_density_suggests():
    rows = [Entry(T0 + n, "a", str(n)) for n in range(1_000)]
    server = Server(rows)
    assert came(gathered(server, TimeRange(T0, T0 + 1_000), limit=100)) == Counter(rows)
    assert len(server.asked) == 12  # the first, and what 9 pages and a fifth come to
