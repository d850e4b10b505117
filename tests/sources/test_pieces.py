"""Questions in pieces: what is sent again smaller, in which order answers come."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.errors import LimitError, UnreachableError
from obsnb.ledger import QueryRecord
from obsnb.sources.pieces import Pull, cut, pull
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response

WINDOW = TimeRange(0, 1_000)
TOO_MUCH = Response(422, {}, b"query processing would load too many samples into memory in query execution")


@dataclass
class Server:
    """A transport to a server that takes a piece or not, and answers with its instants."""

    takes: Callable[[range], bool]
    name: str = "metrics"
    parallel: int = 2
    asked: list[range] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        first, last, step = (int(value) for _, value in request.params)
        piece = range(first, last + 1, step)
        self.asked.append(piece)
        return Response(200, {}, repr(list(piece)).encode()) if self.takes(piece) else TOO_MUCH

    def map(self, requests: Iterable[Request]) -> Generator[Response, None, None]:
        yield from map(self.send, requests)

    def close(self) -> None:
        pass


def ask(piece: range) -> Request:
    return Request("/", (("first", str(piece[0])), ("last", str(piece[-1])), ("step", str(piece.step))))


def asked_of(server: Server, pieces: list[range]) -> Pull:
    record = QueryRecord("series", "metrics", "q", "q", WINDOW)
    return pull(server, ask, pieces, record, kind="prometheus")


def instants(pulled: Pull) -> list[int]:
    return [int(one) for response in pulled.responses for one in response.body.decode()[1:-1].split(",")]


WHOLE = st.builds(
    lambda start, length, step: range(start, start + length * step, step),
    st.integers(-1_000, 1_000),
    st.integers(0, 200),
    st.integers(1, 50),
)


@given(WHOLE, st.integers(1, 250))
def test_a_range_is_cut_without_gap_or_overlap(whole: range, size: int) -> None:
    pieces = cut(whole, size)
    assert [instant for piece in pieces for instant in piece] == list(whole)
    assert all(0 < len(piece) <= size for piece in pieces)


@given(WHOLE, st.integers(1, 250), st.integers(1, 9), st.integers(1, 9))
def test_every_instant_is_answered_once_and_in_order_where_some_pieces_are_too_dense(
    whole: range, size: int, sparse: int, dense: int
) -> None:
    middle = whole.start + (whole.stop - whole.start) // 3
    server = Server(lambda piece: len(piece) <= (dense if piece[0] < middle else sparse))
    pulled = asked_of(server, cut(whole, size))
    assert instants(pulled) == list(whole)
    assert [instant for piece in pulled.pieces for instant in piece] == list(whole)
    assert pulled.requests == len(server.asked)


def test_pieces_that_were_taken_are_not_asked_for_again() -> None:
    server = Server(lambda piece: piece[0] >= 20 or len(piece) <= 5)
    pulled = asked_of(server, cut(range(100), 20))
    assert instants(pulled) == list(range(100))
    spans = [(piece[0], piece[-1]) for piece in server.asked]
    assert spans[:5] == [(0, 19), (20, 39), (40, 59), (60, 79), (80, 99)]
    assert spans[5:] == [(0, 9), (0, 4), (5, 9), (10, 14), (15, 19)]


def test_what_is_refused_at_any_length_is_tried_a_few_times_and_then_said() -> None:
    server = Server(lambda _: False)
    with pytest.raises(LimitError) as raised:
        asked_of(server, cut(range(80_000), 10_000))
    assert str(raised.value) == (
        "metrics answered 422: the query reads or returns more than it allows.\n"
        "  query:  q\n"
        "  window: 1970-01-01T00:00:00Z to 1970-01-01T00:00:00.000001Z\n"
        "  server: query processing would load too many samples into memory in query execution\n"
        "Hint: Narrow the selector, or ask for a shorter window."
    )
    assert len(server.asked) == 8 + 14


def test_nothing_is_sent_where_there_is_no_piece() -> None:
    server = Server(lambda _: True)
    pulled = asked_of(server, [])
    assert (server.asked, pulled.responses, pulled.requests, pulled.bytes) == ([], [], 0, 0)


def test_an_error_of_the_network_says_the_query_and_the_window() -> None:
    def unreachable(_: range) -> bool:
        raise UnreachableError("metrics cannot be reached.")

    with pytest.raises(UnreachableError) as raised:
        asked_of(Server(unreachable), [range(1)])
    assert (raised.value.query, raised.value.window) == ("q", str(WINDOW))
