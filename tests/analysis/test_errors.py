"""One group for one fault wherever it shows; raised here, or only passed on."""

import random
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.analysis.errors import error_events, error_groups
from obsnb.errors import FrameError
from obsnb.timerange import TimeRange
from tests.analysis.incidents import incident, otlp_logs
from tests.analysis.made_up import S, lines, python_stack, spans

_UUID = "d0eda82f-8f6d-4558-aef8-aa38922766{:02d}"


def _rows(frame, *columns):
    return frame.select(columns).rows()


def _failed(message="gone", kind="OperationalError", place="app/orders.py:place", **further):
    stack = python_stack(kind, message, "app/main.py:serve", place)
    return {"level": "error", "message": f"it failed: {kind}", "exception": stack} | further


# On what real servers held.


def _found(name):
    it = incident(name)
    return error_groups(it.logs, it.spans, during=it.during, baseline=it.baseline)


def test_the_new_fault_is_one_group_in_browser_backend_and_client_span():
    out = _found("slow-query").filter((pl.col("is_new")) & ~pl.col("passed_on"))
    row = out.row(0, named=True)
    assert out.height == 1
    assert row["type"] == "TimeoutError"
    assert row["message"].startswith("QueuePool limit of size <*> overflow <*> reached")
    assert row["culprit"] == "app/api/search.py:handler"
    assert row["service"] == "observastack-backend"
    assert row["services"] == ["observastack-backend", "observastack-frontend"]
    assert row["tenants"] == ["acme", "globex"]
    assert row["versions"] == ["1.8.0"]
    assert (row["count"], row["before"]) == (623, 0)
    assert (row["lines"], row["spans"]) == (2 * 623, 2 * 623)


def test_the_errors_of_every_day_are_not_new():
    old = _found("slow-query").filter(~pl.col("is_new"), ~pl.col("passed_on"))
    assert _rows(old, "type", "message", "culprit") == [
        ("KeyError", "<*>", "app/dashboards/render.py:render"),
        ("AuthenticationError", "invalid credentials", "app/auth/login.py:login"),
    ]
    assert old["before"].min() > 0


def test_what_the_browser_saw_was_passed_on_by_what_the_backend_raised():
    out = _found("slow-query")
    browser = out.filter(pl.col("service") == "observastack-frontend")
    raised = dict(_rows(out, "group_id", "type"))
    assert browser["type"].unique().to_list() == ["HttpError"]
    assert browser["passed_on"].all()
    assert [raised[group] for group in browser["raised_by"][0]] == ["TimeoutError", "KeyError"]


def test_errors_of_a_data_source_are_raised_where_they_are_thrown_and_new():
    out = _found("datasource").filter(pl.col("is_new"), ~pl.col("passed_on"), pl.col("kind") == "raised")
    assert _rows(out, "type", "message", "culprit", "count") == [
        ("DataSourceError", "loki: <*> too many outstanding requests", "app/datasources/loki.py:query", 670),
        ("DataSourceError", "loki: upstream timed out after <*>s", "app/datasources/loki.py:query", 632),
    ]


@pytest.mark.parametrize("name", ["slow-query", "datasource"])
def test_logs_alone_and_spans_alone_name_the_same_faults(name):
    it = incident(name)
    both = error_groups(it.logs, it.spans).filter(pl.col("kind") == "raised", ~pl.col("passed_on"))
    for alone in (error_groups(it.logs), error_groups(None, it.spans)):
        raised = alone.filter(pl.col("kind") == "raised", ~pl.col("passed_on"))
        assert set(raised["group_id"]) == set(both["group_id"])


def test_events_are_the_groups_requests_in_the_order_of_time():
    it = incident("slow-query")
    events = error_events(it.logs, it.spans)
    groups = error_groups(it.logs, it.spans)
    counts = events.group_by("group_id").len()
    assert dict(counts.rows()) == dict(_rows(groups, "group_id", "count"))
    assert events["timestamp"].is_sorted()
    assert events.filter(pl.col("type") == "HttpError")["passed_on"].all()


def test_what_came_in_by_otlp_is_one_group():
    out = error_groups(otlp_logs())
    assert _rows(out, "type", "culprit", "service", "routes", "versions", "count") == [
        ("psycopg.OperationalError", "/app/orders.py:place", "orders", ["/orders/{id}"], ["2.3.1"], 13)
    ]


def test_the_order_of_rows_does_not_matter():
    it = incident("datasource")
    shuffled = error_groups(it.logs.sample(fraction=1, shuffle=True, seed=1), it.spans.reverse())
    assert shuffled.equals(error_groups(it.logs, it.spans), null_equal=True)


