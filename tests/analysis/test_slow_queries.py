"""Statements and calls: what took the time, what became slower, what is asked again and again."""

from datetime import timedelta

import polars as pl
import pytest

from obsnb.analysis.slow_queries import slow_queries
from obsnb.errors import FrameError
from obsnb.timerange import TimeRange
from tests.analysis.incidents import incident
from tests.analysis.made_up import S, lines, spans

_ORDERS = "SELECT o.id FROM orders o WHERE o.id = {}"


def _query(number, at, length, statement=_ORDERS, trace="t1", parent="root", **further):
    return {
        "is": f"{trace} {trace}s{number} {parent} api SELECT",
        "at": (at, length),
        "kind": "client",
        "db.system": "postgresql",
        "db.statement": statement.format(number),
        "peer.service": "db",
    } | further


def _rows(frame, *columns):
    return frame.select(columns).rows()


# On what real servers held.


def test_the_statement_that_became_slow_is_found_with_how_much_slower():
    it = incident("slow-query")
    out = slow_queries(it.spans, it.logs, during=it.during, baseline=it.baseline)
    row = out.row(0, named=True)
    assert row["tables"] == ["saved_searches"]
    assert (row["kind"], row["operation"], row["peer"], row["system"]) == (
        "statement",
        "SELECT",
        "postgres",
        "postgresql",
    )
    assert 100 < row["change"] < 1_000
    assert row["log_lines"] == 1026
    assert row["share"] > 0.99
    assert len(row["trace_ids"]) == 5
    assert [one.split(":")[0] for one in row["evidence"]] == ["span"] * 3 + ["log"] * 2


def test_no_statement_became_slow_where_another_backend_did():
    it = incident("datasource")
    out = slow_queries(it.spans, it.logs, during=it.during, baseline=it.baseline)
    statements = out.filter(pl.col("kind") == "statement")
    assert statements["change"].drop_nulls().max() < 2
    slower = out.filter(pl.col("change") > 10)
    assert set(slower["peer"]) == {"loki", "observastack-backend"}


def test_a_statement_asked_in_a_loop_is_found_in_the_traces_that_do():
    it = incident("slow-query")
    out = slow_queries(it.spans)
    looped = out.filter(pl.col("n_plus_one") > 0)
    assert looped["tables"].to_list() == [["panels"]]
    assert looped["max_per_trace"][0] > 5
    assert looped["count"][0] > looped["n_plus_one"][0] * 5


def test_from_log_lines_alone_the_statement_is_the_same():
    it = incident("slow-query")
    from_logs = slow_queries(None, it.logs)
    from_spans = slow_queries(it.spans)
    assert from_logs["fingerprint"].to_list() == [from_spans["fingerprint"][0]]
    assert from_logs["source"].to_list() == ["logs"]
    assert from_logs["count"].to_list() == [1026]


def test_pandas_and_pyarrow_in_give_the_same_out():
    it = incident("datasource")
    some = it.spans.head(2_000)
    polars = slow_queries(some, it.logs.head(100))
    pandas = slow_queries(some.to_pandas(use_pyarrow_extension_array=True), it.logs.head(100))
    arrow = slow_queries(some.to_arrow(), it.logs.head(100))
    assert type(pandas).__module__.startswith("pandas")
    assert pl.from_pandas(pandas)["total"].to_list() == polars["total"].to_list()
    assert pl.from_arrow(arrow).rows() == polars.rows()


# Counting.


def test_literals_make_no_statements_and_times_are_those_of_the_spans():
    out = slow_queries(spans(*(_query(n, 10 * n, n) for n in range(1, 5))))
    assert _rows(out, "statement", "count", "total", "p50", "max", "peer", "service") == [
        (
            "SELECT o.id FROM orders AS o WHERE o.id = ?",
            4,
            timedelta(milliseconds=10),
            timedelta(microseconds=2500),
            timedelta(milliseconds=4),
            "db",
            "api",
        )
    ]
    assert out["before_count"].to_list() == [None]
    assert out["change"].to_list() == [None]


