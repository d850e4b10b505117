from __future__ import annotations

import polars as pl

from obsnb.report.entries import calls, errors, slow, suspects, timeline, unsure
from obsnb.report.evidence import CITED, references
from obsnb.report.notes import Notes
from tests.report import made_up
from tests.report.made_up import DURING, SECOND, START, query


def test_no_frame_and_a_frame_without_rows_are_no_entries() -> None:
    assert timeline(None, Notes(), None) == suspects(None) == errors(None) == slow(None) == calls(None) == ()
    assert errors(made_up.error_groups("x").clear()) == ()


def test_what_people_add_stands_in_its_place_in_time() -> None:
    rows = timeline(made_up.timeline("found"), made_up.notes("said"), DURING)
    assert [(row.kind, row.source) for row in rows] == [
        ("deploy", "found"),
        ("onset", "found"),
        ("alert", "found"),
        ("note", "people"),
        ("recovery", "found"),
    ]
    assert [row.after // SECOND for row in rows if row.after is not None] == [-60, 0, 90, 360, 1_440]


def test_without_an_onset_nothing_is_counted_from_it() -> None:
    assert {row.after for row in timeline(made_up.timeline("x"), Notes(), None)} == {None}


def test_coarser_times_and_categories_read_like_the_schema_s() -> None:
    fine = made_up.timeline("x")
    coarse = fine.with_columns(
        pl.col("timestamp", "end").cast(pl.Datetime("us", "UTC")), pl.col("kind").cast(pl.Categorical)
    )
    assert timeline(coarse, Notes(), None) == timeline(fine, Notes(), None)


def test_columns_that_are_not_there_read_as_empty() -> None:
    (only,) = errors(pl.DataFrame({"message": ["boom"], "count": [3]}))
    assert (only.message, only.count, only.type, only.services, only.is_new) == ("boom", 3, "", (), False)
    (row,) = timeline(pl.DataFrame({"timestamp": made_up.at(5)}), Notes(), None)
    assert (row.timestamp, row.title, row.evidence) == (START + 5 * SECOND, "", ())


def test_new_errors_come_first_those_passed_on_after_them_then_the_most_frequent() -> None:
    frame = pl.DataFrame(
        {
            "message": ["old", "passed on", "new, few", "new, many"],
            "is_new": [False, True, True, True],
            "passed_on": [False, True, False, False],
            "within": [9_000, 500, 3, 400],
            "count": [9_000, 500, 3, 400],
        }
    )
    assert [entry.message for entry in errors(frame)] == ["new, many", "new, few", "passed on", "old"]


def test_a_lone_text_or_number_reads_as_a_list_of_one() -> None:
    frame = pl.DataFrame(
        {"raised_by": ["backend"], "users": [42], "routes": [0], "tenants": [[{"name": "acme", "count": 3}]]}
    )
    (only,) = errors(frame)
    assert (only.raised_by, only.users, only.tenants) == (("backend",), ("42",), ("acme 3",))
    assert only.routes == ()


def test_an_error_that_was_passed_on_names_what_it_is_a_symptom_of() -> None:
    frame = pl.DataFrame(
        {
            "group_id": ["1", "2", "3"],
            "type": ["PoolTimeout", None, "HTTPError"],
            "message": ["no connection", "the pool is empty", "status 500"],
            "raised_by": [[], [], ["1", "2", "elsewhere"]],
        }
    )
    (symptom,) = [entry for entry in errors(frame) if entry.type == "HTTPError"]
    assert symptom.raised_by == ("PoolTimeout", "the pool is empty", "elsewhere")


def test_times_of_statements_are_ns_whether_durations_or_seconds() -> None:
    (by_type,) = slow(pl.DataFrame({"p95": made_up.lengths(4_813)}))
    (by_number,) = slow(pl.DataFrame({"p95": [4.813]}))
    assert by_type.p95 == by_number.p95 == 4_813_000_000


def test_suspects_keep_their_order_and_get_the_rank_that_they_lack() -> None:
    entries = suspects(pl.DataFrame({"service": ["b", "a"], "score": [0.9, 0.2]}))
    assert [(one.rank, one.service) for one in entries] == [(1, "b"), (2, "a")]


def test_partial_unknown_and_selected_answers_are_unsure() -> None:
    sure, partial = query(1, "x"), query(2, "x", complete="no")
    unknown, selected = query(3, "x", complete="unknown"), query(4, "x", selection="600 traces")
    assert unsure([sure, partial, unknown, selected]) == (partial, unknown, selected)


def test_each_cited_id_has_one_reference_that_says_where_it_is_cited() -> None:
    found = references(
        timeline=timeline(made_up.timeline("x"), Notes(), None),
        suspects=suspects(made_up.suspects("x")),
        errors=errors(made_up.error_groups("x")),
        slow=slow(made_up.slow_queries("x")),
        places={"query:1": "query-1"},
        rows={"log:0123456789abcdef": "the line"},
    )
    log, asked = found["log:0123456789abcdef"], found["query:1"]
    assert (log.anchor, log.cited_in, log.row, log.listed) == (
        "evidence-1",
        ("timeline", "error groups"),
        "the line",
        True,
    )
    assert (asked.anchor, asked.cited_in, asked.listed) == ("query-1", ("timeline", "suspects"), False)
    assert len({reference.anchor for reference in found.values()}) == len(found)


def test_of_many_ids_of_a_row_the_first_few_are_cited() -> None:
    many = pl.DataFrame({"message": ["x"], "evidence": [[f"log:{n}" for n in range(50)]]})
    found = references(timeline=(), suspects=(), errors=errors(many), slow=(), places={}, rows={})
    assert list(found) == [f"log:{n}" for n in range(CITED)]


def test_no_change_is_told_of_what_was_called_a_few_times_only() -> None:
    rows = [(14, 1, 3.05), (10, 10, 3.05), (None, None, 3.05)]
    frame = pl.DataFrame(
        [
            {"statement": "SELECT 1", "before_count": before, "within_count": within, "change": change}
            for before, within, change in rows
        ],
        schema_overrides={"before_count": pl.Int64, "within_count": pl.Int64},
    )
    assert [one.told_change for one in slow(frame)] == [None, 3.05, 3.05]


def test_a_system_that_is_called_like_the_server_is_not_said_twice() -> None:
    said = [("redis", "redis"), ("postgresql", "postgres"), ("SQLite", "sqlite"), ("redis", None)]
    frame = pl.DataFrame([{"operation": "GET", "system": system, "peer": peer} for system, peer in said])
    assert [one.told_system for one in slow(frame)] == ["", "postgresql", "", "redis"]


def test_a_sample_that_says_no_more_than_its_group_is_not_shown() -> None:
    said = [("HTTP 503", "HTTP 503"), ("No dashboard <*>.", "No dashboard 9."), ("<*>", "17")]
    frame = pl.DataFrame([{"message": message, "sample": sample} for message, sample in said])
    assert [one.told_sample for one in errors(frame)] == ["", "No dashboard 9.", "17"]


def test_suspects_that_something_speaks_against_are_numbered_without_gaps() -> None:
    frame = pl.DataFrame(
        [
            {"rank": 1, "service": "db", "reasons": ["It is slow."]},
            {"rank": 2, "service": "cache", "reasons": []},
            {"rank": 3, "service": "api", "reasons": ["It waits."]},
        ],
        schema_overrides={"reasons": pl.List(pl.String)},
    )
    numbered = [(one.rank, one.service) for one in suspects(frame)]
    assert numbered == [(1, "db"), (2, "api"), (3, "cache")]