def test_pandas_and_pyarrow_in_give_the_same_out():
    it = incident("datasource")
    logs, some = it.logs.head(4_000), it.spans.head(2_000)
    polars = error_groups(logs, some)
    pandas = error_groups(logs.to_pandas(use_pyarrow_extension_array=True), some)
    arrow = error_groups(logs.to_arrow(), some.to_arrow())
    assert type(pandas).__module__.startswith("pandas")
    assert pl.from_pandas(pandas)["count"].to_list() == polars["count"].to_list()
    assert pl.from_arrow(arrow).rows() == polars.rows()
    assert type(error_events(None, some.to_arrow())).__module__.startswith("pyarrow")


# What makes a group.


def test_variable_parts_make_no_groups_and_words_places_and_types_do():
    out = error_groups(
        lines(
            (1, "api", _failed("no row 1")),
            (2, "api", _failed("no row 2")),
            (3, "api", _failed("no table")),
            (4, "api", _failed("no row 3", place="app/carts.py:place")),
            (5, "api", _failed("no row 4", kind="IntegrityError")),
        )
    )
    assert out["count"].to_list() == [2, 1, 1, 1]
    assert out["sample"][0] == "no row 1"


def test_a_group_has_one_id_in_every_run_and_build():
    def browser(build):
        stack = f"TypeError: x is undefined\n    at go (https://shop.example/assets/index-{build}.js:1:2)"
        return {"level": "error", "message": "failed", "stack": stack}

    out = error_groups(lines((1, "web", browser("9f2c")), (2, "web", browser("a41b3e"))))
    assert _rows(out, "group_id", "count") == [("a5ec7f643eed", 2)]


def test_the_same_words_of_two_services_are_two_groups_unless_the_culprit_is_one():
    said = {"level": "error", "message": "connection refused"}
    out = error_groups(lines((1, "a", said), (2, "b", said), (3, "a", _failed()), (4, "b", _failed())))
    assert _rows(out, "kind", "services", "count") == [
        ("raised", ["a", "b"], 2),
        ("said", ["a"], 1),
        ("said", ["b"], 1),
    ]


def test_a_qualified_type_and_a_short_one_are_one():
    event = {"is": "t1 a - api GET", "at": (0, 5), "kind": "server", "status": "error"}
    event["exception"] = (
        "OperationalError",
        "gone",
        python_stack("psycopg.OperationalError", "gone", "app/a.py:f"),
    )
    line = _failed(kind="psycopg.OperationalError", place="app/a.py:f", trace_id="t1")
    out = error_groups(lines((1, "api", line)), spans(event))
    assert _rows(out, "count", "lines", "spans") == [(1, 1, 1)]


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ({"level": "info", "message": "retry after TimeoutError: late"}, False),
        ({"level": "warn", "message": "retry after TimeoutError: late"}, True),
        ({"message": "retry after TimeoutError: late"}, True),
        ({"level": "warn", "message": "slow"}, False),
        ({"level": "error", "message": "it broke"}, True),
        ({"level": "fatal", "message": "it broke"}, True),
        ({"level": "info", "message": "done", "status": 503}, True),
        ({"level": "info", "message": "done", "status": 404}, False),
        ('10.0.0.1 - - [x] "GET /a HTTP/1.1" 502 1', True),
        ('10.0.0.1 - - [x] "GET /a HTTP/1.1" 200 1', False),
        ("no error found", False),
    ],
)
def test_which_lines_tell_of_an_error(line, counted):
    assert error_groups(lines((1, "api", line))).height == counted


def test_a_handled_exception_of_a_span_counts_and_says_so_by_its_status():
    rows = [
        {
            "is": "t1 a - api GET",
            "at": (0, 5),
            "kind": "server",
            "status": "ok",
            "exception": ("KeyError", "'x'"),
        }
    ]
    assert _rows(error_groups(None, spans(*rows)), "type", "message", "kind") == [
        ("KeyError", "<*>", "raised")
    ]


# Requests.


def test_a_request_that_tells_of_a_fault_often_counts_once():
    out = error_groups(lines(*((at, "api", _failed(trace_id="t1")) for at in range(5))))
    assert _rows(out, "count", "lines", "trace_ids") == [(1, 5, ["t1"])]


def test_without_any_id_every_line_is_a_request():
    assert error_groups(lines(*((at, "api", _failed()) for at in range(5))))["count"].to_list() == [5]


