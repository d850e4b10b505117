"""A loopback server that wraps a stand-in, and misbehaves by a seeded plan."""

from __future__ import annotations

import gzip
import json
import random
import select
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.standin.serving import Backend

_JSON = "application/json"
_HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Who are you?</body></html>"
_GONE_S = 10.0
_PAUSE_S = 0.0005


@dataclass(frozen=True)
class Asked:
    """A question to the stand-in, and what it says to it."""

    path: str
    params: Mapping[str, list[str]]
    headers: Mapping[str, str]
    status: int
    answered: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Which endpoint it is: the path, without the id of a trace."""
        head, _, last = self.path.rpartition("/")
        return head if len(last) == 32 else self.path


@dataclass
class Plan:
    """Which requests go wrong, and how.

    What becomes of a request depends on the seed, the request and how often it came, not on the order in
    which requests that are under way at once arrive. A seed chooses up to four faults, how many requests
    they befall, and each of those for how many attempts.
    """

    seed: int
    played: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    _attempts: Counter[str] = field(default_factory=Counter)
    _answers: dict[str, list[Asked]] = field(default_factory=dict)
    _stuck: dict[str, Asked] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self._share = chance.choice([0.05, 0.15, 0.4, 0.8])
        self._faults = chance.sample(sorted(FAULTS), k=chance.randint(1, 4))

    def next(self, asked: Asked) -> Callable[[Talk, Asked], None]:
        """What to do about a request."""
        key = f"{asked.path}?{sorted(asked.params.items())}"
        chance = random.Random(f"{self.seed} {key}")
        bad, name, attempts = chance.random() < self._share, chance.choice(self._faults), _burst(chance)
        with self._lock:
            self.requests += 1
            self._attempts[key] += 1
            self._answers.setdefault(asked.kind, []).append(asked)
            if not bad or self._attempts[key] > attempts:
                return Talk.say
            self.played[name] += 1
        return FAULTS[name]

    def earlier(self, asked: Asked) -> Asked:
        """The answer that its endpoint gives from now on, whatever is asked: one that it gave before."""
        with self._lock:
            return self._stuck.setdefault(asked.kind, self._answers[asked.kind][0])

    def is_stuck(self, asked: Asked) -> bool:
        """Whether its endpoint always gives the same answer."""
        with self._lock:
            return asked.kind in self._stuck

    def another(self, asked: Asked) -> str:
        """A path of the same kind that was asked for before: another trace's."""
        with self._lock:
            return self._answers[asked.kind][0].path


def _burst(chance: random.Random) -> int:
    """For how many attempts it goes wrong: once, a burst, or always."""
    return chance.choice([1, 1, 2, 3, 1_000])