def test_windows_count_what_begins_in_them():
    frame = spans(_query(1, 0, 2), _query(2, 999, 2), _query(3, 1_000, 20), _query(4, 2_000, 50))
    out = slow_queries(frame, during=TimeRange(S, 2 * S), baseline=TimeRange(0, S))
    assert _rows(out, "count", "before_count", "within_count", "within_p95", "change") == [
        (4, 2, 1, timedelta(milliseconds=20), 10.0)
    ]


def test_a_span_that_was_fetched_twice_counts_once_and_a_negative_duration_takes_no_time():
    out = slow_queries(spans(_query(1, 0, 2), _query(1, 0, 2), _query(2, 0, -7)))
    assert _rows(out, "count", "total") == [(2, timedelta(milliseconds=2))]


def test_a_drivers_span_within_a_frameworks_is_the_same_call():
    out = slow_queries(spans(_query(1, 0, 9), _query(2, 1, 7, parent="t1s1", statement=_ORDERS.format(5))))
    assert _rows(out, "count", "total") == [(1, timedelta(milliseconds=9))]


def test_callers_and_peers_have_rows_of_their_own_and_share_the_fingerprint():
    out = slow_queries(spans(_query(1, 0, 9), _query(2, 0, 5, **{"peer.service": "replica"})))
    assert _rows(out, "peer", "count") == [("db", 1), ("replica", 1)]
    assert out["fingerprint"].n_unique() == 1
    assert out["share"].to_list() == [pytest.approx(9 / 14), pytest.approx(5 / 14)]


def test_new_names_of_the_conventions_are_read_from_the_list_of_attributes():
    frame = spans({"is": "t1 a - api query", "at": (0, 5)})
    attributes = {
        "db.query.text": "select 1 from t",
        "db.system.name": "mysql",
        "server.address": "db.prod:3306",
    }
    listed = [[{"key": key, "type": "string", "value": value} for key, value in attributes.items()]]
    kind = pl.List(pl.Struct({"key": pl.String, "type": pl.String, "value": pl.String}))
    out = slow_queries(frame.with_columns(pl.Series("attributes", listed, dtype=kind)))
    assert _rows(out, "operation", "system", "peer") == [("SELECT", "mysql", "db.prod")]


# Log lines.


def test_a_line_with_the_cut_statement_joins_the_span_with_the_whole():
    whole = "SELECT " + ", ".join(f"o.column_{n}" for n in range(20)) + " FROM orders o WHERE o.id = 7"
    line = {"level": "warn", "msg": "slow", "duration": 1.5, "statement": whole[:200]}
    out = slow_queries(spans(_query(1, 0, 1_500, statement=whole)), lines((1, "api", line)))
    assert _rows(out, "source", "count", "log_lines", "evidence") == [
        ("spans", 1, 1, ["span:t1/t1s1", "log:row0"])
    ]


def test_a_statement_that_no_span_has_is_counted_from_its_lines():
    said = "2026-11-23 18:00:00.1 UTC [7] LOG:  duration: {} ms  statement: SELECT a FROM b WHERE c = {}"
    out = slow_queries(
        spans(_query(1, 0, 5)), lines((1, "db", said.format(1500, 1)), (2, "db", said.format(500, 2)))
    )
    assert _rows(out, "tables", "source", "count", "total", "log_lines", "max_per_trace") == [
        (["b"], "logs", 2, timedelta(seconds=2), 2, None),
        (["orders"], "spans", 1, timedelta(milliseconds=5), 0, 1),
    ]


def test_a_line_without_a_duration_is_no_slow_query():
    said = {"level": "error", "msg": "failed", "statement": "SELECT a FROM b"}
    assert slow_queries(None, lines((1, "api", said))).is_empty()


# Other calls.