def test_a_correlation_id_finds_the_trace_of_another_line():
    both = {"level": "info", "message": "started", "trace_id": "t1", "correlation_id": "c-1"}
    out = error_groups(
        lines((0, "api", both), (1, "api", _failed(correlation_id="c-1")), (2, "api", _failed(trace_id="t1")))
    )
    assert _rows(out, "count", "lines") == [(1, 2)]


def test_a_correlation_id_finds_the_trace_of_a_span():
    row = {"is": "t1 a - api GET", "at": (0, 5), "kind": "server", "status": "error", "correlation_id": "c-1"}
    row["exception"] = (
        "OperationalError",
        "gone",
        python_stack("OperationalError", "gone", "app/orders.py:place"),
    )
    out = error_groups(lines((1, "api", _failed(correlation_id="c-1"))), spans(row))
    assert _rows(out, "count", "lines", "spans") == [(1, 1, 1)]


def test_windows_count_requests_by_when_each_first_met_it():
    frame = lines(
        *((at, "api", _failed(trace_id=f"t{at}")) for at in (1, 2, 5, 6, 7, 12)),
        (9, "api", _failed(trace_id="t2")),
    )
    windows = {"during": TimeRange(5 * S, 10 * S), "baseline": TimeRange(0, 5 * S)}
    assert _rows(error_groups(frame, **windows), "count", "before", "within", "is_new") == [(6, 2, 3, False)]
    assert _rows(error_groups(frame), "before", "within", "is_new") == [(None, None, None)]
    late = error_groups(frame.filter(pl.col("timestamp").to_physical() >= 5 * S), **windows)
    assert _rows(late, "before", "is_new") == [(0, True)]
    only = error_groups(frame, during=windows["during"])
    assert _rows(only, "before", "within", "is_new") == [(None, 3, None)]


def test_samples_are_of_the_incident_first():
    frame = lines(*((at, "api", _failed(trace_id=f"t{at}")) for at in range(12)))
    out = error_groups(frame, during=TimeRange(8 * S, 12 * S))
    assert out["trace_ids"][0].to_list() == ["t8", "t9", "t10", "t11", "t0"]
    assert out["evidence"][0].to_list() == ["log:row8", "log:row9", "log:row10"]
    assert out["first_seen"][0] < out["last_seen"][0]
    assert out["last_seen"][0] - out["first_seen"][0] == timedelta(seconds=11)


def test_tenants_users_routes_and_versions_come_from_lines_and_spans():
    row = {
        "is": "t1 a - api GET",
        "at": (0, 5),
        "kind": "server",
        "status": "error",
        "http.route": "/orders/{id}",
    }
    row |= {"service.version": "2.0", "tenant.id": "acme", "enduser.id": "u1"}
    row["exception"] = (
        "OperationalError",
        "gone",
        python_stack("OperationalError", "gone", "app/orders.py:place"),
    )
    line = _failed(trace_id="t2", tenant_id="globex", user_id="u2", path="/orders/17?x=1")
    out = error_groups(lines((1, "api", line)), spans(row))
    assert _rows(out, "tenants", "users", "routes", "versions") == [
        (["acme", "globex"], 2, ["/orders/<*>", "/orders/{id}"], ["2.0"])
    ]


# Where it was raised.


def _shop(*failed):
    """A trace of three services, of which some fail."""
    names = {"web": ("a", "-", "client", 0), "api": ("b", "a", "server", 1), "pay": ("d", "c", "server", 3)}
    rows = [{"is": "t1 c b api POST", "at": (2, 6), "kind": "client", "peer.service": "pay"}]
    for service, (own, parent, kind, start) in names.items():
        rows.append({"is": f"t1 {own} {parent} {service} POST", "at": (start, 10 - 2 * start), "kind": kind})
        if service in failed:
            rows[-1] |= {"status": "error", "http.response.status_code": "500"}
    return spans(*rows)


def test_statuses_above_an_exception_were_passed_on_by_it():
    frame = lines((0.005, "pay", _failed(trace_id="t1")))
    out = error_groups(frame, _shop("web", "api", "pay"))
    assert _rows(out, "service", "kind", "passed_on") == [
        ("pay", "raised", False),
        ("api", "status", True),
        ("web", "status", True),
    ]
    assert out["raised_by"].to_list() == [[], [out["group_id"][0]], [out["group_id"][0]]]
    assert out["services"][0].to_list() == ["pay", "api", "web"]
    assert out["spans"].to_list() == [1, 1, 1]


