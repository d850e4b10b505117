"""Tokens and passwords: sent where they belong, and told nowhere."""

import gzip
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from obsnb.errors import AccessError, ObsnbError, SettingsError
from obsnb.settings import Basic, Bearer, Endpoint, Secret, TokenCommand, TokenFile
from obsnb.sources.refusals import refusal
from obsnb.transport.auth import Identity, run
from obsnb.transport.exchange import Request
from obsnb.transport.http import HttpTransport
from tests.transport.conftest import Loopback, Talk

Serve = Callable[..., Loopback]
Connect = Callable[..., HttpTransport]

PLANTED = "planted-word-9417"
ASK = Request("/loki/api/v1/labels")
HINT = "\nHint: Try it by hand; it is set in obsnb.toml or in the environment."


def python(code: str) -> TokenCommand:
    return TokenCommand((sys.executable, "-c", code))


def header(auth: Any) -> str | None:
    headers, _ = Identity(Endpoint("loki", "loki", "http://h", auth=auth)).headers()
    return headers.get("Authorization")


def test_basic_bearer_and_nothing_make_their_headers(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{PLANTED}\n")
    assert header(None) is None
    assert header(Basic("Aladdin", Secret("open sesame"))) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617
    assert header(Basic("test", Secret("123£"))) == "Basic dGVzdDoxMjPCow=="  # RFC 7617, in UTF-8
    assert header(Bearer(Secret(PLANTED))) == f"Bearer {PLANTED}"
    assert header(TokenFile(str(tmp_path / "token"))) == f"Bearer {PLANTED}"
    assert header(python(f"print({PLANTED!r})")) == f"Bearer {PLANTED}"


def test_a_command_is_run_without_a_shell(tmp_path: Path) -> None:
    assert run(("echo", f"a;touch {tmp_path}/x", "$HOME"))[0].reveal() == f"a;touch {tmp_path}/x $HOME\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("auth", "text"),
    [
        (
            TokenCommand(("/nowhere/get-token", PLANTED)),
            "The token command of loki (/nowhere/get-token) cannot be used: it cannot be run (No such "
            "file or directory).",
        ),
        (
            python(f"import sys; print({PLANTED!r}); print({PLANTED!r}, file=sys.stderr); sys.exit(3)"),
            f"The token command of loki ({sys.executable}) cannot be used: it ended with exit code 3.",
        ),
        (
            python("print()"),
            f"The token command of loki ({sys.executable}) cannot be used: it gives nothing.",
        ),
        (
            python(f"print({PLANTED!r}); print('and more')"),
            f"The token command of loki ({sys.executable}) cannot be used: what it gives is not one word of "
            "ASCII text.",
        ),
        (
            TokenFile("/nowhere/token"),
            "The token file of loki (/nowhere/token) cannot be used: it cannot be read (No such file or "
            "directory).",
        ),
        (
            Bearer(Secret(f"{PLANTED}\r\nX-Other: 1")),
            "The token of loki cannot be used: what it gives is not one word of ASCII text.",
        ),
    ],
)
def test_what_gives_no_token_is_said_without_what_it_gave(auth: Any, text: str, connect: Connect) -> None:
    with pytest.raises(AccessError) as error:
        connect("http://127.0.0.1:9", auth=auth).send(ASK)
    assert str(error.value) == text + HINT
    assert PLANTED not in everything(error.value)


def counting(tokens: Sequence[str]) -> tuple[Callable[[Sequence[str]], tuple[Secret, str]], list[int]]:
    """A token command that gives one token after another, and the runs it had."""
    runs: list[int] = []

    def command(_: Sequence[str]) -> tuple[Secret, str]:
        runs.append(len(runs))
        return Secret(tokens[min(len(runs), len(tokens)) - 1]), ""

    return command, runs


def only(token: str) -> Callable[[Talk, int], None]:
    """A server that takes one token."""

    def answer(talk: Talk, _: int) -> None:
        fits = talk.headers.get("authorization") == f"Bearer {token}"
        talk.reply(200 if fits else 401, b"in" if fits else b"expired")

    return answer


def test_a_token_command_is_run_once_until_a_401_and_then_once_more(serve: Serve, connect: Connect) -> None:
    server = serve(only("first"))
    command, runs = counting(["first", "second"])
    transport = connect(server.url, auth=TokenCommand(("get",)), command=command)
    assert [transport.send(ASK).status for _ in range(3)] == [200, 200, 200]
    assert runs == [0]
    server.script = only("second")
    answer = transport.send(ASK)
    assert (answer.status, answer.retries) == (200, 1)
    assert runs == [0, 1]
    assert transport.send(ASK).retries == 0
    assert runs == [0, 1]


def test_a_second_401_is_the_answer(serve: Serve, connect: Connect) -> None:
    server = serve(only("another"))
    command, runs = counting(["first", "second", "third"])
    answer = connect(server.url, auth=TokenCommand(("get",)), command=command).send(ASK)
    assert (answer.status, answer.body, len(server.asked), runs) == (401, b"expired", 2, [0, 1])


