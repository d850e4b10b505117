"""The bytes of an answer, whole and uncompressed."""

import gzip
import itertools

from hypothesis import given
from hypothesis import strategies as st

from obsnb.transport.body import read
from obsnb.transport.retry import Trouble


def never() -> Trouble | None:
    return None


def chunked(data: bytes, sizes: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(size % (len(data) + 1) for size in sizes)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


@given(st.lists(st.binary(max_size=500), max_size=4), st.lists(st.integers(0, 10_000), max_size=10))
def test_gzip_is_inflated_however_it_is_cut_into_chunks(members: list[bytes], sizes: list[int]) -> None:
    data = b"".join(gzip.compress(member) for member in members)
    assert read(chunked(data, sizes), encoding="gzip", stopped=never) == b"".join(members)


@given(st.binary(max_size=500), st.data())
def test_gzip_that_ends_too_early_is_never_taken_for_whole(body: bytes, data: st.DataObject) -> None:
    whole = gzip.compress(body)
    cut = whole[: data.draw(st.integers(1, len(whole) - 1))]
    outcome = read([cut], encoding="gzip", stopped=never)
    assert isinstance(outcome, Trouble)
    assert (outcome.says, outcome.again) == ("broke off its answer: the gzip ends too early", True)


@given(st.binary(min_size=1, max_size=300).filter(lambda body: not body.startswith(b"\x1f\x8b")))
def test_what_is_no_gzip_is_damaged_or_cut(body: bytes) -> None:
    assert isinstance(read([body], encoding="gzip", stopped=never), Trouble)


def test_a_body_that_would_fill_the_memory_is_not_read_on() -> None:
    bomb = gzip.compress(b"\0" * 1_000_000)
    outcome = read([bomb], encoding="x-gzip", stopped=never, most=1000)
    assert isinstance(outcome, Trouble)
    assert (outcome.says, outcome.corrupt) == ("sent more than 1,000 bytes in one answer", True)


def test_reading_stops_when_it_is_told_to() -> None:
    why = Trouble("is late", "")
    taken = iter([b"a", b"b", b"c"])
    assert read(taken, encoding="", stopped=lambda: why) is why
    assert list(taken) == [b"b", b"c"]