def test_an_exception_of_a_caller_was_passed_on_by_its_callees():
    frame = lines(
        (0.005, "pay", _failed(trace_id="t1")),
        (0.006, "api", _failed("500 from pay", kind="HttpError", place="app/client.py:post", trace_id="t1")),
    )
    out = error_groups(frame, _shop())
    assert _rows(out, "type", "passed_on") == [("OperationalError", False), ("HttpError", True)]


def test_an_exception_is_not_passed_on_by_a_mere_status_below_it():
    frame = lines((0.006, "api", _failed("pay is away", trace_id="t1")))
    out = error_groups(frame, _shop("pay", "web"))
    assert _rows(out, "service", "kind", "passed_on") == [
        ("api", "raised", False),
        ("pay", "status", False),
        ("web", "status", True),
    ]


def test_without_spans_what_shows_first_in_another_service_explains_what_shows_later():
    frame = lines(
        (1, "pay", _failed(correlation_id="c-1")),
        (2, "web", {"level": "error", "message": "Request failed with status 500", "correlation_id": "c-1"}),
    )
    assert _rows(error_groups(frame), "service", "passed_on") == [("pay", False), ("web", True)]


def test_the_words_beside_an_exception_were_told_because_of_it():
    frame = lines(
        (1, "api", _failed(trace_id="t1")),
        (2, "api", {"level": "error", "message": "rolled back", "trace_id": "t1"}),
    )
    assert _rows(error_groups(frame), "kind", "passed_on") == [("raised", False), ("said", True)]


def test_two_exceptions_of_one_service_explain_neither_the_other():
    frame = lines((1, "api", _failed(trace_id="t1")), (2, "api", _failed("other words", trace_id="t1")))
    assert error_groups(frame)["passed_on"].to_list() == [False, False]


def test_a_group_that_mostly_stands_alone_was_not_passed_on():
    said = {"level": "error", "message": "rolled back"}
    frame = lines(
        (1, "api", _failed(trace_id="t0")), *((at, "api", said | {"trace_id": f"t{at}"}) for at in range(3))
    )
    out = error_groups(frame)
    assert _rows(out, "kind", "count", "passed_on", "raised_by") == [
        ("said", 3, False, []),
        ("raised", 1, False, []),
    ]
    assert error_events(frame).filter(pl.col("type").is_null())["passed_on"].to_list() == [True, False, False]


# One fault on its way up.


def test_a_failed_call_is_the_exception_that_it_became():
    frame = spans(
        {"is": "t1 a - api POST", "at": (0, 10), "kind": "server", "status": "error",
         "exception": ("SourceError", "busy", python_stack("SourceError", "busy", "app/loki.py:ask"))},
        {"is": "t1 b a api GET", "at": (1, 8), "kind": "client", "status": "error",
         "error.type": "ReadTimeout", "peer.service": "loki"},
    )  # fmt: skip
    assert _rows(error_groups(None, frame), "type", "count", "spans") == [("SourceError", 1, 2)]


def test_a_failed_call_after_which_work_went_on_was_dealt_with_and_is_its_own():
    frame = spans(
        {"is": "t1 a - api POST", "at": (0, 10), "kind": "server", "status": "error",
         "exception": ("KeyError", "'x'", python_stack("KeyError", "'x'", "app/a.py:f"))},
        {"is": "t1 b a api GET", "at": (1, 2), "kind": "client", "status": "error",
         "error.type": "ReadTimeout", "peer.service": "cache"},
        {"is": "t1 c a api SELECT", "at": (4, 2), "kind": "client", "peer.service": "db"},
    )  # fmt: skip
    out = error_groups(None, frame)
    assert _rows(out, "type", "kind", "passed_on") == [
        ("KeyError", "raised", False),
        ("ReadTimeout", "status", False),
    ]


def test_an_exception_recorded_without_its_stack_joins_the_one_with_it():
    stack = python_stack("SourceError", "loki: too many requests", "app/loki.py:ask")
    frame = spans(
        {"is": "t1 a - api POST", "at": (0, 10), "kind": "server", "status": "error",
         "exception": ("SourceError", "loki: too many requests", stack)},
        {"is": "t1 b a api ask", "at": (1, 8), "kind": "internal", "status": "error",
         "exception": ("SourceError", "too many")},
    )  # fmt: skip
    line = {"level": "error", "message": "Exception occurred: SourceError: loki: too many requests"}
    out = error_groups(lines((1, "api", line)), frame)
    assert _rows(out, "message", "count", "lines", "spans") == [("loki: too many requests", 2, 1, 2)]


# Other stacks.


