"""A deadline for every read and write, also where bytes keep coming."""

import threading
from collections.abc import Callable

import httpcore
import pytest

from obsnb.errors import UnreachableError
from obsnb.transport import punctual
from obsnb.transport.exchange import Request
from obsnb.transport.http import HttpTransport
from obsnb.transport.punctual import Deadline, OutOfTimeError
from tests.transport.conftest import Loopback, Talk, Time

Serve = Callable[..., Loopback]
Connect = Callable[..., HttpTransport]

ASK = Request("/loki/api/v1/labels")


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["a header", "interim answers", "a body"],
)
def test_a_server_that_drips_is_not_listened_to_beyond_the_deadline(
    serve: Serve, connect: Connect, time: Time, start: bytes, drop: bytes
) -> None:
    looks = threading.Semaphore(0)

    def drip(talk: Talk, _: int) -> None:
        talk.close_connection = True
        talk.wfile.write(start)
        while looks.acquire(timeout=10):  # a drop each time that the client looks at its clock
            talk.wfile.write(drop)

    def clock() -> float:
        time.now += 1.0
        looks.release()
        return time.now

    server = serve(drip)
    time.clock = clock  # type: ignore[method-assign]  # the client's, before it is made
    with pytest.raises(UnreachableError) as error:
        connect(server.url, total_timeout_s=20).send(ASK)
    assert error.value.what == f"loki at {server.url} did not finish its answer within 20 s."


def test_a_second_answer_is_not_taken_for_the_answer_to_the_next_question(
    serve: Serve, connect: Connect
) -> None:
    def twice(talk: Talk, _: int) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + talk.path[-1:].encode()
        talk.wfile.write(answer + answer)  # at once, so that they are read at once

    transport = connect(serve(twice).url)
    answers = [transport.send(Request("/", (("number", str(number)),))) for number in range(3)]
    assert [answer.body for answer in answers] == [b"0", b"1", b"2"]
    assert [answer.retries for answer in answers] == [0, 1, 1]  # asked again, on a new connection


def test_a_wait_is_never_longer_than_the_time_that_is_left() -> None:
    time = Time()
    deadline = Deadline(time.clock)
    assert deadline.left(5) == 5
    with deadline.at(time.now + 3):
        assert (deadline.left(5), deadline.left(2), deadline.left(None)) == (3, 2, 3)
        time.sleep(3)
        with pytest.raises(OutOfTimeError):
            deadline.left(5)
    assert deadline.left(5) == 5


def test_each_thread_has_a_deadline_of_its_own() -> None:
    deadline, seen = Deadline(Time().clock), []
    with deadline.at(0):
        other = threading.Thread(target=lambda: seen.append(deadline.left(5)))
        other.start()
        other.join()
    assert seen == [5]


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed meanwhile"])
def test_what_nobody_waits_for_any_more_is_not_listened_to_however_silent_the_server_is(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    monkeypatch.setattr(punctual, "_SLICE_S", 0.02)
    asked, going, spoke = threading.Event(), threading.Event(), []

    def silent(talk: Talk, _: int) -> None:
        if talk.path.endswith("?first=1"):
            talk.reply()
        else:
            asked.set()
            spoke.append(not going.wait(20))  # whether it was listened to until it spoke
            talk.reply()

    transport = connect(serve(silent).url)
    answers = transport.map([Request("/", (("first", "1"),)), ASK])
    assert next(answers).ok
    assert asked.wait(20)
    if closed:
        transport.close()
    answers.close()  # waits for what is under way
    going.set()
    assert [one for one in threading.enumerate() if one.name == "obsnb-loki"] == []
    assert spoke in ([], [False])


def test_an_interrupt_leaves_no_lock_of_the_http_library_locked(
    serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter = httpcore._synchronization.ThreadLock.__enter__

    def interrupted(lock: httpcore._synchronization.ThreadLock) -> object:
        entered = enter(lock)
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt  # it comes to the main thread alone
        return entered

    monkeypatch.setattr(httpcore._synchronization.ThreadLock, "__enter__", interrupted)
    transport = connect(serve(lambda talk, _: talk.reply()).url)
    assert [transport.send(ASK).status for _ in range(2)] == [200, 200]
    monkeypatch.undo()
