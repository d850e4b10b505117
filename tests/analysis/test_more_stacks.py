"""Stack traces of Rust, Ruby, PHP, Elixir, and chains of .NET, as their runtimes print them."""

import pytest

from obsnb.analysis.logs import parse_logs
from obsnb.analysis.tracebacks import read_stack
from obsnb.conventions import DEFAULT
from tests.analysis.lines import lines_of

RUST = """thread 'worker' panicked at src/cart.rs:7:5:
nothing left
stack backtrace:
   0: rust_begin_unwind
             at /rustc/90b35a6/library/std/src/panicking.rs:652:5
   1: cart::take
             at ./src/cart.rs:7:5
   2: cart::main
             at ./src/main.rs:3:5"""
RUBY = """app/cart.rb:7:in 'Cart#take': nothing left (Shop::Empty)
\tfrom /usr/lib/ruby/gems/3.4.0/gems/rack-3.0/lib/rack/lock.rb:9:in 'Rack::Lock#call'
\tfrom app/web.rb:3:in 'Web#post'"""
RAILS = """F, [2026-01-02T03:04:05.678901 #9] FATAL -- :
Shop::Empty (nothing left):

/usr/lib/ruby/gems/3.3.0/gems/activerecord-7.1/lib/record.rb:9:in `save'
app/models/cart.rb:7:in `take'"""
PHP = """PHP Fatal error:  Uncaught PDOException: gone in /app/Db.php:3
Stack trace:
#0 /app/Cart.php(6): Db->read('a')
#1 {main}

Next Shop\\Empty: nothing left in /app/Cart.php:7
Stack trace:
#0 /app/vendor/web/Kernel.php(9): Cart->take(3)
#1 {main}
  thrown in /app/Cart.php on line 7"""
LARAVEL = """[2026-01-02 03:04:05] web.ERROR: nothing left {"exception":"[object] (Shop\\\\Empty(code: 0): \
nothing left at /app/Cart.php:7)
[stacktrace]
#0 /app/Web.php(3): Cart->take(3)
#1 {main}
"}"""
ELIXIR = """03:04:05.678 [error] GenServer Cart terminating
** (RuntimeError) nothing left
    (shop 0.1.0) lib/cart.ex:7: Shop.Cart.take/1
    (stdlib 5.0) gen_server.erl:1123: :gen_server.try_handle_call/4"""
NET = """Unhandled exception. Shop.Empty: nothing left
 ---> System.TimeoutException: gone
   at Shop.Db.Read(Int32 id) in /src/Db.cs:line 3
   --- End of inner exception stack trace ---
   at Shop.Cart.Take(Int32 n) in /src/Cart.cs:line 7"""
PYTHON_GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/web.py", line 3, in post
  |     async with asyncio.TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/cart.py", line 7, in take
    |     raise Empty("nothing left")
    | shop.Empty: nothing left
    +------------------------------------"""
LAMBDA = """[ERROR] Empty: nothing left
Traceback (most recent call last):
  File "/var/task/cart.py", line 7, in take
    raise Empty("nothing left")"""
GO = "fatal error: all goroutines are asleep\n\ngoroutine 1 [select]:\nmain.take()\n\t/app/cart.go:7 +0x1d"


@pytest.mark.parametrize(
    ("text", "kind", "message", "culprit", "cause"),
    [
        (RUST, "panic", "nothing left", "./src/cart.rs:cart::take", None),
        (RUBY, "Shop::Empty", "nothing left", "app/cart.rb:Cart#take", None),
        (RAILS, "Shop::Empty", "nothing left", "app/models/cart.rb:take", None),
        (PHP, "Shop\\Empty", "nothing left", "/app/Cart.php:Cart->take", "PDOException: gone"),
        (LARAVEL, "Shop\\Empty", "nothing left", "/app/Cart.php:Cart->take", None),
        (ELIXIR, "RuntimeError", "nothing left", "lib/cart.ex:Shop.Cart.take/1", None),
        (NET, "Shop.Empty", "nothing left", "Shop.Cart:Take", "System.TimeoutException: gone"),
        (PYTHON_GROUP, "shop.Empty", "nothing left", "/app/cart.py:take", None),
        (LAMBDA, "Empty", "nothing left", "/var/task/cart.py:take", None),
        (GO, "panic", "all goroutines are asleep", "/app/cart.go:main.take", None),
    ],
    ids=["Rust", "Ruby", "Rails", "PHP", "Laravel", "Elixir", ".NET", "Python's group", "Lambda", "Go"],
)
def test_the_exception_that_was_raised_last_is_read_with_its_place_and_cause(
    text, kind, message, culprit, cause
):
    stack = read_stack(text)
    found = (stack.type, stack.message, str(stack.culprit(DEFAULT.foreign_code)), stack.cause)
    assert found == (kind, message, culprit, cause)


def test_a_panic_without_calls_has_the_place_that_it_names():
    for text in (
        "thread 'main' panicked at src/cart.rs:7:5:\nnothing left\nnote: run with `RUST_BACKTRACE=1`",
        "thread 'main' panicked at 'nothing left', src/cart.rs:7:5",
    ):
        read = parse_logs(lines_of([text])).row(0, named=True)
        found = [read[f"parsed.{name}"] for name in ("exception_type", "exception_message", "culprit")]
        assert found == ["panic", "nothing left", "src/cart.rs:<unknown>"]


def test_what_cpp_says_of_an_exception_that_nobody_caught_is_read_though_it_has_no_calls():
    text = "terminate called after throwing an instance of 'std::out_of_range'\n  what():  nothing left"
    read = parse_logs(lines_of([text])).row(0, named=True)
    told = [read[f"parsed.{name}"] for name in ("exception_type", "exception_message", "culprit")]
    assert told == ["std::out_of_range", "nothing left", None]


def test_an_uncaught_exception_that_php_or_symfony_writes_in_one_line_is_read():
    for text in (
        "PHP Fatal error:  Uncaught Shop\\Empty: nothing left in /app/Cart.php:7",
        'request.CRITICAL: Uncaught PHP Exception Shop\\Empty: "nothing left" at /app/Cart.php line 7 []',
    ):
        read = parse_logs(lines_of([text])).row(0, named=True)
        told = (read["parsed.exception_type"], read["parsed.exception_message"])
        assert told == ("Shop\\Empty", "nothing left")
