"""Stack traces as the languages print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obsnb.analysis.stacks import Frame
from obsnb.analysis.tracebacks import read_stack
from obsnb.conventions import DEFAULT

PYTHON = """boom happened
Traceback (most recent call last):
  File "/app/orders.py", line 88, in place
    cur.execute(sql)
    ^^^^^^^^^^^^^^^^
psycopg.errors.UniqueViolation: duplicate key value
DETAIL:  Key (id)=(5) already exists.

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/api.py", line 12, in handler
    place()
  File "/venv/lib/python3.11/site-packages/tenacity/__init__.py", line 3, in call
    fn()
app.errors.OrderError"""

JAVA = """Failed to place order
java.lang.IllegalStateException: Failed to execute: x
\tat org.springframework.web.Foo.bar(Foo.java:12)
\tat com.shop.OrderService$Inner.place(OrderService.java:44)
\tat java.base/java.lang.Thread.run(Thread.java:833)
\tat com.shop.Lambda$$Lambda$12/0x000.get(Unknown Source)
Caused by: java.sql.SQLException: HikariPool-1 - Connection is not available
\tat com.zaxxer.hikari.pool.HikariPool.create(HikariPool.java:696)
\t... 12 more"""

NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at Object.getUser (/app/src/users.js:10:15)
    at async /app/src/index.js:5:3
    at process.tick (node:internal/process/task_queues:95:5)"""

GO = """panic: runtime error: invalid memory address or nil pointer dereference
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x49a]

goroutine 1 [running]:
runtime.gopanic(0x1)
\t/usr/local/go/src/runtime/panic.go:884 +0x1d
main.(*Server).handle(0xc000, {0x1, 0x2})
\t/app/main.go:12 +0x1d
main.main()
\t/app/main.go:5 +0x20
exit status 2"""

NET = """System.InvalidOperationException: Sequence contains no elements
   at System.Linq.ThrowHelper.ThrowNoElementsException()
   at Shop.Orders.OrderService.Place(Int32 id) in /src/Orders/OrderService.cs:line 42"""


def _facts(text):
    stack = read_stack(text)
    assert stack is not None
    return stack.type, stack.message, str(stack.culprit(DEFAULT.foreign_code))


@pytest.mark.parametrize(
    ("text", "kind", "message", "culprit"),
    [
        (PYTHON, "app.errors.OrderError", None, "/app/api.py:handler"),
        (
            JAVA,
            "java.lang.IllegalStateException",
            "Failed to execute: x",
            "com.shop.OrderService$Inner:place",
        ),
        (
            NODE,
            "TypeError",
            "Cannot read properties of undefined (reading 'id')",
            "/app/src/users.js:Object.getUser",
        ),
        (
            GO,
            "panic",
            "runtime error: invalid memory address or nil pointer dereference",
            "/app/main.go:main.(*Server).handle",
        ),
        (
            NET,
            "System.InvalidOperationException",
            "Sequence contains no elements",
            "Shop.Orders.OrderService:Place",
        ),
        (
            "HttpError\n    at api (https://app.example.com/assets/index-9f2c.js:1:220)",
            "HttpError",
            None,
            "assets/index-9f2c.js:api",
        ),
        (
            "getUser@https://x.example/static/main.abc123.js:1:220\n@https://x.example/static/main.js:2:1",
            None,
            None,
            "static/main.abc123.js:getUser",
        ),
        (
            "2026/11/23 18:00:00 http: panic serving 10.0.0.1:1234: oh no\ngoroutine 12 [running]:\n"
            "net/http.(*conn).serve.func1()\n\t/usr/local/go/src/net/http/server.go:1850 +0xbf\n"
            "shop/cart.Add(...)\n\t/src/cart/cart.go:44",
            "panic",
            "oh no",
            "/src/cart/cart.go:shop/cart.Add",
        ),
        (
            "could not open\nmain.open\n\t/app/io.go:3\nmain.main\n\t/app/main.go:9",
            None,
            "could not open",
            "/app/io.go:main.open",
        ),
        (
            "2026-11-23T18:00:00.1Z [error] cart: request failed TypeError: x is undefined\n"
            "    at add (/app/cart.js:7:19)",
            "TypeError",
            "x is undefined",
            "/app/cart.js:add",
        ),
        (
            'Exception in thread "main" java.lang.NullPointerException\n\tat com.foo.Main.main(Main.java:3)',
            "java.lang.NullPointerException",
            None,
            "com.foo.Main:main",
        ),
    ],
)  # fmt: skip
def test_type_message_and_culprit_of_each_language(text, kind, message, culprit):
    assert _facts(text) == (kind, message, culprit)


