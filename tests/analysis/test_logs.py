"""Lines of every format into columns; a line that cannot be read stays, and spoils no other."""

import json
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obsnb.analysis.logs import PARSED, parse_logs
from obsnb.conventions import DEFAULT
from obsnb.errors import FrameError
from obsnb.schema import LOGS
from tests.analysis.incidents import incident, otlp_logs

_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_UUID = "d0eda82f-8f6d-4558-aef8-aa3892276658"


def _frame(*lines, **columns):
    data = {"timestamp": [datetime(2026, 11, 23, 18, tzinfo=UTC)] * len(lines), "line": list(lines)}
    return pl.DataFrame(data | columns, schema_overrides={"line": pl.String})


def _lines(*lines):
    return pl.DataFrame({"timestamp": [0] * len(lines), "line": lines}).with_columns(
        pl.col("timestamp").cast(pl.Datetime("ns", "UTC"))
    )


def _parsed(line, **columns):
    """What is known of one line, core columns and parsed ones, nulls left out."""
    row = parse_logs(_frame(line, **{name: [value] for name, value in columns.items()})).row(0, named=True)
    return {
        name.removeprefix("parsed."): value
        for name, value in row.items()
        if value is not None and name not in ("timestamp", "line")
    }


def _head(line):
    """Format, level, logger and message of one line."""
    found = _parsed(line)
    return tuple(found.get(name) for name in ("format", "level", "logger", "message"))


# On what real servers held.


def test_every_line_of_an_incident_is_read_and_stays_in_its_place():
    logs = incident("slow-query").logs
    out = parse_logs(logs)
    assert out["line"].equals(logs["line"])
    assert out["row_id"].equals(logs["row_id"])
    assert out["parsed.format"].value_counts().sort("parsed.format").rows() == [
        ("asctime", 242),
        ("json", 33114),
    ]
    assert out["parsed.message"].null_count() == 0
    assert out["parsed.level"].null_count() == 0


def test_a_backends_and_a_browsers_line_of_one_request_share_the_correlation_id():
    out = parse_logs(incident("slow-query").logs).filter(pl.col("trace_id").is_not_null())
    per_trace = out.group_by("trace_id").agg(
        pl.col("correlation_id").n_unique(), pl.col("service").n_unique()
    )
    assert per_trace["correlation_id"].max() == 1
    assert per_trace["service"].max() == 2


def test_the_exception_of_an_incident_is_read_with_the_frame_of_its_own_code():
    out = parse_logs(incident("slow-query").logs).filter(pl.col("parsed.exception_type") == "TimeoutError")
    assert out["parsed.culprit"].unique().to_list() == ["app/api/search.py:handler"]
    assert out["parsed.frames"][0].to_list() == [
        "sqlalchemy/pool/impl.py:168 in _do_get",
        "app/api/search.py:44 in handler",
        "app/main.py:57 in dispatch",
    ]


def test_statements_and_how_long_they_took_are_read():
    out = parse_logs(incident("slow-query").logs).drop_nulls("parsed.statement")
    assert out.height == 1026
    assert out["parsed.statement"].n_unique() == 1
    assert out["parsed.duration_s"].min() > 1


def test_what_came_in_by_otlp_is_read_from_its_metadata():
    out = parse_logs(otlp_logs()).filter(pl.col("line") == "order failed")
    row = out.row(0, named=True)
    assert row["level"] == "error"
    assert row["parsed.exception_type"] == "psycopg.OperationalError"
    assert row["parsed.culprit"] == "/app/orders.py:place"
    assert row["parsed.route"] == "/orders/{id}"
    assert row["parsed.version"] == "2.3.1"
    assert row["parsed.user"] == "u1"
    assert len(row["trace_id"]) == 32
    assert len(row["span_id"]) == 16


