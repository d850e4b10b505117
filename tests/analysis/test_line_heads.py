"""Heads, access lines and structured fields of widely used loggers, each in the form its documentation"
" gives."""

import json

import pytest

from obsnb.analysis.logs import parse_logs
from tests.analysis.lines import lines_of

_REQUEST = "7d1b9c52-0f4e-4a86-9d3b-6c1f2e8a7b90"
_TRACE = "5b8efff798038103d269b633813fc60c"


_HEADS = [
    # Java
    ("41 [main] WARN acme.Cart - low", "warn", "acme.Cart", "low"),
    ("[pool-1] ERROR acme.Cart - gone", "error", "acme.Cart", "gone"),
    ("26/01/02 03:04:05 WARN BlockManager: lost", "warn", "BlockManager", "lost"),
    (
        "2026-01-02 03:04:05,678 ERROR [acm.CartResource] (executor-1) gone",
        "error",
        "acm.CartResource",
        "gone",
    ),
    (
        "Jan 02, 2026 3:04:05 AM acme.Cart add\nSEVERE: gone",
        "error",
        "acme.Cart",
        "gone",
    ),
    (
        "02-Jan-2026 03:04:05.678 WARNING [main] org.acme.Web.start slow",
        "warn",
        "org.acme.Web.start",
        "slow",
    ),
    (
        "2026-01-02T03:04:05.678Z ERROR 7 --- [exec-1] o.a.c.C.[.[.[/].[web]  : gone",
        "error",
        "o.a.c.C.[.[.[/].[web]",
        "gone",
    ),
    ("[3.210s][warning][gc,heap] pages are short", "warn", "gc,heap", "pages are short"),
    (
        "[2026-01-02 03:04:05,678] WARN [Broker id=3] Lost a peer (kafka.server.Peers)",
        "warn",
        "kafka.server.Peers",
        "[Broker id=3] Lost a peer",
    ),
    (
        "2026-01-02 03:04:05,678 [myid:2] - WARN  [Peer[myid=2](secure=off):Voter@91] - no vote",
        "warn",
        "Voter",
        "no vote",
    ),
    ("ERROR [Stage-1] 2026-01-02 03:04:05,678 Proxy.java:9 - gone", "error", "Proxy.java:9", "gone"),
    ("[2026-01-02T03:04:05,678][WARN ][o.e.Gc] [n1] long pause", "warn", "o.e.Gc", "[n1] long pause"),
    # .NET
    ("[03:04:05 WRN] slow", "warn", None, "slow"),
    ("2026-01-02 03:04:05.6789|ERROR|Acme.Cart|gone", "error", "Acme.Cart", "gone"),
    ("2026-01-02 03:04:05,678 [4] ERROR Acme.Cart [(null)] - gone", "error", "Acme.Cart", "gone"),
    ("<4>Acme.Cart[0] slow", "warn", "Acme.Cart", "slow"),
    # Go
    ("2026/01/02 03:04:05 cart.go:7: gone", None, "cart.go:7", "gone"),
    ("ERRO[0007] gone", "error", None, "gone"),
    ("3:04AM WRN slow", "warn", None, "slow"),
    ("2026-01-02T03:04:05.678Z\twarn\tcart\tslow", "warn", "cart", "slow"),
    ("2026-01-02 03:04:05.678901 W | store: slow", "warn", "store", "slow"),
    ("[9] 2026/01/02 03:04:05.678901 [ERR] gone", "error", None, "gone"),
    ("2026-01-02T03:04:05Z E! [outputs.x] gone", "error", "outputs.x", "gone"),
    ("E20260102 03:04:05.678901 9 cart.cc:7] gone", "error", "cart.cc:7", "gone"),
    # Rust
    ("[2026-01-02T03:04:05Z WARN cart::stock] low", "warn", "cart::stock", "low"),
    ("2026-01-02T03:04:05.678Z  WARN req{id=4}:add: cart::stock: low", "warn", "cart::stock", "low"),
    # Python
    ("[2026-01-02 03:04:05,678: WARNING/MainProcess] slow", "warn", None, "slow"),
    ("[2026-01-02T03:04:05.678+0000] {run.py:7} ERROR - gone", "error", None, "gone"),
    ("2026-01-02 03:04:05 [acme.spider] ERROR: gone", "error", "acme.spider", "gone"),
    ("2026-01-02 03:04:05.678 | SUCCESS  | cart:add:7 - done", "info", "cart:add:7", "done"),
    ("[W 260102 03:04:05 web:7] slow", "warn", "web:7", "slow"),
    # Node, Ruby, PHP, the BEAM
    ("[03:04:05.678] WARN (cart/9 on host-1): slow", "warn", "cart", "slow"),
    ("2026-01-02T03:04:05.678Z [cart] error: gone", "error", "cart", "gone"),
    ("[Nest] 9  - 01/02/2026, 3:04:05 AM   ERROR [Cart] gone", "error", "Cart", "gone"),
    ("W, [2026-01-02T03:04:05.678901 #9]  WARN -- cart: slow", "warn", "cart", "slow"),
    ("2026-01-02T03:04:05.678Z pid=9 tid=a1 class=Add WARN: slow", "warn", None, "slow"),
    ("[02-Jan-2026 03:04:05] WARNING: slow", "warn", None, "slow"),
    (
        "PHP Warning:  Undefined $a in /x.php on line 3",
        "warn",
        None,
        "Undefined $a in /x.php on line 3",
    ),
    ("03:04:05.678 domain=cart [warning] slow", "warn", None, "slow"),
    ("2026-01-02 03:04:05.678901+00:00 [error] <0.7.0> gone", "error", None, "gone"),
    # Servers and databases
    ("[Fri Jan 02 03:04:05.6 2026] [core:warn] [pid 9:tid 1] slow", "warn", "core", "slow"),
    ("[2026-01-02 03:04:05.678][9][warning][config] [a/b.h:7] closed", "warn", "config", "closed"),
    ("2026-01-02T03:04:05.678901Z 0 [System] [MY-000001] [Server] ready", "info", "Server", "ready"),
    ("2026-01-02T03:04:05.678+0000 W STORAGE  [conn9] slow", "warn", "STORAGE", "slow"),
    ("2026.01.02 03:04:05.678901 [ 9 ] {} <Warning> Context: slow", "warn", "Context", "slow"),
    ("01-02 03:04:05.678  91  92 W Cart    : slow", "warn", "Cart", "slow"),
    ("[   12.345678] oom: killed", None, None, "oom: killed"),
    # a program's own head inside that of syslog
    (
        "Jan  2 03:04:05 h1 cart[9]: 2026-01-02 03:04:05,678 - cart.db - ERROR - gone",
        "error",
        "cart.db",
        "gone",
    ),
    ("2026-01-02T03:04:05.678901+00:00 h1 cart[9]: slow", None, "cart", "slow"),
    ("Jan  2 03:04:05 h1 su(pam_unix)[9]: opened", None, "su", "opened"),
    ("Jan  2 03:04:05 h1 launchd[1] (cart.agent): failed to start", None, "launchd", "failed to start"),
    ("2026-01-02 03:04:05, Warning               CBS    slow", "warn", "CBS", "slow"),
    (
        "2026-01-02 03:04:05,678 - WARN  [Peer[myid=2]/0:0:2181:Voter@91] - no vote",
        "warn",
        "Voter",
        "no vote",
    ),
]
_LOOK_ALIKES = [
    "CONFIG directory is /etc/cart",
    "SUCCESS rate was 99 percent",
    "Sent 500 mails in 12 seconds",
    "Completed 404 tasks",
    "opened /var/log/WARN/cart.log",
    "zoom level=5 of a map",
    "health check said 200 OK",
    "finished without error",
    "[12] apples and [5] pears",
    "14:02 ERR rate rising",
    "GET /orders 500 times a day",
    "queue:\n#0 first\n#1 second",
    "** (see below) ** total 17",
    "the crowd panicked at the sight",
    f"order {_REQUEST} placed",
    '{"type":"Warning","note":"hello"}',
    '{"s":"E","note":"hello"}',
    '{"target":"10.0.0.1","note":"probe"}',
]


