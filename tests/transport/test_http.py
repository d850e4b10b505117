"""What goes over the wire, and what comes of what comes back."""

import contextlib
import gzip
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from obsnb.errors import AnswerError, UnreachableError
from obsnb.settings import Bearer, Secret
from obsnb.sources.refusals import refusal, unreadable
from obsnb.transport.exchange import Request, Response
from obsnb.transport.http import HttpTransport
from tests.coroutines import finish
from tests.transport.conftest import Loopback, Talk, Time

Serve = Callable[..., Loopback]
Connect = Callable[..., HttpTransport]

ASK = Request("/loki/api/v1/labels")


def test_a_request_carries_its_parameters_the_prefix_of_the_url_and_the_tenant(
    serve: Serve, connect: Connect
) -> None:
    server = serve(lambda talk, _: talk.reply(200, b'{"ok":1}', content_type="application/json"))
    transport = connect(f"{server.url}/prometheus/", tenant="a|b", headers={"X-Team": Secret("sre")})
    query = '{a="ü & \\"b\\""} |= `+%`\n'
    params = (("query", query), ("match[]", "one"), ("match[]", "two"))
    answer = transport.send(Request("/api/v1/query", params, {"Accept": "application/json"}))
    assert (answer.status, answer.body, answer.retries) == (200, b'{"ok":1}', 0)
    assert answer.headers["content-type"] == "application/json"
    (asked,) = server.asked
    parts = urlsplit(asked.path)
    assert (asked.method, parts.path) == ("GET", "/prometheus/api/v1/query")
    assert tuple(parse_qsl(parts.query)) == params
    assert {
        name: asked.headers[name] for name in ("x-scope-orgid", "x-team", "accept", "accept-encoding")
    } == {
        "x-scope-orgid": "a|b",
        "x-team": "sre",
        "accept": "application/json",
        "accept-encoding": "gzip",
    }
    assert "authorization" not in asked.headers


def test_a_post_carries_its_parameters_as_a_form(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reply())
    params = (("query", "up & down"), ("match[]", "one"), ("match[]", "two"))
    connect(server.url).send(Request("/api/v1/query", params, method="POST"))
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/query")
    assert tuple(parse_qsl(asked.body.decode())) == params
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


def test_gzip_is_inflated_of_one_member_or_several(serve: Serve, connect: Connect) -> None:
    bodies = [gzip.compress(b"one"), gzip.compress(b"one") + gzip.compress(b"two"), gzip.compress(b""), b""]
    server = serve(lambda talk, number: talk.reply(200, bodies[number], content_encoding="gzip"))
    transport = connect(server.url)
    assert [transport.send(ASK).body for _ in bodies] == [b"one", b"onetwo", b"", b""]


def test_a_refusal_comes_back_as_it_is(serve: Serve, connect: Connect, time: Time) -> None:
    for status in (400, 404, 413, 422, 500, 504):
        server = serve(lambda talk, _, status=status: talk.reply(status, b"no"))
        answer = connect(server.url).send(ASK)
        assert (answer.status, answer.body, answer.ok, len(server.asked)) == (status, b"no", False, 1)
    assert time.slept == []


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_server_is_asked_again_after_a_wait(
    serve: Serve, connect: Connect, time: Time, status: int
) -> None:
    server = serve(lambda talk, number: talk.reply(status if number < 2 else 200))
    answer = connect(server.url).send(ASK)
    assert (answer.status, answer.retries, len(server.asked)) == (200, 2, 3)
    assert sum(time.slept) == 0.5 + 1.0


def test_a_server_that_stays_busy_has_the_last_word(serve: Serve, connect: Connect, time: Time) -> None:
    server = serve(lambda talk, _: talk.reply(503, b"starting"))
    answer = connect(server.url).send(ASK)
    assert (answer.status, answer.body, answer.retries, len(server.asked)) == (503, b"starting", 4, 5)
    assert sum(time.slept) == 0.5 + 1 + 2 + 4


def test_retry_after_is_honoured_and_one_that_is_too_long_ends_it(
    serve: Serve, connect: Connect, time: Time
) -> None:
    server = serve(lambda talk, number: talk.reply(429 if number == 0 else 200, retry_after="7"))
    assert connect(server.url).send(ASK).retries == 1
    assert sum(time.slept) == 7.5
    server = serve(lambda talk, _: talk.reply(429, retry_after="3600"))
    answer = connect(server.url).send(ASK)
    assert (answer.status, len(server.asked)) == (429, 1)