# Formats of other stacks.


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (
            "2026-11-23 18:13:19,153 - postgres - INFO - checkpoint complete: wrote 310 buffers",
            ("asctime", "info", "postgres", "checkpoint complete: wrote 310 buffers"),
        ),
        (
            "2026-11-23T18:00:00.123Z ERROR 1 --- [nio-8080-exec-1] c.e.OrderController  : It failed",
            ("asctime", "error", "c.e.OrderController", "It failed"),
        ),
        (
            "2026-11-23 18:00:00,123 ERROR [main] com.foo.Bar - it broke",
            ("asctime", "error", "com.foo.Bar", "it broke"),
        ),
        (
            "2026-11-23 18:00:00.123 [http-exec-3] WARN com.foo.Bar - it broke",
            ("asctime", "warn", "com.foo.Bar", "it broke"),
        ),
        (
            "2026-11-23 18:13:19.153 UTC [123] user@db ERROR:  deadlock detected",
            ("asctime", "error", None, "deadlock detected"),
        ),
        (
            "2026/11/23 18:00:00 [error] 31#31: *1 upstream timed out",
            ("asctime", "error", None, "31#31: *1 upstream timed out"),
        ),
        (
            "E1123 18:00:00.123456       1 controller.go:114] failed to sync",
            ("asctime", "error", "controller.go:114", "failed to sync"),
        ),
        (
            "<11>Nov 23 18:00:00 host1 app[12]: boom",
            ("asctime", "error", "app", "boom"),
        ),
        (
            '<34>1 2026-11-23T18:00:00.003Z host1 app 123 ID47 [a@1 b="\\]"] boom',
            ("asctime", "critical", "app", "boom"),
        ),
        ("<165>1 - host1 app - - - quiet", ("asctime", "notice", "app", "quiet")),
        (
            "2026-11-23T18:00:00.1Z ERROR my_crate::db: query failed",
            ("asctime", "error", "my_crate::db", "query failed"),
        ),
        ("[2026-11-23 18:00:00] production.ERROR: no route", ("text", "error", "production", "no route")),
        (
            '{"Level":"Error","MessageTemplate":"Order {Id}","RenderedMessage":"Order 7"}',
            ("json", "error", None, "Order 7"),
        ),
        ('{"severity":"WARNING","textPayload":"slow"}', ("json", "warn", None, "slow")),
        (
            "2026-11-23 18:00:00 | CRITICAL | app.worker:run:42 - Job failed",
            ("asctime", "critical", "app.worker:run:42", "Job failed"),
        ),
        (
            "[2026-11-23 18:00:00,123] ERROR in app: Exception on /api [GET]",
            ("asctime", "error", "app", "Exception on /api [GET]"),
        ),
        ("ERROR:app.db:lost connection", ("text", "error", "app.db", "lost connection")),
        ("[error] bad thing", ("text", "error", None, "bad thing")),
        ("INFO  [2026-11-23 18:00:00,123] org.foo.Bar: hi", ("text", "info", "org.foo.Bar", "hi")),
        ("fail: Shop.Orders[13]\n      It failed", ("text", "error", "Shop.Orders", "It failed")),
        (
            "\x1b[31m2026-11-23 18:00:00,123 - app - ERROR - red\x1b[0m",
            ("asctime", "error", "app", "red"),
        ),
        (
            '2026-11-23T18:00:00.123456789Z stderr F {"level":"error","msg":"of a pod"}',
            ("json", "error", None, "of a pod"),
        ),
        (
            '{"log":"2026-11-23 18:00:00,1 - app - ERROR - in a box\\n","stream":"stderr","time":"x"}',
            ("asctime", "error", "app", "in a box"),
        ),
        (
            'level=warning ts=2026-11-23T18:00:00Z caller=main.go:12 msg="a \\"slow\\" one"',
            ("logfmt", "warn", "main.go:12", 'a "slow" one'),
        ),
        (
            "[2026-11-23 18:00:00,123: ERROR/ForkPoolWorker-4] Task mail.send[7f] raised",
            ("asctime", "error", None, "Task mail.send[7f] raised"),
        ),
        ("[18:00:00 WRN] slow consumer", ("asctime", "warn", None, "slow consumer")),
        ("2026-11-23 18:00:00.123 +00:00 [FTL] out of disk", ("asctime", "fatal", None, "out of disk")),
        ("2026-11-23T18:00:00Z hello there", ("text", None, None, "hello there")),
        ("hello without any error", ("text", None, None, "hello without any error")),
    ],
)
def test_head_and_message_of_a_line_are_told_apart(line, head):
    assert _head(line) == head


