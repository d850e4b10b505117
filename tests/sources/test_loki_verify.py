"""The server's own count beside a pull: agreement and difference, in words that claim no more."""

from __future__ import annotations

import json
import threading

import pytest

from obsnb.errors import UnreachableError
from obsnb.sources.loki_verify import compared, verified
from obsnb.timerange import TimeRange
from obsnb.transport.exchange import Response
from tests.sources.asking_loki import INCIDENT, PROD, SECOND, T0, loki
from tests.standin.loki import LokiStandIn, Row

HOUR = 3_600 * SECOND


def test_a_whole_pull_of_an_incident_agrees_with_the_servers_count(slow_query):
    source = loki(slow_query)
    answer = source.logs(PROD, INCIDENT)
    told = source.verified(answer).record
    assert told.complete == "yes"
    assert told.reason == (
        f"{answer.record.reason}; the server counts {answer.frame.height:,} lines as well, which does not "
        "tell of lines that it has lost"
    )
    assert told.params == answer.record.params  # the same rows: an archive answers the same question
    assert told.requests > answer.record.requests


@pytest.mark.parametrize("shift", [0, 1, SECOND // 3])
def test_the_count_includes_the_first_nanosecond_and_leaves_out_the_last(slow_query, shift):
    source = loki(slow_query)
    times = source.logs(PROD, INCIDENT).frame["timestamp"].to_physical()
    first, last = times[10] + shift, times[-10] + shift
    answer = source.logs(PROD, TimeRange(first, last))
    assert "lines as well" in source.verified(answer).record.reason


@pytest.mark.parametrize(
    ("rows", "complete", "after", "said"),
    [
        (5, "yes", "no", "the server counts 7 lines, and 5 came"),
        (9, "yes", "unknown", "the server counts 7 lines, and 9 came"),
        (9, "no", "no", "the server counts 7 lines, and 9 came"),
    ],
)
def test_a_difference_is_said_and_is_never_complete(slow_query, rows, complete, after, said):
    from dataclasses import replace

    record = replace(loki(slow_query).logs(PROD, INCIDENT).record, rows=rows, complete=complete, reason="")
    told = compared(record, 7, rows)
    assert (told.complete, told.reason) == (after, said)


def test_a_server_that_does_not_count_changes_nothing_but_says_so(slow_query):
    record = loki(slow_query).logs(PROD, INCIDENT).record
    told = compared(record, None, record.rows)
    assert told.complete == record.complete
    assert told.reason == f"{record.reason}; the server could not be asked how many lines it counts"


#: With the nanosecond before it an hour's limit lets it pass.
PIECE = HOUR - 1_000_000


class Counting:
    """A transport to a server that counts the hour of a question's time, or fails on it."""

    name, parallel = "loki", 4

    def __init__(self, *, fails=(), says_nothing_at=()):
        self.fails, self.mute = fails, says_nothing_at
        self.asked, self.most, self.now = [], 0, 0
        self.met = threading.Barrier(2, timeout=20)
        self.lock = threading.Lock()

    def send(self, request):
        hour = (int(dict(request.params)["time"]) + 1 - T0) // PIECE
        with self.lock:
            self.asked.append(hour)
            self.now += 1
            self.most = max(self.most, self.now)
        if hour <= 2:
            self.met.wait()  # nobody goes on before another one is under way as well
        with self.lock:
            self.now -= 1
        if hour in self.fails:
            raise UnreachableError("loki did not answer.")
        data = {"resultType": "vector", "result": [{"metric": {}, "value": [0, str(10**hour)]}]}
        return Response(500 if hour in self.mute else 200, {}, json.dumps({"data": data}).encode())


def record_of(hours):
    window = TimeRange(T0, T0 + hours * PIECE)
    return loki(LokiStandIn()).logs('{app="a"}', window)


def test_two_hours_are_counted_at_once_and_no_more():
    transport, answer = Counting(), record_of(6)
    told = verified(transport, answer.record, answer.frame["timestamp"])
    assert told.reason.endswith("; the server counts 1,111,110 lines, and 0 came")
    assert sorted(transport.asked) == [1, 2, 3, 4, 5, 6]
    assert transport.most == 2
    assert told.requests == answer.record.requests + 6


def test_an_hour_that_the_server_does_not_count_ends_it_without_an_error():
    transport, answer = Counting(says_nothing_at={2}), record_of(50)
    told = verified(transport, answer.record, answer.frame["timestamp"])
    assert told.reason.endswith("; the server could not be asked how many lines it counts")
    assert len(transport.asked) <= 4


def test_a_server_that_cannot_be_reached_for_a_count_is_an_error():
    transport, answer = Counting(fails={2, 3}), record_of(50)
    with pytest.raises(UnreachableError):
        verified(transport, answer.record, answer.frame["timestamp"])
    assert len(transport.asked) <= 4
    assert not [one for one in threading.enumerate() if one.name == "obsnb-loki"]


def test_a_long_pull_is_counted_hour_by_hour_and_agrees():
    rows = [Row(T0 + n * 600 * SECOND, (("app", "a"),), str(n)) for n in range(60)]
    source = loki(LokiStandIn(rows))
    answer = source.logs('{app="a"}', TimeRange(T0, T0 + 10 * PIECE))
    told = source.verified(answer).record
    assert (told.complete, told.requests) == ("yes", answer.record.requests + 10)
    assert "the server counts 60 lines as well" in told.reason
