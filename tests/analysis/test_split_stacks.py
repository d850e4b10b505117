"""Stack traces whose lines came as rows of their own."""

import polars as pl
import pytest

from obsnb.analysis.errors import error_groups
from obsnb.analysis.logs import parse_logs
from obsnb.analysis.split_stacks import put_together
from tests.analysis.incidents import incident
from tests.analysis.made_up import lines

PYTHON = """2026-11-23 18:00:00,1 - app - INFO - started
2026-11-23 18:00:00,1 - app - ERROR - it failed
Traceback (most recent call last):
  File "/app/a.py", line 7, in go
    x()
ValueError: bad 7
2026-11-23 18:00:00,1 - app - INFO - next
Traceback (most recent call last):
  File "/app/b.py", line 7, in go
    x()
KeyError: 'y'
2026-11-23 18:00:00,1 - app - INFO - next"""

JAVA = """2026-11-23 18:00:00.123 ERROR [main] com.foo.Bar - Order failed
java.lang.IllegalStateException: no stock
\tat org.springframework.web.Foo.bar(Foo.java:12)
\tat com.shop.OrderService.place(OrderService.java:44)
Caused by: java.sql.SQLException: gone
\tat com.zaxxer.hikari.X.y(X.java:1)
\t... 12 more
2026-11-23 18:00:00.123 INFO [main] com.foo.Bar - ok"""

GO = """panic: runtime error: nil

goroutine 1 [running]:
main.(*Server).handle(0xc000, {0x1, 0x2})
\t/app/main.go:12 +0x1d
main.main()
\t/app/main.go:5 +0x20
exit status 2"""


def _rows(*streams, apart=0.001):
    """The lines of some streams, by turns."""
    split = [(service, text.split("\n")) for service, text in streams]
    longest = max(len(texts) for _, texts in split)
    turns = [(s, texts[n]) for n in range(longest) for s, texts in split if n < len(texts)]
    return lines(*((at * apart, service, text) for at, (service, text) in enumerate(turns)))


def _told(frame):
    out = parse_logs(frame).drop_nulls("parsed.exception_type")
    return out.select("line", "parsed.exception_type", "parsed.culprit").rows()


def test_rows_of_three_streams_that_came_by_turns_are_three_streams_stack_traces():
    frame = _rows(("py", PYTHON), ("java", JAVA), ("go", GO))
    out = error_groups(frame).sort("service", "type")
    assert out.select("service", "type", "message", "culprit", "count", "lines").rows() == [
        ("go", "panic", "runtime error: nil", "/app/main.go:main.(*Server).handle", 1, 1),
        ("java", "java.lang.IllegalStateException", "no stock", "com.shop.OrderService:place", 1, 1),
        ("py", "KeyError", "<*>", "/app/b.py:go", 1, 1),
        ("py", "ValueError", "bad <*>", "/app/a.py:go", 1, 1),
    ]


def test_rows_of_a_stack_trace_of_ruby_php_and_elixir_are_put_together():
    told = {
        "ruby": "app/cart.rb:7:in 'take': nothing left (Shop::Empty)\n\tfrom app/web.rb:3:in 'post'",
        "php": "PHP Fatal error:  Uncaught Shop\\Empty: nothing left in /app/Cart.php:7\nStack trace:\n"
        "#0 /app/Web.php(9): Cart->take(3)\n#1 {main}\n  thrown in /app/Cart.php on line 7",
        "elixir": "18:00:00.123 [error] GenServer Cart terminating\n** (RuntimeError) nothing left\n"
        "    (shop 0.1.0) lib/cart.ex:7: Shop.Cart.take/1",
    }
    assert _told(_rows(*told.items())) == [
        (told["ruby"].split("\n")[0], "Shop::Empty", "app/cart.rb:take"),
        (told["php"].split("\n")[0], "Shop\\Empty", "/app/Cart.php:Cart->take"),
        (told["elixir"].split("\n")[0], "RuntimeError", "lib/cart.ex:Shop.Cart.take/1"),
    ]


def test_a_message_that_dotnets_console_writes_below_its_level_is_that_lines():
    text = (
        "info: Shop.Cart[0]\n      Added 7\nfail: Shop.Cart[3]\n      Could not add\n"
        "      Shop.Empty: nothing left\n         at Shop.Cart.Take(Int32 n) in /src/Cart.cs:line 7\n"
        "warn: Shop.Cart[0]\n      Slow"
    )
    out = parse_logs(_rows(("cart", text))).filter(pl.col("level").is_not_null())
    assert out.select("level", "parsed.logger", "parsed.message", "parsed.culprit").rows() == [
        ("info", "Shop.Cart", "Added 7", None),
        ("error", "Shop.Cart", "Could not add", "Shop.Cart:Take"),
        ("warn", "Shop.Cart", "Slow", None),
    ]
    apart = parse_logs(_rows(("cart", "info: Shop.Cart[0]\n      Added 7"), apart=2))
    assert apart["parsed.message"].to_list() == ["", "Added 7"]


def test_the_line_before_tells_the_exception_if_it_tells_of_an_error():
    assert _told(_rows(("py", PYTHON))) == [
        ("2026-11-23 18:00:00,1 - app - ERROR - it failed", "ValueError", "/app/a.py:go"),
        ("Traceback (most recent call last):", "KeyError", "/app/b.py:go"),
    ]


def test_every_row_stays_what_it_was():
    frame = _rows(("py", PYTHON), ("java", JAVA))
    out = parse_logs(frame)
    assert out["line"].to_list() == frame["line"].to_list()
    assert out["parsed.message"].null_count() == 0
    assert out["row_id"].to_list() == frame["row_id"].to_list()


def test_rows_out_of_order_are_put_in_the_order_of_time():
    frame = _rows(("java", JAVA))
    assert sorted(_told(frame.reverse())) == _told(frame)


@pytest.mark.parametrize("apart", [0.9, 1.1])
def test_rows_more_than_a_second_apart_are_not_one_stack_trace(apart):
    told = _told(_rows(("py", PYTHON), apart=apart))
    assert (told[0] == ("2026-11-23 18:00:00,1 - app - ERROR - it failed", "ValueError", "/app/a.py:go")) == (
        apart < 1
    )


def test_labels_tell_streams_apart():
    frame = _rows(("go", GO), ("go", GO)).with_columns(pl.Series("pod", ["p1", "p2"] * 8))
    texts = put_together(frame)["text"].to_list()
    assert [text.split("\n") for text in texts[:2]] == [GO.split("\n")] * 2


def test_indented_lines_without_frames_are_left_alone():
    frame = _rows(("a", "2026-11-23 18:00:00,1 - app - ERROR - table:\n  one\n  two"))
    assert put_together(frame)["text"].to_list() == frame["line"].to_list()


def test_an_incident_of_json_lines_is_left_as_it_is():
    logs = incident("slow-query").logs
    out = put_together(logs)
    assert not out["part"].any()
    assert out["text"].equals(logs["line"].alias("text"))


def test_the_input_is_not_changed():
    frame = _rows(("py", PYTHON))
    before = frame.clone()
    put_together(frame)
    assert frame.equals(before, null_equal=True)