@pytest.mark.parametrize(
    ("line", "route", "status", "seconds"),
    [
        (
            '10.0.0.1 - - [23/Nov/2026:18:00:00] "GET /api/orders/17?x=1 HTTP/1.1" 502 157 rt=0.123',
            "/api/orders/17",
            502,
            0.123,
        ),
        (
            '[2026-11-23T18:00:00.123Z] "GET /path HTTP/1.1" 503 UF 0 91 12 - "-" "curl" "id" "svc"',
            "/path",
            503,
            0.012,
        ),
        ('INFO:     10.0.0.1:1234 - "POST /x HTTP/1.1" 500 Internal Server Error', "/x", 500, None),
        ('::1 - bob [x] "HEAD https://shop.example/y HTTP/2" 204 - "-" "-"', "/y", 204, None),
    ],
)
def test_access_lines_give_route_status_and_time(line, route, status, seconds):
    found = _parsed(line)
    assert found["format"] == "access"
    assert (found["route"], found["http_status"], found.get("duration_s")) == (route, status, seconds)


def test_an_access_line_of_istio_has_its_milliseconds_behind_the_bytes():
    found = _parsed(
        '[2026-11-23T18:00:00.123Z] "GET /x HTTP/2" 503 UC upstream_reset - "-" 0 95 17 16 "-" "curl" "id"'
        ' "cart:8080" "10.0.0.7:8080" outbound|8080||cart.prod.svc.cluster.local 10.0.0.3:4 - default'
    )
    assert (found["http_status"], found["duration_s"]) == (503, 0.017)


@pytest.mark.parametrize(
    "head",
    [
        "2026-11-23 18:00:00.123 ERROR [cart,{trace},{span}] 1 --- [nio-8080-exec-1] c.acme.Cart : it broke",
        "2026-11-23T18:00:00.123Z ERROR 1 --- [cart] [exec-1] [{trace}-{span}] c.acme.Cart : it broke",
        "2026-11-23 18:00:00,123 ERROR [main] [app.py:7] [trace_id={trace} span_id={span}"
        " resource.service.name=cart trace_sampled=True] - it broke",
    ],
    ids=["Spring, by commas", "Spring, by a dash", "OpenTelemetry for Python"],
)
def test_ids_in_a_lines_head_are_read_and_stand_in_no_message(head):
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    found = parse_logs(_lines(head.format(trace=trace, span=span))).row(0, named=True)
    assert (found["trace_id"], found["span_id"]) == (trace, span)
    assert (found["level"], found["parsed.message"]) == ("error", "it broke")


@pytest.mark.parametrize(("sign", "level"), [(".", "debug"), ("*", "notice"), ("#", "warn")])
def test_the_sign_of_a_line_of_redis_is_its_level(sign, level):
    found = parse_logs(_lines(f"1:M 23 Nov 2026 18:00:00.123 {sign} DB saved on disk")).row(0, named=True)
    assert (found["level"], found["parsed.message"]) == (level, "DB saved on disk")