class Talk(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Misbehaving

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parts.query
        if self.command == "POST":
            query = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        params = parse_qs(query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = self.ask(unquote(parts.path), params, headers)
        act = self.server.plan.next(asked)
        with suppress(BrokenPipeError, ConnectionResetError):
            if act is Talk.say and self.server.plan.is_stuck(asked):
                asked = self.server.plan.earlier(asked)
            act(self, asked)
            return
        self.close_connection = True

    do_POST = do_GET

    def ask(self, path: str, params: Mapping[str, list[str]], headers: Mapping[str, str]) -> Asked:
        """What the stand-in says."""
        status, answered, body = self.server.backend.answer(self.command, path, dict(params), dict(headers))
        return Asked(path, params, headers, status, answered, body)

    def say(self, asked: Asked) -> None:
        """Say what the stand-in says."""
        self.reply(asked.body, status=asked.status, **dict(asked.answered))

    def reply(self, body: bytes, /, *, status: int = 200, **headers: str) -> None:
        """A whole answer; header names may be written with _ for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.begin(status, {"content-length": str(len(body)), **named})
        self.wfile.write(body)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def reset(self) -> None:
        """Reset the connection instead of closing it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def wait(self) -> None:
        """Say nothing until the client has gone."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.settimeout(_GONE_S)
            self.connection.recv(1)

    def pump(self, drop: bytes) -> None:
        """Say the same again and again, a little slower than anybody reads, until the client has gone."""
        self.close_connection = True
        while not select.select([self.connection], [], [], _PAUSE_S)[0]:
            self.wfile.write(drop)

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Misbehaving(ThreadingHTTPServer):
    """The server; `open` is the number of its connections."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, backend: Backend) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.backend = backend
        self.plan = Plan(0)
        self._open = 0
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def deserted(self) -> bool:
        """Whether every connection ends, now that the clients are gone."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout=_GONE_S)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are no errors here."""


@contextmanager
def misbehaving(backend: Backend) -> Iterator[Misbehaving]:
    """A server that wraps a backend; whoever uses it sets its `plan` and may set its `backend`."""
    server = Misbehaving(backend)
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# The connection.


def _reset(talk: Talk, asked: Asked) -> None:
    talk.reset()


def _reset_within(talk: Talk, asked: Asked) -> None:
    talk.begin(asked.status, {"content-length": str(len(asked.body)), **asked.answered})
    talk.wfile.write(asked.body[: len(asked.body) // 2])
    talk.reset()


def _close(talk: Talk, asked: Asked) -> None:
    talk.close_connection = True


def _stall(talk: Talk, asked: Asked) -> None:
    talk.wait()


def _stall_within(talk: Talk, asked: Asked) -> None:
    talk.begin(asked.status, {"content-length": str(len(asked.body) + 1), **asked.answered})
    talk.wfile.write(asked.body)
    talk.wait()


def _trickle(talk: Talk, asked: Asked) -> None:
    talk.begin(asked.status, {"content-length": str(len(asked.body)), **asked.answered})
    size = len(asked.body) // 20 + 1
    for place in range(0, len(asked.body), size):
        talk.wfile.write(asked.body[place : place + size])


def _drip(talk: Talk, asked: Asked) -> None:
    talk.begin(asked.status, {"transfer-encoding": "chunked", **asked.answered})
    talk.pump(b"1\r\n \r\n")


def _drip_interim(talk: Talk, asked: Asked) -> None:
    talk.pump(b"HTTP/1.1 102 Processing\r\n\r\n")


def _babble(talk: Talk, asked: Asked) -> None:
    talk.close_connection = True
    talk.wfile.write(b"220 mail.example ESMTP\r\n\r\n")


def _say_twice(talk: Talk, asked: Asked) -> None:
    """Two answers to one request: the second one waits for the next request."""
    talk.say(asked)
    talk.say(asked)


# The body.


def _cut(talk: Talk, asked: Asked) -> None:
    talk.reply(asked.body[:-1], status=asked.status, content_length=str(len(asked.body)), **asked.answered)
    talk.close_connection = True


def _cut_chunked(talk: Talk, asked: Asked) -> None:
    talk.close_connection = True
    talk.begin(asked.status, {"transfer-encoding": "chunked", **asked.answered})
    part = asked.body[: -(-len(asked.body) // 2)]
    talk.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if part else b"")


def _cut_unmarked(talk: Talk, asked: Asked) -> None:
    """Cut where nothing says how long it is: at the end of a part, where it can be told from none."""
    talk.close_connection = True
    talk.begin(asked.status, {"connection": "close", **asked.answered})
    talk.wfile.write(_without_last_part(asked.body))


def _gzip_damaged(talk: Talk, asked: Asked) -> None:
    packed = bytearray(gzip.compress(asked.body, mtime=0))
    packed[len(packed) // 2] ^= 0x55
    talk.reply(bytes(packed), status=asked.status, content_encoding="gzip", **asked.answered)


def _gzip_cut(talk: Talk, asked: Asked) -> None:
    packed = gzip.compress(asked.body)[:-9]
    talk.reply(packed, status=asked.status, content_encoding="gzip", **asked.answered)


def _gzip_said(talk: Talk, asked: Asked) -> None:
    talk.reply(asked.body, status=asked.status, content_encoding="gzip", **asked.answered)


def _gzip_unsaid(talk: Talk, asked: Asked) -> None:
    talk.reply(gzip.compress(asked.body), status=asked.status, **asked.answered)


def _empty(talk: Talk, asked: Asked) -> None:
    talk.reply(b"", **asked.answered)


def _braces(talk: Talk, asked: Asked) -> None:
    talk.reply(b"{}", **{"content-type": _JSON})


# What it says.


def _busy(talk: Talk, asked: Asked) -> None:
    talk.reply(b"too many outstanding requests", status=429, content_type="text/plain")


def _busy_for_long(talk: Talk, asked: Asked) -> None:
    talk.reply(b"", status=429, retry_after="3600")


def _not_ready(talk: Talk, asked: Asked) -> None:
    talk.reply(b"Ingester not ready", status=503, content_type="text/plain")


def _failed(talk: Talk, asked: Asked) -> None:
    talk.reply(b"internal error", status=500, content_type="text/plain")


def _slow(talk: Talk, asked: Asked) -> None:
    talk.reply(b"context deadline exceeded", status=504, content_type="text/plain")


def _login(talk: Talk, asked: Asked) -> None:
    talk.reply(_HTML, content_type="text/html; charset=utf-8")


def _login_elsewhere(talk: Talk, asked: Asked) -> None:
    talk.reply(b"", status=302, location="https://login.example/oauth?code=1")


def _page_of_text(talk: Talk, asked: Asked) -> None:
    talk.reply(asked.body, status=asked.status, content_type="text/html")


def _some_bytes(talk: Talk, asked: Asked) -> None:
    other = _JSON if "protobuf" in asked.answered.get("content-type", "") else "application/octet-stream"
    talk.reply(asked.body, status=asked.status, content_type=other)


# Pages.


def _doubled(talk: Talk, asked: Asked) -> None:
    """Everything in the answer comes twice in it."""
    talk.reply(_twice(asked.body), status=asked.status, **asked.answered)


def _stuck(talk: Talk, asked: Asked) -> None:
    """The same page again, for ever."""
    talk.say(talk.server.plan.earlier(asked))


def _elsewhere(talk: Talk, asked: Asked) -> None:
    """What was not asked for: a window beside the one that was, or another trace."""
    path, params = asked.path, dict(asked.params)
    if asked.kind != asked.path:
        path = talk.server.plan.another(asked)
    elif "start" in params and "end" in params:
        start, end = (_number(params[name][0]) for name in ("start", "end"))
        back = (end - start) // 2 + 1
        params |= {"start": [str(start - back)], "end": [str(end - back)]}
    talk.say(talk.ask(path, params, asked.headers))


FAULTS: Mapping[str, Callable[[Talk, Asked], None]] = {
    act.__name__.strip("_"): act
    for act in (
        *(_reset, _reset_within, _close, _stall, _stall_within, _trickle, _drip, _drip_interim, _babble),
        *(_say_twice, _cut, _cut_chunked, _cut_unmarked, _gzip_damaged, _gzip_cut, _gzip_said, _gzip_unsaid),
        *(_empty, _braces, _busy, _busy_for_long, _not_ready, _failed, _slow, _login, _login_elsewhere),
        *(_page_of_text, _some_bytes, _doubled, _stuck, _elsewhere),
    )
}


def _number(text: str) -> float | int:
    return int(text) if text.isdigit() else float(text)


def _twice(body: bytes) -> bytes:
    """An answer in which each stream, series, trace or batch of spans comes twice."""
    try:
        told = json.loads(body)
    except ValueError:
        return body + body  # of two messages in protobuf, one after the other, the lists run together
    for holder, name in (
        (told.get("data"), "result"),
        (told, "traces"),
        (told, "batches"),
        (told.get("trace"), "resourceSpans"),
    ):
        if isinstance(holder, dict) and isinstance(holder.get(name), list):
            holder[name] *= 2
    return json.dumps(told, separators=(",", ":")).encode()


def _without_last_part(body: bytes) -> bytes:
    """A message in protobuf without its last field; any other body without its last byte."""
    places, at = [0], 0
    with suppress(IndexError):
        while at < len(body) and body[at] & 7 == 2:
            length, shift, at = 0, 0, at + 1
            while body[at] & 128:
                length, shift, at = length | (body[at] & 127) << shift, shift + 7, at + 1
            at += 1 + (length | (body[at] & 127) << shift)
            places.append(at)
    return body[: places[-2]] if at == len(body) and len(places) > 1 else body[:-1]