def _read(line, *names):
    row = parse_logs(lines_of([line])).row(0, named=True)
    return tuple(row.get(f"parsed.{name}", row.get(name)) for name in names)


def _differing(lines, wanted, *names):
    """The lines that are read otherwise than wanted, each read as if it were alone, an hour after the"
    " last."""
    read = parse_logs(lines_of(lines, every_s=3600))
    columns = [f"parsed.{name}" if f"parsed.{name}" in read.columns else name for name in names]
    told = zip(lines, read.select(columns).rows(), wanted, strict=True)
    return {line: found for line, found, want in told if found != want}


def test_the_head_of_a_widely_used_logger_is_taken_away_and_read():
    lines = [line for line, *_ in _HEADS]
    assert _differing(lines, [tuple(told) for _, *told in _HEADS], "level", "logger", "message") == {}


def test_words_that_only_look_like_a_head_say_nothing():
    names = ("level", "logger", "http_status", "exception_type", "request_id")
    assert _differing(_LOOK_ALIKES, [(None,) * 5] * len(_LOOK_ALIKES), *names) == {}


@pytest.mark.parametrize(
    ("line", "route", "status", "seconds"),
    [
        (
            "haproxy[9]: 10.0.0.1:51 [02/Jan/2026:03:04:05.678] web cart/s1 0/0/1/20/21 503 9 - - SC--"
            ' 1/1/0/0/0 0/0 "GET /cart HTTP/1.1"',
            "/cart",
            503,
            0.021,
        ),
        (
            'h2 2026-01-02T03:04:05.6Z app/lb/1 10.0.0.1:51 10.0.0.2:80 0.5 1.0 0.25 504 - 9 9 "GET'
            ' https://a.test:443/cart?x=1 HTTP/2.0" "curl"',
            "/cart",
            504,
            1.75,
        ),
        (
            "2026-01-02 03:04:05 10.0.0.2 GET /cart - 443 - 10.0.0.1 curl - 500 0 0 21",
            "/cart",
            500,
            0.021,
        ),
        ('[GIN] 2026/01/02 - 03:04:05 | 500 |  1.5ms |  10.0.0.1 | POST  "/cart"', "/cart", 500, 0.0015),
        (
            "1767323045.678     21 10.0.0.1 TCP_MISS/502 9 GET http://a.test/cart - DIRECT/x -",
            "/cart",
            502,
            0.021,
        ),
        ("GET /cart 500 1.5 ms - 9", "/cart", 500, 0.0015),
        ("GET /cart 304 - - 1.5 ms", "/cart", 304, 0.0015),
        (
            '10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /cart HTTP/1.1" 503 9 "-" "curl" 99 0.021 '
            "[shop-cart-80] [] - - - - a1",
            "/cart",
            503,
            0.021,
        ),
    ],
    ids=["HAProxy", "load balancer", "IIS", "gin", "Squid", "morgan dev", "morgan tiny", "ingress-nginx"],
)
def test_access_lines_of_other_servers_give_route_status_and_time(line, route, status, seconds):
    assert _read(line, "format", "route", "http_status") == ("access", route, status)
    assert _read(line, "duration_s")[0] == pytest.approx(seconds)