def test_the_compact_names_of_serilog_are_read_and_letters_alone_are_not():
    line = {"@t": "2026-11-23T18:00:00Z", "@mt": "It broke {Id}", "@l": "Error", "@x": "System.Exception: no"}
    found = parse_logs(_lines(json.dumps(line))).row(0, named=True)
    assert (found["level"], found["parsed.message"]) == ("error", "It broke {Id}")
    assert found["parsed.exception_type"] == "System.Exception"
    other = parse_logs(_lines('{"l": "Error", "m": 3, "msg": "fine"}')).row(0, named=True)
    assert (other["level"], other["parsed.message"]) == (None, "fine")


def test_dotnets_console_line_keeps_its_level_above_a_stack():
    told = (
        "fail: Shop.Cart[0]\n      System.Exception: no\n         at Shop.Cart.Get() in /src/Cart.cs:line 3"
    )
    found = parse_logs(_lines(told)).row(0, named=True)
    assert (found["level"], found["parsed.logger"]) == ("error", "Shop.Cart")
    assert found["parsed.exception_type"] == "System.Exception"


def test_a_whole_number_without_a_unit_that_would_be_many_days_is_in_nanoseconds():
    lines = ['{"msg": "done", "duration": 12500000}', '{"msg": "done", "duration": 12.5}']
    assert parse_logs(_lines(*lines))["parsed.duration_s"].to_list() == [0.0125, 12.5]


def test_a_browsers_nested_objects_are_read():
    line = {
        "level": "error",
        "message": "Request failed with status 500",
        "context": {
            "url": "/dash/7",
            "tenantId": "acme",
            "userId": "u5",
            "release": "3.1.9",
            "correlationId": _UUID,
        },
        "error": {
            "name": "HttpError",
            "message": "500 /api/v1/search",
            "stack": "HttpError\n    at api (https://app.example.com/assets/index-9f2c.js:1:220)",
        },
    }
    found = _parsed(json.dumps(line))
    assert found == {
        "level": "error",
        "correlation_id": _UUID,
        "format": "json",
        "message": "Request failed with status 500",
        "exception_type": "HttpError",
        "exception_message": "500 /api/v1/search",
        "culprit": "assets/index-9f2c.js:api",
        "frames": ["assets/index-9f2c.js:1 in api"],
        "route": "/dash/7",
        "http_status": 500,
        "tenant": "acme",
        "user": "u5",
        "version": "3.1.9",
    }


def test_a_nodes_line_with_numbers_for_levels_is_read():
    line = {
        "level": 50,
        "msg": "it broke",
        "err": {
            "type": "TypeError",
            "message": "x is undefined",
            "stack": "TypeError: x\n    at f (/app/a.js:1:2)",
        },
        "req": {"method": "GET", "url": "/a/b?c=1"},
        "res": {"statusCode": 500},
        "elapsedMs": 12,
    }
    found = _parsed(json.dumps(line))
    assert found["level"] == "error"
    assert (found["exception_type"], found["exception_message"]) == ("TypeError", "x is undefined")
    assert (found["route"], found["http_status"], found["duration_s"]) == ("/a/b", 500, 0.012)
    assert found["culprit"] == "/app/a.js:f"


def test_an_ids_name_may_be_written_in_any_way():
    for name in ("trace_id", "traceId", "TraceID", "trace.id", "dd.trace_id"):
        assert _parsed(json.dumps({"msg": "x", name: _TRACE}))["trace_id"] == _TRACE
    assert _parsed(json.dumps({"msg": "x", "http": {"headers": {"trace_id": _TRACE}}}))["trace_id"] == _TRACE


def test_what_an_object_says_of_itself_is_not_the_lines_message_or_duration():
    found = _parsed('{"message":"outer","context":{"message":"inner","duration":1753,"level":"debug"}}')
    assert found == {"format": "json", "message": "outer"}


