"""Questions in pieces: what is sent again smaller, in which order answers come."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.errors import AccessError, LimitError, ServerError, SourceError, UnreachableError
from obsnb.ledger import QueryRecord
from obsnb.sources.pieces import Pull, cut, pull
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Request, Response

WINDOW = TimeRange(0, 1_000)
TOO_MUCH = Response(422, {}, b"query processing would load too many samples into memory in query execution")


FAILS = Response(500, {}, b"out of memory", retries=2)
REFUSES = Response(403, {}, b"not yours")
BROKEN = UnreachableError("metrics did not answer: the connection broke.")


@dataclass
class Server:
    """A transport to a server that takes a piece, or not and says why, and answers with its instants."""

    takes: Callable[[range], bool | Response | UnreachableError]
    name: str = "metrics"
    parallel: int = 2
    asked: list[range] = field(default_factory=list)

    def send(self, request: Request) -> Response:
        first, last, step = (int(value) for _, value in request.params)
        piece = range(first, last + 1, step)
        self.asked.append(piece)
        said = self.takes(piece)
        if isinstance(said, UnreachableError):
            raise said
        if isinstance(said, Response):
            return said
        return Response(200, {}, repr(list(piece)).encode()) if said else TOO_MUCH

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


@pytest.mark.parametrize(
    ("answer", "why", "retries"),
    [
        (FAILS, "metrics answered 500 (after 2 retries): it failed", 2),
        (BROKEN, "metrics did not answer: the connection broke", 0),
    ],
)
def test_a_piece_that_fails_costs_its_time_alone_and_is_said(
    answer: Response | UnreachableError, why: str, retries: int
) -> None:
    server = Server(lambda piece: answer if piece[0] == 40 else True)
    pulled = asked_of(server, cut(range(0, 100, 10), 2))
    assert instants(pulled) == [0, 10, 20, 30, 60, 70, 80, 90]
    assert pulled.missing == (f"1970-01-01T00:00:00.040Z to 1970-01-01T00:00:00.050Z was not answered: {why}")
    assert (pulled.retries, pulled.requests) == (retries, len(server.asked) + retries)


def test_of_many_pieces_that_fail_the_first_are_said() -> None:
    server = Server(lambda piece: FAILS if piece[0] % 2 else True)
    pulled = asked_of(server, cut(range(10), 1))
    assert instants(pulled) == [0, 2, 4, 6, 8]
    assert pulled.missing.count("was not answered") == 3
    assert pulled.missing.endswith("(after 2 retries): it failed (and 2 more)")


@pytest.mark.parametrize("answer", [FAILS, BROKEN])
@pytest.mark.parametrize("pieces", [1, 2])
def test_where_no_piece_is_answered_the_first_error_is_raised(
    answer: Response | UnreachableError, pieces: int
) -> None:
    server = Server(lambda _: answer)
    with pytest.raises(ServerError if answer is FAILS else UnreachableError) as raised:
        asked_of(server, cut(range(pieces), 1))
    assert (raised.value.query, raised.value.window) == ("q", str(WINDOW))


def test_three_pieces_in_a_row_that_fail_end_it() -> None:
    server = Server(lambda piece: FAILS if piece[0] >= 5 else True)
    with pytest.raises(ServerError):
        asked_of(server, cut(range(1_000), 1))
    assert len(server.asked) == 8


def silence() -> UnreachableError:
    error = UnreachableError("metrics said nothing for 125 s.")
    error.timed_out = True
    return error


@pytest.mark.parametrize(("answered", "times"), [(0, 2), (5, 3)])
def test_time_outs_are_borne_less_often_where_nothing_was_answered_and_are_counted_in_the_error(
    answered: int, times: int
) -> None:
    server = Server(lambda piece: silence() if piece[0] >= answered else True)
    with pytest.raises(UnreachableError) as raised:
        asked_of(server, cut(range(1_000), 1))
    assert len(server.asked) == answered + times
    assert raised.value.what == f"metrics said nothing for 125 s, {times} times in a row."


def test_ten_pieces_that_fail_are_too_many_to_be_borne_however_many_are_answered() -> None:
    server = Server(lambda piece: FAILS if piece[0] % 3 == 2 else True)
    with pytest.raises(ServerError):
        asked_of(server, cut(range(1_000), 1))
    assert len(server.asked) == 30


def test_what_is_refused_whoever_asks_again_is_no_loss_to_bear() -> None:
    with pytest.raises(AccessError):
        asked_of(Server(lambda piece: REFUSES if piece[0] == 40 else True), cut(range(100), 10))


@given(WHOLE, st.integers(1, 60), st.sets(st.integers(0, 200)), st.integers(1, 9))
def test_whatever_fails_the_rest_comes_once_and_what_is_lost_is_said(
    whole: range, size: int, failing: set[int], dense: int
) -> None:
    bad = {whole[index] for index in failing if index < len(whole)}

    def takes(piece: range) -> bool | Response:
        return FAILS if bad & set(piece) and len(piece) <= dense else len(piece) <= dense

    server = Server(takes)
    try:
        pulled = asked_of(server, cut(whole, size))
    except SourceError:
        assert bad
        return
    came = instants(pulled)
    assert len(set(came)) == len(came)
    assert set(came) <= set(whole) - bad
    assert (set(came) == set(whole)) == (pulled.missing == "")
    assert len(server.asked) < 3 * len(whole) + 30