def test_a_401_with_a_fixed_token_is_the_answer_at_once(serve: Serve, connect: Connect) -> None:
    server = serve(only("another"))
    assert connect(server.url, auth=Bearer(Secret(PLANTED))).send(ASK).status == 401
    assert len(server.asked) == 1


def test_a_token_file_is_read_again_after_a_401(serve: Serve, connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    server = serve(only("first"))
    transport = connect(server.url, auth=TokenFile(str(file)))
    assert transport.send(ASK).status == 200
    file.write_text("second")
    server.script = only("second")
    assert transport.send(ASK).status == 200


def test_a_crowd_that_meets_a_401_runs_the_command_once_more_and_not_once_each(
    serve: Serve, connect: Connect
) -> None:
    crowd = threading.Barrier(4, timeout=60)

    def together(talk: Talk, number: int) -> None:
        if number < 4:
            crowd.wait()
        only("second")(talk, number)

    server = serve(together)
    command, runs = counting(["first", "second", "third"])
    transport = connect(server.url, parallel=4, auth=TokenCommand(("get",)), command=command)
    assert [answer.status for answer in transport.map([ASK] * 4)] == [200] * 4
    assert runs == [0, 1]


def everything(error: BaseException) -> str:
    """All that can be seen of an error: its text, its attributes, and its frames with their variables."""
    seen = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "\n".join([repr(error), str(error), repr(vars(error)), *seen.format(chain=True), *causes(error)])


def causes(error: BaseException) -> list[str]:
    """What an error came from, also where the traceback would leave it out."""
    out, one = [], error.__cause__ or error.__context__
    while one is not None:
        out.append(repr(one) + repr(vars(one)))
        one = one.__cause__ or one.__context__
    return out


CREDENTIALS: dict[str, dict[str, Any]] = {
    "basic": {"auth": Basic("reader", Secret(PLANTED))},
    "bearer": {"auth": Bearer(Secret(PLANTED))},
    "command": {"auth": TokenCommand(("get",)), "command": lambda _: (Secret(PLANTED), "")},
    "header": {"headers": {"X-Api-Key": Secret(PLANTED)}},
}


def break_gzip(talk: Talk, _: int) -> None:
    talk.reply(200, gzip.compress(b"x")[:-9] + b"zzzzzzzzz", content_encoding="gzip")


def repeat(talk: Talk, _: int) -> None:
    """A refusal that repeats every header it got, as some proxies do, in its text and in a header."""
    said = " ".join(f"{name}={value}" for name, value in talk.headers.items())
    talk.reply(403, said.encode(), www_authenticate=said, content_type="text/plain")


SCRIPTS: dict[str, Callable[[Talk, int], None]] = {
    "reset": lambda talk, _: talk.reset(),
    "cut": lambda talk, _: talk.cut(b"x", 10),
    "gzip": break_gzip,
    "babble": lambda talk, _: (talk.wfile.write(b"no http\r\n\r\n"), setattr(talk, "close_connection", True))[
        1
    ],
    "repeat": repeat,
    "redirect": lambda talk, _: talk.reply(302, b"", location="http://elsewhere.example/login"),
    "busy": lambda talk, _: talk.reply(429, b"busy"),
    "failed": lambda talk, _: talk.reply(500, b"failed"),
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_no_path_of_an_error_tells_a_secret(
    serve: Serve, connect: Connect, script: str, credentials: str
) -> None:
    server = serve(SCRIPTS[script])
    transport = connect(server.url, retries=1, **CREDENTIALS[credentials])
    shown = [repr(transport)]
    for ask in (lambda: transport.send(ASK), lambda: next(transport.map([ASK]))):
        try:
            answer = ask()
        except ObsnbError as error:
            shown.append(everything(error))
        else:
            shown += [repr(vars(answer)), everything(refusal(answer, source="loki", kind="loki"))]
    sent = " ".join(f"{name}: {value}" for asked in server.asked for name, value in asked.headers.items())
    secrets = {PLANTED, "cmVhZGVyOnBsYW50ZWQtd29yZC05NDE3"}  # the second is reader:PLANTED in base64
    assert any(secret in sent for secret in secrets)
    assert not any(secret in text for secret in secrets for text in shown)


def test_a_refusal_that_repeats_the_credentials_shows_stars(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reply(401, f"token {PLANTED} has expired".encode()))
    answer = connect(server.url, auth=Bearer(Secret(PLANTED))).send(ASK)
    assert answer.body == b"token *** has expired"


def test_rows_are_not_touched_where_they_hold_the_same_word(serve: Serve, connect: Connect) -> None:
    server = serve(lambda talk, _: talk.reply(200, PLANTED.encode()))
    assert connect(server.url, auth=Bearer(Secret(PLANTED))).send(ASK).body == PLANTED.encode()


def test_a_certificate_that_cannot_be_used_tells_no_secret(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(PLANTED)
    transport = connect(
        "https://127.0.0.1:9",
        ca_file=str(tmp_path / "ca.pem"),
        auth=Bearer(Secret(PLANTED)),
        proxy=f"http://me:{PLANTED}@127.0.0.1:9",
    )
    with pytest.raises(SettingsError) as error:
        transport.send(ASK)
    assert PLANTED not in everything(error.value)