def test_json_in_a_message_is_read_too():
    inner = json.dumps({"msg": "deep", "traceId": _TRACE})
    found = _parsed(json.dumps({"level": "error", "message": inner}))
    assert (found["message"], found["trace_id"], found["level"]) == ("deep", _TRACE, "error")
    found = _parsed('2026-11-23 18:00:00,1 - app - ERROR - {"event":"deep","http":{"status_code":503}}')
    assert (found["message"], found["http_status"], found["format"]) == ("deep", 503, "asctime")
    found = _parsed('Request failed {"request_id":"abc-12345678","error":"ValueError: bad value"}')
    assert (found["message"], found["exception_type"], found["exception_message"]) == (
        "Request failed",
        "ValueError",
        "bad value",
    )


def test_a_leading_id_is_the_correlation_id_and_leaves_the_message():
    found = _parsed(json.dumps({"message": f"[{_UUID}] request started", "request_id": "r-1"}))
    assert (found["correlation_id"], found["message"]) == (_UUID, "request started")
    assert _parsed("[main] request started")["message"] == "[main] request started"


@pytest.mark.parametrize(
    "line",
    [
        "[{}] it failed",
        "2026-11-23 18:00:00 ERROR [{}] it failed",
        "2026-11-23 18:00:00 [{}] ERROR it failed",
        "2026-11-23 18:00:00,123 - app.db - ERROR - [{}] it failed",
        "2026-11-23 18:00:00 ERROR [http-nio-8080-exec-1] [{}] it failed",
        "ERROR 2026-11-23 18:00:00 [{}] it failed",
        '{{"level":"ERROR","message":"[{}] it failed"}}',
    ],
)
def test_an_id_in_brackets_is_found_wherever_the_head_of_a_line_has_it(line):
    number = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"
    read = parse_logs(_frame(line.format(number)))
    assert read["correlation_id"].to_list() == [number]
    assert read["parsed.message"].to_list() == ["it failed"]


def test_a_line_with_only_a_request_id_gets_the_correlation_id_of_the_lines_that_have_both():
    lines = [
        json.dumps({"message": f"[{_UUID}] request started", "request_id": "r-1"}),
        json.dumps({"message": "Slow query detected", "request_id": "r-1"}),
        json.dumps({"message": "alone", "request_id": "r-2"}),
    ]
    assert parse_logs(_frame(*lines))["correlation_id"].to_list() == [_UUID, _UUID, "r-2"]


def test_words_of_a_message_tell_status_duration_route_and_ids():
    found = _parsed(
        f"request finished POST /api/v1/search?q=1 status=502 duration_ms=476.8 trace_id={_TRACE}"
    )
    assert found["route"] == "/api/v1/search"
    assert found["http_status"] == 502
    assert found["duration_s"] == pytest.approx(0.4768)
    assert found["trace_id"] == _TRACE


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ('{"msg":"x","duration":1.5}', 1.5),
        ('{"msg":"x","duration_ms":1500}', 1.5),
        ('{"msg":"x","duration_s":1.5}', 1.5),
        ('{"msg":"x","duration_ns":1500000000}', 1.5),
        ('{"msg":"x","duration":"1m2.5s"}', 62.5),
        ('{"msg":"x","latency":"250µs"}', 0.00025),
        ("level=info msg=x elapsed=12ms", 0.012),
        ("the query took 3.5 s", 3.5),
        ('{"msg":"x","duration":"a while"}', None),
    ],
)
def test_durations_are_seconds_whatever_their_unit(line, seconds):
    found = _parsed(line).get("duration_s")
    assert found == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        ('{"msg":"slow","sql":"SELECT 1"}', "SELECT 1"),
        ('{"msg":"search","query":"level=error"}', None),
        ('{"msg":"search","query":"update failed"}', None),
        ('{"msg":"x","query":"/* app */ update a set b = 1"}', "/* app */ update a set b = 1"),
        ("2026-11-23 18:00:00 UTC [1] LOG:  duration: 1.5 ms  statement: SELECT a FROM b", "SELECT a FROM b"),
        ("OperationalError: gone [SQL: SELECT a FROM b] [parameters: {}]", "SELECT a FROM b"),
        ("# Query_time: 2.5  Lock_time: 0.0\nSET timestamp=1;\nSELECT a FROM b;", "SELECT a FROM b"),
        ("the statement was made by the minister", None),
    ],
)
def test_statements_are_found_in_fields_and_words(line, statement):
    assert _parsed(line).get("statement") == statement