def test_an_access_line_that_a_logger_wrote_has_the_level_and_the_logger_of_its_head():
    line = '2026-01-02 03:04:05,678 - web - INFO - 10.0.0.1 - - [x] "GET /cart HTTP/1.1" 500 -'
    assert _read(line, "format", "level", "logger", "http_status") == ("access", "info", "web", 500)


def test_the_request_ids_of_envoy_and_of_lambda_are_read():
    envoy = f'[2026-01-02T03:04:05.6Z] "GET /a HTTP/1.1" 503 UF 0 9 1 - "-" "curl" "{_REQUEST}" "a" "b"'
    node = f"2026-01-02T03:04:05.678Z\t{_REQUEST}\tERROR\tgone"
    python = f"[ERROR]\t2026-01-02T03:04:05.678Z\t{_REQUEST}\tgone"
    assert [_read(line, "request_id")[0] for line in (envoy, node, python)] == [_REQUEST] * 3
    assert [_read(line, "level", "message") for line in (node, python)] == [("error", "gone")] * 2


def test_a_trace_id_that_only_the_head_names_is_read():
    line = f"2026-01-02 03:04:05.678 [exec-1] [traceId={_TRACE}] ERROR acme.Cart - gone"
    assert _read(line, "trace_id", "message") == (_TRACE, "gone")


