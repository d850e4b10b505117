"""Lokis with limits, hostile ones, and what they refuse."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.conventions import DEFAULT
from obsnb.errors import (
    AccessError,
    AnswerError,
    LimitError,
    QueryError,
    RejectedError,
    ServerError,
    UnreachableError,
)
from obsnb.settings import Endpoint
from obsnb.sources.loki import Loki
from obsnb.timerange import TimeRange
from obsnb.transport.http import HttpTransport
from tests.sources.asking_loki import EDGE, INCIDENT, PLAIN, PROD, SECOND, T0, loki
from tests.standin.direct import DirectTransport
from tests.standin.loki import LokiStandIn, Row
from tests.standin.serving import serving


def paths(backend):
    return [path.removeprefix("/loki/api/v1/") for path, _ in backend.seen]


def test_a_server_that_allows_smaller_pages_is_asked_for_those(slow_query):
    backend = LokiStandIn(slow_query.rows, most=200)
    query = '{namespace="edge", case="nanoseconds"}'
    answer = loki(backend).logs(query, EDGE)
    assert answer.record.complete == "yes"
    assert answer.frame.equals(loki(slow_query).logs(query, EDGE).frame)


def test_more_lines_in_one_nanosecond_than_the_server_ever_gives_are_told_apart_by_their_text(slow_query):
    query = '{namespace="edge", case="ties"}'
    answer = loki(LokiStandIn(slow_query.rows, most=100)).logs(query, EDGE)
    at_once = loki(slow_query).logs(query, EDGE).frame
    assert answer.frame.sort("row_id").equals(at_once.sort("row_id"))
    assert answer.frame.height == 701
    assert answer.record.complete == "yes"


def test_lines_of_one_nanosecond_that_only_metadata_tells_apart_are_said_to_be_missing():
    rows = [Row(T0, (("app", "a"),), "same", (("n", str(n)),)) for n in range(30)]
    answer = loki(LokiStandIn(rows, most=10)).logs('{app="a"}', EDGE)
    assert answer.frame.height == 10
    assert answer.record.complete == "no"
    assert answer.record.reason == (
        "10 lines or more share 2026-11-23T19:03:19Z, and the server gives no more at once"
    )


def test_a_stage_that_makes_all_lines_alike_does_not_halve_for_ever():
    rows = [Row(T0, (("app", "a"),), f"{n:02}") for n in range(30)]
    answer = loki(LokiStandIn(rows, most=10)).logs('{app="a"} |~ "[0-9]"', EDGE)
    assert answer.frame.height == 30
    assert answer.record.complete == "yes"


@given(
    lines=st.lists(st.text('ab0123 €\n"\\\\`', max_size=6), min_size=1, max_size=60, unique=True),
    most=st.integers(1, 9),
)
@settings(max_examples=60)
def test_any_lines_of_one_nanosecond_come_once_whatever_the_server_gives_at_once(lines, most):
    rows = [Row(T0, (("app", "a"),), line) for line in lines]
    answer = loki(LokiStandIn(rows, most=most)).logs('{app="a"}', EDGE)
    if answer.record.complete == "yes":
        assert sorted(answer.frame["line"]) == sorted(lines)
    else:
        assert most == 1


def test_a_window_longer_than_the_server_allows_is_asked_for_in_parts_of_what_it_allows(slow_query):
    backend = LokiStandIn(slow_query.rows, longest="20m")
    answer = loki(backend).logs(f'{PROD} |= "checkpoint"', INCIDENT)
    assert answer.frame.height == 240
    assert answer.record.complete == "yes"
    assert answer.record.pages <= 9


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (504, b"context deadline exceeded"),
        (413, b"grpc: received message larger than max (5000000 vs. 4194304)"),
        (400, b"the query would read too many bytes (query: 12 TB, limit: 1 TB)"),
        (500, b"context deadline exceeded"),
    ],
)
def test_a_slice_that_is_too_big_is_asked_for_in_halves(slow_query, status, words):
    def slow(path, params):
        if path.endswith("query_range") and int(params["end"][0]) - int(params["start"][0]) > 200 * SECOND:
            return status, PLAIN, words
        return None

    answer = loki(LokiStandIn(slow_query.rows, before=slow)).logs(f'{PROD} |= "checkpoint"', INCIDENT)
    assert answer.frame.height == 240
    assert answer.record.complete == "yes"
    assert answer.record.requests > answer.record.pages + 1


def test_a_server_that_finds_everything_too_big_says_so_after_a_few_requests(slow_query):
    def slow(path, params):
        return (504, PLAIN, b"context deadline exceeded") if path.endswith("query_range") else None

    backend = LokiStandIn(slow_query.rows, before=slow)
    with pytest.raises(LimitError) as caught:
        loki(backend).logs(PROD, INCIDENT)
    assert str(caught.value) == (
        "loki answered 504: the query took longer than it allows.\n"
        f"  query:  {PROD}\n"
        "  window: 2026-11-23T18:13:19Z to 2026-11-23T19:13:20Z\n"
        "  server: context deadline exceeded\n"
        "Hint: Narrow the selector, or ask for a shorter window."
    )
    assert len(backend.seen) < 30


def test_a_page_that_never_advances_ends_with_an_honest_record(slow_query):
    first = slow_query.answer(
        "GET",
        "/loki/api/v1/query_range",
        {
            "query": [PROD],
            "start": [str(INCIDENT.start_ns)],
            "end": [str(INCIDENT.end_ns)],
            "limit": ["500"],
            "direction": ["forward"],
        },
        {"x-loki-response-encoding-flags": "categorize-labels"},
    )
    backend = LokiStandIn(slow_query.rows, before=lambda path, _: first if path.endswith("range") else None)
    answer = loki(backend, page_limit=500).logs(PROD, INCIDENT)
    assert answer.record.complete == "no"
    assert "the server answered with lines of another time" in answer.record.reason
    assert answer.frame["row_id"].n_unique() == answer.frame.height <= 500


def test_lines_that_come_twice_are_said(slow_query):
    def twice(path, params):
        if not path.endswith("query_range"):
            return None
        data = json.loads(slow_query.answer("GET", path, params, {})[2])
        for stream in data["data"]["result"]:
            stream["values"] *= 2
        return 200, {}, json.dumps(data).encode()

    record = loki(LokiStandIn(before=twice)).logs('{namespace="edge", case=~"equal-.*"}', EDGE).record
    assert (record.rows, record.complete) == (4, "unknown")
    assert record.reason == "2 lines came again, equal in stream, time, text and metadata"


def test_what_the_server_warns_of_is_in_the_record(slow_query):
    def warning(path, params):
        if not path.endswith("query_range"):
            return None
        body = json.loads(slow_query.answer("GET", path, params, {})[2])
        return 200, {}, json.dumps({**body, "warnings": ["some shards did not answer"]}).encode()

    record = loki(LokiStandIn(before=warning)).logs('{namespace="edge"}', EDGE).record
    assert record.warnings == ("some shards did not answer",)
    assert (record.complete, record.reason) == ("unknown", "the server warned: some shards did not answer")


@pytest.mark.parametrize(
    ("headers", "body", "what"),
    [
        (
            {"content-type": "text/html"},
            b"<html><title>Sign in</title></html>",
            "loki answered 200: an HTML page came back, probably of a login or a proxy.",
        ),
        (
            {"content-type": "application/json"},
            b"",
            "loki answered 200, but the answer cannot be read: Input data was truncated.",
        ),
        (
            {},
            b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
            "loki answered 200, but the answer cannot be read: its result is of the type 'matrix', not "
            "streams of lines.",
        ),
    ],
)
def test_an_answer_that_is_none_is_an_error_not_an_empty_frame(headers, body, what):
    backend = LokiStandIn(before=lambda path, _: (200, headers, body) if path.endswith("range") else None)
    with pytest.raises(AnswerError) as caught:
        loki(backend).logs(PROD, EDGE)
    assert caught.value.what == what
    assert (caught.value.query, caught.value.window) == (PROD, str(EDGE))


def test_more_lines_than_allowed_are_counted_and_refused_before_they_are_pulled(slow_query):
    backend = LokiStandIn(slow_query.rows)
    with pytest.raises(LimitError) as caught:
        loki(backend, max_rows=1_000).logs(PROD, INCIDENT)
    assert str(caught.value) == (
        "loki has 33,356 lines for this query, and max_rows is 1,000.\n"
        f"  query:  {PROD}\n"
        "  window: 2026-11-23T18:13:19Z to 2026-11-23T19:13:20Z\n"
        "Hint: Narrow the query or the window, pass limit=, raise max_rows in the profile, or stream them to "
        'disk: obs.download("logs", query, window, folder).'
    )
    assert paths(backend) == ["index/stats", "query"]


def test_an_index_that_counts_too_many_does_not_refuse_what_is_allowed(slow_query):
    answer = loki(LokiStandIn(slow_query.rows, overcount=3), max_rows=40_000).logs(PROD, INCIDENT)
    assert answer.frame.height == 33_356


def test_the_count_has_the_line_at_the_start_and_not_those_at_the_end():
    end = T0 + 10**7
    rows = [Row(ns, (("app", "a"),), line) for ns, line in ((T0, "0"), (T0 + 4, "4"), (end - 1, "9"))]
    rows += [Row(end, (("app", "a"),), f"after {n}") for n in range(5)]
    answer = loki(LokiStandIn(rows, overcount=2), max_rows=3).logs('{app="a"}', TimeRange(T0, end))
    assert answer.frame["line"].to_list() == ["0", "4", "9"]
    with pytest.raises(LimitError) as caught:
        loki(LokiStandIn(rows, overcount=2), max_rows=2).logs('{app="a"}', TimeRange(T0, end))
    assert caught.value.what == "loki has 3 lines for this query, and max_rows is 2."


def test_a_window_too_short_to_be_counted_is_pulled_and_bounded_on_the_way():
    rows = [Row(T0 + n, (("app", "a"),), f"{n}") for n in range(6)]
    few = loki(LokiStandIn(rows, overcount=9), max_rows=6).logs('{app="a"}', TimeRange(T0, T0 + 10))
    assert few.frame.height == 6
    with pytest.raises(LimitError):
        loki(LokiStandIn(rows, overcount=9), max_rows=5).logs('{app="a"}', TimeRange(T0, T0 + 10))


def test_where_the_server_does_not_count_the_index_decides(slow_query):
    backend = LokiStandIn(
        slow_query.rows, before=lambda path, _: (500, PLAIN, b"no") if path.endswith("/query") else None
    )
    with pytest.raises(LimitError) as caught:
        loki(backend, max_rows=1_000).logs(PROD, INCIDENT)
    assert caught.value.what == (
        "loki has about 33,356 lines, by its index, for this query, and max_rows is 1,000."
    )


def test_a_filter_that_leaves_more_lines_than_allowed_is_stopped_on_the_way(slow_query):
    backend = LokiStandIn(slow_query.rows)
    with pytest.raises(LimitError) as caught:
        loki(backend, max_rows=1_000).logs(f'{PROD} |= "request"', INCIDENT)
    assert caught.value.what == "loki has more lines for this query, and max_rows is 1,000."
    assert len(backend.seen) < 5


def test_a_filter_that_leaves_few_of_very_many_lines_is_not_refused(slow_query):
    answer = loki(slow_query, max_rows=1_000).logs(f'{PROD} |= "checkpoint"', INCIDENT)
    assert answer.frame.height == 240


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "{namespace=prod}",
            "loki answered 400: it cannot parse the query (line 1, column 12).\n"
            "  query:  {namespace=prod}\n"
            "  window: 2026-11-23T19:03:19Z to 2026-11-23T19:03:19.001Z\n"
            "  server: parse error at line 1, col 12: syntax error: unexpected IDENTIFIER, expecting STRING\n"
            "Hint: A value stands in double quotes. It stumbled here: prod}",
        ),
        (
            '{namespace=~".*"}',
            "loki answered 400: every matcher of the query also matches the empty text.\n"
            '  query:  {namespace=~".*"}\n'
            "  window: 2026-11-23T19:03:19Z to 2026-11-23T19:03:19.001Z\n"
            "  server: parse error : queries require at least one regexp or equality matcher that does not "
            'have an empty-compatible value. For instance, app=~".*" does not meet this requirement, but '
            'app=~".+" will\n'
            'Hint: Let one matcher ask for something, such as {namespace="prod"} or {namespace=~".+"}.',
        ),
    ],
)
def test_a_query_that_loki_refuses_says_where_it_stumbled_in_its_words(slow_query, query, text):
    with pytest.raises(RejectedError) as caught:
        loki(slow_query).logs(query, EDGE)
    assert str(caught.value) == text


def test_numbers_are_not_asked_for_as_lines(slow_query):
    with pytest.raises(QueryError) as caught:
        loki(slow_query).logs('rate({a="b"}[1m])', EDGE)
    assert str(caught.value) == (
        "This query asks for numbers, and logs() gives lines.\n"
        '  query:  rate({a="b"}[1m])\n'
        'Hint: obs.metrics(query, window, source="loki") asks Loki for numbers.'
    )


def test_a_loki_with_tenants_asks_for_one(slow_query):
    backend = LokiStandIn(tenants={"acme": slow_query.rows})
    with pytest.raises(AccessError) as caught:
        loki(backend).logs(PROD, EDGE)
    assert "tenant" in caught.value.hint
    assert caught.value.server == "no org id"


@pytest.mark.parametrize(("tenant", "lines"), [("acme", 1), ("acme|globex", 2), ("nobody", 0)])
def test_a_tenant_sees_what_is_its_own(tenant, lines):
    rows = [Row(T0, (("app", "a"),), "x")]
    with serving(LokiStandIn(tenants={"acme": rows, "globex": rows})) as url:
        transport = HttpTransport(Endpoint("loki", "loki", url, tenant=tenant))
        frame = Loki(transport, conventions=DEFAULT).logs('{app="a"}', EDGE).frame
        transport.close()
    assert frame.height == lines
    if lines == 2:
        assert frame["__tenant_id__"].to_list() == ["acme", "globex"]


# A Loki that stops in the middle: its HTTP server waits less long than its queries may take.


@dataclass
class Impatient(DirectTransport):
    """Breaks the connection where a slice is longer than it takes, and takes several before it answers."""

    longest_s: float = 600
    timed_out: bool = False
    broken: int = 0

    def map(self, requests):
        for batch in batched(requests, 5):
            for request in batch:
                params = dict(request.params)
                if int(params["end"]) - int(params["start"]) > self.longest_s * SECOND:
                    self.broken += 1
                    error = UnreachableError("loki closed the connection without an answer (tried 3 times).")
                    error.timed_out = self.timed_out
                    raise error
                yield self.send(request)


def batched(items, size):
    items = iter(items)
    while batch := list(islice(items, size)):
        yield batch


@pytest.mark.parametrize(("limit", "longest_s", "broken"), [(None, 120, 24), (100, 901, 2)])
def test_a_slice_that_no_answer_comes_to_is_asked_for_in_halves_and_none_beside_it_is_lost(
    slow_query, limit, longest_s, broken
):
    transport = Impatient(slow_query, longest_s=longest_s)
    source = Loki(transport, conventions=DEFAULT, page_limit=100)
    answer = source.logs(f'{PROD} |= "checkpoint"', INCIDENT, limit=limit)
    assert answer.frame.height == (limit or 240)
    assert answer.frame["row_id"].n_unique() == answer.frame.height
    assert answer.record.complete == "yes"
    assert transport.broken == broken


def test_a_loki_that_is_gone_is_given_up_after_three_slices(slow_query):
    transport = Impatient(slow_query, longest_s=0)
    with pytest.raises(UnreachableError) as caught:
        Loki(transport, conventions=DEFAULT).logs(PROD, INCIDENT)
    assert str(caught.value) == (
        "loki closed the connection without an answer (tried 3 times).\n"
        f"  query:  {PROD}\n"
        "  window: 2026-11-23T18:13:19Z to 2026-11-23T19:13:20Z"
    )
    assert transport.broken == 3


def test_a_loki_that_is_silent_from_the_beginning_is_given_up_after_two_time_outs(slow_query):
    transport = Impatient(slow_query, longest_s=0, timed_out=True)
    with pytest.raises(UnreachableError, match=r"\(tried 3 times\), 2 times in a row."):
        Loki(transport, conventions=DEFAULT).logs(PROD, INCIDENT)
    assert transport.broken == 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 59), st.integers(1, 240), st.none() | st.just(300), st.sampled_from([500, 502]))
def test_a_slice_that_the_server_fails_on_is_said_and_every_line_elsewhere_comes_once(
    minute, seconds, limit, status
):
    edge = INCIDENT.start_ns + minute * 60 * SECOND
    bad = TimeRange(edge, edge + seconds * SECOND)
    rows = [Row(INCIDENT.start_ns + n * SECOND, (("app", "a"),), str(n)) for n in range(3_600)]

    def broken(path, params):
        start, end = (int(params.get(name, ["0"])[0]) for name in ("start", "end"))
        hit = path.endswith("query_range") and start < bad.end_ns and end > bad.start_ns
        return (status, PLAIN, b"panic") if hit else None

    try:
        answer = loki(LokiStandIn(rows, before=broken), page_limit=100).logs(
            '{app="a"}', INCIDENT, limit=limit
        )
    except ServerError:
        assert limit is not None or minute < 30  # what follows is counted on, or nothing had come yet
        return
    came = answer.frame["timestamp"].to_physical().to_list()
    assert len(came) == len(set(came))
    lost = [row.ns for row in rows[: limit or len(rows)] if row.ns not in set(came)]
    assert bool(lost) == (answer.record.complete == "no")
    if lost:
        assert limit is None
        assert " was not answered: loki answered " in answer.record.reason
        # What is lost lies in the slices that touch what the server fails on, and in no others.
        near = INCIDENT.duration_ns // 8
        assert all(bad.start_ns - near <= ns < bad.end_ns + near for ns in lost)