def test_a_query_that_timed_out_in_prometheus_is_not_asked_again(serve: Serve, connect: Connect) -> None:
    said = b'{"status":"error","errorType":"timeout","error":"query timed out in expression evaluation"}'
    server = serve(lambda talk, _: talk.reply(503, said))
    assert connect(server.url).send(ASK).retries == 0


def test_a_reset_connection_is_tried_again(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, number: talk.reset() if number < 2 else talk.reply())
    assert connect(server.url).send(ASK).retries == 2


def test_a_connection_that_is_always_reset_is_unreachable(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reset())
    with pytest.raises(UnreachableError) as error:
        connect(server.url).send(ASK)
    assert str(error.value) == (
        f"loki at {server.url} broke the connection (tried 5 times).\n"
        "Hint: If it stays so, ask for a shorter window, or look at what stands in between."
    )


def test_a_connection_closed_without_an_answer_is_unreachable(serve: Serve, connect: Connect) -> None:
    def close(talk: Talk, _: int) -> None:
        talk.close_connection = True

    server = serve(close)
    with pytest.raises(UnreachableError) as error:
        connect(server.url, retries=0).send(ASK)
    assert error.value.what == f"loki at {server.url} closed the connection without an answer."
    assert not error.value.timed_out


def test_a_body_cut_short_is_asked_for_again(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, number: talk.cut(b'{"a', 10) if number == 0 else talk.reply(200, b"whole"))
    answer = connect(server.url).send(ASK)
    assert (answer.body, answer.retries) == (b"whole", 1)


def test_a_body_that_is_always_cut_short_is_no_answer(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.cut(b'{"a', 10))
    with pytest.raises(UnreachableError) as error:
        connect(server.url).send(ASK)
    assert str(error.value) == (
        f"loki at {server.url} broke off its answer (tried 5 times).\n"
        "Hint: If it stays so, ask for a shorter window, or look at what stands in between."
    )


def test_gzip_cut_short_within_a_whole_body_is_no_answer(serve: Serve, connect: Connect) -> None:
    cut = gzip.compress(b"line\n" * 1000)[:-12]
    server = serve(lambda talk, _: talk.reply(200, cut, content_encoding="gzip"))
    with pytest.raises(UnreachableError) as error:
        connect(server.url).send(ASK)
    assert error.value.what == (
        f"loki at {server.url} broke off its answer: the gzip ends too early (tried 5 times)."
    )


def test_damaged_gzip_is_an_answer_that_cannot_be_read_and_is_not_asked_for_again(
    serve: Serve, connect: Connect
) -> None:
    whole = bytearray(gzip.compress(bytes(range(256)) * 8))
    whole[40] ^= 0xFF
    server = serve(lambda talk, _: talk.reply(200, bytes(whole), content_encoding="gzip"))
    with pytest.raises(AnswerError) as error:
        connect(server.url).send(ASK)
    assert str(error.value) == (
        f"loki at {server.url} sent an answer that is damaged: it is not the gzip that it says it is.\n"
        "Hint: Something between here and the server changes its answers."
    )
    assert len(server.asked) == 1


def test_an_encoding_that_was_not_asked_for_is_refused(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reply(200, b"x", content_encoding="br"))
    with pytest.raises(AnswerError) as error:
        connect(server.url).send(ASK)
    assert error.value.what == (
        f"loki at {server.url} sent its answer in an encoding that was not asked for ('br')."
    )


def _trickle(talk: Talk, _: int) -> None:
    talk.send_response(200)
    talk.send_header("transfer-encoding", "chunked")
    talk.end_headers()
    while True:  # until the client has gone
        talk.wfile.write(b"1\r\nx\r\n")


def test_a_trickling_body_ends_at_the_deadline(serve: Serve, connect: Connect, time: Time) -> None:
    server = serve(_trickle)
    time.tick = 1.0
    with pytest.raises(UnreachableError) as error:
        connect(server.url, total_timeout_s=30).send(ASK)
    assert str(error.value) == (
        f"loki at {server.url} did not finish its answer within 30 s.\n"
        "Hint: Ask for a shorter window, or raise read_timeout_s and total_timeout_s in obsnb.toml."
    )