@pytest.mark.parametrize(
    "answer", ["Completed 500 Internal Server Error in 12ms (Views: 1ms)", "Sent 500 in 12ms"]
)
def test_the_last_words_on_a_request_tell_its_status_and_time(answer):
    assert _read(answer, "http_status", "duration_s") == (500, 0.012)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {
                "t": {"$date": "x"},
                "s": "W",
                "c": "REPL",
                "id": 1,
                "ctx": "c",
                "msg": "slow",
                "attr": {"durationMillis": 21},
            },
            ("warn", "REPL", "slow", 0.021, None),
        ),
        (
            {"version": "1.1", "host": "h", "short_message": "gone", "level": 3},
            ("error", None, "gone", None, None),
        ),
        ({"PRIORITY": "4", "MESSAGE": "slow"}, ("warn", None, "slow", None, None)),
        (
            {"severityNumber": 18, "body": {"stringValue": "gone"}, "traceId": _TRACE},
            ("error", None, "gone", None, _TRACE),
        ),
        (
            {"severityLevel": 2, "message": "slow", "operation_Id": _TRACE},
            ("warn", None, "slow", None, _TRACE),
        ),
        (
            {
                "severity": "ERROR",
                "message": "gone",
                "logging.googleapis.com/trace": f"projects/p/traces/{_TRACE}",
            },
            ("error", None, "gone", None, _TRACE),
        ),
        ({"jsonPayload": {"message": "gone"}, "severity": "ERROR"}, ("error", None, "gone", None, None)),
        (
            {"level": "WARN", "target": "cart::stock", "fields": {"message": "low"}},
            ("warn", "cart::stock", "low", None, None),
        ),
        (
            {"log": {"level": "warn", "logger": "cart"}, "message": "slow", "event": {"duration": 21000000}},
            ("warn", "cart", "slow", 0.021, None),
        ),
        (
            {
                "kind": "Event",
                "type": "Warning",
                "reason": "BackOff",
                "message": "back-off",
                "involvedObject": {},
            },
            ("warn", None, "back-off", None, None),
        ),
        (
            {"path": "/a", "response_code": 503, "response_flags": "UF", "duration": 21, "message": "x"},
            (None, None, "x", 0.021, None),
        ),
        ({"level": "ERROR+2", "msg": "gone"}, ("error", None, "gone", None, None)),
    ],
    ids=[
        "MongoDB",
        "GELF",
        "journald",
        "OTLP",
        "Azure",
        "Google",
        "Google's entry",
        "tracing",
        "ECS",
        "event",
        "Envoy",
        "slog",
    ],
)
def test_fields_that_mean_something_beside_others_of_their_logger_are_read(fields, told):
    assert _read(json.dumps(fields), "level", "logger", "message", "duration_s", "trace_id") == told


def test_a_request_time_of_lograge_is_in_milliseconds_and_any_other_in_seconds():
    line = "method=GET path=/a format=html controller=A action=b status=500 duration=21.5"
    assert _read(line, "http_status", "duration_s") == (500, pytest.approx(0.0215))
    assert _read("level=info msg=done duration=21.5", "duration_s") == (21.5,)


def test_how_much_an_audit_event_records_is_not_its_level():
    assert _read('{"auditID":"1","stage":"Panic","level":"Metadata"}', "level") == (None,)