def test_gos_logfmt_and_an_nginx_in_front_of_it():
    said = 'level=error msg="not placed" err="dial tcp 10.0.0.{0}:5432: connect: refused" trace_id={0:032x}'
    access = '10.0.0.1 - - [x] "POST /orders HTTP/1.1" 502 1 trace_id={:032x}'
    frame = lines(
        *((at, "orders", said.format(at)) for at in range(1, 4)),
        *((at + 0.5, "edge", access.format(at)) for at in range(1, 4)),
    )
    out = error_groups(frame)
    assert _rows(out, "service", "kind", "message", "count", "passed_on") == [
        ("orders", "said", "not placed: dial tcp <*>: connect: refused", 3, False),
        ("edge", "status", "HTTP 502", 3, True),
    ]
    assert out["routes"][1].to_list() == ["/orders"]


def test_javas_lines_of_many_lines():
    said = (
        "2026-11-23 18:00:00.123 ERROR [exec-{0}] com.shop.Orders - order {0} failed\n"
        "java.lang.IllegalStateException: no stock for {0}\n"
        "\tat org.springframework.web.Foo.bar(Foo.java:12)\n\tat com.shop.Stock.take(Stock.java:44)\n"
        "Caused by: java.sql.SQLException: gone\n\tat com.zaxxer.hikari.pool.X.y(X.java:1)"
    )
    out = error_groups(lines(*((at, "shop", said.format(at)) for at in range(3))))
    assert _rows(out, "type", "message", "culprit", "count") == [
        ("java.lang.IllegalStateException", "no stock for <*>", "com.shop.Stock:take", 3)
    ]


# Frames.


def test_nothing_gives_empty_frames_with_every_column():
    full = error_groups(lines((1, "api", _failed())))
    for empty in (
        error_groups(),
        error_groups(lines()),
        error_groups(lines(), spans()),
        error_groups(None, spans()),
    ):
        assert empty.is_empty()
        assert empty.schema == full.schema
    quiet = lines((1, "api", {"level": "info", "message": "fine"}))
    assert error_groups(quiet, spans({"is": "t1 a - api GET", "at": (0, 5)})).is_empty()
    assert error_events().schema == error_events(lines((1, "api", _failed()))).schema


def test_only_the_needed_columns_are_needed():
    frame = lines((1, "api", _failed())).select("timestamp", "line")
    assert _rows(error_groups(frame), "service", "services", "evidence") == [(None, [], ["log:0"])]
    with pytest.raises(FrameError) as refused:
        error_groups(frame.drop("line"))
    assert str(refused.value).startswith("error_groups needs the column line of LOGS; ")
    bare = spans({"is": "t1 a - api GET", "at": (0, 5), "http.response.status_code": "503"})
    bare = bare.select(
        "trace_id", "span_id", "service", "name", "start", "duration", "http.response.status_code"
    )
    assert error_groups(None, bare)["message"].to_list() == ["HTTP 503"]


def test_null_everywhere_is_taken():
    frame = spans({"is": "t1 a - api GET", "at": (0, 5), "status": "error"})
    frame = frame.with_columns(
        pl.lit(None).cast(pl.String).alias(name) for name in ("trace_id", "span_id", "service")
    )
    assert error_groups(None, frame)["count"].to_list() == [1]


_KINDS = st.sampled_from(["KeyError", "TimeoutError", None])
_LINES = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["web", "api", "db"]),
        st.sampled_from(["error", "warn", "info", None]),
        st.sampled_from(["t1", "t2", None]),
        _KINDS,
    ),
    max_size=12,
)


@settings(max_examples=40)
@given(_LINES, st.randoms(use_true_random=False))
def test_every_error_line_is_in_one_group_whatever_the_order(told, shuffler):
    rows = []
    for at, service, level, trace, kind in told:
        fields = _failed(kind=kind) if kind else {"message": "it broke"}
        rows.append((at, service, fields | {"level": level, "trace_id": trace}))
    out = error_groups(lines(*rows))
    wrong = [
        row
        for row in rows
        if row[2]["level"] == "error" or ("exception" in row[2] and row[2]["level"] != "info")
    ]
    assert out["lines"].sum() == len(wrong)
    assert (out["count"] <= out["lines"]).all()
    assert set(out["raised_by"].explode().drop_nulls()) <= set(out["group_id"])
    mixed = random.Random(shuffler.random()).sample(rows, len(rows))
    again = error_groups(lines(*mixed))
    assert sorted(_rows(again, "group_id", "count", "passed_on")) == sorted(
        _rows(out, "group_id", "count", "passed_on")
    )