@pytest.mark.parametrize(("within_s", "told"), [(7.0, 7), (90.0, 30)])
def test_a_question_may_be_waited_for_less_long_than_the_profile_says_and_never_longer(
    serve: Serve, connect: Connect, time: Time, within_s: float, told: int
) -> None:
    server = serve(_trickle)
    time.tick = 1.0
    with pytest.raises(UnreachableError) as error:
        connect(server.url, total_timeout_s=30).send(replace(ASK, within_s=within_s))
    assert error.value.what == f"loki at {server.url} did not finish its answer within {told} s."
    assert error.value.hint.startswith("It takes connections" if told == 7 else "Ask for a shorter window")


def test_a_server_that_says_nothing_is_not_asked_again(serve: Serve, connect: Connect) -> None:
    over = threading.Event()
    server = serve(lambda talk, _: over.wait(30) and None)
    try:
        with pytest.raises(UnreachableError) as error:
            connect(server.url, read_timeout_s=0.05).send(ASK)
    finally:
        over.set()
    assert error.value.what == f"loki at {server.url} said nothing for 0.05 s."
    assert error.value.timed_out
    assert len(server.asked) == 1


def test_a_port_where_nobody_listens_is_unreachable(connect: Connect, time: Time) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UnreachableError) as error:
            connect(url).send(ASK)
    assert str(error.value) == (
        f"loki at {url} takes no connections (tried 5 times).\n"
        "Hint: Is it running, and is a port-forward or VPN needed? Check the URL (OBSNB_LOKI_URL, "
        "obsnb.toml)."
    )
    assert sum(time.slept) == 7.5


