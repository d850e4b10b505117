"""When a request is sent again, and after how long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.transport.exchange import Response
from obsnb.transport.retry import Policy, Trouble, retry_after_s

POLICY = Policy(retries=4, total_s=60)
BUSY = Response(503, {}, b"")
DATE = "Mon, 23 Nov 2026 18:00:00 GMT"
chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(100, 599))
def test_only_what_may_fare_better_is_tried_again(status: int) -> None:
    wait = POLICY.wait_s(Response(status, {}, b""), tries=1, spent_s=0, chance=0.5)
    assert (wait is not None) is (status in {429, 502, 503})


def test_a_504_is_left_to_the_caller_who_asks_a_smaller_question() -> None:
    assert POLICY.wait_s(Response(504, {}, b""), tries=1, spent_s=0, chance=0.5) is None


@pytest.mark.parametrize("again", [True, False])
def test_a_trouble_says_itself_whether_it_passes(again: bool) -> None:
    wait = POLICY.wait_s(Trouble("broke", "", again=again), tries=1, spent_s=0, chance=0.5)
    assert wait == (0.25 if again else None)


@given(st.integers(1, 4), chances, chances)
def test_the_wait_lies_evenly_below_a_bound_that_doubles(tries: int, chance: float, other: float) -> None:
    wait = POLICY.wait_s(BUSY, tries=tries, spent_s=0, chance=chance)
    assert wait == chance * (0.5, 1, 2, 4)[tries - 1]
    higher = POLICY.wait_s(BUSY, tries=tries, spent_s=0, chance=max(chance, other))
    assert higher is not None
    assert higher >= wait


@given(st.integers(1, 20), chances)
def test_the_bound_stops_doubling(tries: int, chance: float) -> None:
    wait = Policy(retries=20, total_s=1e9).wait_s(BUSY, tries=tries, spent_s=0, chance=chance)
    assert wait is not None
    assert 0 <= wait < 20


@given(st.integers(0, 20), st.integers(1, 40))
def test_attempts_are_bounded(retries: int, tries: int) -> None:
    wait = Policy(retries=retries, total_s=1e9).wait_s(BUSY, tries=tries, spent_s=0, chance=0.5)
    assert (wait is None) is (tries > retries)


@given(st.floats(0, 200), chances)
def test_time_is_bounded_waiting_included(spent: float, chance: float) -> None:
    wait = POLICY.wait_s(BUSY, tries=1, spent_s=spent, chance=chance)
    assert wait is None or spent + wait < 60
    if spent + 0.5 < 60:
        assert wait is not None


@given(st.integers(0, 50), chances)
def test_retry_after_is_waited_for_and_the_jitter_comes_on_top(seconds: int, chance: float) -> None:
    said = Response(429, {"retry-after": str(seconds)}, b"")
    assert POLICY.wait_s(said, tries=1, spent_s=0, chance=chance) == chance * 0.5 + seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 18:00:30 GMT", "date": DATE}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 17:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Mon, 23 Nov 2026 18:00:30 GMT"}, None),
        ({"retry-after": "Mon, 23 Nov 2026 18:00:30 -0000", "date": DATE}, None),
        ({"retry-after": "soon", "date": DATE}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_servers_own_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(Response(429, headers, b"")) == seconds


@given(st.text())
def test_no_retry_after_breaks_anything(said: str) -> None:
    wait = retry_after_s(Response(429, {"retry-after": said, "date": DATE}, b""))
    assert wait is None or wait >= 0


def test_a_query_that_ran_out_of_time_in_prometheus_would_do_so_again() -> None:
    said = Response(503, {}, b'{"status":"error","errorType":"timeout","error":"query timed out"}')
    assert POLICY.wait_s(said, tries=1, spent_s=0, chance=0.5) is None