def test_a_row_of_postgres_csvlog_gives_level_message_and_statement():
    line = (
        '2026-01-02 03:04:05.678 UTC,"app","shop",9,"10.0.0.1:51",69.9,3,"INSERT",2026-01-02 03:00:00'
        " UTC,4/1,0,"
        'ERROR,23505,"duplicate key ""cart_pkey""","Key (id)=(7) exists.",,,,,"INSERT INTO cart VALUES '
        '(7)",,,"a"'
    )
    told = _read(line, "level", "message", "statement")
    assert told == ("error", 'duplicate key "cart_pkey"', "INSERT INTO cart VALUES (7)")


def test_what_postgres_adds_to_a_message_keeps_its_label_and_loses_its_prefix():
    line = "2026-01-02 03:04:05.678 UTC [9]: [4-1] user=app,db=shop DETAIL:  Key (id)=(7) exists."
    assert _read(line, "level", "message") == (None, "DETAIL:  Key (id)=(7) exists.")


@pytest.mark.parametrize("time", ["02.01.2026 03:04:05", "01/02/2026 03:04:05", "02 Jan 2026 03:04:05,678"])
def test_a_level_is_found_behind_a_date_in_any_usual_notation(time):
    assert _read(f"{time} ERROR [main] acme.Cart - gone", "level", "logger", "message") == (
        "error",
        "acme.Cart",
        "gone",
    )


@pytest.mark.parametrize(
    ("line", "statement", "seconds"),
    [
        (
            '  Cart Load (1.5ms)  SELECT * FROM carts WHERE id = 7  [["id", 7]]',
            "SELECT * FROM carts WHERE id = 7",
            0.0015,
        ),
        ("Executed DbCommand (1,500ms) [Parameters=[]]\nSELECT a FROM carts", "SELECT a FROM carts", 1.5),
        ("(1.500) UPDATE carts SET a = 1; args=(1,); alias=default", "UPDATE carts SET a = 1", 1.5),
        ("SlowQuery: 1500 milliseconds. SQL: 'x wrapping select a from carts'", "select a from carts", 1.5),
        (
            "2026-01-02 03:04:05,678 INFO sqlalchemy.engine.Engine SELECT a FROM carts",
            "SELECT a FROM carts",
            None,
        ),
        (
            "duration: 1500.0 ms  plan:\nQuery Text: SELECT a FROM carts\nSeq Scan on carts",
            "SELECT a FROM carts",
            1.5,
        ),
        ("DELETE the file and INSERT another, 5ms)", None, None),
    ],
    ids=["ActiveRecord", "Entity Framework", "Django", "Hibernate", "SQLAlchemy", "auto_explain", "none"],
)
def test_a_statement_that_a_mapper_or_a_database_logs_is_read_with_its_time(line, statement, seconds):
    assert _read(line, "statement", "duration_s") == (statement, seconds and pytest.approx(seconds))


def test_the_ids_of_a_trace_context_are_read_from_a_field_and_from_words():
    parent = f"00-{_TRACE}-00f067aa0ba902b7-01"
    assert _read(json.dumps({"msg": "x", "traceparent": parent}), "trace_id") == (_TRACE,)
    assert _read(f"sent traceparent: {parent}", "trace_id", "span_id") == (_TRACE, "00f067aa0ba902b7")


def test_exceptions_that_structlog_writes_as_objects_are_read_with_their_cause():
    frames = [{"filename": "/app/cart.py", "lineno": 7, "name": "take"}]
    raised = {"exc_type": "Empty", "exc_value": "nothing left", "frames": frames}
    line = {
        "event": "gone",
        "exception": [raised, {"exc_type": "KeyError", "exc_value": "'a'", "frames": []}],
    }
    names = ("exception_type", "exception_message", "culprit", "cause")
    assert _read(json.dumps(line), *names) == ("Empty", "nothing left", "/app/cart.py:take", "KeyError: 'a'")