def test_a_name_that_nobody_knows_is_unreachable_at_once(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, time: Time
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(UnreachableError) as error:
        connect("http://logs.example.org:3100").send(ASK)
    assert error.value.what == (
        "loki at http://logs.example.org:3100 cannot be found: the name logs.example.org is not known here."
    )
    assert time.slept == []


def test_what_does_not_speak_http_is_said_not_to(serve: Serve, connect: Connect) -> None:
    def babble(talk: Talk, _: int) -> None:
        talk.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        talk.close_connection = True

    server = serve(babble)
    with pytest.raises(UnreachableError) as error:
        connect(server.url).send(ASK)
    assert str(error.value) == (
        f"loki at {server.url} does not speak HTTP here.\n"
        "Hint: Check the port, and whether the URL begins with https://."
    )


def test_credentials_are_not_taken_to_another_host(serve: Serve, connect: Connect) -> None:
    other = serve(lambda talk, _: talk.reply(200, b"<html>"))
    server = serve(lambda talk, _: talk.reply(302, b"", location=f"{other.url}/login?next=x"))
    transport = connect(server.url, auth=Bearer(Secret("planted-word-9417")))
    answer = transport.send(ASK)
    assert (answer.status, other.asked) == (302, [])
    error = refusal(answer, source="loki", kind="loki")
    assert error.what == f"loki answered 302: it sends to {other.url}/login, probably a login page."


def test_a_redirect_to_the_same_question_on_the_same_server_is_followed(
    serve: Serve, connect: Connect
) -> None:
    def moved(talk: Talk, number: int) -> None:
        if number == 0:
            talk.reply(307, b"", location=f"/moved{talk.path}")
        else:
            talk.reply(200, b"here")

    server = serve(moved)
    transport = connect(server.url, auth=Bearer(Secret("planted-word-9417")))
    answer = transport.send(Request("/api", (("a", "1"),)))
    assert (answer.status, answer.body) == (200, b"here")
    assert [asked.path for asked in server.asked] == ["/api?a=1", "/moved/api?a=1"]
    assert server.asked[1].headers["authorization"] == "Bearer planted-word-9417"


def test_not_even_the_same_question_is_put_to_another_server(serve: Serve, connect: Connect) -> None:
    other = serve(lambda talk, _: talk.reply())
    server = serve(lambda talk, _: talk.reply(307, b"", location=f"{other.url}{ASK.path}"))
    assert connect(server.url).send(ASK).status == 307
    assert other.asked == []


@pytest.mark.parametrize("location", ["/login", "", "http://[", "//user@{host}/loki/api/v1/labels"])
def test_any_other_redirect_is_the_answer(serve: Serve, connect: Connect, location: str) -> None:
    server = serve(lambda talk, _: talk.reply(302, b"", location=location.format(host=talk.headers["host"])))
    assert connect(server.url).send(ASK).status == 302
    assert len(server.asked) == 1


def test_a_redirect_in_a_circle_ends(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, number: talk.reply(307, b"", location=f"/{number}{ASK.path}"))
    assert connect(server.url).send(ASK).status == 307
    assert len(server.asked) == 3


def test_a_login_page_with_200_is_told_by_the_reader(serve: Serve, connect: Connect) -> None:
    page = b"<html><title>Log in</title></html>"
    server = serve(lambda talk, _: talk.reply(200, page, content_type="text/html; charset=utf-8"))
    error = unreadable(connect(server.url).send(ASK), source="loki", why="it is not JSON")
    assert error.what == "loki answered 200: an HTML page came back, probably of a login or a proxy."


def test_cookies_of_a_server_are_not_handed_on(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reply(200, set_cookie="session=planted-word-9417"))
    assert "planted-word-9417" not in str(connect(server.url).send(ASK).headers)


# Several at once


def numbered(count: int) -> list[Request]:
    return [Request("/n", (("n", str(n)),)) for n in range(count)]


def echo(talk: Talk, _: int) -> None:
    talk.reply(200, urlsplit(talk.path).query.encode())


def test_answers_come_in_the_order_of_the_questions(serve: Serve, connect: Connect) -> None:
    server = serve(echo)
    answers = connect(server.url).map(iter(numbered(40)))
    assert [answer.body for answer in answers] == [f"n={n}".encode() for n in range(40)]


def test_as_many_as_allowed_are_under_way_at_once(serve: Serve, connect: Connect) -> None:
    lock, running, most = threading.Lock(), 0, 0
    full = threading.Barrier(3, timeout=20)

    def count(talk: Talk, _: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with contextlib.suppress(threading.BrokenBarrierError):  # where three never come, `most` tells
            full.wait()
        with lock:
            running -= 1
        talk.reply()

    server = serve(count)
    assert len(list(connect(server.url, parallel=3).map(numbered(12)))) == 12
    assert most == 3


def test_a_burst_of_429_lowers_how_many_are_asked_at_once_and_loses_no_answer(
    serve: Serve, connect: Connect
) -> None:
    burst = threading.Barrier(8, timeout=60)

    def busy(talk: Talk, number: int) -> None:
        if number < 8:
            burst.wait()
            talk.reply(429, b"too many outstanding requests")
        else:
            echo(talk, number)

    server = serve(busy)
    transport = connect(server.url, parallel=8)
    assert transport.parallel == 8
    answers = transport.map(numbered(10))
    first = next(answers)
    assert (first.status, first.retries) == (200, 1)
    assert 4 <= transport.parallel < 8
    assert [first.body, *(answer.body for answer in answers)] == [f"n={n}".encode() for n in range(10)]
    for _ in range(40):
        transport.send(ASK)
    assert transport.parallel == 8


def test_a_server_that_becomes_slow_is_asked_less_at_once(serve: Serve, connect: Connect, time: Time) -> None:
    took = [0.2]

    def late(talk: Talk, _: int) -> None:
        time.sleep(took[0])
        talk.reply()

    transport = connect(serve(late).url, parallel=8)

    def asked(times: int) -> int:
        for second in range(times):
            transport.send(Request("/loki/api/v1/query_range", (("query", "{}"), ("start", str(second)))))
        return transport.parallel

    assert asked(8) == 8
    took[0] = 5.0
    assert asked(8) == 4
    took[0] = 0.2
    assert asked(40) == 8


@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_status_that_speaks_of_too_much_to_do_halves_what_is_asked_at_once(
    status: int, serve: Serve, connect: Connect
) -> None:
    transport = connect(serve(lambda talk, _: talk.reply(status)).url, parallel=8, retries=0)
    assert transport.send(ASK).status == status
    assert transport.parallel == 4


def test_an_answer_that_does_not_come_in_time_halves_what_is_asked_at_once(
    serve: Serve, connect: Connect, time: Time
) -> None:
    def never(talk: Talk, _: int) -> None:
        time.sleep(700)
        talk.reply()

    transport = connect(serve(never).url, parallel=8, retries=0)
    with pytest.raises(UnreachableError, match="did not finish its answer within 600 s"):
        transport.send(ASK)
    assert transport.parallel == 4


def threads_of_ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "obsnb-loki"]


def test_the_first_error_ends_it_and_leaves_no_thread(serve: Serve, connect: Connect) -> None:
    def broken(talk: Talk, _: int) -> None:
        if talk.path.endswith("n=5"):
            talk.reset()
        else:
            echo(talk, 0)

    server = serve(broken)
    answers = connect(server.url, parallel=2, retries=0).map(numbered(1000))
    assert [next(answers).body for _ in range(5)] == [f"n={n}".encode() for n in range(5)]
    with pytest.raises(UnreachableError):
        next(answers)
    assert len(server.asked) <= 5 + 2 * 2
    assert threads_of_ours() == []


def test_an_answer_that_nobody_takes_any_more_leaves_no_thread(serve: Serve, connect: Connect) -> None:
    server = serve(echo)
    answers = connect(server.url).map(numbered(1000))
    assert next(answers).body == b"n=0"
    answers.close()  # type: ignore[attr-defined]  # a generator, which is more than the iterator it promises
    assert threads_of_ours() == []
    assert len(server.asked) < 30


def test_it_works_within_a_running_event_loop(serve: Serve, connect: Connect) -> None:
    server = serve(echo)
    transport = connect(server.url)

    async def cell() -> list[bytes]:
        return [transport.send(ASK).body, *(answer.body for answer in transport.map(numbered(3)))]

    assert finish(cell()) == [b"", b"n=0", b"n=1", b"n=2"]


def test_it_works_from_several_threads(serve: Serve, connect: Connect) -> None:
    server = serve(echo)
    transport = connect(server.url, parallel=2)
    got: dict[int, list[bytes]] = {}

    def work(number: int) -> None:
        got[number] = [answer.body for answer in transport.map(numbered(10))]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {number: [f"n={n}".encode() for n in range(10)] for number in range(4)}


def test_a_closed_transport_opens_new_connections_when_asked(serve: Serve, connect: Connect) -> None:
    server = serve(echo)
    transport = connect(server.url)
    assert transport.send(ASK).ok
    transport.close()
    transport.close()
    assert transport.send(ASK).ok


def test_it_says_what_it_is_in_a_line(connect: Connect) -> None:
    transport = connect("http://user:planted-word-9417@127.0.0.1:9", tenant="acme", parallel=3)
    assert repr(transport) == "HttpTransport(Endpoint(loki at http://127.0.0.1:9, tenant acme, Basic))"
    assert (transport.name, transport.parallel) == ("loki", 3)


def test_the_http_library_is_loaded_by_the_first_request_only() -> None:
    code = (
        "import sys, json, obsnb.transport.http; print(json.dumps([m for m in sys.modules if 'http' in m]))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in json.loads(printed) if re.match(r"httpx|httpcore", name)]


def test_the_time_of_an_answer_is_that_of_the_attempt_that_counted(
    serve: Serve, connect: Connect, time: Time
) -> None:
    server = serve(lambda talk, number: talk.reply(503 if number == 0 else 200))
    time.tick = 0.001
    answer = connect(server.url).send(ASK)
    assert answer.retries == 1
    assert 0 < answer.seconds < 0.1  # the wait of half a second between the attempts is not in it


def test_a_proxy_is_asked_with_its_own_credentials(serve: Serve, connect: Connect) -> None:
    proxy = serve(lambda talk, _: talk.reply(200, b"through"))
    transport = connect(
        "http://logs.example.org:3100", proxy=proxy.url.replace("//", "//me:word@"), tenant="acme"
    )
    assert transport.send(ASK).body == b"through"
    (asked,) = proxy.asked
    assert asked.path == "http://logs.example.org:3100/loki/api/v1/labels"
    assert asked.headers["proxy-authorization"] == "Basic bWU6d29yZA=="
    assert asked.headers["x-scope-orgid"] == "acme"


def test_a_proxy_that_cannot_be_reached_is_named(connect: Connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UnreachableError) as error:
            connect("http://logs.example.org", proxy=proxy, retries=0).send(ASK)
    assert error.value.what == f"loki at http://logs.example.org, through {proxy}, takes no connections."


def test_an_answer_is_what_the_contract_says(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reply(200, b"x", X_Loki="a"))
    answer = connect(server.url).send(ASK)
    assert isinstance(answer, Response)
    assert answer.headers["x-loki"] == "a"