def test_a_traceback_of_several_lines_leaves_its_first_line_as_the_message():
    found = _parsed(
        "2026-11-23 18:00:00,123 - app - ERROR - it failed\nTraceback (most recent call last):\n"
        '  File "/app/a.py", line 7, in go\n    x()\nValueError: bad'
    )
    assert found["message"] == "it failed"
    assert (found["exception_type"], found["exception_message"], found["culprit"]) == (
        "ValueError",
        "bad",
        "/app/a.py:go",
    )
    bare = _parsed(
        'Traceback (most recent call last):\n  File "/app/a.py", line 7, in go\n    x()\nValueError: bad'
    )
    assert bare["message"] == "ValueError: bad"


def test_a_gos_error_without_a_type_is_its_message():
    found = _parsed('level=error msg="failed to place order" err="dial tcp: connection refused"')
    assert found["exception_message"] == "dial tcp: connection refused"
    assert "exception_type" not in found
    assert "exception_message" not in _parsed("level=info msg=done err=<nil>")


# Where things are known from.


def test_core_columns_that_are_there_are_kept():
    line = json.dumps({"level": "error", "trace_id": _TRACE})
    out = parse_logs(_frame(line, level=["warn"], trace_id=["f" * 32])).row(0, named=True)
    assert (out["trace_id"], out["level"], out["parsed.level"]) == ("f" * 32, "warn", "error")


def test_a_lines_own_field_comes_before_metadata_and_that_before_labels():
    line = json.dumps({"tenant_id": "own", "msg": "x"})
    columns = {"metadata.tenant_id": "meta", "tenant_id": "label", "metadata.user_id": "u1", "version": "2.0"}
    found = _parsed(line, **columns)
    assert (found["tenant"], found["user"]) == ("own", "u1")
    found = _parsed("x", **columns)
    assert found["tenant"] == "meta"


def test_what_the_server_says_of_its_parser_is_not_the_lines_error():
    found = _parsed("plain words", **{"parsed.__error__": "JSONParserErr", "parsed.tenant": "acme"})
    assert "exception_message" not in found
    assert found["tenant"] == "acme"


def test_a_route_is_a_path():
    assert _parsed('{"msg":"x","url":"https://shop.example/cart?a=1#top"}')["route"] == "/cart"
    assert "route" not in _parsed('{"msg":"x","url":"https://shop.example"}')


def test_names_are_those_of_the_conventions():
    names = DEFAULT.override({"tenant_fields": ["customer"]})
    out = parse_logs(_frame('{"customer":"acme","tenant_id":"other"}'), conventions=names)
    assert out["parsed.tenant"].to_list() == ["acme"]


# Frames.


def test_lines_that_are_nothing_stay_lines():
    deep = '{"a":' * 5_000 + "1" + "}" * 5_000
    lines = [deep, "", "{", "{}", "[1,2]", '{"a": ', "null", "\x00", "  ", '{"a": NaN, "message": "nan"}']
    out = parse_logs(_frame(*lines, None))
    assert out["line"].to_list() == [*lines, None]
    assert out["parsed.message"][9] == "nan"
    assert out["parsed.format"].to_list() == [*["text"] * 3, "json", *["text"] * 5, "json", "text"]