def test_calls_that_are_no_sql_appear_by_their_own_names():
    frame = spans(
        {"is": "t1 a - api GET", "at": (0, 1), "kind": "client", "db.system": "redis",
         "db.statement": "GET ?"},
        {"is": "t1 b - api GET", "at": (0, 2), "kind": "client", "http.request.method": "GET",
         "peer.service": "shop"},
        {"is": "t1 c - api send", "at": (0, 3), "kind": "producer", "messaging.system": "kafka",
         "messaging.destination.name": "orders", "messaging.operation.name": "publish"},
        {"is": "t1 d - api x", "at": (0, 4), "kind": "client", "rpc.system": "grpc", "rpc.service": "Cart",
         "rpc.method": "Add"},
        {"is": "t1 e - api connect", "at": (0, 5), "kind": "client", "db.system": "postgresql"},
        {"is": "t1 f - api work-17", "at": (0, 6), "kind": "internal"},
    )  # fmt: skip
    out = slow_queries(frame)
    assert _rows(out, "kind", "operation", "system", "peer", "statement") == [
        ("call", "connect", "postgresql", "postgresql", None),
        ("call", "Cart/Add", "grpc", None, None),
        ("call", "publish", "kafka", "orders", None),
        ("call", "GET", None, "shop", None),
        ("call", "GET", "redis", "redis", None),
    ]
    assert out["n_plus_one"].null_count() == 5


def test_a_call_is_of_the_service_whose_span_answers_it():
    frame = spans(
        {"is": "t1 a - web fetch", "at": (0, 9), "kind": "client", "server.address": "10.0.0.1"},
        {"is": "t1 b a api GET", "at": (1, 7), "kind": "server"},
    )
    assert slow_queries(frame)["peer"].to_list() == ["api"]


# N+1.


@pytest.mark.parametrize(
    ("many", "gap", "length", "traces"),
    [(5, 20, 11, 1), (4, 20, 20, 0), (5, 20, 10, 0), (5, 1, 20, 0), (50, 20, 5, 1)],
    ids=["five one after the other", "four", "50 ms in all", "at once", "many short ones"],
)
def test_five_in_a_row_of_more_than_50_ms_are_n_plus_one(many, gap, length, traces):
    out = slow_queries(spans(*(_query(n, n * gap, length) for n in range(many))))
    assert _rows(out, "max_per_trace", "n_plus_one") == [(many, traces)]


def test_loops_are_counted_by_trace():
    rows = [_query(n, n * 20, 15, trace=trace) for trace in ("t1", "t2") for n in range(6)]
    rows += [_query(n, n * 20, 15, trace="t3") for n in range(2)]
    assert _rows(slow_queries(spans(*rows)), "max_per_trace", "n_plus_one") == [(6, 2)]


# Frames.


def test_nothing_gives_an_empty_table_with_every_column():
    full = slow_queries(spans(_query(1, 0, 2)))
    for empty in (
        slow_queries(spans()),
        slow_queries(None),
        slow_queries(None, lines()),
        slow_queries(spans(), lines()),
    ):
        assert empty.is_empty()
        assert empty.schema == full.schema


def test_only_the_needed_columns_are_needed():
    frame = spans(_query(1, 0, 2)).select(
        "trace_id", "span_id", "service", "name", "start", "duration", "db.statement"
    )
    assert slow_queries(frame)["count"].to_list() == [1]
    bare = frame.drop("db.statement")
    assert slow_queries(bare).is_empty()
    with pytest.raises(FrameError) as refused:
        slow_queries(bare.drop("duration"))
    assert str(refused.value).startswith("slow_queries needs the column duration of SPANS; ")


def test_null_everywhere_is_taken():
    frame = spans(_query(1, 0, 2)).with_columns(
        pl.lit(None).alias("service"), pl.lit(None).alias("peer.service")
    )
    assert _rows(slow_queries(frame), "service", "peer", "count") == [(None, "postgresql", 1)]


def test_order_and_input_stay():
    frame = spans(_query(2, 5, 2), _query(1, 0, 2), _query(3, 9, 1, statement="SELECT a FROM b"))
    before = frame.clone()
    out = slow_queries(frame)
    assert frame.equals(before, null_equal=True)
    assert slow_queries(frame.reverse()).drop("evidence").equals(out.drop("evidence"), null_equal=True)
