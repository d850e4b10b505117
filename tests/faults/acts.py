"""What can go wrong with one answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.misbehaving import Asked, Talk

_JSON = "application/json"
#: Lists in an answer that are no rows.
_BESIDE = ("warnings", "infos", "encodingFlags")
_HTML = b"<!doctype html><html><head><title>Sign in</title></head><body>Who are you?</body></html>"


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
    """Two answers to one request: the second one waits for the next request.

    In one write, so that it is there before that request: what comes later cannot be told from its answer.
    """
    sent, talk.wfile = talk.wfile, BytesIO()
    talk.say(asked)
    talk.say(asked)
    both, talk.wfile = talk.wfile.getvalue(), sent
    talk.wfile.write(both)


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
    talk.server.plan.stick(asked)
    talk.say(talk.server.plan.settled(asked))


def _elsewhere(talk: Talk, asked: Asked) -> None:
    """What was not asked for: the window before, or another trace; where that has no rows, what was."""
    other = talk.server.plan.first(asked)
    ends = ("from", "to") if "from" in asked.params else ("start", "end")
    if asked.kind == asked.path and set(ends) <= asked.params.keys():
        start, end = (_number(asked.params[name][0]) for name in ends)
        back = end - start + 1
        params = {**asked.params, ends[0]: [str(start - back)], ends[1]: [str(end - back)]}
        other = talk.ask(asked.path, params, asked.headers)
    talk.say(other if holds_rows(other.body) else asked)


FAULTS: Mapping[str, Callable[[Talk, Asked], None]] = {
    act.__name__.strip("_"): act
    for act in (
        *(_reset, _reset_within, _close, _stall, _stall_within, _trickle, _drip, _drip_interim, _babble),
        *(_say_twice, _cut, _cut_chunked, _cut_unmarked, _gzip_damaged, _gzip_cut, _gzip_said, _gzip_unsaid),
        *(_empty, _braces, _busy, _busy_for_long, _not_ready, _failed, _slow, _login, _login_elsewhere),
        *(_page_of_text, _some_bytes, _doubled, _stuck, _elsewhere),
    )
}


def holds_rows(body: bytes) -> bool:
    """Whether there are rows in an answer; an empty one cannot be told from a right one."""
    try:
        told = json.loads(body)
    except ValueError:
        return len(body) > 4  # in protobuf, a trace without spans is shorter
    return any(_lists(told))


def _lists(told: Any) -> Iterator[list[Any]]:
    """The lists in an answer that hold streams, series, traces, names and so on, but for empty ones."""
    if isinstance(told, list) and told:
        yield told
    elif isinstance(told, dict):
        for name, held in told.items():
            if name in ("data", "trace") or (isinstance(held, list) and name not in _BESIDE):
                yield from _lists(held)


def _number(text: str) -> float | int:
    return int(text) if text.isdigit() else float(text)


def _twice(body: bytes) -> bytes:
    """An answer in which each stream, series, trace, name or batch of spans comes twice."""
    try:
        told = json.loads(body)
    except ValueError:
        return body + body  # of two messages in protobuf, one after the other, the lists run together
    for held in _lists(told):
        held.extend(list(held))
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
