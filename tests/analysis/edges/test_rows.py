"""Neither the order of rows, nor that spans are there twice, nor the pieces of a frame change a number."""

from functools import cache

import polars as pl
import pytest

import obsnb
from obsnb.schema import SPANS
from tests.analysis.edges import samples
from tests.analysis.edges.calls import CALLS, IDS, of_schema
from tests.analysis.edges.kinds import as_polars, same_numbers

_EVERY = pytest.mark.parametrize("place", range(len(CALLS)), ids=IDS)
_SPANS = pytest.mark.parametrize("call", of_schema(SPANS), ids=lambda call: call.id)


@cache
def _asked(place):
    return as_polars(CALLS[place](*CALLS[place].given()))


def _order(rows):
    return pl.int_range(rows, eager=True).sample(fraction=1.0, shuffle=True, seed=rows)


@_EVERY
def test_rows_in_any_order_give_the_same_numbers(place):
    call = CALLS[place]
    answer = call(*(frame[_order(len(frame))] for frame in call.given()))
    expected = _asked(place)
    if call.row_by_row:
        expected = expected[_order(expected.height)]
    same_numbers(answer, expected, any_order=call.name == "critical_path")  # by its roots' order in the frame


@_EVERY
def test_a_frame_whose_first_piece_is_empty_gives_the_same_numbers(place):
    call = CALLS[place]

    def broken(frame, _):
        twice = pl.concat([frame.head(3), frame], rechunk=False)
        kept = twice.filter(pl.Series([False] * min(3, frame.height) + [True] * frame.height))
        assert kept.n_chunks() == 2
        return kept

    same_numbers(call(*call.changed(broken)), _asked(place))


@_SPANS
def test_spans_that_are_there_twice_give_the_same_numbers_as_once(call):
    def twice(frame, schema):
        return pl.concat([frame, frame]) if schema is SPANS else frame

    answer, expected = as_polars(call(*call.changed(twice))), as_polars(call(*call.given()))
    if call.name in ("attribute", "self_time"):  # a row for each row
        expected = pl.concat([expected, expected])
    if call.name == "trace_quality":
        duplicates = answer.filter(pl.col("kind") == "duplicate")
        assert duplicates.select("count", "share").rows() == [(samples.waiting_spans().height, 0.5)]
        return
    same_numbers(answer, expected)


def test_the_other_flaws_of_traces_are_found_in_as_large_a_share_where_spans_are_there_twice():
    row = pl.int_range(pl.len())
    spans = samples.waiting_spans().with_columns(
        parent_span_id=pl.when(row % 7 > 0).then("parent_span_id"),
        duration=pl.when(row % 11 == 0).then(9 * pl.col("duration")).otherwise("duration"),
    )
    once, twice = obsnb.trace_quality(spans), obsnb.trace_quality(pl.concat([spans, spans]))
    assert {"missing parent", "several roots", "outlives its parent"} <= set(once["kind"])
    several = dict(twice.select("kind", "share").rows())
    assert {kind: several[kind] for kind in once["kind"]} == dict(once.select("kind", "share").rows())


_TELL_NULLS = ("contrast", "compare_cohorts", "trace_quality")


@_EVERY
def test_rows_of_nulls_among_the_others_change_no_number(place):
    call = CALLS[place]
    if call.name in _TELL_NULLS:
        return  # see the next test
    answer = as_polars(
        call(*call.changed(lambda frame, _: pl.concat([frame.clear(2), frame, frame.clear(1)])))
    )
    if call.row_by_row and call.name != "mine_patterns":
        answer = answer[2:-1]
    same_numbers(answer, _asked(place))


def test_rows_of_nulls_are_a_flaw_and_an_operation_without_a_name_and_count_among_all_rows():
    spans = samples.spans_during()
    more = pl.concat([spans, spans.clear(2)])
    flaws = dict(obsnb.trace_quality(more).select("kind", "count").rows())
    assert {flaws[kind] for kind in ("no id", "no duration", "no name", "no status", "no service")} == {2}

    out = obsnb.compare_cohorts(more, more.clear())
    unnamed = out.filter(pl.col("path").list.join(" ") == "unknown: span")
    assert unnamed.select("count", "duration", "self_time", "errors").rows() == [(2, None, None, 0)]
    assert out.height == obsnb.compare_cohorts(spans, spans.clear()).height + 1

    of = obsnb.contrast(more, samples.spans_before(), alpha=1.0).filter(pl.col("kind") == "value")["of"]
    assert set(of) == {spans.height + 2}


def test_a_line_that_is_there_twice_counts_twice_but_not_the_request_that_it_tells_of():
    logs = samples.waiting_logs()
    twice = pl.concat([logs, logs])
    assert obsnb.patterns(twice)["count"].to_list() == (2 * obsnb.patterns(logs)["count"]).to_list()
    once, again = obsnb.error_groups(logs), obsnb.error_groups(twice)
    assert again["count"].to_list() == once["count"].to_list()