def test_a_chain_begins_with_its_cause_in_python_and_ends_with_it_in_java():
    python, java = read_stack(PYTHON), read_stack(JAVA)
    assert python is not None
    assert java is not None
    assert python.cause == (
        "psycopg.errors.UniqueViolation: duplicate key value\nDETAIL:  Key (id)=(5) already exists."
    )
    assert java.cause == "java.sql.SQLException: HikariPool-1 - Connection is not available"
    assert [str(frame) for frame in python.cause_frames] == ["/app/orders.py:place"]


def test_frames_come_innermost_first_with_their_lines():
    python, node = read_stack(PYTHON), read_stack(NODE)
    assert python is not None
    assert node is not None
    assert python.frames == (
        Frame("/venv/lib/python3.11/site-packages/tenacity/__init__.py", "call", 3),
        Frame("/app/api.py", "handler", 12),
    )
    assert node.frames[:2] == (
        Frame("/app/src/users.js", "Object.getUser", 10),
        Frame("/app/src/index.js", "<anonymous>", 5),
    )


def test_where_all_frames_are_a_librarys_the_innermost_is_the_culprit():
    text = (
        'Traceback (most recent call last):\n  File "sqlalchemy/a.py", line 1, in f\n    g()\n'
        '  File "sqlalchemy/b.py", line 2, in g\nE: x'
    )
    assert _facts(text)[2] == "sqlalchemy/b.py:g"


@pytest.mark.parametrize(
    "library",
    ["/opt/py/lib/python3.13/contextlib.py", "python3.11/contextlib.py", "/usr/lib/python3.11/ssl.py"],
)
def test_what_python_brings_with_it_is_no_culprit_wherever_it_lies(library):
    text = (
        f'Traceback (most recent call last):\n  File "/srv/app/ask.py", line 7, in ask\n    g()\n'
        f'  File "{library}", line 158, in __exit__\nE: x'
    )
    assert _facts(text)[2].endswith("app/ask.py:ask")


def test_a_mark_with_a_dot_begins_a_class_and_one_with_a_slash_a_path():
    marks = ("java.", "requests/", "site-packages", "net/http")
    foreign = [Frame("java.lang.Thread", "run"), Frame("requests/api.py", "get")]
    foreign += [Frame("/x/site-packages/y.py", "f"), Frame("/src/server.go", "net/http.(*conn).serve")]
    own = [Frame("com.shop.java.Tool", "run"), Frame("app/requests/api.py", "get"), Frame("app/y.py", "f")]
    assert all(frame.is_foreign(marks) for frame in foreign)
    assert not any(frame.is_foreign(marks) for frame in own)


@pytest.mark.parametrize(
    "text", ["", "look at this", "error\nat 10 o'clock", "meet me at 10:30", "a (b.c:1)"]
)
def test_prose_is_no_stack_trace(text):
    assert read_stack(text) is None


_PIECES = [*'aT "().:/@\n\t', " at ", "File ", ".go:1", "Traceback (most recent call last)", "Caused by: "]


@given(st.lists(st.sampled_from(_PIECES)).map("".join))
def test_no_text_is_too_strange(text):
    stack = read_stack(text)
    assert stack is None or all(isinstance(frame, Frame) for frame in stack.frames)
