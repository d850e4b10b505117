"""Negative durations, a clock's mistake: they count as none, and make no total smaller."""

import polars as pl
import pytest

import obsnb
from obsnb.schema import SPANS
from tests.analysis.edges import samples
from tests.analysis.edges.calls import of_schema
from tests.analysis.edges.kinds import as_polars, same_numbers
from tests.analysis.made_up import MS, spans

_NS = pl.Duration("ns")


def _damaged():
    """A request of 100 ms, its call of 40, and two answers whose clocks were set back meanwhile."""
    return spans(
        {"is": "t 1 - web GET", "at": (0, 100), "kind": "server"},
        {"is": "t 2 1 web call", "at": (10, 40), "kind": "client"},
        {"is": "t 3 2 api GET", "at": (20, -30), "kind": "server"},
        {"is": "t 4 1 api find", "at": (60, -5), "kind": "server"},
    )


def test_self_times_and_the_critical_path_still_add_up_to_the_request():
    own = obsnb.self_time(_damaged())
    assert own["self_time"].to_physical().to_list() == [60 * MS, 40 * MS, 0, 0]
    assert own["duration"].to_physical().to_list() == [100 * MS, 40 * MS, -30 * MS, -5 * MS]
    path = obsnb.critical_path(_damaged())
    assert path.select("span_id", pl.col("duration").to_physical() // MS).rows() == [
        ("1", 10),
        ("2", 40),
        ("1", 50),
    ]


def test_calls_with_a_negative_duration_are_calls_that_took_no_time():
    graph = obsnb.service_graph(_damaged()).row(0, named=True)
    assert (graph["caller"], graph["callee"], graph["count"]) == ("web", "api", 2)
    assert graph["p50"].total_seconds() == 0.02  # between 40 ms and none
    paths = obsnb.compare_cohorts(_damaged(), _damaged().clear())
    found = dict(paths.select("operation", pl.col("duration").to_physical() // MS).rows())
    assert found == {"web: GET": 100, "web: call": 40, "api: GET": 0, "api: find": 0}
    trace = obsnb.notable_traces(_damaged()).row(0, named=True)
    assert (trace["duration"].total_seconds(), trace["spans"]) == (0.1, 4)


def test_clocks_are_not_judged_by_them():
    assert obsnb.clock_skew(_damaged()).height == 0


def _queries(lengths):
    made = [
        {
            "is": f"t {n + 2} 1 web query",
            "at": (n, length),
            "kind": "client",
            "db.query.text": "SELECT 1 FROM a",
        }
        for n, length in enumerate(lengths)
    ]
    return spans({"is": "t 1 - web GET", "at": (0, 500), "kind": "server"}, *made)


def test_a_statement_of_negative_duration_counts_and_is_in_no_total_and_no_quantile():
    row = obsnb.slow_queries(_queries([10, -1_000, 30])).row(0, named=True)
    assert (row["count"], row["total"].total_seconds(), row["p50"].total_seconds()) == (3, 0.04, 0.02)
    assert (row["max"].total_seconds(), row["share"]) == (0.03, 1.0)
    alone = obsnb.slow_queries(_queries([-10])).row(0, named=True)
    assert (alone["count"], alone["total"].total_seconds(), alone["p95"], alone["share"]) == (
        1,
        0,
        None,
        None,
    )


def test_they_are_told_as_a_flaw():
    flaws = obsnb.trace_quality(_damaged())
    assert flaws.select("kind", "count", "of", "examples").rows() == [
        ("negative duration", 2, 4, ["span:t/3", "span:t/4"])
    ]


# slow_queries and clock_skew take them for unknown, trace_quality tells them, contrast compares them as such.
_AS_NONE = [
    call
    for call in of_schema(SPANS)
    if call.name not in ("slow_queries", "clock_skew", "trace_quality", "contrast")
]


@pytest.mark.parametrize("call", _AS_NONE, ids=lambda call: call.id)
def test_in_recorded_spans_a_negative_duration_gives_the_same_numbers_as_none(call):
    def every_tenth(length):
        row = pl.int_range(pl.len())
        return lambda frame, schema: (
            frame.with_columns(pl.when(row % 10 == 0).then(length).otherwise("duration").alias("duration"))
            if schema is SPANS
            else frame
        )

    backwards = as_polars(call(*call.changed(every_tenth(-pl.col("duration")))))
    none = as_polars(call(*call.changed(every_tenth(pl.lit(0).cast(_NS)))))
    as_given = [name for name in ("duration", "span_duration") if call.row_by_row and name in none.columns]
    same_numbers(backwards.drop(as_given), none.drop(as_given))


def test_a_contrast_of_recorded_spans_is_as_sure_with_durations_below_nought():
    found = obsnb.contrast(samples.spans_during(), samples.spans_before().with_columns(-pl.col("duration")))
    (row,) = found.filter(pl.col("column") == "duration").rows(named=True)
    assert (row["direction"], row["effect"]) == ("up", 1.0)
