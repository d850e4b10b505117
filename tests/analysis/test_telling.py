"""The trace worth showing is a typical one of what is new."""

import polars as pl

from obsnb.analysis.telling import telling_trace
from obsnb.timerange import TimeRange

_S = 10**9


def _trace(trace_id, start, length, *, service="api", peer=None, status="unset"):
    return {
        "trace_id": trace_id,
        "span_id": trace_id,
        "start": start * _S,
        "duration": length * _S,
        "service": service,
        "peer.service": peer,
        "status": status,
    }


def _frame(*rows):
    frame = pl.DataFrame(rows, schema_overrides={"peer.service": pl.String})
    return frame.with_columns(
        pl.col("start").cast(pl.Datetime("ns", "UTC")), pl.col("duration").cast(pl.Duration("ns"))
    )


def test_of_the_traces_that_reach_the_suspect_the_one_of_median_length_is_shown():
    spans = _frame(
        *[_trace(f"t{n}", 10, n, peer="db") for n in (1, 2, 3, 4, 50)],
        _trace("other", 10, 3),
    )
    assert telling_trace(spans, service="db") == (
        "t3",
        "of 5 traces in the incident that reach db, the one nearest in length to the median of all 5, 3 s.",
    )


def test_a_sample_of_what_is_new_goes_before_a_failed_trace_and_that_before_the_rest():
    spans = _frame(_trace("a", 1, 1), _trace("b", 1, 2, status="error"), _trace("c", 1, 9))
    assert telling_trace(spans, service=None, trace_ids=["c"])[0] == "c"
    assert telling_trace(spans, service=None)[0] == "b"


def test_of_samples_that_were_chosen_for_being_slow_the_one_nearest_to_all_is_shown():
    spans = _frame(*[_trace(f"t{n}", 10, n) for n in (1, 2, 3, 4, 30, 40, 50)])
    chosen, why = telling_trace(spans, service="api", trace_ids=["t30", "t40", "t50"], where="the window")
    assert chosen == "t30"
    assert why == (
        "of 7 traces in the window that reach api, one of those that show what is new, "
        "and of these the one nearest in length to the median of all 7, 4 s."
    )


def test_traces_outside_the_incident_are_passed_over():
    spans = _frame(_trace("early", 1, 1), _trace("late", 100, 1))
    assert telling_trace(spans, service="api", during=TimeRange(50 * _S, 200 * _S))[0] == "late"
    assert telling_trace(spans, service="api", during=TimeRange(500 * _S, 600 * _S)) is None


def test_a_suspect_that_no_trace_reaches_still_gets_a_trace():
    assert telling_trace(_frame(_trace("a", 1, 1)), service="nobody")[0] == "a"
