"""The server's own count beside a pull: agreement and difference, in words that claim no more."""

from __future__ import annotations

import pytest

from obsnb.sources.loki_verify import compared
from obsnb.timerange import TimeRange
from tests.sources.asking_loki import INCIDENT, PROD, SECOND, loki


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