def test_half_a_character_at_the_end_of_a_cut_message_spoils_no_line():
    cut = {
        "message": "all is well \ud83d",
        "context": {"userId": "\ude00"},
        "stack": ["a\ud83d", "\U0001f600"],
    }
    out = parse_logs(_frame(json.dumps(cut), "plain"))
    assert out["parsed.message"].to_list() == ["all is well \ufffd", "plain"]
    assert out["parsed.user"].to_list() == ["\ufffd", None]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["message", "level", "error", "exception", "duration", "status", "trace_id", "context", "tenantId", "sql"]
)
_LINES = st.one_of(
    st.text(max_size=60),
    st.dictionaries(_FIELDS | st.text(max_size=6), _JSON, max_size=6).map(json.dumps),
    st.sampled_from(
        [
            '{"message": "broken',
            "2026-11-23 18:00:00,1 - a - ERROR - b",
            "level=error msg=x",
            "E: a\n\tat b.c(D.java:1)",
            "GET /x status=500",
        ]
    ),
)


@settings(max_examples=60)
@given(st.lists(_LINES, min_size=1, max_size=8), st.data())
def test_any_lines_come_back_as_they_were_each_read_as_if_alone(lines, data):
    out = parse_logs(_frame(*lines))
    assert out["line"].to_list() == lines
    at = data.draw(st.integers(0, len(lines) - 1))
    assert out.select(*PARSED).row(at) == parse_logs(_frame(lines[at])).select(*PARSED).row(0)


@settings(max_examples=50)
@given(st.lists(_LINES, max_size=6))
def test_reading_twice_changes_nothing(lines):
    once = parse_logs(_frame(*lines))
    assert parse_logs(once).equals(once, null_equal=True)


def test_an_empty_frame_has_every_column():
    out = parse_logs(_frame())
    assert out.height == 0
    assert out.columns == [*LOGS.names, *PARSED]
    assert {name: out.schema[name] for name in PARSED} == PARSED


def test_the_core_columns_have_the_types_of_logs_and_labels_stay_categories():
    frame = _frame("x", service=["a"], pod=["p-1"]).with_columns(
        pl.col("service", "pod").cast(pl.Categorical)
    )
    out = parse_logs(frame)
    assert {name: out.schema[name] for name in LOGS.names} == LOGS.dtypes()
    assert out.schema["pod"] == pl.Categorical


def test_the_input_is_not_changed():
    frame = _frame(f"[{_UUID}] a status=500", '{"log":"x","stream":"stderr"}', "\x1b[1mred", level=[None] * 3)
    before = frame.clone()
    parse_logs(frame)
    assert frame.equals(before, null_equal=True)


def test_pandas_and_pyarrow_in_give_the_same_out():
    logs = incident("datasource").logs.sample(300, seed=1)
    polars = parse_logs(logs)
    pandas = parse_logs(logs.to_pandas(use_pyarrow_extension_array=True))
    arrow = parse_logs(logs.to_arrow())
    assert type(pandas).__module__.startswith("pandas")
    assert isinstance(arrow, pa.Table)
    plain = polars.with_columns(pl.col(pl.Categorical).cast(pl.String))
    for other in (pl.from_pandas(pandas), pl.from_arrow(arrow)):
        again = other.with_columns(pl.col(pl.Categorical).cast(pl.String)).select(plain.columns)
        assert again.rows() == plain.rows()


def test_lines_read_side_by_side_are_read_as_in_one_go(monkeypatch):
    logs = incident("datasource").logs.gather_every(10)
    alone = parse_logs(logs)
    monkeypatch.setattr("obsnb.analysis.logs._WORTH_A_THREAD", 100)
    monkeypatch.setattr("polars.thread_pool_size", lambda: 4)
    assert parse_logs(logs).equals(alone, null_equal=True)


def test_a_lazy_frame_is_taken():
    assert parse_logs(_frame('{"msg":"a"}').lazy())["parsed.message"].to_list() == ["a"]


def test_a_frame_without_lines_is_refused():
    with pytest.raises(FrameError) as refused:
        parse_logs(pl.DataFrame({"timestamp": [1]}))
    assert str(refused.value) == (
        "parse_logs needs the column line of LOGS; the frame has timestamp.\n"
        "Hint: obsnb.schema.LOGS lists what each column means; rename yours to match."
    )
